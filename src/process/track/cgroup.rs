//! One cgroup, as a directory of files (cgroups(7), cgroup-v2.rst): who is in it, the end of all, its limits.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::hierarchy::write;

/// A cgroup and those below it, which a unit may have made itself.
#[derive(Debug)]
pub(super) struct Cgroup {
    path: PathBuf,
    /// `oom_kill` of memory.events when the run began: the kernel never counts down.
    oom_kills: u64,
}

impl Cgroup {
    /// The cgroup at this directory, new: nobody was killed in it yet.
    pub fn at(path: PathBuf) -> Self {
        Self { path, oom_kills: 0 }
    }

    /// What was killed up to now belongs to a former run.
    pub fn begin(&mut self) {
        self.oom_kills = self.count();
    }

    /// The file into which a process writes `0` to move here.
    pub fn entrance(&self) -> io::Result<OwnedFd> {
        Ok(OpenOptions::new().write(true).open(self.path.join("cgroup.procs"))?.into())
    }

    /// Whether a living process is here or below. Zombies do not count.
    pub fn populated(&self) -> bool {
        let events = fs::read_to_string(self.path.join("cgroup.events"));
        events.is_ok_and(|events| value(&events, "populated").is_some_and(|n| n != 0))
    }

    /// The processes here and below that our pid namespace knows.
    pub fn members(&self) -> Vec<u32> {
        let mut found = self.direct();
        for below in below(&self.path) {
            found.extend(Self::at(below).members());
        }
        found
    }

    /// The processes of this very cgroup.
    pub fn direct(&self) -> Vec<u32> {
        let list = fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
        // 0 is a process of another namespace.
        list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).filter(|pid| *pid != 0).collect()
    }

    /// SIGKILL to all at once, forking ones too (Linux 5.14).
    pub fn kill_all(&self) -> io::Result<()> {
        write(&self.path.join("cgroup.kill"), "1")
    }

    /// Whether the kernel has killed somebody here for want of memory since the run began.
    pub fn ran_out_of_memory(&self) -> bool {
        self.count() > self.oom_kills
    }

    fn count(&self) -> u64 {
        let events = fs::read_to_string(self.path.join("memory.events"));
        events.ok().and_then(|events| value(&events, "oom_kill")).unwrap_or(0)
    }

    /// Sets one limit: `memory.max`, `pids.max` …
    pub fn limit(&self, file: &str, value: &str) -> io::Result<()> {
        write(&self.path.join(file), value)
    }

    /// Takes the cgroup away with all below it; false while a process is left.
    pub fn remove(&self) -> bool {
        let remove = || fs::remove_dir(&self.path).or_else(gone).is_ok();
        remove() || {
            self.remove_below();
            remove()
        }
    }

    /// Takes all below it away that is empty.
    pub fn remove_below(&self) {
        for below in below(&self.path) {
            Self::at(below).remove();
        }
    }
}

fn gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// The directories in a directory; a symbolic link is none.
fn below(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let directories = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories.map(|entry| entry.path()).collect()
}

/// The number of a line `KEY NUMBER`.
fn value(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stand-in for a cgroup with a memory controller, which a hybrid host does not have: a directory of files.
    #[test]
    fn t45_an_oom_kill_counts_from_the_begin_of_the_run() {
        let directory = tempfile::tempdir().unwrap();
        let events = |kills: u64| {
            let text = format!("low 0\nhigh 3\nmax 9\noom 2\noom_kill {kills}\noom_group_kill 7\n");
            fs::write(directory.path().join("memory.events"), text).unwrap();
        };
        let mut cgroup = Cgroup::at(directory.path().to_owned());
        assert!(!cgroup.ran_out_of_memory(), "no controller, no reason");
        events(0);
        assert!(!cgroup.ran_out_of_memory());
        events(1);
        assert!(cgroup.ran_out_of_memory());
        cgroup.begin();
        assert!(!cgroup.ran_out_of_memory(), "what a former run lost");
        events(3);
        assert!(cgroup.ran_out_of_memory());
    }

    #[test]
    fn members_of_all_below_are_listed_and_strangers_to_our_namespace_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("made/by the unit");
        fs::create_dir_all(&below).unwrap();
        fs::write(directory.path().join("cgroup.procs"), "12\n0\n13\n").unwrap();
        fs::write(directory.path().join("cgroup.events"), "populated 1\nfrozen 0\n").unwrap();
        fs::write(below.join("cgroup.procs"), "7\n").unwrap();
        let cgroup = Cgroup::at(directory.path().to_owned());
        assert_eq!((cgroup.populated(), cgroup.members()), (true, vec![12, 13, 7]));
        fs::write(directory.path().join("cgroup.events"), "populated 0\nfrozen 0\n").unwrap();
        assert!(!cgroup.populated());
    }
}
