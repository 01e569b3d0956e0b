//! Targets of `[[proxy]]`: who they are, whether they are well, where they are, and the connections to them. What is done
//! with a connection is the same for a tenant and a target, and stands in `forward.rs`, `answer.rs` and `tunnel.rs`.

mod addresses;
mod check;
mod connect;
mod enter;
mod loss;
mod pulse;
mod resolve;
mod secure;
mod target;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use rustls::ClientConfig;
use slotmap::SlotMap;

use super::conn::Conn;
use super::timers::Alarm;
use super::{ConnKey, Proxy, RemoteKey};
use crate::config;
use crate::poller::Waker;

use resolve::Resolver;
use secure::Roots;
use target::Target;

/// All `[[proxy]]`.
#[derive(Debug)]
pub(super) struct Remotes {
    /// Those of the rules, and those that are none any more and still answer somebody.
    all: SlotMap<RemoteKey, Remote>,
    /// Those of the rules, in their order.
    order: Vec<RemoteKey>,
    resolver: Resolver,
    roots: Roots,
}

/// One `[[proxy]]`.
#[derive(Debug)]
pub(super) struct Remote {
    rule: config::Remote,
    targets: Vec<Target>,
    /// For those that speak TLS.
    tls: Option<Arc<ClientConfig>>,
    /// Whose turn it is.
    turn: usize,
    /// Requests that have a connection.
    busy: usize,
    /// When something has to be done without a request.
    chores: Alarm,
    /// It is in no rule any more.
    retired: bool,
}

/// Where the request of an exchange is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leg {
    /// The `[[proxy]]`.
    pub remote: RemoteKey,
    /// The index of its target.
    pub target: usize,
    /// Addresses of the target that could not be reached.
    attempt: usize,
    /// Targets that could not be reached, a bit for each.
    tried: u64,
    /// Until then a connection has to stand.
    until: Instant,
}

impl Proxy {
    /// These `[[proxy]]` from now on; what is in flight goes on.
    pub(super) fn configure_remotes(&mut self, rules: &[config::Remote]) {
        let Self { clients, conns, remotes, .. } = self;
        let used: HashSet<RemoteKey> =
            clients.values().filter_map(|client| client.exchange.leg()).map(|leg| leg.remote).collect();
        remotes.configure(rules, conns, |key| used.contains(&key));
        self.begin_checks();
    }
}

impl Remotes {
    /// None.
    pub fn new(waker: Arc<Waker>) -> Self {
        Self { all: SlotMap::with_key(), order: Vec::new(), resolver: Resolver::new(waker), roots: Roots::default() }
    }

    /// These rules from now on. What stays as it was keeps its connections and what is known of it; what has changed is new,
    /// and what is no more goes when nobody uses it any more.
    pub fn configure(
        &mut self,
        rules: &[config::Remote],
        conns: &mut SlotMap<ConnKey, Conn>,
        used: impl Fn(RemoteKey) -> bool,
    ) {
        let mut old = std::mem::take(&mut self.order);
        for rule in rules {
            let same = old.iter().position(|key| self.all.get(*key).is_some_and(|remote| remote.rule == *rule));
            let key = match same {
                Some(at) => old.swap_remove(at),
                None => {
                    let tls = self.roots.config(rule);
                    self.all.insert(Remote::new(rule, tls))
                }
            };
            self.order.push(key);
        }
        for key in old {
            if let Some(remote) = self.all.get_mut(key) {
                remote.retired = true;
                remote.chores.clear();
                remote.targets.iter_mut().for_each(|target| target.close(conns));
            }
        }
        self.all.retain(|key, remote| !remote.retired || used(key));
    }

    /// A request has no connection any more, or has become a tunnel.
    pub fn end(&mut self, key: RemoteKey) {
        if let Some(remote) = self.all.get_mut(key) {
            remote.busy -= 1;
        }
    }

    /// The target has answered, whatever it said.
    pub fn answered(&mut self, key: RemoteKey, target: usize) {
        if let Some(remote) = self.all.get_mut(key) {
            remote.answered(target);
        }
    }

    /// Name and target, for the log.
    pub fn named(&self, key: RemoteKey, target: usize) -> (&str, &str) {
        let remote = self.all.get(key);
        remote.map_or(("", ""), |remote| (&remote.rule.keys.name, &remote.rule.targets[target].url))
    }

    /// The alarm of one.
    pub fn alarm(&self, key: RemoteKey) -> Option<Alarm> {
        self.all.get(key).map(|remote| remote.chores)
    }
}

impl Remote {
    fn new(rule: &config::Remote, tls: Option<Arc<ClientConfig>>) -> Self {
        let targets = rule.targets.iter().map(Target::new).collect();
        Self { rule: rule.clone(), targets, tls, turn: 0, busy: 0, chores: Alarm::default(), retired: false }
    }

    /// One more request would be too many.
    fn is_full(&self) -> bool {
        self.busy + self.targets.iter().map(|target| target.waiting.len()).sum::<usize>() >= self.rule.keys.connections
    }

    /// The next target in turn that was not tried: one that is up, or any where none is.
    fn choose(&mut self, tried: u64, now: Instant) -> Option<usize> {
        let count = self.targets.len();
        let turns = (0..count).map(|step| (self.turn + step) % count).filter(|at| tried & 1 << at == 0);
        let mut turns = turns.collect::<Vec<_>>().into_iter();
        let any = turns.clone().next();
        let chosen = turns.find(|at| self.targets[*at].pulse.is_up(now)).or(any)?;
        self.turn = (chosen + 1) % count;
        Some(chosen)
    }

    fn answered(&mut self, target: usize) {
        if self.targets.get_mut(target).is_some_and(|target| target.pulse.answered()) {
            log::warn!("proxy {}: {} answers again", self.rule.keys.name, self.rule.targets[target].url);
        }
    }

    /// It could not be reached, or did not answer.
    fn failed(&mut self, target: usize, why: &str, now: Instant) {
        let checked = self.rule.keys.health_path.is_some();
        let alone = self.targets.len() == 1;
        let out = self.targets.get_mut(target).is_some_and(|target| target.pulse.failed(checked, now));
        let rest = if alone { "" } else { "; the others are used" };
        if out {
            log::warn!("proxy {}: {} fails: {why}{rest}", self.rule.keys.name, self.rule.targets[target].url);
        }
    }
}
