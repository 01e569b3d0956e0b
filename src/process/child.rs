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
    /// Whom to become, or what the look-up did not find; `None` stays who we are.
    pub user: Option<Result<Credentials, Failure>>,
    pub oom_score_adj: Option<String>,
    pub oom_score_must: bool,
    pub nice: Option<c_int>,
    /// RLIMIT_NOFILE as we found it.
    pub limit: libc::rlimit,
    pub rlimits: Vec<(u32, libc::rlimit)>,
    pub umask: Option<libc::mode_t>,
    /// What went wrong before the fork.
    pub unmade: Option<Failure>,
    /// Becomes descriptor 3.
    pub third: Option<RawFd>,
    /// It is a listening socket, for which `LISTEN_PID` is set.
    pub listens: bool,
    /// `cgroup.procs` of its cgroup.
    pub entrance: Option<RawFd>,
    /// Its limit of file locks.
    pub mark: Option<u64>,
    /// Our pid, if the child shall not survive us.
    pub parent: Option<libc::pid_t>,
    /// `None` is /dev/null.
    pub stdin: Option<RawFd>,
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
    pub(super) fn new(ids: &Ids) -> Self {
        let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let ourselves = own == (ids.uid, ids.gid) && (!ids.insists || ids.groups.iter().all(|gid| in_group(*gid)));
        Self { uid: ids.uid, gid: ids.gid, groups: ids.groups.clone(), ourselves }
    }
}

fn in_group(gid: u32) -> bool {
    let all = rustix::process::getgroups().unwrap_or_default();
    gid == rustix::process::getegid().as_raw() || all.iter().any(|own| own.as_raw() == gid)
}

/// A step that failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure {
    step: Step,
    errno: i32,
    /// Which of `rlimits`.
    which: u8,
}

impl Failure {
    pub(super) fn new(step: Step, errno: i32) -> Self {
        Self { step, errno, which: 0 }
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
    if launch.listens {
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
    let failure = unsafe {
        match prepare(launch, arrays) {
            Err(failure) => failure,
            Ok(program) => {
                unblock_signals();
                libc::execve(program, arrays.argv.as_ptr(), arrays.environment.as_ptr());
                Failure::new(Step::Exec, errno())
            }
        }
    };
    let code = failure.step as u8;
    let mut report = [0; REPORT];
    report[..4].copy_from_slice(&failure.errno.to_ne_bytes());
    report[4] = code;
    report[5] = failure.which;
    // SAFETY: `report` is alive, and after _exit nothing of ours runs (no atexit, no destructor).
    unsafe {
        libc::write(lift(launch.report), report.as_ptr().cast(), REPORT);
        libc::_exit(c_int::from(code))
    }
}

/// Everything but execve; gives the program's path.
///
/// # Safety
/// As [`child`].
unsafe fn prepare(launch: &Launch, arrays: &Arrays) -> Result<*const c_char, Failure> {
    // SAFETY: as the caller promises.
    unsafe {
        reset_dispositions();
        check(Step::Setsid, libc::setsid())?;
        settle(launch)?;
        place_descriptors(launch)?;
        write_listen_pid(arrays.listen_pid);
        let raised = write_oom_score(launch.oom_score_adj.as_deref());
        if launch.oom_score_must {
            raised?;
        }
        if let Some(nice) = launch.nice {
            check(Step::Nice, libc::setpriority(libc::PRIO_PROCESS, 0, nice))?;
        }
        check(Step::Limits, libc::setrlimit(libc::RLIMIT_NOFILE, &raw const launch.limit))?;
        set_limits(&launch.rlimits)?;
        if let Some(user) = &launch.user {
            become_user(user.as_ref().map_err(|failure| *failure)?)?;
        }
        launch.unmade.map_or(Ok(()), Err)?;
        if let Some(umask) = launch.umask {
            libc::umask(umask);
        }
        bind_to(launch.parent);
        check(Step::Chdir, libc::chdir(launch.directory.as_ptr()))?;
    }
    launch.program.as_ref().map(|program| program.as_ptr()).map_err(|errno| Failure::new(Step::Exec, *errno))
}

fn check(step: Step, result: c_int) -> Result<c_int, Failure> {
    if result < 0 { Err(Failure::new(step, errno())) } else { Ok(result) }
}

/// Our own limit.
pub(super) fn limit(resource: u32) -> Option<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is alive; an unknown resource is EINVAL.
    let got = unsafe { libc::getrlimit(resource as _, &raw mut limit) };
    (got == 0).then_some(limit)
}

/// Before the change of user: raising a hard limit is then still allowed, if it ever was.
unsafe fn set_limits(limits: &[(u32, libc::rlimit)]) -> Result<(), Failure> {
    for (which, (resource, limit)) in limits.iter().enumerate() {
        // SAFETY: the limit is alive.
        let set = check(Step::Limits, unsafe { libc::setrlimit(*resource as _, limit) });
        set.map_err(|failure| Failure { which: which as u8, ..failure })?;
    }
    Ok(())
}

/// Takes its place, before anything of its own can be forked and before descriptors are overwritten.
///
/// Writing costs the child some 0.3 ms (a move waits for all forks, once for longer), and us nothing; clone3(2) would
/// place it for free, but is refused in a default container.
unsafe fn settle(launch: &Launch) -> Result<(), Failure> {
    // SAFETY: plain system calls on a number, a static text and a value that is alive.
    unsafe {
        if let Some(entrance) = launch.entrance {
            check(Step::Cgroup, libc::write(entrance, c"0".as_ptr().cast(), 1) as c_int)?;
        }
        if let Some(mark) = launch.mark {
            let limit = libc::rlimit { rlim_cur: mark, rlim_max: mark };
            // A sandbox without this limit takes nothing but the mark.
            libc::setrlimit(libc::RLIMIT_LOCKS, &raw const limit);
        }
    }
    Ok(())
}

/// Ends when `parent` does. After the change of user, which clears it (PR_SET_PDEATHSIG(2const)); it is the end of the
/// thread that forks, which is our only one that does.
unsafe fn bind_to(parent: Option<libc::pid_t>) {
    let Some(parent) = parent else { return };
    // SAFETY: plain system calls on numbers.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != parent {
            libc::_exit(1);
        }
    }
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
/// target never keeps its close-on-exec flag (the trap of a socket that is descriptor 3 already).
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

/// stdin is what is given or /dev/null, stdout and stderr are pipes, a socket is 3; all else closes at execve.
unsafe fn place_descriptors(launch: &Launch) -> Result<(), Failure> {
    // SAFETY: plain system calls on numbers and static texts.
    unsafe {
        let stdout = check(Step::Fds, lift(launch.stdout))?;
        let stderr = check(Step::Fds, lift(launch.stderr))?;
        let third = launch.third.map(|fd| check(Step::Fds, lift(fd))).transpose()?;
        let stdin = match launch.stdin {
            Some(fd) => fd,
            None => nothing_to_read(),
        };
        let stdin = check(Step::Stdin, lift(check(Step::Stdin, stdin)?))?;
        check(Step::Stdin, libc::dup2(stdin, 0))?;
        check(Step::Fds, libc::dup2(stdout, 1))?;
        check(Step::Fds, libc::dup2(stderr, 2))?;
        if let Some(third) = third {
            check(Step::Fds, libc::dup2(third, 3))?;
        }
        // A kernel before 5.11, or an old seccomp filter, refuses: every descriptor of ours has the flag anyway, and
        // those that we inherited got it in `boot::prepare`.
        let first = if launch.third.is_some() { 4_u32 } else { 3 };
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

/// Before the change of user, after which the file is not ours.
unsafe fn write_oom_score(points: Option<&str>) -> Result<(), Failure> {
    let Some(points) = points else { return Ok(()) };
    // SAFETY: plain system calls on a static text and on bytes that are alive.
    unsafe {
        let file = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        let file = check(Step::OomAdjust, file)?;
        let written = libc::write(file, points.as_ptr().cast(), points.len());
        if written < 0 { Err(Failure::new(Step::OomAdjust, errno())) } else { Ok(()) }
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
