//! A directory of files: opens regular files below it, and never one outside, whatever lies in it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, open, openat, openat2};
use rustix::io::Errno;

use crate::http::file::Facts;

/// Opening a file: never waits for a writer of a pipe, never takes a terminal.
const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);
/// Standing in a directory.
const STAND: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Most times that a lookup is tried again because something was renamed meanwhile.
const TRIES: usize = 8;

/// A directory of files, shared by all tenants that name it.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    fd: OnceLock<OwnedFd>,
    /// There is no openat2(2) here (before Linux 5.6, or a container that refuses it): symbolic links are refused.
    plain: AtomicBool,
}

/// A regular file that was opened.
#[derive(Debug)]
pub(in crate::proxy) struct File {
    pub fd: OwnedFd,
    pub facts: Facts,
}

/// Why there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Miss {
    /// There is none.
    None,
    /// To know that the disk would have to be read.
    Cold,
    /// It cannot be told.
    Failed(Errno),
}

/// Whether the disk may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// No: only what the kernel has in memory.
    Never,
    /// Yes: not on the loop.
    Disk,
}

impl Root {
    /// The directory at this path, which may be missing now and come later.
    pub fn new(path: &Path) -> Self {
        let root = Self { path: path.to_owned(), fd: OnceLock::new(), plain: AtomicBool::new(false) };
        root.stand();
        root
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory is there, or was when it was looked for.
    pub fn is_there(&self) -> bool {
        self.fd.get().is_some()
    }

    /// Looks for the directory, unless it was found.
    pub fn stand(&self) -> Option<BorrowedFd<'_>> {
        if self.fd.get().is_none()
            && let Ok(fd) = open(&self.path, STAND, Mode::empty())
        {
            // Another thread may have been first: its descriptor is as good.
            let _ = self.fd.set(fd);
        }
        self.fd.get().map(OwnedFd::as_fd)
    }

    /// Opens the regular file of this name, which has been checked: no empty segment, no `.` and no `..`.
    pub fn open(&self, name: &[u8], patience: Patience) -> Result<File, Miss> {
        let fd = match patience {
            Patience::Never => self.open_cached(name)?,
            Patience::Disk => self.open_blocking(name)?,
        };
        let about = fstat(&fd).map_err(miss)?;
        if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile {
            return Err(Miss::None);
        }
        let len = u64::try_from(about.st_size).map_err(|_| Miss::None)?;
        let facts = Facts { len, modified: about.st_mtime, nanos: u32::try_from(about.st_mtime_nsec).unwrap_or(0) };
        Ok(File { fd, facts })
    }

    fn open_cached(&self, name: &[u8]) -> Result<OwnedFd, Miss> {
        let Some(root) = self.fd.get() else { return Err(Miss::Cold) };
        if self.plain.load(Ordering::Relaxed) {
            return Err(Miss::Cold);
        }
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::CACHED;
        openat2(root, name, FLAGS, Mode::empty(), resolve).map_err(|error| match error {
            // INVAL: RESOLVE_CACHED is of Linux 5.12. The other two are looked at where the disk may be read.
            Errno::AGAIN | Errno::INVAL | Errno::NOSYS | Errno::PERM => Miss::Cold,
            error => miss(error),
        })
    }

    fn open_blocking(&self, name: &[u8]) -> Result<OwnedFd, Miss> {
        let Some(root) = self.stand() else { return Err(Miss::None) };
        if self.plain.load(Ordering::Relaxed) {
            return walk(root, name);
        }
        for _ in 0..TRIES {
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
            match openat2(root, name, FLAGS, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::NOSYS | Errno::PERM) => {
                    self.plain.store(true, Ordering::Relaxed);
                    return walk(root, name);
                }
                opened => return opened.map_err(miss),
            }
        }
        Err(Miss::Failed(Errno::AGAIN))
    }
}

/// The same without openat2(2): from directory to directory, along no symbolic link.
fn walk(root: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Miss> {
    let mut segments = name.split(|&byte| byte == b'/');
    let last = segments.next_back().unwrap_or_default();
    let mut at: Option<OwnedFd> = None;
    let below = |at: &Option<OwnedFd>, segment: &[u8], flags: OFlags| {
        let directory = at.as_ref().map_or(root, OwnedFd::as_fd);
        openat(directory, segment, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(miss)
    };
    for segment in segments {
        at = Some(below(&at, segment, STAND)?);
    }
    below(&at, last, FLAGS)
}

/// A lack of ours is no answer; all else says that the client cannot have it.
fn miss(error: Errno) -> Miss {
    match error {
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::IO | Errno::INTR => Miss::Failed(error),
        _ => Miss::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// name, found with openat2, found by walking.
    const CASES: [(&str, bool, bool); 15] = [
        ("a", true, true),
        ("d/a", true, true),
        ("d/e/a", true, true),
        ("d", false, false),
        ("missing", false, false),
        ("missing/a", false, false),
        ("a/a", false, false),
        ("fifo", false, false),
        ("socket", false, false),
        ("inside", true, false),
        ("d/inside", true, false),
        ("link-to-d/a", true, false),
        ("outside", false, false),
        ("absolute", false, false),
        ("up/outside/secret", false, false),
    ];

    fn directory() -> tempfile::TempDir {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("root");
        fs::create_dir_all(root.join("d/e")).unwrap();
        for name in ["a", "d/a", "d/e/a", "../secret"] {
            fs::write(root.join(name), name).unwrap();
        }
        fs::create_dir(top.path().join("outside")).unwrap();
        fs::write(top.path().join("outside/secret"), "").unwrap();
        for (target, name) in [
            ("a", "inside"),
            ("../a", "d/inside"),
            ("d", "link-to-d"),
            ("../secret", "outside"),
            ("..", "up"),
            ("/etc/passwd", "absolute"),
        ] {
            symlink(target, root.join(name)).unwrap();
        }
        nix::unistd::mkfifo(&root.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        drop(std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap());
        top
    }

    #[test]
    fn only_regular_files_below_the_root_are_opened() {
        let top = directory();
        let (modern, plain) = (Root::new(&top.path().join("root")), Root::new(&top.path().join("root")));
        plain.plain.store(true, Ordering::Relaxed);
        for (name, by_openat2, by_walking) in CASES {
            let looked = |root: &Root| root.open(name.as_bytes(), Patience::Disk).map(|file| file.facts.len);
            let expected = |found| if found { Ok(()) } else { Err(Miss::None) };
            assert_eq!(looked(&modern).map(|_| ()), expected(by_openat2), "{name}");
            assert_eq!(looked(&plain).map(|_| ()), expected(by_walking), "{name} without openat2");
            assert_eq!(plain.open(name.as_bytes(), Patience::Never).err(), Some(Miss::Cold), "{name}");
        }
    }

    #[test]
    fn a_directory_may_come_later() {
        let top = tempfile::tempdir().unwrap();
        let root = Root::new(&top.path().join("later"));
        assert!(!root.is_there());
        assert_eq!(root.open(b"a", Patience::Never).err(), Some(Miss::Cold));
        assert_eq!(root.open(b"a", Patience::Disk).err(), Some(Miss::None));
        fs::create_dir(top.path().join("later")).unwrap();
        fs::write(top.path().join("later/a"), "12345").unwrap();
        assert_eq!(root.open(b"a", Patience::Disk).map(|file| file.facts.len), Ok(5));
        assert!(root.is_there());
    }
}
