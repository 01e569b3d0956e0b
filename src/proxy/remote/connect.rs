//! Connections to targets: begun, one address after the other, never waited for; names in threads of their own.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::SocketAddrUnix;

use super::super::batch::Letter;
use super::super::client::Phase;
use super::super::conn::{Conn, Origin};
use super::super::listener::{connect_to, connect_to_path};
use super::super::{ClientKey, ConnKey, Proxy, RemoteKey, conn_source};
use super::addresses::Known;
use super::secure::session;
use crate::config::Endpoint;
use crate::wire::{Established, Wire};

/// Longest wait for one address where there is another.
const ATTEMPT: Duration = Duration::from_secs(1);

impl Proxy {
    /// Connects to the target of a request, at the address whose turn it is; waits for its name before.
    pub(super) fn reach(&mut self, key: ClientKey) {
        let Some(leg) = self.clients.get(key).and_then(|client| client.exchange.leg()) else { return };
        match self.find(leg.remote, leg.target) {
            Known::Good | Known::Ageing => {}
            Known::Unknown => return self.unreached(key, 502, "its name cannot be resolved"),
            Known::Missing | Known::Awaited => return self.await_name(key),
        }
        match self.connect_target(leg.remote, leg.target, leg.attempt) {
            Ok(conn) => self.take_connection(key, conn),
            Err(error) => self.unreached(key, 502, &error.to_string()),
        }
    }

    /// What is known of a target's addresses; begins a lookup where it has to.
    pub(super) fn find(&mut self, key: RemoteKey, index: usize) -> Known {
        let super::Remotes { all, resolver, .. } = &mut self.remotes;
        let Some(remote) = all.get_mut(key) else { return Known::Unknown };
        let Some(target) = remote.targets.get_mut(index) else { return Known::Unknown };
        let Endpoint::Tcp { host, port, .. } = &remote.rule.targets[index].endpoint else { return Known::Good };
        let known = target.addresses.state(self.shared.now);
        if matches!(known, Known::Missing | Known::Ageing) {
            target.addresses.ask();
            resolver.ask((key, index), host, *port);
        }
        known
    }

    fn await_name(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let Some(leg) = client.exchange.leg() else { return };
        client.phase = Phase::Waiting;
        let left = leg.until.saturating_duration_since(self.shared.now);
        if let Some(target) = self.remotes.all.get_mut(leg.remote).and_then(|remote| remote.targets.get_mut(leg.target))
        {
            target.waiting.push(key);
        }
        self.set_alarm(key, left);
    }

    /// Lookups have ended: those who waited go on.
    pub(in super::super) fn resolved(&mut self) {
        while let Some(((key, index), found)) = self.remotes.resolver.answer() {
            let Some(remote) = self.remotes.all.get_mut(key) else { continue };
            let Some(target) = remote.targets.get_mut(index) else { continue };
            if let Err(why) = &found {
                let old = if target.addresses.len() > 0 { "; the old addresses are used" } else { "" };
                let (name, url) = (&remote.rule.keys.name, &remote.rule.targets[index].url);
                log::warn!("proxy {name}: the name in {url} cannot be resolved: {why}{old}");
            }
            let known = target.addresses.answer(found.ok(), self.shared.now);
            for client in std::mem::take(&mut target.waiting) {
                self.name_found(client, (key, index), known);
            }
            self.check_found((key, index), known);
        }
    }

    fn name_found(&mut self, key: ClientKey, to: (RemoteKey, usize), known: bool) {
        let Some(client) = self.clients.get(key).filter(|client| client.phase == Phase::Waiting) else { return };
        if client.exchange.leg().is_none_or(|leg| (leg.remote, leg.target) != to) {
            return;
        }
        match known {
            true => self.reach(key),
            false => self.unreached(key, 502, "its name cannot be resolved"),
        }
    }

    /// Begins a connection to a target.
    pub(super) fn connect_target(&mut self, key: RemoteKey, index: usize, attempt: usize) -> io::Result<ConnKey> {
        let gone = || io::Error::from(io::ErrorKind::AddrNotAvailable);
        let remote = self.remotes.all.get(key).ok_or_else(gone)?;
        let wire = match &remote.rule.targets[index].endpoint {
            Endpoint::Unix(path) => Wire::new(connect_to_path(&SocketAddrUnix::new(path)?)?),
            Endpoint::Tcp { tls, host, .. } => {
                let address = remote.targets[index].addresses.get(attempt).ok_or_else(gone)?;
                let (fd, _): (OwnedFd, bool) = connect_to(&address)?;
                match (tls, &remote.tls) {
                    (false, _) => Wire::connecting(fd),
                    (true, Some(config)) => Wire::securing(fd, session(config, host).map_err(io::Error::other)?),
                    (true, None) => return Err(io::Error::other("TLS is not available")),
                }
            }
        };
        let unix = matches!(remote.rule.targets[index].endpoint, Endpoint::Unix(_));
        let conn = self.conns.insert(Conn::new(wire, Origin::Remote(key, index), unix, self.shared.now));
        let added = self.conns[conn].wire.watch(&self.shared.registry, conn_source(conn));
        added.inspect_err(|_| drop(self.conns.remove(conn)))?;
        Ok(conn)
    }

    /// A request gets this connection, and is sent when it stands.
    pub(super) fn take_connection(&mut self, key: ClientKey, conn_key: ConnKey) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let (Some(leg), Some(conn)) = (client.exchange.leg(), self.conns.get_mut(conn_key)) else { return };
        client.phase = Phase::Exchange;
        client.exchange.tries += 1;
        client.exchange.conn = Some(conn_key);
        conn.client = Some(key);
        let Some(remote) = self.remotes.all.get_mut(leg.remote) else { return };
        remote.busy += 1;
        let others = remote.targets[leg.target].addresses.get(leg.attempt + 1).is_some();
        let left = leg.until.saturating_duration_since(self.shared.now);
        let after = match conn.connecting {
            false => remote.rule.keys.timeout_response,
            true if others => left.min(ATTEMPT),
            true => left,
        };
        self.set_alarm(key, after);
        self.post(key, Letter::Request);
    }

    /// A connection to a target goes on towards standing. True if it does.
    pub(in super::super) fn finish_reaching(&mut self, key: ConnKey, to: (RemoteKey, usize)) -> bool {
        let Some(conn) = self.conns.get_mut(key) else { return false };
        let client = conn.client;
        match (conn.wire.establish(), client) {
            (Established::Not, _) => false,
            (Established::Failed(why), Some(client)) => {
                self.unreached(client, 502, &why);
                false
            }
            (Established::Failed(why), None) => {
                self.check_failed(to, &why);
                false
            }
            (Established::Stands, Some(client)) => {
                conn.connecting = false;
                self.reached(client);
                true
            }
            (Established::Stands, None) => {
                conn.connecting = false;
                self.ask_health(key, to);
                true
            }
        }
    }

    /// The connection of a request stands: its time for an answer begins.
    fn reached(&mut self, key: ClientKey) {
        let Some(leg) = self.clients.get(key).and_then(|client| client.exchange.leg()) else { return };
        let Some(remote) = self.remotes.all.get_mut(leg.remote) else { return };
        remote.targets[leg.target].addresses.reached(leg.attempt);
        let after = remote.rule.keys.timeout_response;
        self.set_alarm(key, after);
    }
}
