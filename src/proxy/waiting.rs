//! A tenant's waiting room: who is sent next. One client's requests in their order, clients in turns, plain requests before
//! upgrades. Pure; never how long anybody waits.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};

use super::ClientKey;

/// So many plain requests go before an upgrade has its turn: after a deploy every WebSocket comes back at once, and people
/// who wait for a page come first, but not for ever.
const PLAIN_IN_A_ROW: u8 = 3;

/// Requests that wait. Every operation takes time in proportion to the logarithm of their number.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    plain: Line,
    upgrades: Line,
    /// Plain requests since the last upgrade, while upgrades wait.
    passed: u8,
    tickets: HashMap<ClientKey, Ticket>,
    /// The number of who came last, and of who was put in front last.
    last: i64,
    front: i64,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy)]
struct Ticket {
    upgrade: bool,
    guest: IpAddr,
    number: i64,
}

/// Requests of one kind. A guest is a client's address, however many connections it has.
#[derive(Debug, Default)]
struct Line {
    /// Guests by their next turn: the least number is the first.
    turns: BTreeMap<i64, IpAddr>,
    /// The turn of each guest.
    guests: HashMap<IpAddr, i64>,
    /// Each guest's requests, in order.
    requests: BTreeMap<(IpAddr, i64), ClientKey>,
}

impl Waiting {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    /// Somebody waits whom a new request would overtake. Plain requests may overtake upgrades.
    pub fn precedes(&self, upgrade: bool) -> bool {
        !self.plain.requests.is_empty() || upgrade && !self.upgrades.requests.is_empty()
    }

    /// A request of this address comes in.
    pub fn push(&mut self, key: ClientKey, from: IpAddr, upgrade: bool) {
        self.last += 1;
        self.insert(key, Ticket { upgrade, guest: guest(from), number: self.last });
    }

    /// A request comes back that was sent in vain: it was first, and is first again.
    pub fn push_front(&mut self, key: ClientKey, from: IpAddr, upgrade: bool) {
        self.front -= 1;
        let ticket = Ticket { upgrade, guest: guest(from), number: self.front };
        self.line(upgrade).give_up_turn(ticket.guest);
        self.insert(key, ticket);
    }

    /// The next to be sent; an upgrade only where they may.
    pub fn pop(&mut self, upgrades: bool) -> Option<ClientKey> {
        let waits = !self.upgrades.requests.is_empty();
        let upgrade = upgrades && waits && (self.plain.requests.is_empty() || self.passed >= PLAIN_IN_A_ROW);
        self.passed = if waits && !upgrade { self.passed.saturating_add(1) } else { 0 };
        self.last += 1;
        let again = self.last;
        let key = self.line(upgrade).pop(again)?;
        self.tickets.remove(&key);
        Some(key)
    }

    /// Forgets one that waits. True if it was there.
    pub fn forget(&mut self, key: ClientKey) -> bool {
        let Some(ticket) = self.tickets.remove(&key) else { return false };
        self.line(ticket.upgrade).remove(ticket);
        true
    }

    fn insert(&mut self, key: ClientKey, ticket: Ticket) {
        // Nobody stands in two places.
        self.forget(key);
        self.tickets.insert(key, ticket);
        self.line(ticket.upgrade).insert(key, ticket);
    }

    fn line(&mut self, upgrade: bool) -> &mut Line {
        if upgrade { &mut self.upgrades } else { &mut self.plain }
    }
}

impl Line {
    fn insert(&mut self, key: ClientKey, Ticket { guest, number, .. }: Ticket) {
        self.requests.insert((guest, number), key);
        // Who has a turn already keeps it.
        if !self.guests.contains_key(&guest) {
            self.take_turn(guest, number);
        }
    }

    /// The first request of the guest whose turn it is; its others have their turn as number `again`.
    fn pop(&mut self, again: i64) -> Option<ClientKey> {
        let (_, guest) = self.turns.pop_first()?;
        self.guests.remove(&guest);
        let number = self.first(guest)?;
        let key = self.requests.remove(&(guest, number));
        if self.first(guest).is_some() {
            self.take_turn(guest, again);
        }
        key
    }

    fn remove(&mut self, Ticket { guest, number, .. }: Ticket) {
        self.requests.remove(&(guest, number));
        if self.first(guest).is_none() {
            self.give_up_turn(guest);
        }
    }

    /// The number of a guest's first request.
    fn first(&self, guest: IpAddr) -> Option<i64> {
        self.requests.range((guest, i64::MIN)..=(guest, i64::MAX)).next().map(|(&(_, number), _)| number)
    }

    fn take_turn(&mut self, guest: IpAddr, turn: i64) {
        self.guests.insert(guest, turn);
        self.turns.insert(turn, guest);
    }

    fn give_up_turn(&mut self, guest: IpAddr) {
        if let Some(turn) = self.guests.remove(&guest) {
            self.turns.remove(&turn);
        }
    }
}

/// Whose turn it is counted as: an IPv6 client has a whole /64 to itself (RFC 6177).
fn guest(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests;
