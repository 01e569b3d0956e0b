//! Back-off arithmetic: systemd's curve, pebble's reset after health, ±10 % jitter. Never a clock.

use std::time::{Duration, Instant};

use crate::unit::Service;

/// A unit that was up for so long is well again: its failures in a row start anew.
pub(super) const HEALTH: Duration = Duration::from_secs(30);

/// Requests wait through a hold up to this; a longer one is told to the clients (503 with Retry-After).
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// Where the delays grow from if the first is shorter still.
const LEAST: Duration = Duration::from_millis(1);

/// The delay before the `n`-th try in a row, without jitter (systemd.service(5), RestartSteps=).
///
/// It grows geometrically from `restart_sec` to `restart_max_delay_sec` in `restart_steps` steps.
pub(super) fn delay(n: u32, service: &Service) -> Duration {
    let (first, last, steps) = (service.restart_sec, service.restart_max_delay_sec, service.restart_steps);
    if n <= 1 || steps == 0 || first >= last {
        return first;
    }
    // A unit that is tried again at once is not tried again at once for ever: systemd has its start limit for that.
    let first = first.max(LEAST);
    if n > steps {
        return last;
    }
    let ratio = last.as_secs_f64() / first.as_secs_f64();
    let micros = first.as_micros() as f64 * ratio.powf(f64::from(n - 1) / f64::from(steps));
    Duration::from_micros(micros as u64).min(last)
}

/// The start limit (systemd.unit(5), StartLimitBurst=): a fixed window, as systemd's. It pauses and never gives up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StartLimit {
    /// When the window began.
    begun: Option<Instant>,
    /// Starts in the window.
    starts: u32,
    /// The last pause: no later delay is shorter until the unit is well.
    pause: Duration,
}

impl StartLimit {
    /// A start begins.
    pub(super) fn count(&mut self, now: Instant, service: &Service) {
        match self.begun {
            Some(begun) if now.saturating_duration_since(begun) <= service.start_limit_interval => {
                self.starts = self.starts.saturating_add(1);
            }
            _ => (self.begun, self.starts) = (Some(now), 1),
        }
    }

    /// The delay before the next start after a failure: `delay`, or longer if it would be one too many.
    pub(super) fn delay(&mut self, delay: Duration, now: Instant, service: &Service) -> Duration {
        let interval = service.start_limit_interval;
        let inside = self.begun.is_some_and(|begun| later(now, delay).saturating_duration_since(begun) <= interval);
        if inside && self.starts >= service.start_limit_burst {
            self.pause = interval.max(self.pause.saturating_mul(2)).min(service.restart_max_delay_sec);
        }
        delay.max(self.pause)
    }

    /// It has been hit since the unit was last well.
    pub(super) fn hit(&self) -> bool {
        !self.pause.is_zero()
    }
}

/// A deterministic source of jitter (splitmix64), so that tenants that failed together do not come back together.
#[derive(Debug, Clone)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// `delay` ± 10 %.
    pub(super) fn spread(&mut self, delay: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        delay.saturating_mul(900 + ((z >> 32) % 201) as u32) / 1000
    }
}

/// `now + after`, or a century from now where no clock reaches: a configured duration never panics.
pub(super) fn later(now: Instant, after: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    now + after.min(CENTURY)
}

#[cfg(test)]
mod tests {
    use super::super::tests::service;
    use super::*;

    #[test]
    fn golden_vector_of_systemd() {
        let micros: Vec<u64> = (1..=11).map(|n| delay(n, &service()).as_micros() as u64).collect();
        let golden =
            [100_000, 204_004, 416_179, 849_024, 1_732_050, 3_533_464, 7_208_434, 14_705_544, 30_000_000, 30_000_000];
        assert_eq!(micros[..10], golden);
        assert_eq!(micros[10], 30_000_000);
    }

    #[test]
    fn plain_delay_where_no_curve_is_given() {
        let ms = Duration::from_millis;
        for (first, last, steps) in [(500, 500, 8), (500, 100, 8), (500, 30_000, 0)] {
            let mut service = service();
            (service.restart_sec, service.restart_max_delay_sec, service.restart_steps) = (ms(first), ms(last), steps);
            for n in [0, 1, 2, 8, 9, u32::MAX] {
                assert_eq!(delay(n, &service), ms(first), "{first} {last} {steps} {n}");
            }
        }
    }

    #[test]
    fn no_delay_grows_too() {
        let service = crate::unit::Service { restart_sec: Duration::ZERO, ..service() };
        assert_eq!([1, 2, 3, 9].map(|n| delay(n, &service).as_millis()), [0, 3, 13, 30_000]);
    }

    #[test]
    fn jitter_stays_within_a_tenth_and_replays() {
        let (mut a, mut b) = (Jitter::new(7), Jitter::new(7));
        let spread: Vec<_> = (0..1000).map(|_| a.spread(Duration::from_secs(10))).collect();
        assert!(spread.iter().all(|d| (9_000..=11_000).contains(&d.as_millis())));
        assert!(spread.iter().any(|d| d.as_millis() < 9_200) && spread.iter().any(|d| d.as_millis() > 10_800));
        assert_eq!(spread, (0..1000).map(|_| b.spread(Duration::from_secs(10))).collect::<Vec<_>>());
    }
}
