//! One target as the forwarder sees it: where it is, whether it is well, its idle connections, and who waits for its name.

use std::net::IpAddr;
use std::time::Instant;

use slotmap::SlotMap;

use super::super::conn::Conn;
use super::super::pool::Idle;
use super::super::{ClientKey, ConnKey};
use super::addresses::Addresses;
use super::pulse::Pulse;
use crate::config::{Destination, Endpoint};

/// A target.
#[derive(Debug)]
pub(super) struct Target {
    /// Where it is; nothing for a unix socket.
    pub addresses: Addresses,
    /// Whether it is well.
    pub pulse: Pulse,
    /// Idle connections.
    pub pool: Idle,
    /// Requests that wait for its name.
    pub waiting: Vec<ClientKey>,
    /// The health check that is under way.
    pub check: Option<Check>,
    /// When the next one begins.
    pub next_check: Option<Instant>,
}

/// A health check.
#[derive(Debug, Clone, Copy)]
pub(super) struct Check {
    /// Its connection; none before the name is known.
    pub conn: Option<ConnKey>,
    /// Until then it has to be answered.
    pub until: Instant,
}

impl Target {
    /// Nothing is known of it.
    pub fn new(destination: &Destination) -> Self {
        let address = match &destination.endpoint {
            Endpoint::Tcp { host, port, .. } => host.parse().ok().map(|ip: IpAddr| (ip, *port).into()),
            Endpoint::Unix(_) => None,
        };
        let addresses = address.map_or_else(Addresses::default, Addresses::fixed);
        let (pool, waiting) = (Idle::default(), Vec::new());
        Self { addresses, pulse: Pulse::NEW, pool, waiting, check: None, next_check: None }
    }

    /// Closes what nobody uses.
    pub fn close(&mut self, conns: &mut SlotMap<ConnKey, Conn>) {
        self.pool.clear(conns);
        if let Some(conn) = self.check.take().and_then(|check| check.conn) {
            conns.remove(conn);
        }
    }
}
