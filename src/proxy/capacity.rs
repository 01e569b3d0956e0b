//! How many connections there may be. A tenth of all descriptors stays with tenantd: for processes, operators and the log.
//! Pure.

/// Least descriptors that stay with tenantd.
const RESERVE: usize = 96;

/// The descriptors that connections may take.
#[derive(Debug)]
pub(super) struct Capacity {
    most: usize,
    /// There was no room, and not yet enough again.
    full: bool,
}

impl Capacity {
    /// Of so many descriptors that we may open (RLIMIT_NOFILE).
    pub fn new(files: usize) -> Self {
        Self { most: files.saturating_sub(RESERVE.max(files / 10)), full: false }
    }

    /// How many more clients there may be while so many descriptors are open: each may need a connection to a tenant. Once
    /// there was no room, it begins again with a hundredth of all: it does not go on and off with each who leaves.
    pub fn room(&mut self, open: usize) -> usize {
        let room = self.most.saturating_sub(open) / 2;
        self.full = room == 0 || (self.full && room < self.most / 100);
        if self.full { 0 } else { room }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_stays_and_a_full_house_opens_late() {
        for (files, most) in [(20_000, 18_000), (1024, 922), (256, 160), (64, 0), (usize::MAX, usize::MAX / 10 * 9)] {
            let capacity = Capacity::new(files);
            assert!(capacity.most.abs_diff(most) <= 10, "{files}: {}", capacity.most);
        }
        let mut capacity = Capacity::new(20_000);
        for (open, room) in [
            (0, 9000),
            (17_997, 1),
            (17_998, 1),
            (17_999, 0),
            (17_998, 0),
            (17_700, 0),
            (17_640, 180),
            (17_998, 1),
            (18_000, 0),
            (20_000, 0),
            (0, 9000),
        ] {
            assert_eq!(capacity.room(open), room, "{open}");
        }
    }
}
