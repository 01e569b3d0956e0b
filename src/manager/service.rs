//! One unit's service as a table: (input, state) → state and at most one effect. Never a job, an order or a socket.
//!
//! The pid lives only in the states that have a process; a deadline is a field of its state, so that leaving the
//! state cancels it. Every input names every state: what is ignored is written out.

use std::time::{Duration, Instant};

use super::event::{ActiveState, Exit, Outcome, Step, Why};
use super::restart::{self, HEALTH, Jitter, PATIENCE, later};
use crate::unit::{Pass, Restart, ServiceType, Unit};

/// SubState, with what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Dead,
    /// A start job waits for its order or a boot slot; no deadline runs.
    Waiting,
    /// `Spawn` is said and not yet answered; `halt` is a stop that came between.
    Spawning {
        step: Step,
        begun: Instant,
        deadline: Option<Instant>,
        halt: Option<Why>,
    },
    StartPre {
        n: usize,
        pid: u32,
        begun: Instant,
        deadline: Option<Instant>,
    },
    Start {
        pid: u32,
        begun: Instant,
        deadline: Option<Instant>,
    },
    Running {
        pid: u32,
        since: Instant,
    },
    /// A oneshot that remains active.
    Exited,
    /// Requests in flight end before SIGTERM.
    StopDrain {
        pid: u32,
        deadline: Instant,
        why: Why,
    },
    StopSigterm {
        pid: u32,
        since: Instant,
        deadline: Instant,
        why: Why,
    },
    StopSigkill {
        pid: u32,
        deadline: Instant,
        why: Why,
    },
    Failed {
        hold: Option<Hold>,
    },
    AutoRestart {
        hold: Hold,
    },
}

/// A failed unit is not started before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hold {
    pub until: Instant,
    /// Requests are refused meanwhile; else they wait.
    pub refuse: bool,
}

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
    Spawned(u32),
    SpawnFailed,
    Executed,
    Reached,
    Ready,
    Stopping,
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
    /// Failures in a row.
    pub failures: u32,
    /// From the first spawn to ready, of the last start.
    pub boot: Option<Duration>,
    /// Starts begun.
    pub starts: u64,
    jitter: Jitter,
}

type Next = (State, Option<Effect>);

impl State {
    /// The process of this state.
    pub(super) fn pid(&self) -> Option<u32> {
        match *self {
            Self::StartPre { pid, .. }
            | Self::Start { pid, .. }
            | Self::Running { pid, .. }
            | Self::StopDrain { pid, .. }
            | Self::StopSigterm { pid, .. }
            | Self::StopSigkill { pid, .. } => Some(pid),
            Self::Dead
            | Self::Waiting
            | Self::Spawning { .. }
            | Self::Exited
            | Self::Failed { .. }
            | Self::AutoRestart { .. } => None,
        }
    }

    /// When `Elapsed` is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match *self {
            Self::StartPre { deadline, .. } | Self::Start { deadline, .. } => deadline,
            Self::StopDrain { deadline, .. }
            | Self::StopSigterm { deadline, .. }
            | Self::StopSigkill { deadline, .. } => Some(deadline),
            Self::Failed { hold } => hold.map(|hold| hold.until),
            Self::AutoRestart { hold } => Some(hold.until),
            Self::Dead | Self::Waiting | Self::Spawning { .. } | Self::Running { .. } | Self::Exited => None,
        }
    }

    /// What keeps it from being started.
    pub(super) fn hold(&self) -> Option<Hold> {
        match *self {
            Self::Failed { hold } => hold,
            Self::AutoRestart { hold } => Some(hold),
            Self::Dead
            | Self::Waiting
            | Self::Spawning { .. }
            | Self::StartPre { .. }
            | Self::Start { .. }
            | Self::Running { .. }
            | Self::Exited
            | Self::StopDrain { .. }
            | Self::StopSigterm { .. }
            | Self::StopSigkill { .. } => None,
        }
    }

    /// From the first spawn until it is up or has failed.
    pub(super) fn coming(&self) -> bool {
        matches!(self, Self::Spawning { .. } | Self::StartPre { .. } | Self::Start { .. })
    }

    pub(super) fn up(&self) -> bool {
        matches!(self, Self::Running { .. } | Self::Exited)
    }

    pub(super) fn stopping(&self) -> bool {
        matches!(self, Self::StopDrain { .. } | Self::StopSigterm { .. } | Self::StopSigkill { .. })
    }

    /// Nothing is there and nothing is asked.
    pub(super) fn down(&self) -> bool {
        matches!(self, Self::Dead | Self::Failed { .. } | Self::AutoRestart { .. })
    }

    /// Something has to be stopped before we can end.
    pub(super) fn live(&self) -> bool {
        self.coming() || self.up() || self.stopping()
    }

    /// Why it is being stopped.
    pub(super) fn why(&self) -> Option<Why> {
        match *self {
            Self::StopDrain { why, .. } | Self::StopSigterm { why, .. } | Self::StopSigkill { why, .. } => Some(why),
            Self::Spawning { halt, .. } => halt,
            Self::Dead
            | Self::Waiting
            | Self::StartPre { .. }
            | Self::Start { .. }
            | Self::Running { .. }
            | Self::Exited
            | Self::Failed { .. }
            | Self::AutoRestart { .. } => None,
        }
    }

    /// A start that is not over: if the unit is down next, the start has failed.
    pub(super) fn attempting(&self) -> bool {
        match self.why() {
            Some(why) => why == Why::Timeout,
            None => self.coming() || *self == Self::Waiting,
        }
    }

    /// systemd's words.
    pub(super) fn words(&self) -> (ActiveState, &'static str) {
        match self {
            Self::Dead => (ActiveState::Inactive, "dead"),
            Self::Waiting => (ActiveState::Activating, "waiting"),
            Self::Spawning { step: Step::StartPre(_), .. } | Self::StartPre { .. } => {
                (ActiveState::Activating, "start-pre")
            }
            Self::Spawning { step: Step::Start, .. } | Self::Start { .. } => (ActiveState::Activating, "start"),
            Self::Running { .. } => (ActiveState::Active, "running"),
            Self::Exited => (ActiveState::Active, "exited"),
            Self::StopDrain { .. } => (ActiveState::Deactivating, "stop"),
            Self::StopSigterm { .. } => (ActiveState::Deactivating, "stop-sigterm"),
            Self::StopSigkill { .. } => (ActiveState::Deactivating, "stop-sigkill"),
            Self::Failed { .. } => (ActiveState::Failed, "failed"),
            Self::AutoRestart { .. } => (ActiveState::Activating, "auto-restart"),
        }
    }
}

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
        Self { state: State::Dead, outcome: Outcome::Success, failures: 0, boot: None, starts: 0, jitter }
    }

    /// Failures in a row as of `now`: none once it has been up long enough.
    pub(super) fn failures(&self, now: Instant) -> u32 {
        match self.state {
            State::Running { since, .. } if now.saturating_duration_since(since) >= HEALTH => 0,
            _ => self.failures,
        }
    }

    /// One row of the table.
    pub(super) fn step(&mut self, input: Input, cx: Context) -> Option<Effect> {
        let (state, effect) = match input {
            Input::Queue => self.queue(),
            Input::Begin => self.begin(cx),
            Input::Fail(outcome) => self.fail(outcome, cx),
            Input::Halt(why) => self.halt(why, cx),
            Input::Kill => self.kill(cx),
            Input::Spawned(pid) => self.spawned(pid, cx),
            Input::SpawnFailed => self.spawn_failed(cx),
            Input::Executed => self.executed(cx),
            Input::Reached => self.reached(cx),
            Input::Ready => self.ready(cx),
            Input::Stopping => self.stopping(cx),
            Input::Drained => self.drained(cx),
            Input::Exited(exit) => self.exited(exit, cx),
            Input::Elapsed => self.elapsed(cx),
        };
        self.state = state;
        effect
    }

    fn ignore(&self) -> Next {
        (self.state, None)
    }

    fn queue(&self) -> Next {
        match self.state {
            State::Dead | State::Failed { .. } | State::AutoRestart { .. } => (State::Waiting, None),
            State::Waiting
            | State::Spawning { .. }
            | State::StartPre { .. }
            | State::Start { .. }
            | State::Running { .. }
            | State::Exited
            | State::StopDrain { .. }
            | State::StopSigterm { .. }
            | State::StopSigkill { .. } => self.ignore(),
        }
    }

    fn begin(&mut self, cx: Context) -> Next {
        match self.state {
            State::Waiting => {
                self.starts += 1;
                let deadline = cx.unit.service.timeout_start.map(|timeout| later(cx.now, timeout));
                spawn(
                    if cx.unit.service.exec_start_pre.is_empty() { Step::Start } else { Step::StartPre(0) },
                    cx.now,
                    deadline,
                )
            }
            State::Dead
            | State::Spawning { .. }
            | State::StartPre { .. }
            | State::Start { .. }
            | State::Running { .. }
            | State::Exited
            | State::StopDrain { .. }
            | State::StopSigterm { .. }
            | State::StopSigkill { .. }
            | State::Failed { .. }
            | State::AutoRestart { .. } => self.ignore(),
        }
    }

    fn fail(&mut self, outcome: Outcome, cx: Context) -> Next {
        match self.state {
            State::Waiting => self.not_started(outcome, cx),
            State::Dead
            | State::Spawning { .. }
            | State::StartPre { .. }
            | State::Start { .. }
            | State::Running { .. }
            | State::Exited
            | State::StopDrain { .. }
            | State::StopSigterm { .. }
            | State::StopSigkill { .. }
            | State::Failed { .. }
            | State::AutoRestart { .. } => self.ignore(),
        }
    }

    fn halt(&mut self, why: Why, cx: Context) -> Next {
        match self.state {
            State::Dead | State::Failed { .. } => self.ignore(),
            State::Waiting | State::Exited => (State::Dead, None),
            State::AutoRestart { hold } => (self.resting(hold), None),
            State::Spawning { step, begun, deadline, .. } => {
                (State::Spawning { step, begun, deadline, halt: Some(why) }, None)
            }
            State::StartPre { pid, .. } | State::Start { pid, .. } => terminate(pid, why, cx),
            State::Running { pid, since } => self.wind_down(pid, since, why, cx),
            State::StopDrain { pid, deadline, .. } => {
                (State::StopDrain { pid, deadline: deadline.min(cx.drain()), why }, None)
            }
            State::StopSigterm { pid, since, deadline, .. } => {
                (State::StopSigterm { pid, since, deadline: cx.clamp(deadline), why }, None)
            }
            State::StopSigkill { pid, deadline, .. } => (State::StopSigkill { pid, deadline, why }, None),
        }
    }

    fn kill(&mut self, cx: Context) -> Next {
        match self.state {
            State::Dead | State::Failed { .. } => self.ignore(),
            State::Waiting | State::Exited => (State::Dead, None),
            State::AutoRestart { hold } => (self.resting(hold), None),
            State::Spawning { step, begun, deadline, .. } => {
                (State::Spawning { step, begun, deadline, halt: Some(Why::Shutdown) }, None)
            }
            State::StartPre { pid, .. }
            | State::Start { pid, .. }
            | State::Running { pid, .. }
            | State::StopDrain { pid, .. }
            | State::StopSigterm { pid, .. }
            | State::StopSigkill { pid, .. } => kill(pid, Why::Shutdown, cx),
        }
    }

    fn spawned(&mut self, pid: u32, cx: Context) -> Next {
        match self.state {
            State::Spawning { halt: Some(why), .. } => terminate(pid, why, cx),
            State::Spawning { step: Step::StartPre(n), begun, deadline, halt: None } => {
                (State::StartPre { n, pid, begun, deadline }, None)
            }
            State::Spawning { step: Step::Start, begun, deadline, halt: None } => {
                (State::Start { pid, begun, deadline }, None)
            }
            // Nobody asked for this process: never two for one unit.
            State::Dead
            | State::Waiting
            | State::StartPre { .. }
            | State::Start { .. }
            | State::Running { .. }
            | State::Exited
            | State::StopDrain { .. }
            | State::StopSigterm { .. }
            | State::StopSigkill { .. }
            | State::Failed { .. }
            | State::AutoRestart { .. } => (self.state, Some(Effect::Kill(pid))),
        }
    }

    fn spawn_failed(&mut self, cx: Context) -> Next {
        match self.state {
            State::Spawning { halt: Some(_), .. } => (State::Dead, None),
            State::Spawning { halt: None, .. } => self.not_started(Outcome::Resources, cx),
            State::Dead
            | State::Waiting
            | State::StartPre { .. }
            | State::Start { .. }
            | State::Running { .. }
            | State::Exited
            | State::StopDrain { .. }
            | State::StopSigterm { .. }
            | State::StopSigkill { .. }
            | State::Failed { .. }
            | State::AutoRestart { .. } => self.ignore(),
        }
    }

    fn executed(&mut self, cx: Context) -> Next {
        match self.state {
            State::Start { pid, begun, .. } => match cx.unit.service.kind {
                ServiceType::Exec if probed(cx.unit) => (self.state, Some(Effect::Probe)),
                ServiceType::Exec => self.up(pid, begun, cx),
                ServiceType::Notify | ServiceType::Oneshot => self.ignore(),
            },
            State::Dead
            | State::Waiting
            | State::Spawning { .. }
            | State::StartPre { .. }
            | State::Running { .. }
            | State::Exited
            | State::StopDrain { .. }
            | State::StopSigterm { .. }
            | State::StopSigkill { .. }
            | State::Failed { .. }
            | State::AutoRestart { .. } => self.ignore(),
        }
    }

    fn reached(&mut self, cx: Context) -> Next {
        match self.state {
            State::Start { pid, begun, .. } if probed(cx.unit) => self.up(pid, begun, cx),
            State::Dead
            | State::Waiting
            | State::Spawning { .. }
            | State::StartPre { .. }
            | State::Start { .. }
            | State::Running { .. }
            | State::Exited
            | State::StopDrain { .. }
            | State::StopSigterm { .. }
            | State::StopSigkill { .. }
            | State::Failed { .. }
            | State::AutoRestart { .. } => self.ignore(),
        }
    }

    fn ready(&mut self, cx: Context) -> Next {
        match self.state {
            State::Start { pid, begun, .. } if cx.unit.service.kind == ServiceType::Notify => self.up(pid, begun, cx),
            State::Dead
            | State::Waiting
            | State::Spawning { .. }
            | State::StartPre { .. }
            | State::Start { .. }
            | State::Running { .. }
            | State::Exited
            | State::StopDrain { .. }
            | State::StopSigterm { .. }
            | State::StopSigkill { .. }
            | State::Failed { .. }
            | State::AutoRestart { .. } => self.ignore(),
        }
    }

    fn stopping(&mut self, cx: Context) -> Next {
        match self.state {
            State::Running { pid, since } => self.wind_down(pid, since, Why::Itself, cx),
            State::Dead
            | State::Waiting
            | State::Spawning { .. }
            | State::StartPre { .. }
            | State::Start { .. }
            | State::Exited
            | State::StopDrain { .. }
            | State::StopSigterm { .. }
            | State::StopSigkill { .. }
            | State::Failed { .. }
            | State::AutoRestart { .. } => self.ignore(),
        }
    }

    fn drained(&mut self, cx: Context) -> Next {
        match self.state {
            State::StopDrain { pid, why, .. } => terminate(pid, why, cx),
            State::Dead
            | State::Waiting
            | State::Spawning { .. }
            | State::StartPre { .. }
            | State::Start { .. }
            | State::Running { .. }
            | State::Exited
            | State::StopSigterm { .. }
            | State::StopSigkill { .. }
            | State::Failed { .. }
            | State::AutoRestart { .. } => self.ignore(),
        }
    }

    fn exited(&mut self, exit: Exit, cx: Context) -> Next {
        match self.state {
            State::StartPre { n, begun, deadline, .. } if exit == Exit::Code(0) => {
                let more = n + 1 < cx.unit.service.exec_start_pre.len();
                spawn(if more { Step::StartPre(n + 1) } else { Step::Start }, begun, deadline)
            }
            State::StartPre { .. } => self.not_started(exit.into(), cx),
            State::Start { begun, .. } => self.start_exited(exit, begun, cx),
            State::Running { since, .. } => {
                let uptime = self.leave(since, cx);
                self.ended(clean(exit, cx.unit), uptime, cx)
            }
            State::StopDrain { why, .. } | State::StopSigterm { why, .. } => {
                self.stopped(why, clean(exit, cx.unit), cx)
            }
            State::StopSigkill { why, .. } => self.stopped(why, Outcome::Timeout, cx),
            State::Dead
            | State::Waiting
            | State::Spawning { .. }
            | State::Exited
            | State::Failed { .. }
            | State::AutoRestart { .. } => self.ignore(),
        }
    }

    fn elapsed(&mut self, cx: Context) -> Next {
        match self.state {
            State::StartPre { pid, .. } | State::Start { pid, .. } => terminate(pid, Why::Timeout, cx),
            State::StopDrain { pid, why, .. } => terminate(pid, why, cx),
            State::StopSigterm { pid, why, .. } | State::StopSigkill { pid, why, .. } => kill(pid, why, cx),
            State::Failed { .. } => (State::Failed { hold: None }, None),
            State::AutoRestart { .. } => (State::Waiting, None),
            State::Dead | State::Waiting | State::Spawning { .. } | State::Running { .. } | State::Exited => {
                self.ignore()
            }
        }
    }

    /// It is active.
    fn up(&mut self, pid: u32, begun: Instant, cx: Context) -> Next {
        self.boot = Some(cx.now - begun);
        self.outcome = Outcome::Success;
        (State::Running { pid, since: cx.now }, None)
    }

    /// The main process has ended before the unit was active.
    fn start_exited(&mut self, exit: Exit, begun: Instant, cx: Context) -> Next {
        match (cx.unit.service.kind, exit) {
            (ServiceType::Oneshot, Exit::Code(0)) => {
                self.boot = Some(cx.now - begun);
                self.outcome = Outcome::Success;
                (if cx.unit.service.remain_after_exit { State::Exited } else { State::Dead }, None)
            }
            // Its program has run: the child's set-up ends with 200–245 when it fails.
            (ServiceType::Exec, Exit::Code(0)) if !probed(cx.unit) => {
                self.boot = Some(cx.now - begun);
                self.ended(Outcome::Success, Duration::ZERO, cx)
            }
            (ServiceType::Exec | ServiceType::Notify, Exit::Code(0)) => self.not_started(Outcome::Protocol, cx),
            (ServiceType::Exec | ServiceType::Notify | ServiceType::Oneshot, exit) => self.not_started(exit.into(), cx),
        }
    }

    /// Begins to stop a running unit: requests in flight end first.
    fn wind_down(&mut self, pid: u32, since: Instant, why: Why, cx: Context) -> Next {
        self.leave(since, cx);
        match cx.unit.socket {
            Some(_) => (State::StopDrain { pid, deadline: cx.drain(), why }, None),
            None => terminate(pid, why, cx),
        }
    }

    /// Leaves `Running`, with its uptime: a long one forgets the failures.
    fn leave(&mut self, since: Instant, cx: Context) -> Duration {
        let uptime = cx.now.saturating_duration_since(since);
        if uptime >= HEALTH {
            self.failures = 0;
        }
        uptime
    }

    /// The process of a unit that was being stopped has ended.
    fn stopped(&mut self, why: Why, outcome: Outcome, cx: Context) -> Next {
        match why {
            Why::Timeout => self.not_started(Outcome::Timeout, cx),
            Why::Itself => self.ended(outcome, PATIENCE, cx),
            Why::Idle | Why::Asked | Why::Shutdown => (self.rest(outcome), None),
        }
    }

    /// The process of an active unit has ended by itself.
    fn ended(&mut self, outcome: Outcome, uptime: Duration, cx: Context) -> Next {
        if self.restarts(outcome, cx) {
            let hold = self.hold(outcome, cx);
            return (State::AutoRestart { hold }, None);
        }
        let served = outcome == Outcome::Success && (cx.unit.socket.is_none() || uptime >= PATIENCE);
        if served || cx.limit.is_some() {
            return (self.rest(outcome), None);
        }
        // A tenant that exits at once, even with success, would be started by the next request, and again.
        let outcome = if outcome == Outcome::Success { Outcome::Protocol } else { outcome };
        let hold = self.hold(outcome, cx);
        let again = cx.unit.socket.is_some() && self.failures > 1;
        (State::Failed { hold: again.then_some(hold) }, None)
    }

    /// The start has failed: requests are refused until the next try.
    fn not_started(&mut self, outcome: Outcome, cx: Context) -> Next {
        if cx.limit.is_some() {
            return (self.rest(outcome), None);
        }
        let hold = Hold { refuse: true, ..self.hold(outcome, cx) };
        if self.restarts(outcome, cx) {
            return (State::AutoRestart { hold }, None);
        }
        (State::Failed { hold: cx.unit.socket.is_some().then_some(hold) }, None)
    }

    /// Down, with nothing to come.
    fn rest(&mut self, outcome: Outcome) -> State {
        self.outcome = outcome;
        if outcome == Outcome::Success { State::Dead } else { State::Failed { hold: None } }
    }

    /// Down, an automatic restart being given up.
    fn resting(&self, hold: Hold) -> State {
        if self.outcome == Outcome::Success { State::Dead } else { State::Failed { hold: Some(hold) } }
    }

    /// Counts a failure; the hold that follows it.
    fn hold(&mut self, outcome: Outcome, cx: Context) -> Hold {
        self.outcome = outcome;
        self.failures = self.failures.saturating_add(1);
        let delay = self.jitter.spread(restart::delay(self.failures, &cx.unit.service));
        Hold { until: later(cx.now, delay), refuse: delay > PATIENCE }
    }

    /// Restart= (systemd.service(5)).
    fn restarts(&self, outcome: Outcome, cx: Context) -> bool {
        let wanted = match cx.unit.service.restart {
            Restart::No => false,
            Restart::Always => true,
            Restart::OnFailure => outcome != Outcome::Success,
        };
        wanted && cx.limit.is_none()
    }
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
fn probed(unit: &Unit) -> bool {
    unit.service.kind == ServiceType::Exec && unit.socket.as_ref().is_some_and(|socket| socket.pass == Pass::Port)
}

/// The outcome of a process that had its time: a daemon that dies by the usual signals has ended well (systemd.service(5),
/// SuccessExitStatus=).
fn clean(exit: Exit, unit: &Unit) -> Outcome {
    match exit {
        Exit::Signal(libc::SIGHUP | libc::SIGINT | libc::SIGTERM | libc::SIGPIPE, _)
            if unit.service.kind != ServiceType::Oneshot =>
        {
            Outcome::Success
        }
        exit => exit.into(),
    }
}
