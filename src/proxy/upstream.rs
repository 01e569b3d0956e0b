//! One tenant as the forwarder sees it: its gate, its pool of connections, its waiting room, its idle clock.

use std::time::{Duration, Instant};

use super::ConnKey;
use super::breaker::Breaker;
use super::files::Places;
use super::listener::Listener;
use super::pool::Idle;
use super::timers::Alarm;
use super::waiting::Waiting;
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
    /// It is idle as soon as it is quiet, in this run.
    pub recycle: bool,
    /// Quiet for so long is idle.
    pub idle_stop: Option<Duration>,
    /// Its socket has no second name, and it was said.
    pub bare: bool,
    /// Whether requests may be sent.
    pub gate: Gate,
    /// Whether it answers what it is sent.
    pub breaker: Breaker,
    /// Idle keep-alive connections; the last one used is the first one taken.
    pub pool: Idle,
    /// The alarm of the oldest of them.
    pub stale: Alarm,
    /// Requests that wait.
    pub waiting: Waiting,
    /// Requests that have a connection.
    pub busy: usize,
    /// Of those, the ones that ask for another protocol.
    pub upgrading: usize,
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
    /// The connection of a request that lies in the queue of a booting tenant, and whose client has got the waiting page: its
    /// answer tells that the boot is over.
    pub scout: Option<ConnKey>,
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
            recycle: false,
            bare: false,
            gate: Gate::Down,
            breaker: Breaker::default(),
            pool: Idle::default(),
            stale: Alarm::default(),
            waiting: Waiting::default(),
            busy: 0,
            upgrading: 0,
            tunnels: 0,
            quiet: None,
            idle: Alarm::default(),
            probe: Alarm::default(),
            probing: None,
            scout: None,
            ready: None,
            served: None,
            watch: Watch::No,
        }
    }

    /// What to do with a new request. Nobody overtakes those who wait. `full`: as many wait, for all tenants together, as
    /// may; then there is a place only with a tenant that nobody waits for, so that no flood keeps the others asleep.
    pub fn admit(&self, now: Instant, upgrade: bool, full: bool) -> Admission {
        let queue = self.route.as_ref().map_or(0, |route| route.queue);
        let may = self.has_room() && !self.waiting.precedes(upgrade) && (!upgrade || self.takes_upgrades());
        match self.gate {
            Gate::Refusing(until) if now < until => Admission::Refuse(until - now),
            Gate::Open if may => Admission::Send,
            _ if self.waiting.len() >= queue || full && !self.waiting.is_empty() => {
                Admission::Refuse(Duration::from_secs(1))
            }
            Gate::Open | Gate::Down | Gate::Held | Gate::Refusing(_) => Admission::Wait,
        }
    }

    /// One more request may be sent.
    pub fn has_room(&self) -> bool {
        self.gate == Gate::Open && self.busy < self.connections()
    }

    /// One more of them may be an upgrade. Those that are not answered yet leave half of the connections to plain requests,
    /// above all while the tenant boots and answers nobody.
    pub fn takes_upgrades(&self) -> bool {
        self.upgrading < (self.connections() / 2).max(1)
    }

    fn connections(&self) -> usize {
        self.route.as_ref().map_or(0, |route| route.connections)
    }

    /// A request gets a connection.
    pub fn begin(&mut self, upgrade: bool) {
        self.busy += 1;
        self.upgrading += usize::from(upgrade);
    }

    /// It has none any more.
    pub fn end(&mut self, upgrade: bool) {
        self.busy -= 1;
        self.upgrading -= usize::from(upgrade);
    }

    /// A request has become a tunnel. When the unit became active.
    pub fn begin_tunnel(&mut self) -> Option<Instant> {
        self.end(true);
        self.tunnels += 1;
        self.ready
    }

    /// Less than half of its places are taken or waited for.
    pub fn has_places_to_spare(&self) -> bool {
        2 * (self.busy + self.waiting.len()) < self.route.as_ref().map_or(0, |route| route.connections)
    }

    /// Nothing in flight, no WebSocket, nothing waiting.
    pub fn is_quiet(&self) -> bool {
        self.busy == 0 && self.tunnels == 0 && self.waiting.is_empty() && self.scout.is_none()
    }

    /// No requests may be sent: whoever needs the tenant wants a start.
    pub fn is_down(&self) -> bool {
        matches!(self.gate, Gate::Down | Gate::Held | Gate::Refusing(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::{Listen, Pass};
    use slotmap::SlotMap;

    /// Two connections, a queue of three.
    fn upstream() -> Upstream {
        let directory = tempfile::tempdir().unwrap();
        let listen = Listen::Unix(directory.path().join("a.sock"));
        let socket = Socket { listen, pass: Pass::Fds, mode: 0o600 };
        let name = Name::new("a").unwrap();
        let listener = Listener::bind(&socket, &name, directory.path()).unwrap();
        let mut upstream = Upstream::new(name, listener, socket);
        upstream.route = Some(Route { connections: 2, queue: 3, ..Route::default() });
        upstream
    }

    #[test]
    fn admission() {
        use Gate::{Down, Held, Open};
        let now = Instant::now();
        let refused = Gate::Refusing(now + Duration::from_secs(9));
        let (over, soon) = (Gate::Refusing(now), Admission::Refuse(Duration::from_secs(1)));
        let (send, wait) = (Admission::Send, Admission::Wait);
        // gate, in flight, of those upgrades, waiting, waiting upgrades, too many wait in all: what a plain request meets,
        // and what an upgrade
        for (gate, busy, upgrading, plain, upgrades, full, met, met_by_upgrade) in [
            (Open, 0, 0, 0, 0, false, send, send),
            (Open, 0, 0, 0, 0, true, send, send),
            (Open, 1, 0, 0, 0, false, send, send),
            (Open, 1, 1, 0, 0, false, send, wait),
            (Open, 1, 1, 0, 1, false, send, wait),
            (Open, 2, 0, 0, 0, false, wait, wait),
            (Open, 1, 0, 1, 0, false, wait, wait),
            (Open, 2, 0, 2, 1, false, soon, soon),
            (Open, 2, 0, 1, 0, true, soon, soon),
            (Down, 0, 0, 0, 0, false, wait, wait),
            (Down, 0, 0, 0, 0, true, wait, wait),
            (Down, 0, 0, 0, 1, true, soon, soon),
            (Held, 1, 0, 2, 0, false, wait, wait),
            (over, 0, 0, 0, 0, false, wait, wait),
            (
                refused,
                0,
                0,
                0,
                0,
                false,
                Admission::Refuse(Duration::from_secs(9)),
                Admission::Refuse(Duration::from_secs(9)),
            ),
        ] {
            let mut upstream = upstream();
            let mut keys = SlotMap::with_key();
            (upstream.gate, upstream.busy, upstream.upgrading) = (gate, busy, upgrading);
            (0..plain + upgrades).for_each(|n| {
                upstream.waiting.push(keys.insert(()), std::net::Ipv4Addr::LOCALHOST.into(), n >= plain);
            });
            let case = format!("{gate:?} {busy} {upgrading} {plain} {upgrades} {full}");
            assert_eq!(upstream.admit(now, false, full), met, "{case}");
            assert_eq!(upstream.admit(now, true, full), met_by_upgrade, "upgrade: {case}");
        }
    }
}
