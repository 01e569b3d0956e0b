//! One unit's service as a table: (input, state) → state and at most one effect. Never a job, an order or a socket.
//!
//! The pid lives only in the states that have a process; a deadline is a field of its state, so that leaving the
//! state cancels it. Every input names every state: what is ignored is written out.

use std::time::{Duration, Instant};

use super::event::{Exit, Outcome, Step, Why};
use super::outcome::clean;
use super::restart::{HEALTH, Jitter, PATIENCE, later};
use super::state::State;
use crate::unit::{Pass, ServiceType, Unit};

/// What the table hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// A start job was taken on.
    Queue,
    /// The job's turn has come.
    Begin,
    /// The job cannot run.
    Fail(Outcome),
    /// Stop, in order.
    Halt(Why),
    /// Stop, at once.
    Kill,
    Reload,
    Spawned(u32),
    SpawnFailed,
    Executed,
    Reached,
    Ready,
    Stopping,
    /// It has answered a request.
    Served,
    Drained,
    Exited(Exit),
    /// The deadline of the state has come.
    Elapsed,
}

/// What the table does about the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Spawn(Step),
    Probe,
    Terminate(u32),
    Kill(u32),
}

/// The world around one input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub now: Instant,
    pub unit: &'a Unit,
    /// During the shutdown: when this unit must be gone. Nothing is restarted then.
    pub limit: Option<Instant>,
}

/// One unit's service.
#[derive(Debug)]
pub(super) struct Service {
    pub state: State,
    /// Result of the last run.
    pub outcome: Outcome,
    /// Result of the last reload.
    pub reloaded: Outcome,
    /// How the main process of the last run ended.
    pub last_exit: Option<Exit>,
    /// Failures in a row.
    pub failures: u32,
    /// From the first spawn to ready, of the last start.
    pub boot: Option<Duration>,
    /// Starts begun.
    pub starts: u64,
    pub jitter: Jitter,
}

type Next = (State, Option<Effect>);

impl Context<'_> {
    /// `after` from now, inside the shutdown budget.
    fn within(&self, after: Duration) -> Instant {
        self.clamp(later(self.now, after))
    }

    fn clamp(&self, deadline: Instant) -> Instant {
        self.limit.map_or(deadline, |limit| deadline.min(limit.max(self.now)))
    }

    /// How long requests in flight may take to end: a third of the stop at most.
    fn drain(&self) -> Instant {
        let left = self.limit.map(|limit| limit.saturating_duration_since(self.now));
        later(self.now, left.unwrap_or(Duration::MAX).min(self.unit.service.timeout_stop) / 3)
    }
}

impl Service {
    pub(super) fn new(jitter: Jitter) -> Self {
        Self {
            state: State::Dead,
            outcome: Outcome::Success,
            reloaded: Outcome::Success,
            last_exit: None,
            failures: 0,
            boot: None,
            starts: 0,
            jitter,
        }
    }

    /// Failures in a row as of `now`: none once it has been up long enough.
    pub(super) fn failures(&self, now: Instant) -> u32 {
        match self.state {
            State::Running { since, .. } if now.saturating_duration_since(since) >= HEALTH => 0,
            _ => self.failures,
        }
    }

    /// Hears `input`: the next state, and at most one effect.
    pub(super) fn step(&mut self, input: Input, cx: Context) -> Option<Effect> {
        match input {
            Input::Begin => self.last_exit = None,
            Input::Exited(exit) if !matches!(self.state, State::StartPre { .. }) => self.last_exit = Some(exit),
            _ => {}
        }
        let (state, effect) = self.next(input, cx);
        self.state = state;
        effect
    }

    /// The table.
    #[rustfmt::skip]
    fn next(&mut self, input: Input, cx: Context) -> Next {
        use {Input as I, State as S};
        let kind = cx.unit.service.kind;
        match (input, self.state) {
            (I::Queue, S::Dead | S::Failed { .. } | S::AutoRestart { .. }) => (S::Waiting, None),

            (I::Begin, S::Waiting) => self.begin(cx),
            (I::Fail(outcome), S::Waiting) => (self.not_started(outcome, cx), None),

            (I::Spawned(pid), S::Spawning { halt: Some(why), .. }) => terminate(pid, why, cx),
            (I::Spawned(pid), S::Spawning { step: Step::StartPre(n), begun, deadline, halt: None }) =>
                (S::StartPre { n, pid, begun, deadline }, None),
            (I::Spawned(pid), S::Spawning { begun, deadline, halt: None, .. }) =>
                (S::Start { pid, begun, deadline }, None),
            // Nobody asked for this process: never two for one unit.
            (I::Spawned(pid), S::Dead | S::Waiting | S::StartPre { .. } | S::Start { .. } | S::Running { .. }
                | S::Exited | S::StopDrain { .. } | S::StopSigterm { .. } | S::StopSigkill { .. } | S::Failed { .. }
                | S::AutoRestart { .. }) => (self.state, Some(Effect::Kill(pid))),
            (I::SpawnFailed, S::Spawning { halt: Some(_), .. }) => (S::Dead, None),
            (I::SpawnFailed, S::Spawning { halt: None, .. }) => (self.not_started(Outcome::Resources, cx), None),

            (I::Executed, S::Start { .. }) if probed(cx.unit) => (self.state, Some(Effect::Probe)),
            (I::Executed, S::Start { pid, begun, .. }) if kind == ServiceType::Exec => (self.up(pid, begun, cx), None),
            (I::Reached, S::Start { pid, begun, .. }) if probed(cx.unit) => (self.up(pid, begun, cx), None),
            (I::Ready, S::Start { pid, begun, .. }) if kind == ServiceType::Notify => (self.up(pid, begun, cx), None),

            (I::Halt(_) | I::Kill, S::Waiting | S::Exited) => (S::Dead, None),
            (I::Halt(_) | I::Kill, S::AutoRestart { hold }) => (self.resting(hold), None),
            (I::Halt(why), S::Spawning { step, begun, deadline, .. }) =>
                (S::Spawning { step, begun, deadline, halt: Some(why) }, None),
            (I::Halt(why), S::StartPre { pid, .. } | S::Start { pid, .. }) => terminate(pid, why, cx),
            (I::Halt(why), S::Running { pid, since }) => self.wind_down(pid, since, why, cx),
            (I::Halt(why), S::StopDrain { pid, deadline, .. }) =>
                (S::StopDrain { pid, deadline: deadline.min(cx.drain()), why }, None),
            (I::Halt(why), S::StopSigterm { pid, since, deadline, .. }) =>
                (S::StopSigterm { pid, since, deadline: cx.clamp(deadline), why }, None),
            (I::Halt(why), S::StopSigkill { pid, deadline, .. }) => (S::StopSigkill { pid, deadline, why }, None),
            (I::Stopping, S::Running { pid, since }) => self.wind_down(pid, since, Why::Itself, cx),
            // Who answers is ready, whether it says so or not.
            (I::Served, S::Start { pid, begun, .. }) if kind == ServiceType::Notify => {
                self.failures = 0;
                (self.up(pid, begun, cx), None)
            }
            // An answer proves more than any time: the next failure is the first.
            (I::Served, S::Running { .. }) => { self.failures = 0; (self.state, None) }
            (I::Drained, S::StopDrain { pid, why, .. }) => terminate(pid, why, cx),

            (I::Kill, S::Spawning { step, begun, deadline, .. }) =>
                (S::Spawning { step, begun, deadline, halt: Some(Why::Shutdown) }, None),
            (I::Kill, S::StartPre { pid, .. } | S::Start { pid, .. } | S::Running { pid, .. } | S::StopDrain { pid, .. }
                | S::StopSigterm { pid, .. } | S::StopSigkill { pid, .. }) => kill(pid, Why::Shutdown, cx),

            (I::Exited(Exit::Code(0)), S::StartPre { n, begun, deadline, .. }) => after_pre(n, begun, deadline, cx),
            (I::Exited(exit), S::StartPre { .. }) => (self.not_started(exit.into(), cx), None),
            (I::Exited(exit), S::Start { begun, .. }) => (self.start_exited(exit, begun, cx), None),
            (I::Exited(exit), S::Running { since, .. }) => (self.running_exited(exit, since, cx), None),
            (I::Exited(exit), S::StopDrain { why, .. } | S::StopSigterm { why, .. }) =>
                (self.stopped(why, clean(exit, cx.unit), cx), None),
            (I::Exited(_), S::StopSigkill { why, .. }) => (self.stopped(why, Outcome::Timeout, cx), None),

            (I::Elapsed, S::StartPre { pid, .. } | S::Start { pid, .. }) => terminate(pid, Why::Timeout, cx),
            (I::Elapsed, S::StopDrain { pid, why, .. }) => terminate(pid, why, cx),
            (I::Elapsed, S::StopSigterm { pid, why, .. } | S::StopSigkill { pid, why, .. }) => kill(pid, why, cx),
            (I::Elapsed, S::Failed { .. }) => (S::Failed { hold: None }, None),
            (I::Elapsed, S::AutoRestart { .. }) => (S::Waiting, None),

            // Ignored: what is there already, what comes too late, and what is not for this state.
            (I::Queue, S::Waiting | S::Spawning { .. } | S::StartPre { .. } | S::Start { .. } | S::Running { .. }
                | S::Exited | S::StopDrain { .. } | S::StopSigterm { .. } | S::StopSigkill { .. })
            | (I::Begin | I::Fail(_), S::Dead | S::Spawning { .. } | S::StartPre { .. } | S::Start { .. }
                | S::Running { .. } | S::Exited | S::StopDrain { .. } | S::StopSigterm { .. } | S::StopSigkill { .. }
                | S::Failed { .. } | S::AutoRestart { .. })
            | (I::Halt(_) | I::Kill, S::Dead | S::Failed { .. })
            | (I::Reload, _)
            | (I::SpawnFailed, S::Dead | S::Waiting | S::StartPre { .. } | S::Start { .. } | S::Running { .. }
                | S::Exited | S::StopDrain { .. } | S::StopSigterm { .. } | S::StopSigkill { .. } | S::Failed { .. }
                | S::AutoRestart { .. })
            | (I::Executed | I::Reached | I::Ready, S::Dead | S::Waiting | S::Spawning { .. } | S::StartPre { .. }
                | S::Start { .. } | S::Running { .. } | S::Exited | S::StopDrain { .. } | S::StopSigterm { .. }
                | S::StopSigkill { .. } | S::Failed { .. } | S::AutoRestart { .. })
            | (I::Stopping, S::Dead | S::Waiting | S::Spawning { .. } | S::StartPre { .. } | S::Start { .. } | S::Exited
                | S::StopDrain { .. } | S::StopSigterm { .. } | S::StopSigkill { .. } | S::Failed { .. }
                | S::AutoRestart { .. })
            | (I::Served, S::Dead | S::Waiting | S::Spawning { .. } | S::StartPre { .. } | S::Start { .. } | S::Exited
                | S::StopDrain { .. } | S::StopSigterm { .. } | S::StopSigkill { .. } | S::Failed { .. }
                | S::AutoRestart { .. })
            | (I::Drained, S::Dead | S::Waiting | S::Spawning { .. } | S::StartPre { .. } | S::Start { .. }
                | S::Running { .. } | S::Exited | S::StopSigterm { .. } | S::StopSigkill { .. } | S::Failed { .. }
                | S::AutoRestart { .. })
            | (I::Exited(_), S::Dead | S::Waiting | S::Spawning { .. } | S::Exited | S::Failed { .. }
                | S::AutoRestart { .. })
            | (I::Elapsed, S::Dead | S::Waiting | S::Spawning { .. } | S::Running { .. } | S::Exited) =>
                (self.state, None),
        }
    }

    fn begin(&mut self, cx: Context) -> Next {
        self.starts += 1;
        let deadline = cx.unit.service.timeout_start.map(|timeout| later(cx.now, timeout));
        let first = if cx.unit.service.exec_start_pre.is_empty() { Step::Start } else { Step::StartPre(0) };
        spawn(first, cx.now, deadline)
    }

    /// Begins to stop a running unit: requests in flight end first.
    fn wind_down(&mut self, pid: u32, since: Instant, why: Why, cx: Context) -> Next {
        self.leave(since, cx);
        match cx.unit.socket {
            Some(_) => (State::StopDrain { pid, deadline: cx.drain(), why }, None),
            None => terminate(pid, why, cx),
        }
    }
}

/// The next pre-command, or the main command after the last.
fn after_pre(n: usize, begun: Instant, deadline: Option<Instant>, cx: Context) -> Next {
    let more = n + 1 < cx.unit.service.exec_start_pre.len();
    spawn(if more { Step::StartPre(n + 1) } else { Step::Start }, begun, deadline)
}

fn spawn(step: Step, begun: Instant, deadline: Option<Instant>) -> Next {
    (State::Spawning { step, begun, deadline, halt: None }, Some(Effect::Spawn(step)))
}

fn terminate(pid: u32, why: Why, cx: Context) -> Next {
    let deadline = cx.within(cx.unit.service.timeout_stop);
    (State::StopSigterm { pid, since: cx.now, deadline, why }, Some(Effect::Terminate(pid)))
}

/// Said again after a while: a group may fork faster than one SIGKILL reaches it.
fn kill(pid: u32, why: Why, cx: Context) -> Next {
    let again = cx.unit.service.timeout_stop.max(PATIENCE);
    (State::StopSigkill { pid, deadline: later(cx.now, again), why }, Some(Effect::Kill(pid)))
}

/// Whether the unit is ready when its port answers.
pub(super) fn probed(unit: &Unit) -> bool {
    unit.service.kind == ServiceType::Exec && unit.socket.as_ref().is_some_and(|socket| socket.pass == Pass::Port)
}
