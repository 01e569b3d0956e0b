//! What the disk is read for, in a thread: the loop never waits for it.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;

use super::find::{Found, Look, find};
use super::root::{Miss, Patience, Root};

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

/// Reads.
pub(super) fn carry_out(task: Task) -> Done {
    match task {
        Task::Find { root, mut name, look } => {
            let found = find(&root, &mut name, &look, Patience::Disk);
            if let Ok(found) = &found {
                warm(&found.file.fd, 0, PIECE as u64);
            }
            Done::Found(found)
        }
        Task::Warm { file, from, len } => {
            warm(&file, from, len);
            Done::Warmed
        }
    }
}

/// Reads bytes for their place in the page cache. What cannot be read, sendfile(2) will find out.
fn warm(file: &OwnedFd, from: u64, len: u64) {
    let mut scratch = [MaybeUninit::<u8>::uninit(); PIECE];
    let mut at = from;
    while at < from + len {
        let most = scratch.len().min(usize::try_from(from + len - at).unwrap_or(usize::MAX));
        match rustix::io::pread(file, &mut scratch[..most], at) {
            Ok((read, _)) if !read.is_empty() => at += read.len() as u64,
            Err(Errno::INTR) => {}
            _ => return,
        }
    }
}
