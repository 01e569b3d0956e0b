//! What follows when a run is over: the state to rest in, the result, the hold. Never an effect.

use std::time::Duration;

use super::event::{Exit, Outcome};
use super::restart::{self, PATIENCE, later};
use super::service::{Context, Service};
use super::state::{Hold, State};
use crate::unit::{ExitStatus, Restart, ServiceType, Signal, Unit};

impl Service {
    /// The process of an active unit has ended by itself.
    pub(super) fn ended(&mut self, outcome: Outcome, uptime: Duration, cx: Context) -> State {
        if self.restarts(outcome, cx) {
            let hold = self.hold(outcome, cx);
            return State::AutoRestart { hold };
        }
        let served = outcome == Outcome::Success && (cx.unit.socket.is_none() || uptime >= PATIENCE);
        if served || cx.limit.is_some() {
            return self.rest(outcome);
        }
        // A tenant that exits at once, even with success, would be started by the next request, and again.
        let outcome = if outcome == Outcome::Success { Outcome::Protocol } else { outcome };
        let hold = Hold { refuse: true, ..self.hold(outcome, cx) };
        // The first failure is forgiven: requests wait for the next start. One that fails again has answered nothing.
        let again = cx.unit.socket.is_some() && self.failures > 1;
        State::Failed { hold: again.then_some(hold) }
    }

    /// The start has failed: requests are refused until the next try.
    pub(super) fn not_started(&mut self, outcome: Outcome, cx: Context) -> State {
        if cx.limit.is_some() {
            return self.rest(outcome);
        }
        let hold = Hold { refuse: true, ..self.hold(outcome, cx) };
        if self.restarts(outcome, cx) {
            return State::AutoRestart { hold };
        }
        State::Failed { hold: cx.unit.socket.is_some().then_some(hold) }
    }

    /// Down, with nothing to come.
    pub(super) fn rest(&mut self, outcome: Outcome) -> State {
        self.outcome = outcome;
        if outcome == Outcome::Success { State::Dead } else { State::Failed { hold: None } }
    }

    /// Down, an automatic restart being given up.
    pub(super) fn resting(&self, hold: Hold) -> State {
        if self.outcome == Outcome::Success { State::Dead } else { State::Failed { hold: Some(hold) } }
    }

    /// Counts a failure; the hold that follows it.
    pub(super) fn hold(&mut self, outcome: Outcome, cx: Context) -> Hold {
        self.outcome = outcome;
        self.failures = self.failures.saturating_add(1);
        let delay = restart::delay(self.failures, &cx.unit.service);
        let delay = self.jitter.spread(self.limit.delay(delay, cx.now, &cx.unit.service));
        Hold { until: later(cx.now, delay), refuse: delay > PATIENCE }
    }

    /// Restart= (systemd.service(5)).
    pub(super) fn restarts(&self, outcome: Outcome, cx: Context) -> bool {
        let wanted = match cx.unit.service.restart {
            Restart::No => false,
            Restart::Always => true,
            Restart::OnSuccess => outcome == Outcome::Success,
            Restart::OnFailure => outcome != Outcome::Success,
            Restart::OnAbnormal => !matches!(outcome, Outcome::Success | Outcome::ExitCode(_)),
            Restart::OnWatchdog => outcome == Outcome::Watchdog,
        };
        let prevented = &cx.unit.service.restart_prevent_exit_status;
        wanted && cx.limit.is_none() && !self.last_exit.is_some_and(|exit| listed(exit, prevented))
    }
}

/// The outcome of a process: a daemon that dies by the usual signals has ended well
/// (systemd.service(5), SuccessExitStatus=).
pub(super) fn clean(exit: Exit, unit: &Unit) -> Outcome {
    let daemon = unit.service.kind != ServiceType::Oneshot;
    match exit {
        Exit::Signal(libc::SIGHUP | libc::SIGINT | libc::SIGTERM | libc::SIGPIPE, _) if daemon => Outcome::Success,
        exit if listed(exit, &unit.service.success_exit_status) => Outcome::Success,
        exit => exit.into(),
    }
}

/// Whether the list names this end.
fn listed(exit: Exit, list: &[ExitStatus]) -> bool {
    let status = match exit {
        Exit::Code(code) => Some(ExitStatus::Code(code)),
        Exit::Signal(signal, _) => Signal::new(signal).map(ExitStatus::Signal),
        Exit::OutOfMemory => None,
    };
    status.is_some_and(|status| list.contains(&status))
}
