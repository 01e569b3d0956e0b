//! Both sides of fork(2). Between fork and execve only async-signal-safe calls: no allocation, no lock, no panic.
//!
//! Everything is made in [`Launch`] beforehand. A step that fails is written to the report pipe as eight bytes and is
//! the exit code of the child.

use std::ffi::{CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::ptr;

use super::step::Step;
use super::user::Ids;

/// Bytes of a failure report: errno, then the step's code, in native order, padded with zeros.
pub(super) const REPORT: usize = 8;

/// Signals are numbered 1 to 64, real-time ones included (signal(7)).
pub(super) const SIGNALS: c_int = 64;

/// Bytes of the kernel's signal mask.
pub(super) const MASK: usize = 8;

/// The first descriptor that no `dup2` of ours has as its target (0 to 3 are targets).
const FREE: c_int = 4;

/// What the child needs, ready-made.
pub(super) struct Launch {
    /// The program's path, or the errno of the look-up.
    pub program: Result<CString, i32>,
    pub argv: Vec<CString>,
    /// Without `LISTEN_PID`.
    pub environment: Vec<CString>,
    pub directory: CString,
    /// Whom to become, or the errno of the look-up; `None` stays who we are.
    pub user: Option<Result<Credentials, i32>>,
    pub oom_score_adj: Option<String>,
    /// RLIMIT_NOFILE as we found it.
    pub limit: libc::rlimit,
    pub listener: Option<RawFd>,
    pub stdout: RawFd,
    pub stderr: RawFd,
    pub report: RawFd,
}

/// Numbers to become.
pub(super) struct Credentials {
    uid: libc::uid_t,
    gid: libc::gid_t,
    groups: Vec<libc::gid_t>,
    /// We are this user already: a refused setgroups(2) (user namespace, no CAP_SETGID) takes nothing away.
    ourselves: bool,
}

impl Credentials {
    pub(super) fn new(ids: Ids) -> Self {
        let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        Self { uid: ids.uid, gid: ids.gid, groups: ids.groups, ourselves: own == (ids.uid, ids.gid) }
    }
}

/// The pointers that execve wants; they point into a [`Launch`] and into `listen_pid`.
struct Arrays {
    argv: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    /// `LISTEN_PID=` and room for any pid and its NUL.
    listen_pid: *mut u8,
}

const LISTEN_PID: &[u8] = b"LISTEN_PID=";

/// Forks. Returns the pid in the parent; the child never returns. The error is errno(3).
pub(super) fn fork(launch: &mut Launch) -> Result<u32, i32> {
    let mut slot = [0; LISTEN_PID.len() + 12];
    slot[..LISTEN_PID.len()].copy_from_slice(LISTEN_PID);
    let listen_pid = slot.as_mut_ptr();
    let mut environment = pointers(&launch.environment);
    if launch.listener.is_some() {
        environment.insert(0, listen_pid.cast::<c_char>().cast_const());
    }
    let arrays = Arrays { argv: pointers(&launch.argv), environment, listen_pid };
    let (pid, errno) = with_signals_blocked(|| {
        // SAFETY: the child runs `child` alone, which calls only async-signal-safe functions and never returns.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: we are the child of a fork; the pointers in `arrays` lead into `launch` and `slot`, alive here.
            unsafe { child(launch, &arrays) }
        }
        (pid, errno())
    });
    u32::try_from(pid).map_err(|_| errno)
}

/// The array of pointers of execve(2), with its NULL at the end.
fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}

/// No handler of ours may run in the child, where it would write to pipes that we share with it.
fn with_signals_blocked<T>(work: impl FnOnce() -> T) -> T {
    let mut all = MaybeUninit::uninit();
    let mut before = MaybeUninit::uninit();
    // SAFETY: sigfillset fills `all`, and pthread_sigmask fills `before`; both succeed with valid pointers.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
    }
    let done = work();
    // SAFETY: `before` was filled above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    done
}

pub(super) fn errno() -> i32 {
    // SAFETY: the address of this thread's errno is always valid.
    unsafe { *libc::__errno_location() }
}

/// The child's whole life before its program.
///
/// # Safety
/// Only in the child of a fork, with all signals blocked and pointers that are alive.
unsafe fn child(launch: &Launch, arrays: &Arrays) -> ! {
    // SAFETY: as above; every call is async-signal-safe and gets numbers and pointers that are alive.
    let (step, errno) = unsafe {
        match prepare(launch, arrays) {
            Err(failure) => failure,
            Ok(program) => {
                unblock_signals();
                libc::execve(program, arrays.argv.as_ptr(), arrays.environment.as_ptr());
                (Step::Exec, errno())
            }
        }
    };
    let mut report = [0; REPORT];
    report[..4].copy_from_slice(&errno.to_ne_bytes());
    report[4] = step as u8;
    // SAFETY: `report` is alive, and after _exit nothing of ours runs (no atexit, no destructor).
    unsafe {
        libc::write(lift(launch.report), report.as_ptr().cast(), REPORT);
        libc::_exit(c_int::from(step as u8))
    }
}

type Failure = (Step, i32);

/// Everything but execve; gives the program's path.
///
/// # Safety
/// As [`child`].
unsafe fn prepare(launch: &Launch, arrays: &Arrays) -> Result<*const c_char, Failure> {
    // SAFETY: as the caller promises.
    unsafe {
        reset_dispositions();
        check(Step::Setsid, libc::setsid())?;
        place_descriptors(launch)?;
        write_listen_pid(arrays.listen_pid);
        raise_oom_score(launch.oom_score_adj.as_deref());
        check(Step::Limits, libc::setrlimit(libc::RLIMIT_NOFILE, &raw const launch.limit))?;
        if let Some(user) = &launch.user {
            become_user(user.as_ref().map_err(|errno| (Step::User, *errno))?)?;
        }
        check(Step::Chdir, libc::chdir(launch.directory.as_ptr()))?;
    }
    launch.program.as_ref().map(|program| program.as_ptr()).map_err(|errno| (Step::Exec, *errno))
}

fn check(step: Step, result: c_int) -> Result<c_int, Failure> {
    if result < 0 { Err((step, errno())) } else { Ok(result) }
}

/// Default dispositions for all signals, SIGPIPE too, which Rust's runtime ignores. The bare system call, because
/// glibc refuses 32 and 33, which its threads use.
unsafe fn reset_dispositions() {
    let default = [0_u64; 4];
    for signal in 1..=SIGNALS {
        // SAFETY: a kernel sigaction of zeros (SIG_DFL, no flags, empty mask); KILL and STOP just say EINVAL.
        unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), ptr::null_mut::<u64>(), MASK);
        }
    }
}

unsafe fn unblock_signals() {
    let none = 0_u64;
    // SAFETY: the kernel's mask is 64 bits.
    unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const none, ptr::null_mut::<u64>(), MASK);
    }
}

/// The same description under a number that is no target of a `dup2`. So source and target always differ, and the
/// target never keeps its close-on-exec flag (the trap of a listener that is descriptor 3 already).
unsafe fn lift(fd: RawFd) -> c_int {
    if fd >= FREE {
        return fd;
    }
    // SAFETY: a plain system call on a number.
    unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, FREE) }
}

/// /dev/null, or in a root without one a pipe that has ended: both read as empty.
unsafe fn nothing_to_read() -> c_int {
    // SAFETY: plain system calls on a static text, on numbers, and on an array that is alive.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        let mut pipe = [-1; 2];
        if null >= 0 || libc::pipe2(pipe.as_mut_ptr(), libc::O_CLOEXEC) < 0 {
            return null;
        }
        libc::close(pipe[1]);
        pipe[0]
    }
}

/// stdin is /dev/null, stdout and stderr are pipes, the listener is 3; all else closes at execve.
unsafe fn place_descriptors(launch: &Launch) -> Result<(), Failure> {
    // SAFETY: plain system calls on numbers and static texts.
    unsafe {
        let stdout = check(Step::Fds, lift(launch.stdout))?;
        let stderr = check(Step::Fds, lift(launch.stderr))?;
        let listener = launch.listener.map(|fd| check(Step::Fds, lift(fd))).transpose()?;
        let null = check(Step::Stdin, nothing_to_read())?;
        let null = check(Step::Stdin, lift(null))?;
        check(Step::Stdin, libc::dup2(null, 0))?;
        check(Step::Fds, libc::dup2(stdout, 1))?;
        check(Step::Fds, libc::dup2(stderr, 2))?;
        if let Some(listener) = listener {
            check(Step::Fds, libc::dup2(listener, 3))?;
        }
        // A kernel before 5.11, or an old seccomp filter, refuses: every descriptor of ours has the flag anyway, and
        // those that we inherited got it in `boot::prepare`.
        let first = if launch.listener.is_some() { 4_u32 } else { 3 };
        libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
    }
    Ok(())
}

/// The digits of our pid, left-aligned (some readers take a leading zero for octal), after `LISTEN_PID=`.
unsafe fn write_listen_pid(slot: *mut u8) {
    // SAFETY: the slot has room for the prefix, ten digits and a NUL; it is this process's own copy.
    unsafe {
        let mut pid = libc::getpid();
        let mut digits = [0_u8; 10];
        let mut at = digits.len();
        while pid > 0 && at > 0 {
            at -= 1;
            digits[at] = b'0' + (pid % 10) as u8;
            pid /= 10;
        }
        ptr::copy_nonoverlapping(digits.as_ptr().add(at), slot.add(LISTEN_PID.len()), digits.len() - at);
    }
}

/// Best effort; before the change of user, after which the file is not ours.
unsafe fn raise_oom_score(points: Option<&str>) {
    let Some(points) = points else { return };
    // SAFETY: plain system calls on a static text and on bytes that are alive.
    unsafe {
        let file = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if file >= 0 {
            libc::write(file, points.as_ptr().cast(), points.len());
        }
    }
}

/// Groups first: after setuid(2) we may not change them any more.
unsafe fn become_user(user: &Credentials) -> Result<(), Failure> {
    // SAFETY: plain system calls on numbers and on a slice that is alive.
    unsafe {
        let groups = check(Step::Group, libc::setgroups(user.groups.len(), user.groups.as_ptr()));
        if !user.ourselves {
            groups?;
        }
        check(Step::Group, libc::setresgid(user.gid, user.gid, user.gid))?;
        check(Step::User, libc::setresuid(user.uid, user.uid, user.uid))?;
    }
    Ok(())
}
