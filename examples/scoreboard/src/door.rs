//! The listening socket, inherited or our own, and the wait that every thread uses.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::{env, io, net::TcpListener};

use listenfd::ListenFd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Where clients come in.
pub enum Door {
    /// Descriptor 3, a unix socket.
    Unix(UnixListener),
    /// Descriptor 3, a TCP socket, or 127.0.0.1:$PORT.
    Tcp(TcpListener),
}

impl Door {
    /// The socket in `LISTEN_FDS` if it was meant for us, else a loopback port of our own.
    pub fn from_environment() -> Result<Self, String> {
        let mut inherited = ListenFd::from_env();
        let door = if let Ok(Some(listener)) = inherited.take_unix_listener(0) {
            Self::Unix(listener)
        } else if let Ok(Some(listener)) = inherited.take_tcp_listener(0) {
            Self::Tcp(listener)
        } else {
            let port = env::var("PORT").map_err(|_| "no socket: set PORT, or start me by socket activation")?;
            let address = format!("127.0.0.1:{port}");
            Self::Tcp(TcpListener::bind(&address).map_err(|error| format!("cannot listen on {address}: {error}"))?)
        };
        door.set_nonblocking().map_err(|error| format!("cannot use the socket: {error}"))?;
        Ok(door)
    }

    /// The next client; `None` when it is time to stop. Who still waits in the kernel's queue is for our successor.
    pub fn accept(&self, stop: BorrowedFd<'_>) -> Option<UnixStream> {
        loop {
            if wait(self.as_fd(), stop).stop {
                return None;
            }
            match self.accept_now() {
                Ok(stream) => return Some(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    // Out of descriptors, most likely: give others the time to end.
                    eprintln!("cannot accept: {error}");
                    let _ = poll(&mut [readable(stop)], Some(&PAUSE));
                }
            }
        }
    }

    /// A TCP connection becomes a `UnixStream` too: both are a socket to read and write, nothing more is asked of them.
    fn accept_now(&self) -> io::Result<UnixStream> {
        match self {
            Self::Unix(listener) => Ok(listener.accept()?.0),
            Self::Tcp(listener) => {
                let stream = listener.accept()?.0;
                stream.set_nodelay(true)?;
                Ok(OwnedFd::from(stream).into())
            }
        }
    }

    /// A second process may share the socket: the client we woke for can be gone already.
    fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Unix(listener) => listener.set_nonblocking(true),
            Self::Tcp(listener) => listener.set_nonblocking(true),
        }
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(listener) => listener.as_fd(),
            Self::Tcp(listener) => listener.as_fd(),
        }
    }
}

const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// What there is to do.
pub struct Ready {
    /// The socket has something to read.
    pub readable: bool,
    /// We were told to stop.
    pub stop: bool,
}

/// Waits for the socket or for the order to stop.
pub fn wait(socket: BorrowedFd<'_>, stop: BorrowedFd<'_>) -> Ready {
    let mut fds = [readable(socket), readable(stop)];
    while poll(&mut fds, None).is_err() {}
    let [readable, stop] = fds.map(|fd| !fd.revents().is_empty());
    Ready { readable, stop }
}

/// Whether there is something to read now.
pub fn is_readable(fd: BorrowedFd<'_>) -> bool {
    matches!(poll(&mut [readable(fd)], Some(&Timespec::default())), Ok(1))
}

fn readable(fd: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::from_borrowed_fd(fd, PollFlags::IN)
}
