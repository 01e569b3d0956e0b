//! What becomes of a request that its tenant does not answer: it is sent again, or answered by ourselves.

use std::time::Duration;

use super::client::Phase;
use super::exchange::Loss;
use super::say::Say;
use super::session::Step;
use super::{ClientKey, Fact, Proxy};
use crate::unit::UnitId;

/// When to ask again after a failure that may be over soon.
pub(super) const SOON: Option<Duration> = Some(Duration::from_secs(1));

impl Proxy {
    /// Takes a request out of the waiting room, or off its connection, and answers it ourselves.
    pub(super) fn refuse_client(&mut self, key: ClientKey, status: u16, detail: &str, retry: Option<Duration>) {
        self.answer_instead(key, status, Say::Detail(detail), retry);
    }

    /// The same in other words.
    pub(super) fn answer_instead(&mut self, key: ClientKey, status: u16, say: Say<'_>, retry: Option<Duration>) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let unit = client.exchange.unit;
        self.end_gathering(key);
        if let Some(unit) = unit {
            self.leave_room(key, unit);
        }
        self.release(key, false);
        self.say(key, status, say, retry);
        if let Some(unit) = unit {
            self.rest(unit);
        }
        self.later(key);
    }

    /// Answers in the place of a tenant, or cuts an answer that has begun.
    pub(super) fn fail(&mut self, key: ClientKey, status: u16, reason: &str) -> Step {
        match self.clients.get(key) {
            Some(client) if client.exchange.answer.is_none() => {
                let unit = client.exchange.unit.filter(|_| status == 502);
                let since = client.exchange.dispatched.unwrap_or(self.shared.now);
                self.refuse_client(key, status, reason, None);
                unit.into_iter().for_each(|unit| self.note_failure(unit, since));
                Step::Again
            }
            _ => Step::Close,
        }
    }

    /// The connection to the tenant ended before its answer.
    pub(super) fn lose(&mut self, key: ClientKey, loss: Loss) {
        let Some(client) = self.clients.get_mut(key) else { return };
        if client.exchange.leg().is_some() {
            return self.lose_remote(key, loss);
        }
        let (Some(unit), Some(conn)) = (client.exchange.unit, client.exchange.conn) else { return };
        self.shared.facts.push_back(Fact::Lost);
        let Some(conn) = self.conns.get(conn) else { return };
        if !client.exchange.may_retry(loss, conn.unix, conn.served > 0) {
            let since = client.exchange.dispatched.unwrap_or(self.shared.now);
            self.refuse_client(key, 502, "the application closed the connection", None);
            return self.note_failure(unit, since);
        }
        if self.shared.draining {
            return self.turn_away(key);
        }
        self.release(key, false);
        self.put_back(key, unit);
        self.serve_waiting(unit);
    }

    /// We end: nobody will answer this request.
    pub(super) fn turn_away(&mut self, key: ClientKey) {
        self.refuse_client(key, 503, "the server is being stopped", SOON);
    }

    /// A port that was reached before refuses: its process has ended, as we shall hear, or begins anew.
    pub(super) fn await_port(&mut self, key: ClientKey, unit: UnitId) {
        self.release(key, false);
        if let Some(client) = self.clients.get_mut(key) {
            // Not a try: nothing could be sent.
            client.exchange.tries = 0;
        }
        self.put_back(key, unit);
        self.probe_later(unit);
    }

    /// The queue that the request lies in is closed, and nobody has taken it out: it goes into the next one.
    pub(super) fn send_again(&mut self, key: ClientKey, unit: UnitId) {
        let Some(client) = self.clients.get(key) else { return };
        if client.phase != Phase::Exchange || client.exchange.answer.is_some() {
            return;
        }
        if !client.exchange.intact {
            return self.refuse_client(key, 503, "the application is not available", SOON);
        }
        self.release(key, false);
        self.put_back(key, unit);
    }

    /// Back into the waiting room: it was first, and is first again.
    fn put_back(&mut self, key: ClientKey, unit: UnitId) {
        let Some(client) = self.clients.get_mut(key) else { return };
        client.exchange.sent = 0;
        // What was sent once has its whole time again, from now.
        client.exchange.dispatched = Some(self.shared.now);
        client.exchange.upload.stop(self.shared.now);
        self.let_wait(key, unit, true);
    }

    /// No answer in time.
    pub(super) fn exchange_due(&mut self, key: ClientKey) {
        if self.show_page(key) {
            return;
        }
        let Some(client) = self.clients.get(key) else { return };
        let Some(unit) = client.exchange.unit else { return self.remote_due(key) };
        let exchange = &client.exchange;
        if exchange.answer.is_some() {
            return self.close(key);
        }
        if exchange.is_slow(&self.shared.limits, self.shared.now) {
            return self.refuse_client(key, 408, "the request body comes too slowly", None);
        }
        // The tenant got ready after the request had been sent: its time begins there.
        let served = self.upstreams.get(unit).and_then(|upstream| upstream.served);
        let begin = served.into_iter().chain(exchange.dispatched).max();
        let end = begin.map(|begin| begin + self.shared.limits.timeout_response);
        match (served, end) {
            (None, _) => self.refuse_client(key, 503, "the application did not start in time", SOON),
            (Some(_), Some(end)) if end > self.shared.now => {
                self.set_alarm(key, end.saturating_duration_since(self.shared.now));
            }
            (Some(_), _) if !exchange.awaits_tenant() && exchange.unsent() == 0 => {
                self.refuse_client(key, 408, "the request body did not come in time", None);
            }
            (Some(_), _) => {
                self.refuse_client(key, 504, "the application did not answer in time", None);
                self.note_failure(unit, self.shared.now);
            }
        }
    }
}
