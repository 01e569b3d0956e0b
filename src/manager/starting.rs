//! Inside of a start: `exec_start_pre`, `exec_start` until it is ready, `exec_start_post`.

use std::time::Instant;

use super::event::{Exit, Outcome, Step, Why};
use super::outcome::clean;
use super::procs::{Procs, Slot, Which};
use super::restart::later;
use super::service::{Context, Effect, Input, Next, Service, probed};
use super::state::{End, Running, Start, Starting, State};
use crate::unit::ServiceType;

impl Service {
    pub(super) fn begin(&mut self, cx: Context) -> Next {
        self.starts += 1;
        self.limit.count(cx.now, &cx.unit.service);
        (self.watchdog, self.access) = (None, None);
        (self.last_exit, self.reloaded) = (None, Outcome::Success);
        let deadline = cx.unit.service.timeout_start.map(|timeout| later(cx.now, timeout));
        let starting = Starting { stage: Start::Main, procs: Procs::default(), begun: cx.now, deadline };
        if cx.unit.service.exec_start_pre.is_empty() { self.main(starting, cx) } else { starting.pre(0) }
    }

    /// Something that may mean that the main process is ready.
    pub(super) fn hears_start(&mut self, input: Input, starting: Starting, cx: Context) -> Next {
        let (stay, kind) = ((State::Starting(starting), None), cx.unit.service.kind);
        let Starting { stage: Start::Main | Start::Fork(_), procs: Procs { main: Slot::Pid(_), .. }, .. } = starting
        else {
            return stay;
        };
        match input {
            Input::Executed if probed(cx.unit) => (State::Starting(starting), Some(Effect::Probe)),
            Input::Executed if kind == ServiceType::Exec => self.start_ready(starting, cx),
            Input::Reached if probed(cx.unit) => self.start_ready(starting, cx),
            Input::Ready if kind.notifies() => self.start_ready(starting, cx),
            // Who answers is ready, whether it says so or not.
            Input::Served if kind.notifies() => {
                self.well();
                self.start_ready(starting, cx)
            }
            _ => stay,
        }
    }

    /// The main process is ready: what is to run after it, runs.
    fn start_ready(&mut self, starting: Starting, cx: Context) -> Next {
        if cx.unit.service.exec_start_post.is_empty() { self.up(starting, cx) } else { starting.post(0) }
    }

    /// It is active.
    fn up(&mut self, starting: Starting, cx: Context) -> Next {
        self.boot = Some(cx.now - starting.begun);
        self.outcome = Outcome::Success;
        match starting.procs.main {
            Slot::Pid(main) => (State::Running(self.running(main, cx.now, cx)), None),
            Slot::None | Slot::Due if cx.unit.service.remain_after_exit => (State::Exited, None),
            Slot::None | Slot::Due => self.stop_commands(starting.procs, End::new(Why::Finished, Outcome::Success), cx),
        }
    }

    /// Running from now, with a full watchdog.
    pub(super) fn running(&self, main: u32, since: Instant, cx: Context) -> Running {
        let watchdog = self.watchdog.or(cx.unit.service.watchdog).filter(|interval| !interval.is_zero());
        Running { main, since, watchdog: watchdog.map(|interval| later(cx.now, interval)) }
    }

    pub(super) fn exited_starting(&mut self, starting: Starting, pid: u32, exit: Exit, cx: Context) -> Next {
        let Some((which, procs)) = starting.procs.without(pid) else { return (State::Starting(starting), None) };
        let starting = starting.with(procs);
        if which == Which::Main && matches!(starting.stage, Start::Fork(_) | Start::Unfit) {
            return self.fork_ended(starting, exit, cx);
        }
        if which == Which::Main {
            self.last_exit = Some(exit);
            return self.main_exited(starting, exit, cx);
        }
        let service = &cx.unit.service;
        match (starting.stage, exit) {
            (Start::Pre(n), Exit::Code(0)) if n + 1 < service.exec_start_pre.len() => starting.pre(n + 1),
            (Start::Pre(_), Exit::Code(0)) => self.main(starting, cx),
            (Start::Post(n), Exit::Code(0)) if n + 1 < service.exec_start_post.len() => starting.post(n + 1),
            (Start::Post(_), Exit::Code(0)) => self.up(starting, cx),
            (Start::Pre(_) | Start::Main | Start::Fork(_) | Start::Unfit | Start::Post(_), exit) => {
                self.start_failed(starting, exit.into(), cx)
            }
        }
    }

    /// The main process has ended before the unit was active.
    fn main_exited(&mut self, starting: Starting, exit: Exit, cx: Context) -> Next {
        let outcome = clean(exit, cx.unit);
        match (cx.unit.service.kind, outcome) {
            (ServiceType::Oneshot, Outcome::Success) if starting.stage == Start::Main => self.start_ready(starting, cx),
            // Its program has run: the child's set-up ends with 200–245 when it fails.
            (ServiceType::Exec, Outcome::Success) if starting.stage == Start::Main && !probed(cx.unit) => {
                self.boot = Some(cx.now - starting.begun);
                self.stop_commands(starting.procs, End::new(Why::Finished, Outcome::Success), cx)
            }
            // The commands after it go on to their end.
            (_, Outcome::Success) if matches!(starting.stage, Start::Post(_)) => (State::Starting(starting), None),
            (_, Outcome::Success) => self.start_failed(starting, Outcome::Protocol, cx),
            (_, outcome) => self.start_failed(starting, outcome, cx),
        }
    }

    /// The process that was asked for could not be made.
    pub(super) fn start_unmade(&mut self, starting: Starting, cx: Context) -> Next {
        let procs = starting.procs.given_up().unwrap_or(starting.procs);
        self.start_failed(starting.with(procs), Outcome::Resources, cx)
    }

    /// A command or the main process has failed. One that was asked for and is not there yet is still waited for: its answer
    /// must not be taken for that of the next.
    pub(super) fn start_failed(&mut self, starting: Starting, outcome: Outcome, cx: Context) -> Next {
        self.terminate(starting.procs, End::new(Why::Failed, outcome), cx)
    }

    pub(super) fn start_overdue(&mut self, starting: Starting, cx: Context) -> Next {
        self.terminate(starting.procs, End::new(Why::Timeout, Outcome::Timeout), cx)
    }

    /// Stopped before it was up.
    pub(super) fn halt_start(&mut self, starting: Starting, why: Why, cx: Context) -> Next {
        self.terminate(starting.procs, End::new(why, Outcome::Success), cx)
    }
}

impl Starting {
    fn pre(self, n: usize) -> Next {
        let (stage, procs) = (Start::Pre(n), self.procs.with_command());
        (State::Starting(Self { stage, procs, ..self }), Some(Effect::Spawn(Step::StartPre(n))))
    }

    fn post(self, n: usize) -> Next {
        let (stage, procs) = (Start::Post(n), self.procs.with_command());
        (State::Starting(Self { stage, procs, ..self }), Some(Effect::Spawn(Step::StartPost(n))))
    }
}
