//! Which waiting unit may begin: its order, what it requires and conflicts with, boot slots, room. First wanted, first begun.

use std::time::Instant;

use super::event::{Action, JobKind, JobResult, Line, Outcome, Why};
use super::job::{Job, Word};
use super::restart::PATIENCE;
use super::service::Input;
use super::{Entry, Manager};
use crate::unit::{Name, Priority, ServiceType, UnitId};

/// What is to be done with a unit that waits.
enum Turn {
    Begin,
    Wait,
    /// It waits for nothing but a place in the pool.
    Crowded,
    /// These are in its way, and have to go first.
    Displace(Vec<UnitId>),
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
        let asked = entry.job.get_or_insert_with(Job::anonymous).asked;
        if entry.tenant() {
            self.resume();
        }
        self.queue.push(id);
        let links = self.graph.links(id);
        for other in [&links.requires[..], &links.wants[..]].concat() {
            self.pull(other, asked);
        }
    }

    /// Starts a dependency. Only a person's word tries one that is in its hold, or cancels a stop.
    fn pull(&mut self, id: UnitId, asked: bool) {
        let closing = self.closing.is_some() && !self.hook(id);
        let Some(entry) = self.units.get_mut(id).filter(|_| !closing) else { return };
        let state = entry.service.state;
        if entry.has(JobKind::Stop) && !asked {
            entry.wanted = true;
        } else if asked || !(state.down() && state.hold().is_some() || state.up() && entry.job.is_none()) {
            self.start(id, Word::NOBODY);
        }
    }

    /// Begins every stop and every start whose turn has come.
    pub(super) fn schedule(&mut self) {
        while std::mem::take(&mut self.dirty) {
            for id in std::mem::take(&mut self.halts) {
                if self.held(id) {
                    self.halts.push(id);
                } else {
                    self.halt(id);
                }
            }
            let mut waiting = Vec::new();
            self.crowd = 0;
            for id in std::mem::take(&mut self.queue) {
                match self.turn(id) {
                    Turn::Begin => self.step(id, Input::Begin),
                    Turn::Wait => waiting.push(id),
                    Turn::Crowded => {
                        self.crowd += 1;
                        waiting.push(id);
                    }
                    Turn::Displace(others) => {
                        waiting.push(id);
                        others.into_iter().for_each(|other| self.stop(other, Word::because(Why::Conflict, false)));
                    }
                    Turn::Fail(name) => self.fail_dependency(id, name),
                    Turn::Over => {}
                }
            }
            // What has come meanwhile comes after those who waited before.
            waiting.append(&mut self.queue);
            self.queue = waiting;
        }
    }

    /// Its stop waits for units that start after it, and stop before it.
    fn held(&self, id: UnitId) -> bool {
        let stops = |other: &UnitId| {
            self.units.get(*other).is_some_and(|other| {
                let state = other.service.state;
                state.stopping() || state.live() && other.job.as_ref().is_some_and(Job::halts_later)
            })
        };
        self.units.get(id).is_some_and(|entry| entry.service.state.live())
            && self.graph.links(id).before.iter().any(stops)
    }

    fn turn(&self, id: UnitId) -> Turn {
        let Some(entry) = self.units.get(id).filter(|entry| entry.service.state.waiting()) else {
            return Turn::Over;
        };
        if let Some(name) = self.broken(id) {
            return Turn::Fail(name);
        }
        if !self.ordered(id, entry) {
            return Turn::Wait;
        }
        match self.rivals(id) {
            Some(rivals) if rivals.is_empty() => Turn::Wait,
            Some(rivals) => Turn::Displace(rivals),
            None if entry.tenant() && self.counts.booting >= self.pool.boots.max(1) => Turn::Wait,
            None if entry.tenant() && self.full() => Turn::Crowded,
            None => Turn::Begin,
        }
    }

    /// The first unit that `id` requires and that is down for longer than requests should wait.
    fn broken(&self, id: UnitId) -> Option<Name> {
        let links = self.graph.links(id);
        let absent = |id: &UnitId, other: &Entry| {
            // systemd.unit(5), BindsTo=: with After= it must be up, not only have been.
            let bound = links.binds.contains(id) && links.after.contains(id);
            other.lost(self.now) || bound && other.service.state.rests() && !other.coming()
        };
        let required = links.requires.iter().filter_map(|id| self.units.get(*id).map(|other| (id, other)));
        required.filter(|(id, other)| absent(id, other)).map(|(_, other)| other.unit.name.clone()).next()
    }

    /// Nothing that it starts after is on its way up or down.
    fn ordered(&self, id: UnitId, entry: &Entry) -> bool {
        let links = self.graph.links(id);
        let early = entry.unit.priority == Priority::High || links.early || self.closing.is_some();
        let idle = |other: &UnitId| {
            let Some(entry) = self.units.get(*other) else { return true };
            !(entry.moving() || entry.service.state.retrying() && links.requires.contains(other))
        };
        (early || self.graph.first.iter().all(|&other| self.units.get(other).is_none_or(|other| other.tried)))
            && links.after.iter().all(idle)
    }

    /// The units in the way of `id` that have to be told to go; `None` if nobody is in its way.
    ///
    /// Who is coming may come: two tenants that conflict and are both wanted serve in turns.
    fn rivals(&self, id: UnitId) -> Option<Vec<UnitId>> {
        let rivals =
            self.graph.links(id).conflicts.iter().filter_map(|&id| self.units.get(id).map(|other| (id, other)));
        let present: Vec<_> =
            rivals.filter(|(_, other)| other.service.state.live() || other.service.state.retrying()).collect();
        let settled = |entry: &Entry| entry.service.state.up() || entry.service.state.retrying();
        let tell = present.iter().filter(|(_, other)| settled(other) && !other.has(JobKind::Stop)).map(|&(id, _)| id);
        (!present.is_empty()).then(|| tell.collect())
    }

    /// A person wants `id`: who conflicts with it and is not up yet gives way at once.
    pub(super) fn displace(&mut self, id: UnitId) {
        for other in self.graph.links(id).conflicts.clone() {
            let Some(entry) = self.units.get(other) else { continue };
            if entry.service.state.waiting() || entry.service.state.coming() {
                self.stop(other, Word::because(Why::Conflict, false));
            }
        }
    }

    /// `id` is not up any more, and nobody has asked for that: what is bound to it stops.
    pub(super) fn release(&mut self, id: UnitId) {
        let expected = |entry: &Entry| entry.job.as_ref().is_some_and(Job::halts);
        if self.closing.is_some() || self.units.get(id).is_none_or(expected) {
            return;
        }
        for other in self.graph.links(id).bound.clone() {
            let Some(entry) = self.units.get(other) else { continue };
            let state = entry.service.state;
            if (state.live() || state.retrying()) && !expected(entry) {
                self.stop(other, Word::because(Why::Dependency, false));
            }
        }
    }

    /// `id` has failed to start: whatever waits for it cannot start either.
    pub(super) fn fail_dependents(&mut self, id: UnitId) {
        let Some(name) = self.units.get(id).map(|entry| entry.unit.name.clone()) else { return };
        for other in self.graph.links(id).required_by.clone() {
            if self.units.get(other).is_some_and(|entry| entry.service.state.waiting()) {
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
    /// It takes a boot slot while it comes up, and a place in the pool.
    pub(super) fn tenant(&self) -> bool {
        self.unit.route.is_some() && self.unit.priority == Priority::Normal
    }

    /// Whoever starts after it waits.
    fn moving(&self) -> bool {
        let state = self.service.state;
        state.stopping() || self.coming() || state.live() && self.has(JobKind::Stop)
    }

    fn coming(&self) -> bool {
        self.job.as_ref().is_some_and(Job::starts)
    }

    /// Whoever requires it cannot start.
    fn lost(&self, now: Instant) -> bool {
        let state = self.service.state;
        let finished = state.rests() && !state.failed() && self.unit.service.kind == ServiceType::Oneshot;
        let soon = state.retrying() && state.hold().is_some_and(|hold| hold.until <= now + PATIENCE);
        let away = state.down() && !finished && !soon || state.stopping();
        away && !self.coming() && !self.wanted
    }
}
