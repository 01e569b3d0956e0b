//! One connection to a tenant.

use std::time::Instant;

use super::ClientKey;
use super::buffer::Buffer;
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
        Self { wire, unit, client: None, input, connecting, unix, reusable: true, served: 0, rested: now }
    }
}
