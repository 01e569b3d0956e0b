//! /proc as the tests see it from outside the namespace: children, zombies, memory, pids inside.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The direct children of `pid`, zombies too.
pub fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// `pid`'s children, their children, and so on.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = children(pid);
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(children(pid));
        next += 1;
    }
    found
}

/// The children of `pid` that have died and are not yet reaped.
pub fn zombies(pid: u32) -> usize {
    children(pid).into_iter().filter(|&child| state(child) == Some('Z')).count()
}

/// All below `pid` that are alive.
pub fn living(pid: u32) -> Vec<u32> {
    descendants(pid).into_iter().filter(|&pid| !matches!(state(pid), None | Some('Z' | 'X'))).collect()
}

/// The cgroup that the tenantd of a runtime directory makes, if it is there.
pub fn cgroup(runtime: &Path) -> Option<PathBuf> {
    let about = fs::metadata(runtime).ok()?;
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?.to_owned();
    let name = format!("tenantd-{:x}-{:x}", about.dev(), about.ino());
    let mounts = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(Path::new);
    mounts.into_iter().map(|mount| mount.join(&own).join(&name)).find(|path| path.exists())
}

/// The state letter of proc(5): R, S, Z …
pub fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat[stat.rfind(')')? + 1..].trim_start().chars().next()
}

/// The pid by which `pid` knows itself in the innermost namespace.
pub fn inner(pid: u32) -> Option<u32> {
    field(pid, "NSpid:")?.split_whitespace().last()?.parse().ok()
}

/// The parent of `pid`.
pub fn parent(pid: u32) -> Option<u32> {
    field(pid, "PPid:")?.parse().ok()
}

/// The namespace of this kind (`pid`, `user`) that `pid` is in.
pub fn namespace(pid: u32, kind: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()
}

/// Resident memory in bytes.
pub fn resident(pid: u32) -> u64 {
    let kib = field(pid, "VmRSS:").and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_else(|| panic!("no VmRSS of {pid}")) * 1024
}

/// Resident memory in bytes without pages of files: what the process itself has taken.
pub fn anonymous(pid: u32) -> u64 {
    let kib = field(pid, "RssAnon:").and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_else(|| panic!("no RssAnon of {pid}")) * 1024
}

/// How many descriptors `pid` has open.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |list| list.count())
}

fn field(pid: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
}
