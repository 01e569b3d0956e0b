//! PID-1 chores before the first and after the last unit. Never fatal: what cannot be done is a note.
#![allow(unsafe_code)]

mod probe;

pub use probe::{knows_close_range, landlock_abi};

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use rustix::process::{getpid, set_child_subreaper, umask};

/// Most descriptors that we ask for: beyond it some programs loop over all of them.
const MOST_FILES: u64 = 1 << 20;

/// What we found at our start and changed, and what we could not have.
#[derive(Debug, Clone)]
pub struct Inherited {
    /// RLIMIT_NOFILE as we found it: children get it back (select(2) breaks above 1024).
    pub rlimit_nofile: libc::rlimit,
    /// Each feature that a missing privilege lowered, for the log and `tenantd status`.
    pub notes: Vec<String>,
}

/// Makes this process fit to be the init. Before any thread or child.
///
/// Rust's runtime has opened descriptors 0 to 2 if they were closed, and ignores SIGPIPE (a child does not).
pub fn prepare() -> Inherited {
    let mut notes = Vec::new();
    let mut note = |result: io::Result<()>, what: &str| {
        if let Err(error) = result {
            notes.push(format!("{what} ({error})"));
        }
    };
    umask(Mode::from_raw_mode(0o022));
    ignore();
    note(unblock(), "signals that the parent process blocked stay blocked");
    if getpid().as_raw_nonzero().get() != 1 {
        note(set_child_subreaper(Some(getpid())).map_err(io::Error::from), "orphans are not reaped: run as PID 1");
    }
    note(hide_inherited(), "services may see our parent's descriptors: use Linux 5.11 or newer, and a current Docker");
    // Where it cannot even be asked for, it is what Linux gives.
    let found = open_files().unwrap_or((1024, 4096));
    note(raise(found), "the limit of open files is not raised: set it with ulimit -n");
    let rlimit_nofile = libc::rlimit { rlim_cur: found.0, rlim_max: found.1 };
    Inherited { rlimit_nofile, notes }
}

/// An empty signal mask: a parent may have left SIGTERM or SIGCHLD blocked, and then we would never hear them.
fn unblock() -> io::Result<()> {
    Ok(nix::sys::signal::SigSet::empty().thread_set_mask()?)
}

/// What would end an ordinary process and asks an init for nothing. A child gets the defaults back.
fn ignore() {
    let real_time = libc::SIGRTMIN()..=libc::SIGRTMAX();
    for signal in [libc::SIGUSR1, libc::SIGUSR2, libc::SIGALRM, libc::SIGVTALRM, libc::SIGPROF, libc::SIGIO]
        .into_iter()
        .chain(real_time)
    {
        // SAFETY: no handler runs. It cannot fail for these numbers.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Soft limit up to the hard one.
fn raise((soft, hard): (u64, u64)) -> io::Result<()> {
    let wanted = hard.min(MOST_FILES);
    if soft >= wanted {
        return Ok(());
    }
    Ok(setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)?)
}

/// The soft and the hard limit of descriptors that we may open; RLIM_INFINITY is the largest number.
pub fn open_files() -> Option<(u64, u64)> {
    // Not rustix: it panics where a filter refuses the question.
    getrlimit(Resource::RLIMIT_NOFILE).ok()
}

/// Close-on-exec on what our own parent left open.
fn hide_inherited() -> io::Result<()> {
    // SAFETY: a system call on numbers; it closes nothing now.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives the calling thread a descriptor table of its own that holds `keep` and the three standard ones: as long as threads
/// share a table, the kernel counts references at each system call of each of them (a fortieth of what a request costs).
/// What was opened before stays open in the others' table. Where the kernel knows no CLOSE_RANGE_UNSHARE (5.9), all is shared.
pub fn part_descriptors(keep: BorrowedFd<'_>) {
    let keep = keep.as_raw_fd().unsigned_abs();
    let close = |first: u32, last: u32, flags: libc::c_uint| {
        // SAFETY: a system call on numbers; with CLOSE_RANGE_UNSHARE first, it closes them for this thread alone, which
        // owns no descriptor but `keep`.
        first > last || unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) } == 0
    };
    let _ = close(keep.max(2) + 1, u32::MAX, libc::CLOSE_RANGE_UNSHARE) && close(3, keep.saturating_sub(1), 0);
}

/// Makes the runtime directory and those above it, mode 0755: services reach their sockets through it.
pub fn runtime_directory(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(path)
}

/// Keeps the directory to ourselves for as long as the descriptor is open, whatever becomes of us: two tenantds would
/// take each other's sockets away. Where the file system knows no locks, nobody is kept out.
pub fn lock(directory: &Path) -> io::Result<OwnedFd> {
    let fd = open(directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    match flock(&fd, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => {
            Err(io::Error::new(io::ErrorKind::AddrInUse, "another tenantd runs here; stop it first"))
        }
        _ => Ok(fd),
    }
}

/// Runs `f` without a file mode creation mask: sockets get exactly the mode that their unit names.
pub fn without_umask<T>(f: impl FnOnce() -> T) -> T {
    let before = umask(Mode::empty());
    let result = f();
    umask(before);
    result
}

/// Gives freed memory back to the kernel, once, after the configuration is loaded.
pub fn trim() {
    // SAFETY: takes a number and touches only the allocator's own state, under its own lock.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}
