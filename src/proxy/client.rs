//! One connection of the front door.

use std::net::IpAddr;
use std::time::Instant;

use super::buffer::Buffer;
use super::exchange::Exchange;
use super::timers::Alarm;
use crate::wire::Wire;

/// A client's connection and where it stands.
#[derive(Debug)]
pub(super) struct Client {
    /// Its socket.
    pub wire: Wire,
    /// Its address.
    pub peer: IpAddr,
    /// It is a proxy of ours.
    pub trusted: bool,
    /// It spoke TLS, as the balancer in front of us says.
    pub https: bool,
    /// Where it stands.
    pub phase: Phase,
    /// Bytes read and not yet understood: a part of a head, or pipelined requests.
    pub input: Buffer,
    /// `input` has bytes that were not looked at yet.
    pub fresh: bool,
    /// It is in the list of those who get another turn.
    pub pending: bool,
    /// It goes on at the end of this turn.
    pub posted: bool,
    /// The alarm is that of an answer that it does not take.
    pub owes: bool,
    /// Its last request said that nothing follows, and all of that request has come.
    pub silent: bool,
    /// Bytes that the client has not taken yet.
    pub output: Buffer,
    /// The current exchange.
    pub exchange: Exchange,
    /// When the current phase is over.
    pub alarm: Alarm,
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// A balancer has to say first whose connection it is.
    Preamble,
    /// Between requests, or in the middle of a head.
    Head,
    /// The head was read, and is read again when it is known whether its password is right.
    Auth,
    /// The head is there and the body on its way; nobody has it yet.
    Body,
    /// In a tenant's waiting room.
    Waiting,
    /// The request has a connection to the tenant.
    Exchange,
    /// A file is looked for, or is on its way.
    File,
    /// A script is to answer, or does.
    Script,
    /// Bytes both ways.
    Tunnel,
    /// The last answer is on its way, and the end of writing behind it.
    Last,
    /// All is written. What still comes is dropped until the client closes, so that the answer arrives.
    Linger,
}

impl Client {
    /// A connection that was just accepted.
    pub fn new(wire: Wire, peer: IpAddr, trusted: bool, phase: Phase, now: Instant) -> Self {
        Self {
            wire,
            peer,
            trusted,
            https: false,
            phase,
            input: Buffer::default(),
            fresh: false,
            pending: false,
            posted: false,
            owes: false,
            silent: false,
            output: Buffer::default(),
            exchange: Exchange::idle(now),
            alarm: Alarm::default(),
        }
    }
}
