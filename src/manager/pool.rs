//! How many tenants there are, and room for one more (`[pool]`). Never whose turn it is.

use super::Manager;
use super::event::{Action, Why};
use super::service::Input;
use super::state::State;
use crate::unit::UnitId;

/// Tenants by what they do. Kept with every change of a state.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    /// From the spawn until they are up.
    pub booting: usize,
    /// From the spawn until nothing is left.
    running: usize,
    /// Of those, the ones that are being stopped.
    leaving: usize,
    /// Running, waiting for their turn, or due to come back by themselves.
    afoot: usize,
}

impl Counts {
    /// A tenant goes from `old` to `new`.
    pub(super) fn follow(&mut self, old: State, new: State) {
        let change = |count: usize, of: fn(State) -> bool| count + usize::from(of(new)) - usize::from(of(old));
        self.booting = change(self.booting, |state| state.coming());
        self.running = change(self.running, |state| state.live());
        self.leaving = change(self.leaving, |state| state.live() && (state.stopping() || state.why().is_some()));
        self.afoot = change(self.afoot, |state| !state.rests());
    }

    /// The last tenant is down.
    pub(super) fn quiet(&self) -> bool {
        self.afoot == 0
    }
}

impl Manager {
    /// No place is free.
    pub(super) fn full(&self) -> bool {
        self.pool.running.is_some_and(|most| self.counts.running >= most.max(1))
    }

    /// The tenant that is idle longest makes room, if that is still wanted.
    pub(super) fn evict(&mut self, id: UnitId) {
        let idle = self.units.get(id).is_some_and(|entry| entry.tenant() && entry.service.state.up());
        if idle && std::mem::take(&mut self.making_room) {
            self.step(id, Input::Halt(Why::Room));
            // If one was not enough, this is said again; else it is taken back.
            self.settle();
            if !self.making_room && !self.ended {
                self.say(Action::MakeRoom(false));
            }
        }
    }

    /// Asks for room as long as more tenants wait for it than are about to leave.
    pub(super) fn make_room(&mut self) {
        let wanted = self.closing.is_none() && self.crowd > self.counts.leaving;
        if std::mem::replace(&mut self.making_room, wanted) != wanted {
            self.say(Action::MakeRoom(wanted));
        }
    }
}
