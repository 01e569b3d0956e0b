//! The listening socket: descriptor 3 of the service manager (sd_listen_fds(3)), or a port of our own.

use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process;

use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage, getsockname};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use crate::knob;

pub enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

pub enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Listener {
    pub fn inherited_or_bound() -> Self {
        if knob("LISTEN_FDS").as_deref() == Some("1") {
            assert_eq!(knob("LISTEN_PID"), Some(process::id().to_string()), "LISTEN_PID is not ours");
            return Self::from_fd(inherited()).nonblocking();
        }
        let port = knob("PORT").expect("LISTEN_FDS or PORT").parse().expect("a port");
        Self::Tcp(TcpListener::bind(("127.0.0.1", port)).expect("bind")).nonblocking()
    }

    /// As Puma, it sets O_NONBLOCK on the shared listener: a thread that loses the race for a connection must not
    /// hang in accept(2), where it would take a request after SIGTERM.
    fn nonblocking(self) -> Self {
        match &self {
            Self::Unix(listener) => listener.set_nonblocking(true),
            Self::Tcp(listener) => listener.set_nonblocking(true),
        }
        .expect("O_NONBLOCK");
        self
    }

    fn from_fd(fd: OwnedFd) -> Self {
        let address: SockaddrStorage =
            getsockname(std::os::fd::AsRawFd::as_raw_fd(&fd)).expect("descriptor 3 is no socket");
        match address.family() {
            Some(AddressFamily::Unix) => Self::Unix(fd.into()),
            _ => Self::Tcp(fd.into()),
        }
    }

    /// Sends a duplicate of the socket to a datagram socket (unix(7), SCM_RIGHTS).
    pub fn hand_to(&self, path: &str) {
        let socket = UnixDatagram::unbound().expect("a socket");
        socket.connect(path).expect("HAND_TO");
        let fds = [self.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
        sendmsg(&socket, &[IoSlice::new(b".")], &mut ancillary, SendFlags::empty()).expect("sendmsg");
    }

    /// `None` if another thread, or the next process, was faster.
    pub fn accept(&self) -> Option<Stream> {
        let stream = match self {
            Self::Unix(listener) => Stream::Unix(listener.accept().ok()?.0),
            Self::Tcp(listener) => Stream::Tcp(listener.accept().ok()?.0),
        };
        match &stream {
            Stream::Unix(stream) => stream.set_nonblocking(false).ok()?,
            Stream::Tcp(stream) => {
                stream.set_nonblocking(false).ok()?;
                stream.set_nodelay(true).ok()?;
            }
        }
        Some(stream)
    }
}

/// A duplicate of descriptor 3, which is closed on exec.
fn inherited() -> OwnedFd {
    rustix::io::fcntl_dupfd_cloexec(inherited_three(), 3).expect("descriptor 3")
}

#[allow(unsafe_code)]
fn inherited_three() -> BorrowedFd<'static> {
    // SAFETY: LISTEN_FDS=1 says that descriptor 3 is open, and nothing here closes it.
    unsafe { BorrowedFd::borrow_raw(3) }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(listener) => listener.as_fd(),
            Self::Tcp(listener) => listener.as_fd(),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
        }
    }
}

impl Stream {
    pub fn finish(&self) {
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
        };
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
