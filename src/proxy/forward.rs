//! One exchange in flight: a connection to the tenant taken and given back, the request on its way, its end.

use std::time::Duration;

use super::answer::{Answer, read_answer};
use super::batch::Letter;
use super::client::{Client, Phase};
use super::conn::{Conn, Origin};
use super::exchange::Loss;
use super::refuse::note_answer;
use super::session::Step;
use super::upstream::Upstream;
use super::{ClientKey, ConnKey, Fact, Proxy, Shared, conn_source};
use crate::http;
use crate::unit::UnitId;
use crate::wire::{Read, Wire, Write};

impl Proxy {
    /// Gives a request a connection: the one of the pool that was used last, or a new one. False if nobody listens.
    pub(super) fn dispatch(&mut self, key: ClientKey, unit: UnitId) -> bool {
        let Some(client) = self.clients.get_mut(key) else { return true };
        client.phase = Phase::Exchange;
        client.exchange.dispatched = Some(self.shared.now);
        // What has failed once gets a new one, in the place of all that idle: they may have been closed together, and an
        // application with a thread a connection has none left for one more.
        let again = client.exchange.tries > 0;
        if again {
            self.close_idle(unit);
        }
        let pooled = if again { None } else { self.pooled(unit) };
        match pooled.map_or_else(|| self.connect(unit), Ok) {
            Ok(conn) => {
                let exchange = &mut self.clients[key].exchange;
                exchange.tries += 1;
                exchange.conn = Some(conn);
                self.conns[conn].client = Some(key);
                self.upstreams[unit].begin(exchange.upgrade);
                let after = self.patience(key, unit);
                self.set_alarm(key, after);
                self.post(key, Letter::Request);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                self.await_port(key, unit);
                false
            }
            Err(error) => {
                log::warn!("cannot connect to a tenant: {error}");
                self.refuse_client(key, 503, "the application cannot be reached", Some(Duration::from_secs(1)));
                true
            }
        }
    }

    fn connect(&mut self, unit: UnitId) -> std::io::Result<ConnKey> {
        let listener = &self.upstreams[unit].listener;
        let (fd, stands) = listener.connect()?;
        let unix = listener.is_unix();
        let wire = if stands { Wire::new(fd) } else { Wire::connecting(fd) };
        let conn = Conn::new(wire, Origin::Tenant(unit), unix, self.shared.now);
        let key = self.conns.insert(conn);
        let added = self.conns[key].wire.watch(&self.shared.registry, conn_source(key));
        added.inspect_err(|_| drop(self.conns.remove(key)))?;
        Ok(key)
    }

    /// How long a request that has been sent may wait for its answer: while the tenant boots, what is left of the
    /// route's wait.
    fn patience(&self, key: ClientKey, unit: UnitId) -> Duration {
        let (Some(client), Some(upstream)) = (self.clients.get(key), self.upstreams.get(unit)) else {
            return Duration::ZERO;
        };
        let waited = self.shared.now.saturating_duration_since(client.exchange.arrived);
        match (&upstream.route, upstream.served) {
            (Some(route), None) => {
                self.until_page(key, unit).unwrap_or(route.wait).min(route.wait.saturating_sub(waited))
            }
            (_, Some(_)) | (None, None) => self.shared.limits.timeout_response,
        }
    }

    /// Moves an exchange on in both directions.
    pub(super) fn exchange(&mut self, key: ClientKey) -> Step {
        let Some(client) = self.clients.get_mut(key) else { return Step::Wait };
        let Some(conn_key) = client.exchange.conn else { return Step::Close };
        let Some(conn) = self.conns.get_mut(conn_key) else { return Step::Close };
        let left = client.exchange.event_stream && client.wire.is_read_closed();
        if client.wire.is_broken() || left {
            return Step::Close;
        }
        let before = (client.exchange.bytes_in, client.exchange.bytes_out, client.exchange.sent);
        let unanswered = client.exchange.answered.is_none();
        let unwritable = send_request(client, conn) == Write::Broken;
        if !conn.wire.await_room(&self.shared.registry, conn_source(conn_key)) {
            return self.fail(key, 503, "the server has no memory for this request");
        }
        if let Err(step) = read_body(client, &mut self.shared) {
            return match step {
                Ok(reason) => {
                    self.conns[conn_key].reusable = false;
                    self.fail(key, 400, reason)
                }
                Err(()) => Step::Close,
            };
        }
        if unwritable {
            // What the tenant said before it closed may be there without its edge.
            conn.wire.suspect();
        }
        let answer = read_answer(client, conn, &mut self.shared);
        if unanswered && client.exchange.answered.is_some() {
            match conn.to {
                Origin::Tenant(unit) => {
                    note_answer(&mut self.upstreams[unit]);
                    note_served(&mut self.upstreams[unit], unit, &mut self.shared);
                }
                Origin::Remote(remote, target) => self.remotes.answered(remote, target),
            }
        }
        let moved = before != (client.exchange.bytes_in, client.exchange.bytes_out, client.exchange.sent);
        match answer {
            Answer::Blocked if unwritable && client.exchange.answer.is_none() => {
                self.lose(key, Loss::Unwritable);
                Step::Again
            }
            Answer::Blocked if moved => {
                self.prolong(key);
                Step::Again
            }
            Answer::Blocked => Step::Wait,
            Answer::Progress => {
                self.prolong(key);
                Step::Again
            }
            Answer::Done => {
                self.complete(key);
                if self.clients.get(key).is_some_and(|client| !client.output.is_empty()) {
                    self.post(key, Letter::Answer);
                }
                Step::Again
            }
            Answer::File(head) => {
                self.lend(key, head);
                Step::Again
            }
            Answer::Switched => self.switch(key),
            Answer::Lost(loss) => {
                // The failed write has taken the socket's error with it: the read that follows sees a mere end.
                self.lose(key, if unwritable { Loss::Unwritable } else { loss });
                Step::Again
            }
            Answer::Bad(reason) => self.fail(key, 502, reason),
            Answer::Cut | Answer::Left => Step::Close,
        }
    }

    /// A body moves: it may take as long as it likes as long as it does.
    fn prolong(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get(key) else { return };
        if client.exchange.leg().is_some() {
            self.prolong_remote(key);
        } else if client.exchange.answer.is_some() || !client.exchange.awaits_tenant() {
            let after = client.exchange.body_time(&self.shared.limits, self.shared.now);
            self.set_alarm(key, after);
        } else if let Some(unit) = client.exchange.unit {
            let after = self.patience(key, unit);
            self.set_alarm(key, after);
        }
    }

    /// The answer is complete.
    fn complete(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else { return };
        // An answer before the end of the request: the rest of it has nowhere to go.
        let whole = client.exchange.is_sent();
        let unit = client.exchange.unit;
        self.release(key, whole);
        self.finish(key);
        if let Some(unit) = unit {
            self.rest(unit);
        }
    }

    /// Takes the connection from a client: back into the pool, or closed. The next in the waiting room is served.
    pub(super) fn release(&mut self, key: ClientKey, reusable: bool) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let Some(conn_key) = client.exchange.conn.take() else { return };
        let tunnel = client.phase == Phase::Tunnel;
        let Some(conn) = self.conns.get_mut(conn_key) else { return };
        conn.client = None;
        // Unread bytes would be taken for the start of the next answer.
        let silent = !conn.wire.is_readable() && !conn.wire.is_read_closed() && conn.input.is_empty();
        let reusable = reusable && conn.has_strength() && silent;
        let unit = match conn.to {
            Origin::Tenant(unit) => unit,
            Origin::Remote(remote, target) => return self.release_remote(conn_key, (remote, target), reusable, tunnel),
        };
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        match tunnel {
            true => upstream.tunnels -= 1,
            false => upstream.end(client.exchange.upgrade),
        }
        if reusable && upstream.gate == super::upstream::Gate::Open {
            self.pool(conn_key, unit);
        } else if let Some(mut conn) = self.conns.remove(conn_key) {
            conn.input.clear(&mut self.shared.pool);
        }
        self.report_drained(unit);
        self.serve_waiting(unit);
    }

    /// Sends requests that wait, in order, as far as the tenant takes them.
    pub(super) fn serve_waiting(&mut self, unit: UnitId) {
        while let Some(key) = self.next_waiting(unit) {
            if !self.clients.contains_key(key) {
                continue;
            }
            if !self.dispatch(key, unit) {
                return;
            }
        }
    }
}

/// The first answer since the gate was opened is news.
pub(super) fn note_served(upstream: &mut Upstream, unit: UnitId, shared: &mut Shared) {
    if upstream.served.is_none() {
        upstream.served = Some(shared.now);
        shared.facts.push_back(Fact::Served(unit));
    }
}

/// Sends what there is of the request.
fn send_request(client: &mut Client, conn: &mut Conn) -> Write {
    let exchange = &mut client.exchange;
    if exchange.unsent() == 0 {
        return Write::Blocked;
    }
    let written = conn.wire.write(&exchange.request[exchange.sent..], &[]);
    if let Write::Some(count) = written {
        exchange.sent += count;
        exchange.slide();
    }
    written
}

/// Reads more of the request's body, as far as the tenant takes it. `Err(Ok(reason))`: it is malformed; `Err(Err)`: the
/// client left in the middle.
pub(super) fn read_body(client: &mut Client, shared: &mut Shared) -> Result<(), Result<&'static str, ()>> {
    if !client.exchange.wants_body() {
        return Ok(());
    }
    if !client.input.is_empty() {
        let taken = client.exchange.take_body(client.input.bytes()).map_err(|http::Malformed(reason)| Ok(reason))?;
        client.input.consume(taken, &mut shared.pool);
        return Ok(());
    }
    match client.wire.read(&mut shared.scratch) {
        Read::Some(count) => {
            shared.spent += count;
            client.exchange.upload.came(count, shared.limits.body_rate, shared.now);
            let bytes = &shared.scratch[..count];
            let taken = client.exchange.take_body(bytes).map_err(|http::Malformed(reason)| Ok(reason))?;
            client.input.push(&bytes[taken..], &mut shared.pool);
            Ok(())
        }
        Read::Blocked => {
            if !client.exchange.awaits_tenant() {
                client.exchange.upload.wait(shared.now);
            }
            Ok(())
        }
        Read::End | Read::Reset => Err(Err(())),
    }
}
