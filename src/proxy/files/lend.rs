//! Files that a tenant lends by X-Sendfile or X-Accel-Redirect: its connection is free at once, its answer's fields go with
//! the file.

use super::super::client::Client;
use super::super::conn::Conn;
use super::super::session::unix_ms;
use super::super::{ClientKey, Proxy, Shared};
use super::For;
use super::find::{Found, Look, find};
use super::places::Ordered;
use super::root::{Miss, Patience};
use super::task::Task;
use crate::http::file::{Lent, Order, put_lent_head};
use crate::http::{Body, RequestHead, ResponseHead, To};

/// Takes the head of an answer that orders a file, if it does; `bytes` begin with it, and with what came behind it. The body
/// is dropped, and if it is not all there so is the connection.
pub(in crate::proxy) fn take_order(
    client: &mut Client,
    conn: &mut Conn,
    shared: &mut Shared,
    head: &ResponseHead<'_>,
    bytes: &[u8],
) -> Option<Vec<u8>> {
    // An answer that has no body gets none.
    Order::of(&head.fields).filter(|_| !matches!(head.status, 204 | 205 | 304))?;
    let (answer, rest) = bytes.split_at(head.len);
    let mut body = Body::new(head.framing);
    let whole = body.feed(rest, |_| {}).is_ok_and(|taken| taken == rest.len()) && body.is_done();
    conn.reusable &= whole && head.keep_alive;
    let exchange = &mut client.exchange;
    exchange.answered = Some(shared.now);
    exchange.keep_alive &= exchange.is_sent() && !shared.draining;
    let mut copy = shared.pool.take();
    copy.extend_from_slice(answer);
    Some(copy)
}

impl Proxy {
    /// Gives the connection back, and sends the file that `answer`, a head, orders.
    pub(in crate::proxy) fn lend(&mut self, key: ClientKey, answer: Vec<u8>) {
        let Some(client) = self.clients.get(key) else { return };
        let (unit, whole) = (client.exchange.unit, client.exchange.is_sent());
        self.release(key, whole);
        self.look_for_lent(key, answer);
        if let Some(unit) = unit {
            self.rest(unit);
        }
    }

    fn look_for_lent(&mut self, key: ClientKey, answer: Vec<u8>) {
        let mut name = std::mem::take(&mut self.files.name);
        match self.ordered(key, &answer, &mut name) {
            Ordered::Outside => {
                self.complain(key, &answer, "is in none of the directories of send_file and accel");
                self.answer(key, 502, "the application sends a file that it may not send", None);
            }
            Ordered::Nothing => self.has_no_file(key, &answer),
            Ordered::In(root) => match find(&root, &mut name, &Look::Exactly, Patience::Never) {
                Err(Miss::Cold) => {
                    let task = Task::Find { root, name: name.clone(), look: Look::Exactly };
                    if !self.look_on(key, task, For::Lent(answer)) {
                        self.answer(key, 503, "too many files are asked for", Some(super::SOON));
                    }
                }
                found => self.found_lent(key, answer, found),
            },
        }
        self.files.name = name;
    }

    fn ordered(&self, key: ClientKey, answer: &[u8], name: &mut Vec<u8>) -> Ordered {
        let unit = self.clients.get(key).and_then(|client| client.exchange.unit);
        let places = unit.and_then(|unit| self.upstreams.get(unit)).and_then(|upstream| upstream.files.as_ref());
        match (places, order_of(answer)) {
            (Some(places), Some(order)) => places.ordered(order, name),
            _ => Ordered::Outside,
        }
    }

    /// The file was looked for.
    pub(super) fn found_lent(&mut self, key: ClientKey, answer: Vec<u8>, found: Result<Found, Miss>) {
        match found {
            Ok(found) => self.present_lent(key, &answer, found),
            Err(Miss::None) => self.has_no_file(key, &answer),
            Err(why) => self.cannot_tell(key, why),
        }
        self.shared.pool.give(answer);
    }

    fn present_lent(&mut self, key: ClientKey, answer: &[u8], found: Found) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let exchange = &mut client.exchange;
        let Ok(Some(head)) = ResponseHead::parse(answer, exchange.head_only) else { return self.close(key) };
        let facts = found.file.facts;
        let lent = Lent { head: &head, facts: &facts, tag: &facts.tag(None), now: unix_ms(self.shared.wall) / 1000 };
        // As it was sent: all that it asks of a file passes.
        let request = if exchange.intact { RequestHead::parse(&exchange.request) } else { Ok(None) };
        let request = request.ok().flatten();
        let asked = request.as_ref().filter(|request| matches!(request.method, "GET" | "HEAD"));
        let verdict = lent.judge(asked.map(|request| (&request.fields, request.method == "GET")));
        exchange.status = if verdict.status() == 200 { head.status } else { verdict.status() };
        let to = To {
            version: exchange.version,
            keep_alive: exchange.keep_alive,
            request_id: exchange.words.id(),
            date: self.shared.date.at(lent.now),
            trailers: false,
            added: exchange.added(),
        };
        let out = client.output.open(&mut self.shared.pool);
        let before = out.len();
        put_lent_head(out, &lent, &verdict, &to);
        self.deliver(key, found.file.fd, verdict.span(facts.len), before);
    }

    fn has_no_file(&mut self, key: ClientKey, answer: &[u8]) {
        self.complain(key, answer, "is no file");
        self.answer(key, 404, "the file is not there", None);
    }

    fn complain(&self, key: ClientKey, answer: &[u8], what: &str) {
        let unit = self.clients.get(key).and_then(|client| client.exchange.unit);
        if let (Some(upstream), Some(order)) = (unit.and_then(|unit| self.upstreams.get(unit)), order_of(answer)) {
            let (Order::Path(path) | Order::Url(path)) = order;
            log::warn!("{}: {:?}, which it wants sent, {what}", upstream.name, String::from_utf8_lossy(path));
        }
    }
}

fn order_of(answer: &[u8]) -> Option<Order<'_>> {
    let head = ResponseHead::parse(answer, false).ok()??;
    Order::of(&head.fields)
}
