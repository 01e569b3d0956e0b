//! Whether cgroups v2 can be had (cgroups(7)), and the one cgroup of ours below which every unit's is made.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::statfs;
use rustix::io::Errno;

use super::cgroup::Cgroup;
use super::pidfd::Process;
use crate::unit::Signal;

/// Magic number of a cgroup v2 file system (statfs(2)).
const CGROUP2: u64 = 0x6367_7270;
/// The unified hierarchy, or the unified one of a hybrid host.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// Longest wait for the processes that a former tenantd left behind, once they are killed.
const PATIENCE: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };
/// The leaf for ourselves: beside it, its parent may have no process (the rule of "no internal processes").
const LEAF: &str = "init";

/// Our place in the hierarchy.
#[derive(Debug)]
pub(super) struct Hierarchy {
    /// Where we were found.
    own: PathBuf,
    /// `own/tenantd-…`, ours alone.
    base: PathBuf,
}

impl Hierarchy {
    /// Makes our cgroup, or says why there can be none and what to do about it. Whatever a former tenantd of the same
    /// runtime directory left running in it is killed first: no database has two writers.
    pub fn open(runtime: &Path) -> Result<Self, String> {
        let own = own()?;
        // The directory's lock is ours, so what bears its number is ours too. A path may name several directories.
        let about = fs::metadata(runtime).map_err(|error| error.to_string())?;
        let base = own.join(format!("tenantd-{:x}-{:x}", about.dev(), about.ino()));
        let hierarchy = Self { own, base };
        hierarchy.take_over().map_err(|error| refusal(&error))?;
        hierarchy.rehearse().map_err(|error| refusal(&error))?;
        Ok(hierarchy)
    }

    fn take_over(&self) -> io::Result<()> {
        match fs::create_dir(&self.base) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made,
        }
        let left = Cgroup::at(self.base.clone());
        if left.kill_all().is_err() {
            let held = left.members().into_iter().filter_map(Process::hold);
            held.for_each(|process| drop(process.signal(Signal::KILL)));
        }
        let events = File::open(self.base.join("cgroup.events"))?;
        while left.populated() {
            // cgroup.events changes with `populated`; there is nothing else to do before they are gone.
            if poll(&mut [PollFd::from_borrowed_fd(events.as_fd(), PollFlags::PRI)], Some(&PATIENCE)) == Ok(0) {
                break;
            }
        }
        left.remove_below();
        Ok(())
    }

    /// Moves ourselves into a cgroup and back, as a child will move itself: only this shows that it is allowed (a
    /// namespace's edge, a threaded parent and another owner refuse it). If there is no way back, the leaf is as good.
    fn rehearse(&self) -> io::Result<()> {
        let leaf = self.base.join(LEAF);
        fs::create_dir(&leaf)?;
        let moved = enter(&leaf).and_then(|()| enter(&self.own).or(Ok(())));
        let _ = fs::remove_dir(&leaf);
        moved
    }

    /// The cgroup of a unit, empty and new if it can be.
    pub fn make(&self, unit: &str) -> io::Result<Cgroup> {
        // The suffix keeps the name apart from the kernel's own files.
        let path = self.base.join(format!("{unit}.service"));
        let made = fs::create_dir(&path);
        let mut cgroup = Cgroup::at(path);
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => cgroup.begin(),
            made => made?,
        }
        Ok(cgroup)
    }

    /// Lets the cgroups of units have a controller: `memory`, `pids`, `cpu`. Only when a unit asks for a limit: while it
    /// is on, nobody but those in the leaf may be beside us, and an old `docker exec` that insists on the container's
    /// own cgroup is refused.
    pub fn enable(&self, controller: &str) -> io::Result<()> {
        let offered = fs::read_to_string(self.own.join("cgroup.controllers"))?;
        if !offered.split_ascii_whitespace().any(|offered| offered == controller) {
            let text = format!("no {controller} controller is here; boot the host with cgroup v2 alone");
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        let switch = |directory: &Path| write(&directory.join("cgroup.subtree_control"), &format!("+{controller}"));
        match switch(&self.own) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                self.leave()?;
                switch(&self.own)?;
            }
            switched => switched?,
        }
        switch(&self.base)
    }

    /// Moves all processes beside us into the leaf. Only as PID 1: else they are not ours to move, and only we go.
    fn leave(&self) -> io::Result<()> {
        let leaf = self.base.join(LEAF);
        match fs::create_dir(&leaf) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        enter(&leaf)?;
        if std::process::id() == 1 {
            for pid in Cgroup::at(self.own.clone()).direct() {
                // It may be gone by now.
                let _ = write(&leaf.join("cgroup.procs"), &pid.to_string());
            }
        }
        Ok(())
    }
}

/// Takes our cgroup away. What is not empty stays, for a successor.
impl Drop for Hierarchy {
    fn drop(&mut self) {
        let _ = enter(&self.own);
        Cgroup::at(self.base.clone()).remove();
    }
}

/// The directory of the cgroup that we are in.
fn own() -> Result<PathBuf, String> {
    let lines = fs::read_to_string("/proc/self/cgroup").map_err(|_| "no /proc; mount it".to_owned())?;
    let path = lines.lines().find_map(|line| line.strip_prefix("0::/"));
    let mounted = |mount: &&str| statfs(*mount).is_ok_and(|found| u64::try_from(found.f_type) == Ok(CGROUP2));
    let (Some(path), Some(mount)) = (path, MOUNTS.into_iter().find(mounted)) else {
        return Err("no cgroup v2 is mounted; boot the host with cgroup v2".to_owned());
    };
    let own = Path::new(mount).join(path);
    // A bind mount may show another part of the tree.
    if Cgroup::at(own.clone()).direct().contains(&std::process::id()) {
        return Ok(own);
    }
    Err("our own cgroup is not mounted; run with --cgroupns=private".to_owned())
}

/// Moves ourselves.
fn enter(cgroup: &Path) -> io::Result<()> {
    write(&cgroup.join("cgroup.procs"), "0")
}

/// Writes a file that is there: in a directory of cgroups none can be made.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}

/// Why, and the way out.
fn refusal(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::ROFS) => "cgroups are read-only; run with --security-opt writable-cgroups=true".to_owned(),
        Some(Errno::ACCESS | Errno::PERM) => "cgroups belong to another user; run as root".to_owned(),
        _ => format!("cgroups: {error}"),
    }
}
