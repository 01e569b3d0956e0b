//! A process to be made by the library, and what it says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, PidfdFlags, Resource, WaitOptions, WaitStatus, getrlimit, pidfd_open, waitpid};
use tenantd::boot::Inherited;
use tenantd::process::{self, Child, Executed, Plan, read_executed, spawn};

/// Long enough for a loaded machine; nothing waits so long unless it is broken.
pub const LONG: rustix::time::Timespec = rustix::time::Timespec { tv_sec: 60, tv_nsec: 0 };

/// Names the test that a new process of this binary shall run as its other half.
const ROLE: &str = "TENANTD_TEST_ROLE";

/// What a plan borrows.
pub struct Given {
    pub argv: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub limits: Inherited,
}

impl Given {
    pub fn new<const N: usize>(argv: [&str; N]) -> Self {
        let open = getrlimit(Resource::Nofile);
        let raw = |limit: Option<u64>| limit.unwrap_or(libc::RLIM_INFINITY);
        let rlimit_nofile = libc::rlimit { rlim_cur: raw(open.current), rlim_max: raw(open.maximum) };
        let environment = BTreeMap::from([("PATH".into(), process::environment::PATH.into())]);
        let limits = Inherited { rlimit_nofile, notes: Vec::new() };
        Self { argv: argv.map(str::to_owned).to_vec(), environment, limits }
    }

    pub fn shell(script: &str) -> Self {
        Self::new(["/bin/sh", "-c", script])
    }

    /// This test binary again, as the other half of a test.
    pub fn again(test: &str) -> Self {
        let binary = std::env::current_exe().unwrap();
        let mut given = Self::new([binary.to_str().unwrap(), "--exact", test, "--nocapture"]);
        given.environment.insert(ROLE.into(), test.into());
        given
    }

    pub fn plan(&self) -> Plan<'_> {
        Plan {
            argv: &self.argv,
            environment: &self.environment,
            working_directory: Path::new("/"),
            user: None,
            stdin: None,
            third: None,
            limits: &self.limits,
            oom_score_adj: None,
            place: None,
            oom_score_must: false,
            nice: None,
            rlimits: &[],
            umask: None,
            unmade: None,
        }
    }
}

pub fn is_other_half(test: &str) -> bool {
    std::env::var(ROLE).is_ok_and(|role| role == test)
}

pub fn wait_readable(fd: impl AsFd) {
    let polled = rustix::io::retry_on_intr(|| poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&LONG)));
    assert_eq!(polled, Ok(1), "nothing happened for a minute");
}

pub fn executed(child: &Child) -> Executed {
    wait_readable(&child.executed);
    read_executed(child.executed.as_fd())
}

pub fn all_of(pipe: OwnedFd) -> String {
    fcntl_setfl(&pipe, OFlags::empty()).unwrap();
    let mut text = String::new();
    File::from(pipe).read_to_string(&mut text).unwrap();
    text
}

pub fn status(pid: u32) -> WaitStatus {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    wait_readable(pidfd_open(pid, PidfdFlags::empty()).unwrap());
    waitpid(Some(pid), WaitOptions::NOHANG).unwrap().unwrap().1
}

/// Runs it to its end: exit code, stdout, stderr.
pub fn run(plan: &Plan) -> (Option<i32>, String, String) {
    let child = spawn(plan).unwrap();
    assert_eq!(executed(&child), Executed::Succeeded);
    let (out, err) = (all_of(child.stdout), all_of(child.stderr));
    (status(child.pid).exit_status(), out, err)
}
