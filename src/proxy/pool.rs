//! A tenant's idle connections: the one used last is taken first, none is too old, none has served too much.

use std::time::{Duration, Instant};

use super::timers::Owner;
use super::{ConnKey, Proxy, Shared};
use crate::unit::UnitId;

/// Idle for longer is closed by us, before Puma does it (`persistent_timeout`, 65 s; 20 s before Puma 7): a request that
/// meets a close on its way has to be sent again.
const IDLE: Duration = Duration::from_secs(55);
/// Requests on one connection, fewer than Puma answers (`max_keep_alive`, 999), for the same reason.
const REQUESTS: u16 = 990;

impl Proxy {
    /// An idle connection. One to a port is looked at first: after its end, writing to it would still seem to succeed.
    pub(super) fn pooled(&mut self, unit: UnitId) -> Option<ConnKey> {
        while let Some(key) = self.upstreams.get_mut(unit)?.pool.pop() {
            let Some(conn) = self.conns.get_mut(key) else { continue };
            if conn.is_stale(self.shared.now) {
                // All below were used before it.
                self.conns.remove(key);
                self.close_idle(unit);
                return None;
            }
            if conn.unix || conn.wire.is_silent() {
                conn.served += 1;
                return Some(key);
            }
            self.conns.remove(key);
        }
        None
    }

    /// A connection rests in the pool.
    pub(super) fn pool(&mut self, key: ConnKey, unit: UnitId) {
        let Shared { timers, now, .. } = &mut self.shared;
        let (Some(upstream), Some(conn)) = (self.upstreams.get_mut(unit), self.conns.get_mut(key)) else { return };
        conn.rested = *now;
        if upstream.pool.is_empty() {
            timers.set(&mut upstream.stale, *now + IDLE, Owner::Pool(unit));
        }
        upstream.pool.push(key);
    }

    /// The oldest connections of a pool may be too old.
    pub(super) fn pool_due(&mut self, unit: UnitId, entry: Instant) {
        let Shared { timers, now, .. } = &mut self.shared;
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        if !timers.due(&mut upstream.stale, entry, *now, Owner::Pool(unit)) {
            return;
        }
        let stale = |key: &ConnKey| self.conns.get(*key).is_none_or(|conn| conn.is_stale(*now));
        let count = upstream.pool.iter().take_while(|key| stale(key)).count();
        upstream.pool.drain(..count).for_each(|key| drop(self.conns.remove(key)));
        if let Some(oldest) = upstream.pool.first().and_then(|key| self.conns.get(*key)) {
            timers.set(&mut upstream.stale, oldest.rested + IDLE, Owner::Pool(unit));
        }
    }
}

impl super::conn::Conn {
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
    use super::super::conn::Conn;
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
            let mut conn = Conn::new(Wire::new(socket.into()), UnitId::default(), true, now);
            (conn.served, conn.reusable) = (served, reusable);
            assert_eq!(conn.is_stale(now + second * idle), stale, "{idle} s");
            assert_eq!(conn.has_strength(), strong, "{served} {reusable}");
        }
    }
}
