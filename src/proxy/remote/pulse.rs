//! Whether a target is worth a request: a few failures take it out, one success brings it back. Pure: the time is given.

use std::time::{Duration, Instant};

/// So many failures in a row take a target out.
const FAILURES: u8 = 2;
/// Then a request tries it again, unless checks tell.
const PAUSE: Duration = Duration::from_secs(10);

/// What is known of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pulse {
    /// It is used.
    Up {
        /// Failures since the last success.
        failures: u8,
    },
    /// It is left out as long as others are up.
    Down {
        /// From then on a request may try it; `None`: a check decides.
        until: Option<Instant>,
    },
}

impl Pulse {
    /// Nothing is known yet: that is good news.
    pub const NEW: Self = Self::Up { failures: 0 };

    /// It is worth a request.
    pub fn is_up(self, now: Instant) -> bool {
        match self {
            Self::Up { .. } => true,
            Self::Down { until } => until.is_some_and(|until| until <= now),
        }
    }

    /// It could not be reached, did not answer in time, or failed a check. `checked`: checks bring it back. True if it is out
    /// from now on.
    pub fn failed(&mut self, checked: bool, now: Instant) -> bool {
        let was_up = matches!(self, Self::Up { .. });
        *self = match *self {
            Self::Up { failures } if failures + 1 < FAILURES => Self::Up { failures: failures + 1 },
            Self::Up { .. } | Self::Down { .. } => Self::Down { until: (!checked).then_some(now + PAUSE) },
        };
        was_up && matches!(self, Self::Down { .. })
    }

    /// It has answered. True if it was out.
    pub fn answered(&mut self) -> bool {
        let was_down = matches!(self, Self::Down { .. });
        *self = Self::NEW;
        was_down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_failures_take_it_out_and_one_answer_brings_it_back() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        // f: a failure, a: an answer; at the end: up now, up in 9 s, up in 10 s
        for (events, checked, up) in [
            ("", false, [true, true, true]),
            ("f", false, [true, true, true]),
            ("ff", false, [false, false, true]),
            ("fff", false, [false, false, true]),
            ("fafaf", false, [true, true, true]),
            ("ffa", false, [true, true, true]),
            ("ffaf", false, [true, true, true]),
            ("ff", true, [false, false, false]),
            ("ffa", true, [true, true, true]),
        ] {
            let mut pulse = Pulse::NEW;
            for event in events.chars() {
                let (before, news) = match event {
                    'f' => (pulse.is_up(start), pulse.failed(checked, start)),
                    _ => (!pulse.is_up(start), pulse.answered()),
                };
                let changed = before && pulse.is_up(start) == (event == 'a');
                assert_eq!(news, changed, "{events}");
            }
            assert_eq!([0, 9, 10].map(|seconds| pulse.is_up(at(seconds))), up, "{events} {checked}");
        }
    }

    #[test]
    fn one_more_failure_after_the_pause_is_enough() {
        let start = Instant::now();
        let mut pulse = Pulse::Down { until: Some(start) };
        assert!(pulse.is_up(start));
        assert!(!pulse.failed(false, start), "no news");
        assert!(!pulse.is_up(start));
    }
}
