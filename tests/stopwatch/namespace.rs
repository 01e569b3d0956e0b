//! An init as PID 1 of a namespace of its own: started, looked at from outside, and ended by its pid.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Result;

/// Nothing measured here takes so long.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// A running init. Killed, with all of its namespace, when it is dropped.
pub struct Namespace {
    unshare: Child,
    /// PID 1, as we see it.
    pub pid: u32,
    pub started: Instant,
}

impl Namespace {
    /// Executes a command as PID 1 of a new namespace with its own /proc and mounts.
    pub fn start(command: &[&str]) -> Result<Self> {
        let started = Instant::now();
        // setpriv: if we are killed, so is all that we started.
        let mut words = Command::new("setpriv");
        words.args(["--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
        // Our stdout carries the figures.
        let log = std::io::stderr();
        let mut unshare = words.args(command).stdin(Stdio::null()).stdout(log).spawn()?;
        let pid = until("an init", || {
            if let Some(status) = unshare.try_wait()? {
                return Err(format!("{} ended at once: {status}", command.join(" ")).into());
            }
            Ok(children(unshare.id())?.first().copied())
        })?;
        Ok(Self { unshare, pid, started })
    }

    /// How many children PID 1 has, dead ones too.
    pub fn children(&self) -> Result<usize> {
        Ok(children(self.pid)?.len())
    }

    /// Its processor time, without that of its children: utime and stime of proc_pid_stat(5).
    pub fn processor_time(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Its resident memory in KiB.
    pub fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.split_ascii_whitespace().next().unwrap_or("").parse()?)
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.pid))?.count())
    }

    /// Asks PID 1 to end, and waits until it has.
    pub fn terminate(&mut self) -> Result<()> {
        kill(Pid::from_raw(self.pid as i32), Signal::SIGTERM)?;
        until("the end of PID 1", || Ok(self.unshare.try_wait()?.map(drop)))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if matches!(self.unshare.try_wait(), Ok(None)) {
            // unshare has not waited for it, so that the number is still its own.
            let _ = kill(Pid::from_raw(self.pid as i32), Signal::SIGKILL);
            let _ = self.unshare.wait();
        }
    }
}

fn children(pid: u32) -> Result<Vec<u32>> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(list.split_ascii_whitespace().map(str::parse).collect::<std::result::Result<_, _>>()?)
}

/// Asks again, every fifth of a millisecond, until there is an answer.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    while start.elapsed() < DEADLINE {
        if let Some(found) = look()? {
            return Ok(found);
        }
        sleep(Duration::from_micros(200));
    }
    Err(format!("waited in vain for {what}").into())
}

/// Whether somebody takes connections there.
pub fn wait_socket(path: &Path) -> Result<()> {
    until("the control socket", || Ok(UnixStream::connect(path).ok().map(drop)))
}
