//! What a main process leaves behind: asked to end, waited for a bounded time, killed. As PID 1 that is everybody in the
//! namespace, else our own descendants, which the kernel gives to us as their subreaper.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::fs;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, getpid, waitid};

use super::{inherited, peek, release};

/// From SIGTERM to SIGKILL: half of what Docker and Kamal give for the whole stop.
pub const GRACE: Duration = Duration::from_secs(5);

/// From SIGKILL until we go all the same: a process in an uninterruptible call does not end.
const LAST: Duration = Duration::from_secs(1);

/// How often a killed family is looked through again: one that forks has children that were not in the list.
const AGAIN: Duration = Duration::from_millis(20);

/// Ends what is left of the main process `main`, which is a zombie. A further SIGTERM, SIGINT or SIGQUIT shortens the
/// wait.
pub(super) fn end(main: u32) {
    if !is_first() && family().is_none() {
        // Without /proc its group is all that we know, and only as long as the zombie holds the number.
        group(main, libc::SIGTERM);
        group(main, libc::SIGCONT);
    }
    release(main);
    if all_gone() {
        return;
    }
    everybody(libc::SIGTERM);
    everybody(libc::SIGCONT);
    let mut deadline = Instant::now() + GRACE;
    while !all_gone() {
        let Some(left) = deadline.checked_duration_since(Instant::now()) else { return kill() };
        if let Some(libc::SIGTERM | libc::SIGINT | libc::SIGQUIT) = inherited::wait(Some(left)) {
            deadline = Instant::now();
        }
    }
}

/// Until nobody is left, or time is over.
fn kill() {
    let deadline = Instant::now() + LAST;
    while !all_gone() && Instant::now() < deadline {
        everybody(libc::SIGKILL);
        inherited::wait(Some(AGAIN));
    }
}

/// Reaps; true when we have no child any more. One that came into the namespace by `docker exec` is nobody's child and
/// not waited for.
fn all_gone() -> bool {
    while let Some((pid, _)) = peek() {
        release(pid);
    }
    let any = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::All, any), Err(Errno::CHILD))
}

fn is_first() -> bool {
    getpid().as_raw_nonzero().get() == 1
}

/// Signals all that is ours.
fn everybody(signal: c_int) {
    if is_first() {
        // SAFETY: a system call on numbers: from PID 1 it goes to everybody else in the namespace.
        unsafe { libc::kill(-1, signal) };
        return;
    }
    for pid in family().unwrap_or_default() {
        // SAFETY: a system call on numbers. Our own children keep their numbers until we reap them; a grandchild's can
        // change hands only if all numbers are used up between the look and this call.
        unsafe { libc::kill(pid, signal) };
    }
}

fn group(main: u32, signal: c_int) {
    if let Some(main) = i32::try_from(main).ok().filter(|pid| *pid > 1) {
        // SAFETY: a system call on numbers; the zombie holds the number of the group.
        unsafe { libc::kill(-main, signal) };
    }
}

/// Our descendants by /proc; `None` if there is none, or if it shows another namespace with other numbers.
fn family() -> Option<Vec<i32>> {
    let own = getpid().as_raw_nonzero().get();
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    if numbers.trim() != own.to_string() {
        return None;
    }
    let all = fs::read_dir("/proc").ok()?.flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Some(below(own, &pids.filter_map(|pid| Some((pid, parent(pid)?))).collect()))
}

/// The fourth word of proc_pid_stat(5); the second may hold blanks and parentheses.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat[stat.rfind(')')? + 1..].split_whitespace().nth(1)?.parse().ok()
}

/// All below `root`, by the parents of everybody. Parents come first.
fn below(root: i32, parents: &BTreeMap<i32, i32>) -> Vec<i32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(pid, of)| **of == parent && **pid != root).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_found_at_any_depth() {
        let parents = BTreeMap::from([(1, 0), (5, 1), (7, 5), (3, 7), (8, 3), (9, 1), (10, 9)]);
        assert_eq!(below(5, &parents), [7, 3, 8]);
        assert_eq!(below(1, &parents), [5, 9, 7, 10, 3, 8]);
        assert!(below(8, &parents).is_empty());
    }
}
