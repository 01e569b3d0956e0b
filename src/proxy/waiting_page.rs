//! The page for people who wait for a boot (`[route] waiting_page_after`): who gets it, and when.

use std::time::Duration;

use super::client::{Client, Phase};
use super::conn::Origin;
use super::forward::note_served;
use super::say::Say;
use super::upstream::{Gate, Upstream};
use super::{ClientKey, ConnKey, Proxy};
use crate::http;
use crate::unit::UnitId;
use crate::wire::Read;

/// The page comes again after so long: soon enough for a boot of a second, and no load worth a word.
const AGAIN: Duration = Duration::from_secs(http::REFRESH as u64);

impl Proxy {
    /// How long until this request is answered with the waiting page; `None` if it never is. At once when another has waited
    /// so long: each page that asks again would else leave one more request in the tenant's queue.
    pub(super) fn until_page(&self, key: ClientKey, unit: UnitId) -> Option<Duration> {
        let upstream = self.upstreams.get(unit).filter(|upstream| upstream.boots())?;
        let after = upstream.route.as_ref()?.waiting_page_after?;
        let client = self.clients.get(key).filter(|client| client.takes_page())?;
        if upstream.scout.is_some() {
            return Some(Duration::ZERO);
        }
        Some(after.saturating_sub(self.shared.now.saturating_duration_since(client.exchange.arrived)))
    }

    /// Answers with the waiting page, if it is time. The boot goes on, and the page asks again.
    pub(super) fn show_page(&mut self, key: ClientKey) -> bool {
        let unit = self.clients.get(key).and_then(|client| client.exchange.unit);
        let due = unit.and_then(|unit| self.until_page(key, unit)).is_some_and(|left| left.is_zero());
        if due {
            self.leave_scout(key);
            self.answer_instead(key, 503, Say::Starting, Some(AGAIN));
        }
        due
    }

    /// The first request that gets the page stays in the tenant's queue without its client.
    fn leave_scout(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key).filter(|client| client.phase == Phase::Exchange) else { return };
        let exchange = &mut client.exchange;
        let Some(conn) = exchange.conn.and_then(|conn| self.conns.get_mut(conn)) else { return };
        let Origin::Tenant(unit) = conn.to else { return };
        let Some(upstream) = self.upstreams.get_mut(unit).filter(|upstream| upstream.scout.is_none()) else { return };
        if exchange.is_sent() {
            conn.client = None;
            upstream.end(exchange.upgrade);
            upstream.scout = exchange.conn.take();
            self.serve_waiting(unit);
        }
    }

    /// Somebody has got the page already, and the tenant still boots.
    pub(super) fn has_scout(&self, unit: UnitId) -> bool {
        self.upstreams.get(unit).is_some_and(|upstream| upstream.scout.is_some())
    }

    /// Whether this connection is the tenant's scout.
    pub(super) fn is_scout(&self, key: ConnKey, unit: UnitId) -> bool {
        self.upstreams.get(unit).is_some_and(|upstream| upstream.scout == Some(key))
    }

    /// The tenant has answered a request whose client went on with the page, or has closed its connection.
    pub(super) fn scout_ready(&mut self, key: ConnKey, unit: UnitId) {
        let Some(conn) = self.conns.get_mut(key) else { return };
        let answered = match conn.wire.read(&mut self.shared.scratch) {
            Read::Blocked => return,
            Read::Some(_) => true,
            Read::End | Read::Reset => false,
        };
        self.conns.remove(key);
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        upstream.scout = None;
        if answered {
            note_served(upstream, unit, &mut self.shared);
        }
        self.rest(unit);
    }
}

impl Upstream {
    /// It has not answered anybody since it was started, or has not been started yet.
    fn boots(&self) -> bool {
        self.gate != Gate::Open || self.served.is_none()
    }
}

impl Client {
    /// A browser that loads a page: what else asks wants the answer itself, and waits for it.
    fn takes_page(&self) -> bool {
        let exchange = &self.exchange;
        let plain = exchange.words.line().starts_with(b"GET ") && !exchange.upgrade && exchange.body.is_done();
        plain && exchange.answer.is_none() && http::wants_html(exchange.words.accept())
    }
}
