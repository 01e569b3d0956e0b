//! The front door: listening sockets and accepting. Never reads a byte of a request.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::SocketFlags;
use slotmap::{DefaultKey, KeyData, SlotMap};

use super::capacity::Capacity;
use super::client::{Client, Phase};
use super::peers::{Entry, Peers};
use super::timers::{Alarm, Owner};
use super::trust::distrust;
use super::{Proxy, client_source, listener};
use crate::poller::{Source, data};
use crate::wire::Wire;

/// Connections accepted before the others have their turn.
pub(super) const BATCH: usize = 64;
/// Pause after a lack of descriptors or memory. Who comes meanwhile waits in the kernel's queue: to accept and close at once,
/// with a descriptor kept for it, would only turn away whom we can serve a moment later.
const PAUSE: Duration = Duration::from_millis(100);
/// That there is no room is said so often.
const SAID: Duration = Duration::from_secs(60);

/// The listeners of the front door.
#[derive(Debug)]
pub(super) struct Doors {
    pub listeners: SlotMap<DefaultKey, Door>,
    pub alarm: Alarm,
    /// When it was last said that there is no room.
    said: Option<Instant>,
    /// A connection was closed for want of trust, and it was said.
    distrusted: bool,
    capacity: Capacity,
    /// How many connections each client has.
    pub peers: Peers,
}

/// One listener.
#[derive(Debug)]
pub(super) struct Door {
    fd: OwnedFd,
    /// Each connection begins with a PROXY header.
    proxied: bool,
}

impl Doors {
    /// No door yet.
    pub fn new() -> Self {
        let files = crate::boot::open_files().and_then(|(files, _)| usize::try_from(files).ok());
        Self {
            listeners: SlotMap::new(),
            alarm: Alarm::default(),
            said: None,
            distrusted: false,
            capacity: Capacity::new(files.unwrap_or(usize::MAX)),
            peers: Peers::default(),
        }
    }

    /// A client is gone.
    pub fn forget(&mut self, client: &Client) {
        if !client.trusted {
            self.peers.leave(client.peer);
        }
    }

    /// Whether a client may come in, or has too many connections already.
    pub fn admit(&mut self, peer: IpAddr, now: Instant) -> bool {
        match self.peers.enter(peer, now) {
            Entry::Enters => true,
            Entry::Refused { news } => {
                if news {
                    log::warn!("{peer} has as many connections as one client may have (connections_per_client)");
                }
                false
            }
        }
    }
}

impl Proxy {
    /// Opens the front door at an address; returns it with the port that was chosen. `proxied`: each connection begins with
    /// a PROXY header, and only trusted proxies may connect.
    pub fn open_door(&mut self, address: SocketAddr, proxied: bool) -> io::Result<SocketAddr> {
        let fd = listener::door(address)?;
        let bound = SocketAddr::try_from(rustix::net::getsockname(&fd)?)?;
        let key = self.doors.listeners.insert(Door { fd, proxied });
        let fd = self.doors.listeners[key].fd.as_fd();
        self.shared.registry.add_reader(fd, Source::Door(data(key)))?;
        Ok(bound)
    }

    /// Accepts what is there.
    pub(super) fn accept(&mut self, key: KeyData) {
        let room = self.room();
        for taken in 0..BATCH {
            if taken >= room {
                return self.crowd(format_args!("{} connections are open", self.clients.len()));
            }
            let Some(Door { fd, proxied }) = self.doors.listeners.get(key.into()) else { return };
            let proxied = *proxied;
            match rustix::net::acceptfrom_with(fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok((client, address)) => {
                    let peer = address.and_then(|address| SocketAddr::try_from(address).ok());
                    let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip().to_canonical());
                    self.welcome(client, peer, proxied);
                }
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(Errno::AGAIN) => return,
                Err(error) => return self.crowd(format_args!("{error}")),
            }
        }
        // The edge is used up: come back by ourselves, in the next turn.
        self.accept_after(Duration::from_nanos(1));
    }

    /// A connection: of somebody who may have one more, it is a client's from now on.
    fn welcome(&mut self, fd: OwnedFd, peer: IpAddr, proxied: bool) {
        let now = self.shared.now;
        let trusted = self.shared.limits.trusts(peer);
        if proxied && !trusted {
            return distrust(&mut self.doors.distrusted, peer);
        }
        if !trusted && !self.doors.admit(peer, now) {
            return;
        }
        let phase = if proxied { Phase::Preamble } else { Phase::Head };
        let key = self.clients.insert(Client::new(Wire::new(fd), peer, trusted, phase, now));
        let client = &mut self.clients[key];
        if let Err(error) = client.wire.watch(&self.shared.registry, client_source(key)) {
            log::warn!("cannot watch a connection: {error}");
            self.doors.forget(client);
            self.clients.remove(key);
            return;
        }
        let due = now + if proxied { self.shared.limits.timeout_head } else { self.shared.keep_alive(trusted) };
        self.shared.timers.set(&mut client.alarm, due, Owner::Client(key));
    }

    /// How many more clients there may be: each may need a connection to a tenant, and what tenants, operators and the
    /// log need is never given away.
    fn room(&mut self) -> usize {
        self.doors.capacity.room(self.clients.len() + self.conns.len() + self.upstreams.len())
    }

    /// No more clients for the moment. Said once a minute.
    fn crowd(&mut self, why: std::fmt::Arguments<'_>) {
        let now = self.shared.now;
        if self.doors.said.is_none_or(|said| now.saturating_duration_since(said) >= SAID) {
            self.doors.said = Some(now);
            log::warn!("new connections wait: {why}; raise the limit of open files (ulimit -n)");
        }
        self.pause();
    }

    /// What failed is tried again after a pause.
    pub(super) fn pause(&mut self) {
        self.accept_after(PAUSE);
    }

    fn accept_after(&mut self, pause: Duration) {
        self.shared.timers.set(&mut self.doors.alarm, self.shared.now + pause, Owner::Accept);
    }

    /// The pause is over.
    pub(super) fn accept_due(&mut self, entry: Instant) {
        let now = self.shared.now;
        if self.shared.timers.due(&mut self.doors.alarm, entry, now, Owner::Accept) {
            let keys: Vec<_> = self.doors.listeners.keys().collect();
            keys.into_iter().for_each(|key| self.accept(data(key)));
            self.watch_due();
        }
    }
}
