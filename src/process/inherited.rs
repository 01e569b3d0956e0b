//! The signals as our parent left them, and as a main process's keeper wants them. Acts on none.

use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::child::{MASK, SIGNALS};

/// Those that tell of a fault of our own are never blocked; the terminal's two are ignored instead, so that we can write
/// to a terminal that our child owns.
const LEFT: [i32; 9] = [
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGABRT,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGTTIN,
    libc::SIGTTOU,
];

/// `SIG_DFL` and `SIG_IGN` as the kernel has them.
const DEFAULT: u64 = 0;
const IGNORE: u64 = 1;

static BLOCKED: AtomicU64 = AtomicU64::new(0);
static IGNORED: AtomicU64 = AtomicU64::new(0);

/// Runs before `main`, because Rust's runtime ignores SIGPIPE before any code of ours could look.
#[used]
#[unsafe(link_section = ".init_array")]
static REMEMBER: extern "C" fn() = remember;

extern "C" fn remember() {
    let ignored = (1..=SIGNALS).filter(|signal| handler(*signal) == IGNORE).fold(0, |all, signal| all | bit(signal));
    IGNORED.store(ignored, Ordering::Relaxed);
    BLOCKED.store(mask(None), Ordering::Relaxed);
}

/// Signal `n` is bit `n - 1`, as in `/proc/self/status`.
const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// Every signal but [`LEFT`].
fn taken() -> u64 {
    LEFT.into_iter().fold(u64::MAX, |all, signal| all & !bit(signal))
}

/// Blocks the signals, real-time ones included, to be had by [`wait`] one after the other. For a process without
/// threads that will run nothing else.
pub(super) fn take_over() {
    set_handler(libc::SIGTTIN, IGNORE);
    set_handler(libc::SIGTTOU, IGNORE);
    // Our parent may have ignored it: then no child would leave a status.
    set_handler(libc::SIGCHLD, DEFAULT);
    mask(Some(taken()));
}

/// Dispositions and mask as our parent gave them to us. Async-signal-safe: for the child, right before execve(2).
pub(super) fn give_back() {
    let ignored = IGNORED.load(Ordering::Relaxed);
    for signal in 1..=SIGNALS {
        set_handler(signal, if ignored & bit(signal) == 0 { DEFAULT } else { IGNORE });
    }
    mask(Some(BLOCKED.load(Ordering::Relaxed)));
}

/// The next signal; `None` when the time is over, or for no reason. Without a limit it sleeps until one comes.
pub(super) fn wait(limit: Option<Duration>) -> Option<i32> {
    let limit = limit.map(|limit| libc::timespec {
        tv_sec: libc::time_t::try_from(limit.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(limit.subsec_nanos()),
    });
    let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
    let set = taken();
    // SAFETY: the set is the kernel's 64 bits, the time is alive or NULL, and nobody asks for the details.
    // The bare call, because glibc leaves out 32 and 33, which its threads use.
    let signal =
        unsafe { libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set, ptr::null_mut::<u64>(), limit, MASK) };
    i32::try_from(signal).ok().filter(|signal| *signal > 0)
}

/// Sets the mask, if there is one to set, and gives the one before.
fn mask(new: Option<u64>) -> u64 {
    let mut before = 0_u64;
    let new = new.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the kernel's mask is 64 bits; both places are alive, or NULL.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, new, &raw mut before, MASK) };
    before
}

fn handler(signal: i32) -> u64 {
    let mut action = [0_u64; 4];
    // SAFETY: room for a kernel sigaction, whose first word is the handler; nothing is set.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, ptr::null::<u64>(), action.as_mut_ptr(), MASK) };
    action[0]
}

/// For KILL and STOP the kernel just says EINVAL.
fn set_handler(signal: i32, handler: u64) {
    let action = [handler, 0, 0, 0];
    // SAFETY: a kernel sigaction with SIG_DFL or SIG_IGN, no flags, an empty mask.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), ptr::null_mut::<u64>(), MASK) };
}
