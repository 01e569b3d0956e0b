//! The circuit breaker of one tenant: after failures in a row its clients are told so at once, and one request at a time
//! finds out whether it answers again. Pure: the time is given.

use std::time::{Duration, Instant};

use super::ClientKey;
use crate::unit::Route;

/// How a tenant has answered of late.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Failures since the last answer.
    failures: u32,
    /// The last of those that count.
    last: Option<Instant>,
    open: Option<Open>,
}

/// Nobody is let in, but one.
#[derive(Debug)]
struct Open {
    /// From then on somebody may try.
    until: Instant,
    /// Who tries.
    probe: Option<ClientKey>,
}

impl Breaker {
    /// Requests are answered in the tenant's place.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Who tries whether the tenant answers again.
    pub fn probe(&self) -> Option<ClientKey> {
        self.open.as_ref().and_then(|open| open.probe)
    }

    /// A request of `client` may be sent. `probing`: the request of [`Breaker::probe`] is still under way. The error says
    /// when to ask again.
    pub fn admit(&mut self, client: ClientKey, probing: bool, pause: Duration, now: Instant) -> Result<(), Duration> {
        let Some(open) = &mut self.open else { return Ok(()) };
        if now < open.until {
            return Err(open.until - now);
        }
        if probing {
            return Err(pause);
        }
        open.probe = Some(client);
        Ok(())
    }

    /// The tenant has answered, whatever it said. True if others are let in from now on.
    pub fn answered(&mut self) -> bool {
        self.failures = 0;
        self.open.take().is_some()
    }

    /// It has not answered in time, or lost the connection. `since` is when that request could have been spared: what was
    /// under way at the last failure fails for the same reason, however long a process takes to die, and does not count. True
    /// if nobody is let in from now on.
    pub fn failed(&mut self, route: &Route, since: Instant, now: Instant) -> bool {
        if self.last.is_none_or(|last| since > last) {
            self.last = Some(now);
            self.failures = self.failures.saturating_add(1);
        }
        let was_open = self.open.is_some();
        if route.breaker_failures == 0 || (!was_open && self.failures < route.breaker_failures) {
            return false;
        }
        self.open = Some(Open { until: now + route.breaker_pause, probe: None });
        !was_open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::SlotMap;

    const PAUSE: Duration = Duration::from_secs(5);

    fn route(failures: u32) -> Route {
        Route { breaker_failures: failures, breaker_pause: PAUSE, ..Route::default() }
    }

    fn two() -> (ClientKey, ClientKey) {
        let mut keys = SlotMap::<ClientKey, ()>::with_key();
        (keys.insert(()), keys.insert(()))
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_answer_closes_it() {
        let (now, (a, b), route) = (Instant::now(), two(), route(3));
        let before = |ms| now - Duration::from_millis(ms);
        let mut breaker = Breaker::default();
        assert_eq!([9, 8].map(|ms| breaker.failed(&route, before(ms), before(ms))), [false, false]);
        assert!(!breaker.answered(), "it was not open");
        assert_eq!(
            [7, 6, 6, 6, 0].map(|ms| breaker.failed(&route, before(ms), before(ms))),
            [false, false, false, false, true]
        );
        assert!(breaker.is_open());
        assert_eq!(breaker.admit(a, false, PAUSE, now), Err(PAUSE));
        assert_eq!(breaker.admit(a, false, PAUSE, now + PAUSE / 5), Err(PAUSE / 5 * 4));
        let later = now + PAUSE;
        assert_eq!((breaker.admit(a, false, PAUSE, later), breaker.probe()), (Ok(()), Some(a)));
        assert_eq!(breaker.admit(b, true, PAUSE, later), Err(PAUSE), "one is enough");
        assert_eq!((breaker.admit(b, false, PAUSE, later), breaker.probe()), (Ok(()), Some(b)), "the first has left");
        assert!(breaker.answered() && !breaker.is_open());
        assert_eq!(breaker.admit(a, false, PAUSE, later), Ok(()));
        assert!(!breaker.failed(&route, later, later), "it begins anew");
    }

    #[test]
    fn what_was_under_way_at_a_failure_is_the_same_failure() {
        let (now, route) = (Instant::now(), route(2));
        let at = |ms| now + Duration::from_millis(ms);
        let mut breaker = Breaker::default();
        assert_eq!([5, 6, 9, 30].map(|ms| breaker.failed(&route, at(0), at(ms))), [false; 4]);
        assert!(!breaker.failed(&route, at(5), at(31)), "it was sent in the turn of the first");
        assert!(breaker.failed(&route, at(6), at(31)));
    }

    #[test]
    fn a_probe_that_fails_is_the_next_pause() {
        let (now, (a, b), route) = (Instant::now(), two(), route(1));
        let mut breaker = Breaker::default();
        assert!(breaker.failed(&route, now, now));
        assert_eq!(breaker.admit(a, false, PAUSE, now + PAUSE), Ok(()));
        assert!(!breaker.failed(&route, now, now + PAUSE), "it is no news");
        assert_eq!(breaker.admit(b, false, PAUSE, now + PAUSE), Err(PAUSE));
        assert_eq!(breaker.admit(b, false, PAUSE, now + 2 * PAUSE), Ok(()));
    }

    #[test]
    fn zero_is_never() {
        let (now, route) = (Instant::now(), route(0));
        let mut breaker = Breaker::default();
        assert!((0..1000).all(|_| !breaker.failed(&route, now, now)) && !breaker.is_open());
    }
}
