//! Redirects, as they are sent. Never decides one.

use super::extra::By;
use super::say::Say;
use super::{ClientKey, Proxy};
use crate::route::Elsewhere;

impl Proxy {
    /// Sends a client elsewhere. Returns how much of `rest` belongs to the request's body, which nobody reads: a form that was
    /// sent to the wrong address does not cost its connection.
    pub(super) fn send_elsewhere(&mut self, key: ClientKey, to: &Elsewhere, rest: &[u8]) -> usize {
        let Some(client) = self.clients.get_mut(key) else { return 0 };
        let exchange = &mut client.exchange;
        let Ok(taken) = exchange.body.feed(rest, |_| {}) else {
            exchange.keep_alive = false;
            self.answer(key, 400, "malformed body", None);
            return 0;
        };
        exchange.by = By::Redirect;
        exchange.add_field("Location", to.location.as_bytes());
        self.say(key, to.status, Say::Detail("what you asked for is at another address"), None);
        taken
    }
}
