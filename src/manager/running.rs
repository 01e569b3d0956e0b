//! Inside of an active service: its watchdog, its reloads, and its end by itself.

use std::time::{Duration, Instant};

use super::event::{Exit, Outcome, Step, Whom, Why};
use super::outcome::clean;
use super::procs::{Procs, Slot, Which};
use super::restart::{HEALTH, PATIENCE, StartLimit, later};
use super::service::{Context, Effect, Next, Service};
use super::state::{End, Reload, Reloading, Running, State};
use crate::unit::{ServiceType, Signal};

/// A deadline that is noticed so much later was missed by us, who were stopped or suspended, not by the service.
const LATE: Duration = Duration::from_secs(1);

/// A reload without a limit of its own.
const RELOAD: Duration = Duration::from_secs(90);

impl Service {
    /// WATCHDOG=1.
    pub(super) fn fed(&self, running: Running, cx: Context) -> Running {
        self.running(running.main, running.since, cx)
    }

    pub(super) fn watchdog_missed(&mut self, running: Running, cx: Context) -> Next {
        if running.watchdog.is_some_and(|due| cx.now.saturating_duration_since(due) > LATE) {
            return (State::Running(self.fed(running, cx)), None);
        }
        let uptime = self.leave(running.since, cx);
        self.abort(Procs::main(running.main), End { uptime, ..End::new(Why::Watchdog, Outcome::Watchdog) }, cx)
    }

    pub(super) fn exited_running(&mut self, running: Running, pid: u32, exit: Exit, cx: Context) -> Next {
        if pid != running.main {
            return (State::Running(running), None);
        }
        self.last_exit = Some(exit);
        let uptime = self.leave(running.since, cx);
        self.end_by_itself(Procs::default(), clean(exit, cx.unit), uptime, cx)
    }

    /// Leaves what is up, with its uptime: a long one forgets the failures.
    pub(super) fn leave(&mut self, since: Instant, cx: Context) -> Duration {
        let uptime = cx.now.saturating_duration_since(since);
        if uptime >= HEALTH {
            self.well();
        }
        uptime
    }

    /// Its failures are forgotten.
    pub(super) fn well(&mut self) {
        (self.failures, self.limit) = (0, StartLimit::default());
    }

    pub(super) fn reload(&mut self, running: Running, cx: Context) -> Next {
        let Running { main, since, .. } = running;
        let deadline = later(cx.now, cx.unit.service.timeout_start.unwrap_or(RELOAD));
        let reloading = Reloading { stage: Reload::Notify, procs: Procs::main(main), since, deadline };
        if cx.unit.template.is_some() {
            return reloading.replace();
        }
        if !cx.unit.service.exec_reload.is_empty() {
            return reloading.command(0);
        }
        if cx.unit.service.kind == ServiceType::NotifyReload {
            let stage = Reload::Signal(cx.now);
            return (
                State::Reloading(Reloading { stage, ..reloading }),
                Some(Effect::Kill(Whom::Process(main), Signal::HUP)),
            );
        }
        (State::Running(running), None)
    }

    /// RELOADING=1 by its own decision.
    pub(super) fn reloads_itself(&mut self, running: Running, cx: Context) -> State {
        let Running { main, since, .. } = running;
        if !cx.unit.service.kind.notifies() {
            return State::Running(running);
        }
        let deadline = later(cx.now, cx.unit.service.timeout_start.unwrap_or(RELOAD));
        State::Reloading(Reloading { stage: Reload::Notify, procs: Procs::main(main), since, deadline })
    }

    pub(super) fn reload_ready(&mut self, reloading: Reloading, cx: Context) -> Next {
        match reloading.stage {
            Reload::Notify => self.reload_over(reloading, Outcome::Success, cx),
            Reload::Replace => match reloading.procs.control {
                // The other one goes by itself: nobody tells it anything any more.
                Slot::Pid(new) => self.reload_over(
                    Reloading { procs: Procs::main(new), since: cx.now, ..reloading },
                    Outcome::Success,
                    cx,
                ),
                Slot::None | Slot::Due => (State::Reloading(reloading), None),
            },
            Reload::Command(_) | Reload::Signal(_) => (State::Reloading(reloading), None),
        }
    }

    /// Back to what it was; a failed reload takes nothing away.
    fn reload_over(&mut self, reloading: Reloading, outcome: Outcome, cx: Context) -> Next {
        self.reloaded = outcome;
        match reloading.procs.main {
            Slot::Pid(main) => (State::Running(self.running(main, reloading.since, cx)), None),
            Slot::None | Slot::Due => (State::Reloading(reloading), None),
        }
    }

    pub(super) fn reload_failed(&mut self, reloading: Reloading, outcome: Outcome, cx: Context) -> Next {
        let procs = reloading.procs.given_up().unwrap_or(reloading.procs);
        self.reload_over(Reloading { procs, ..reloading }, outcome, cx)
    }

    /// A command that hangs is killed; its end tells the rest.
    pub(super) fn reload_overdue(&mut self, reloading: Reloading, cx: Context) -> Next {
        self.reloaded = Outcome::Timeout;
        let Slot::Pid(command) = reloading.procs.control else {
            return self.reload_over(reloading, Outcome::Timeout, cx);
        };
        let deadline = later(cx.now, cx.unit.service.timeout_stop.max(PATIENCE));
        let kill = Effect::Kill(Whom::Process(command), Signal::KILL);
        (State::Reloading(Reloading { deadline, ..reloading }), Some(kill))
    }

    pub(super) fn exited_reloading(&mut self, reloading: Reloading, pid: u32, exit: Exit, cx: Context) -> Next {
        let Some((which, procs)) = reloading.procs.without(pid) else { return (State::Reloading(reloading), None) };
        let reloading = Reloading { procs, ..reloading };
        if which == Which::Main {
            self.last_exit = Some(exit);
            let uptime = self.leave(reloading.since, cx);
            return self.end_by_itself(procs, clean(exit, cx.unit), uptime, cx);
        }
        match (reloading.stage, exit) {
            (Reload::Command(n), Exit::Code(0)) if n + 1 < cx.unit.service.exec_reload.len() => {
                reloading.command(n + 1)
            }
            (Reload::Replace, Exit::Code(0)) => self.reload_over(reloading, Outcome::Protocol, cx),
            (_, exit) => self.reload_over(reloading, exit.into(), cx),
        }
    }

    /// STOPPING=1: it ends by itself, and has its time for that.
    pub(super) fn stops_itself(&mut self, cx: Context) -> Next {
        let uptime = self.uptime(cx);
        let end = End { uptime, told: true, ..End::new(Why::Itself, Outcome::Success) };
        self.wait_for_end(self.state.procs(), end, cx)
    }

    /// Its main process has ended without our doing.
    pub(super) fn end_by_itself(&mut self, procs: Procs, outcome: Outcome, uptime: Duration, cx: Context) -> Next {
        let end = End { uptime, ..End::new(Why::Ended, outcome) };
        // What ends well is stopped as by a stop; what fails has nothing left to be asked (systemd.service(5), ExecStop=).
        if outcome == Outcome::Success { self.stop_commands(procs, end, cx) } else { self.terminate(procs, end, cx) }
    }

    fn uptime(&mut self, cx: Context) -> Duration {
        match self.state {
            State::Running(Running { since, .. }) | State::Reloading(Reloading { since, .. }) => self.leave(since, cx),
            State::Dead
            | State::Waiting
            | State::Starting(_)
            | State::Exited
            | State::Ending(_)
            | State::Failed { .. }
            | State::AutoRestart { .. } => Duration::ZERO,
        }
    }

    /// Begins to stop a unit that is up: requests in flight end first.
    pub(super) fn wind_down(&mut self, why: Why, cx: Context) -> Next {
        let end = End { uptime: self.uptime(cx), ..End::new(why, Outcome::Success) };
        let procs = self.state.procs();
        match cx.unit.socket {
            Some(_) if !procs.is_empty() => self.drain(procs, end, cx),
            Some(_) | None => self.stop_commands(procs, end, cx),
        }
    }
}

impl Reloading {
    fn command(self, n: usize) -> Next {
        let (stage, procs) = (Reload::Command(n), self.procs.with_command());
        (State::Reloading(Self { stage, procs, ..self }), Some(Effect::Spawn(Step::Reload(n))))
    }

    fn replace(self) -> Next {
        let (stage, procs) = (Reload::Replace, self.procs.with_command());
        (State::Reloading(Self { stage, procs, ..self }), Some(Effect::Spawn(Step::Replace)))
    }

    /// RELOADING=1, said then: the answer to our signal, unless it was said before it.
    pub(super) fn heard(self, said: Option<Instant>) -> Self {
        match self.stage {
            Reload::Signal(sent) if said.is_none_or(|said| said >= sent) => Self { stage: Reload::Notify, ..self },
            Reload::Signal(_) | Reload::Command(_) | Reload::Replace | Reload::Notify => self,
        }
    }
}
