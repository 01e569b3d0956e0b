//! TLS on a socket of ours, as a client: rustls makes the bytes, the wire moves them. What it costs (a handshake about a
//! millisecond, a megabyte less) the loop pays, and only for targets that ask for it.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use rustls::ClientConnection;

use super::{Established, Read, Wire, Write};

/// A session, and how far it is.
#[derive(Debug)]
pub(super) struct Tls {
    session: ClientConnection,
    /// How reading has ended, once nothing more can be read.
    end: Option<Read>,
    /// Our end of writing follows what is still to be sent.
    finishing: bool,
    /// The connection below stands.
    begun: bool,
}

impl Tls {
    pub fn new(session: ClientConnection) -> Self {
        Self { session, end: None, finishing: false, begun: false }
    }

    /// The connection below stands: records can be sent.
    pub fn has_begun(&self) -> bool {
        self.begun
    }
}

/// The socket as rustls reads and writes it.
struct Socket<'w> {
    fd: &'w OwnedFd,
    /// It may be used again.
    ready: &'w mut bool,
    /// A short read does not mean drained.
    ending: bool,
}

impl io::Read for Socket<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !*self.ready {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match rustix::net::recv(self.fd, &mut *into, RecvFlags::DONTWAIT) {
            Ok((count, _)) => {
                *self.ready = count == into.len() || count == 0 || self.ending;
                Ok(count)
            }
            Err(error) => {
                *self.ready &= io::Error::from(error).kind() != io::ErrorKind::WouldBlock;
                Err(error.into())
            }
        }
    }
}

impl io::Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        if !*self.ready {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let sent = rustix::net::sendmsg(self.fd, parts, &mut SendAncillaryBuffer::default(), flags);
        let all: usize = parts.iter().map(|part| part.len()).sum();
        match &sent {
            Ok(count) => *self.ready = *count == all,
            Err(error) => *self.ready &= io::Error::from(*error).kind() != io::ErrorKind::WouldBlock,
        }
        Ok(sent?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire {
    /// Goes on with the handshake.
    pub(super) fn shake(&mut self) -> Established {
        if self.tls.as_ref().is_some_and(|tls| !tls.begun) {
            match self.reached() {
                Established::Stands => {}
                other => return other,
            }
        }
        loop {
            let flushed = self.flush_tls();
            let Some(tls) = &mut self.tls else { return Established::Stands };
            tls.begun = true;
            if flushed == Write::Broken {
                return Established::Failed("the connection broke in the TLS handshake".into());
            }
            if !tls.session.is_handshaking() {
                return Established::Stands;
            }
            match self.take_records() {
                Ok(0) => return Established::Failed("it closed the connection in the TLS handshake".into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Established::Not,
                Err(error) => return Established::Failed(error.to_string()),
            }
        }
    }

    /// Reads what the session has, and more of it from the socket.
    pub(super) fn read_tls(&mut self, into: &mut [u8]) -> Read {
        let mut count = 0;
        loop {
            let Some(tls) = self.tls.as_mut().filter(|tls| !tls.session.is_handshaking()) else { return Read::Blocked };
            if tls.end.is_none() {
                match io::Read::read(&mut tls.session.reader(), &mut into[count..]) {
                    Ok(0) => tls.end = Some(Read::End),
                    Ok(more) => count += more,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => match self.take_records() {
                        Ok(_) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            return if count > 0 { Read::Some(count) } else { Read::Blocked };
                        }
                        Err(_) => self.end_tls(Read::Reset),
                    },
                    // The end of the connection without the end of the session: the rest may have been cut off.
                    Err(_) => tls.end = Some(Read::Reset),
                }
            }
            let end = self.tls.as_ref().and_then(|tls| tls.end);
            if count == into.len() || end.is_some() {
                // There may be more, and the end is told again.
                self.readable = true;
                return if count > 0 { Read::Some(count) } else { end.unwrap_or(Read::Blocked) };
            }
        }
    }

    fn end_tls(&mut self, end: Read) {
        if let Some(tls) = &mut self.tls {
            tls.end = Some(end);
        }
    }

    /// Reads records once and opens them. `Ok(0)`: the socket has ended.
    fn take_records(&mut self) -> io::Result<usize> {
        let ending = self.read_closed || self.broken;
        let Some(tls) = &mut self.tls else { return Ok(0) };
        let mut socket = Socket { fd: &self.fd, ready: &mut self.readable, ending };
        let count = loop {
            match tls.session.read_tls(&mut socket) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        let opened = tls.session.process_new_packets();
        // An alert, or the answer to a change of keys.
        self.flush_tls();
        opened.map_err(io::Error::other)?;
        Ok(count)
    }

    /// Seals and writes, until all is taken or the socket has no room: then an edge will tell. What is sealed and not sent is
    /// bounded by the session's buffer (64 KiB), and follows at that edge.
    pub(super) fn write_tls(&mut self, head: &[u8], tail: &[u8]) -> Write {
        if self.tls.as_ref().is_some_and(|tls| tls.session.is_handshaking()) {
            return Write::Blocked;
        }
        let all = head.len() + tail.len();
        let mut taken = 0;
        loop {
            match self.flush_tls() {
                Write::Some(_) => {}
                Write::Blocked if taken > 0 => return Write::Some(taken),
                other => return other,
            }
            if taken == all {
                return Write::Some(taken);
            }
            let Some(tls) = &mut self.tls else { return Write::Broken };
            let parts = [&head[taken.min(head.len())..], &tail[taken.saturating_sub(head.len())..]].map(IoSlice::new);
            match io::Write::write_vectored(&mut tls.session.writer(), &parts) {
                Ok(count) if count > 0 => taken += count,
                // All that was sealed before has been sent: it has room.
                Ok(_) | Err(_) => return Write::Broken,
            }
        }
    }

    /// Sends what is sealed. `Some` when nothing is left.
    pub(super) fn flush_tls(&mut self) -> Write {
        let Some(tls) = &mut self.tls else { return Write::Some(0) };
        let mut socket = Socket { fd: &self.fd, ready: &mut self.writable, ending: false };
        while tls.session.wants_write() {
            match tls.session.write_tls(&mut socket) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Write::Blocked,
                Err(_) => return Write::Broken,
            }
        }
        if std::mem::take(&mut tls.finishing) {
            // The peer may be gone already: then there is nobody to tell.
            let _ = rustix::net::shutdown(&self.fd, Shutdown::Write);
        }
        Write::Some(0)
    }

    /// The session ends, and the socket's writing behind it.
    pub(super) fn finish_tls(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.session.send_close_notify();
            tls.finishing = true;
        }
        self.flush_tls();
    }
}
