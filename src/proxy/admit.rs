//! The way of a request to its tenant: whether it may be sent, how it is written, and where it waits.

use super::session::unix_ms;
use super::upstream::Admission;
use super::{ClientKey, Proxy};
use crate::http::{self, Hop, RequestHead};
use crate::unit::UnitId;

impl Proxy {
    /// Whether a request is sent to its tenant or waits for it. `None` if neither: then it was answered.
    pub(super) fn let_in(&mut self, key: ClientKey, unit: UnitId, head: &RequestHead<'_>) -> Option<Admission> {
        if self.refuse_excess(key, unit, head) || self.refuse_broken(key, unit) {
            return None;
        }
        let admission = self.admission(unit, head.upgrade.is_some());
        if let Admission::Refuse(after) = admission {
            self.answer(key, 503, "the application is not available", Some(after));
            return None;
        }
        let sleeps = admission == Admission::Wait && self.let_sleep(key, unit, head.target);
        let paged = !sleeps && self.has_scout(unit) && self.show_page(key);
        (!sleeps && !paged).then_some(admission)
    }

    /// Writes a request as the tenant gets it, with what is there of its body. Returns how much of `rest` that was;
    /// `None` if it is malformed, and was answered.
    pub(super) fn write_request(
        &mut self,
        key: ClientKey,
        unit: UnitId,
        head: &RequestHead<'_>,
        rest: &[u8],
    ) -> Option<usize> {
        let client = self.clients.get_mut(key)?;
        let files = self.upstreams.get(unit).and_then(|upstream| upstream.files.as_ref());
        client.exchange.lends = files.is_some_and(|files| files.lends());
        let hop = Hop {
            peer: client.peer,
            client: client.exchange.client,
            https: client.https,
            request_id: client.exchange.words.id(),
            trace_id: if self.shared.limits.traceparent { self.shared.ids.last() } else { b"" },
            start_ms: unix_ms(self.shared.wall),
            trusted: client.trusted,
            sends_files: client.exchange.lends,
        };
        let mut request = self.shared.pool.take();
        http::forward_request(&mut request, head, &hop);
        client.exchange.request = request;
        match client.exchange.take_body(rest) {
            Ok(taken) => Some(taken),
            Err(http::Malformed(reason)) => {
                client.exchange.keep_alive = false;
                self.answer(key, 400, reason, None);
                None
            }
        }
    }

    /// Sends a request that is written, or lets it wait.
    pub(super) fn enter(&mut self, key: ClientKey, unit: UnitId, admission: Admission) {
        if admission == Admission::Send {
            self.dispatch(key, unit);
        } else {
            self.let_wait(key, unit, false);
        }
    }
}
