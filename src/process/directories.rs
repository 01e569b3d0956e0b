//! Directories that are made for a unit (systemd.exec(5), RuntimeDirectory=, StateDirectory=), and removed after it. Below
//! the base no symbolic link is followed: what belongs to the unit's user cannot lead us elsewhere.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Uid, fchmod, fchown, fstat, mkdirat, openat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::step::Step;
use super::user::Ids;
use crate::unit::Service;

/// Most entries that are removed for one unit, so that the others do not wait: some 10 ms in memory.
const MOST: usize = 4096;
/// Deepest directory that is emptied.
const DEPTH: usize = 32;

/// Where a directory is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `runtime_directory`.
    Runtime,
    /// `state_directory`.
    State,
}

/// A directory that could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unmade {
    /// Which list it is in.
    pub kind: Kind,
    /// errno(3).
    pub errno: i32,
}

impl Unmade {
    pub(super) fn step(self) -> Step {
        match self.kind {
            Kind::Runtime => Step::RuntimeDirectory,
            Kind::State => Step::StateDirectory,
        }
    }
}

impl Kind {
    /// The directory that all of this kind are in; `variable` is our environment.
    pub fn base(self, variable: impl Fn(&str) -> Option<String>) -> PathBuf {
        let absolute = |name| variable(name).filter(|path| path.starts_with('/')).map(PathBuf::from);
        let root = geteuid().is_root();
        match self {
            Self::Runtime if root => "/run".into(),
            Self::State if root => "/var/lib".into(),
            Self::Runtime => absolute("XDG_RUNTIME_DIR").unwrap_or_else(|| "/run".into()),
            Self::State => {
                let home = || absolute("HOME").map(|home| home.join(".local/state"));
                absolute("XDG_STATE_HOME").or_else(home).unwrap_or_else(|| "/var/lib".into())
            }
        }
    }

    /// Those of a service, and their permission bits.
    pub fn of(self, service: &Service) -> (&[PathBuf], u32) {
        match self {
            Self::Runtime => (&service.runtime_directory, service.runtime_directory_mode),
            Self::State => (&service.state_directory, service.state_directory_mode),
        }
    }

    /// What they are called in the environment.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Runtime => "RUNTIME_DIRECTORY",
            Self::State => "STATE_DIRECTORY",
        }
    }

    /// The paths of those of a service.
    pub fn paths(self, service: &Service, between: &str, variable: impl Fn(&str) -> Option<String>) -> String {
        let base = self.base(variable);
        let paths = self.of(service).0.iter().map(|name| base.join(name).display().to_string());
        paths.collect::<Vec<_>>().join(between)
    }
}

/// `RUNTIME_DIRECTORY` and `STATE_DIRECTORY`, for those that a service has.
pub fn variables<'a>(
    service: &'a Service,
    variable: impl Fn(&str) -> Option<String> + 'a,
) -> impl Iterator<Item = (&'a str, String)> {
    let kinds = [Kind::Runtime, Kind::State].into_iter().filter(|kind| !kind.of(service).0.is_empty());
    kinds.map(move |kind| (kind.variable(), kind.paths(service, ":", &variable)))
}

/// Makes what the service asks for; what exists is given to the user, without what is in it. `owner` is whom the processes
/// run as, `None` ourselves.
pub fn make(service: &Service, owner: Option<&Ids>, variable: impl Fn(&str) -> Option<String>) -> Result<(), Unmade> {
    for kind in [Kind::Runtime, Kind::State] {
        let (names, mode) = kind.of(service);
        for name in names {
            let made = one(&kind.base(&variable), name, Mode::from_raw_mode(mode), owner);
            made.map_err(|error| Unmade { kind, errno: error.raw_os_error() })?;
        }
    }
    Ok(())
}

/// The parents stay ours, mode 0755.
fn one(base: &Path, name: &Path, mode: Mode, owner: Option<&Ids>) -> Result<(), Errno> {
    let mut parent = open_base(base)?;
    for part in name.parent().into_iter().flat_map(Path::components) {
        parent = made(&parent, Path::new(part.as_os_str()), Mode::from_raw_mode(0o755))?.0;
    }
    let last = name.file_name().ok_or(Errno::INVAL)?;
    let (directory, fresh) = made(&parent, Path::new(last), Mode::from_raw_mode(0o700))?;
    let about = fstat(&directory)?;
    if let Some(ids) = owner
        && (about.st_uid, about.st_gid) != (ids.uid, ids.gid)
    {
        // In a directory of somebody else's this may be anybody's, put there for us to give away. Nobody but root can have
        // moved one of ours with these bits.
        let surely_new = fresh && about.st_uid == geteuid().as_raw() && about.st_mode & 0o777 == 0o700;
        if !surely_new && fstat(&parent)?.st_uid != geteuid().as_raw() {
            return Err(Errno::PERM);
        }
        fchown(&directory, Some(Uid::from_raw(ids.uid)), Some(Gid::from_raw(ids.gid)))?;
    }
    if fresh || permissions(&about) != mode {
        fchmod(&directory, mode)?;
    }
    Ok(())
}

fn permissions(about: &Stat) -> Mode {
    Mode::from_raw_mode(about.st_mode & 0o7777)
}

fn open_base(base: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let errno = |error: io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    match rustix::fs::open(base, flags, Mode::empty()) {
        Err(Errno::NOENT) => {
            std::fs::DirBuilder::new().recursive(true).mode(0o755).create(base).map_err(errno)?;
            rustix::fs::open(base, flags, Mode::empty())
        }
        opened => opened,
    }
}

/// The directory of this name, and whether it is new.
fn made(parent: &OwnedFd, name: &Path, mode: Mode) -> Result<(OwnedFd, bool), Errno> {
    let fresh = match mkdirat(parent, name, mode) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        // A read-only file system may say so although the directory exists.
        Err(error) => return enter(parent.as_fd(), name).map(|directory| (directory, false)).map_err(|_| error),
    };
    Ok((enter(parent.as_fd(), name)?, fresh))
}

fn enter(parent: BorrowedFd<'_>, name: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

/// Removes a directory of `owner`'s, with all that is in it. At most 4096 entries: then `E2BIG`, and the rest stays.
pub fn remove(base: &Path, name: &Path, owner: Option<&Ids>) -> io::Result<()> {
    let removed = remove_from(base, name, owner.map_or(geteuid().as_raw(), |ids| ids.uid));
    match removed {
        Err(Errno::NOENT) => Ok(()),
        other => Ok(other?),
    }
}

fn remove_from(base: &Path, name: &Path, uid: u32) -> Result<(), Errno> {
    let mut parent = rustix::fs::open(base, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    for part in name.parent().into_iter().flat_map(Path::components) {
        parent = enter(parent.as_fd(), Path::new(part.as_os_str()))?;
    }
    let last = Path::new(name.file_name().ok_or(Errno::INVAL)?);
    let directory = enter(parent.as_fd(), last)?;
    let about = fstat(&directory)?;
    if about.st_uid != uid {
        return Err(Errno::PERM);
    }
    empty(directory, about.st_dev, DEPTH, &mut MOST.clone())?;
    unlinkat(&parent, last, AtFlags::REMOVEDIR)
}

/// Stays on one file system: a volume that is mounted inside is not ours to empty.
fn empty(directory: OwnedFd, device: u64, depth: usize, left: &mut usize) -> Result<(), Errno> {
    let entries = Dir::read_from(&directory)?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if [&b"."[..], b".."].contains(&name.to_bytes()) {
            continue;
        }
        *left = left.checked_sub(1).ok_or(Errno::TOOBIG)?;
        let deeper = match entry.file_type() {
            FileType::Directory => true,
            FileType::Unknown => unlinkat(&directory, name, AtFlags::empty()).is_err(),
            _ => {
                gone(unlinkat(&directory, name, AtFlags::empty()))?;
                false
            }
        };
        if !deeper {
            continue;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let inside = openat(&directory, name, flags, Mode::empty())?;
        if fstat(&inside)?.st_dev != device {
            return Err(Errno::XDEV);
        }
        empty(inside, device, depth.checked_sub(1).ok_or(Errno::TOOBIG)?, left)?;
        gone(unlinkat(&directory, name, AtFlags::REMOVEDIR))?;
    }
    Ok(())
}

/// Somebody else may remove it at the same time.
fn gone(removed: Result<(), Errno>) -> Result<(), Errno> {
    if removed == Err(Errno::NOENT) { Ok(()) } else { removed }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    const PLAIN: Mode = Mode::from_raw_mode(0o755);

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    /// Somebody else if we may give directories away, else ourselves.
    fn somebody() -> Ids {
        let other = super::super::user::look_up("4242:4243").unwrap();
        if gives(&other) { other } else { super::super::user::own() }
    }

    fn gives(ids: &Ids) -> bool {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(directory.path(), Some(ids.uid), Some(ids.gid)).is_ok()
    }

    #[test]
    fn a_directory_is_made_and_given_to_its_user() {
        let base = tempfile::tempdir().unwrap();
        let (base, ids) = (base.path().join("not/there"), somebody());
        let path = base.join("web/cache");
        for bits in [0o750, 0o750, 0o700] {
            one(&base, Path::new("web/cache"), Mode::from_raw_mode(bits), Some(&ids)).unwrap();
            fs::write(path.join("kept"), "").unwrap();
            let about = fs::metadata(&path).unwrap();
            assert_eq!((about.uid(), about.gid(), mode(&path)), (ids.uid, ids.gid, bits));
        }
        let parent = fs::metadata(base.join("web")).unwrap();
        assert_eq!((parent.uid(), mode(&base.join("web"))), (geteuid().as_raw(), 0o755));
    }

    #[test]
    fn no_link_is_followed() {
        let (base, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(elsewhere.path(), base.path().join("link")).unwrap();
        fs::write(base.path().join("file"), "").unwrap();
        fs::create_dir(elsewhere.path().join("inner")).unwrap();
        for name in ["link", "link/new", "link/inner", "file", "file/new"] {
            let name = Path::new(name);
            assert_eq!(one(base.path(), name, PLAIN, Some(&somebody())), Err(Errno::NOTDIR), "{name:?}");
            assert!(remove(base.path(), name, None).is_err(), "{name:?}");
        }
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
        assert_eq!(fs::metadata(elsewhere.path()).unwrap().uid(), geteuid().as_raw());
    }

    #[test]
    fn an_old_directory_below_somebody_elses_is_not_given_away() {
        let (base, ids) = (tempfile::tempdir().unwrap(), somebody());
        one(base.path(), Path::new("web"), PLAIN, Some(&ids)).unwrap();
        one(base.path(), Path::new("web/new"), PLAIN, Some(&ids)).unwrap();
        fs::create_dir(base.path().join("web/old")).unwrap();
        let old = one(base.path(), Path::new("web/old"), PLAIN, Some(&ids));
        let ourselves = ids.uid == geteuid().as_raw();
        assert_eq!(old, if ourselves { Ok(()) } else { Err(Errno::PERM) });
    }

    #[test]
    fn a_directory_is_removed_with_all_that_is_in_it() {
        let (base, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (name, ids) = (Path::new("web/run"), somebody());
        one(base.path(), name, PLAIN, Some(&ids)).unwrap();
        let path = base.path().join(name);
        fs::create_dir_all(path.join("a/b/c")).unwrap();
        fs::write(path.join("a/b/file"), "").unwrap();
        fs::write(elsewhere.path().join("kept"), "").unwrap();
        symlink(elsewhere.path(), path.join("a/link")).unwrap();
        remove(base.path(), name, Some(&ids)).unwrap();
        assert!(!path.exists() && base.path().join("web").exists());
        assert!(elsewhere.path().join("kept").exists());
        remove(base.path(), name, Some(&ids)).unwrap();
    }

    #[test]
    fn what_is_somebody_elses_or_too_much_stays() {
        let base = tempfile::tempdir().unwrap();
        let (web, deep) = (base.path().join("web"), "d/".repeat(DEPTH + 2));
        let (name, uid) = (Path::new("web"), geteuid().as_raw());
        fs::create_dir(&web).unwrap();
        assert_eq!(remove_from(base.path(), name, uid + 1), Err(Errno::PERM));
        fs::create_dir_all(web.join(deep)).unwrap();
        assert_eq!(remove_from(base.path(), name, uid), Err(Errno::TOOBIG));
        fs::remove_dir_all(web.join("d")).unwrap();
        (0..=MOST).for_each(|n| fs::write(web.join(n.to_string()), "").unwrap());
        assert_eq!(remove_from(base.path(), name, uid), Err(Errno::TOOBIG));
        assert_eq!(fs::read_dir(&web).unwrap().count(), 1);
        remove(base.path(), name, None).unwrap();
        assert!(!web.exists());
    }
}
