//! Wrong passwords of each client, and how long it has to wait before the next one is looked at. Pure: the time is given.

use std::time::{Duration, Instant};

use super::bucket::{Buckets, Subject};
use super::nanos;

/// How often each client has failed, for those that have lately, in bounded memory.
#[derive(Debug)]
pub struct Guesses {
    /// When a client's failures are forgotten, in nanoseconds from `start`; the lowest eight bits are their number.
    failures: Option<Buckets>,
    start: Instant,
}

/// People mistype, and several of them may share an address.
const FREE: u64 = 10;
/// Longest wait, reached after five more.
const LONGEST: Duration = Duration::from_secs(30);
/// So long after the last failure all are forgotten.
const FORGET: Duration = Duration::from_secs(15 * 60);

impl Guesses {
    /// Nobody has failed.
    pub fn new(start: Instant) -> Self {
        Self { failures: None, start }
    }

    /// How long this client has to wait before its next password is looked at; `None` if not at all.
    pub fn wait(&self, client: Subject, now: Instant) -> Option<Duration> {
        let now = self.nanos(now);
        let until = self.until(client, now);
        let count = until & 0xff;
        let doubled = 1 << count.checked_sub(FREE)?.min(63);
        let pause = Duration::from_secs(doubled).min(LONGEST);
        let since = now.saturating_sub((until & !0xff).saturating_sub(nanos(FORGET)));
        pause.checked_sub(Duration::from_nanos(since)).filter(|left| !left.is_zero())
    }

    /// A password of this client was wrong. True if from now on it has to wait, for the first time.
    pub fn failed(&mut self, client: Subject, now: Instant) -> bool {
        let now = self.nanos(now);
        let count = ((self.until(client, now) & 0xff) + 1).min(0xff);
        let until = now.saturating_add(nanos(FORGET)) & !0xff | count;
        self.failures.get_or_insert_with(Buckets::new).set(client, until, now);
        count == FREE
    }

    /// When its failures are forgotten, with their number; 0 if it has none.
    fn until(&self, client: Subject, now: u64) -> u64 {
        let until = self.failures.as_ref().map_or(0, |failures| failures.find(client, now));
        if until > now { until } else { 0 }
    }

    fn nanos(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> Subject {
        Subject::client([192, 0, 2, last].into())
    }

    #[test]
    fn the_pause_grows_and_is_forgotten() {
        let start = Instant::now();
        let mut guesses = Guesses::new(start);
        let mut now = start;
        for turn in 1..FREE {
            assert!(!guesses.failed(client(1), now), "{turn}");
            assert_eq!(guesses.wait(client(1), now), None);
        }
        for (seconds, first) in [(1, true), (2, false), (4, false), (8, false), (16, false), (30, false), (30, false)] {
            assert_eq!(guesses.failed(client(1), now), first);
            let wait = guesses.wait(client(1), now).unwrap();
            // The number of failures takes less than a microsecond away.
            assert!(
                wait <= Duration::from_secs(seconds) && wait > Duration::from_millis(seconds * 1000 - 1),
                "{wait:?}"
            );
            assert_eq!(guesses.wait(client(2), now), None, "another client");
            assert!(guesses.wait(client(1), now + wait / 2).is_some());
            now += wait;
            assert_eq!(guesses.wait(client(1), now), None);
        }
        assert!(!guesses.failed(client(1), now + FORGET));
        assert_eq!(guesses.wait(client(1), now + FORGET), None);
    }

    #[test]
    fn a_client_that_never_stops_waits_no_longer_than_the_longest() {
        let start = Instant::now();
        let mut guesses = Guesses::new(start);
        for _ in 0..1000 {
            guesses.failed(client(1), start);
        }
        assert!(guesses.wait(client(1), start).is_some_and(|wait| wait <= LONGEST));
        assert_eq!(guesses.wait(client(1), start + LONGEST), None);
    }
}
