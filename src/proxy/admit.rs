//! The way of a request to its tenant: whether it may be sent, how it is written, and where it waits.

use std::time::Duration;

use super::client::Phase;
use super::session::unix_ms;
use super::upstream::Admission;
use super::{ClientKey, Proxy};
use crate::http::{self, Hop, RequestHead};
use crate::unit::UnitId;

impl Proxy {
    /// What to do with a request to a tenant.
    pub(super) fn admission(&self, unit: UnitId) -> Admission {
        match self.upstreams.get(unit) {
            Some(upstream) if !self.shared.draining => upstream.admit(self.shared.now),
            _ => Admission::Refuse(Duration::from_secs(1)),
        }
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
            client: client.peer,
            https: false,
            request_id: client.exchange.words.id(),
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

    /// Sends a request that is written, lets it wait, or refuses it.
    pub(super) fn enter(&mut self, key: ClientKey, unit: UnitId, admission: Admission) {
        match admission {
            Admission::Send => {
                self.dispatch(key, unit);
            }
            Admission::Wait => {
                let (Some(client), Some(upstream)) = (self.clients.get_mut(key), self.upstreams.get_mut(unit)) else {
                    return;
                };
                let wait = upstream.route.as_ref().map_or(Duration::ZERO, |route| route.wait);
                upstream.waiting.push_back(key);
                client.phase = Phase::Waiting;
                self.want(unit);
                self.set_alarm(key, wait);
            }
            Admission::Refuse(after) => self.answer(key, 503, "the application is not available", Some(after)),
        }
    }
}
