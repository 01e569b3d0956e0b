//! After 101: bytes both ways, whatever they mean (WebSocket frames are the tenant's business).

use std::time::Duration;

use super::client::{Client, Phase};
use super::conn::{Conn, Origin};
use super::exchange::WINDOW;
use super::session::{Step, flush};
use super::upstream::Upstream;
use super::{ClientKey, Proxy, Shared, conn_source};
use crate::http::{Body, Framing};
use crate::wire::{Read, Write};

impl Proxy {
    /// The tenant has agreed: from now on the connection is a tunnel, and no longer one of the tenant's request slots.
    pub(super) fn switch(&mut self, key: ClientKey) -> Step {
        let Some(client) = self.clients.get_mut(key) else { return Step::Wait };
        let Some(conn) = client.exchange.conn.and_then(|conn| self.conns.get_mut(conn)) else { return Step::Close };
        let to = conn.to;
        client.phase = Phase::Tunnel;
        let ready = match to {
            Origin::Tenant(unit) => self.upstreams.get_mut(unit).and_then(Upstream::begin_tunnel),
            Origin::Remote(remote, _) => {
                self.remotes.end(remote);
                None
            }
        };
        // Bytes that either side sent behind its head.
        let exchange = &mut client.exchange;
        self.shared.pool.give(std::mem::take(&mut exchange.request));
        exchange.sent = 0;
        exchange.body = Body::new(Framing::UntilClose);
        exchange.request.extend_from_slice(client.input.bytes());
        client.input.clear(&mut self.shared.pool);
        exchange.bytes_out += conn.input.len() as u64;
        client.output.push(conn.input.bytes(), &mut self.shared.pool);
        conn.input.clear(&mut self.shared.pool);
        self.shared.access.push(exchange, ready, self.shared.now);
        exchange.words.clear(&mut self.shared.pool);
        self.set_alarm(key, self.tunnel_time(key));
        if let Origin::Tenant(unit) = to {
            self.report_drained(unit);
            self.serve_waiting(unit);
        }
        Step::Again
    }

    /// Moves bytes in both directions.
    pub(super) fn tunnel(&mut self, key: ClientKey) -> Step {
        let Some(client) = self.clients.get_mut(key) else { return Step::Wait };
        let Some(conn_key) = client.exchange.conn else { return Step::Close };
        let Some(conn) = self.conns.get_mut(conn_key) else { return Step::Close };
        if client.wire.is_broken() {
            return Step::Close;
        }
        let up = send_up(client, conn, &mut self.shared);
        if !conn.wire.await_room(&self.shared.registry, conn_source(conn_key)) {
            return Step::Close;
        }
        let down = send_down(client, conn, &mut self.shared);
        match (up, down) {
            // What the tenant said last is on its way; then comes the end.
            (_, Down::End) => self.end_tunnel(key),
            (_, Down::Broken) => Step::Close,
            (false, Down::Nothing) => Step::Wait,
            (true, Down::Nothing) | (_, Down::Some) => {
                let half = self.clients.get(key).is_some_and(|client| client.exchange.body.is_done());
                self.set_alarm(key, if half { self.shared.limits.timeout_body } else { self.tunnel_time(key) });
                Step::Again
            }
        }
    }

    /// Longest time without a byte.
    fn tunnel_time(&self, key: ClientKey) -> Duration {
        self.idle_time(key).unwrap_or(self.shared.limits.timeout_tunnel)
    }

    /// The tenant has closed: the client reads all that it said, and the end.
    fn end_tunnel(&mut self, key: ClientKey) -> Step {
        let unit = self.clients.get(key).and_then(|client| client.exchange.unit);
        self.release(key, false);
        let Some(client) = self.clients.get_mut(key) else { return Step::Wait };
        client.phase = Phase::Last;
        client.exchange.reset(&mut self.shared.pool);
        self.set_alarm(key, self.shared.limits.timeout_body);
        if let Some(unit) = unit {
            self.rest(unit);
        }
        Step::Again
    }
}

/// What became of the direction to the client.
enum Down {
    Some,
    Nothing,
    /// The tenant has ended, and all it said is passed on.
    End,
    /// The client is gone.
    Broken,
}

/// Client to tenant: true if something moved. `request` holds what the tenant has not taken. The client's end is passed
/// on behind its last byte, and the tenant may still answer; the end of the tunnel is the tenant's.
fn send_up(client: &mut Client, conn: &mut Conn, shared: &mut Shared) -> bool {
    let exchange = &mut client.exchange;
    if exchange.body.is_done() {
        return false;
    }
    if exchange.unsent() == 0 {
        match client.wire.read(&mut shared.scratch[..WINDOW]) {
            Read::Some(count) => {
                shared.spent += count;
                exchange.request = shared.pool.take();
                exchange.request.extend_from_slice(&shared.scratch[..count]);
                exchange.sent = 0;
            }
            Read::Blocked => return false,
            Read::End | Read::Reset => {
                conn.wire.finish();
                exchange.body = Body::new(Framing::None);
                return true;
            }
        }
    }
    match conn.wire.write(&exchange.request[exchange.sent..], &[]) {
        Write::Some(count) => {
            exchange.sent += count;
            exchange.bytes_in += count as u64;
        }
        Write::Blocked => return false,
        // It reads no more; what it has said before is still to be passed on.
        Write::Broken => {
            exchange.sent = exchange.request.len();
            exchange.body = Body::new(Framing::None);
        }
    }
    if exchange.unsent() == 0 {
        shared.pool.give(std::mem::take(&mut exchange.request));
        exchange.sent = 0;
    }
    true
}

/// Tenant to client. `output` holds what the client has not taken.
fn send_down(client: &mut Client, conn: &mut Conn, shared: &mut Shared) -> Down {
    match flush(client, shared) {
        Write::Some(_) => {}
        Write::Blocked => return Down::Nothing,
        Write::Broken => return Down::Broken,
    }
    let count = match conn.wire.read(&mut shared.scratch) {
        Read::Some(count) => count,
        Read::Blocked => return Down::Nothing,
        Read::End | Read::Reset => return Down::End,
    };
    shared.spent += count;
    let bytes = &shared.scratch[..count];
    let taken = match client.wire.write(bytes, &[]) {
        Write::Some(taken) => taken,
        Write::Blocked => 0,
        Write::Broken => return Down::Broken,
    };
    client.exchange.bytes_out += count as u64;
    client.output.push(&bytes[taken..], &mut shared.pool);
    Down::Some
}
