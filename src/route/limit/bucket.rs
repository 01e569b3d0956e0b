//! Token buckets, each kept as one time (the generic cell rate algorithm), in a table of fixed size. No float, no drift.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::ops::Range;

use slotmap::Key;

use crate::unit::UnitId;

/// How fast requests may come, and how many at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Nanoseconds that one request costs, rounded up: never more than the rate.
    cost: u64,
    /// Nanoseconds that may be owed: the cost of a burst.
    depth: u64,
}

impl Pace {
    /// `count` requests in `per` nanoseconds, and `burst` at once. None of them is zero.
    pub fn new(count: u32, per: u64, burst: u32) -> Self {
        let cost = per.div_ceil(count.max(1).into()).max(1);
        Self { cost, depth: cost.saturating_mul(burst.max(1).into()) }
    }

    /// Takes one from a bucket that will be full again at `full`; gives the new time, or how long to wait for one.
    pub fn take(self, full: u64, now: u64) -> Result<u64, u64> {
        let next = full.max(now).saturating_add(self.cost);
        match (next - now).checked_sub(self.depth) {
            None | Some(0) => Ok(next),
            Some(wait) => Err(wait),
        }
    }
}

/// Whose bucket it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Subject(u64);

impl Subject {
    /// A client: its IPv4 address, or the /64 of its IPv6 address, within which it may choose at will.
    pub fn client(address: IpAddr) -> Self {
        match address.to_canonical() {
            // ffff::/16 is multicast: no client comes from there.
            IpAddr::V4(address) => Self(0xffff_ffff_0000_0000 | u64::from(address.to_bits())),
            IpAddr::V6(address) => Self((address.to_bits() >> 64) as u64),
        }
    }

    /// A tenant.
    pub fn tenant(unit: UnitId) -> Self {
        Self(unit.data().as_ffi())
    }
}

/// When each bucket will be full again. A full one needs no place, and loses it to the next.
///
/// A place is one of sixteen, chosen by a hash that nobody outside can compute. If all sixteen are taken by buckets that are
/// not full, whoever comes shares one bucket with all others of that lot: an attacker with very many addresses limits other
/// newcomers, but neither those who are known already nor, for long, anybody.
#[derive(Debug)]
pub(super) struct Buckets {
    places: Vec<Place>,
    /// The bucket of those who have none.
    rest: u64,
    hash: RandomState,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    subject: Subject,
    full: u64,
}

/// Places among which one is searched.
const WAYS: usize = 16;

impl Buckets {
    /// 65,536 places; the kernel gives their memory (1 MiB) page by page, as it is touched.
    pub fn new() -> Self {
        Self::with_sets(65_536 / WAYS)
    }

    fn with_sets(sets: usize) -> Self {
        Self { places: vec![Place::default(); sets * WAYS], rest: 0, hash: RandomState::new() }
    }

    /// When the bucket of this subject will be full.
    pub fn find(&self, subject: Subject, now: u64) -> u64 {
        let set = &self.places[self.places_of(subject)];
        match place(set, subject, now) {
            Some(at) if set[at].subject == subject => set[at].full,
            Some(_) => 0,
            None => self.rest,
        }
    }

    /// Remembers when it will be full.
    pub fn set(&mut self, subject: Subject, full: u64, now: u64) {
        let set = self.places_of(subject);
        match place(&self.places[set.clone()], subject, now) {
            Some(at) => self.places[set.start + at] = Place { subject, full },
            None => self.rest = full,
        }
    }

    fn places_of(&self, subject: Subject) -> Range<usize> {
        let sets = self.places.len() / WAYS;
        let start = (self.hash.hash_one(subject) % sets as u64) as usize * WAYS;
        start..start + WAYS
    }
}

/// The place of a subject that is known, else one that is free.
fn place(set: &[Place], subject: Subject, now: u64) -> Option<usize> {
    let known = set.iter().position(|place| place.subject == subject && place.full > now);
    known.or_else(|| set.iter().position(|place| place.full <= now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_and_then_the_rate() {
        let pace = Pace::new(10, SECOND, 3);
        let mut full = 0;
        for (now, expected) in [
            (0, Ok(())),
            (0, Ok(())),
            (0, Ok(())),
            (0, Err(SECOND / 10)),
            (SECOND / 20, Err(SECOND / 20)),
            (SECOND / 10, Ok(())),
            (SECOND / 10, Err(SECOND / 10)),
            (10 * SECOND, Ok(())),
            (10 * SECOND, Ok(())),
            (10 * SECOND, Ok(())),
            (10 * SECOND, Err(SECOND / 10)),
        ] {
            let taken = pace.take(full, now);
            full = taken.unwrap_or(full);
            assert_eq!(taken.map(|_| ()), expected, "{now}");
        }
    }

    #[test]
    fn the_largest_numbers_do_no_harm() {
        for pace in [Pace::new(1, 3600 * SECOND, u32::MAX), Pace::new(u32::MAX, SECOND, u32::MAX), Pace::new(1, 1, 1)] {
            assert!(pace.take(0, 0).is_ok() && pace.take(0, u64::MAX).is_ok());
            let _ = pace.take(u64::MAX, 0);
        }
    }

    #[test]
    fn clients_are_told_apart_by_address_or_network() {
        let of = |text: &str| Subject::client(text.parse().unwrap());
        assert_eq!(of("10.0.0.1"), of("::ffff:10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:0:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("::1"), of("0.0.0.0"));
    }

    #[test]
    fn who_finds_no_place_shares_a_bucket_and_nobody_loses_his() {
        let (mut buckets, pace) = (Buckets::with_sets(1), Pace::new(1, SECOND, 2));
        let mut take = |client: u64, now: u64| {
            let subject = Subject(client);
            let taken = pace.take(buckets.find(subject, now), now);
            taken.map(|full| buckets.set(subject, full, now)).is_ok()
        };
        let known = WAYS as u64;
        for client in 1..=known {
            assert!(take(client, 0));
        }
        // Two for all the others together.
        assert!(take(100, 0) && take(101, 0) && !take(102, 0) && !take(100, 0));
        for client in 1..=known {
            assert!(take(client, 0) && !take(client, 0), "{client} has what it had");
        }
        // Two seconds later every bucket is full again, and its place is anybody's.
        for client in 200..200 + known {
            assert!(take(client, 2 * SECOND) && take(client, 2 * SECOND) && !take(client, 2 * SECOND));
        }
    }

    proptest! {
        /// In no window do more pass than a burst and what the rate adds in it.
        #[test]
        fn never_more_than_burst_and_rate(
            count in 1_u32..50, seconds in 1_u64..100, burst in 1_u32..20,
            pauses in proptest::collection::vec(0..2 * SECOND, 1..300),
        ) {
            let per = seconds * SECOND;
            let (pace, mut full, mut now, mut passed) = (Pace::new(count, per, burst), 0, 0, Vec::new());
            for pause in pauses {
                now += pause;
                match pace.take(full, now) {
                    Ok(next) => {
                        passed.push(now);
                        full = next;
                    }
                    Err(wait) => {
                        prop_assert!(wait > 0 && pace.take(full, now + wait - 1).is_err());
                        prop_assert!(pace.take(full, now + wait).is_ok(), "the wait that is told is enough");
                    }
                }
            }
            for (first, &begin) in passed.iter().enumerate() {
                for (last, &end) in passed.iter().enumerate().skip(first) {
                    let most = u128::from(burst) + u128::from(end - begin) * u128::from(count) / u128::from(per);
                    prop_assert!((last - first + 1) as u128 <= most);
                }
            }
        }

        /// Who asks slower than the rate is never refused, whoever else asks.
        #[test]
        fn a_patient_client_always_passes(others in proptest::collection::vec(1..1000_u64, 0..15)) {
            let (mut buckets, pace) = (Buckets::with_sets(1), Pace::new(1, SECOND, 1));
            for turn in 0..5 {
                let now = turn * SECOND;
                for &client in std::iter::once(&0).chain(&others) {
                    let subject = Subject(client);
                    match pace.take(buckets.find(subject, now), now) {
                        Ok(full) => buckets.set(subject, full, now),
                        Err(_) => prop_assert_ne!(client, 0),
                    }
                }
            }
        }
    }
}
