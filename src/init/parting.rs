//! The last words to clients, when all units are down: answers that are not taken yet, and the end of kept connections.

use std::time::{Duration, Instant};

use super::{Init, LAST_LINES};

/// Longest wait for clients that keep a connection and have been told that it ends.
const PATIENCE: Duration = Duration::from_millis(250);

/// What there is to know about the end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parting {
    /// When all began to end.
    pub begun: Option<Instant>,
    /// How often somebody has said so by a signal.
    pub signals: u32,
    /// When the clients were told.
    told: Option<Instant>,
}

impl Init {
    /// The first call tells every client; true as soon as nobody is left, or nobody has any more time.
    pub(super) fn has_parted(&mut self) -> bool {
        if !self.proxy.is_alone() && self.parting.told.is_none() {
            self.parting.told = Some(self.now);
            self.contain(|init| {
                init.proxy.part();
                init.write_access();
            });
        }
        self.proxy.is_alone() || self.parting_deadline().is_some_and(|end| end <= self.now)
    }

    /// When nobody has any more time: a moment for those who have their answer; for those who still take it what is left
    /// of the shutdown budget, unless somebody is in a hurry.
    pub(super) fn parting_deadline(&self) -> Option<Instant> {
        let Parting { begun, signals, told } = self.parting;
        let told = told?;
        let late = begun.unwrap_or(told) + self.reloader.config.shutdown.budget.saturating_sub(LAST_LINES);
        let patient = self.proxy.is_writing() && signals < 2;
        Some(if patient { late } else { late.min(told + PATIENCE) })
    }
}
