//! After 101: bytes both ways, whatever they mean (WebSocket frames are the tenant's business).

use super::client::{Client, Phase};
use super::conn::Conn;
use super::exchange::WINDOW;
use super::session::{Step, flush};
use super::{ClientKey, Proxy, Shared};
use crate::wire::{Read, Write};

impl Proxy {
    /// The tenant has agreed: from now on the connection is a tunnel, and no longer one of the tenant's request slots.
    pub(super) fn switch(&mut self, key: ClientKey) -> Step {
        let Some(client) = self.clients.get_mut(key) else { return Step::Wait };
        let Some(conn) = client.exchange.conn.and_then(|conn| self.conns.get_mut(conn)) else { return Step::Close };
        let Some(upstream) = self.upstreams.get_mut(conn.unit) else { return Step::Close };
        let unit = conn.unit;
        client.phase = Phase::Tunnel;
        upstream.busy -= 1;
        upstream.tunnels += 1;
        // Bytes that either side sent behind its head.
        let exchange = &mut client.exchange;
        exchange.request.clear();
        exchange.sent = 0;
        exchange.request.extend_from_slice(client.input.bytes());
        client.input.clear(&mut self.shared.pool);
        exchange.bytes_out += conn.input.len() as u64;
        client.output.push(conn.input.bytes(), &mut self.shared.pool);
        conn.input.clear(&mut self.shared.pool);
        self.shared.access.push(exchange, client.peer, upstream.ready, self.shared.now);
        self.set_alarm(key, self.shared.limits.timeout_tunnel);
        self.report_drained(unit);
        self.serve_waiting(unit);
        Step::Again
    }

    /// Moves bytes in both directions.
    pub(super) fn tunnel(&mut self, key: ClientKey) -> Step {
        let Some(client) = self.clients.get_mut(key) else { return Step::Wait };
        let Some(conn) = client.exchange.conn.and_then(|conn| self.conns.get_mut(conn)) else { return Step::Close };
        let up = send_up(client, conn, &mut self.shared);
        let down = send_down(client, conn, &mut self.shared);
        match (up, down) {
            // What the tenant said last is on its way; then comes the end.
            (_, Moved::End) => self.end_tunnel(key),
            (Moved::Broken, _) | (_, Moved::Broken) | (Moved::End, _) => Step::Close,
            (Moved::Nothing, Moved::Nothing) => Step::Wait,
            (Moved::Some | Moved::Nothing, Moved::Some | Moved::Nothing) => {
                self.set_alarm(key, self.shared.limits.timeout_tunnel);
                Step::Again
            }
        }
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

/// What became of one direction.
enum Moved {
    Some,
    Nothing,
    /// The reading side has ended, and all it said is passed on.
    End,
    /// The writing side is gone.
    Broken,
}

/// Client to tenant. `request` holds what the tenant has not taken.
fn send_up(client: &mut Client, conn: &mut Conn, shared: &mut Shared) -> Moved {
    let exchange = &mut client.exchange;
    if exchange.unsent() == 0 {
        match client.wire.read(&mut shared.scratch[..WINDOW]) {
            Read::Some(count) => {
                exchange.request = shared.pool.take();
                exchange.request.extend_from_slice(&shared.scratch[..count]);
                exchange.sent = 0;
            }
            Read::Blocked => return Moved::Nothing,
            Read::End | Read::Reset => return Moved::End,
        }
    }
    match conn.wire.write(&exchange.request[exchange.sent..], &[]) {
        Write::Some(count) => {
            exchange.sent += count;
            exchange.bytes_in += count as u64;
        }
        Write::Blocked => return Moved::Nothing,
        Write::Broken => return Moved::Broken,
    }
    if exchange.unsent() == 0 {
        shared.pool.give(std::mem::take(&mut exchange.request));
        exchange.sent = 0;
    }
    Moved::Some
}

/// Tenant to client. `output` holds what the client has not taken.
fn send_down(client: &mut Client, conn: &mut Conn, shared: &mut Shared) -> Moved {
    match flush(client, shared) {
        Write::Some(_) => {}
        Write::Blocked => return Moved::Nothing,
        Write::Broken => return Moved::Broken,
    }
    let count = match conn.wire.read(&mut shared.scratch) {
        Read::Some(count) => count,
        Read::Blocked => return Moved::Nothing,
        Read::End | Read::Reset => return Moved::End,
    };
    let bytes = &shared.scratch[..count];
    let taken = match client.wire.write(bytes, &[]) {
        Write::Some(taken) => taken,
        Write::Blocked => 0,
        Write::Broken => return Moved::Broken,
    };
    client.exchange.bytes_out += count as u64;
    client.output.push(&bytes[taken..], &mut shared.pool);
    Moved::Some
}
