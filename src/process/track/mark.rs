//! The mark that everything a unit starts carries, whatever it does to its session, group and parents.
//!
//! It is the limit of file locks (RLIMIT_LOCKS): inherited over fork, execve and a change of user, 64 bits wide, lowered
//! without any privilege, readable by everybody in /proc/PID/limits, and without effect since Linux 2.4.25. What it does
//! not cover: a process that sets this very limit itself.

use rustix::rand::{GetRandomFlags, getrandom};

/// Marks, one a unit's run: bits that are this tenantd's own, then a counter. It counts down, since a limit can be lowered
/// by anybody: what a unit forks for a unit that comes after it can take that one's mark.
#[derive(Debug)]
pub(super) struct Marks {
    next: u64,
}

/// Bits of the counter: a million runs before the first mark comes again.
const COUNTER: u32 = 20;

impl Marks {
    /// Marks that differ from those of any other tenantd, and are lower than `limit`, the one we run under ourselves.
    pub fn new(limit: u64) -> Self {
        let mut bytes = [0; 8];
        // Without random bits, another tenantd may use the same marks: that matters only where both see the processes.
        let _ = getrandom(&mut bytes[..], GetRandomFlags::empty());
        // Below the highest bit of the limit: so a tenantd inside a tenant finds room too.
        let top = 1_u64 << limit.max(2).ilog2().saturating_sub(1).min(62);
        let own = u64::from_ne_bytes(bytes) & (top - 1) & !((1 << COUNTER) - 1);
        Self { next: top | own | ((1 << COUNTER) - 1) }
    }

    /// The next mark.
    pub fn next(&mut self) -> u64 {
        let mark = self.next;
        let counter = (1 << COUNTER) - 1;
        self.next = (mark & !counter) | (mark.wrapping_sub(1) & counter);
        mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenantd_inside_a_tenant_finds_lower_marks_of_its_own() {
        let (mut outer, mut other) = (Marks::new(u64::MAX), Marks::new(u64::MAX));
        let (first, second) = (outer.next(), outer.next());
        assert!(first > second && first < u64::MAX && other.next() >> COUNTER != first >> COUNTER);
        let mut limit = first;
        for _ in 0..16 {
            let inner = Marks::new(limit).next();
            assert!(inner < limit, "{inner} under {limit}");
            limit = inner;
        }
    }
}
