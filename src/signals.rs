//! Signals as readiness: signal-hook writes a byte for each into a socket pair, the loop drains it. Never acts on one.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::low_level::pipe;

/// The signals that we take.
#[derive(Debug)]
pub struct Signals {
    child: UnixStream,
    stop: UnixStream,
    hangup: UnixStream,
}

/// What arrived since the last [`Signals::drain`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Set {
    /// SIGCHLD: one or many children died.
    pub child: bool,
    /// How many times we were asked to stop (SIGTERM, SIGINT, SIGQUIT, SIGPWR, SIGRTMIN+3).
    pub stop: usize,
    /// SIGHUP: reserved, for the log only.
    pub hangup: bool,
    /// There may be more than this, and no edge follows: come back later.
    pub failed: bool,
}

impl Signals {
    /// Takes the signals over. In a container every one that asks an init for anything means an orderly stop.
    pub fn new() -> io::Result<Self> {
        let stop = [SIGTERM, SIGINT, SIGQUIT, libc::SIGPWR, libc::SIGRTMIN() + 3];
        Ok(Self { child: watch(&[SIGCHLD])?, stop: watch(&stop)?, hangup: watch(&[SIGHUP])? })
    }

    /// To be polled for reading; any of them means [`Signals::drain`].
    pub fn fds(&self) -> [BorrowedFd<'_>; 3] {
        [self.child.as_fd(), self.stop.as_fd(), self.hangup.as_fd()]
    }

    /// Empties all of them.
    pub fn drain(&mut self) -> Set {
        let mut failed = false;
        let mut count = |from| count(from, &mut failed);
        let (child, stop, hangup) = (count(&mut self.child), count(&mut self.stop), count(&mut self.hangup));
        Set { child: child > 0, stop, hangup: hangup > 0, failed }
    }
}

/// The reading end of a pair into which each of these signals writes one byte.
fn watch(signals: &[i32]) -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    for signal in signals {
        pipe::register(*signal, write.try_clone()?)?;
    }
    Ok(read)
}

/// How many bytes lie there; `failed` if that could not be told. A short read has emptied it: what comes after is an edge of
/// its own.
fn count(from: &mut UnixStream, failed: &mut bool) -> usize {
    let mut buffer = [0; 256];
    let mut total = 0;
    loop {
        match from.read(&mut buffer) {
            // A short read has emptied it: what comes after is an edge of its own.
            Ok(bytes) if bytes < buffer.len() => return total + bytes,
            Ok(bytes) => total += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                *failed |= error.kind() != io::ErrorKind::WouldBlock;
                return total;
            }
        }
    }
}
