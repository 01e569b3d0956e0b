//! Idle connections to one who answers: the one used last is taken first, none is too old, none has served too much.

use std::time::{Duration, Instant};

use slotmap::SlotMap;

use super::conn::Conn;
use super::timers::Owner;
use super::{ConnKey, Proxy, Shared};
use crate::unit::UnitId;

/// Idle for longer is closed by us, before Puma does it (`persistent_timeout`, 65 s; 20 s before Puma 7): a request that
/// meets a close on its way has to be sent again.
const IDLE: Duration = Duration::from_secs(55);
/// Requests on one connection, fewer than Puma answers (`max_keep_alive`, 999), for the same reason.
const REQUESTS: u16 = 990;

/// Idle connections, the one used last behind the others.
#[derive(Debug, Default)]
pub(super) struct Idle(Vec<ConnKey>);

impl Idle {
    /// The one used last. One to a port is looked at first: after its end, writing to it would still seem to succeed.
    pub fn take(&mut self, conns: &mut SlotMap<ConnKey, Conn>, now: Instant) -> Option<ConnKey> {
        while let Some(key) = self.0.pop() {
            let Some(conn) = conns.get_mut(key) else { continue };
            if conn.is_stale(now) {
                // All below were used before it.
                conns.remove(key);
                self.clear(conns);
                return None;
            }
            if conn.unix || conn.wire.is_silent() {
                conn.served += 1;
                return Some(key);
            }
            conns.remove(key);
        }
        None
    }

    /// One rests from now on. When the oldest has to be looked at, if that is news.
    pub fn put(&mut self, key: ConnKey, conns: &mut SlotMap<ConnKey, Conn>, now: Instant) -> Option<Instant> {
        conns.get_mut(key)?.rested = now;
        self.0.push(key);
        (self.0.len() == 1).then_some(now + IDLE)
    }

    /// Closes those that are too old. When the oldest that is left has to be looked at.
    pub fn expire(&mut self, conns: &mut SlotMap<ConnKey, Conn>, now: Instant) -> Option<Instant> {
        let stale = |key: &ConnKey| conns.get(*key).is_none_or(|conn| conn.is_stale(now));
        let count = self.0.iter().take_while(|key| stale(key)).count();
        self.0.drain(..count).for_each(|key| drop(conns.remove(key)));
        self.0.first().and_then(|key| conns.get(*key)).map(|conn| conn.rested + IDLE)
    }

    /// One has ended.
    pub fn forget(&mut self, key: ConnKey) {
        self.0.retain(|&idle| idle != key);
    }

    /// Closes all.
    pub fn clear(&mut self, conns: &mut SlotMap<ConnKey, Conn>) {
        self.0.drain(..).for_each(|key| drop(conns.remove(key)));
    }
}

impl Proxy {
    /// An idle connection to a tenant.
    pub(super) fn pooled(&mut self, unit: UnitId) -> Option<ConnKey> {
        self.upstreams.get_mut(unit)?.pool.take(&mut self.conns, self.shared.now)
    }

    /// A connection rests in the pool.
    pub(super) fn pool(&mut self, key: ConnKey, unit: UnitId) {
        let Shared { timers, now, .. } = &mut self.shared;
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        if let Some(due) = upstream.pool.put(key, &mut self.conns, *now) {
            timers.set(&mut upstream.stale, due, Owner::Pool(unit));
        }
    }

    /// The oldest connections of a pool may be too old.
    pub(super) fn pool_due(&mut self, unit: UnitId, entry: Instant) {
        let Shared { timers, now, .. } = &mut self.shared;
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        if !timers.due(&mut upstream.stale, entry, *now, Owner::Pool(unit)) {
            return;
        }
        if let Some(due) = upstream.pool.expire(&mut self.conns, *now) {
            timers.set(&mut upstream.stale, due, Owner::Pool(unit));
        }
    }
}

impl Conn {
    /// It has rested too long.
    fn is_stale(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.rested) >= IDLE
    }

    /// It may serve one more request.
    pub(super) fn has_strength(&self) -> bool {
        self.reusable && self.served + 1 < REQUESTS
    }
}

#[cfg(test)]
mod tests {
    use super::super::conn::Origin;
    use super::*;
    use crate::wire::Wire;

    #[test]
    fn a_connection_is_given_up_before_puma_gives_it_up() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        for (idle, served, reusable, stale, strong) in [
            (0, 0, true, false, true),
            (54, 988, true, false, true),
            (55, 989, true, true, false),
            (64, 999, true, true, false),
            (0, 0, false, false, false),
        ] {
            let (socket, _) = std::os::unix::net::UnixStream::pair().unwrap();
            let mut conn = Conn::new(Wire::new(socket.into()), Origin::Tenant(UnitId::default()), true, now);
            (conn.served, conn.reusable) = (served, reusable);
            assert_eq!(conn.is_stale(now + second * idle), stale, "{idle} s");
            assert_eq!(conn.has_strength(), strong, "{served} {reusable}");
        }
    }
}
