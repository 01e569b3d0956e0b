//! A request that another machine answers, and one that a particular unit answers: what was decided is carried out.

use std::time::Duration;

use super::extra::By;
use super::say::Say;
use super::session::unix_ms;
use super::{ClientKey, Proxy};
use crate::http::{Path, RequestHead};
use crate::route::{Away, Chosen, Request, Target};

/// When a client may try again to whom nobody could answer.
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl Proxy {
    /// A request as the rules see it.
    pub(super) fn request<'r>(&self, key: ClientKey, head: &RequestHead<'r>) -> Request<'r> {
        let request = Request { now: unix_ms(self.shared.wall) / 1000, ..Request::of(head) };
        let Some(client) = self.clients.get(key) else { return request };
        Request { trusted: client.trusted, client: client.exchange.client, ..request }
    }

    /// A tenant answers: its client's cookies are set, and a variant is noted.
    pub(super) fn admit_chosen(
        &mut self,
        key: ClientKey,
        chosen: &Chosen,
        head: &RequestHead<'_>,
        rest: &[u8],
    ) -> usize {
        let target = chosen.target.as_deref().unwrap_or(head.target);
        let head = &RequestHead { target, ..*head };
        // A file is the same for everybody, and kept by caches: it sets no cookie. A stand-in has its own path, and so its files
        // are its own to serve.
        if chosen.variant.is_none()
            && let Some(taken) = self.admit_file(key, chosen.unit, head, rest)
        {
            return taken;
        }
        let Some(client) = self.clients.get_mut(key) else { return 0 };
        for cookie in &chosen.cookies {
            client.exchange.add_field("Set-Cookie", cookie.as_bytes());
        }
        if let Some(variant) = &chosen.variant {
            client.exchange.note("variant", &variant.name);
        }
        self.admit_tenant(key, chosen.unit, head, rest)
    }

    /// Another machine answers, or nobody. Returns how much of `rest` belongs to the request's body and was taken.
    pub(super) fn send_away(
        &mut self,
        key: ClientKey,
        away: &Away,
        head: &RequestHead<'_>,
        path: &Path<'_>,
        rest: &[u8],
    ) -> usize {
        if let Away::Proxy(target) = away
            && let Some(index) = self.front.peer(target)
        {
            return self.admit_remote(key, index, head, path, rest);
        }
        let Some(client) = self.clients.get_mut(key) else { return 0 };
        let exchange = &mut client.exchange;
        exchange.by = if matches!(away, Away::Replay(_)) { By::Replay } else { By::Machine };
        let (Away::Replay(target)
        | Away::Proxy(target)
        | Away::Redirect(target)
        | Away::Failed(target)
        | Away::Circle(target)
        | Away::Stuck(target)) = away;
        exchange.note("to", &target.to_string().replace(' ', ":"));
        match away {
            Away::Replay(target) => {
                let body = target.instructions(head.fields.find("authorization"));
                self.say(key, target.status, Say::Replay(&body), None);
            }
            Away::Redirect(target) => {
                let location = target.location(path.path(), path.query(), unix_ms(self.shared.wall) / 1000);
                exchange.add_field("Location", location.as_bytes());
                exchange.add_field("Cache-Control", b"no-store");
                self.answer(key, 307, "another machine serves this", None);
            }
            Away::Failed(target) => {
                log::warn!("replay failed: {} {} to {target}: it does not answer", head.method, path.path());
                self.maintenance_page(key);
            }
            Away::Circle(target) => {
                log::warn!(
                    "sent in circles: {} {}: another machine takes it for ours, we for that of {target}; do all have the same configuration?",
                    head.method,
                    path.path()
                );
                self.answer(key, 508, "the machines do not agree on who serves this", Some(RETRY_AFTER));
            }
            Away::Proxy(target) | Away::Stuck(target) => self.answer_stuck(key, target),
        }
        0
    }

    /// What cannot be replayed is never served by the wrong machine: the client is told.
    fn answer_stuck(&mut self, key: ClientKey, target: &Target) {
        log::warn!(
            "cannot be replayed: a body of 1 MiB or more, or of unknown length, and there is no other way to {target}"
        );
        self.answer(key, 413, "another machine serves this, and requests of this size do not get there", None);
    }
}
