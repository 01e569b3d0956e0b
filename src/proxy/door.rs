//! The front door: listening sockets and accepting. Never reads a byte of a request.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::SocketFlags;
use slotmap::{DefaultKey, KeyData, SlotMap};

use super::client::{Client, Phase};
use super::timers::{Alarm, Owner};
use super::trust::distrust;
use super::{Proxy, client_source, listener};
use crate::poller::{Source, data};
use crate::wire::Wire;

/// Connections accepted before the others have their turn.
pub(super) const BATCH: usize = 64;
/// Descriptors for everything but clients and tenants' sockets: processes' pipes, operators, the log.
const RESERVE: usize = 96;
/// Pause after a lack of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// The listeners of the front door.
#[derive(Debug)]
pub(super) struct Doors {
    pub listeners: SlotMap<DefaultKey, Door>,
    pub alarm: Alarm,
    /// There was no room, and it was said.
    crowded: bool,
    /// A connection was closed for want of trust, and it was said.
    distrusted: bool,
    /// Most descriptors that we may open.
    files: usize,
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
            crowded: false,
            distrusted: false,
            files: files.unwrap_or(usize::MAX),
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
        let Some(Door { fd, proxied }) = self.doors.listeners.get(key.into()) else { return };
        let proxied = *proxied;
        let room = self.room();
        for taken in 0..BATCH {
            if taken >= room {
                return self.crowd(format_args!("{} connections are open", self.clients.len()));
            }
            match rustix::net::acceptfrom_with(fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok((client, address)) => {
                    let peer = address.and_then(|address| SocketAddr::try_from(address).ok());
                    let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip().to_canonical());
                    let now = self.shared.now;
                    let trusted = self.shared.limits.trusts(peer);
                    if proxied && !trusted {
                        distrust(&mut self.doors.distrusted, peer);
                        continue;
                    }
                    let phase = if proxied { Phase::Preamble } else { Phase::Head };
                    let key = self.clients.insert(Client::new(Wire::new(client), peer, trusted, phase, now));
                    let client = &mut self.clients[key];
                    if let Err(error) = self.shared.registry.add_reader(client.wire.fd(), client_source(key)) {
                        log::warn!("cannot watch a connection: {error}");
                        self.clients.remove(key);
                        continue;
                    }
                    let limits = &self.shared.limits;
                    let due = now + if proxied { limits.timeout_head } else { limits.timeout_keep_alive };
                    self.shared.timers.set(&mut client.alarm, due, Owner::Client(key));
                }
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(Errno::AGAIN) => {
                    self.doors.crowded = false;
                    return;
                }
                Err(error) => return self.crowd(format_args!("{error}")),
            }
        }
        // The edge is used up: come back by ourselves, in the next turn.
        self.accept_after(Duration::from_nanos(1));
    }

    /// How many more clients there may be: each may need a connection to a tenant, and what tenants, operators and the
    /// log need is never given away.
    fn room(&self) -> usize {
        let open = self.clients.len() + self.conns.len() + self.upstreams.len();
        self.doors.files.saturating_sub(open + RESERVE) / 2
    }

    /// No more clients for the moment. Said once.
    fn crowd(&mut self, why: std::fmt::Arguments<'_>) {
        if !std::mem::replace(&mut self.doors.crowded, true) {
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
