//! One non-blocking stream socket with what is known of its readiness, and TLS over it perhaps. Never knows what the bytes mean.

mod tls;

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use rustls::ClientConnection;

use crate::poller::{Readiness, Registry, Source};
use tls::Tls;

/// A stream socket. Readiness is edge-triggered: a bit stays set until a call would block or comes back short (epoll(7)).
#[derive(Debug)]
pub struct Wire {
    fd: OwnedFd,
    readable: bool,
    writable: bool,
    read_closed: bool,
    broken: bool,
    /// The poller tells when there is room for writing.
    wide: bool,
    /// What is read and written goes through it.
    tls: Option<Box<Tls>>,
}

/// How far a connection is that was begun with [`Wire::connecting`] or [`Wire::securing`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Established {
    /// Nothing to be said before the next edge.
    Not,
    /// Bytes can be sent.
    Stands,
    /// It never will; why, for people.
    Failed(String),
}

/// What a read gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// So many bytes.
    Some(usize),
    /// Nothing now.
    Blocked,
    /// The peer has finished writing.
    End,
    /// The peer reset the connection: on a unix socket it closed with bytes of ours unread.
    Reset,
}

/// What a write gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// So many bytes.
    Some(usize),
    /// Nothing now.
    Blocked,
    /// Nobody will read it.
    Broken,
}

impl Wire {
    /// A connected socket. Writing is tried at once; reading waits for the first edge.
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd, readable: false, writable: true, read_closed: false, broken: false, wide: false, tls: None }
    }

    /// A socket whose connect(2) is under way: writing waits for the first edge too.
    pub fn connecting(fd: OwnedFd) -> Self {
        Self { writable: false, wide: true, ..Self::new(fd) }
    }

    /// The same, and TLS is spoken over it: nothing is read or written before its handshake is over.
    pub fn securing(fd: OwnedFd, session: ClientConnection) -> Self {
        Self { tls: Some(Box::new(Tls::new(session))), ..Self::connecting(fd) }
    }

    /// Watches it from the start: for reading, and for writing while connect(2) is under way. Not for writing else: on a
    /// unix socket each read of the peer's would be an edge of ours, and a new TCP connection begins with one.
    pub fn watch(&self, registry: &Registry, source: Source) -> io::Result<()> {
        if self.wide { registry.add_socket(self.fd(), source) } else { registry.add_reader(self.fd(), source) }
    }

    /// After writing: what was not taken waits for room. False if nobody would tell of it.
    pub fn await_room(&mut self, registry: &Registry, source: Source) -> bool {
        if self.wide || self.writable {
            return true;
        }
        let widened = registry.widen(self.fd(), source);
        if let Err(error) = &widened {
            log::warn!("cannot watch a connection for writing: {error}");
        }
        self.wide = widened.is_ok();
        self.wide
    }

    /// Remembers an edge.
    pub fn note(&mut self, edge: Readiness) {
        self.readable |= edge.readable || edge.read_closed || edge.broken;
        self.writable |= edge.writable || edge.broken;
        self.read_closed |= edge.read_closed;
        self.broken |= edge.broken;
        if edge.writable && self.tls.as_ref().is_some_and(|tls| tls.has_begun()) {
            // What was sealed when there was no room. That it cannot be sent, the next read or write tells.
            self.flush_tls();
        }
    }

    /// Reads again although no edge came: somebody knows better (the peer's process has ended).
    pub fn suspect(&mut self) {
        self.readable = true;
    }

    /// A read may give something.
    pub fn is_readable(&self) -> bool {
        self.readable
    }

    /// A write may take something.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// The peer will write no more (what it wrote may still be unread).
    pub fn is_read_closed(&self) -> bool {
        self.read_closed
    }

    /// Error or hang-up: the peer is gone for good.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Reads into `into`. A short read means drained, unless the end is already announced.
    pub fn read(&mut self, into: &mut [u8]) -> Read {
        if self.tls.is_some() {
            return self.read_tls(into);
        }
        if !self.readable {
            return Read::Blocked;
        }
        loop {
            return match rustix::net::recv(&self.fd, &mut *into, RecvFlags::DONTWAIT) {
                Ok((0, _)) => Read::End,
                Ok((count, _)) => {
                    self.readable = count == into.len() || self.read_closed || self.broken;
                    Read::Some(count)
                }
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {
                    self.readable = false;
                    Read::Blocked
                }
                Err(_) => Read::Reset,
            };
        }
    }

    /// Neither bytes nor an end lie unread, whatever edges have told so far. Where there are any, they are lost.
    pub fn is_silent(&mut self) -> bool {
        if self.tls.is_some() {
            // Tickets for later sessions may lie there: they are no bytes of an answer.
            self.readable = true;
            return self.read_tls(&mut [0]) == Read::Blocked;
        }
        let peeked = rustix::net::recv(&self.fd, &mut [0], RecvFlags::DONTWAIT | RecvFlags::PEEK);
        matches!(peeked, Err(Errno::AGAIN))
    }

    /// Writes `head`, then `tail`: in one call, without copying.
    pub fn write(&mut self, head: &[u8], tail: &[u8]) -> Write {
        if self.tls.is_some() {
            return self.write_tls(head, tail);
        }
        if !self.writable {
            return Write::Blocked;
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        loop {
            let sent = match (head.is_empty(), tail.is_empty()) {
                (_, true) => rustix::net::send(&self.fd, head, flags),
                (true, false) => rustix::net::send(&self.fd, tail, flags),
                (false, false) => {
                    let parts = [IoSlice::new(head), IoSlice::new(tail)];
                    rustix::net::sendmsg(&self.fd, &parts, &mut SendAncillaryBuffer::default(), flags)
                }
            };
            return match sent {
                Ok(count) => {
                    self.writable = count == head.len() + tail.len();
                    Write::Some(count)
                }
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {
                    self.writable = false;
                    Write::Blocked
                }
                Err(_) => Write::Broken,
            };
        }
    }

    /// Writes at most `count` bytes of a file from `from` on, without copying. None: there are none. The socket must not
    /// block: sendfile(2) has no flag for that. Never over TLS, which the kernel does not speak.
    pub fn send_file(&mut self, file: BorrowedFd<'_>, from: u64, count: u64) -> Write {
        if self.tls.is_some() {
            return Write::Broken;
        }
        if !self.writable {
            return Write::Blocked;
        }
        let mut from = from;
        loop {
            return match rustix::fs::sendfile(
                &self.fd,
                file,
                Some(&mut from),
                usize::try_from(count).unwrap_or(1 << 30),
            ) {
                // A short count says nothing: the file may be the reason.
                Ok(count) => Write::Some(count),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {
                    self.writable = false;
                    Write::Blocked
                }
                Err(_) => Write::Broken,
            };
        }
    }

    /// Finishes writing: the peer reads the end.
    pub fn finish(&mut self) {
        if self.tls.is_some() {
            return self.finish_tls();
        }
        // The peer may be gone already: then there is nobody to tell.
        let _ = rustix::net::shutdown(&self.fd, Shutdown::Write);
    }

    /// Its close is a reset: the peer cannot take what it has read for all that there is.
    pub fn abort(&self) {
        // Where it fails, the close is an ordinary one.
        let _ = rustix::net::sockopt::set_socket_linger(&self.fd, Some(Duration::ZERO));
    }

    /// Goes on with connect(2), and with the handshake of TLS behind it.
    pub fn establish(&mut self) -> Established {
        if self.tls.is_some() { self.shake() } else { self.reached() }
    }

    fn reached(&self) -> Established {
        if !self.writable {
            return Established::Not;
        }
        match rustix::net::sockopt::socket_error(&self.fd) {
            Ok(Ok(())) => Established::Stands,
            Ok(Err(error)) | Err(error) => Established::Failed(io::Error::from(error).to_string()),
        }
    }

    /// The descriptor, to be watched.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
