//! A reload as the forwarder hears it: a unit that is another, or no more; limits that are others. Nobody else's
//! connection, and no listener that stays, is touched.

use std::io;

use super::client::Phase;
use super::listener::Listener;
use super::upstream::Watch;
use super::{ClientKey, Proxy};
use crate::config::Config;
use crate::unit::{Listen, Unit, UnitId};

impl Proxy {
    /// The limits of `[http]`, `[health]` and `[log] access` from now on; doors stay as they are.
    pub fn configure(&mut self, config: &Config) {
        self.shared.limits.clone_from(&config.http);
        self.limits.configure(&config.limits);
        let counted = self.clients.values().filter(|client| !client.trusted).map(|client| client.peer);
        self.doors.peers.configure(config.http.connections_per_client, counted);
        self.shared.access.switch(config.log.access);
        self.front.configure(config);
        self.files.configure(config);
        self.health.configure(&config.health);
        self.maintenance.configure(config);
        self.configure_remotes(&crate::route::remotes(config));
        self.scripts.configure(&config.scripts);
        self.auth.configure(config.auth.plain);
    }

    /// The unit is another, or new: binds its socket if that has changed, and routes to it. Only a unit without a
    /// process has another socket. True if there is a new one. The error leaves the old one, if there is one.
    pub fn renew(&mut self, id: UnitId, unit: &Unit) -> io::Result<bool> {
        let Some(socket) = &unit.socket else {
            self.remove(id);
            return Ok(false);
        };
        let known = self.upstreams.get(id).map(|upstream| upstream.socket == *socket);
        let bound = match known {
            Some(true) => Ok(false),
            Some(false) | None => {
                if let Listen::Unix(path) = &socket.listen {
                    self.upstreams.values_mut().for_each(|upstream| upstream.listener.cede(path));
                }
                if known.is_some() { self.rebind(id, unit) } else { self.add(id, unit) }.map(|()| true)
            }
        };
        self.route(id, unit);
        bound
    }

    /// The unit's route and idle clock. Who waits for a route that is gone is told so.
    pub(super) fn route(&mut self, id: UnitId, unit: &Unit) {
        self.front.remove(id);
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        upstream.route.clone_from(&unit.route);
        upstream.idle_stop = unit.service.idle_stop;
        let Some(route) = &unit.route else {
            return self.empty_room(id).into_iter().for_each(|key| self.miss(key));
        };
        self.front.insert(route, id);
        self.front.name(id, &upstream.name);
        upstream.files = self.files.places(&upstream.name, route);
        // No idle_stop any more leaves no alarm behind.
        upstream.idle.clear();
        self.serve_waiting(id);
        self.rest(id);
    }

    /// Another socket in the place of the old one. What lies in the old queue was seen by nobody, and waits again.
    fn rebind(&mut self, id: UnitId, unit: &Unit) -> io::Result<()> {
        let Some(socket) = &unit.socket else { return Ok(()) };
        let listener = Listener::bind(socket, &unit.name, &self.shared.private)?;
        let users = self.users(id);
        let watched = self.upstreams.get(id).is_some_and(|upstream| upstream.watch != Watch::No);
        self.unwatch(id);
        self.close_idle(id);
        let Some(upstream) = self.upstreams.get_mut(id) else { return Ok(()) };
        (upstream.listener, upstream.socket) = (listener, socket.clone());
        for key in users {
            self.send_again(key, id);
        }
        if watched {
            self.watch(id);
        }
        Ok(())
    }

    /// The unit is no more: its socket is closed, and who still waits for it is told so.
    pub fn remove(&mut self, id: UnitId) {
        self.front.remove(id);
        self.unwatch(id);
        self.close_idle(id);
        let users = self.users(id);
        for key in self.empty_room(id).into_iter().chain(users) {
            self.miss(key);
        }
        self.upstreams.remove(id);
    }

    /// Nobody answers this request any more; an answer that has begun is cut.
    fn miss(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get(key) else { return };
        match client.phase {
            Phase::Waiting => self.refuse_client(key, 404, "no application answers here", None),
            Phase::Exchange if client.exchange.answer.is_none() => {
                self.refuse_client(key, 404, "no application answers here", None);
            }
            Phase::Exchange | Phase::Tunnel => self.close(key),
            Phase::Preamble
            | Phase::Head
            | Phase::Auth
            | Phase::Body
            | Phase::File
            | Phase::Script
            | Phase::Last
            | Phase::Linger => {}
        }
    }
}
