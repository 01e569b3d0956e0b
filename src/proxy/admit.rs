//! The way of a request from its head to whoever answers it: who that is, whether it may be sent, how it is written, and
//! where it waits.

use super::exchange::Exchange;
use super::extra::By;
use super::session::unix_ms;
use super::upstream::Admission;
use super::{ClientKey, Proxy, Shared};
use crate::http::{self, Body, Elsewhere, Framing, Hop, Path, RequestHead, Version};
use crate::route::{Decision, Reroute};
use crate::unit::UnitId;

impl Proxy {
    /// A complete head: decides who answers. Returns how much of `rest` belongs to the request's body and was taken.
    pub(super) fn begin(&mut self, key: ClientKey, head: &RequestHead<'_>, rest: &[u8]) -> usize {
        let Some(client) = self.clients.get_mut(key) else { return 0 };
        let exchange = &mut client.exchange;
        exchange.client = client.peer;
        let own = self.shared.ids.next();
        let id = if client.trusted { exchange.believe(head, &self.shared.limits).unwrap_or(&own) } else { &own };
        exchange.remember(head, id, &mut self.shared);
        if head.ends_here() {
            self.answer(key, 204, "", None);
            return 0;
        }
        let mut path = match Path::parse(head.target) {
            Ok(path) => path,
            Err(refusal) => {
                self.answer(key, refusal.status, refusal.reason, None);
                return 0;
            }
        };
        if let Some(check) = self.front.check(path.path()) {
            return self.answer_check(key, check, &RequestHead { target: path.target(), ..*head }, rest);
        }
        if !self.lets_in(key, head, &path) {
            return 0;
        }
        self.front.settle();
        let request = self.request(key, head);
        match self.front.reroute(&request, &mut path, &mut ()) {
            Reroute::Stays => {}
            // What is locked is not reached by another name either.
            Reroute::Rewritten if self.lets_in(key, head, &path) => {}
            Reroute::Rewritten => return 0,
            Reroute::Elsewhere(elsewhere) => return self.send_elsewhere(key, &elsewhere, rest),
            Reroute::Refused(refusal) => {
                self.answer(key, refusal.status, refusal.reason, None);
                return 0;
            }
        }
        let decision = self.front.decide(&request, &path, &mut ());
        // What was judged is what is served.
        let head = &RequestHead { target: path.target(), ..*head };
        match decision {
            Decision::Elsewhere(elsewhere) => self.send_elsewhere(key, &elsewhere, rest),
            Decision::Cgi(script) => self.call_script(key, script, head, &path, rest),
            Decision::Away(away) => self.send_away(key, &away, head, &path, rest),
            Decision::Robot => self.refuse_robot(key),
            Decision::Remote(index) => self.admit_remote(key, index, head, &path, rest),
            behind => self.serve(key, &behind, head, &path, rest),
        }
    }

    /// Behind all rules: a file of the front door, else the maintenance page, else the tenant, or nobody.
    fn serve(
        &mut self,
        key: ClientKey,
        behind: &Decision,
        head: &RequestHead<'_>,
        path: &Path<'_>,
        rest: &[u8],
    ) -> usize {
        if self.serve_static(key, head) || self.maintain_instead(key, behind) {
            return 0;
        }
        match behind {
            Decision::Tenant(unit) => self.admit(key, *unit, head, rest),
            Decision::Chosen(chosen) => self.admit_chosen(key, chosen, head, rest),
            Decision::Placed(away) => self.send_away(key, away, head, path, rest),
            Decision::Files(unit) => self.admit_robot(key, *unit, head, rest),
            _ => {
                self.answer(key, 404, "no application answers here", None);
                0
            }
        }
    }

    pub(super) fn admit(&mut self, key: ClientKey, unit: UnitId, head: &RequestHead<'_>, rest: &[u8]) -> usize {
        let taken = self.admit_file(key, unit, head, rest);
        taken.unwrap_or_else(|| self.admit_tenant(key, unit, head, rest))
    }

    /// A public file of the tenant answers; `None` if there is none.
    pub(super) fn admit_file(
        &mut self,
        key: ClientKey,
        unit: UnitId,
        head: &RequestHead<'_>,
        rest: &[u8],
    ) -> Option<usize> {
        let has_files = self.upstreams.get(unit).is_some_and(|upstream| upstream.files.is_some());
        self.clients.get_mut(key)?.exchange.unit = Some(unit);
        if has_files { self.serve_public(key, unit, head, rest) } else { None }
    }

    /// The tenant itself answers.
    pub(super) fn admit_tenant(&mut self, key: ClientKey, unit: UnitId, head: &RequestHead<'_>, rest: &[u8]) -> usize {
        let Some(client) = self.clients.get_mut(key) else { return 0 };
        client.exchange.unit = Some(unit);
        let Some(admission) = self.let_in(key, unit, head) else { return 0 };
        let Some(taken) = self.write_request(key, unit, head, rest) else { return rest.len() };
        if !self.begin_gathering(key, unit) {
            self.enter(key, unit, admission);
        }
        taken
    }

    /// Whether a request is sent to its tenant or waits for it. `None` if neither: then it was answered.
    pub(super) fn let_in(&mut self, key: ClientKey, unit: UnitId, head: &RequestHead<'_>) -> Option<Admission> {
        if self.turns_away(key) || self.refuse_excess(key, unit, head) || self.refuse_broken(key, unit) {
            return None;
        }
        let admission = self.admission(unit, head.upgrade.is_some());
        if let Admission::Refuse(after) = admission {
            self.answer(key, 503, "the application is not available", Some(after));
            return None;
        }
        // Whoever has a tenant answer health checks wants it up.
        let probes = self.clients.get(key).is_some_and(|client| client.exchange.by == By::Health);
        let sleeps = admission == Admission::Wait && !probes && self.let_sleep(key, unit, head.target);
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
        let files = self.upstreams.get(unit).and_then(|upstream| upstream.files.as_ref());
        let lends = files.is_some_and(|files| files.lends());
        self.write(key, head, rest, lends, None)
    }

    /// The same for whoever gets it.
    pub(super) fn write(
        &mut self,
        key: ClientKey,
        head: &RequestHead<'_>,
        rest: &[u8],
        lends: bool,
        elsewhere: Option<&Elsewhere<'_>>,
    ) -> Option<usize> {
        let client = self.clients.get_mut(key)?;
        client.exchange.lends = lends;
        let hop = Hop {
            peer: client.peer,
            client: client.exchange.client,
            https: client.https,
            request_id: client.exchange.words.id(),
            trace_id: if self.shared.limits.traceparent { self.shared.ids.last() } else { b"" },
            start_ms: unix_ms(self.shared.wall),
            trusted: client.trusted,
            sends_files: lends,
            elsewhere,
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

impl Exchange {
    /// Takes from a head what is needed later.
    fn remember(&mut self, head: &RequestHead<'_>, id: &[u8], shared: &mut Shared) {
        self.body = Body::new(head.framing);
        self.head_only = head.method == "HEAD";
        self.upgrade = head.upgrade.is_some();
        self.trailers = head.trailers;
        self.expects = head.expect_continue;
        self.keep_alive = head.keep_alive && !shared.draining;
        self.last = !head.keep_alive;
        self.version = head.version;
        self.bytes_in = head.len as u64;
        let version: &[u8] = if head.version == Version::Http10 { b" HTTP/1.0" } else { b" HTTP/1.1" };
        let line = [head.method.as_bytes(), b" ", head.target.as_bytes(), version];
        let accept = head.fields.find("accept").unwrap_or_default();
        self.words.keep(id, &line, accept, &mut shared.pool);
        self.words.keep_protocol(head.upgrade.unwrap_or_default());
        debug_assert!(head.framing != Framing::UntilClose);
    }
}
