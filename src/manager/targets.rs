//! The lifecycle targets: when `ready`, `idle` and `resume` are reached, and what each starts. `shutdown` has its own file.

use super::job::Word;
use super::{Entry, Manager};
use crate::unit::{Name, Target, UnitId};

/// Which targets have been reached.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Targets {
    booted: bool,
    ready: bool,
    done: bool,
    lull: Lull,
}

/// Where the tenants stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Lull {
    /// None was up yet, or since the last lull.
    #[default]
    Fresh,
    /// One was up.
    Busy,
    /// The last one is down.
    Idle,
}

impl Manager {
    /// Every unit that boot wants is up, has finished, or has failed once.
    pub fn is_ready(&self) -> bool {
        self.targets.ready
    }

    /// And every unit that ready wants, too. Once so, it stays so.
    pub fn is_done(&self) -> bool {
        self.targets.done
    }

    /// The units that [`Manager::is_done`] waits for, in the order of their names.
    pub fn awaited(&self) -> Vec<&Name> {
        let open = self.units.values().filter(|entry| !self.targets.done && self.gates(entry));
        let mut names: Vec<_> = open.map(|entry| &entry.unit.name).collect();
        names.sort();
        names
    }

    /// Boot or ready wants it, and it has not done its work.
    fn gates(&self, entry: &Entry) -> bool {
        let wanted = |target| entry.unit.wanted_by.contains(&target);
        let of_boot = wanted(Target::Boot) && !self.targets.ready && !entry.tried;
        of_boot || wanted(Target::Ready) && (!self.targets.ready || !entry.tried || entry.job.is_some())
    }

    /// What boot wants has been started.
    pub(super) fn is_booted(&self) -> bool {
        self.targets.booted
    }

    pub(super) fn booted(&mut self) {
        if self.closing.is_some() {
            return;
        }
        self.targets.booted = true;
        self.dirty = true;
        for (id, Entry { door, unit, .. }) in &mut self.units {
            door.watch(id, unit, &mut self.actions);
        }
        self.start_target(Target::Boot);
    }

    /// A tenant is up.
    pub(super) fn busy(&mut self) {
        self.targets.lull = Lull::Busy;
    }

    /// A tenant is wanted: the first one after a lull lets the hooks of `resume` go ahead.
    pub(super) fn resume(&mut self) {
        if self.closing.is_none() && self.targets.lull == Lull::Idle {
            // Idle comes again when one was up: a tenant that cannot even start would make it come for ever.
            self.targets.lull = Lull::Fresh;
            self.start_target(Target::Resume);
        }
    }

    /// Something has changed: is a target reached by it?
    pub(super) fn reach(&mut self) {
        if self.closing.is_some() || !self.targets.booted {
            return;
        }
        let first = |entry: &Entry| entry.unit.wanted_by.contains(&Target::Boot);
        if !self.targets.ready && self.units.values().all(|entry| entry.tried || !first(entry)) {
            self.targets.ready = true;
            self.start_target(Target::Ready);
        }
        self.targets.done |= self.targets.ready && !self.units.values().any(|entry| self.gates(entry));
        if self.targets.lull == Lull::Busy && self.counts.quiet() {
            self.targets.lull = Lull::Idle;
            self.start_target(Target::Idle);
        }
    }

    /// Starts what the target wants, high units first.
    fn start_target(&mut self, target: Target) {
        // A tenant is no hook: its coming and going is what the targets after boot are about.
        let tenants = matches!(target, Target::Boot | Target::Ready);
        let wanted = self.units.iter().filter(|(_, entry)| entry.unit.wanted_by.contains(&target));
        let wanted = wanted.filter(|(_, entry)| tenants || !entry.tenant());
        let mut wanted: Vec<(bool, UnitId)> = wanted.map(|(id, entry)| (!entry.high(), id)).collect();
        wanted.sort_by_key(|&(normal, _)| normal);
        wanted.into_iter().for_each(|(_, id)| self.start(id, Word::NOBODY));
    }
}
