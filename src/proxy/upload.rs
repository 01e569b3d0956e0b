//! How slowly a client may send its body: a budget of waiting that its bytes earn back. Pure: the time is given.

use std::time::{Duration, Instant};

/// Waiting for the bytes of a body that a client may have without any, and most that it can save.
const GRACE: Duration = Duration::from_secs(30);

/// The body of one request on its way to us. Only time in which we wait for the client counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upload {
    /// Waiting that is left.
    left: Duration,
    /// Since when we wait.
    since: Option<Instant>,
}

impl Upload {
    /// None has come yet.
    pub const NEW: Self = Self { left: GRACE, since: None };

    /// Nothing is there to be read.
    pub fn wait(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// Nobody waits for the client any more.
    pub fn stop(&mut self, now: Instant) {
        self.left = self.left(now);
        self.since = None;
    }

    /// So many bytes have come, at a rate of at least `rate` a second, which is not zero.
    pub fn came(&mut self, bytes: usize, rate: u32, now: Instant) {
        self.stop(now);
        let earned = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(1_000_000_000) / u64::from(rate.max(1));
        self.left = self.left.saturating_add(Duration::from_nanos(earned)).min(GRACE);
    }

    /// How long we may wait from now on. Zero: it is too slow.
    pub fn left(&self, now: Instant) -> Duration {
        let waited = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.left.saturating_sub(waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn waiting_costs_and_bytes_earn() {
        let start = Instant::now();
        let at = |after| start + seconds(after);
        let mut upload = Upload::NEW;
        upload.wait(at(0));
        assert_eq!(upload.left(at(10)), seconds(20));
        upload.wait(at(10));
        upload.came(2500, 500, at(20));
        assert_eq!(upload.left(at(100)), seconds(15), "10 are left and 5 are earned; nobody waits");
        upload.wait(at(100));
        upload.stop(at(105));
        assert_eq!(upload.left(at(200)), seconds(10));
        upload.came(1 << 30, 500, at(200));
        assert_eq!(upload.left(at(200)), GRACE, "what came fast does not pay for hours");
        upload.wait(at(200));
        assert_eq!(upload.left(at(230)), Duration::ZERO);
        assert_eq!(upload.left(at(1000)), Duration::ZERO);
    }

    proptest! {
        /// A steady client is in time if it keeps to the rate, and is not for long if it sends half of it.
        #[test]
        fn the_rate_is_what_decides(rate in 1_u32..100_000, pause in 1_u64..20) {
            let start = Instant::now();
            let (mut good, mut bad) = (Upload::NEW, Upload::NEW);
            for step in 0..100 {
                let (from, to) = (start + seconds(step * pause), start + seconds((step + 1) * pause));
                let bytes = rate as usize * pause as usize;
                for (upload, bytes) in [(&mut good, bytes), (&mut bad, bytes / 2)] {
                    upload.wait(from);
                    if upload.left(to) > Duration::ZERO {
                        upload.came(bytes, rate, to);
                    }
                }
            }
            let end = start + seconds(100 * pause);
            prop_assert!(good.left(end) > Duration::ZERO);
            prop_assert!(bad.left(end) == Duration::ZERO);
        }
    }
}
