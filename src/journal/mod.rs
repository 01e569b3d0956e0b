//! Where lines go: the output of units and tenantd's own words, to stdout, without ever waiting for it.
//!
//! The loop formats lines straight into one bounded buffer (`queue.rs`); one thread writes it out. The last ones are
//! kept (`book.rs`). Never decides anything about a unit.

mod book;
mod clock;
mod escape;
mod queue;
mod ring;
mod stream;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use std::time::{Duration, Instant};

use slotmap::SlotMap;

use crate::config::Log;
use crate::unit::{Name, Pattern, UnitId};
pub use book::{Kept, Reader, Told, Wanted};
pub use clock::{Clock, days};
use queue::Queue;
pub use stream::{Progress, Stream};

slotmap::new_key_type! {
    /// One pipe of one process. Generational: the key of a closed one finds nothing.
    pub struct StreamKey;
}

/// Most bytes read from one pipe in one turn.
const TURN: usize = 64 * 1024;

/// How long the end of a line may be late: then it is given out as it is, since it may be a prompt.
const PATIENCE: Duration = Duration::from_secs(1);

/// The name under which tenantd's words about itself are read.
pub const OWN: &str = "tenantd";

/// Lines of a unit in [`Journal::tail`], and bytes of each.
const TAIL: (usize, usize) = (10, 512);

/// All pipes of all units, and the way out.
pub struct Journal {
    queue: Arc<Queue>,
    /// Where the writer writes; it ends with us.
    _output: Arc<OwnedFd>,
    streams: SlotMap<StreamKey, stream::Pipe>,
    /// Lines without end, by number, and how long they may be; the earliest first.
    unfinished: VecDeque<(Instant, StreamKey, u64)>,
    buffer: Box<[u8]>,
}

impl Journal {
    /// Starts the one thread that writes to `output` and may block there. Its O_NONBLOCK flag is left alone, since
    /// others share that description.
    pub fn start(output: OwnedFd, log: Log) -> io::Result<Self> {
        let output = Arc::new(output);
        let queue = Queue::start(&output, log.timestamps)?;
        let buffer = vec![0; TURN].into_boxed_slice();
        Ok(Self { queue, _output: output, streams: SlotMap::with_key(), unfinished: VecDeque::new(), buffer })
    }

    /// What `[log]` says has changed.
    pub fn configure(&mut self, log: Log) {
        self.queue.configure(log.timestamps);
    }

    /// Sends what crates log to the same place: tenantd's from `info`, others' from `warn`, unless `TENANTD_LOG` says
    /// otherwise in env_logger's words. Only the first call in a process counts.
    pub fn take_log(&self) {
        let target = env_logger::Target::Pipe(Box::new(queue::LogLines::new(self.queue.clone())));
        let filter = env_logger::Env::new().filter_or("TENANTD_LOG", "warn,tenantd=info");
        let mut builder = env_logger::Builder::from_env(filter);
        builder.target(target).format(|line, record| io::Write::write_fmt(line, format_args!("{}\n", record.args())));
        // An error says that there is a logger already.
        let _ = builder.try_init();
    }

    /// Sends the words of a panic to the same place: stderr may be a full pipe.
    pub fn take_panics(&self) {
        let queue = self.queue.clone();
        std::panic::set_hook(Box::new(move |panic| {
            let payload = panic.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            queue.panicked(format_args!("panicked at {place}: {text}"));
        }));
    }

    /// Takes over the read end (non-blocking) of a process's pipe. It may outlive the process and the unit. Without a unit
    /// it is a process of something else of this name.
    pub fn attach(
        &mut self,
        unit: impl Into<Option<UnitId>>,
        name: &Name,
        pid: u32,
        stream: Stream,
        fd: OwnedFd,
    ) -> StreamKey {
        let ring = self.queue.with_book(|book| book.ring(Some(name)));
        self.streams.insert(stream::Pipe::new(unit.into(), ring, name, pid, stream, fd))
    }

    /// The descriptor to be polled.
    pub fn fd(&self, key: StreamKey) -> Option<BorrowedFd<'_>> {
        self.streams.get(key).map(stream::Pipe::fd)
    }

    /// Reads at most 64 KiB and takes the lines in it. After `Closed`, which is the answer for an unknown key too, the
    /// descriptor is closed, so that the poller has forgotten it.
    pub fn ready(&mut self, key: StreamKey) -> Progress {
        let progress = self.read(key);
        if progress == Progress::Closed {
            self.streams.remove(key);
        }
        progress
    }

    /// Reads what already lies in the pipes of a unit, so that its last lines come before the word of its end. A
    /// process that writes faster than we read, or still holds a pipe, holds nothing up. Readiness is not consumed.
    pub fn catch_up(&mut self, unit: UnitId) {
        let keys = self.streams.iter().filter(|(_, pipe)| pipe.unit() == Some(unit)).map(|(key, _)| key);
        for key in keys.collect::<Vec<_>>() {
            self.read(key);
        }
    }

    fn read(&mut self, key: StreamKey) -> Progress {
        let Some(pipe) = self.streams.get_mut(key) else { return Progress::Closed };
        let progress = pipe.read(&mut self.buffer, &mut |line| self.queue.line(line));
        if let (Some(line), false) = (pipe.unfinished(), pipe.watched) {
            pipe.watched = true;
            self.unfinished.push_back((Instant::now() + PATIENCE, key, line));
        }
        progress
    }

    /// When [`Journal::elapse`] has something to do: never while all lines have their ends.
    pub fn deadline(&mut self) -> Option<Instant> {
        while let Some((deadline, key, _)) = self.unfinished.front() {
            match self.streams.get_mut(*key) {
                Some(pipe) if pipe.unfinished().is_some() => return Some(*deadline),
                Some(pipe) => pipe.watched = false,
                None => {}
            }
            self.unfinished.pop_front();
        }
        None
    }

    /// Gives out lines whose end is late.
    pub fn elapse(&mut self, now: Instant) {
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            let Some((_, key, line)) = self.unfinished.pop_front() else { return };
            let Some(pipe) = self.streams.get_mut(key) else { continue };
            if pipe.unfinished() == Some(line) {
                pipe.lose_patience(&mut |line| self.queue.line(line));
            }
            pipe.watched = pipe.unfinished().is_some();
            // It is another line by now, or a torn character.
            self.unfinished.extend(pipe.unfinished().map(|line| (now + PATIENCE, key, line)));
        }
    }

    /// A line of tenantd's own, about a unit or about itself.
    pub fn say(&mut self, unit: Option<&Name>, text: fmt::Arguments) {
        self.queue.own(unit, text);
    }

    /// The line of one request, to a tenant or answered by tenantd itself. Whether `[log] access` wants it is the caller's
    /// question. It is written and not kept.
    pub fn access(&mut self, unit: Option<&Name>, text: fmt::Arguments) {
        self.queue.access(unit.map_or("tenantd", Name::as_str), text);
    }

    /// The last lines of a unit's processes, oldest first: at most ten, each cut to 512 bytes.
    pub fn tail(&self, unit: &Name) -> Vec<String> {
        self.queue.with_book(|book| book.tail(unit, TAIL.0, TAIL.1))
    }

    /// Lines are kept under a name that is meant by `pattern`, or could be: tenantd's own.
    pub fn knows(&self, pattern: &Pattern) -> bool {
        pattern.matches(OWN) || self.queue.with_book(|book| book.names().any(|name| pattern.matches(name.as_str())))
    }

    /// A reader of the last lines, and of those to come.
    pub fn reader(&self, wanted: Wanted) -> Reader {
        self.queue.with_book(|book| book.reader(wanted))
    }

    /// Gives out what the reader has not seen, in order, until `take` has enough and says false; true if there is more.
    /// `take` must neither wait nor log.
    pub fn tell(&self, reader: &mut Reader, take: &mut dyn FnMut(Told) -> bool) -> bool {
        self.queue.with_book(|book| book.read(reader, take))
    }

    /// Once a turn of the loop: wakes the writer if it sleeps and there is something to write.
    pub fn turn(&mut self) {
        self.queue.wake();
    }

    /// Waits until all is written, or until `deadline`. Unfinished lines are taken as they are.
    pub fn finish(mut self, deadline: Instant) {
        for (_, pipe) in &mut self.streams {
            pipe.read(&mut self.buffer, &mut |line| self.queue.line(line));
            pipe.flush(&mut |line| self.queue.line(line));
        }
        self.queue.finish(deadline);
    }
}
