//! How many connections each client has, where that is limited. Remembers nobody who has none.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::route::Subject;

/// Clients with too many connections are named so often in the log.
const SAID: Duration = Duration::from_secs(60);

/// Connections by client. The hash is keyed: nobody outside can choose addresses that meet in it.
#[derive(Debug, Default)]
pub(super) struct Peers {
    most: Option<usize>,
    open: HashMap<Subject, usize>,
    said: Option<Instant>,
}

/// What to do with a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// It is counted.
    Enters,
    /// The client has as many as it may.
    Refused {
        /// It is worth a word.
        news: bool,
    },
}

impl Peers {
    /// The limit from now on, and those who are connected.
    pub fn configure(&mut self, most: Option<usize>, connected: impl Iterator<Item = IpAddr>) {
        self.most = most;
        self.open.clear();
        for address in connected.filter(|_| most.is_some()) {
            *self.open.entry(Subject::client(address)).or_default() += 1;
        }
        if most.is_none() {
            self.open.shrink_to_fit();
        }
    }

    /// A connection comes.
    pub fn enter(&mut self, address: IpAddr, now: Instant) -> Entry {
        let Some(most) = self.most else { return Entry::Enters };
        let subject = Subject::client(address);
        if self.open.get(&subject).is_some_and(|open| *open >= most) {
            let news = self.said.is_none_or(|said| now.saturating_duration_since(said) >= SAID);
            self.said = if news { Some(now) } else { self.said };
            return Entry::Refused { news };
        }
        *self.open.entry(subject).or_default() += 1;
        Entry::Enters
    }

    /// A connection that was counted is gone.
    pub fn leave(&mut self, address: IpAddr) {
        if self.most.is_none() {
            return;
        }
        let subject = Subject::client(address);
        if let Some(open) = self.open.get_mut(&subject) {
            *open -= 1;
            if *open == 0 {
                self.open.remove(&subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_has_so_many_and_memory_is_for_those_who_are_there() {
        let now = Instant::now();
        let mut peers = Peers::default();
        assert_eq!(peers.enter(address("10.0.0.1"), now), Entry::Enters);
        assert_eq!(peers.open.len(), 0, "without a limit nothing is counted");
        peers.configure(Some(2), [address("10.0.0.1")].into_iter());
        assert_eq!(peers.enter(address("10.0.0.1"), now), Entry::Enters);
        assert_eq!(peers.enter(address("10.0.0.1"), now), Entry::Refused { news: true });
        assert_eq!(peers.enter(address("::ffff:10.0.0.1"), now + SAID / 2), Entry::Refused { news: false });
        assert_eq!(peers.enter(address("10.0.0.1"), now + SAID), Entry::Refused { news: true });
        assert_eq!(peers.enter(address("10.0.0.2"), now), Entry::Enters);
        peers.leave(address("10.0.0.1"));
        assert_eq!(peers.enter(address("10.0.0.1"), now), Entry::Enters);
        for there in ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3"] {
            peers.leave(address(there));
        }
        assert_eq!(peers.open.len(), 0);
    }

    #[test]
    fn one_network_of_ipv6_is_one_client() {
        let now = Instant::now();
        let mut peers = Peers::default();
        peers.configure(Some(1), std::iter::empty());
        assert_eq!(peers.enter(address("2001:db8::1"), now), Entry::Enters);
        assert_eq!(peers.enter(address("2001:db8::2"), now), Entry::Refused { news: true });
        assert_eq!(peers.enter(address("2001:db8:0:1::2"), now), Entry::Enters);
    }
}
