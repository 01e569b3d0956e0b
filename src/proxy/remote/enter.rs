//! The way of a request to its target: how it is written, and which target gets it.

use super::super::client::Client;
use super::super::conn::Origin;
use super::super::extra::By;
use super::super::loss::SOON;
use super::super::{ClientKey, Proxy, RemoteKey};
use super::{Leg, Remote};
use crate::config::Asking;
use crate::http::{self, Elsewhere, Path, RequestHead};
use crate::route;

impl Proxy {
    /// A request for the `index`th `[[proxy]]`. Returns how much of `rest` belongs to its body and was taken.
    pub(in super::super) fn admit_remote(
        &mut self,
        key: ClientKey,
        index: usize,
        head: &RequestHead<'_>,
        path: &Path<'_>,
        rest: &[u8],
    ) -> usize {
        let now = self.shared.now;
        let Some(&at) = self.remotes.order.get(index) else { return 0 };
        let (Some(client), Some(remote)) = (self.clients.get_mut(key), self.remotes.all.get_mut(at)) else { return 0 };
        let exchange = &mut client.exchange;
        exchange.by = By::Proxy;
        exchange.note("proxy", &remote.rule.keys.name);
        remote.rule.keys.response_headers.iter().for_each(|(name, value)| exchange.add_field(name, value.as_bytes()));
        if remote.rule.answers_preflights() && is_preflight(head) {
            self.answer(key, 204, "", None);
            return 0;
        }
        if remote.is_full() {
            self.answer(key, 503, "too many requests are on their way there", SOON);
            return 0;
        }
        let Some(target) = remote.choose(0, now) else { return 0 };
        let leg = Leg { remote: at, target, attempt: 0, tried: 0, until: now };
        let Some(taken) = self.write_remote(key, leg, head, path, rest) else { return rest.len() };
        if let Some(client) = self.clients.get_mut(key) {
            client.exchange.set_leg(leg);
            self.dispatch_remote(key);
        }
        taken
    }

    /// Writes a request as the target gets it. `None` if it cannot be, and was answered.
    fn write_remote(
        &mut self,
        key: ClientKey,
        leg: Leg,
        head: &RequestHead<'_>,
        path: &Path<'_>,
        rest: &[u8],
    ) -> Option<usize> {
        let (mut target, mut set) = (self.shared.pool.take(), self.shared.pool.take());
        let remote = self.remotes.all.get(leg.remote)?;
        let client = self.clients.get_mut(key)?;
        route::put_target(&mut target, &remote.rule, path);
        let asked = str::from_utf8(&target).ok().and_then(|target| Path::parse(target).ok());
        let written = match &asked {
            Some(asked) => {
                put_fields(&mut set, remote, head, client);
                let upgrade = head.upgrade.filter(|_| remote.rule.keys.websocket);
                client.exchange.upgrade = upgrade.is_some();
                let head = RequestHead { target: asked.target(), upgrade, ..*head };
                let host = (!remote.rule.keys.preserve_host).then(|| remote.rule.targets[leg.target].authority.clone());
                let elsewhere =
                    Elsewhere { host: host.as_deref(), authorization: remote.rule.passes_authorization(), set: &set };
                self.write(key, &head, rest, false, Some(&elsewhere))
            }
            None => {
                self.answer(key, 400, "the path cannot be passed on", None);
                None
            }
        };
        drop(asked);
        self.shared.pool.give(target);
        self.shared.pool.give(set);
        written
    }

    /// Gives a request a connection to its target: an idle one, or a new one as soon as that stands.
    pub(super) fn dispatch_remote(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let Some(mut leg) = client.exchange.leg() else { return };
        client.exchange.dispatched = Some(self.shared.now);
        let Some(remote) = self.remotes.all.get_mut(leg.remote) else { return };
        (leg.attempt, leg.until) = (0, self.shared.now + remote.rule.keys.timeout_connect);
        client.exchange.set_leg(leg);
        let Some(target) = remote.targets.get_mut(leg.target) else { return };
        // What has failed once gets a new one, in the place of all that idle: they may have been closed together.
        if client.exchange.tries > 0 {
            target.pool.clear(&mut self.conns);
        }
        match target.pool.take(&mut self.conns, self.shared.now) {
            Some(conn) => self.take_connection(key, conn),
            None => self.reach(key),
        }
    }

    /// The next target, after this one could not be reached. False if there is none.
    pub(super) fn dispatch_next(&mut self, key: ClientKey) -> bool {
        let now = self.shared.now;
        let Some(client) = self.clients.get_mut(key) else { return false };
        let Some(mut leg) = client.exchange.leg() else { return false };
        let Some(remote) = self.remotes.all.get_mut(leg.remote) else { return false };
        leg.tried |= 1 << leg.target;
        let Some(target) = remote.choose(leg.tried, now) else { return false };
        leg.target = target;
        if !remote.rule.keys.preserve_host {
            http::replace_host(&mut client.exchange.request, &remote.rule.targets[target].authority);
        }
        client.exchange.set_leg(leg);
        self.dispatch_remote(key);
        true
    }

    /// A connection back from a client: into its pool, or closed.
    pub(in super::super) fn release_remote(
        &mut self,
        conn: super::super::ConnKey,
        (key, target): (RemoteKey, usize),
        reusable: bool,
        tunnel: bool,
    ) {
        let super::Remotes { all, .. } = &mut self.remotes;
        let remote = all.get_mut(key);
        match remote {
            Some(remote) => {
                remote.busy -= usize::from(!tunnel);
                let target = remote.targets.get_mut(target).filter(|_| reusable && !remote.retired);
                match target.map(|target| target.pool.put(conn, &mut self.conns, self.shared.now)) {
                    Some(Some(due)) => self.set_chores(key, due),
                    Some(None) => {}
                    None => self.drop_conn(conn),
                }
            }
            None => self.drop_conn(conn),
        }
    }

    fn drop_conn(&mut self, key: super::super::ConnKey) {
        if let Some(mut conn) = self.conns.remove(key) {
            conn.input.clear(&mut self.shared.pool);
        }
    }

    /// An idle connection to a target has ended, or somebody talks out of turn there, or a check is answered.
    pub(in super::super) fn remote_idle_ready(&mut self, key: super::super::ConnKey, to: (RemoteKey, usize)) {
        debug_assert!(self.conns.get(key).is_none_or(|conn| conn.to == Origin::Remote(to.0, to.1)));
        if self.check_ready(key, to) {
            return;
        }
        let silent = self.conns.get_mut(key).is_some_and(|conn| conn.wire.is_silent());
        if silent {
            return;
        }
        if let Some(target) = self.remotes.all.get_mut(to.0).and_then(|remote| remote.targets.get_mut(to.1)) {
            target.pool.forget(key);
        }
        self.drop_conn(key);
    }
}

/// A browser asks whether it may ask (Fetch Standard, CORS-preflight request).
fn is_preflight(head: &RequestHead<'_>) -> bool {
    let has = |name| head.fields.find(name).is_some();
    head.method == "OPTIONS" && has("origin") && has("access-control-request-method")
}

/// The fields that are set; one without a value is taken away.
fn put_fields(set: &mut Vec<u8>, remote: &Remote, head: &RequestHead<'_>, client: &Client) {
    let fields = &remote.rule.keys.headers;
    if fields.is_empty() {
        return;
    }
    let forwarded = head.fields.find("x-forwarded-proto").filter(|_| client.trusted);
    let scheme = match forwarded {
        Some(b"https") => "https",
        Some(b"http") => "http",
        _ if client.https => "https",
        _ => "http",
    };
    let address = client.exchange.client.to_canonical().to_string();
    let asking = Asking { host: head.host, scheme, remote_addr: &address };
    for (name, value) in fields {
        set.extend_from_slice(name.as_bytes());
        set.extend_from_slice(b": ");
        value.put(set, &asking);
        set.extend_from_slice(b"\r\n");
    }
}
