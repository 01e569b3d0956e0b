//! The page for people who wait for a boot (`[route] waiting_page_after`): who gets it, and when.

use std::time::Duration;

use super::client::Client;
use super::say::Say;
use super::upstream::{Gate, Upstream};
use super::{ClientKey, Proxy};
use crate::http;
use crate::unit::UnitId;

/// The page comes again after so long: soon enough for a boot of a second, and no load worth a word.
const AGAIN: Duration = Duration::from_secs(http::REFRESH as u64);

impl Proxy {
    /// How long until this request is answered with the waiting page; `None` if it never is.
    pub(super) fn until_page(&self, key: ClientKey, unit: UnitId) -> Option<Duration> {
        let upstream = self.upstreams.get(unit).filter(|upstream| upstream.boots())?;
        let after = upstream.route.as_ref()?.waiting_page_after?;
        let client = self.clients.get(key).filter(|client| client.takes_page())?;
        Some(after.saturating_sub(self.shared.now.saturating_duration_since(client.exchange.arrived)))
    }

    /// Answers with the waiting page, if it is time. The boot goes on, and the page asks again.
    pub(super) fn show_page(&mut self, key: ClientKey) -> bool {
        let unit = self.clients.get(key).and_then(|client| client.exchange.unit);
        let due = unit.and_then(|unit| self.until_page(key, unit)).is_some_and(|left| left.is_zero());
        if due {
            self.answer_instead(key, 503, Say::Starting, Some(AGAIN));
        }
        due
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
