//! What the proxy hears of a unit with a socket: derived from the service's state alone, never decided anew.

use std::time::Instant;

use super::event::Action;
use super::procs::{Procs, Slot};
use super::state::{Start, Starting, State};
use crate::unit::{Pass, Unit, UnitId};

/// How requests stand to the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// No process; a request starts one.
    Shut,
    /// No process; it comes back by itself, and requests wait for it.
    Due,
    /// No process; requests are answered with 503 until then.
    Refused(Instant),
    /// A process is coming, or its start waits for its turn; requests wait.
    Coming,
    /// Requests are sent.
    Open,
    /// The process goes; requests wait for the next.
    Held,
}

impl Door {
    /// The door that belongs to `state`.
    fn of(state: &State, pass: Pass) -> Self {
        match state {
            State::Dead => Self::Shut,
            State::Failed { hold: Some(hold) } | State::AutoRestart { hold } if hold.refuse => {
                Self::Refused(hold.until)
            }
            State::Failed { .. } => Self::Shut,
            State::AutoRestart { .. } => Self::Due,
            State::Waiting => Self::Coming,
            State::Starting(Starting { stage: Start::Pre(_), .. }) => Self::Coming,
            State::Starting(Starting { stage: Start::Main, .. }) if pass == Pass::Port => Self::Coming,
            // Nothing is sent to a process that may have to go again.
            State::Starting(Starting { stage: Start::Fork(_) | Start::Unfit, .. }) => Self::Coming,
            // Before there is a process, requests would be sent to nobody.
            State::Starting(Starting { procs: Procs { main: Slot::Due, .. }, .. }) => Self::Coming,
            State::Starting(_) | State::Running(_) | State::Reloading(_) | State::Exited => Self::Open,
            State::Ending(_) => Self::Held,
        }
    }

    /// Requests wait for what is there or comes; they must hear when it does not.
    fn promised(self) -> bool {
        matches!(self, Self::Due | Self::Coming | Self::Open | Self::Held)
    }
}

/// The door of one unit and whether its listener is watched.
#[derive(Debug)]
pub(super) struct Doorman {
    door: Door,
    watching: bool,
}

impl Doorman {
    pub(super) fn new() -> Self {
        Self { door: Door::Shut, watching: false }
    }

    /// Watches the listener of a unit that is down, where it is ours to watch.
    pub(super) fn watch(&mut self, id: UnitId, unit: &Unit, say: &mut impl Extend<Action>) {
        let ours = unit.socket.as_ref().is_some_and(|socket| socket.pass == Pass::Fds);
        if ours && self.door == Door::Shut && !self.watching {
            self.watching = true;
            say.extend([Action::Watch(id)]);
        }
    }

    /// The unit has another socket, or none, and no process.
    pub(super) fn renew(&mut self, id: UnitId, unit: &Unit, state: &State, say: &mut impl Extend<Action>) {
        let ours = unit.socket.as_ref().is_some_and(|socket| socket.pass == Pass::Fds);
        if self.watching && !ours {
            self.watching = false;
            say.extend([Action::Unwatch(id)]);
        }
        if unit.socket.is_none() {
            self.door = Door::Shut;
        }
        self.follow(id, unit, state, false, say);
        self.watch(id, unit, say);
    }

    /// Follows the service into `state`. `closing`: nothing will be started any more, so nothing is watched.
    pub(super) fn follow(
        &mut self,
        id: UnitId,
        unit: &Unit,
        state: &State,
        closing: bool,
        say: &mut impl Extend<Action>,
    ) {
        let Some(door) = unit.socket.as_ref().map(|socket| Door::of(state, socket.pass)) else { return };
        let old = std::mem::replace(&mut self.door, door);
        if old == door {
            return;
        }
        if self.watching && matches!(door, Door::Open | Door::Refused(_)) {
            self.watching = false;
            say.extend([Action::Unwatch(id)]);
        }
        if old.promised() && (!door.promised() || door == Door::Due) {
            say.extend([Action::Gone(id)]);
        }
        match door {
            Door::Open => say.extend([Action::Open(id)]),
            Door::Held => say.extend([Action::Hold(id)]),
            Door::Refused(until) => say.extend([Action::Refuse(id, until)]),
            Door::Shut if !closing => self.watch(id, unit, say),
            Door::Shut | Door::Due | Door::Coming => {}
        }
    }
}
