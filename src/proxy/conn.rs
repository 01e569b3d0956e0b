//! One connection to a tenant.

use std::io;
use std::time::Instant;

use super::buffer::Buffer;
use super::{ClientKey, ConnKey};
use crate::poller::{Registry, Source, data};
use crate::unit::UnitId;
use crate::wire::Wire;

/// A connection to a tenant: in the pool, or lent to one client.
#[derive(Debug)]
pub(super) struct Conn {
    /// Its socket.
    pub wire: Wire,
    /// The tenant.
    pub unit: UnitId,
    /// Who uses it.
    pub client: Option<ClientKey>,
    /// A part of the head of an answer.
    pub input: Buffer,
    /// connect(2) is under way (a port only: on a unix socket it stands at once).
    pub connecting: bool,
    /// The poller tells when there is room for writing. Not from the start on a unix socket, where each read of the tenant's
    /// would be an edge of ours.
    pub wide: bool,
    /// A unix socket, where the way it ends tells whether the request was read.
    pub unix: bool,
    /// It can be used again after the current answer.
    pub reusable: bool,
    /// Requests that it has served before the one at hand.
    pub served: u16,
    /// When it came into the pool last.
    pub rested: Instant,
}

impl Conn {
    /// A connection that nobody has used yet.
    pub fn new(wire: Wire, unit: UnitId, unix: bool, now: Instant) -> Self {
        let connecting = !wire.is_writable();
        let input = Buffer::default();
        Self { wire, unit, client: None, input, connecting, wide: !unix, unix, reusable: true, served: 0, rested: now }
    }

    /// Watches it from the start.
    pub fn watch(&self, key: ConnKey, registry: &Registry) -> io::Result<()> {
        let source = Source::Upstream(data(key));
        if self.wide {
            registry.add_socket(self.wire.fd(), source)
        } else {
            registry.add_reader(self.wire.fd(), source)
        }
    }

    /// After a write: what was not taken waits for room.
    pub fn await_room(&mut self, key: ConnKey, registry: &Registry) {
        if self.wide || self.wire.is_writable() {
            return;
        }
        match registry.widen(self.wire.fd(), Source::Upstream(data(key))) {
            Ok(()) => self.wide = true,
            Err(error) => log::warn!("cannot watch a connection to a tenant for writing: {error}"),
        }
    }
}
