//! Everything that is bound before the first unit: the runtime directory, the front door, the sockets of the tenants.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use slotmap::SecondaryMap;

use super::{Again, Fatal, Init, Parting, Preload, Readers, Reloader, Runs};
use crate::boot::{self, Inherited};
use crate::config::{Cgi, Config, Loaded};
use crate::control::{self, Server};
use crate::journal::Journal;
use crate::manager::Manager;
use crate::poller::{Poller, Registry, Source, Waker};
use crate::process::{self, Receiver, Tracker};
use crate::proxy::Proxy;
use crate::signals::Signals;
use crate::unit::UnitId;

impl Init {
    /// Binds everything that is to be bound. Starts nothing.
    ///
    /// `directory` is where `loaded` was read, and will be read again.
    pub fn new(
        directory: &Path,
        loaded: Loaded,
        mut inherited: Inherited,
        signals: Signals,
        output: OwnedFd,
    ) -> Result<Self, Fatal> {
        let Loaded { config, units, warnings, lowered } = loaded;
        inherited.notes.extend(lowered);
        let poller = Poller::new().map_err(fatal("make an epoll instance"))?;
        let registry = registry(&poller)?;
        let waker = Arc::new(poller.waker().map_err(fatal("make an eventfd"))?);
        let mut journal = Journal::start(output, config.log).map_err(Fatal::thread)?;
        journal.take_log();
        journal.take_panics();
        warnings.iter().for_each(|warning| journal.say(None, format_args!("{warning}")));
        let runtime = Runtime::open(&config, &poller)?;
        let (mut proxy, listen) = open_doors(&config, &poller, runtime.private, waker.clone())?;
        // The doors are open, and nobody is let in yet: the kernel's first move into a cgroup takes 9 ms, and what a former
        // tenantd has left is killed.
        let (tracker, note) = Tracker::open(&config.runtime_directory);
        inherited.notes.extend(note);
        let scripts: Vec<_> = config.scripts.iter().map(Cgi::unit).collect();
        inherited.notes.extend(tracker.prepare(units.iter().chain(&scripts)));
        let now = Instant::now();
        let manager = Manager::new(units, config.pool, config.shutdown, seed(), now);
        boot::without_umask(|| add_sockets(&mut proxy, &manager))?;
        for fd in signals.fds() {
            registry.add_reader(fd, Source::Signals).map_err(fatal("watch the signals"))?;
        }
        registry.add_reader(runtime.notify.as_fd(), Source::Notify).map_err(fatal("watch the notify socket"))?;
        Ok(Self {
            poller,
            registry,
            signals,
            notify: runtime.notify,
            journal,
            manager,
            runs: Runs::new(tracker.beside()),
            tracker,
            preload: Preload::default(),
            proxy,
            control: runtime.control,
            inherited,
            notify_path: runtime.notify_path,
            _alone: runtime.alone,
            executed: SecondaryMap::new(),
            unheard: SecondaryMap::new(),
            unread: Vec::new(),
            again: Again::default(),
            blind: false,
            ready: VecDeque::with_capacity(1024),
            listen,
            started: now,
            now,
            stopping: false,
            parting: Parting::default(),
            exit: None,
            readers: Readers::default(),
            reloader: Reloader::new(directory.to_owned(), config, waker),
        })
    }
}

/// What we make in the runtime directory.
struct Runtime {
    alone: OwnedFd,
    private: PathBuf,
    control: Server,
    notify: Receiver,
    notify_path: PathBuf,
}

impl Runtime {
    fn open(config: &Config, poller: &Poller) -> Result<Self, Fatal> {
        let directory = &*config.runtime_directory;
        let in_runtime = |what: &str, path: &Path| {
            let what = format!("{what} {}", path.display());
            move |error| Fatal::runtime(what, error)
        };
        let make = |path| boot::runtime_directory(path).map_err(in_runtime("make the runtime directory", path));
        make(directory)?;
        let alone = boot::lock(directory).map_err(in_runtime("use the runtime directory", directory))?;
        let private = directory.join(".listen");
        make(&private)?;
        let socket = directory.join(control::SOCKET);
        let control =
            Server::bind(&socket, config.control.mode, registry(poller)?).map_err(in_runtime("listen at", &socket))?;
        let notify_path = directory.join("notify.sock");
        let notify = Receiver::bind(&notify_path).map_err(in_runtime("listen at", &notify_path))?;
        Ok(Self { alone, private, control, notify, notify_path })
    }
}

/// The front door, before the sockets of the tenants: who connects now waits some milliseconds, and is not refused.
fn open_doors(
    config: &Config,
    poller: &Poller,
    private: PathBuf,
    waker: Arc<Waker>,
) -> Result<(Proxy, Vec<String>), Fatal> {
    let proxy = Proxy::new(registry(poller)?, config, private, waker);
    let mut proxy = proxy.map_err(fatal("seed the request ids"))?;
    proxy.configure(config);
    let mut open =
        |&address, proxied| proxy.open_door(address, proxied).map_err(|error| Fatal::address(&address, error));
    let mut listen = Vec::new();
    for address in &config.http.listen {
        listen.push(open(address, false)?.to_string());
    }
    for address in &config.http.listen_proxy_protocol {
        listen.push(format!("{} (PROXY protocol)", open(address, true)?));
    }
    Ok((proxy, listen))
}

fn registry(poller: &Poller) -> Result<Registry, Fatal> {
    poller.registry().map_err(fatal("share the epoll instance"))
}

fn fatal(what: &'static str) -> impl Fn(std::io::Error) -> Fatal {
    move |error| Fatal::new(what, error)
}

/// Binds the socket of every unit.
fn add_sockets(proxy: &mut Proxy, manager: &Manager) -> Result<(), Fatal> {
    for id in manager.ids() {
        let Some(unit) = manager.unit(id) else { continue };
        let fatal = |error| Fatal::new(format!("make the socket of {}", unit.name), error);
        proxy.add(id, unit).map_err(fatal)?;
        give_socket(proxy, id, unit);
    }
    Ok(())
}

/// A service that runs as another user owns the path of its socket.
pub(super) fn give_socket(proxy: &Proxy, id: UnitId, unit: &crate::unit::Unit) {
    let ids = process::user::of(&unit.service);
    let given = match (ids, proxy.listener(id)) {
        (Some(Ok(ids)), Some(listener)) => listener.give(ids.uid, ids.gid),
        _ => Ok(()),
    };
    if let Err(error) = given {
        log::warn!("{}: cannot give the socket to its user: {error}", unit.name);
    }
}

/// For the jitter of restarts.
fn seed() -> u64 {
    let mut bytes = [0; 8];
    // Without a seed all start with the same jitter: harmless.
    let _ = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty());
    u64::from_ne_bytes(bytes)
}
