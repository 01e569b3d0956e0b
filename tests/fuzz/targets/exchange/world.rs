//! The forwarder, its clients and its tenant in one thread, with a clock of their own.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use slotmap::SlotMap;
use tenantd::config::{Loaded, load};
use tenantd::poller::Poller;
use tenantd::proxy::{Fact, Load, Proxy};
use tenantd::unit::UnitId;

use super::client::Client;
use super::templates;
use super::tenant::Conn;
use crate::targets::strict;

/// Most clients of one run.
const CLIENTS: usize = 6;
/// Most requests that the tenant takes at once.
const CONNECTIONS: usize = 2;
/// Turns without a stop that are no work any more.
const SPIN: usize = 20_000;

const UNIT: &str = "[service]\nexec_start = [\"true\"]\n[socket]\nlisten = \"unix:%t/t.sock\"\n\
    [route]\npath = \"/\"\nconnections = 2\nqueue = 3\n";

/// What the manager does with a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Down,
    Open,
    Held,
}

pub struct World {
    poller: Poller,
    proxy: Proxy,
    unit: UnitId,
    door: SocketAddr,
    listener: UnixListener,
    gate: Gate,
    now: Instant,
    clients: Vec<Option<Client>>,
    conns: Vec<Conn>,
    /// The tenant has answered each request once, and not before it was asked.
    honest: bool,
    /// Requests so far, for their tags.
    asked: usize,
}

impl World {
    /// A forwarder whose tenant runs.
    pub fn new() -> Self {
        HOME.with(|(directory, loaded)| Self::at(directory.path(), loaded))
    }

    fn at(directory: &Path, loaded: &Loaded) -> Self {
        let poller = Poller::new().expect("epoll");
        let registry = poller.registry().expect("epoll");
        let private = directory.join("private");
        let waker = Arc::new(poller.waker().expect("a waker"));
        let mut proxy = Proxy::new(registry, &loaded.config, private, waker).expect("a forwarder");
        let door = proxy.open_door((Ipv4Addr::LOCALHOST, 0).into(), false).expect("the front door");
        let unit = SlotMap::<UnitId, ()>::with_key().insert(());
        proxy.add(unit, &loaded.units[0]).expect("its socket");
        let listener = proxy.listener(unit).expect("its socket").fd().try_clone_to_owned().expect("a descriptor");
        let listener = UnixListener::from(listener);
        listener.set_nonblocking(true).expect("a flag");
        let mut world = Self {
            poller,
            proxy,
            unit,
            door,
            listener,
            gate: Gate::Down,
            now: Instant::now(),
            clients: Vec::new(),
            conns: Vec::new(),
            honest: true,
            asked: 0,
        };
        world.proxy.turn(world.now, SystemTime::UNIX_EPOCH);
        world.boot();
        world.connect();
        world
    }

    pub fn connect(&mut self) {
        if self.clients.len() < CLIENTS {
            self.clients.push(Some(Client::connect(self.door)));
        }
    }

    /// Does something with one of the clients that are there.
    pub fn client(&mut self, who: u8, act: impl FnOnce(&mut Client)) {
        let there = self.clients.len().max(1);
        if let Some(Some(client)) = self.clients.get_mut(usize::from(who) % there) {
            act(client);
        }
    }

    pub fn client_sends(&mut self, who: u8, bytes: &[u8]) {
        self.client(who, |client| client.send(bytes));
    }

    /// Sends a request; with `split`, in two parts that arrive one by one.
    pub fn client_asks(&mut self, who: u8, which: u8, split: Option<usize>) {
        self.asked += 1;
        // No word that the fuzzer could copy.
        let tag = format!("{:016x}", (self.asked as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let request = templates::request(which, &tag);
        let (first, second) = request.split_at(split.unwrap_or(0) % request.len());
        if split.is_some() {
            self.client_sends(who, first);
            self.pump();
            self.client_sends(who, second);
        } else {
            self.client_sends(who, &request);
        }
    }

    /// A client leaves with a reset.
    pub fn leave(&mut self, who: u8) {
        let (there, honest) = (self.clients.len().max(1), self.honest);
        if let Some(client) = self.clients.get_mut(usize::from(who) % there).and_then(Option::take) {
            client.judge(honest);
        }
    }

    /// Does something with one of the tenant's connections.
    pub fn tenant(&mut self, who: u8, act: impl FnOnce(&mut Conn)) {
        let mut held: Vec<_> = self.conns.iter_mut().filter(|conn| conn.is_held()).collect();
        let there = held.len().max(1);
        if let Some(conn) = held.get_mut(usize::from(who) % there) {
            act(conn);
        }
    }

    pub fn tenant_answers(&mut self, who: u8, which: u8) {
        let mut honest = true;
        self.tenant(who, |conn| honest = conn.answer(which));
        self.honest &= honest;
    }

    pub fn tenant_sends(&mut self, who: u8, bytes: &[u8]) {
        self.honest = false;
        self.tenant(who, |conn| conn.send(bytes));
    }

    /// A process starts.
    pub fn boot(&mut self) {
        if self.gate == Gate::Down {
            self.gate = Gate::Open;
            self.proxy.unwatch(self.unit);
            self.proxy.open(self.unit);
            self.proxy.started(self.unit);
        }
    }

    /// It is about to be stopped.
    pub fn hold(&mut self) {
        if self.gate == Gate::Open {
            self.gate = Gate::Held;
            self.proxy.hold(self.unit);
        }
    }

    /// It dies.
    pub fn die(&mut self) {
        if self.gate != Gate::Down {
            self.gate = Gate::Down;
            self.conns.iter_mut().for_each(Conn::close);
            self.proxy.gone(self.unit);
            self.proxy.watch(self.unit);
        }
    }

    /// It has failed too often.
    pub fn refuse(&mut self) {
        self.die();
        self.proxy.refuse(self.unit, self.now + Duration::from_secs(5));
    }

    /// Time passes.
    pub fn pass(&mut self, time: Duration) {
        self.pump();
        self.now += time;
    }

    /// Until nothing moves any more.
    pub fn pump(&mut self) {
        self.pump_for(Duration::ZERO);
    }

    fn pump_for(&mut self, patience: Duration) {
        for _ in 0..SPIN {
            let timeout = if self.proxy.has_pending() { Duration::ZERO } else { patience };
            self.poller.wait(Some(timeout)).expect("epoll");
            self.now += Duration::from_micros(1);
            self.proxy.turn(self.now, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
            let ready: Vec<_> = self.poller.ready().collect();
            for &(source, readiness) in &ready {
                self.proxy.ready(source, readiness);
            }
            self.settle();
            self.proxy.elapse();
            self.settle();
            self.proxy.clear_access();
            let moved = self.sides();
            if ready.is_empty() && !moved && !self.proxy.has_pending() {
                return;
            }
        }
        panic!("it spins: {:?}", self.proxy.load(self.unit));
    }

    fn settle(&mut self) {
        loop {
            self.proxy.settle();
            match self.proxy.fact() {
                None => return,
                Some(Fact::Drained(_)) if self.gate == Gate::Held => self.die(),
                Some(_) => {}
            }
        }
    }

    /// Both sides go on; true if something moved.
    fn sides(&mut self) -> bool {
        let mut moved = false;
        while self.gate != Gate::Down
            && let Ok((stream, _)) = self.listener.accept()
        {
            self.conns.push(Conn::new(stream));
            moved = true;
        }
        for client in self.clients.iter_mut().flatten() {
            moved |= client.go_on();
        }
        for conn in &mut self.conns {
            moved |= conn.go_on();
            if self.honest {
                conn.judge();
            }
        }
        let held = self.conns.iter().filter(|conn| conn.is_held() && !conn.lazy && !conn.is_tunnel()).count();
        assert!(held <= CONNECTIONS || !self.honest, "{held} connections to a tenant that takes {CONNECTIONS}");
        let load = self.proxy.load(self.unit);
        assert!(load.in_flight <= CONNECTIONS && load.waiting <= 3 + CONNECTIONS, "{load:?}");
        moved
    }

    /// All leave. Nothing is left, and the next one is served.
    pub fn end(mut self) {
        for who in 0..self.clients.len() {
            self.leave(who as u8);
        }
        self.pump();
        let nothing = |load: Load| Load { breaker_open: false, ..load } == Load::default();
        self.until(|world| nothing(world.proxy.load(world.unit)), "requests of those who left");
        self.hold();
        self.die();
        // The alarm of an emptied pool comes once more, after 55 s; that of a forgotten client may be later.
        self.pass(Duration::from_secs(56));
        self.until(|world| world.proxy.deadline().is_none(), "deadlines of those who left");
        self.conns.clear();
        self.clients.clear();
        self.boot();
        self.serve_one();
    }

    fn serve_one(&mut self) {
        self.connect();
        self.pump();
        // What lay in the queue comes first, and has nobody any more.
        self.conns.retain(Conn::is_held);
        self.client_sends(0, b"GET /last HTTP/1.1\r\nHost: x\r\nX-Tag: last\r\n\r\n");
        self.until(|world| world.conns.iter().any(Conn::is_held), "the last request");
        self.until(
            |world| world.conns.iter_mut().filter(|conn| conn.is_held()).any(|conn| conn.answer_to("last")),
            "the last request at the tenant",
        );
        self.until(
            |world| {
                world
                    .clients
                    .iter()
                    .flatten()
                    .any(|client| strict::find(client.read_so_far(), b"X-Tag: last").is_some())
            },
            "the last answer",
        );
    }

    /// The kernel may take a moment to tell.
    fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool, what: &str) {
        for turn in 0..200 {
            if done(self) {
                return;
            }
            self.pump_for(if turn < 3 { Duration::ZERO } else { Duration::from_millis(5) });
        }
        panic!("{what}: {:?} {:?}", self.proxy.load(self.unit), self.proxy.deadline());
    }
}

thread_local! {
    /// A directory, and what is configured there.
    static HOME: (tempfile::TempDir, Loaded) = {
        let directory = tempfile::tempdir().expect("a directory");
        let loaded = configuration(directory.path());
        (directory, loaded)
    };
}

fn configuration(path: &Path) -> Loaded {
    std::fs::create_dir(path.join("units")).expect("a directory");
    std::fs::create_dir(path.join("private")).expect("a directory");
    std::fs::write(path.join("units/t.toml"), UNIT).expect("a file");
    let text = format!("runtime_directory = \"{}\"\n", path.display());
    std::fs::write(path.join("tenantd.toml"), text).expect("a file");
    load(path, &|_| None).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}
