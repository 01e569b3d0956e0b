//! The forwarder's hands: sockets around [`crate::http`]. It decides nothing about a unit: it says what happened
//! ([`Fact`]) and is told when a tenant's gate opens and closes.

mod access;
mod admit;
mod answer;
mod asleep;
mod auth;
mod away;
mod batch;
mod breaker;
mod buffer;
mod capacity;
mod cgi;
mod client;
mod conn;
mod deadlines;
mod door;
mod drain;
mod exchange;
mod extra;
mod files;
mod forward;
mod gate;
mod gather;
mod health;
mod ids;
mod last;
mod listener;
mod loss;
mod maintenance;
mod peers;
mod pool;
mod preamble;
mod redirect;
mod refuse;
mod remote;
mod renew;
mod robot;
mod room;
mod say;
mod session;
mod timers;
mod trust;
mod tunnel;
mod upload;
mod upstream;
mod waiting;
mod waiting_page;
mod words;
mod worker;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use slotmap::{SecondaryMap, SlotMap};

use crate::config::{Config, Http};
use crate::http::Date;
use crate::poller::{Readiness, Registry, Source, Waker, data};
use crate::route::{Front, Limits};
use crate::unit::UnitId;

use access::AccessLog;
use auth::Auth;
use batch::Batch;
use cgi::Scripts;
pub use cgi::{Order, RunKey, Script};
use client::Client;
use conn::{Conn, Origin};
use door::Doors;
use files::Files;
use health::Health;
use ids::Ids;
pub use listener::Listener;
use maintenance::Maintenance;
use remote::Remotes;
use timers::Timers;
use upstream::Upstream;

slotmap::new_key_type! {
    /// A connection of the front door.
    struct ClientKey;
    /// A connection to a tenant, or to a target of a `[[proxy]]`.
    struct ConnKey;
    /// A `[[proxy]]`.
    struct RemoteKey;
}

/// What happened, for whoever decides about units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// A request waits, or lies in the listener's queue, and the tenant is down.
    Wanted(UnitId),
    /// Whoever waited for it has left.
    Unwanted(UnitId),
    /// Nothing in flight, no WebSocket, nothing waiting for its `idle_stop`.
    Idled(UnitId),
    /// Room is wanted: of those that are idle, this one is so longest.
    Idlest(UnitId),
    /// The first answer since the gate was opened.
    Served(UnitId),
    /// After a hold: no request is in flight any more.
    Drained(UnitId),
    /// After a probe: the port answers.
    Reached(UnitId),
    /// A tenant has ended a connection, with itself perhaps.
    Lost,
    /// A script is to be run.
    Call(RunKey),
    /// Its run is over, whatever it still does.
    Cut(RunKey),
}

/// What a tenant has to do at the moment, for `status`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests that were sent to it.
    pub in_flight: usize,
    /// Requests that wait.
    pub waiting: usize,
    /// Open WebSockets.
    pub tunnels: usize,
    /// Requests are answered in its place: too many in a row failed.
    pub breaker_open: bool,
}

/// The forwarder.
#[derive(Debug)]
pub struct Proxy {
    clients: SlotMap<ClientKey, Client>,
    conns: SlotMap<ConnKey, Conn>,
    upstreams: SecondaryMap<UnitId, Upstream>,
    front: Front,
    limits: Limits,
    doors: Doors,
    files: Files,
    health: Health,
    maintenance: Maintenance,
    remotes: Remotes,
    scripts: Scripts,
    auth: Auth,
    /// Somebody waits for a tenant to be idle.
    room: bool,
    shared: Shared,
}

/// What every session needs, whoever it is.
#[derive(Debug)]
struct Shared {
    registry: Registry,
    timers: Timers,
    pool: buffer::Pool,
    /// One read goes here; what cannot be passed on at once is kept by its connection.
    scratch: Vec<u8>,
    /// The head that is being made.
    head: Vec<u8>,
    facts: VecDeque<Fact>,
    /// Clients that have something to do in this turn.
    pending: VecDeque<ClientKey>,
    /// What is written at the end of this turn.
    batch: Batch,
    /// Bytes of requests whose bodies are not complete and that no tenant has.
    gathered: usize,
    /// How many wait, for all tenants together.
    waiting: usize,
    access: AccessLog,
    ids: Ids,
    date: Date,
    limits: Http,
    /// Work done in this turn, in bytes.
    spent: usize,
    /// The time of this turn.
    now: Instant,
    /// The same on the wall, for Date and X-Request-Start.
    wall: SystemTime,
    draining: bool,
    private: PathBuf,
}

/// Bytes of one read: what one slow reader costs at most. An answer of 100 KiB goes in one piece.
const SCRATCH: usize = 112 * 1024;
/// Most work of one turn, in bytes moved: signals, boots and those who wait elsewhere are looked at every millisecond or two.
const TURN: usize = 1024 * 1024;
/// What a step costs that moves few bytes or none: as much time as so many.
const STEP: usize = 4 * 1024;
/// Reads and writes of one client before the others have their turn.
const ROUNDS: usize = 16;

impl Proxy {
    /// A forwarder without tenants. `private`: a directory of ours beside the tenants' sockets. `waker`: ends a wait when
    /// files have been read.
    pub fn new(registry: Registry, config: &Config, private: PathBuf, waker: Arc<Waker>) -> io::Result<Self> {
        let now = Instant::now();
        let shared = Shared {
            registry,
            timers: Timers::default(),
            pool: buffer::Pool::default(),
            scratch: vec![0; SCRATCH],
            head: Vec::with_capacity(1024),
            facts: VecDeque::new(),
            pending: VecDeque::new(),
            batch: Batch::default(),
            gathered: 0,
            waiting: 0,
            access: AccessLog::new(config.log.access),
            ids: Ids::new()?,
            date: Date::new(0),
            limits: config.http.clone(),
            spent: 0,
            now,
            wall: SystemTime::now(),
            draining: false,
            private,
        };
        Ok(Self {
            clients: SlotMap::with_key(),
            conns: SlotMap::with_key(),
            upstreams: SecondaryMap::new(),
            front: Front::new(config),
            limits: Limits::new(now),
            doors: Doors::new(),
            auth: Auth::new(&waker, now)?,
            remotes: Remotes::new(waker.clone()),
            files: Files::new(waker),
            health: Health::new(&config.health),
            maintenance: Maintenance::new(config),
            scripts: Scripts::default(),
            room: false,
            shared,
        })
    }

    /// Begins a turn.
    pub fn turn(&mut self, now: Instant, wall: SystemTime) {
        self.shared.now = now;
        self.shared.wall = wall;
        self.shared.spent = 0;
    }

    /// Something of ours is ready.
    pub fn ready(&mut self, source: Source, edge: Readiness) {
        match source {
            Source::Door(key) => self.accept(key),
            Source::Client(key) => self.client_ready(key.into(), edge),
            Source::Upstream(key) => self.conn_ready(key.into(), edge),
            Source::Listener(key) => self.listener_ready(key.into()),
            Source::Script(key) => self.script_ready(key.into()),
            Source::Worker => {
                self.worked();
                self.resolved();
                self.recognize();
            }
            Source::Signals
            | Source::Notify
            | Source::Control
            | Source::Operator(_)
            | Source::Stream(_)
            | Source::Template(_)
            | Source::Reply(_)
            | Source::Executed(_) => {}
        }
    }

    fn client_ready(&mut self, key: ClientKey, edge: Readiness) {
        if let Some(client) = self.clients.get_mut(key) {
            client.wire.note(edge);
            self.attend(key);
        }
    }

    fn conn_ready(&mut self, key: ConnKey, edge: Readiness) {
        let Some(conn) = self.conns.get_mut(key) else { return };
        conn.wire.note(edge);
        let (client, to) = (conn.client, conn.to);
        if conn.connecting && !self.finish_connect(key) {
            return;
        }
        match (client, to) {
            (Some(client), _) => self.attend(client),
            // Nobody has asked: the tenant closes an idle connection, or talks out of turn.
            (None, Origin::Tenant(unit)) if self.is_scout(key, unit) => self.scout_ready(key, unit),
            (None, _) if !(edge.readable || edge.read_closed || edge.broken) => {}
            (None, Origin::Remote(remote, target)) => self.remote_idle_ready(key, (remote, target)),
            (None, Origin::Tenant(unit)) => {
                self.shared.facts.push_back(Fact::Lost);
                self.drop_idle(key, unit);
            }
        }
    }

    /// A client has something to do: at once, unless others wait for the next turn already.
    fn attend(&mut self, key: ClientKey) {
        match self.shared.spent < TURN && self.shared.pending.is_empty() {
            true => self.advance(key),
            false => self.later(key),
        }
    }

    /// Clients that had more to do than their share, and those whose turn in the waiting room has come; then what is to be
    /// written.
    pub fn settle(&mut self) {
        self.attend_pending();
        self.attend_orphans();
        self.deliver_all();
    }

    fn attend_pending(&mut self) {
        for _ in 0..self.shared.pending.len() {
            if self.shared.spent >= TURN {
                return;
            }
            let Some(key) = self.shared.pending.pop_front() else { return };
            if let Some(client) = self.clients.get_mut(key) {
                client.pending = false;
                self.advance(key);
            }
        }
    }

    /// Somebody has more to do than this turn allowed.
    pub fn has_pending(&self) -> bool {
        !self.shared.pending.is_empty() || !self.shared.batch.is_empty() || self.scripts.have_pending()
    }

    /// The next fact.
    pub fn fact(&mut self) -> Option<Fact> {
        self.shared.facts.pop_front()
    }

    /// Access lines of this turn, with the tenant they belong to.
    pub fn access(&self) -> impl Iterator<Item = (Option<UnitId>, &str)> {
        self.shared.access.lines()
    }

    /// The access lines have been written.
    pub fn clear_access(&mut self) {
        self.shared.access.clear();
    }

    /// After a panic that was contained: memory that was lent is made anew, and everybody is looked at again, since the
    /// edges of that turn are lost.
    pub fn recover(&mut self) {
        self.shared.scratch.resize(SCRATCH, 0);
        self.conns.values_mut().for_each(|conn| conn.wire.suspect());
        self.shared.batch.clear();
        for client in self.clients.values_mut() {
            client.wire.suspect();
            client.posted = false;
        }
        self.shared.pending.extend(self.clients.keys());
    }

    /// What a tenant has to do at the moment.
    pub fn load(&self, unit: UnitId) -> Load {
        self.upstreams.get(unit).map_or(Load::default(), |upstream| Load {
            in_flight: upstream.busy,
            waiting: upstream.waiting.len(),
            tunnels: upstream.tunnels,
            breaker_open: upstream.breaker.is_open(),
        })
    }
}

/// The key of a connection to a tenant as a source of events.
fn conn_source(key: ConnKey) -> Source {
    Source::Upstream(data(key))
}

/// The key of a client as a source of events.
fn client_source(key: ClientKey) -> Source {
    Source::Client(data(key))
}
