//! One main process instead of the units, kept as tini keeps it: terminal, signals and exit code are passed on, orphans
//! are reaped. Reads no configuration, needs no thread; sleeps until a signal comes.

use std::ffi::{CString, OsString, c_char, c_int};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::ptr;

use nix::unistd::{getpgrp, tcgetpgrp, tcsetpgrp};
use rustix::process::{WaitId, WaitIdOptions, getpid, set_child_subreaper, waitid};

use super::child::errno;
use super::{inherited, leftovers, peek, release};
use crate::manager::Exit;

/// After one of these a stopped process must go on, or it would never see that it shall end.
const ENDING: [c_int; 4] = [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGHUP];

/// Why there is no main process.
#[derive(Debug)]
pub enum Failure {
    /// The system refused a process.
    Fork(io::Error),
    /// execve(2) refused the program; the process is gone again.
    Exec(io::Error),
}

/// Runs a command to its end, and then ends what it left behind. Its exit code, or 128 + the number of its signal.
///
/// It gets everything as we got it: environment, directory, descriptors, signal mask and dispositions (but a closed
/// descriptor 0, 1 or 2 is `/dev/null`). It leads a process group of its own, which is the terminal's foreground if we
/// were. To be called once, before any thread and any child.
pub fn run(argv: &[OsString]) -> Result<u8, Failure> {
    let words = argv.iter().map(|word| CString::new(word.clone().into_vec()));
    let words: Vec<CString> = words.collect::<Result<_, _>>().map_err(|error| Failure::Exec(error.into()))?;
    inherited::take_over();
    // As PID 1 we get the orphans anyway; refused by kernels before 3.4 only.
    let _ = set_child_subreaper(Some(getpid()));
    let terminal = tcgetpgrp(io::stdin()).is_ok_and(|foreground| foreground == getpgrp());
    let main = start(&words, terminal)?;
    // So that we keep no directory of the main process's from being unmounted.
    let _ = std::env::set_current_dir("/");
    let exit = keep(main);
    if terminal {
        // To whoever shares our group: the shell script that ran us. We ignore SIGTTOU.
        let _ = tcsetpgrp(io::stdin(), getpgrp());
    }
    leftovers::end(main);
    Ok(code(exit))
}

/// The number that a shell shows.
fn code(exit: Exit) -> u8 {
    match exit {
        Exit::Code(code) => code,
        Exit::OutOfMemory => 128 + 9,
        Exit::Signal(signal, _) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
    }
}

/// Forks and waits until the program runs.
fn start(words: &[CString], terminal: bool) -> Result<u32, Failure> {
    let argv: Vec<*const c_char> = words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect();
    let (mut report, end) = io::pipe().map_err(Failure::Fork)?;
    // SAFETY: this process has one thread; the child runs `child` alone, which never returns.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: we are the child of a fork; the pointers lead into `words`, alive here.
        unsafe { child(&argv, end.as_raw_fd(), terminal) }
    }
    let Ok(main) = u32::try_from(pid) else { return Err(Failure::Fork(io::Error::last_os_error())) };
    drop(end);
    // SAFETY: a system call on numbers. The child does the same: whoever is first, a signal finds the group.
    unsafe { libc::setpgid(pid, pid) };
    let mut errno = [0; 4];
    if report.read_exact(&mut errno).is_err() {
        return Ok(main);
    }
    // It is about to end.
    let _ = waitid(WaitId::Pid(known(pid)), WaitIdOptions::EXITED);
    Err(Failure::Exec(io::Error::from_raw_os_error(i32::from_ne_bytes(errno))))
}

fn known(pid: i32) -> rustix::process::Pid {
    rustix::process::Pid::from_raw(pid).unwrap_or_else(getpid)
}

/// The child until its program runs. Makes the terminal its own itself, so that its program never finds it otherwise.
///
/// # Safety
/// Only in the child of a fork of a process without threads, with our signals blocked.
unsafe fn child(argv: &[*const c_char], report: RawFd, terminal: bool) -> ! {
    // SAFETY: as above: nobody holds a lock; the pointers are alive and end with NULL.
    unsafe {
        libc::setpgid(0, 0);
        if terminal {
            libc::tcsetpgrp(0, libc::getpid());
        }
        inherited::give_back();
        if let Some(program) = argv.first().filter(|program| !program.is_null()) {
            libc::execvp(*program, argv.as_ptr());
        }
        let errno = errno().to_ne_bytes();
        libc::write(report, errno.as_ptr().cast(), errno.len());
        libc::_exit(127)
    }
}

/// Passes every signal on and reaps every orphan until the main process has ended. It stays a zombie: its group keeps
/// its number.
fn keep(main: u32) -> Exit {
    loop {
        match inherited::wait(None) {
            Some(libc::SIGCHLD) => {
                if let Some(exit) = reap(main) {
                    return exit;
                }
            }
            Some(signal) => forward(main, signal),
            None => {}
        }
    }
}

/// `None` while the main process lives.
fn reap(main: u32) -> Option<Exit> {
    if stopped(main) == Some(libc::SIGTSTP) {
        // Ctrl-Z, and there is no shell to go back to.
        forward(main, libc::SIGCONT);
    }
    while let Some((pid, exit)) = peek() {
        if pid == main {
            return Some(exit);
        }
        release(pid);
    }
    None
}

/// The signal that has just stopped the main process.
fn stopped(main: u32) -> Option<c_int> {
    let pid = known(i32::try_from(main).ok()?);
    let status = waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED | WaitIdOptions::NOHANG).ok()??;
    status.stopping_signal()
}

/// To the whole group, or to the process if it has left its group. That nobody is there, or that we may not (a main
/// process that became another user), is no reason to end.
fn forward(main: u32, signal: c_int) {
    let Some(main) = i32::try_from(main).ok().filter(|pid| *pid > 1) else { return };
    // SAFETY: system calls on numbers; `main` is our child, not yet released, so the number is no stranger's.
    unsafe {
        if libc::kill(-main, signal) != 0 && errno() == libc::ESRCH {
            libc::kill(main, signal);
        }
        if ENDING.contains(&signal) {
            libc::kill(-main, libc::SIGCONT);
        }
    }
}
