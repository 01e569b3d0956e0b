//! What the forwarder is told about tenants: held, opened, gone, refused; and its idle clocks and probes.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::breaker::Breaker;
use super::conn::{Conn, Origin};
use super::listener::Listener;
use super::timers::Owner;
use super::upstream::{Gate, Upstream, Watch};
use super::{ClientKey, ConnKey, Fact, Proxy, Shared, conn_source};
use crate::poller::{Source, data};
use crate::proxy::client::Phase;
use crate::unit::{Unit, UnitId};
use crate::wire::{Established, Wire};

/// Between two connects to a port that does not answer: readiness is noticed at most so much too late.
const PROBE: Duration = Duration::from_millis(10);

impl Proxy {
    /// Binds the socket of a unit and adds its route. The socket stays for as long as the unit.
    pub fn add(&mut self, id: UnitId, unit: &Unit) -> io::Result<()> {
        let Some(socket) = &unit.socket else { return Ok(()) };
        let listener = Listener::bind(socket, &unit.name, &self.shared.private)?;
        self.upstreams.insert(id, Upstream::new(unit.name.clone(), listener, socket.clone()));
        self.route(id, unit);
        Ok(())
    }

    /// The unit's listening socket.
    pub fn listener(&self, unit: UnitId) -> Option<&Listener> {
        self.upstreams.get(unit).map(|upstream| &upstream.listener)
    }

    /// The descriptor of the unit's listening socket that its process gets.
    pub fn passed(&mut self, unit: UnitId) -> Option<BorrowedFd<'_>> {
        let upstream = self.upstreams.get_mut(unit)?;
        let secured = upstream.listener.secure();
        let said = std::mem::replace(&mut upstream.bare, secured.is_err());
        if let (Err(error), false) = (secured, said) {
            log::warn!("{}: its socket has no second name: {error}", upstream.name);
        }
        upstream.listener.passed()
    }

    /// The unit is down: a connection in its queue is a wish.
    pub fn watch(&mut self, unit: UnitId) {
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        if upstream.watch == Watch::Yes || !upstream.listener.is_passed() {
            return;
        }
        match self.shared.registry.add_reader(upstream.listener.fd(), Source::Listener(data(unit))) {
            Ok(()) => upstream.watch = Watch::Yes,
            Err(error) => {
                if std::mem::replace(&mut upstream.watch, Watch::Due) == Watch::No {
                    log::warn!("{}: cannot watch its socket: {error}; trying again", upstream.name);
                }
                self.pause();
            }
        }
    }

    /// The listeners that could not be watched.
    pub(super) fn watch_due(&mut self) {
        let due = self.upstreams.iter().filter(|(_, upstream)| upstream.watch == Watch::Due);
        for unit in due.map(|(unit, _)| unit).collect::<Vec<_>>() {
            self.watch(unit);
        }
    }

    /// The unit is coming: its queue is its own.
    pub fn unwatch(&mut self, unit: UnitId) {
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        if std::mem::replace(&mut upstream.watch, Watch::No) == Watch::Yes {
            // It was added: removing it cannot fail.
            let _ = self.shared.registry.remove(upstream.listener.fd());
        }
    }

    pub(super) fn listener_ready(&mut self, unit: UnitId) {
        if self.upstreams.get(unit).is_some_and(|upstream| upstream.watch == Watch::Yes) {
            self.shared.facts.push_back(Fact::Wanted(unit));
        }
    }

    /// Requests may be sent.
    pub fn open(&mut self, unit: UnitId) {
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        upstream.gate = Gate::Open;
        upstream.served = None;
        upstream.files.iter().for_each(|files| files.stand());
        // A socket that was passed is open before its unit is active; a port, when it is.
        if upstream.listener.is_passed() {
            upstream.ready = None;
        }
        self.serve_waiting(unit);
        self.rest(unit);
    }

    /// The unit is active: what comes from now on does not wait for its boot.
    pub fn started(&mut self, unit: UnitId) {
        if let Some(upstream) = self.upstreams.get_mut(unit) {
            upstream.ready = Some(self.shared.now);
        }
        // It may have nothing to do: whoever wanted it has left.
        self.offer_room();
    }

    /// Requests wait from now on; idle connections are closed; says `Drained` when none is in flight.
    pub fn hold(&mut self, unit: UnitId) {
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        upstream.gate = Gate::Held;
        upstream.quiet = None;
        upstream.probe.clear();
        self.close_idle(unit);
        self.report_drained(unit);
    }

    /// A held tenant whose last request has been answered.
    pub(super) fn report_drained(&mut self, unit: UnitId) {
        if self.upstreams.get(unit).is_some_and(|upstream| upstream.gate == Gate::Held && upstream.busy == 0) {
            self.shared.facts.push_back(Fact::Drained(unit));
        }
    }

    /// The process is gone. Connections that it had accepted have ended; those still open lie in the queue, where the
    /// next process finds them.
    pub fn gone(&mut self, unit: UnitId) {
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        upstream.gate = Gate::Down;
        upstream.ready = None;
        if let Err(error) = upstream.listener.restore() {
            log::warn!("{}: cannot restore the path of its socket: {error}", upstream.name);
        }
        upstream.probe.clear();
        self.close_idle(unit);
        let users = self.users(unit);
        for &client in &users {
            self.advance(client);
        }
        // The next process is another.
        if let Some(upstream) = self.upstreams.get_mut(unit) {
            upstream.breaker = Breaker::default();
            upstream.recycle = false;
        }
        // Who only reads what the process has left behind needs no other one.
        let lies_in_queue = |key: &ClientKey| {
            self.clients.get(*key).is_some_and(|c| c.exchange.conn.is_some() && c.exchange.answer.is_none())
        };
        let queued: Vec<_> = users.into_iter().filter(lies_in_queue).collect();
        if self.shared.draining {
            return queued.into_iter().for_each(|key| self.turn_away(key));
        }
        if !queued.is_empty() || self.upstreams.get(unit).is_some_and(|upstream| !upstream.waiting.is_empty()) {
            self.want(unit);
        }
    }

    /// Closes the connections that nobody uses.
    pub(super) fn close_idle(&mut self, unit: UnitId) {
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        upstream.pool.clear(&mut self.conns);
        for key in upstream.probing.take().into_iter().chain(upstream.scout.take()) {
            self.conns.remove(key);
        }
    }

    /// Somebody needs the tenant: if it is down, a start is wanted.
    pub(super) fn want(&mut self, unit: UnitId) {
        if self.upstreams.get(unit).is_some_and(Upstream::is_down) {
            self.shared.facts.push_back(Fact::Wanted(unit));
        }
    }

    /// Clients with a connection to this tenant. Their connections are read again, edge or not.
    pub(super) fn users(&mut self, unit: UnitId) -> Vec<ClientKey> {
        let users = self.conns.values_mut().filter(|conn| conn.to == Origin::Tenant(unit));
        users
            .filter_map(|conn| {
                conn.wire.suspect();
                conn.client
            })
            .collect()
    }

    /// The tenant failed: what waits for it, and what comes until then, is answered with 503. Its queue is emptied, so
    /// that the next start does not act on a request that has been answered.
    pub fn refuse(&mut self, unit: UnitId, until: Instant) {
        let users = self.users(unit);
        let waiting = self.empty_room(unit);
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        upstream.gate = Gate::Refusing(until);
        let unanswered = |key: &ClientKey| {
            self.clients.get(*key).is_some_and(|c| c.phase == Phase::Exchange && c.exchange.answer.is_none())
        };
        let unanswered: Vec<_> = users.into_iter().filter(unanswered).collect();
        let retry = until.saturating_duration_since(self.shared.now);
        for key in waiting.into_iter().chain(unanswered) {
            self.refuse_client(key, 503, "the application did not start", Some(retry));
        }
        if let Some(upstream) = self.upstreams.get(unit) {
            upstream.listener.flush();
        }
    }

    /// Connects to the unit's port until it answers.
    pub fn probe(&mut self, unit: UnitId) {
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        let Some(address) = upstream.listener.port() else { return };
        match upstream.listener.connect() {
            Ok((fd, _)) => {
                let conn = Conn::new(Wire::connecting(fd), Origin::Tenant(unit), false, self.shared.now);
                let key = self.conns.insert(conn);
                match self.conns[key].wire.watch(&self.shared.registry, conn_source(key)) {
                    Ok(()) => upstream.probing = Some(key),
                    Err(error) => {
                        log::warn!("cannot watch a connection to port {address}: {error}");
                        self.conns.remove(key);
                        self.probe_later(unit);
                    }
                }
            }
            Err(_) => self.probe_later(unit),
        }
    }

    pub(super) fn probe_later(&mut self, unit: UnitId) {
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        self.shared.timers.set(&mut upstream.probe, self.shared.now + PROBE, Owner::Probe(unit));
    }

    pub(super) fn probe_due(&mut self, unit: UnitId, entry: Instant) {
        let now = self.shared.now;
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        let due = self.shared.timers.due(&mut upstream.probe, entry, now, Owner::Probe(unit));
        // A gate that is not open may still say why the process before was not to be asked: what ends a process clears
        // this alarm.
        let wanted = upstream.gate != Gate::Open || !upstream.waiting.is_empty();
        if due && wanted && upstream.probing.is_none() {
            self.probe(unit);
        }
    }

    /// connect(2) to a port has ended. True if the connection stands.
    pub(super) fn finish_connect(&mut self, key: ConnKey) -> bool {
        let Some(conn) = self.conns.get_mut(key) else { return false };
        let unit = match conn.to {
            Origin::Tenant(unit) => unit,
            Origin::Remote(remote, target) => return self.finish_reaching(key, (remote, target)),
        };
        let stands = match conn.wire.establish() {
            Established::Not => return false,
            Established::Stands => true,
            Established::Failed(_) => false,
        };
        conn.connecting = false;
        let client = conn.client;
        let probing = self.upstreams.get(unit).is_some_and(|upstream| upstream.probing == Some(key));
        match (stands, client) {
            (true, None) if probing => self.probed(unit, key),
            (true, _) => {}
            (false, Some(client)) => self.await_port(client, unit),
            (false, None) => {
                self.drop_idle(key, unit);
                if probing {
                    self.probe_later(unit);
                }
            }
        }
        stands
    }

    /// The port answers: the connection that found out serves the first request.
    fn probed(&mut self, unit: UnitId, key: ConnKey) {
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        upstream.probing = None;
        self.pool(key, unit);
        self.shared.facts.push_back(Fact::Reached(unit));
        self.serve_waiting(unit);
    }

    /// Starts the idle clock of a tenant that has nothing to do, or stops it.
    pub(super) fn rest(&mut self, unit: UnitId) {
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        let quiet = upstream.gate == Gate::Open && upstream.is_quiet();
        upstream.quiet = quiet.then_some(self.shared.now);
        let idle_stop = if upstream.recycle { Some(Duration::ZERO) } else { upstream.idle_stop };
        match idle_stop {
            Some(idle_stop) if quiet => {
                self.shared.timers.set(&mut upstream.idle, self.shared.now + idle_stop, Owner::Idle(unit));
            }
            Some(_) => upstream.idle.clear(),
            None => {}
        }
        if quiet {
            self.offer_room();
        }
    }

    /// The tenant is idle as soon as it has nothing to do, until it is started again.
    pub fn recycle(&mut self, unit: UnitId) {
        if let Some(upstream) = self.upstreams.get_mut(unit) {
            upstream.recycle = true;
            self.rest(unit);
        }
    }

    /// Somebody needs room: the tenant that is quiet longest is named, now or as soon as there is one. `false` takes it back.
    pub fn make_room(&mut self, wanted: bool) {
        self.room = wanted;
        self.offer_room();
    }

    fn offer_room(&mut self) {
        if !self.room {
            return;
        }
        let open = self.upstreams.iter().filter(|(_, upstream)| upstream.gate == Gate::Open);
        let quiet = open.filter_map(|(unit, upstream)| Some((upstream.quiet?, unit)));
        self.shared.facts.extend(quiet.min().map(|(_, unit)| Fact::Idlest(unit)));
    }

    pub(super) fn idle_due(&mut self, unit: UnitId, entry: Instant) {
        let Shared { timers, now, facts, .. } = &mut self.shared;
        let Some(upstream) = self.upstreams.get_mut(unit) else { return };
        if timers.due(&mut upstream.idle, entry, *now, Owner::Idle(unit)) && upstream.is_quiet() {
            facts.push_back(Fact::Idled(unit));
        }
    }

    /// An idle connection of the pool has ended.
    pub(super) fn drop_idle(&mut self, key: ConnKey, unit: UnitId) {
        if let Some(upstream) = self.upstreams.get_mut(unit) {
            upstream.pool.forget(key);
            if upstream.probing == Some(key) {
                upstream.probing = None;
            }
        }
        self.conns.remove(key);
    }
}
