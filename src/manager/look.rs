//! What can be asked of the manager: units, pids, states. Never a change.

use super::{Entry, Manager, Status};
use crate::unit::{Name, NotifyAccess, Unit, UnitId};

impl Manager {
    /// Every unit, in the order given.
    pub fn ids(&self) -> impl Iterator<Item = UnitId> {
        self.units.keys()
    }

    /// The unit of this key.
    pub fn unit(&self, id: UnitId) -> Option<&Unit> {
        self.units.get(id).map(|entry| &entry.unit)
    }

    /// The unit of this name.
    pub fn find(&self, name: &str) -> Option<UnitId> {
        Name::new(name).ok().and_then(|name| self.names.get(&name).copied())
    }

    /// The unit whose process (main or pre-command) this is.
    pub fn owner(&self, pid: u32) -> Option<UnitId> {
        self.owners.get(&pid).copied()
    }

    /// The main process and the command at hand of a unit.
    pub fn pids(&self, id: UnitId) -> impl Iterator<Item = u32> {
        self.units.get(id).map(|entry| entry.service.state.procs()).unwrap_or_default().pids()
    }

    /// The main process of a unit.
    pub fn main(&self, id: UnitId) -> Option<u32> {
        self.units.get(id).and_then(|entry| entry.service.state.procs().main.pid())
    }

    /// Whose words on the notify socket count in this run of the unit.
    pub fn access(&self, id: UnitId) -> NotifyAccess {
        let of = |entry: &Entry| entry.service.access.unwrap_or(entry.unit.service.notify_access);
        self.units.get(id).map_or(NotifyAccess::None, of)
    }

    /// What `tenantd status` shows of a unit.
    pub fn status(&self, id: UnitId) -> Option<Status> {
        let entry = self.units.get(id)?;
        let (active, sub) = entry.service.state.words();
        Some(Status {
            name: entry.unit.name.clone(),
            description: entry.unit.description.clone(),
            priority: entry.unit.priority,
            active,
            sub,
            outcome: entry.service.outcome,
            pid: entry.service.state.pid(),
            main: entry.service.state.procs().main.pid(),
            last_exit: entry.service.last_exit,
            text: entry.text.clone(),
            starts: entry.service.starts,
            failures: entry.service.failures(self.now),
            restarts: entry.service.restarts,
            limited: entry.service.limit.hit(),
            retry: entry.service.state.hold().map(|hold| hold.until),
            since: entry.since,
            forked: entry.service.forked,
            boot: entry.service.boot,
        })
    }
}
