//! What failed for a lack of memory or descriptors is tried again after a pause: the poller says an edge only once.

use std::time::{Duration, Instant};

use crate::poller::Source;

/// Long enough that a lack which lasts costs nothing, short enough that nobody notices its end.
const PAUSE: Duration = Duration::from_millis(100);

/// Sources that have to be looked at although the poller will not tell.
#[derive(Debug, Default)]
pub(super) struct Again {
    sources: Vec<Source>,
    due: Option<Instant>,
}

impl Again {
    /// Looks at `source` after the pause.
    pub fn add(&mut self, now: Instant, source: Source) {
        if !self.sources.contains(&source) {
            self.sources.push(source);
        }
        self.due.get_or_insert(now + PAUSE);
    }

    /// When [`Again::take`] has something to give.
    pub fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// What is due.
    pub fn take(&mut self, now: Instant) -> Vec<Source> {
        match self.due {
            Some(due) if due <= now => {
                self.due = None;
                std::mem::take(&mut self.sources)
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_back_once_after_the_first_ones_pause() {
        let (start, mut again) = (Instant::now(), Again::default());
        again.add(start, Source::Control);
        again.add(start + PAUSE / 2, Source::Notify);
        again.add(start + PAUSE / 2, Source::Control);
        assert_eq!(again.deadline(), Some(start + PAUSE));
        assert_eq!(again.take(start + PAUSE / 2), []);
        assert_eq!(again.take(start + PAUSE), [Source::Control, Source::Notify]);
        assert_eq!((again.deadline(), again.take(start + PAUSE * 2)), (None, Vec::new()));
    }
}
