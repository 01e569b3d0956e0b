//! Which waiting unit may begin: its order, what it requires, and the boot slots. First wanted, first begun.

use std::time::Instant;

use super::event::{Action, JobKind, JobResult, Line, Outcome};
use super::restart::PATIENCE;
use super::service::Input;
use super::state::State;
use super::{Entry, Manager};
use crate::unit::{Name, Priority, ServiceType, UnitId};

/// What is to be done with a unit that waits.
enum Turn {
    Begin,
    Wait,
    /// It requires this one, which failed.
    Fail(Name),
    /// It does not wait any more.
    Over,
}

impl Manager {
    /// Takes a unit that has become `Waiting` into the queue, with what it needs.
    pub(super) fn enqueue(&mut self, id: UnitId) {
        let Some(entry) = self.units.get_mut(id) else { return };
        entry.wanted = false;
        let asked = entry.job.as_ref().is_some_and(|job| !job.ids.is_empty());
        if entry.job.is_none() {
            entry.job = Some(super::job::Job { kind: JobKind::Start, ids: Vec::new() });
        }
        self.queue.push(id);
        let links = self.graph.links(id);
        for other in [&links.requires[..], &links.wants[..]].concat() {
            self.pull(other, asked);
        }
    }

    /// Starts a dependency. A failed one in its hold is only tried when a person asks.
    fn pull(&mut self, id: UnitId, asked: bool) {
        let Some(entry) = self.units.get(id) else { return };
        match entry.service.state {
            State::Failed { hold: Some(_) } | State::AutoRestart { .. } if !asked => {}
            state if state.up() => {}
            _ => self.start(id, None),
        }
    }

    /// Begins every start whose turn has come.
    pub(super) fn schedule(&mut self) {
        while std::mem::take(&mut self.dirty) {
            for id in std::mem::take(&mut self.queue) {
                match self.turn(id) {
                    Turn::Begin => self.step(id, Input::Begin),
                    Turn::Wait => self.queue.push(id),
                    Turn::Fail(name) => self.fail_dependency(id, name),
                    Turn::Over => {}
                }
            }
        }
    }

    fn turn(&self, id: UnitId) -> Turn {
        let Some(entry) = self.units.get(id).filter(|entry| entry.service.state == State::Waiting) else {
            return Turn::Over;
        };
        if let Some(name) = self.broken(id) {
            return Turn::Fail(name);
        }
        let slot = !entry.tenant() || self.booting < self.pool.boots.max(1);
        if slot && self.ordered(id, entry) { Turn::Begin } else { Turn::Wait }
    }

    /// The first unit that `id` requires and that is down for longer than requests should wait.
    fn broken(&self, id: UnitId) -> Option<Name> {
        let required = self.graph.links(id).requires.iter().filter_map(|&other| self.units.get(other));
        required.filter(|other| other.lost(self.now)).map(|other| other.unit.name.clone()).next()
    }

    /// Nothing that it starts after is on its way up or down.
    fn ordered(&self, id: UnitId, entry: &Entry) -> bool {
        let links = self.graph.links(id);
        let high = entry.unit.priority == Priority::High || links.early;
        let idle = |other: &UnitId| {
            let Some(entry) = self.units.get(*other) else { return true };
            let retrying = matches!(entry.service.state, State::AutoRestart { .. }) && links.requires.contains(other);
            !entry.moving() && !retrying
        };
        (high || self.graph.high.iter().all(|&other| self.units.get(other).is_none_or(|other| other.tried)))
            && links.after.iter().all(idle)
    }

    /// `id` has failed to start: whatever waits for it cannot start either.
    pub(super) fn fail_dependents(&mut self, id: UnitId) {
        let Some(name) = self.units.get(id).map(|entry| entry.unit.name.clone()) else { return };
        for other in self.graph.links(id).required_by.clone() {
            if self.units.get(other).is_some_and(|entry| entry.service.state == State::Waiting) {
                self.fail_dependency(other, name.clone());
            }
        }
    }

    fn fail_dependency(&mut self, id: UnitId, name: Name) {
        self.say(Action::Tell(id, Line::Dependency(name.clone())));
        self.finish(id, JobResult::Dependency(name));
        self.step(id, Input::Fail(Outcome::Dependency));
    }
}

impl Entry {
    /// It takes a boot slot while it comes up.
    pub(super) fn tenant(&self) -> bool {
        self.unit.route.is_some() && self.unit.priority == Priority::Normal
    }

    /// Whoever starts after it waits.
    fn moving(&self) -> bool {
        self.service.state.stopping() || self.coming()
    }

    fn coming(&self) -> bool {
        self.job.as_ref().is_some_and(|job| job.kind != JobKind::Stop)
    }

    /// Whoever requires it cannot start.
    fn lost(&self, now: Instant) -> bool {
        let coming = self.coming();
        match self.service.state {
            State::Dead => !coming && self.unit.service.kind != ServiceType::Oneshot,
            State::Failed { .. } => !coming,
            State::AutoRestart { hold } => !coming && hold.until > now + PATIENCE,
            State::Ending(_) => !coming,
            State::Waiting | State::Starting(_) | State::Running(_) | State::Reloading(_) | State::Exited => false,
        }
    }

    /// The result of a start that has ended.
    pub(super) fn verdict(&self) -> JobResult {
        match self.service.outcome {
            Outcome::Success => JobResult::Done,
            outcome => JobResult::Failed(outcome),
        }
    }
}
