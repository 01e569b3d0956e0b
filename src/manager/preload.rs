//! Templates: when one is started for its tenants, when it has none any more, and when it has failed them too often.

use std::time::Instant;

use super::event::{Action, Outcome, Whom, Why};
use super::job::Word;
use super::restart::later;
use super::service::Input;
use super::state::{Reload, Reloading, Start, Starting, State};
use super::{Entry, Manager};
use crate::unit::{Signal, UnitId};

/// Forks in a row that may fail by the template's own fault; then it is booted anew.
const FAULTS: u32 = 3;

impl Manager {
    /// The template of a unit that asks for one.
    pub(super) fn template(&self, id: UnitId) -> Option<UnitId> {
        let unit = &self.units.get(id)?.unit;
        unit.service.preload?;
        self.names.get(&unit.name.template()).copied()
    }

    /// It can fork now.
    pub(super) fn forks(&self, template: UnitId) -> bool {
        self.closing.is_none()
            && self.units.get(template).is_some_and(|entry| entry.service.state.up() && !entry.leaving)
    }

    /// A unit has changed its state: its template is wanted, or perhaps not any more; it is a template that is up.
    pub(super) fn tend(&mut self, id: UnitId, input: Input, old: State, new: State) {
        let forked = matches!(old, State::Starting(Starting { stage: Start::Fork(_), .. }));
        match input {
            _ if forked && new.up() => self.praise(id),
            // Else it is said who was at fault.
            Input::Exited(..) | Input::Elapsed if forked => self.blame(id),
            _ => {}
        }
        if let Some(template) = self.template(id) {
            if new.coming() && !old.coming() {
                self.employ(template);
            } else if old.live() && new.down() {
                self.dismiss(template);
            }
        }
        if let State::Reloading(Reloading { stage: Reload::Replace, .. }) = old
            && matches!(new, State::Running(_))
            && self.units.get(id).is_some_and(|entry| entry.service.reloaded == Outcome::Success)
        {
            self.recycle(id);
        }
        if matches!(new, State::Running(_)) {
            self.renew_template(id);
        }
        if new.up() && !old.up() && self.units.get(id).is_some_and(|entry| entry.unit.template.is_some()) {
            self.dismiss(id);
        }
    }

    /// The configuration has changed for a template that is up: another one boots beside it, and takes its place.
    pub(super) fn renew_template(&mut self, id: UnitId) {
        let Some(entry) = self.units.get_mut(id) else { return };
        let running = matches!(entry.service.state, State::Running(_)) && entry.unit.template.is_some();
        if let Some(next) = entry.next.take_if(|_| running) {
            entry.unit = *next;
            self.say(Action::Renew(id));
            self.reload(id, Word::NOBODY);
        }
    }

    /// What was started before it came is of the old release.
    fn recycle(&mut self, template: UnitId) {
        let Some(prefix) = self.units.get(template).map(|entry| entry.unit.name.prefix()) else { return };
        let of_it = |entry: &Entry| entry.unit.service.preload.is_some() && entry.unit.name.prefix() == prefix;
        let old = self.units.iter().filter(|(_, entry)| of_it(entry) && entry.service.state.live());
        let old: Vec<UnitId> = old.map(|(id, _)| id).collect();
        old.into_iter().for_each(|id| self.say(Action::Recycle(id)));
    }

    /// A tenant of it starts.
    fn employ(&mut self, template: UnitId) {
        let Some(entry) = self.units.get_mut(template) else { return };
        if let Some(at) = entry.unused.take() {
            self.unused.remove(&(at, template));
        }
        // One that has failed has its own time.
        let rests = entry.service.state.rests() && entry.service.state.hold().is_none();
        if rests && self.closing.is_none() {
            self.start(template, Word::NOBODY);
        }
    }

    /// Perhaps nobody needs it: then its time runs.
    fn dismiss(&mut self, template: UnitId) {
        let Some(entry) = self.units.get(template) else { return };
        let idle_stop = entry.unit.template.as_ref().and_then(|template| template.idle_stop);
        let prefix = entry.unit.name.prefix();
        let of_it = |other: &Entry| other.unit.service.preload.is_some() && other.unit.name.prefix() == prefix;
        let employed = self.units.values().any(|other| other.service.state.live() && of_it(other));
        let (Some(after), false, None) = (idle_stop, employed, entry.unused) else { return };
        let at = later(self.now, after);
        self.unused.insert((at, template));
        if let Some(entry) = self.units.get_mut(template) {
            entry.unused = Some(at);
        }
    }

    /// When the first unused template is due.
    pub(super) fn first_unused(&self) -> Option<Instant> {
        self.unused.first().map(|&(at, _)| at)
    }

    /// Stops the templates that nobody has needed for their time.
    pub(super) fn stop_unused(&mut self) {
        while let Some(&(at, template)) = self.unused.first()
            && at <= self.now
        {
            self.unused.pop_first();
            let Some(entry) = self.units.get_mut(template) else { continue };
            entry.unused = None;
            // Who boots is wanted still by his start, and would come again: his time runs when he is up.
            if !entry.service.state.coming() {
                self.step(template, Input::Halt(Why::Idle));
            }
        }
    }

    /// It could not fork, or what it forked was of no use. `fault`: by its own fault.
    pub(super) fn unforked(&mut self, id: UnitId, fault: bool) {
        if fault {
            self.blame(id);
        }
        self.step(id, Input::Unforked);
    }

    /// One more fork that failed; the last of too many is the template's end, from which it restarts by itself.
    fn blame(&mut self, id: UnitId) {
        let Some(template) = self.template(id) else { return };
        let Some(entry) = self.units.get_mut(template) else { return };
        entry.faults += 1;
        if entry.faults >= FAULTS && entry.service.state.up() {
            entry.faults = 0;
            self.say(Action::Kill(template, Whom::All, Signal::KILL));
        }
    }

    /// A fork that succeeded: what failed before was not the template's fault.
    fn praise(&mut self, id: UnitId) {
        if let Some(entry) = self.template(id).and_then(|template| self.units.get_mut(template)) {
            entry.faults = 0;
        }
    }
}
