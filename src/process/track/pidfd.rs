//! One process that can be signalled without ever hitting a newcomer to its number. Never looks for processes.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::unit::Signal;

/// A process, held by a pidfd (pidfd_open(2)) where the kernel gives one.
#[derive(Debug)]
pub(super) struct Process {
    pub pid: u32,
    /// `None`: no pidfds (before Linux 5.3, an old seccomp filter), or no descriptor left. Then kill(2) has to do, which
    /// is as safe for a child of ours: we alone free its number.
    fd: Option<OwnedFd>,
}

impl Process {
    /// Holds a process; `None` if there is none. Never one of 0 and 1: to kill(2) they mean "my group" and our own init.
    pub fn hold(pid: u32) -> Option<Self> {
        let known = i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw)?;
        match pidfd_open(known, PidfdFlags::empty()) {
            Err(Errno::SRCH) => None,
            fd => Some(Self { pid, fd: fd.ok() }),
        }
    }

    /// Sends a signal, and SIGCONT after any but SIGKILL and SIGSTOP, so that a stopped process hears it. That it is
    /// gone already is no error.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        self.send(signal.number())?;
        match signal.number() {
            libc::SIGKILL | libc::SIGSTOP | libc::SIGCONT => Ok(()),
            _ => self.send(libc::SIGCONT),
        }
    }

    fn send(&self, signal: i32) -> io::Result<()> {
        let result = match &self.fd {
            // SAFETY: a system call on numbers and a null pointer (siginfo as kill(2) would give); libc has no wrapper,
            // and rustix knows no real-time signals.
            Some(fd) => unsafe {
                libc::syscall(libc::SYS_pidfd_send_signal, fd.as_raw_fd(), signal, std::ptr::null::<u8>(), 0_u32)
            },
            // SAFETY: a system call on numbers; `hold` made sure that the pid names one process.
            None => libc::c_long::from(unsafe { libc::kill(self.pid as i32, signal) }),
        };
        let error = io::Error::last_os_error();
        if result < 0 && error.raw_os_error() != Some(libc::ESRCH) { Err(error) } else { Ok(()) }
    }
}
