//! Seeded randomness, so that a failure can be run again (xorshift64*).

use std::time::Duration;

/// A small generator; the seed is printed when a test fails, because tests print what they capture.
pub struct Random(u64);

impl Random {
    /// The seed of `TEST_SEED`, or else `default`.
    pub fn new(default: u64) -> Self {
        let seed = std::env::var("TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(default);
        println!("TEST_SEED={seed}");
        Self(seed.max(1))
    }

    /// The seed itself: one of many that a test derives from one.
    pub fn with(seed: u64) -> Self {
        Self(seed.max(1))
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }

    /// Lets up to `most` pass: the instant at which a race is tried, never a wait for something.
    pub fn jitter(&mut self, most: Duration) {
        std::thread::sleep(Duration::from_micros(self.below(most.as_micros() as u64 + 1)));
    }
}
