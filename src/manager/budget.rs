//! The times of an orderly stop, derived from its budget backwards. Never a unit.

use std::time::{Duration, Instant};

use crate::unit::Priority;

/// When each phase of an orderly stop ends.
///
/// The last 500 ms are kept for what SIGKILL leaves to do and for the last lines of the log. Of the rest, the last quarter is
/// the reserve of the high units; the quarter before it belongs to the hooks, if there are any, else to the normal units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// When the normal units get SIGKILL.
    normal: Instant,
    /// When the next phase begins, even though a killed normal unit is still there.
    pub forced: Instant,
    /// When the hooks get SIGKILL.
    pub hooks: Instant,
    /// When the high units get SIGKILL.
    high: Instant,
    /// When we exit, whatever is left (a process in D state).
    pub over: Instant,
}

impl Budget {
    /// Kept at the end.
    pub(crate) const MARGIN: Duration = Duration::from_millis(500);

    /// What is left after the second signal.
    const HURRY: Duration = Duration::from_secs(1);

    /// Longest budget; a longer one is a mistake that the configuration refuses.
    const MAX: Duration = Duration::from_secs(24 * 3600);

    /// The times of a stop that begins now; `hooks`: there are some.
    pub(super) fn new(begun: Instant, budget: Duration, hooks: bool) -> Self {
        let budget = budget.min(Self::MAX);
        let margin = Self::MARGIN.min(budget / 8);
        let usable = budget - margin;
        let normal = if hooks { usable / 2 } else { usable * 3 / 4 };
        Self {
            normal: begun + normal,
            forced: begun + normal + usable / 16,
            hooks: begun + usable * 3 / 4,
            high: begun + usable,
            over: begun + usable + margin / 2,
        }
    }

    /// When the units of this priority must be down: SIGKILL.
    pub(super) fn end(&self, priority: Priority) -> Instant {
        match priority {
            Priority::Normal => self.normal,
            Priority::High => self.high,
        }
    }

    /// The end of one unit's share: what is left of its phase, divided among the `chain` units that stop in a row.
    pub(super) fn share(&self, now: Instant, priority: Priority, chain: u32) -> Instant {
        now + self.end(priority).saturating_duration_since(now) / chain.max(1)
    }

    /// All is to end soon.
    pub(super) fn shorten(&mut self, now: Instant) {
        let spare = self.over - self.high;
        let soon = now + Self::HURRY;
        self.high = self.high.min(soon);
        self.over = self.over.min(self.high + spare);
        for end in [&mut self.normal, &mut self.forced, &mut self.hooks] {
            *end = self.high.min(*end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phases_end_inside_the_budget() {
        for (millis, hooks, ends) in [
            (8_500, false, [6_000, 6_500, 6_000, 8_000, 8_250]),
            (8_500, true, [4_000, 4_500, 6_000, 8_000, 8_250]),
            (800, false, [525, 568, 525, 700, 750]),
        ] {
            let begun = Instant::now();
            let budget = Budget::new(begun, Duration::from_millis(millis), hooks);
            let all = [budget.normal, budget.forced, budget.hooks, budget.high, budget.over];
            assert_eq!(all.map(|end| (end - begun).as_millis()), ends);
        }
    }

    #[test]
    fn the_second_signal_leaves_a_second_at_most() {
        for (now, high, over) in [(0, 1_000, 1_250), (7_500, 8_000, 8_250)] {
            let begun = Instant::now();
            let mut budget = Budget::new(begun, Duration::from_millis(8_500), true);
            budget.shorten(begun + Duration::from_millis(now));
            assert_eq!([budget.high, budget.over].map(|end| (end - begun).as_millis()), [high, over]);
            assert!(budget.forced <= budget.high && budget.hooks <= budget.high);
        }
    }

    #[test]
    fn a_chain_shares_what_is_left() {
        let begun = Instant::now();
        let budget = Budget::new(begun, Duration::from_millis(8_500), false);
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
