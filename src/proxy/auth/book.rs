//! One file of names and passwords: what is known of it, since when, and how a thread looks at it again.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::super::ClientKey;
use crate::auth::Users;

/// What is known of a file counts for so long; then it is looked at again before anybody gets in.
const FRESH: Duration = Duration::from_secs(1);
/// Largest file that is read: some 200,000 names.
const MOST: u64 = 16 << 20;
/// Most bad lines that are named in the log.
const FAULTS: usize = 10;

/// A file, as far as it is known.
#[derive(Debug)]
pub(super) struct Book {
    /// Where it is.
    pub path: Arc<Path>,
    /// Who is in it; `None` if it was never read, or cannot be read.
    pub users: Option<Arc<Users>>,
    /// Counts its contents.
    pub generation: u64,
    /// Clients that wait for it to be looked at.
    pub waiting: Vec<ClientKey>,
    /// The thread looks at it.
    pub looking: bool,
    stamp: Option<Stamp>,
    looked: Option<Instant>,
    /// Why it cannot be read, as it was said.
    trouble: Option<String>,
}

/// What the thread is to look at.
#[derive(Debug)]
pub(super) struct Look {
    path: Arc<Path>,
    plain: bool,
    stamp: Option<Stamp>,
}

/// What it has found.
#[derive(Debug)]
pub(super) enum Looked {
    /// The same as last time.
    Same,
    /// This.
    Read(Users, Stamp),
    /// Nothing that could be read, and why.
    Failed(String),
}

/// When two readings of a file have found the same: no change leaves all of these alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64, u64),
    modified: (i64, i64),
    changed: (i64, i64),
    plain: bool,
}

impl Book {
    /// A file that was not looked at yet.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.into(),
            users: None,
            generation: 0,
            waiting: Vec::new(),
            looking: false,
            stamp: None,
            looked: None,
            trouble: None,
        }
    }

    /// What is known is known well enough to let somebody in.
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.looked.is_some_and(|looked| now.saturating_duration_since(looked) < FRESH)
    }

    /// A task for the thread. `plain`: passwords may be plain text.
    pub fn look(&self, plain: bool) -> Look {
        Look { path: self.path.clone(), plain, stamp: self.stamp }
    }

    /// The thread has looked. True if what was known before does not count any more.
    pub fn take(&mut self, looked: Option<Looked>, now: Instant) -> bool {
        self.looking = false;
        self.looked = Some(now);
        match looked.unwrap_or_else(|| Looked::Failed("a defect in tenantd".into())) {
            Looked::Same => false,
            Looked::Read(users, stamp) => {
                self.stamp = Some(stamp);
                self.trouble = None;
                let changed = self.users.as_deref() != Some(&users);
                if changed {
                    self.say(&users);
                    self.users = Some(users.into());
                    self.generation += 1;
                }
                changed
            }
            Looked::Failed(why) => {
                self.stamp = None;
                let path = self.path.display();
                if self.trouble.as_ref() != Some(&why) {
                    log::warn!("cannot read {path}: {why}; nobody who needs a password gets in until it can be read");
                    self.trouble = Some(why);
                }
                self.generation += 1;
                self.users.take().is_some()
            }
        }
    }

    fn say(&self, users: &Users) {
        let path = self.path.display();
        for fault in users.faults.iter().take(FAULTS) {
            log::warn!("{path}:{}: {}", fault.line, fault.what);
        }
        if let Some(more) = users.faults.len().checked_sub(FAULTS).filter(|more| *more > 0) {
            log::warn!("{path}: {more} more bad lines");
        }
        match users.len() {
            0 => log::warn!("{path} lets nobody in: it has no name with a hash that counts"),
            1 => log::info!("{path}: 1 name"),
            names => log::info!("{path}: {names} names"),
        }
    }
}

/// Looks at a file, and reads it if it may have changed.
pub(super) fn look(Look { path, plain, stamp }: Look) -> Looked {
    let read = || -> io::Result<Looked> {
        // A FIFO in its place must not hold us up.
        let flags = rustix::fs::OFlags::NONBLOCK.bits();
        let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(&*path)?;
        let found = file.metadata()?;
        let new = Stamp::of(&found, plain);
        if stamp == Some(new) && is_settled(&found) {
            return Ok(Looked::Same);
        }
        let text = zeroize::Zeroizing::new(contents(file, &found)?);
        Ok(Looked::Read(Users::parse(&text, plain), new))
    };
    read().unwrap_or_else(|error| Looked::Failed(error.to_string()))
}

fn contents(file: File, found: &Metadata) -> io::Result<Vec<u8>> {
    if !found.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = Vec::new();
    file.take(MOST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MOST {
        return Err(io::Error::other("it is larger than 16 MiB"));
    }
    Ok(text)
}

/// Clocks of file systems tick slowly: a file that has just changed may change once more without a trace.
fn is_settled(found: &Metadata) -> bool {
    let changed = Duration::from_secs(found.ctime().try_into().unwrap_or(0));
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + changed);
    since.is_ok_and(|since| since > Duration::from_secs(3))
}

impl Stamp {
    fn of(found: &Metadata, plain: bool) -> Self {
        Self {
            file: (found.dev(), found.ino(), found.size()),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
            plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const A: &str = "a:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n";

    struct Case {
        dir: tempfile::TempDir,
        book: Book,
        now: Instant,
    }

    impl Case {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let book = Book::new(&dir.path().join("htpasswd"));
            Self { dir, book, now: Instant::now() }
        }

        fn look(&mut self, plain: bool) -> bool {
            self.now += FRESH;
            assert!(!self.book.is_fresh(self.now));
            let looked = look(self.book.look(plain));
            let changed = self.book.take(Some(looked), self.now);
            assert!(self.book.is_fresh(self.now));
            changed
        }

        fn write(&self, text: &str) {
            fs::write(self.dir.path().join("htpasswd"), text).unwrap();
        }

        fn admits(&self, name: &str) -> bool {
            self.book.users.as_ref().is_some_and(|users| users.admit(name.as_bytes(), b"secret"))
        }
    }

    #[test]
    fn a_file_comes_changes_and_goes() {
        let mut case = Case::new();
        assert!(!case.look(false) && !case.admits("a"), "it is not there");
        case.write(A);
        assert!(case.look(false) && case.admits("a"));
        let generation = case.book.generation;
        assert!(!case.look(false) && case.book.generation == generation, "nothing has changed");
        case.write(A);
        assert!(!case.look(false) && case.book.generation == generation, "written anew, and the same");
        // As long as before, and perhaps within the same tick of its clock.
        case.write(&A.replace("a:", "b:"));
        assert!(case.look(false) && case.admits("b") && !case.admits("a") && case.book.generation > generation);
        case.write("b:secret");
        assert!(case.look(false) && !case.admits("b"));
        assert!(case.look(true) && case.admits("b"), "plain text counts from now on");
        fs::remove_file(case.dir.path().join("htpasswd")).unwrap();
        assert!(case.look(true) && case.book.users.is_none());
        fs::create_dir(case.dir.path().join("htpasswd")).unwrap();
        assert!(!case.look(true) && case.book.users.is_none());
    }

    #[test]
    fn what_is_no_file_is_no_trap() {
        let mut case = Case::new();
        nix::unistd::mkfifo(&case.dir.path().join("htpasswd"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(!case.look(false) && case.book.users.is_none());
        let file = File::create(case.dir.path().join("large")).unwrap();
        file.set_len(MOST + 1).unwrap();
        case.book = Book::new(&case.dir.path().join("large"));
        assert!(!case.look(false) && case.book.trouble.as_ref().is_some_and(|why| why.contains("larger")));
    }

    #[test]
    fn a_work_that_panicked_lets_nobody_in() {
        let mut case = Case::new();
        case.write(A);
        assert!(case.look(false));
        assert!(case.book.take(None, case.now) && case.book.users.is_none());
    }
}
