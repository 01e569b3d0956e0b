//! The orderly stop inside its budget: normal units side by side against their order, then the high units.

use std::time::{Duration, Instant};

use super::Manager;
use super::event::{Action, JobResult, Why};
use super::service::Input;
use crate::unit::{Priority, UnitId};

/// When each phase of an orderly stop ends, derived from the budget backwards.
///
/// Normal units have three quarters of it; the last quarter is the reserve of the high units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    begun: Instant,
    budget: Duration,
}

impl Budget {
    /// We exit so long after the end of the budget, whatever is left (a process in D state).
    const GRACE: Duration = Duration::from_millis(500);

    /// Longest budget; a longer one is a mistake that the configuration refuses.
    const MAX: Duration = Duration::from_secs(24 * 3600);

    pub(super) fn new(begun: Instant, budget: Duration) -> Self {
        Self { begun, budget: budget.min(Self::MAX) }
    }

    /// When the units of this priority must be down: SIGKILL.
    pub(super) fn end(&self, priority: Priority) -> Instant {
        match priority {
            Priority::Normal => self.begun + self.budget * 3 / 4,
            Priority::High => self.begun + self.budget,
        }
    }

    /// When the high units are stopped even though a killed normal unit is still there.
    pub(super) fn forced(&self) -> Instant {
        self.end(Priority::Normal) + self.budget / 16
    }

    /// When we exit, whatever is left.
    pub(super) fn over(&self) -> Instant {
        self.begun + self.budget + Self::GRACE
    }

    /// The end of one unit's share: what is left of its phase, divided among the `chain` units that stop in a row.
    pub(super) fn share(&self, now: Instant, priority: Priority, chain: u32) -> Instant {
        now + self.end(priority).saturating_duration_since(now) / chain.max(1)
    }
}

/// A shutdown that has begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closing {
    pub budget: Budget,
    /// Which units are being stopped.
    phase: Priority,
}

impl Closing {
    /// When [`Manager::hasten`] is due.
    pub(super) fn deadline(&self) -> Instant {
        match self.phase {
            Priority::Normal => self.budget.forced(),
            Priority::High => self.budget.over(),
        }
    }
}

impl Manager {
    /// The first signal stops everything in order, every further one at once.
    pub(super) fn signalled(&mut self) {
        if self.closing.is_some() {
            let live = self.live(None);
            return self.kill_now(&live);
        }
        let budget = Budget::new(self.now, self.shutdown.budget);
        self.closing = Some(Closing { budget, phase: Priority::Normal });
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

    /// Stops whatever may be stopped now, and ends when all is down.
    pub(super) fn close(&mut self) {
        let Some(Closing { phase, .. }) = self.closing else { return };
        // Again and again: a unit without a process is down at once, and lets the next one go.
        while let Some((ids, live)) = self.next_to_stop(phase) {
            for id in ids {
                self.limit(id, phase, &live);
                self.step(id, Input::Halt(Why::Shutdown));
            }
        }
        if self.live(None).is_empty() {
            self.end();
        } else if phase == Priority::Normal && self.live(Some(phase)).is_empty() {
            self.high_phase();
        }
    }

    /// The units of the phase that nothing holds up any more, and all that are live; `None` when none is to stop.
    fn next_to_stop(&self, phase: Priority) -> Option<(Vec<UnitId>, Vec<UnitId>)> {
        let live = self.live(Some(phase));
        let held = |id| self.graph.links(id).before.iter().any(|other| live.contains(other));
        let halted = |id| self.units.get(id).is_none_or(|entry| entry.service.state.why() == Some(Why::Shutdown));
        let ids: Vec<UnitId> = live.iter().copied().filter(|&id| !halted(id) && !held(id)).collect();
        (!ids.is_empty()).then_some((ids, live))
    }

    /// The budget of the phase is over.
    pub(super) fn hasten(&mut self) {
        let Some(closing) = self.closing else { return };
        if self.now >= closing.budget.over() {
            self.end();
        } else if closing.phase == Priority::Normal && self.now >= closing.budget.forced() {
            let late = self.live(Some(Priority::Normal));
            self.kill_now(&late);
            self.high_phase();
        }
    }

    fn high_phase(&mut self) {
        if let Some(closing) = &mut self.closing {
            closing.phase = Priority::High;
            self.close();
        }
    }

    /// The unit's share of its phase, by the units that stop after it.
    fn limit(&mut self, id: UnitId, phase: Priority, live: &[UnitId]) {
        let (Some(closing), Some(entry)) = (&self.closing, self.units.get_mut(id)) else { return };
        let chain = self.graph.chain(id, &|other| live.contains(&other));
        entry.limit = Some(closing.budget.share(self.now, phase, chain));
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
        if !std::mem::replace(&mut self.ended, true) {
            self.say(Action::Exit(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_of_eight_seconds() {
        let begun = Instant::now();
        let budget = Budget::new(begun, Duration::from_secs(8));
        let at = |instant: Instant| (instant - begun).as_millis();
        assert_eq!(at(budget.end(Priority::Normal)), 6_000);
        assert_eq!(at(budget.forced()), 6_500);
        assert_eq!(at(budget.end(Priority::High)), 8_000);
        assert_eq!(at(budget.over()), 8_500);
    }

    #[test]
    fn a_chain_shares_what_is_left() {
        let begun = Instant::now();
        let budget = Budget::new(begun, Duration::from_secs(8));
        let after = |ms| begun + Duration::from_millis(ms);
        for (now, priority, chain, share) in [
            (0, Priority::Normal, 1, 6_000),
            (0, Priority::Normal, 3, 2_000),
            (2_000, Priority::Normal, 2, 4_000),
            (2_000, Priority::High, 1, 8_000),
            (9_000, Priority::Normal, 2, 9_000),
        ] {
            assert_eq!(budget.share(after(now), priority, chain), after(share), "{now} {priority:?} {chain}");
        }
    }
}
