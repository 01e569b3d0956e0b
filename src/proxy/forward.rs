//! One exchange in flight: the request on its way to the tenant, the answer on its way to the client.

use std::time::{Duration, Instant};

use super::buffer::Buffer;
use super::client::{Client, Phase};
use super::conn::Conn;
use super::exchange::{Loss, MAX_INTERIM};
use super::session::{Step, flush};
use super::{ClientKey, ConnKey, Proxy, Shared};
use crate::http::{self, Body, ResponseHead, To, Version};
use crate::poller::{Source, data};
use crate::unit::UnitId;
use crate::wire::{Read, Wire, Write};

/// What came of reading an answer.
enum Answer {
    /// Bytes went on.
    Progress,
    /// Nothing to read, or nobody to take it.
    Blocked,
    /// Complete.
    Done,
    /// The tenant agreed to another protocol.
    Switched,
    /// The connection ended before the answer's head.
    Lost(Loss),
    /// What came is no answer: 502.
    Bad(&'static str),
    /// It ended in the middle: the client must notice.
    Cut,
    /// The client is gone.
    Left,
}

impl Proxy {
    /// Gives a request a connection: the one of the pool that was used last, or a new one.
    pub(super) fn dispatch(&mut self, key: ClientKey, unit: UnitId) {
        let (Some(client), Some(upstream)) = (self.clients.get_mut(key), self.upstreams.get_mut(unit)) else { return };
        client.phase = Phase::Exchange;
        client.exchange.tries += 1;
        client.exchange.dispatched = Some(self.shared.now);
        let conn = match upstream.pool.pop() {
            Some(conn) => Ok(conn),
            None => self.connect(unit),
        };
        let Some(client) = self.clients.get_mut(key) else { return };
        match conn {
            Ok(conn) => {
                client.exchange.conn = Some(conn);
                self.conns[conn].client = Some(key);
                self.upstreams[unit].busy += 1;
                let after = self.patience(key, unit);
                self.set_alarm(key, after);
            }
            Err(error) => {
                log::warn!("cannot connect to a tenant: {error}");
                self.refuse_client(key, 503, "the application cannot be reached", Some(Duration::from_secs(1)));
            }
        }
    }

    fn connect(&mut self, unit: UnitId) -> std::io::Result<ConnKey> {
        let listener = &self.upstreams[unit].listener;
        let (fd, stands) = listener.connect()?;
        let unix = listener.is_unix();
        let wire = if stands { Wire::new(fd) } else { Wire::connecting(fd) };
        let input = Buffer::default();
        let conn = Conn { wire, unit, client: None, input, connecting: !stands, unix, reusable: true };
        let key = self.conns.insert(conn);
        let added = self.shared.registry.add_socket(self.conns[key].wire.fd(), Source::Upstream(data(key)));
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
        match (&upstream.route, upstream.ready) {
            (Some(route), None) => route.wait.saturating_sub(waited),
            (_, Some(_)) | (None, None) => self.shared.limits.timeout_response,
        }
    }

    /// Moves an exchange on in both directions.
    pub(super) fn exchange(&mut self, key: ClientKey) -> Step {
        let Some(client) = self.clients.get_mut(key) else { return Step::Wait };
        let Some(conn_key) = client.exchange.conn else { return Step::Close };
        let Some(conn) = self.conns.get_mut(conn_key) else { return Step::Close };
        if client.wire.is_broken() {
            return Step::Close;
        }
        let before = (client.exchange.bytes_in, client.exchange.bytes_out, client.exchange.sent);
        let unwritable = send_request(client, conn) == Write::Broken;
        if let Err(step) = read_body(client, &mut self.shared) {
            return match step {
                Ok(reason) => {
                    self.conns[conn_key].reusable = false;
                    self.fail(key, 400, reason)
                }
                Err(()) => Step::Close,
            };
        }
        let answer = read_answer(client, conn, &mut self.shared);
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
                Step::Again
            }
            Answer::Switched => self.switch(key),
            Answer::Lost(loss) => {
                self.lose(key, loss);
                Step::Again
            }
            Answer::Bad(reason) => self.fail(key, 502, reason),
            Answer::Cut | Answer::Left => Step::Close,
        }
    }

    /// A body moves: it may take as long as it likes as long as it does.
    fn prolong(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get(key) else { return };
        if client.exchange.answer.is_some() || !client.exchange.is_sent() {
            self.set_alarm(key, self.shared.limits.timeout_body);
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

    /// Answers ourselves in the place of a tenant, whose connection is dropped.
    fn fail(&mut self, key: ClientKey, status: u16, reason: &str) -> Step {
        let Some(client) = self.clients.get_mut(key) else { return Step::Wait };
        if client.exchange.answer.is_some() {
            return Step::Close;
        }
        client.exchange.keep_alive &= client.exchange.body.is_done();
        self.refuse_client(key, status, reason, None);
        Step::Wait
    }

    /// Takes the connection from a client: back into the pool, or closed. The next in the waiting room is served.
    pub(super) fn release(&mut self, key: ClientKey, reusable: bool) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let Some(conn_key) = client.exchange.conn.take() else { return };
        let tunnel = client.phase == Phase::Tunnel;
        let Some(conn) = self.conns.get_mut(conn_key) else { return };
        let unit = conn.unit;
        conn.client = None;
        let reusable = reusable && conn.reusable && !conn.wire.is_read_closed() && conn.input.is_empty();
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        match tunnel {
            true => upstream.tunnels -= 1,
            false => upstream.busy -= 1,
        }
        if reusable && upstream.gate == super::upstream::Gate::Open {
            upstream.pool.push(conn_key);
        } else if let Some(mut conn) = self.conns.remove(conn_key) {
            conn.input.clear(&mut self.shared.pool);
        }
        self.report_drained(unit);
        self.serve_waiting(unit);
    }

    /// Sends requests that wait, in order, as far as the tenant takes them.
    pub(super) fn serve_waiting(&mut self, unit: UnitId) {
        while let Some(upstream) = self.upstreams.get_mut(unit).filter(|upstream| upstream.has_room()) {
            let Some(key) = upstream.waiting.pop_front() else { return };
            if self.clients.contains_key(key) {
                self.dispatch(key, unit);
                self.shared.pending.push_back(key);
            }
        }
    }

    /// No answer in time.
    pub(super) fn exchange_due(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get(key) else { return };
        let Some(unit) = client.exchange.unit else { return };
        let exchange = &client.exchange;
        if exchange.answer.is_some() || !exchange.body.is_done() {
            return self.close(key);
        }
        // The tenant got ready after the request had been sent: its time begins there.
        let ready = self.upstreams.get(unit).and_then(|upstream| upstream.ready);
        let begin = ready.into_iter().chain(exchange.dispatched).max();
        let end = begin.map(|begin| begin + self.shared.limits.timeout_response);
        match (ready, end) {
            (None, _) => {
                let retry = Some(Duration::from_secs(1));
                self.refuse_client(key, 503, "the application did not start in time", retry);
            }
            (Some(_), Some(end)) if end > self.shared.now => self.set_alarm_at(key, end),
            (Some(_), _) => self.refuse_client(key, 504, "the application did not answer in time", None),
        }
    }

    fn set_alarm_at(&mut self, key: ClientKey, at: Instant) {
        self.set_alarm(key, at.saturating_duration_since(self.shared.now));
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
fn read_body(client: &mut Client, shared: &mut Shared) -> Result<(), Result<&'static str, ()>> {
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
            let bytes = &shared.scratch[..count];
            let taken = client.exchange.take_body(bytes).map_err(|http::Malformed(reason)| Ok(reason))?;
            client.input.push(&bytes[taken..], &mut shared.pool);
            Ok(())
        }
        Read::Blocked => Ok(()),
        Read::End | Read::Reset => Err(Err(())),
    }
}

/// Passes on what the tenant answers, as fast as the client takes it.
fn read_answer(client: &mut Client, conn: &mut Conn, shared: &mut Shared) -> Answer {
    match flush(client, shared) {
        Write::Some(_) => {}
        Write::Blocked => return Answer::Blocked,
        Write::Broken => return Answer::Left,
    }
    let mut scratch = std::mem::take(&mut shared.scratch);
    let answer = match conn.wire.read(&mut scratch) {
        Read::Some(count) => pass_on(client, conn, shared, &scratch[..count]),
        Read::Blocked => Answer::Blocked,
        end => ended(client, end),
    };
    shared.scratch = scratch;
    answer
}

/// The tenant's connection has ended.
fn ended(client: &mut Client, end: Read) -> Answer {
    let reset = end == Read::Reset;
    match &client.exchange.answer {
        Some(body) if body.ends_by_close() && !reset => {
            client.exchange.keep_alive = false;
            Answer::Done
        }
        Some(_) => Answer::Cut,
        None if reset => Answer::Lost(Loss::Reset),
        None => Answer::Lost(Loss::End),
    }
}

/// Bytes of an answer: heads first, then the body.
fn pass_on(client: &mut Client, conn: &mut Conn, shared: &mut Shared, bytes: &[u8]) -> Answer {
    shared.head.clear();
    if client.exchange.answer.is_some() {
        return pass_body(client, conn, shared, bytes);
    }
    if conn.input.is_empty() {
        return pass_heads(client, conn, shared, bytes);
    }
    let mut input = std::mem::take(&mut conn.input);
    input.push(bytes, &mut shared.pool);
    let answer = pass_heads(client, conn, shared, input.bytes());
    input.clear(&mut shared.pool);
    answer
}

fn pass_heads(client: &mut Client, conn: &mut Conn, shared: &mut Shared, mut bytes: &[u8]) -> Answer {
    loop {
        let head = match ResponseHead::parse(bytes, client.exchange.head_only) {
            Ok(Some(head)) => head,
            Ok(None) => {
                conn.input.push(bytes, &mut shared.pool);
                return write_out(client, shared, &[], Answer::Progress);
            }
            Err(refusal) => return Answer::Bad(refusal.reason),
        };
        bytes = &bytes[head.len..];
        let switched = head.status == 101;
        if switched && !client.exchange.upgrade {
            return Answer::Bad("the application switched protocols without being asked");
        }
        let interim = head.status < 200 && !switched;
        if interim {
            client.exchange.interim += 1;
            if client.exchange.interim > MAX_INTERIM {
                return Answer::Bad("the application sent too many interim answers");
            }
        }
        if !interim || client.exchange.version == Version::Http11 {
            forward_head(client, conn, shared, &head);
        }
        if switched {
            conn.input.push(bytes, &mut shared.pool);
            return write_out(client, shared, &[], Answer::Switched);
        }
        if !interim {
            return pass_body(client, conn, shared, bytes);
        }
    }
}

fn forward_head(client: &mut Client, conn: &mut Conn, shared: &mut Shared, head: &ResponseHead<'_>) {
    let exchange = &mut client.exchange;
    let whole = exchange.is_sent();
    let to = To {
        version: exchange.version,
        keep_alive: exchange.keep_alive && whole && !shared.draining,
        request_id: &exchange.id,
    };
    let delivery = http::forward_response(&mut shared.head, head, &to);
    if head.status < 200 && head.status != 101 {
        return;
    }
    exchange.status = head.status;
    exchange.answered = Some(shared.now);
    exchange.dechunk = delivery.dechunk;
    exchange.keep_alive = !delivery.close;
    exchange.answer = Some(Body::new(head.framing));
    conn.reusable &= head.keep_alive;
}

fn pass_body(client: &mut Client, conn: &mut Conn, shared: &mut Shared, bytes: &[u8]) -> Answer {
    let exchange = &mut client.exchange;
    let Some(body) = &mut exchange.answer else { return Answer::Cut };
    let (dechunk, head) = (exchange.dechunk, &mut shared.head);
    let fed = body.feed(bytes, |data| {
        if dechunk {
            head.extend_from_slice(data);
        }
    });
    let Ok(taken) = fed else {
        conn.reusable = false;
        return Answer::Cut;
    };
    // More than an answer: nobody asked for it, and nothing that follows can be trusted.
    conn.reusable &= taken == bytes.len();
    let after = if body.is_done() { Answer::Done } else { Answer::Progress };
    let raw = if dechunk { &[][..] } else { &bytes[..taken] };
    write_out(client, shared, raw, after)
}

/// Writes the head that was made and `raw` behind it; what the client does not take waits.
fn write_out(client: &mut Client, shared: &mut Shared, raw: &[u8], after: Answer) -> Answer {
    let Shared { head, pool, .. } = shared;
    let total = head.len() + raw.len();
    if total == 0 {
        return after;
    }
    client.exchange.bytes_out += total as u64;
    let taken = match client.wire.write(head, raw) {
        Write::Some(count) => count,
        Write::Blocked => 0,
        Write::Broken => return Answer::Left,
    };
    if taken < head.len() {
        client.output.push(&head[taken..], pool);
    }
    client.output.push(&raw[taken.saturating_sub(head.len()).min(raw.len())..], pool);
    head.clear();
    after
}
