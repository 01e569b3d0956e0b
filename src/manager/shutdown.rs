//! The orderly stop inside its budget: normal units side by side against their order, the hooks, then the high units.

use std::time::Instant;

use super::budget::Budget;
use super::event::{JobResult, Why};
use super::job::Word;
use super::service::Input;
use super::{Action, Manager};
use crate::unit::{Priority, Target, UnitId};

/// A shutdown that has begun.
#[derive(Debug, Clone)]
pub(super) struct Closing {
    pub budget: Budget,
    phase: Phase,
    /// Units that `shutdown` wants.
    hooks: Vec<UnitId>,
    /// What we exit with.
    code: u8,
    /// How often we were told.
    signals: u32,
}

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Normal units stop.
    Normal,
    /// The units that `shutdown` wants do their work.
    Hooks,
    /// High units stop, and what the hooks have left.
    High,
}

impl Closing {
    /// When [`Manager::hasten`] is due.
    pub(super) fn deadline(&self) -> Instant {
        match self.phase {
            Phase::Normal => self.budget.forced,
            Phase::Hooks => self.budget.hooks,
            Phase::High => self.budget.over,
        }
    }
}

impl Manager {
    /// All ends.
    pub fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// The first signal stops everything in order, the second soon, every further one at once.
    pub(super) fn signalled(&mut self) {
        if self.closing.is_none() {
            self.shut(0);
        }
        let Some(closing) = &mut self.closing else { return };
        closing.signals = closing.signals.saturating_add(1);
        match closing.signals {
            0 | 1 => {}
            2 => self.hurry(),
            _ => self.kill_now(&self.live(None)),
        }
    }

    /// All ends, in order, with this code.
    fn shut(&mut self, code: u8) {
        let hook = |id: &UnitId| self.is_booted() && self.wanted_by_shutdown(*id);
        let hooks: Vec<UnitId> = self.ids().filter(hook).collect();
        let budget = Budget::new(self.now, self.shutdown.budget, !hooks.is_empty());
        self.closing = Some(Closing { budget, phase: Phase::Normal, hooks, code, signals: 0 });
        self.dirty = true;
        for id in self.ids().collect::<Vec<_>>() {
            self.finish(id, JobResult::Canceled);
            let Some(entry) = self.units.get_mut(id) else { continue };
            entry.wanted = false;
            // What is not up yet is nobody's support: it need not wait for its turn.
            if !entry.service.state.up() {
                self.step(id, Input::Halt(Why::Shutdown));
            }
        }
    }

    /// It is started by the shutdown.
    pub(super) fn hook(&self, id: UnitId) -> bool {
        self.closing.as_ref().is_some_and(|closing| closing.hooks.contains(&id))
    }

    /// Tenants are no hooks: no request comes any more.
    fn wanted_by_shutdown(&self, id: UnitId) -> bool {
        let hook = |unit: &crate::unit::Unit| unit.wanted_by.contains(&Target::Shutdown) && unit.route.is_none();
        self.unit(id).is_some_and(hook)
    }

    /// Stops whatever may be stopped now, and ends when all is down.
    pub(super) fn close(&mut self) {
        if let Some(code) = self.fallen.take().filter(|_| self.closing.is_none()) {
            self.shut(code);
        }
        let Some(phase) = self.closing.as_ref().map(|closing| closing.phase) else { return };
        match phase {
            Phase::Normal => {
                self.stop_all(Priority::Normal);
                if self.live(Some(Priority::Normal)).is_empty() {
                    self.hooks_phase();
                }
            }
            Phase::Hooks => {
                if !self.hooks_work() {
                    self.high_phase();
                }
            }
            Phase::High => {
                self.stop_all(Priority::High);
                if self.live(None).is_empty() {
                    self.end();
                }
            }
        }
    }

    /// Stops every unit of the priority that nothing holds up any more.
    fn stop_all(&mut self, priority: Priority) {
        // Again and again: a unit without a process is down at once, and lets the next one go.
        while let Some((ids, live)) = self.next_to_stop(priority) {
            for id in ids {
                self.limit(id, priority, &live);
                self.step(id, Input::Halt(Why::Shutdown));
            }
        }
    }

    /// The units of the priority that nothing holds up any more, and all that are live; `None` when none is to stop.
    fn next_to_stop(&self, priority: Priority) -> Option<(Vec<UnitId>, Vec<UnitId>)> {
        let live = self.live(Some(priority));
        let held = |id| self.graph.links(id).before.iter().any(|other| live.contains(other));
        let halted = |id| self.units.get(id).is_none_or(|entry| entry.service.state.why() == Some(Why::Shutdown));
        let ids: Vec<UnitId> = live.iter().copied().filter(|&id| !halted(id) && !held(id)).collect();
        (!ids.is_empty()).then_some((ids, live))
    }

    /// The time of the phase is over.
    pub(super) fn hasten(&mut self) {
        let Some((phase, at)) = self.closing.as_ref().map(|closing| (closing.phase, closing.deadline())) else {
            return;
        };
        if self.now < at || self.ended {
            return;
        }
        match phase {
            Phase::Normal => {
                self.kill_now(&self.live(Some(Priority::Normal)));
                self.hooks_phase();
            }
            Phase::Hooks => {
                self.kill_now(&self.live(Some(Priority::Normal)));
                self.high_phase();
            }
            Phase::High => self.end(),
        }
    }

    fn hooks_phase(&mut self) {
        let Some(closing) = &mut self.closing else { return };
        let (hooks, limit) = (closing.hooks.clone(), closing.budget.hooks);
        closing.phase = Phase::Hooks;
        self.dirty = true;
        for id in hooks {
            if let Some(entry) = self.units.get_mut(id).filter(|entry| !entry.service.state.live()) {
                entry.limit = Some(limit);
                self.start(id, Word::NOBODY);
            }
        }
    }

    /// A hook has not come up yet, or has not ended.
    fn hooks_work(&self) -> bool {
        let works = |id: UnitId| self.units.get(id).is_some_and(|entry| entry.job.is_some());
        self.closing.as_ref().is_some_and(|closing| closing.hooks.iter().any(|&id| works(id)))
    }

    fn high_phase(&mut self) {
        if let Some(closing) = &mut self.closing {
            closing.phase = Phase::High;
            let limit = closing.budget.end(Priority::High);
            self.dirty = true;
            let hooks = closing.hooks.clone();
            for id in [hooks, self.live(Some(Priority::Normal))].concat() {
                self.finish(id, JobResult::Canceled);
                if let Some(entry) = self.units.get_mut(id).filter(|entry| entry.service.state.why().is_none()) {
                    entry.limit = Some(limit);
                }
                self.step(id, Input::Halt(Why::Shutdown));
            }
        }
    }

    /// The unit's share of its phase, by the units that stop after it.
    fn limit(&mut self, id: UnitId, priority: Priority, live: &[UnitId]) {
        let (Some(closing), Some(entry)) = (&self.closing, self.units.get_mut(id)) else { return };
        let chain = self.graph.chain(id, &|other| live.contains(&other));
        entry.limit = Some(closing.budget.share(self.now, priority, chain));
    }

    /// Everything gets its signal now, in no order, and has a second to end.
    fn hurry(&mut self) {
        let Some(closing) = &mut self.closing else { return };
        closing.budget.shorten(self.now);
        closing.phase = Phase::High;
        let limit = closing.budget.end(Priority::High);
        self.dirty = true;
        for id in self.ids().collect::<Vec<_>>() {
            self.finish(id, JobResult::Canceled);
            let Some(entry) = self.units.get_mut(id) else { continue };
            entry.limit = Some(entry.limit.unwrap_or(limit).min(limit));
            self.step(id, Input::Halt(Why::Shutdown));
            // Nobody waits for requests in flight any more.
            self.step(id, Input::Drained);
        }
    }

    fn kill_now(&mut self, ids: &[UnitId]) {
        for &id in ids {
            if let Some(entry) = self.units.get_mut(id) {
                entry.limit = Some(self.now);
                self.step(id, Input::Kill);
            }
        }
    }

    /// The units that must still be stopped, of one priority or of all.
    fn live(&self, priority: Option<Priority>) -> Vec<UnitId> {
        let wanted = |of| priority.is_none_or(|priority| priority == of);
        let live = self.units.iter().filter(|(_, entry)| entry.service.state.live() && wanted(entry.unit.priority));
        live.map(|(id, _)| id).collect()
    }

    fn end(&mut self) {
        let code = self.closing.as_ref().map_or(0, |closing| closing.code);
        if !std::mem::replace(&mut self.ended, true) {
            self.say(Action::Exit(code));
        }
    }
}
