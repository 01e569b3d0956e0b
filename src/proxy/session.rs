//! A client's requests, one after the other: read a head, admit it, end the exchange, close.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::client::{Client, Phase};
use super::exchange::Exchange;
use super::refuse::seconds;
use super::say::Say;
use super::timers::Owner;
use super::{ClientKey, Proxy, ROUNDS, STEP, Shared, client_source};
use crate::http::{self, Reply, RequestHead};
use crate::wire::{Read, Write};

/// How to go on with a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There may be more to do.
    Again,
    /// Nothing before the next edge.
    Wait,
    /// The connection is over.
    Close,
}

impl Proxy {
    /// Does what can be done for a client, but not more than its share of a turn.
    pub(super) fn advance(&mut self, key: ClientKey) {
        for _ in 0..ROUNDS {
            self.shared.spent += STEP;
            let Some(client) = self.clients.get_mut(key) else { return };
            if client.posted {
                return;
            }
            let step = match client.phase {
                Phase::Preamble => self.read_preamble(key),
                Phase::Head => self.read_request(key),
                Phase::Body => self.gather(key),
                Phase::Auth | Phase::Waiting => self.keep_waiting(key),
                Phase::Exchange => self.exchange(key),
                Phase::File => self.send_file(key),
                Phase::Script => self.script(key),
                Phase::Tunnel => self.tunnel(key),
                Phase::Last => self.write_last(key),
                Phase::Linger => self.linger(key),
            };
            match step {
                Step::Again => {}
                Step::Wait => return self.await_room(key),
                Step::Close => return self.close(key),
            }
        }
        self.later(key);
    }

    fn await_room(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else { return };
        if !client.wire.await_room(&self.shared.registry, client_source(key)) {
            self.close(key);
        }
    }

    /// Gives a client another turn, soon and once.
    pub(super) fn later(&mut self, key: ClientKey) {
        if let Some(client) = self.clients.get_mut(key)
            && !std::mem::replace(&mut client.pending, true)
        {
            self.shared.pending.push_back(key);
        }
    }

    /// Reads the next request, once the answer before it has been taken.
    fn read_request(&mut self, key: ClientKey) -> Step {
        let Some(client) = self.clients.get_mut(key) else { return Step::Wait };
        let (owed, trusted) = (client.owes, client.trusted);
        match self.flush_rest(key) {
            Write::Some(_) if owed => self.set_alarm(key, self.shared.keep_alive(trusted)),
            Write::Some(_) => {}
            Write::Blocked => return Step::Wait,
            Write::Broken => return Step::Close,
        }
        let mut scratch = std::mem::take(&mut self.shared.scratch);
        let step = self.take_request(key, &mut scratch);
        self.shared.scratch = scratch;
        step
    }

    fn take_request(&mut self, key: ClientKey, scratch: &mut [u8]) -> Step {
        let Some(client) = self.clients.get_mut(key) else { return Step::Wait };
        let mut count = 0;
        if !std::mem::take(&mut client.fresh) {
            match client.wire.read(scratch) {
                Read::Some(bytes) => count = bytes,
                Read::Blocked => return Step::Wait,
                Read::End | Read::Reset => return Step::Close,
            }
        }
        let mut input = std::mem::take(&mut client.input);
        let first = input.is_empty();
        if !first {
            input.push(&scratch[..count], &mut self.shared.pool);
        }
        let bytes = if first { &scratch[..count] } else { input.bytes() };
        if client.exchange.bytes_in == 0 {
            client.exchange.arrived = self.shared.now;
            client.exchange.client = client.peer;
        }
        let step = match RequestHead::parse(bytes) {
            Ok(Some(head)) => {
                let taken = self.begin(key, &head, &bytes[head.len..]) + head.len;
                // It is read again when it is known whether its password is right.
                let waits = self.clients.get(key).is_some_and(|client| client.phase == Phase::Auth);
                let waits = waits || self.waits_for_file(key);
                self.keep_input(key, &bytes[if waits { 0 } else { taken }..]);
                // We may have answered already: then these bytes are the next request.
                if let Some(client) = self.clients.get_mut(key) {
                    client.fresh = !client.input.is_empty();
                }
                Step::Again
            }
            Ok(None) => {
                let begun = client.exchange.bytes_in > 0;
                client.exchange.bytes_in = bytes.len() as u64;
                self.keep_input(key, bytes);
                self.hurry(key, begun)
            }
            Err(refusal) => {
                client.exchange.keep_alive = false;
                let line = bytes.split(|&byte| byte == b'\r' || byte == b'\n').next().unwrap_or_default();
                client.exchange.words.keep(b"", &[&line[..line.len().min(200)]], b"", &mut self.shared.pool);
                self.answer(key, refusal.status, refusal.reason, None);
                Step::Again
            }
        };
        input.clear(&mut self.shared.pool);
        step
    }

    /// Keeps bytes that belong to the next request, or to a head that is not complete.
    fn keep_input(&mut self, key: ClientKey, bytes: &[u8]) {
        if let Some(client) = self.clients.get_mut(key) {
            client.input.push(bytes, &mut self.shared.pool);
        }
    }

    /// A head has begun: all of it has to come in time.
    fn hurry(&mut self, key: ClientKey, begun: bool) -> Step {
        if !begun {
            self.set_alarm(key, self.shared.limits.timeout_head);
        }
        match self.clients.get(key) {
            Some(client) if client.wire.is_readable() => Step::Again,
            _ => Step::Wait,
        }
    }

    /// In the waiting room: a client that leaves is forgotten.
    fn keep_waiting(&mut self, key: ClientKey) -> Step {
        match self.clients.get(key) {
            Some(client) if client.wire.is_read_closed() || client.wire.is_broken() => Step::Close,
            _ => Step::Wait,
        }
    }

    /// Answers a request ourselves. A client whose request is not read to its end loses its connection after it.
    pub(super) fn answer(&mut self, key: ClientKey, status: u16, detail: &str, retry: Option<Duration>) {
        self.say(key, status, if status == 200 { Say::Text("OK\n") } else { Say::Detail(detail) }, retry);
    }

    /// The same in other words.
    pub(super) fn say(&mut self, key: ClientKey, status: u16, say: Say<'_>, retry: Option<Duration>) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let exchange = &mut client.exchange;
        exchange.status = status;
        exchange.answered = Some(self.shared.now);
        exchange.keep_alive &= exchange.body.is_done() && !self.shared.draining;
        let reply = Reply {
            status,
            version: exchange.version,
            keep_alive: exchange.keep_alive,
            head_only: exchange.head_only,
            now: unix_ms(self.shared.wall) / 1000,
            retry_after: retry.map(seconds),
            quota: say.quota(),
            allow: matches!(status, 204 | 405).then_some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
            request_id: exchange.words.id(),
            added: exchange.added(),
            content: say.content(exchange.words.accept(), exchange.words.line()),
        };
        let out = client.output.open(&mut self.shared.pool);
        let before = out.len();
        http::reply(out, &reply);
        exchange.bytes_out = (out.len() - before) as u64;
        self.finish(key);
    }

    /// The exchange is over: log it, and on to the next one, or to the end.
    pub(super) fn finish(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let exchange = &mut client.exchange;
        let ready = exchange.unit.and_then(|unit| self.upstreams.get(unit)).and_then(|upstream| upstream.ready);
        self.shared.access.push(exchange, ready, self.shared.now);
        let keep_alive = exchange.keep_alive && exchange.body.is_done();
        let silent = exchange.last && exchange.body.is_done();
        exchange.reset(&mut self.shared.pool);
        client.fresh = !client.input.is_empty();
        client.silent = silent;
        let (phase, after) = match keep_alive {
            true => (Phase::Head, self.shared.keep_alive(client.trusted)),
            false => (Phase::Last, self.shared.limits.timeout_body),
        };
        client.phase = phase;
        self.set_alarm(key, after);
    }

    /// A client's connection is over, in whatever phase it is.
    pub(super) fn close(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let phase = client.phase;
        self.end_gathering(key);
        let Some(client) = self.clients.get_mut(key) else { return };
        if matches!(phase, Phase::Auth | Phase::Body | Phase::Waiting | Phase::Exchange | Phase::File | Phase::Script) {
            let exchange = &mut client.exchange;
            // nginx's code for a client that left before its answer.
            exchange.status = if exchange.status == 0 { 499 } else { exchange.status };
            self.shared.access.push(exchange, None, self.shared.now);
        }
        // No client may take a part for the whole, not even one that reads until the end of the connection.
        if phase == Phase::File
            || !client.output.is_empty()
            || (matches!(phase, Phase::Exchange | Phase::Script) && client.exchange.answer.is_some())
        {
            client.wire.abort();
        }
        let unit = client.exchange.unit;
        self.release(key, false);
        if phase == Phase::File {
            self.files.forget(key);
        }
        if phase == Phase::Script {
            self.leave_script(key);
        }
        if let Some(mut client) = self.clients.remove(key) {
            self.doors.forget(&client);
            client.exchange.reset(&mut self.shared.pool);
            client.input.clear(&mut self.shared.pool);
            client.output.clear(&mut self.shared.pool);
        }
        if let Some(unit) = unit {
            if phase == Phase::Waiting {
                self.left_waiting(key, unit);
            }
            self.rest(unit);
        }
    }

    /// The deadline of a client's phase.
    pub(super) fn client_due(&mut self, key: ClientKey, entry: Instant) {
        let now = self.shared.now;
        let Some(client) = self.clients.get_mut(key) else { return };
        if !self.shared.timers.due(&mut client.alarm, entry, now, Owner::Client(key)) {
            return;
        }
        match client.phase {
            Phase::Preamble => self.close(key),
            Phase::Head if client.input.is_empty() => self.close(key),
            Phase::Head => {
                client.exchange.keep_alive = false;
                self.answer(key, 408, "the request head did not come in time", None);
                self.advance(key);
            }
            Phase::Auth => self.auth_due(key),
            Phase::Body => self.refuse_client(key, 408, "the request body did not come in time", None),
            Phase::Waiting => self.wait_due(key),
            Phase::Exchange => self.exchange_due(key),
            Phase::Script => self.script_late(key),
            Phase::File | Phase::Tunnel | Phase::Last | Phase::Linger => self.close(key),
        }
    }
}

/// Writes what a client has not taken yet. `Some` when nothing is left.
pub(super) fn flush(client: &mut Client, shared: &mut Shared) -> Write {
    while !client.output.is_empty() {
        match client.wire.write(client.output.bytes(), &[]) {
            Write::Some(count) => client.output.consume(count, &mut shared.pool),
            other => return other,
        }
    }
    Write::Some(0)
}

impl Exchange {
    /// Adds bytes of the request's body. Returns how many belong to it. Its trailers do not pass: the tenant has not asked for
    /// them (RFC 9110 §6.5.1), Rack has no place for them, and servers have been found to misread them.
    pub(super) fn take_body(&mut self, bytes: &[u8]) -> Result<usize, http::Malformed> {
        let taken = self.body.feed(bytes, |_| {})?;
        let trailers = self.body.trailers();
        self.request.extend_from_slice(&bytes[..trailers.start]);
        self.request.extend_from_slice(&bytes[trailers.end..taken]);
        self.expects &= taken == 0;
        self.bytes_in += taken as u64;
        Ok(taken)
    }
}

/// Unix milliseconds.
pub(super) fn unix_ms(wall: SystemTime) -> u64 {
    wall.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
