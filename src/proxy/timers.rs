//! Deadlines of many owners in one heap, where moving a deadline later costs nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use super::{ClientKey, RemoteKey, UnitId};

/// Whose deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// A client's current phase.
    Client(ClientKey),
    /// A tenant's idle clock.
    Idle(UnitId),
    /// The next connect to a port that did not answer.
    Probe(UnitId),
    /// The oldest connection of a tenant's pool.
    Pool(UnitId),
    /// What a `[[proxy]]` does without a request: old connections, health checks.
    Remote(RemoteKey),
    /// Accepting again after a lack of descriptors.
    Accept,
}

/// An owner's alarm: when it is due, and the entry of the heap that will look at it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Alarm {
    due: Option<Instant>,
    entry: Option<Instant>,
}

/// The heap. An entry may be early (its owner moved on): then it is put back.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Instant, Owner)>>);

impl Timers {
    /// Sets an alarm. Pushes an entry only where none looks early enough.
    pub fn set(&mut self, alarm: &mut Alarm, due: Instant, owner: Owner) {
        alarm.due = Some(due);
        if alarm.entry.is_none_or(|entry| due < entry) {
            alarm.entry = Some(due);
            self.0.push(Reverse((due, owner)));
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Drops the entries that nobody waits for: clients that left leave theirs behind.
    pub fn sweep(&mut self, mut current: impl FnMut(Owner) -> Option<Alarm>) {
        self.0.retain(|Reverse((at, owner))| current(*owner).is_some_and(|alarm| alarm.entry == Some(*at)));
    }

    /// Drops the first entries as long as nobody waits for them: a client that left must not wake us.
    pub fn skim(&mut self, mut current: impl FnMut(Owner) -> Option<Alarm>) {
        while let Some(Reverse((at, owner))) = self.0.peek() {
            if current(*owner).is_some_and(|alarm| alarm.entry == Some(*at)) {
                return;
            }
            self.0.pop();
        }
    }

    /// When to look next.
    pub fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// The next entry that is due, with its time.
    pub fn pop(&mut self, now: Instant) -> Option<(Instant, Owner)> {
        let Reverse((at, _)) = self.0.peek()?;
        if *at > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }

    /// An entry of this alarm came up: is the alarm due? If it is later, its entry is put back.
    pub fn due(&mut self, alarm: &mut Alarm, entry: Instant, now: Instant, owner: Owner) -> bool {
        if alarm.entry != Some(entry) {
            return false;
        }
        alarm.entry = None;
        match alarm.due {
            Some(due) if due <= now => {
                alarm.due = None;
                true
            }
            Some(due) => {
                self.set(alarm, due, owner);
                false
            }
            None => false,
        }
    }
}

impl Alarm {
    /// It is not due by then, or not at all.
    pub fn is_later_than(&self, due: Instant) -> bool {
        self.due.is_none_or(|own| due < own)
    }

    /// Takes the deadline away.
    pub fn clear(&mut self) {
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_deadline_moved_later_costs_no_entry_and_fires_once() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (mut timers, mut alarm) = (Timers::default(), Alarm::default());
        timers.set(&mut alarm, at(10), Owner::Accept);
        for second in 11..100 {
            timers.set(&mut alarm, at(second), Owner::Accept);
        }
        assert_eq!(timers.0.len(), 1);
        assert_eq!(timers.pop(at(9)), None);
        let (entry, owner) = timers.pop(at(10)).unwrap();
        assert!(!timers.due(&mut alarm, entry, at(10), owner));
        assert_eq!(timers.next(), Some(at(99)));
        timers.set(&mut alarm, at(20), Owner::Accept);
        let (entry, owner) = timers.pop(at(20)).unwrap();
        assert!(timers.due(&mut alarm, entry, at(20), owner));
        let (entry, owner) = timers.pop(at(99)).unwrap();
        assert!(!timers.due(&mut alarm, entry, at(99), owner), "the old entry is stale");
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn who_has_left_wakes_nobody() {
        let start = Instant::now();
        let (mut timers, mut alarm) = (Timers::default(), Alarm::default());
        timers.set(&mut Alarm::default(), start, Owner::Client(ClientKey::default()));
        timers.set(&mut alarm, start + Duration::from_secs(5), Owner::Accept);
        timers.skim(|owner| (owner == Owner::Accept).then_some(alarm));
        assert_eq!(timers.next(), Some(start + Duration::from_secs(5)));
        timers.skim(|_| None);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_sweep_leaves_what_somebody_waits_for() {
        let start = Instant::now();
        let (mut timers, mut alarm, mut gone) = (Timers::default(), Alarm::default(), Alarm::default());
        timers.set(&mut alarm, start + Duration::from_secs(9), Owner::Accept);
        timers.set(&mut alarm, start + Duration::from_secs(5), Owner::Accept);
        timers.set(&mut gone, start + Duration::from_secs(7), Owner::Client(ClientKey::default()));
        timers.sweep(|owner| (owner == Owner::Accept).then_some(alarm));
        assert_eq!((timers.len(), timers.next()), (1, Some(start + Duration::from_secs(5))));
    }

    #[test]
    fn a_cleared_alarm_does_not_fire() {
        let now = Instant::now();
        let (mut timers, mut alarm) = (Timers::default(), Alarm::default());
        timers.set(&mut alarm, now, Owner::Accept);
        alarm.clear();
        let (entry, owner) = timers.pop(now).unwrap();
        assert!(!timers.due(&mut alarm, entry, now, owner));
    }
}
