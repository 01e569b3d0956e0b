//! One connection to whoever answers: a tenant, or a target of a `[[proxy]]`.

use std::time::Instant;

use super::buffer::Buffer;
use super::{ClientKey, RemoteKey};
use crate::unit::UnitId;
use crate::wire::Wire;

/// Who answers at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// This tenant.
    Tenant(UnitId),
    /// A target of a `[[proxy]]`, by its index.
    Remote(RemoteKey, usize),
}

/// A connection: in a pool, or lent to one client.
#[derive(Debug)]
pub(super) struct Conn {
    /// Its socket.
    pub wire: Wire,
    /// Who answers.
    pub to: Origin,
    /// Who uses it.
    pub client: Option<ClientKey>,
    /// A part of the head of an answer.
    pub input: Buffer,
    /// connect(2), or the handshake of TLS, is under way (not on a unix socket, which stands at once).
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
    pub fn new(wire: Wire, to: Origin, unix: bool, now: Instant) -> Self {
        let connecting = !wire.is_writable();
        let input = Buffer::default();
        Self { wire, to, client: None, input, connecting, unix, reusable: true, served: 0, rested: now }
    }
}
