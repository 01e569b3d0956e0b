//! The states of a service, with what belongs to each, and the questions asked about them. Never a change.

use std::time::{Duration, Instant};

use super::event::{ActiveState, Outcome, Why};
use super::procs::{Procs, Slot};

/// Where a service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Dead,
    /// A start job waits for its order or a boot slot; no deadline runs.
    Waiting,
    Starting(Starting),
    Running(Running),
    /// A oneshot that remains active.
    Exited,
    Reloading(Reloading),
    Ending(Ending),
    Failed {
        hold: Option<Hold>,
    },
    AutoRestart {
        hold: Hold,
    },
}

/// From the first spawn until it is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Starting {
    pub stage: Start,
    pub procs: Procs,
    pub begun: Instant,
    pub deadline: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// `exec_start_pre[n]`.
    Pre(usize),
    /// `exec_start`, until it is ready.
    Main,
    /// The same, forked from the template: it has until then to be ready.
    Fork(Instant),
    /// What was forked is of no use: it goes, and `exec_start` follows.
    Unfit,
    /// `exec_start_post[n]`.
    Post(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Running {
    pub main: u32,
    pub since: Instant,
    /// When the next WATCHDOG=1 is due.
    pub watchdog: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reloading {
    pub stage: Reload,
    pub procs: Procs,
    /// Since when it runs.
    pub since: Instant,
    pub deadline: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reload {
    /// `exec_reload[n]`.
    Command(usize),
    /// Another template boots beside the one that is there.
    Replace,
    /// SIGHUP was sent then; RELOADING=1 must follow.
    Signal(Instant),
    /// RELOADING=1 was said; READY=1 must follow.
    Notify,
}

/// From the decision to end until nothing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    pub stage: Stop,
    pub procs: Procs,
    /// Since when it is in this stage.
    pub since: Instant,
    pub deadline: Instant,
    pub end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Requests in flight end before anything else.
    Drain,
    /// `exec_stop[n]`.
    Command(usize),
    /// SIGABRT was sent, because WATCHDOG=1 did not come.
    Watchdog,
    Sigterm,
    Sigkill,
    /// `exec_stop_post[n]`.
    Post(usize),
    /// What is left behind has got `kill_signal`.
    FinalSigterm,
    FinalSigkill,
}

/// Why it ends, and how it has gone so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub why: Why,
    /// The first failure, if there is one.
    pub outcome: Outcome,
    /// How long it was up.
    pub uptime: Duration,
    /// Every process has got `kill_signal`: what is left is not told twice.
    pub told: bool,
    /// At once: no more commands, no more patience.
    pub hurry: bool,
}

/// A failed unit is not started before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hold {
    pub until: Instant,
    /// Requests are refused meanwhile; else they wait.
    pub refuse: bool,
}

impl End {
    pub(super) fn new(why: Why, outcome: Outcome) -> Self {
        Self { why, outcome, uptime: Duration::ZERO, told: false, hurry: false }
    }

    /// The first failure stays.
    pub(super) fn note(&mut self, outcome: Outcome) {
        if self.outcome == Outcome::Success {
            self.outcome = outcome;
        }
    }
}

impl State {
    /// The processes of this state.
    pub(super) fn procs(&self) -> Procs {
        match *self {
            Self::Starting(Starting { procs, .. })
            | Self::Reloading(Reloading { procs, .. })
            | Self::Ending(Ending { procs, .. }) => procs,
            Self::Running(Running { main, .. }) => Procs::main(main),
            Self::Dead | Self::Waiting | Self::Exited | Self::Failed { .. } | Self::AutoRestart { .. } => {
                Procs::default()
            }
        }
    }

    /// The main process; the command at hand if there is none.
    pub(super) fn pid(&self) -> Option<u32> {
        self.procs().pids().next()
    }

    /// When `Elapsed` is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match *self {
            Self::Starting(Starting { stage: Start::Fork(until), deadline, .. }) => {
                Some(deadline.map_or(until, |deadline| deadline.min(until)))
            }
            Self::Starting(Starting { deadline, .. }) => deadline,
            Self::Running(Running { watchdog, .. }) => watchdog,
            Self::Reloading(Reloading { deadline, .. }) | Self::Ending(Ending { deadline, .. }) => Some(deadline),
            Self::Failed { hold } => hold.map(|hold| hold.until),
            Self::AutoRestart { hold } => Some(hold.until),
            Self::Dead | Self::Waiting | Self::Exited => None,
        }
    }

    /// What keeps it from being started.
    pub(super) fn hold(&self) -> Option<Hold> {
        match *self {
            Self::Failed { hold } => hold,
            Self::AutoRestart { hold } => Some(hold),
            Self::Dead
            | Self::Waiting
            | Self::Starting(_)
            | Self::Running(_)
            | Self::Exited
            | Self::Reloading(_)
            | Self::Ending(_) => None,
        }
    }

    /// A start waits for its turn.
    pub(super) fn waiting(&self) -> bool {
        *self == Self::Waiting
    }

    /// From the first spawn until it is up or has failed.
    pub(super) fn coming(&self) -> bool {
        matches!(self, Self::Starting(_))
    }

    pub(super) fn up(&self) -> bool {
        matches!(self, Self::Running(_) | Self::Exited | Self::Reloading(_))
    }

    pub(super) fn reloading(&self) -> bool {
        matches!(self, Self::Reloading(_))
    }

    pub(super) fn stopping(&self) -> bool {
        matches!(self, Self::Ending(_))
    }

    /// Nothing is there and nothing is asked.
    pub(super) fn down(&self) -> bool {
        matches!(self, Self::Dead | Self::Failed { .. } | Self::AutoRestart { .. })
    }

    /// It will be tried again by itself.
    pub(super) fn retrying(&self) -> bool {
        matches!(self, Self::AutoRestart { .. })
    }

    /// Something has to be stopped before we can end.
    pub(super) fn live(&self) -> bool {
        self.coming() || self.up() || self.stopping()
    }

    /// Why it is being stopped.
    pub(super) fn why(&self) -> Option<Why> {
        match self {
            Self::Ending(Ending { end, .. }) => Some(end.why),
            Self::Dead
            | Self::Waiting
            | Self::Starting(_)
            | Self::Running(_)
            | Self::Exited
            | Self::Reloading(_)
            | Self::Failed { .. }
            | Self::AutoRestart { .. } => None,
        }
    }

    /// A start that is not over: if the unit is down next, the start has failed.
    pub(super) fn attempting(&self) -> bool {
        match self.why() {
            Some(why) => matches!(why, Why::Timeout | Why::Failed | Why::Finished),
            None => self.coming() || self.waiting(),
        }
    }

    /// The same with these processes, where there may be some.
    pub(super) fn with_procs(self, procs: Procs) -> Self {
        match self {
            Self::Starting(starting) => Self::Starting(Starting { procs, ..starting }),
            Self::Reloading(reloading) => Self::Reloading(Reloading { procs, ..reloading }),
            Self::Ending(ending) => Self::Ending(Ending { procs, ..ending }),
            Self::Dead
            | Self::Waiting
            | Self::Running(_)
            | Self::Exited
            | Self::Failed { .. }
            | Self::AutoRestart { .. } => self,
        }
    }

    /// Another process is the main one from now on.
    pub(super) fn with_main(self, pid: u32) -> Self {
        match self {
            Self::Running(running) => Self::Running(Running { main: pid, ..running }),
            // Only once there is one: MAINPID= of a pre-command means nothing.
            _ => match self.procs() {
                Procs { main: Slot::Pid(_), control } => self.with_procs(Procs { main: Slot::Pid(pid), control }),
                Procs { .. } => self,
            },
        }
    }

    /// The phase may last until then, if that is later.
    pub(super) fn extended(self, until: Instant) -> Self {
        match self {
            Self::Starting(starting) => {
                let deadline = starting.deadline.map(|deadline| deadline.max(until));
                Self::Starting(Starting { deadline, ..starting })
            }
            Self::Reloading(reloading) => {
                Self::Reloading(Reloading { deadline: reloading.deadline.max(until), ..reloading })
            }
            Self::Ending(ending) => Self::Ending(Ending { deadline: ending.deadline.max(until), ..ending }),
            Self::Dead
            | Self::Waiting
            | Self::Running(_)
            | Self::Exited
            | Self::Failed { .. }
            | Self::AutoRestart { .. } => self,
        }
    }

    /// systemd's words.
    pub(super) fn words(&self) -> (ActiveState, &'static str) {
        match self {
            Self::Dead => (ActiveState::Inactive, "dead"),
            Self::Waiting => (ActiveState::Activating, "waiting"),
            Self::Starting(starting) => (ActiveState::Activating, starting.stage.word()),
            Self::Running(_) => (ActiveState::Active, "running"),
            Self::Exited => (ActiveState::Active, "exited"),
            Self::Reloading(reloading) => (ActiveState::Reloading, reloading.stage.word()),
            Self::Ending(ending) => (ActiveState::Deactivating, ending.stage.word()),
            Self::Failed { .. } => (ActiveState::Failed, "failed"),
            Self::AutoRestart { .. } => (ActiveState::Activating, "auto-restart"),
        }
    }
}

impl Start {
    fn word(self) -> &'static str {
        match self {
            Self::Pre(_) => "start-pre",
            Self::Main => "start",
            Self::Fork(_) => "start-fork",
            Self::Unfit => "start-unfit",
            Self::Post(_) => "start-post",
        }
    }
}

impl Reload {
    fn word(self) -> &'static str {
        match self {
            Self::Command(_) => "reload",
            Self::Replace => "reload-replace",
            Self::Signal(_) => "reload-signal",
            Self::Notify => "reload-notify",
        }
    }
}

impl Stop {
    fn word(self) -> &'static str {
        match self {
            Self::Drain | Self::Command(_) => "stop",
            Self::Watchdog => "stop-watchdog",
            Self::Sigterm => "stop-sigterm",
            Self::Sigkill => "stop-sigkill",
            Self::Post(_) => "stop-post",
            Self::FinalSigterm => "final-sigterm",
            Self::FinalSigkill => "final-sigkill",
        }
    }
}
