//! The states of a service, with what belongs to each, and the questions asked about them. Never a change.

use std::time::Instant;

use super::event::{ActiveState, Step, Why};

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

    /// A start waits for its turn.
    pub(super) fn waiting(&self) -> bool {
        *self == Self::Waiting
    }

    /// It will be tried again by itself.
    pub(super) fn retrying(&self) -> bool {
        matches!(self, Self::AutoRestart { .. })
    }

    pub(super) fn reloading(&self) -> bool {
        false
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
            Self::Spawning { .. } | Self::Start { .. } => (ActiveState::Activating, "start"),
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
