//! One unit's service as a table: (input, state) → state and at most one effect. Never a job, an order or a socket.
//!
//! The pids live only in the states that have processes; a deadline is a field of its state, so that leaving the state
//! cancels it. Every input names every state: what is ignored is written out. What happens inside of a state that has
//! stages is told in `starting`, `running` and `ending`; where a run leads to, in `outcome`.

use std::time::{Duration, Instant};

use super::event::{Exit, Outcome, Step, Whom, Why};
use super::restart::{HEALTH, Jitter, StartLimit, later};
use super::state::{Running, Starting, State};
use crate::unit::{NotifyAccess, Pass, ServiceType, Signal, Unit};

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
    /// Reload.
    Reload,
    /// Forget the failures.
    Reset,
    Spawned(u32),
    SpawnFailed,
    /// The template cannot fork it, or what was forked is of no use.
    Unforked,
    Executed,
    Reached,
    Ready,
    /// RELOADING=1, said then.
    Reloading(Option<Instant>),
    Stopping,
    MainPid(u32),
    Extend(Duration),
    Watchdog,
    /// WATCHDOG=trigger.
    Trigger,
    /// It has answered a request.
    Served,
    Drained,
    /// One of its processes has ended; `true` if others of it live that are neither main nor command.
    Exited(u32, Exit, bool),
    /// None of those is left.
    Emptied,
    /// The deadline of the state has come.
    Elapsed,
}

/// What the table does about the processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Spawn(Step),
    /// The main process, from the template.
    Fork,
    Probe,
    Kill(Whom, Signal),
}

/// The world around one input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub now: Instant,
    pub unit: &'a Unit,
    /// During the shutdown: when this unit must be gone. Nothing is restarted then.
    pub limit: Option<Instant>,
    /// Its template can fork it.
    pub template: bool,
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
    /// Restarts in a row that nobody asked for.
    pub restarts: u32,
    /// From the first spawn to ready, of the last start.
    pub boot: Option<Duration>,
    /// Starts begun.
    pub starts: u64,
    /// The main process of the last start was forked from the template.
    pub forked: bool,
    /// What WATCHDOG_USEC= said in this run.
    pub watchdog: Option<Duration>,
    /// What NOTIFYACCESS= said in this run.
    pub access: Option<NotifyAccess>,
    /// Processes that are neither main nor command live.
    pub rest: bool,
    pub limit: StartLimit,
    pub jitter: Jitter,
}

pub(super) type Next = (State, Option<Effect>);

impl Context<'_> {
    /// `after` from now, inside the shutdown budget.
    pub(super) fn within(&self, after: Duration) -> Instant {
        self.clamp(later(self.now, after))
    }

    pub(super) fn clamp(&self, deadline: Instant) -> Instant {
        self.limit.map_or(deadline, |limit| deadline.min(limit.max(self.now)))
    }

    /// `timeout_stop` from now; during the shutdown at most this part of what is left.
    pub(super) fn part(&self, numerator: u32, denominator: u32) -> Instant {
        let left = self.limit.map(|limit| limit.saturating_duration_since(self.now) * numerator / denominator);
        later(self.now, left.unwrap_or(Duration::MAX).min(self.unit.service.timeout_stop))
    }

    /// How long requests in flight may take to end: a third of the stop at most.
    pub(super) fn drain(&self) -> Instant {
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
            restarts: 0,
            boot: None,
            starts: 0,
            forked: false,
            watchdog: None,
            access: None,
            rest: false,
            limit: StartLimit::default(),
            jitter,
        }
    }

    /// Failures in a row as of `now`: none once it has been up long enough.
    pub(super) fn failures(&self, now: Instant) -> u32 {
        match self.state {
            State::Running(Running { since, .. }) if now.saturating_duration_since(since) >= HEALTH => 0,
            _ => self.failures,
        }
    }

    /// Hears `input`: the next state, and at most one effect.
    pub(super) fn step(&mut self, input: Input, cx: Context) -> Option<Effect> {
        let (state, effect) = self.next(input, cx);
        self.state = state;
        effect
    }

    /// The table.
    #[rustfmt::skip]
    fn next(&mut self, input: Input, cx: Context) -> Next {
        use {Input as I, State as S};
        let stay = (self.state, None);
        match input {
            I::Exited(_, _, rest) => self.rest = rest,
            I::Emptied => self.rest = false,
            I::Reset => self.forget(),
            I::Queue => self.restarts = 0,
            I::Elapsed if self.state.retrying() => self.restarts = self.restarts.saturating_add(1),
            _ => {}
        }
        match (input, self.state) {
            (I::Queue, S::Dead | S::Failed { .. } | S::AutoRestart { .. }) => (S::Waiting, None),
            (I::Queue, S::Waiting | S::Starting(_) | S::Running(_) | S::Exited | S::Reloading(_) | S::Ending(_)) => stay,

            (I::Begin, S::Waiting) => self.begin(cx),
            (I::Fail(outcome), S::Waiting) => (self.not_started(outcome, cx), None),
            (I::Begin | I::Fail(_), S::Dead | S::Starting(_) | S::Running(_) | S::Exited | S::Reloading(_)
                | S::Ending(_) | S::Failed { .. } | S::AutoRestart { .. }) => stay,

            (I::Halt(_) | I::Kill, S::Waiting) => (S::Dead, None),
            (I::Halt(_) | I::Kill, S::AutoRestart { hold }) => (self.resting(hold), None),
            (I::Halt(why), S::Starting(starting)) => self.halt_start(starting, why, cx),
            (I::Halt(why), S::Running(_) | S::Reloading(_) | S::Exited) => self.wind_down(why, cx),
            (I::Halt(why), S::Ending(ending)) => (S::Ending(ending.halted(why, cx)), None),
            (I::Kill, S::Starting(_) | S::Running(_) | S::Reloading(_) | S::Exited | S::Ending(_)) => self.kill(cx),
            (I::Halt(_) | I::Kill, S::Dead | S::Failed { .. }) => stay,

            (I::Reload, S::Running(running)) => self.reload(running, cx),
            (I::Reload, S::Dead | S::Waiting | S::Starting(_) | S::Exited | S::Reloading(_) | S::Ending(_)
                | S::Failed { .. } | S::AutoRestart { .. }) => stay,

            (I::Reset, S::Failed { .. }) => (S::Dead, None),
            (I::Reset, S::Dead | S::Waiting | S::Starting(_) | S::Running(_) | S::Exited | S::Reloading(_) | S::Ending(_)
                | S::AutoRestart { .. }) => stay,

            (I::Spawned(pid), S::Starting(_) | S::Reloading(_) | S::Ending(_)) => self.spawned(pid, cx),
            // Nobody asked for this process: never two for one unit.
            (I::Spawned(pid), S::Dead | S::Waiting | S::Running(_) | S::Exited | S::Failed { .. }
                | S::AutoRestart { .. }) => (self.state, Some(Effect::Kill(Whom::Process(pid), Signal::KILL))),
            (I::SpawnFailed, S::Starting(starting)) => self.start_unmade(starting, cx),
            (I::SpawnFailed, S::Reloading(reloading)) => self.reload_failed(reloading, Outcome::Resources, cx),
            (I::SpawnFailed, S::Ending(ending)) => self.stop_command_failed(ending, cx),
            (I::SpawnFailed, S::Dead | S::Waiting | S::Running(_) | S::Exited | S::Failed { .. }
                | S::AutoRestart { .. }) => stay,

            (I::Unforked, S::Starting(starting)) => self.unfit(starting, cx),
            (I::Unforked, S::Ending(ending)) => self.stop_command_failed(ending, cx),
            (I::Unforked, S::Dead | S::Waiting | S::Running(_) | S::Exited | S::Reloading(_) | S::Failed { .. }
                | S::AutoRestart { .. }) => stay,

            (I::Executed | I::Reached | I::Ready | I::Served, S::Starting(starting)) =>
                self.hears_start(input, starting, cx),
            // An answer proves more than any time: the next failure is the first.
            (I::Served, S::Running(_) | S::Reloading(_)) => { self.well(); stay }
            (I::Ready, S::Reloading(reloading)) => self.reload_ready(reloading, cx),
            (I::Executed | I::Reached, S::Dead | S::Waiting | S::Running(_) | S::Exited | S::Reloading(_)
                | S::Ending(_) | S::Failed { .. } | S::AutoRestart { .. })
            | (I::Ready, S::Dead | S::Waiting | S::Running(_) | S::Exited | S::Ending(_) | S::Failed { .. }
                | S::AutoRestart { .. })
            | (I::Served, S::Dead | S::Waiting | S::Exited | S::Ending(_) | S::Failed { .. }
                | S::AutoRestart { .. }) => stay,

            (I::Reloading(_), S::Running(running)) => (self.reloads_itself(running, cx), None),
            (I::Reloading(said), S::Reloading(reloading)) => (S::Reloading(reloading.heard(said)), None),
            (I::Stopping, S::Running(_) | S::Reloading(_)) => self.stops_itself(cx),
            (I::MainPid(pid), S::Starting(_) | S::Running(_) | S::Reloading(_)) => (self.state.with_main(pid), None),
            (I::Extend(time), S::Starting(_) | S::Reloading(_) | S::Ending(_)) =>
                (self.state.extended(cx.within(time)), None),
            (I::Watchdog, S::Running(running)) => (S::Running(self.fed(running, cx)), None),
            (I::Trigger, S::Running(running)) => self.watchdog_missed(running, cx),
            (I::Reloading(_), S::Dead | S::Waiting | S::Starting(_) | S::Exited | S::Ending(_) | S::Failed { .. }
                | S::AutoRestart { .. })
            | (I::Stopping | I::MainPid(_) | I::Extend(_) | I::Watchdog | I::Trigger, S::Dead | S::Waiting | S::Exited
                | S::Failed { .. } | S::AutoRestart { .. })
            | (I::Stopping, S::Starting(_) | S::Ending(_))
            | (I::MainPid(_), S::Ending(_))
            | (I::Extend(_), S::Running(_))
            | (I::Watchdog | I::Trigger, S::Starting(_) | S::Reloading(_) | S::Ending(_)) => stay,

            (I::Drained, S::Ending(ending)) => self.drained(ending, cx),
            (I::Drained, S::Dead | S::Waiting | S::Starting(_) | S::Running(_) | S::Exited | S::Reloading(_)
                | S::Failed { .. } | S::AutoRestart { .. }) => stay,

            (I::Exited(pid, exit, _), S::Starting(starting)) => self.exited_starting(starting, pid, exit, cx),
            (I::Exited(pid, exit, _), S::Running(running)) => self.exited_running(running, pid, exit, cx),
            (I::Exited(pid, exit, _), S::Reloading(reloading)) => self.exited_reloading(reloading, pid, exit, cx),
            (I::Exited(pid, exit, _), S::Ending(ending)) => self.exited_ending(ending, pid, exit, cx),
            (I::Emptied, S::Ending(ending)) => self.go_on(ending, cx),
            (I::Emptied, S::Starting(starting)) => self.fork_emptied(starting, cx),
            (I::Exited(..), S::Dead | S::Waiting | S::Exited | S::Failed { .. } | S::AutoRestart { .. })
            | (I::Emptied, S::Dead | S::Waiting | S::Running(_) | S::Exited | S::Reloading(_)
                | S::Failed { .. } | S::AutoRestart { .. }) => stay,

            (I::Elapsed, S::Starting(starting)) => self.start_elapsed(starting, cx),
            (I::Elapsed, S::Running(running)) => self.watchdog_missed(running, cx),
            (I::Elapsed, S::Reloading(reloading)) => self.reload_overdue(reloading, cx),
            (I::Elapsed, S::Ending(ending)) => self.stop_overdue(ending, cx),
            (I::Elapsed, S::Failed { .. }) => (S::Failed { hold: None }, None),
            (I::Elapsed, S::AutoRestart { .. }) => (S::Waiting, None),
            (I::Elapsed, S::Dead | S::Waiting | S::Exited) => stay,
        }
    }

    /// What `reset-failed` forgets (systemctl(1)): the result, the counters, the start limit.
    fn forget(&mut self) {
        self.outcome = Outcome::Success;
        (self.failures, self.restarts) = (0, 0);
        self.limit = StartLimit::default();
    }

    /// The process that was asked for exists.
    fn spawned(&mut self, pid: u32, cx: Context) -> Next {
        let Some(procs) = self.state.procs().filled(pid) else {
            return (self.state, Some(Effect::Kill(Whom::Process(pid), Signal::KILL)));
        };
        let state = self.state.with_procs(procs);
        let unwanted = match state {
            State::Ending(ending) => ending.unwanted(pid, cx),
            State::Dead
            | State::Waiting
            | State::Starting(_)
            | State::Running(_)
            | State::Exited
            | State::Reloading(_)
            | State::Failed { .. }
            | State::AutoRestart { .. } => None,
        };
        (state, unwanted)
    }
}

impl Starting {
    /// The same with these processes.
    pub(super) fn with(self, procs: super::procs::Procs) -> Self {
        Self { procs, ..self }
    }
}

/// Whether the unit is ready when its port answers.
pub(super) fn probed(unit: &Unit) -> bool {
    unit.service.kind == ServiceType::Exec && unit.socket.as_ref().is_some_and(|socket| socket.pass == Pass::Port)
}
