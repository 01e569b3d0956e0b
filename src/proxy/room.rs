//! The waiting rooms of all tenants together: in, out, and how many there may be.

use std::time::Duration;

use super::client::Phase;
use super::loss::SOON;
use super::upstream::Admission;
use super::{ClientKey, Fact, Proxy};
use crate::unit::UnitId;

impl Proxy {
    /// What to do with a new request for this tenant.
    pub(super) fn admission(&self, unit: UnitId, upgrade: bool) -> Admission {
        let full = self.shared.waiting >= self.shared.limits.waiting;
        let upstream = self.upstreams.get(unit);
        match upstream {
            Some(upstream) if !self.shared.draining => upstream.admit(self.shared.now, upgrade, full),
            Some(_) | None => Admission::Refuse(Duration::from_secs(1)),
        }
    }

    /// A request waits; one that comes `back` from a connection was first, and is first again.
    pub(super) fn let_wait(&mut self, key: ClientKey, unit: UnitId, back: bool) {
        let (Some(client), Some(upstream)) = (self.clients.get_mut(key), self.upstreams.get_mut(unit)) else { return };
        client.phase = Phase::Waiting;
        // Who has left already waits for nothing, and starts nothing.
        if !back && (client.wire.is_read_closed() || client.wire.is_broken()) {
            return self.later(key);
        }
        let (from, upgrade) = (client.exchange.client, client.exchange.upgrade);
        match back {
            true => upstream.waiting.push_front(key, from, upgrade),
            false => upstream.waiting.push(key, from, upgrade),
        }
        self.shared.waiting += 1;
        let left = self.until_page(key, unit).unwrap_or_else(|| self.wait_left(key, unit));
        self.set_alarm(key, left);
        self.want(unit);
    }

    /// The next request that may be sent, out of the room.
    pub(super) fn next_waiting(&mut self, unit: UnitId) -> Option<ClientKey> {
        let upstream = self.upstreams.get_mut(unit).filter(|upstream| upstream.has_room())?;
        let upgrades = upstream.takes_upgrades();
        let key = upstream.waiting.pop(upgrades)?;
        self.shared.waiting -= 1;
        Some(key)
    }

    /// A request does not wait any more, if it did.
    pub(super) fn leave_room(&mut self, key: ClientKey, unit: UnitId) -> bool {
        let there = self.upstreams.get_mut(unit).is_some_and(|upstream| upstream.waiting.forget(key));
        self.shared.waiting -= usize::from(there);
        there
    }

    /// Everybody, out of the room.
    pub(super) fn empty_room(&mut self, unit: UnitId) -> Vec<ClientKey> {
        let Some(upstream) = self.upstreams.get_mut(unit) else { return Vec::new() };
        let mut room = std::mem::take(&mut upstream.waiting);
        self.shared.waiting -= room.len();
        std::iter::from_fn(|| room.pop(true)).collect()
    }

    /// A client has left while it waited. If it was the last, the start that it wanted is off, unless it has begun.
    pub(super) fn left_waiting(&mut self, key: ClientKey, unit: UnitId) {
        let was_there = self.leave_room(key, unit);
        let Some(upstream) = self.upstreams.get(unit) else { return };
        if was_there && upstream.is_down() && upstream.is_quiet() && !upstream.listener.has_queue() {
            self.shared.facts.push_back(Fact::Unwanted(unit));
        }
    }

    /// It is time for the waiting page, or for a refusal.
    pub(super) fn wait_due(&mut self, key: ClientKey) {
        let Some(unit) = self.clients.get(key).and_then(|client| client.exchange.unit) else {
            return self.remote_due(key);
        };
        if self.show_page(key) {
            return;
        }
        match self.wait_left(key, unit) {
            Duration::ZERO => self.refuse_client(key, 503, "the application did not answer in time", SOON),
            left => self.set_alarm(key, left),
        }
    }

    /// How much longer a request may wait, its boot included.
    fn wait_left(&self, key: ClientKey, unit: UnitId) -> Duration {
        let (Some(client), Some(upstream)) = (self.clients.get(key), self.upstreams.get(unit)) else {
            return Duration::ZERO;
        };
        let since = match client.exchange.tries {
            0 => client.exchange.arrived,
            _ => client.exchange.dispatched.unwrap_or(client.exchange.arrived),
        };
        let wait = upstream.route.as_ref().map_or(Duration::ZERO, |route| route.wait);
        wait.saturating_sub(self.shared.now.saturating_duration_since(since))
    }
}
