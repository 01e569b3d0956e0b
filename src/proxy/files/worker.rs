//! The thread that reads the disk, so that the loop never waits for it. It begins with a task, answers through the poller's
//! waker, and ends when nothing is left to do: as long as threads share a descriptor table, all system calls cost more.

use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use nix::sys::signal::SigSet;
use rustix::io::Errno;

use super::super::ClientKey;
use super::find::{Found, Look, find};
use super::root::{Miss, Patience, Root};
use crate::poller::Waker;

/// Most tasks that wait.
const MOST: usize = 4096;
/// Bytes of one read, and of what is read of a file that was found.
const PIECE: usize = 128 * 1024;

/// What the disk has to be read for.
#[derive(Debug)]
pub(super) enum Task {
    /// Which file is it?
    Find { root: Arc<Root>, name: Vec<u8>, look: Look },
    /// So many bytes from there shall be in the page cache.
    Warm { file: Arc<OwnedFd>, from: u64, len: u64 },
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Done {
    /// The file, and the beginning of it is in the page cache.
    Found(Result<Found, Miss>),
    /// The bytes are there, as far as there are any.
    Warmed,
}

/// The thread, while it is needed.
#[derive(Debug)]
pub(super) struct Worker {
    waker: Arc<Waker>,
    thread: Option<Thread>,
    waiting: usize,
}

impl Worker {
    /// No thread yet.
    pub fn new(waker: Arc<Waker>) -> Self {
        Self { waker, thread: None, waiting: 0 }
    }

    /// Gives a client's task to the thread. False if there is no thread, or too much to do.
    pub fn ask(&mut self, client: ClientKey, task: Task) -> bool {
        if self.waiting >= MOST {
            return false;
        }
        if self.thread.is_none() {
            match begin(self.waker.clone()) {
                Ok(thread) => (self.thread, self.waiting) = (Some(thread), 0),
                Err(error) => {
                    log::warn!("cannot start the thread that reads files: {error}; trying again");
                    return false;
                }
            }
        }
        let asked = self.thread.as_ref().is_some_and(|(tasks, _)| tasks.send((client, task)).is_ok());
        match asked {
            true => self.waiting += 1,
            // It has ended before its time: the next task begins another.
            false => self.thread = None,
        }
        asked
    }

    /// The next answer.
    pub fn answer(&mut self) -> Option<(ClientKey, Done)> {
        let answer = self.thread.as_ref()?.1.try_recv().ok()?;
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting == 0 {
            self.thread = None;
        }
        Some(answer)
    }
}

/// Where tasks go, and where answers come from.
type Thread = (Sender<(ClientKey, Task)>, Receiver<(ClientKey, Done)>);

fn begin(waker: Arc<Waker>) -> io::Result<Thread> {
    let (tasks, to_do) = channel::<(ClientKey, Task)>();
    let (sender, answers) = channel();
    let work = move || {
        // A signal that the kernel gives to this thread would wake it for nothing.
        let _ = SigSet::all().thread_block();
        let mut scratch = Vec::new();
        for (client, task) in to_do {
            scratch.resize(PIECE, 0);
            let done = catch_unwind(AssertUnwindSafe(|| carry_out(task, &mut scratch)));
            let done = done.unwrap_or(Done::Found(Err(Miss::Failed(Errno::IO))));
            if sender.send((client, done)).is_err() || waker.wake().is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("files".into()).spawn(work)?;
    Ok((tasks, answers))
}

fn carry_out(task: Task, scratch: &mut [u8]) -> Done {
    match task {
        Task::Find { root, mut name, look } => {
            let found = find(&root, &mut name, &look, Patience::Disk);
            if let Ok(found) = &found {
                warm(&found.file.fd, 0, PIECE as u64, scratch);
            }
            Done::Found(found)
        }
        Task::Warm { file, from, len } => {
            warm(&file, from, len, scratch);
            Done::Warmed
        }
    }
}

/// Reads bytes for their place in the page cache. What cannot be read, sendfile(2) will find out.
fn warm(file: &OwnedFd, from: u64, len: u64, scratch: &mut [u8]) {
    let mut at = from;
    while at < from + len {
        let most = scratch.len().min(usize::try_from(from + len - at).unwrap_or(usize::MAX));
        match rustix::io::pread(file, &mut scratch[..most], at) {
            Ok(count) if count > 0 => at += count as u64,
            Err(Errno::INTR) => {}
            _ => return,
        }
    }
}
