//! One tenant as the forwarder sees it: its gate, its pool of connections, its waiting room, its idle clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::files::Places;
use super::listener::Listener;
use super::timers::Alarm;
use super::{ClientKey, ConnKey};
use crate::unit::{Name, Route, Socket};

/// A tenant's side of the forwarder.
#[derive(Debug)]
pub(super) struct Upstream {
    /// The unit's name, for the log.
    pub name: Name,
    /// The socket that tenantd holds for it.
    pub listener: Listener,
    /// What was asked of it.
    pub socket: Socket,
    /// How many at once, how many in the queue, how long. `None`: a socket without HTTP.
    pub route: Option<Route>,
    /// Where its files lie; most have none.
    pub files: Option<Box<Places>>,
    /// Quiet for so long is idle.
    pub idle_stop: Option<Duration>,
    /// Its socket has no second name, and it was said.
    pub bare: bool,
    /// Whether requests may be sent.
    pub gate: Gate,
    /// Idle keep-alive connections; the last one used is the first one taken.
    pub pool: Vec<ConnKey>,
    /// Requests that wait, in order.
    pub waiting: VecDeque<ClientKey>,
    /// Requests that have a connection.
    pub busy: usize,
    /// Open WebSockets.
    pub tunnels: usize,
    /// Since when it is open and has nothing to do.
    pub quiet: Option<Instant>,
    /// The alarm of the idle clock.
    pub idle: Alarm,
    /// The alarm of the next connect to a port that did not answer.
    pub probe: Alarm,
    /// The connection that probes.
    pub probing: Option<ConnKey>,
    /// When the unit became active.
    pub ready: Option<Instant>,
    /// When it answered first since its gate was opened: until then it may still be booting.
    pub served: Option<Instant>,
    /// Whether the listener is watched.
    pub watch: Watch,
}

/// Whether the listener of a tenant is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    /// It is its process's.
    No,
    /// A connection in its queue is a wish.
    Yes,
    /// It should be; for a lack of memory it is not.
    Due,
}

/// Whether requests may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// No process: requests wait for a start.
    Down,
    /// Requests go.
    Open,
    /// The process is being stopped: requests wait for the next one.
    Held,
    /// It failed: until then requests are answered with 503.
    Refusing(Instant),
}

/// What to do with a new request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// Send it.
    Send,
    /// Queue it.
    Wait,
    /// 503; try again after so long.
    Refuse(Duration),
}

impl Upstream {
    /// A tenant that is down.
    pub fn new(name: Name, listener: Listener, socket: Socket) -> Self {
        Self {
            name,
            listener,
            socket,
            route: None,
            files: None,
            idle_stop: None,
            bare: false,
            gate: Gate::Down,
            pool: Vec::new(),
            waiting: VecDeque::new(),
            busy: 0,
            tunnels: 0,
            quiet: None,
            idle: Alarm::default(),
            probe: Alarm::default(),
            probing: None,
            ready: None,
            served: None,
            watch: Watch::No,
        }
    }

    /// What to do with a new request. Nobody overtakes those who wait.
    pub fn admit(&self, now: Instant) -> Admission {
        match self.gate {
            Gate::Refusing(until) if now < until => Admission::Refuse(until - now),
            Gate::Open if self.waiting.is_empty() && self.has_room() => Admission::Send,
            _ if self.waiting.len() >= self.route.as_ref().map_or(0, |route| route.queue) => {
                Admission::Refuse(Duration::from_secs(1))
            }
            Gate::Open | Gate::Down | Gate::Held | Gate::Refusing(_) => Admission::Wait,
        }
    }

    /// One more request may be sent.
    pub fn has_room(&self) -> bool {
        self.gate == Gate::Open && self.busy < self.route.as_ref().map_or(0, |route| route.connections)
    }

    /// Nothing in flight, no WebSocket, nothing waiting.
    pub fn is_quiet(&self) -> bool {
        self.busy == 0 && self.tunnels == 0 && self.waiting.is_empty()
    }

    /// No requests may be sent: whoever needs the tenant wants a start.
    pub fn is_down(&self) -> bool {
        matches!(self.gate, Gate::Down | Gate::Held | Gate::Refusing(_))
    }

    /// Forgets one that waits. True if it was there.
    pub fn forget(&mut self, client: ClientKey) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|&key| key != client);
        self.waiting.len() < before
    }
}
