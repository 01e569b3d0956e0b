//! The end of processes, in two steps: look at a zombie, while its pid is surely its own, then free the pid.

use std::io;

use rustix::process::{Pid, WaitOptions, waitpid};

use crate::manager::Exit;
use crate::unit::Signal;

/// The next dead child and how it ended, without freeing its pid (`WNOWAIT`): its process group can still be killed
/// and no newcomer gets its number. The same zombie is returned again until [`release`]. Stopped children are alive.
pub fn peek() -> Option<(u32, Exit)> {
    // SAFETY: siginfo_t is plain data, for which zeros are valid.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: `info` is alive and writable. rustix has no call that gives the pid of `P_ALL`.
    let result = unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, options) };
    // SAFETY: waitid fills the SIGCHLD members, or leaves zeros when nobody is dead.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    let pid = u32::try_from(pid).ok().filter(|pid| result == 0 && *pid != 0)?;
    Some((pid, exit(info.si_code, status)))
}

fn exit(code: i32, status: i32) -> Exit {
    match code {
        libc::CLD_KILLED => Exit::Signal(status, false),
        libc::CLD_DUMPED => Exit::Signal(status, true),
        _ => Exit::Code(status.to_le_bytes()[0]),
    }
}

/// Frees the pid of a zombie that [`peek`] showed.
pub fn release(pid: u32) {
    if let Some(pid) = known(pid) {
        // Nothing to do about an error: ECHILD says that it is free already.
        let _ = waitpid(Some(pid), WaitOptions::NOHANG);
    }
}

/// Signals the process group that `pid` leads; after any but SIGKILL comes SIGCONT, so that stopped processes see it.
/// That it is gone already (ESRCH) is no error. Only for a pid that is not released: a free pid may be a stranger's.
pub fn kill_group(pid: u32, signal: Signal) -> io::Result<()> {
    let Some(pid) = known(pid) else { return Ok(()) };
    send(pid, signal.number())?;
    if signal == Signal::KILL { Ok(()) } else { send(pid, libc::SIGCONT) }
}

/// A child that has not called setsid(2) yet has no group: then the signal goes to itself.
fn send(pid: Pid, signal: i32) -> io::Result<()> {
    let pid = pid.as_raw_nonzero().get();
    for target in [-pid, pid] {
        // SAFETY: a system call on numbers, none of them 0 or -1. rustix knows no real-time signals.
        if unsafe { libc::kill(target, signal) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::ESRCH) {
            return Err(error);
        }
    }
    Ok(())
}

/// Never 0 and never 1: as a process group they mean "our own" and "everybody".
fn known(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw)
}
