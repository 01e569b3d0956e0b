//! What /proc tells of processes: children, life, the mark. Each question is a read of one or two small files.

use std::fs;
use std::io;

/// The direct children of a process, dead ones too; of all its threads, since any may fork.
pub(super) fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let mut found = Vec::new();
    for task in tasks.flatten() {
        match fs::read_to_string(task.path().join("children")) {
            Ok(list) => found.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok())),
            // A kernel without CONFIG_PROC_CHILDREN; or the thread has just ended, and costs one look at everybody.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return scan(pid),
            Err(_) => {}
        }
    }
    found
}

/// The same, by asking everybody for his parent.
fn scan(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|&pid| stat(pid).is_some_and(|stat| stat.1 == parent)).collect()
}

/// Whether there is such a process, and it is no zombie. Who may not be looked at (`hidepid`) counts as alive.
pub(super) fn alive(pid: u32) -> bool {
    match stat(pid) {
        Some((state, _)) => !matches!(state, 'Z' | 'X'),
        // SAFETY: signal 0 to a positive number: nothing is sent.
        None => i32::try_from(pid).is_ok_and(|pid| pid > 1 && unsafe { libc::kill(pid, 0) } == 0),
    }
}

/// Who is told when it ends.
pub(super) fn parent(pid: u32) -> Option<u32> {
    stat(pid).map(|(_, parent)| parent)
}

/// State letter and parent (proc(5)). The name before them may contain anything, parentheses too.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let end = memchr::memrchr(b')', &text)?;
    let rest = std::str::from_utf8(text.get(end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// The hard limit of file locks, see [`super::mark`]; everybody may read it.
pub(super) fn mark(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max file locks"))?;
    match line.split_ascii_whitespace().nth(1)? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

/// Whether /proc is there and shows our own pid namespace.
pub(super) fn is_ours() -> bool {
    let shown = fs::read_link("/proc/self").ok();
    shown.and_then(|pid| pid.to_str()?.parse().ok()) == Some(std::process::id())
}
