//! One process from one plan. All that can be looked up is looked up before fork(2); the child itself is `child.rs`.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{fmt, io};

use rustix::fs::{Access, OFlags, access, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::getpid;

use super::child::{self, Credentials, Failure, Launch};
use super::directories::Unmade;
use super::step::{self, Step};
use super::track::Place;
use super::user::{Ids, NoUser};
use crate::boot;
use crate::unit::Limit;

/// What to run, and how.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// Program and arguments; a program without `/` is looked up in the `PATH` of `environment`.
    pub argv: &'a [String],
    /// The complete environment: nothing of ours is added but `LISTEN_*`.
    pub environment: &'a BTreeMap<String, String>,
    /// Where it starts.
    pub working_directory: &'a Path,
    /// Whom it runs as, see [`user::of`](super::user::of); `None` is ourselves.
    pub user: Option<&'a Result<Ids, NoUser>>,
    /// What it reads on stdin; `None` is /dev/null.
    pub stdin: Option<BorrowedFd<'a>>,
    /// What becomes descriptor 3.
    pub third: Option<Third<'a>>,
    /// What we found at our own start, to be given back.
    pub limits: &'a boot::Inherited,
    /// Written to `oom_score_adj`, -1000 to 1000.
    pub oom_score_adj: Option<i32>,
    /// Where it can be found again, with all that it forks; `None` leaves it where we are.
    pub place: Option<&'a Place>,
    /// A refusal of `oom_score_adj` is an error; lowering needs CAP_SYS_RESOURCE.
    pub oom_score_must: bool,
    /// Nice level; `None` is ours.
    pub nice: Option<i32>,
    /// Resources of setrlimit(2) and their limits, beside those of `limits`.
    pub rlimits: &'a [(u32, Limit)],
    /// File creation mask; `None` is ours.
    pub umask: Option<u32>,
    /// A directory that could not be made: the process ends with 233/RUNTIME_DIRECTORY or 238/STATE_DIRECTORY.
    pub unmade: Option<Unmade>,
}

/// What a process finds at descriptor 3.
#[derive(Debug, Clone, Copy)]
pub enum Third<'a> {
    /// A listening socket, and its name in `LISTEN_FDNAMES` (sd_listen_fds(3)).
    Listener(BorrowedFd<'a>, &'a str),
    /// Where a preloaded template is told what to fork; no `LISTEN_*` says so.
    Control(BorrowedFd<'a>),
}

impl<'a> Third<'a> {
    fn fd(self) -> BorrowedFd<'a> {
        match self {
            Self::Listener(fd, _) | Self::Control(fd) => fd,
        }
    }

    /// Its name, if it is a listening socket.
    fn name(self) -> Option<&'a str> {
        match self {
            Self::Listener(_, name) => Some(name),
            Self::Control(_) => None,
        }
    }
}

/// A process that exists; whether its program runs is said by `executed`.
#[derive(Debug)]
pub struct Child {
    /// Its pid, which is its process group and its session too.
    pub pid: u32,
    /// Readable once the program runs or could not; see [`read_executed`]. Non-blocking.
    pub executed: OwnedFd,
    /// What it writes on stdout. Non-blocking.
    pub stdout: OwnedFd,
    /// What it writes on stderr. Non-blocking.
    pub stderr: OwnedFd,
}

/// Why no process could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpawnError {
    /// What failed: `fork`, `make a pipe` …
    pub what: &'static str,
    /// errno(3).
    pub errno: i32,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way_out = match self.errno {
            libc::EAGAIN => "; raise the limit of processes (pids.max, ulimit -u)",
            libc::ENOMEM => "; give the container more memory",
            libc::EMFILE | libc::ENFILE => "; raise the limit of open files (ulimit -n)",
            libc::EINVAL => "; take the NUL byte out of the command, the environment or the directory",
            _ => "",
        };
        write!(f, "cannot {}: {}{way_out}", self.what, io::Error::from_raw_os_error(self.errno))
    }
}

impl std::error::Error for SpawnError {}

/// Makes the process. A user or program that does not exist is no error here: the child ends with 217/USER or
/// 203/EXEC, as under systemd.
pub fn spawn(plan: &Plan) -> Result<Child, SpawnError> {
    let (executed, report) = pipe()?;
    let (stdout, stdout_end) = pipe()?;
    let (stderr, stderr_end) = pipe()?;
    let mut launch = Launch {
        program: program(plan)?,
        argv: plan.argv.iter().map(|word| text(word.as_str())).collect::<Result<_, _>>()?,
        environment: environment(plan)?,
        directory: text(plan.working_directory.as_os_str().as_bytes())?,
        user: plan.user.map(|user| user.as_ref().map(Credentials::new).map_err(no_user)),
        oom_score_adj: plan.oom_score_adj.map(|points| points.to_string()),
        oom_score_must: plan.oom_score_must,
        nice: plan.nice,
        limit: plan.limits.rlimit_nofile,
        rlimits: plan.rlimits.iter().map(raw).collect(),
        umask: plan.umask,
        unmade: plan.unmade.map(|unmade| Failure::new(unmade.step(), unmade.errno)),
        third: plan.third.map(|third| third.fd().as_raw_fd()),
        listens: plan.third.is_some_and(|third| third.name().is_some()),
        entrance: plan.place.and_then(|place| place.entrance.as_ref()).map(AsRawFd::as_raw_fd),
        mark: plan.place.map(|place| place.mark),
        parent: plan.place.filter(|place| place.bound).map(|_| getpid().as_raw_nonzero().get()),
        stdin: plan.stdin.map(|fd| fd.as_raw_fd()),
        stdout: stdout_end.as_raw_fd(),
        stderr: stderr_end.as_raw_fd(),
        report: report.as_raw_fd(),
    };
    let pid = child::fork(&mut launch).map_err(|errno| SpawnError { what: "fork", errno })?;
    Ok(Child { pid, executed, stdout, stderr })
}

/// Whether the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executed {
    /// Not known yet.
    Pending,
    /// execve(2) succeeded (or the process was killed before it: its exit says so).
    Succeeded,
    /// This step failed; the process ends with the exit code of that name.
    Failed {
        /// `EXEC`, `USER` … as in `status=203/EXEC`.
        step: &'static str,
        /// errno(3).
        errno: i32,
        /// Which of the plan's `rlimits`, for `LIMITS`; else 0.
        which: u8,
    },
}

/// Reads [`Child::executed`] without blocking.
pub fn read_executed(fd: BorrowedFd) -> Executed {
    let mut report = [0; child::REPORT];
    match rustix::io::retry_on_intr(|| rustix::io::read(fd, &mut report)) {
        Err(rustix::io::Errno::AGAIN) => Executed::Pending,
        Ok(child::REPORT) => {
            let [a, b, c, d, code, which, ..] = report;
            Executed::Failed {
                step: step::status_name(code).unwrap_or("EXCEPTION"),
                errno: i32::from_ne_bytes([a, b, c, d]),
                which,
            }
        }
        _ => Executed::Succeeded,
    }
}

/// A pipe whose read end never blocks us; both ends close at execve.
pub fn pipe() -> Result<(OwnedFd, OwnedFd), SpawnError> {
    let made = pipe_with(PipeFlags::CLOEXEC).and_then(|(read, write)| {
        fcntl_setfl(&read, OFlags::NONBLOCK)?;
        Ok((read, write))
    });
    made.map_err(|error| SpawnError { what: "make a pipe", errno: error.raw_os_error() })
}

/// A pipe to be a child's stdin: its end, and ours, which never blocks. Both close at execve.
pub fn input() -> Result<(OwnedFd, OwnedFd), SpawnError> {
    let made = pipe_with(PipeFlags::CLOEXEC).and_then(|(read, write)| {
        fcntl_setfl(&write, OFlags::NONBLOCK)?;
        Ok((read, write))
    });
    made.map_err(|error| SpawnError { what: "make a pipe", errno: error.raw_os_error() })
}

/// The most that a process of ours may have of this resource, without privilege.
pub fn hard_limit(resource: u32) -> u64 {
    child::limit(resource).map_or(Limit::INFINITY, |limit| limit.rlim_max)
}

fn no_user(missing: &NoUser) -> Failure {
    let step = match missing {
        NoUser::User(_) => Step::User,
        NoUser::Group(_) => Step::Group,
    };
    Failure::new(step, libc::ESRCH)
}

/// Both C libraries say "infinity" as [`Limit::INFINITY`].
fn raw((resource, limit): &(u32, Limit)) -> (u32, libc::rlimit) {
    (*resource, libc::rlimit { rlim_cur: limit.soft, rlim_max: limit.hard })
}

fn text(text: impl Into<Vec<u8>>) -> Result<CString, SpawnError> {
    CString::new(text).map_err(|_| SpawnError { what: "pass a text with a NUL byte", errno: libc::EINVAL })
}

/// The program's path, or the errno that execve would give.
fn program(plan: &Plan) -> Result<Result<CString, i32>, SpawnError> {
    let Some(name) = plan.argv.first().filter(|name| !name.is_empty()) else { return Ok(Err(libc::ENOENT)) };
    if name.contains('/') {
        return text(name.as_str()).map(Ok);
    }
    let path = plan.environment.get("PATH").map_or(super::environment::PATH, String::as_str);
    let mut errno = libc::ENOENT;
    for directory in path.split(':').filter(|directory| directory.starts_with('/')) {
        let candidate = Path::new(directory).join(name);
        if !candidate.is_file() {
            continue;
        }
        if access(&candidate, Access::EXEC_OK).is_ok() {
            return text(candidate.as_os_str().as_bytes()).map(Ok);
        }
        errno = libc::EACCES;
    }
    Ok(Err(errno))
}

/// `KEY=VALUE` texts; `LISTEN_PID` is missing, since only the child knows its pid.
fn environment(plan: &Plan) -> Result<Vec<CString>, SpawnError> {
    let name = plan.third.and_then(Third::name);
    let passed = [("LISTEN_FDS", Some("1")), ("LISTEN_FDNAMES", name)];
    let passed = passed.into_iter().filter_map(|(key, value)| Some((key, value.filter(|_| name.is_some())?)));
    let own = plan.environment.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let own = own.filter(|(key, _)| !matches!(*key, "LISTEN_PID" | "LISTEN_FDS" | "LISTEN_FDNAMES"));
    own.chain(passed).map(|(key, value)| text(format!("{key}={value}"))).collect()
}
