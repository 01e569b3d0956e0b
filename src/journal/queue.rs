//! The one bounded buffer between the loop, which never waits, and the thread that writes and may wait for ever.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Instant, SystemTime};

use rustix::event::{PollFd, PollFlags, poll};

use super::clock::Clock;
use super::escape::{Escaped, escape};
use super::stream::Line;

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
    writer: Writer,
    finishing: bool,
}

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
    pub(super) fn start(output: OwnedFd, timestamps: bool) -> io::Result<Arc<Self>> {
        let clock = timestamps.then(Clock::default);
        let state = State { bytes: Vec::new(), dropped: 0, clock, writer: Writer::Busy, finishing: false };
        let queue = Arc::new(Self { state: Mutex::new(state), filled: Condvar::new(), written: Condvar::new() });
        let (own, output) = (queue.clone(), File::from(output));
        std::thread::Builder::new().name("journal".into()).spawn(move || own.write_out(&output))?;
        Ok(queue)
    }

    /// A line of a unit.
    pub(super) fn line(&self, line: Line) {
        self.state().put(|out| {
            out.extend_from_slice(line.prefix.as_bytes());
            escape(line.text, out);
            if line.split {
                out.extend_from_slice(" [\u{2026}]".as_bytes());
            }
        });
    }

    /// A line of ours.
    pub(super) fn own(&self, prefix: fmt::Arguments, text: fmt::Arguments) {
        self.state().put(|out| {
            // Writing to a Vec does not fail.
            let _ = Escaped(out).write_fmt(prefix);
            let _ = Escaped(out).write_fmt(text);
        });
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
            return state.put(|out| {
                // Writing to a Vec does not fail.
                let _ = Escaped(out).write_fmt(format_args!("tenantd: {text}"));
            });
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
    fn write_out(&self, output: &File) {
        let mut bytes = Vec::new();
        while self.take(&mut bytes) {
            write_all(output, &bytes);
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
    /// One line, if there is room. There is none until the writer takes all and says how many were dropped: so a gap
    /// is in one place.
    fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.bytes.len() >= ROOM {
            self.dropped += 1;
        } else {
            self.append(write);
        }
    }

    fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(clock) = &mut self.clock {
            clock.stamp(SystemTime::now(), &mut self.bytes);
            self.bytes.push(b' ');
        }
        write(&mut self.bytes);
        self.bytes.push(b'\n');
    }

    /// Says how many were dropped, whatever the room.
    fn confess(&mut self) {
        let dropped = mem::take(&mut self.dropped);
        if dropped > 0 {
            let text = format!("tenantd: {dropped} lines dropped: whoever reads this output is too slow");
            self.append(|out| out.extend_from_slice(text.as_bytes()));
        }
    }
}

/// Writes everything, waiting as long as it takes. What cannot be written at all (EPIPE, EBADF, ENOSPC) is lost.
fn write_all(mut output: &File, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Somebody who shares this description made it non-blocking.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let _ = poll(&mut [PollFd::new(output, PollFlags::OUT)], None);
            }
            Err(_) => return,
        }
    }
}

/// What env_logger writes to: whole records, each ending in a newline.
pub(super) struct LogLines(pub(super) Arc<Queue>);

impl Write for LogLines {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let text = record.strip_suffix(b"\n").unwrap_or(record);
        self.0.line(Line { prefix: "tenantd: ", text, split: false });
        self.0.wake();
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
