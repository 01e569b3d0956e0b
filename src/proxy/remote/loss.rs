//! What becomes of a request that its target does not answer: another address, another target, another connection, or an
//! answer of ours.

use std::time::{Duration, Instant};

use super::super::client::Phase;
use super::super::exchange::Loss;
use super::super::timers::Owner;
use super::super::{ClientKey, Proxy, RemoteKey};

impl Proxy {
    /// A connection for this request does not stand: nothing was sent, and the next address has its turn, then the next
    /// target. `status` where there is none.
    pub(super) fn unreached(&mut self, key: ClientKey, status: u16, why: &str) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let Some(mut leg) = client.exchange.leg() else { return };
        // Not a try.
        client.exchange.tries -= u8::from(client.exchange.conn.is_some());
        self.release(key, false);
        let now = self.shared.now;
        let (Some(client), Some(remote)) = (self.clients.get_mut(key), self.remotes.all.get_mut(leg.remote)) else {
            return;
        };
        log::debug!("proxy {}: {}: {why}", remote.rule.keys.name, remote.rule.targets[leg.target].url);
        let addresses = &mut remote.targets[leg.target].addresses;
        addresses.doubt();
        leg.attempt += 1;
        if leg.attempt < addresses.len() && now < leg.until {
            client.exchange.set_leg(leg);
            return self.reach(key);
        }
        remote.failed(leg.target, why, now);
        if !self.dispatch_next(key) {
            let (name, url) = self.remotes.named(leg.remote, leg.target);
            log::warn!("proxy {name}: cannot reach {url}: {why}");
            let words =
                if status == 504 { "the server cannot be reached in time" } else { "the server cannot be reached" };
            self.refuse_client(key, status, words, None);
        }
    }

    /// A connection to a target ended before its answer.
    pub(in super::super) fn lose_remote(&mut self, key: ClientKey, loss: Loss) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let (Some(leg), Some(conn)) = (client.exchange.leg(), client.exchange.conn) else { return };
        let Some(conn) = self.conns.get(conn) else { return };
        if !client.exchange.may_retry(loss, conn.unix, conn.served > 0) {
            self.note_remote_failure(leg.remote, leg.target, "it closed the connection");
            return self.refuse_client(key, 502, "the server closed the connection", None);
        }
        self.release(key, false);
        if let Some(client) = self.clients.get_mut(key) {
            client.exchange.sent = 0;
            client.exchange.upload.stop(self.shared.now);
        }
        self.dispatch_remote(key);
    }

    fn note_remote_failure(&mut self, key: RemoteKey, target: usize, why: &str) {
        let now = self.shared.now;
        if let Some(remote) = self.remotes.all.get_mut(key) {
            remote.failed(target, why, now);
        }
    }

    /// A request to a target has waited long enough for what it waits for.
    pub(in super::super) fn remote_due(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get(key) else { return };
        let Some(leg) = client.exchange.leg() else { return };
        let exchange = &client.exchange;
        let connecting = exchange.conn.and_then(|conn| self.conns.get(conn)).is_some_and(|conn| conn.connecting);
        match client.phase {
            Phase::Waiting => self.unreached(key, 504, "its name is not resolved in time"),
            _ if connecting => self.unreached(key, 504, "no connection in time"),
            _ if exchange.answer.is_some() => self.close(key),
            _ if exchange.is_slow(&self.shared.limits, self.shared.now) => {
                self.refuse_client(key, 408, "the request body comes too slowly", None);
            }
            _ if !exchange.awaits_tenant() && exchange.unsent() == 0 => {
                self.refuse_client(key, 408, "the request body did not come in time", None);
            }
            _ => {
                self.note_remote_failure(leg.remote, leg.target, "no answer in time");
                self.refuse_client(key, 504, "the server did not answer in time", None);
            }
        }
    }

    /// A body moves, or an answer is waited for from now on. A connection that does not stand yet has its own time.
    pub(in super::super) fn prolong_remote(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get(key) else { return };
        let exchange = &client.exchange;
        let Some(remote) = exchange.leg().and_then(|leg| self.remotes.all.get(leg.remote)) else { return };
        if exchange.conn.and_then(|conn| self.conns.get(conn)).is_some_and(|conn| conn.connecting) {
            return;
        }
        let after = match exchange.answer.is_some() || !exchange.awaits_tenant() {
            true => {
                let body = exchange.body_time(&self.shared.limits, self.shared.now);
                remote.rule.keys.timeout_idle.map_or(body, |idle| idle.min(body).max(Duration::from_millis(1)))
            }
            false => remote.rule.keys.timeout_response,
        };
        self.set_alarm(key, after);
    }

    /// Longest time without a byte, where the rule of an exchange says so.
    pub(in super::super) fn idle_time(&self, key: ClientKey) -> Option<Duration> {
        let leg = self.clients.get(key)?.exchange.leg()?;
        self.remotes.all.get(leg.remote)?.rule.keys.timeout_idle
    }

    /// Something has to be done for a `[[proxy]]` at this time, or before.
    pub(super) fn set_chores(&mut self, key: RemoteKey, due: Instant) {
        let Some(remote) = self.remotes.all.get_mut(key) else { return };
        if remote.chores.is_later_than(due) {
            self.shared.timers.set(&mut remote.chores, due, Owner::Remote(key));
        }
    }

    /// Idle connections may be too old, and health checks due.
    pub(in super::super) fn chores_due(&mut self, key: RemoteKey, entry: Instant) {
        let now = self.shared.now;
        let Some(remote) = self.remotes.all.get_mut(key) else { return };
        if !self.shared.timers.due(&mut remote.chores, entry, now, Owner::Remote(key)) {
            return;
        }
        let pools = remote.targets.iter_mut().map(|target| target.pool.expire(&mut self.conns, now));
        let stale = pools.flatten().min();
        let checks = self.check_all(key);
        if let Some(due) = stale.into_iter().chain(checks).min() {
            self.set_chores(key, due);
        }
    }
}
