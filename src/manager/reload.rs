//! A new set of units in the place of the old one: who stays keeps its key, its processes and its state. Never a socket.

use std::collections::HashMap;
use std::time::Instant;

use super::event::{Action, JobResult, Why};
use super::graph::Graph;
use super::job::Word;
use super::pool::Counts;
use super::restart::Jitter;
use super::service::Input;
use super::state::State;
use super::{Entry, Manager};
use crate::config;
use crate::unit::{Change, Name, Target, Unit, UnitId};

/// What a reload did to one unit, and which keys have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The unit.
    pub name: Name,
    /// What was done.
    pub change: Change,
    /// Those that count now first.
    pub keys: Vec<&'static str>,
}

impl Manager {
    /// These are the units from now on. Who is not among them is stopped, and then forgotten ([`Action::Remove`]); who is
    /// new is started if boot wants it. What waits for a unit's next start is applied as soon as it is down.
    ///
    /// The answer names every unit, sorted. During the shutdown nothing changes, and nothing is named.
    pub fn replace(
        &mut self,
        now: Instant,
        units: Vec<Unit>,
        pool: config::Pool,
        shutdown: config::Shutdown,
    ) -> Vec<Changed> {
        if self.closing.is_some() {
            return Vec::new();
        }
        (self.now, self.pool, self.shutdown) = (now, pool, shutdown);
        // One that is still on its way out may come back.
        let mut old: HashMap<Name, UnitId> =
            self.units.iter().map(|(id, entry)| (entry.unit.name.clone(), id)).collect();
        let mut told = Vec::with_capacity(units.len());
        self.names.clear();
        for unit in units {
            let (id, changed) = match old.remove(&unit.name) {
                Some(id) => (id, self.keep(id, unit)),
                None => self.add(unit),
            };
            self.names.insert(changed.name.clone(), id);
            told.push(changed);
        }
        told.extend(old.values().filter_map(|&id| self.mark(id)));
        // Before anything moves: who is a tenant has changed.
        self.graph = Graph::new(&self.units, &self.names);
        self.recount();
        old.into_values().for_each(|id| self.expel(id));
        // Who waits may need others by now, or conflict with others.
        std::mem::take(&mut self.queue).into_iter().for_each(|id| self.enqueue(id));
        self.begin();
        self.dirty = true;
        self.settle();
        told.sort_by(|a, b| a.name.cmp(&b.name));
        told
    }

    /// A unit that was there before.
    fn keep(&mut self, id: UnitId, unit: Unit) -> Changed {
        let Some(entry) = self.units.get_mut(id) else {
            return Changed { name: unit.name, change: Change::Unchanged, keys: Vec::new() };
        };
        let returns = std::mem::take(&mut entry.leaving);
        entry.tried &= !returns;
        let (difference, idle) = (entry.unit.difference(&unit), entry.idle());
        let change = if returns { Change::Added } else { difference.change(!idle, entry.high()) };
        let name = unit.name.clone();
        entry.unit.adopt(&unit);
        entry.next = Some(Box::new(unit)).filter(|_| !difference.at_start.is_empty());
        if !difference.at_once.is_empty() {
            self.say(Action::Renew(id));
        }
        if idle {
            self.apply(id);
        }
        self.renew_template(id);
        Changed { name, change, keys: difference.keys() }
    }

    fn add(&mut self, unit: Unit) -> (UnitId, Changed) {
        let changed = Changed { name: unit.name.clone(), change: Change::Added, keys: Vec::new() };
        self.seed = self.seed.wrapping_add(1);
        let id = self.units.insert(Entry::new(unit, Jitter::new(self.seed)));
        self.say(Action::Renew(id));
        if let Some(Entry { door, unit, .. }) = self.units.get_mut(id) {
            door.watch(id, unit, &mut self.actions);
        }
        (id, changed)
    }

    /// A unit that is no more: nothing starts it again, and no request reaches it.
    fn mark(&mut self, id: UnitId) -> Option<Changed> {
        let entry = self.units.get_mut(id)?;
        let changed = Changed { name: entry.unit.name.clone(), change: Change::Removed, keys: Vec::new() };
        let first = !std::mem::replace(&mut entry.leaving, true);
        (entry.wanted, entry.next) = (false, None);
        (entry.unit.route, entry.unit.service.essential) = (None, false);
        entry.unit.wanted_by.clear();
        self.say(Action::Renew(id));
        first.then_some(changed)
    }

    /// What it does ends as for a stop.
    fn expel(&mut self, id: UnitId) {
        self.finish(id, JobResult::Canceled);
        if self.units.get(id).is_some_and(|entry| entry.service.state.down()) {
            self.say(Action::Remove(id));
        } else {
            self.step(id, Input::Halt(Why::Removed));
        }
    }

    /// Starts what boot wants and has not seen: normal units wait for the first start of the high ones.
    fn begin(&mut self) {
        let fresh = |entry: &Entry| !entry.leaving && !entry.tried && entry.unit.wanted_by.contains(&Target::Boot);
        let fresh = self.units.iter().filter(|(_, entry)| fresh(entry));
        let (high, normal): (Vec<_>, Vec<_>) = fresh.map(|(id, entry)| (id, entry.high())).partition(|(_, high)| *high);
        high.into_iter().chain(normal).for_each(|(id, _)| self.start(id, Word::NOBODY));
    }

    /// A unit without a process becomes what the configuration says.
    fn apply(&mut self, id: UnitId) -> bool {
        let Some(entry) = self.units.get_mut(id) else { return false };
        let Some(next) = entry.next.take() else { return false };
        entry.unit = *next;
        let state = entry.service.state;
        self.actions.push_back(Action::Renew(id));
        entry.door.renew(id, &entry.unit, &state, &mut self.actions);
        true
    }

    /// The unit has gone down: what has waited for that.
    pub(super) fn has_gone(&mut self, id: UnitId) {
        // Nothing starts any more when all ends.
        if self.closing.is_none() && self.apply(id) {
            self.graph = Graph::new(&self.units, &self.names);
            self.recount();
        }
        if self.is_leaving(id) {
            self.say(Action::Remove(id));
        }
    }

    /// Whether a unit has still to be removed: it may have come back meanwhile. If so, it is forgotten.
    pub(super) fn forget(&mut self, id: UnitId) -> bool {
        if !self.units.get(id).is_some_and(|entry| entry.leaving && entry.service.state.down()) {
            return false;
        }
        let Some(entry) = self.units.remove(id) else { return false };
        if let Some(deadline) = entry.service.state.deadline() {
            self.timers.remove(&(deadline, id));
        }
        if let Some(at) = entry.unused {
            self.unused.remove(&(at, id));
        }
        self.queue.retain(|&other| other != id);
        self.halts.retain(|&other| other != id);
        self.graph = Graph::new(&self.units, &self.names);
        true
    }

    /// It is being removed.
    pub(super) fn is_leaving(&self, id: UnitId) -> bool {
        self.units.get(id).is_some_and(|entry| entry.leaving)
    }

    /// Routes have come and gone: who is a tenant has changed.
    fn recount(&mut self) {
        self.counts = Counts::default();
        let tenants = self.units.values().filter(|entry| entry.tenant());
        tenants.for_each(|entry| self.counts.follow(State::Dead, entry.service.state));
    }
}

impl Entry {
    /// It has no process, and nothing that it was started with counts any more.
    fn idle(&self) -> bool {
        self.service.state.down() || self.service.state.waiting()
    }
}
