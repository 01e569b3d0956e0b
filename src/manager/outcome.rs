//! What follows when a process is up or has ended: the state to rest in, the result, the hold. Never an effect.

use std::time::{Duration, Instant};

use super::event::{Exit, Outcome, Why};
use super::restart::{self, HEALTH, PATIENCE, later};
use super::service::{Context, Service, probed};
use super::state::{Hold, State};
use crate::unit::{Restart, ServiceType, Unit};

impl Service {
    /// It is active.
    pub(super) fn up(&mut self, pid: u32, begun: Instant, cx: Context) -> State {
        self.boot = Some(cx.now - begun);
        self.outcome = Outcome::Success;
        State::Running { pid, since: cx.now }
    }

    /// The main process has ended before the unit was active.
    pub(super) fn start_exited(&mut self, exit: Exit, begun: Instant, cx: Context) -> State {
        match (cx.unit.service.kind, exit) {
            (ServiceType::Oneshot, Exit::Code(0)) => {
                self.boot = Some(cx.now - begun);
                self.outcome = Outcome::Success;
                if cx.unit.service.remain_after_exit { State::Exited } else { State::Dead }
            }
            // Its program has run: the child's set-up ends with 200–245 when it fails.
            (ServiceType::Exec, Exit::Code(0)) if !probed(cx.unit) => {
                self.boot = Some(cx.now - begun);
                self.ended(Outcome::Success, Duration::ZERO, cx)
            }
            (ServiceType::Exec | ServiceType::Notify | ServiceType::NotifyReload, Exit::Code(0)) => {
                self.not_started(Outcome::Protocol, cx)
            }
            (_, exit) => self.not_started(exit.into(), cx),
        }
    }

    /// Leaves `Running`, with its uptime: a long one forgets the failures.
    pub(super) fn leave(&mut self, since: Instant, cx: Context) -> Duration {
        let uptime = cx.now.saturating_duration_since(since);
        if uptime >= HEALTH {
            self.failures = 0;
        }
        uptime
    }

    /// The main process of an active unit has ended by itself.
    pub(super) fn running_exited(&mut self, exit: Exit, since: Instant, cx: Context) -> State {
        let uptime = self.leave(since, cx);
        self.ended(clean(exit, cx.unit), uptime, cx)
    }

    /// The process of a unit that was being stopped has ended.
    pub(super) fn stopped(&mut self, why: Why, outcome: Outcome, cx: Context) -> State {
        match why {
            Why::Timeout => self.not_started(Outcome::Timeout, cx),
            Why::Itself => self.ended(outcome, PATIENCE, cx),
            Why::Idle | Why::Asked | Why::Shutdown | Why::Room | Why::Dependency | Why::Conflict => self.rest(outcome),
        }
    }

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
        let delay = self.jitter.spread(restart::delay(self.failures, &cx.unit.service));
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
        wanted && cx.limit.is_none()
    }
}

/// The outcome of a process that had its time: a daemon that dies by the usual signals has ended well
/// (systemd.service(5), SuccessExitStatus=).
pub(super) fn clean(exit: Exit, unit: &Unit) -> Outcome {
    match exit {
        Exit::Signal(libc::SIGHUP | libc::SIGINT | libc::SIGTERM | libc::SIGPIPE, _)
            if unit.service.kind != ServiceType::Oneshot =>
        {
            Outcome::Success
        }
        exit => exit.into(),
    }
}
