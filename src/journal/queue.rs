//! The one bounded buffer between the loop, which never waits, and the thread that writes and may wait for ever.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::SigSet;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::book::{Book, RingId};
use super::clock::Clock;
use super::escape::{Escaped, escape};
use super::stream::{Line, Origin, Stream};
use crate::boot;
use crate::unit::Name;

/// Bytes that wait for the writer; beyond it lines are dropped and counted. As many again may be on their way out.
const ROOM: usize = 1 << 20;

/// A buffer that grew beyond this is given back once it is written.
const KEPT: usize = 64 * 1024;

/// Shared by the loop, whoever logs, and the writer.
pub(super) struct Queue {
    state: Mutex<State>,
    /// For the writer: there is something to write, or it is over.
    filled: Condvar,
    /// For [`Queue::finish`]: all is written.
    written: Condvar,
}

struct State {
    bytes: Vec<u8>,
    /// Lines that found no room since the writer last took what there was.
    dropped: u64,
    clock: Option<Clock>,
    /// The last lines, kept whatever becomes of the output.
    book: Book,
    writer: Writer,
    finishing: bool,
}

/// Where a line is kept.
type Place = (RingId, u32, Option<Stream>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// Writes, and looks again by itself before it sleeps.
    Busy,
    /// Needs to be woken.
    Asleep,
    /// Everything is out.
    Done,
}

impl Queue {
    /// Starts the writer.
    pub(super) fn start(output: &Arc<OwnedFd>, timestamps: bool) -> io::Result<Arc<Self>> {
        let clock = timestamps.then(Clock::default);
        let book = Book::default();
        let state = State { bytes: Vec::new(), dropped: 0, clock, book, writer: Writer::Busy, finishing: false };
        let queue = Arc::new(Self { state: Mutex::new(state), filled: Condvar::new(), written: Condvar::new() });
        // Not a share of its own: the thread has its own descriptors, and closing one there closes nothing here.
        let (own, output) = (queue.clone(), Arc::downgrade(output));
        std::thread::Builder::new().name("journal".into()).spawn(move || own.write_out(&output))?;
        Ok(queue)
    }

    /// A time stamp before each line from now on, or none.
    pub(super) fn configure(&self, timestamps: bool) {
        let mut state = self.state();
        if state.clock.is_some() != timestamps {
            state.clock = timestamps.then(Clock::default);
        }
    }

    /// A line of a unit.
    pub(super) fn line(&self, line: Line) {
        let Line { origin, text, split } = line;
        let prefix = |out: &mut Vec<u8>| out.extend_from_slice(origin.prefix.as_bytes());
        self.state().put(Some((origin.ring, origin.pid, origin.stream)), prefix, |out| {
            escape(text, out);
            if split {
                out.extend_from_slice(" [\u{2026}]".as_bytes());
            }
        });
    }

    /// A line of ours, about a unit or about ourselves.
    pub(super) fn own(&self, unit: Option<&Name>, text: fmt::Arguments) {
        let mut state = self.state();
        let ring = state.book.ring(unit);
        let prefix = |out: &mut Vec<u8>| match unit {
            Some(unit) => format(out, format_args!("tenantd: {unit}: ")),
            None => format(out, format_args!("tenantd: ")),
        };
        state.put(Some((ring, 0, None)), prefix, |out| format(out, text));
    }

    /// A line of a request. It is not kept: a busy tenant's requests would push out what it says.
    pub(super) fn access(&self, unit: &str, text: fmt::Arguments) {
        self.state().put(None, |out| format(out, format_args!("{unit} access: ")), |out| format(out, text));
    }

    /// The last lines. Whoever calls must not log meanwhile: the lock is held.
    pub(super) fn with_book<T>(&self, work: impl FnOnce(&mut Book) -> T) -> T {
        work(&mut self.state().book)
    }

    /// A line of ours about a panic, which may have come while this very thread held the lock: then there is none.
    pub(super) fn panicked(&self, text: fmt::Arguments) {
        for _ in 0..1000 {
            let mut state = match self.state.try_lock() {
                Ok(state) => state,
                Err(TryLockError::Poisoned(error)) => error.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    std::thread::yield_now();
                    continue;
                }
            };
            let prefix = |out: &mut Vec<u8>| out.extend_from_slice(b"tenantd: ");
            return state.put(Some((RingId::OWN, 0, None)), prefix, |out| format(out, text));
        }
    }

    /// Wakes a writer that sleeps while there is something to write.
    pub(super) fn wake(&self) {
        let mut state = self.state();
        if state.writer == Writer::Asleep && !state.bytes.is_empty() {
            state.writer = Writer::Busy;
            self.filled.notify_one();
        }
    }

    /// Waits until all is written, but not beyond `deadline`: then the writer is left where it hangs.
    pub(super) fn finish(&self, deadline: Instant) {
        let mut state = self.state();
        state.finishing = true;
        self.filled.notify_one();
        while state.writer != Writer::Done {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.written.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in a formatter leaves half a line at worst.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's life.
    fn write_out(&self, output: &Weak<OwnedFd>) {
        // A signal that the kernel gives to this thread would wake it for nothing.
        let _ = SigSet::all().thread_block();
        if let Some(output) = output.upgrade() {
            boot::part_descriptors(output.as_fd());
        }
        let (mut bytes, mut told) = (Vec::new(), false);
        while self.take(&mut bytes) {
            let Some(output) = output.upgrade() else { return };
            match write_all(output.as_fd(), &bytes) {
                Ok(()) => told = false,
                Err(error) if !told => {
                    told = true;
                    self.own(None, format_args!("cannot write to stdout: {error}; see tenantd logs for what is kept"));
                }
                Err(_) => {}
            }
            bytes.clear();
            bytes.shrink_to(KEPT);
        }
    }

    /// Swaps the filled buffer for an empty one; waits for it. False when it is over.
    fn take(&self, empty: &mut Vec<u8>) -> bool {
        let mut state = self.state();
        while state.bytes.is_empty() {
            if state.finishing {
                state.writer = Writer::Done;
                self.written.notify_one();
                return false;
            }
            state.writer = Writer::Asleep;
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.writer = Writer::Busy;
        state.confess();
        mem::swap(&mut state.bytes, empty);
        true
    }
}

impl State {
    /// One line, kept, and written if there is room. There is none until the writer takes all and says how many were
    /// dropped: so a gap is in one place.
    fn put(&mut self, place: Option<Place>, prefix: impl FnOnce(&mut Vec<u8>), text: impl FnOnce(&mut Vec<u8>)) {
        let (now, start) = (SystemTime::now(), self.bytes.len());
        if start >= ROOM && place.is_none() {
            self.dropped += 1;
            return;
        }
        self.stamp(now);
        prefix(&mut self.bytes);
        let from = self.bytes.len();
        text(&mut self.bytes);
        if let Some((ring, pid, stream)) = place {
            self.book.push(ring, pid, stream, micros(now), &self.bytes[from..]);
        }
        if start >= ROOM {
            self.bytes.truncate(start);
            self.dropped += 1;
        } else {
            self.bytes.push(b'\n');
        }
    }

    fn stamp(&mut self, now: SystemTime) {
        if let Some(clock) = &mut self.clock {
            clock.stamp(now, &mut self.bytes);
            self.bytes.push(b' ');
        }
    }

    /// Says how many were dropped, whatever the room.
    fn confess(&mut self) {
        let dropped = mem::take(&mut self.dropped);
        if dropped > 0 {
            self.stamp(SystemTime::now());
            let text = format!("tenantd: {dropped} lines dropped: whoever reads this output is too slow\n");
            self.bytes.extend_from_slice(text.as_bytes());
        }
    }
}

/// Appends escaped text.
fn format(out: &mut Vec<u8>, text: fmt::Arguments) {
    // Writing to a Vec does not fail.
    let _ = Escaped(out).write_fmt(text);
}

/// Microseconds since 1970.
fn micros(now: SystemTime) -> u64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Writes everything, waiting as long as it takes. What cannot be written at all (EPIPE, EBADF, ENOSPC) is lost.
fn write_all(output: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(output, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            // Somebody who shares this description made it non-blocking.
            Err(Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::new(&output, PollFlags::OUT)], None);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What env_logger writes to: whole records, each ending in a newline.
pub(super) struct LogLines {
    queue: Arc<Queue>,
    origin: Origin,
}

impl LogLines {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        let origin = Origin { prefix: "tenantd: ".to_owned(), ring: RingId::OWN, pid: 0, stream: None };
        Self { queue, origin }
    }
}

impl Write for LogLines {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let text = record.strip_suffix(b"\n").unwrap_or(record);
        self.queue.line(Line { origin: &self.origin, text, split: false });
        self.queue.wake();
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
