//! The addresses of a target's name: how old they are, when they are looked up again, which is tried first. Pure.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Older ones are looked up again while they are used.
const FRESH: Duration = Duration::from_secs(30);
/// Older ones are not used before that.
const OLD: Duration = Duration::from_secs(300);
/// Between two lookups of one name at least.
const PAUSE: Duration = Duration::from_secs(1);

/// Where a target is.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    list: Vec<SocketAddr>,
    /// They were written, not looked up.
    fixed: bool,
    /// When they were found.
    found: Option<Instant>,
    /// When the last lookup has ended.
    looked: Option<Instant>,
    /// A lookup is under way.
    asking: bool,
    /// One of them could not be reached.
    doubted: bool,
    /// The one that was reached last.
    first: usize,
}

/// What to do before a connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Connect.
    Good,
    /// Connect, and look the name up for the next.
    Ageing,
    /// Wait for a lookup: begin one.
    Missing,
    /// Wait for the one that is under way.
    Awaited,
    /// A lookup has just failed.
    Unknown,
}

impl Addresses {
    /// An address that needs no lookup.
    pub fn fixed(address: SocketAddr) -> Self {
        Self { list: vec![address], fixed: true, ..Self::default() }
    }

    /// What to do before a connect.
    pub fn state(&self, now: Instant) -> Known {
        let within = |since: Option<Instant>, span| since.is_some_and(|since| now.duration_since(since) < span);
        let rested = !self.asking && !within(self.looked, PAUSE);
        match (self.list.is_empty(), self.asking) {
            _ if self.fixed => Known::Good,
            (true, true) => Known::Awaited,
            (true, false) if rested => Known::Missing,
            (true, false) => Known::Unknown,
            (false, false) if rested && !within(self.found, OLD) => Known::Missing,
            (false, false) if rested && (self.doubted || !within(self.found, FRESH)) => Known::Ageing,
            // Old ones are better than none where the lookup has failed, or takes its time.
            (false, _) => Known::Good,
        }
    }

    /// A lookup has begun.
    pub fn ask(&mut self) {
        self.asking = true;
    }

    /// It has ended. What was found takes the place of what was known; a failure leaves it. True if there is any.
    pub fn answer(&mut self, found: Option<Vec<SocketAddr>>, now: Instant) -> bool {
        self.asking = false;
        self.looked = Some(now);
        if let Some(found) = found.filter(|found| !found.is_empty()) {
            let last = self.list.get(self.first).copied();
            self.first = found.iter().position(|address| Some(*address) == last).unwrap_or(0);
            self.list = found;
            self.found = Some(now);
            self.doubted = false;
        }
        !self.list.is_empty()
    }

    /// The address of the `attempt`th try, counted from 0. `None`: all were tried.
    pub fn get(&self, attempt: usize) -> Option<SocketAddr> {
        let at = (self.first + attempt).checked_rem(self.list.len())?;
        self.list.get(at).copied().filter(|_| attempt < self.list.len())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The address of this try was reached: the next begins with it.
    pub fn reached(&mut self, attempt: usize) {
        self.first = (self.first + attempt).checked_rem(self.list.len()).unwrap_or(0);
    }

    /// The address of a try could not be reached: they may have changed.
    pub fn doubt(&mut self) {
        self.doubted = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    #[test]
    fn a_name_is_looked_up_when_it_is_used_and_old() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut names = Addresses::default();
        assert_eq!(names.state(start), Known::Missing);
        names.ask();
        assert_eq!(names.state(start), Known::Awaited);
        assert!(!names.answer(None, at(1)));
        assert_eq!((names.state(at(1)), names.state(at(2))), (Known::Unknown, Known::Missing));
        assert!(names.answer(Some(vec![address(1), address(2)]), at(2)));
        assert_eq!([3, 31, 32, 301, 302].map(|s| names.state(at(s))), {
            use Known::{Ageing, Good, Missing};
            [Good, Good, Ageing, Ageing, Missing]
        });
        names.ask();
        assert_eq!(names.state(at(32)), Known::Good, "the old ones while it is looked up");
        assert!(names.answer(None, at(32)), "the old ones stay");
        assert_eq!([32, 33].map(|s| names.state(at(s))), [Known::Good, Known::Ageing]);
        assert!(names.answer(Some(vec![]), at(33)), "no address is a failure");
        assert_eq!(names.len(), 2);
    }

    #[test]
    fn a_failed_connect_makes_them_doubtful() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut names = Addresses::default();
        names.answer(Some(vec![address(1)]), start);
        names.doubt();
        assert_eq!([0, 1].map(|s| names.state(at(s))), [Known::Good, Known::Ageing]);
        names.answer(Some(vec![address(1)]), at(1));
        assert_eq!(names.state(at(3)), Known::Good);
        let mut fixed = Addresses::fixed(address(7));
        fixed.doubt();
        assert_eq!((fixed.state(at(9999)), fixed.get(0), fixed.get(1)), (Known::Good, Some(address(7)), None));
    }

    #[test]
    fn the_one_that_was_reached_is_tried_first() {
        let mut names = Addresses::default();
        assert_eq!(names.get(0), None);
        names.answer(Some(vec![address(1), address(2), address(3)]), Instant::now());
        assert_eq!([0, 1, 2, 3].map(|n| names.get(n)), [Some(address(1)), Some(address(2)), Some(address(3)), None]);
        names.reached(1);
        assert_eq!([0, 1, 2, 3].map(|n| names.get(n)), [Some(address(2)), Some(address(3)), Some(address(1)), None]);
        names.answer(Some(vec![address(9), address(2)]), Instant::now());
        assert_eq!(names.get(0), Some(address(2)), "it stays the first");
        names.answer(Some(vec![address(5)]), Instant::now());
        assert_eq!(names.get(0), Some(address(5)));
    }
}
