//! Readiness: mio in, (source, readiness) out. The only file that knows mio; never reads a descriptor.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Token};
use slotmap::{Key, KeyData};

/// After a failure of epoll, until a signal comes.
const PAUSE: rustix::event::Timespec = rustix::event::Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Whose descriptor is ready. A key is generational, so that a late event finds nothing instead of a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The signal pipe.
    Signals,
    /// The notify socket (sd_notify).
    Notify,
    /// The control socket.
    Control,
    /// A listener of the front door.
    Door(KeyData),
    /// A client of the control socket.
    Operator(KeyData),
    /// A client of the front door.
    Client(KeyData),
    /// A connection to a tenant.
    Upstream(KeyData),
    /// The listening socket of a tenant that is down.
    Listener(KeyData),
    /// Standard output or error of a process.
    Stream(KeyData),
    /// The pipe that tells whether execve succeeded.
    Executed(KeyData),
    /// The control socket of a preloaded template.
    Template(KeyData),
    /// What a template forks for a unit answers.
    Reply(KeyData),
    /// The pipes of a CGI script.
    Script(KeyData),
    /// A worker thread has an answer.
    Worker,
}

/// What is ready. Edge-triggered: it is said once, and has to be remembered until the call that would block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readiness {
    /// Bytes, a connection or the end can be read.
    pub readable: bool,
    /// Bytes can be written.
    pub writable: bool,
    /// The peer has shut down its writing half (or all): the end is behind the bytes that are there.
    pub read_closed: bool,
    /// Error or hang-up: nothing written will arrive.
    pub broken: bool,
}

/// The poll instance.
#[derive(Debug)]
pub struct Poller {
    poll: mio::Poll,
    events: mio::Events,
}

/// Ends a wait from another thread, which is then ready as [`Source::Worker`].
#[derive(Debug)]
pub struct Waker(mio::Waker);

/// A handle that adds and removes descriptors.
#[derive(Debug)]
pub struct Registry(mio::Registry);

impl Poller {
    /// Makes an epoll instance. At most 1,024 events a turn: what is left comes with the next.
    pub fn new() -> io::Result<Self> {
        Ok(Self { poll: mio::Poll::new()?, events: mio::Events::with_capacity(1024) })
    }

    /// A handle for a part that owns descriptors.
    pub fn registry(&self) -> io::Result<Registry> {
        Ok(Registry(self.poll.registry().try_clone()?))
    }

    /// What worker threads wake the loop with. One is enough: a second would not be heard.
    pub fn waker(&self) -> io::Result<Waker> {
        Ok(Waker(mio::Waker::new(self.poll.registry(), encode(Source::Worker))?))
    }

    /// Waits until something is ready or the time is over. After an error there was a pause, so that a
    /// loop which goes on does not spin.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let interrupted = |error: &io::Error| error.kind() == io::ErrorKind::Interrupted;
        let waited = match self.poll.poll(&mut self.events, timeout) {
            // We may have been stopped for long: what came meanwhile counts before what is overdue.
            Err(error) if interrupted(&error) => self.poll.poll(&mut self.events, Some(Duration::ZERO)),
            waited => waited,
        };
        match waited {
            Err(error) if interrupted(&error) => {
                self.events.clear();
                Ok(())
            }
            Err(error) => {
                let _ = rustix::event::poll(&mut [], Some(&PAUSE));
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    /// What the last wait found.
    pub fn ready(&self) -> impl Iterator<Item = (Source, Readiness)> {
        self.events.iter().filter_map(|event| {
            let readiness = Readiness {
                readable: event.is_readable(),
                writable: event.is_writable(),
                read_closed: event.is_read_closed(),
                broken: event.is_error() || (event.is_read_closed() && event.is_write_closed()),
            };
            Some((decode(event.token())?, readiness))
        })
    }
}

impl Waker {
    /// Wakes the loop.
    pub fn wake(&self) -> io::Result<()> {
        self.0.wake()
    }
}

impl Registry {
    /// Watches a descriptor for reading, edge-triggered.
    pub fn add_reader(&self, fd: BorrowedFd<'_>, source: Source) -> io::Result<()> {
        self.0.register(&mut SourceFd(&fd.as_raw_fd()), encode(source), Interest::READABLE)
    }

    /// Watches a socket for reading and writing, once for its life: it is removed by being closed.
    pub fn add_socket(&self, fd: BorrowedFd<'_>, source: Source) -> io::Result<()> {
        self.0.register(&mut SourceFd(&fd.as_raw_fd()), encode(source), Interest::READABLE | Interest::WRITABLE)
    }

    /// Watches a socket that was added as a reader for writing too.
    pub fn widen(&self, fd: BorrowedFd<'_>, source: Source) -> io::Result<()> {
        self.0.reregister(&mut SourceFd(&fd.as_raw_fd()), encode(source), Interest::READABLE | Interest::WRITABLE)
    }

    /// Stops watching. Needed only where another process shares the descriptor: closing it does not remove it then.
    pub fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.0.deregister(&mut SourceFd(&fd.as_raw_fd()))
    }
}

/// A token is 32 bits of version, 4 bits of kind and 28 bits of index: far more slots than there can be descriptors.
fn encode(source: Source) -> Token {
    let (kind, key) = match source {
        Source::Signals => (0, KeyData::default()),
        Source::Notify => (1, KeyData::default()),
        Source::Control => (2, KeyData::default()),
        Source::Door(key) => (3, key),
        Source::Operator(key) => (4, key),
        Source::Client(key) => (5, key),
        Source::Upstream(key) => (6, key),
        Source::Listener(key) => (7, key),
        Source::Stream(key) => (8, key),
        Source::Executed(key) => (9, key),
        Source::Worker => (10, KeyData::default()),
        Source::Script(key) => (11, key),
        Source::Template(key) => (12, key),
        Source::Reply(key) => (13, key),
    };
    let key = key.as_ffi();
    let index = key & 0x0fff_ffff;
    Token((key & 0xffff_ffff_0000_0000 | kind << 28 | index) as usize)
}

fn decode(token: Token) -> Option<Source> {
    let token = token.0 as u64;
    let key = KeyData::from_ffi(token & 0xffff_ffff_0fff_ffff);
    Some(match (token >> 28) & 0xf {
        0 => Source::Signals,
        1 => Source::Notify,
        2 => Source::Control,
        3 => Source::Door(key),
        4 => Source::Operator(key),
        5 => Source::Client(key),
        6 => Source::Upstream(key),
        7 => Source::Listener(key),
        8 => Source::Stream(key),
        9 => Source::Executed(key),
        10 => Source::Worker,
        11 => Source::Script(key),
        12 => Source::Template(key),
        13 => Source::Reply(key),
        _ => return None,
    })
}

/// The data of a key, for a [`Source`].
pub fn data(key: impl Key) -> KeyData {
    key.data()
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::{DefaultKey, SlotMap};

    #[test]
    fn every_source_survives_its_token() {
        let mut map: SlotMap<DefaultKey, ()> = SlotMap::new();
        for _ in 0..3 {
            let key = map.insert(());
            map.remove(key);
        }
        let key = data(map.insert(()));
        let sources = [
            Source::Door(key),
            Source::Operator(key),
            Source::Client(key),
            Source::Upstream(key),
            Source::Listener(key),
            Source::Stream(key),
            Source::Executed(key),
            Source::Script(key),
            Source::Template(key),
            Source::Reply(key),
        ];
        for source in sources {
            assert_eq!(decode(encode(source)), Some(source));
        }
        for source in [Source::Signals, Source::Notify, Source::Control, Source::Worker] {
            assert_eq!(decode(encode(source)), Some(source));
        }
    }
}
