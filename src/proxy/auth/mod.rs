//! Who gets in by name and password. The loop looks into what is known and never computes a hash nor reads a file: two
//! threads do, and whoever they work for waits in [`Phase::Auth`](super::client::Phase). What is not known lets nobody in.

mod book;
mod entry;
mod verdicts;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use slotmap::SlotMap;

use super::ClientKey;
use super::worker::{Trade, Worker};
use crate::auth::{Credentials, Users};
use crate::poller::Waker;
use crate::route::{Guesses, Subject};
use book::{Book, Look, Looked};
use verdicts::{Digest, Seal, Verdict, Verdicts};

slotmap::new_key_type! {
    /// A file of names and passwords.
    struct BookKey;
}

/// Most passwords that wait for the thread, and most of them from one client: nobody's guesses keep the others out.
const MOST: usize = 256;
const EACH: usize = 32;
/// Most clients that wait for a file to be looked at.
const CROWD: usize = 2048;

/// What the forwarder knows of names and passwords.
#[derive(Debug)]
pub(super) struct Auth {
    books: SlotMap<BookKey, Book>,
    paths: HashMap<PathBuf, BookKey>,
    /// Passwords may be plain text.
    plain: bool,
    seal: Seal,
    verdicts: Verdicts,
    guesses: Guesses,
    looks: Worker<BookKey, Look, Looked>,
    checks: Worker<Digest, Check, bool>,
    /// What the thread computes.
    open: HashMap<Digest, Open>,
}

/// A password to look at.
#[derive(Debug)]
struct Check {
    users: Arc<Users>,
    credentials: Credentials,
}

/// Who waits for what comes of it.
#[derive(Debug)]
struct Open {
    book: BookKey,
    from: Subject,
    name: String,
    waiting: Vec<ClientKey>,
}

/// A request that needs a password.
#[derive(Debug, Clone, Copy)]
struct Knock<'k> {
    key: ClientKey,
    from: Subject,
    /// What it says to be let in.
    value: &'k [u8],
    now: Instant,
}

/// What becomes of it.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    /// It may go on, in this name.
    Known(Arc<str>),
    /// It has none, or a wrong one.
    Asked,
    /// It waits for a thread.
    Waits,
    /// The file of names cannot be read.
    Shut,
    /// Its client has guessed too often.
    Slow(Duration),
    /// Too many wait already.
    Busy,
}

impl Auth {
    /// Nothing is known. `now`: from when failures are counted.
    pub fn new(waker: &Arc<Waker>, now: Instant) -> io::Result<Self> {
        let look = Trade { name: "htpasswd", nice: None, most: CROWD, work: book::look };
        // Behind the requests of everybody else, but not so far that nobody logs in on a busy machine.
        let check = Trade { name: "passwords", nice: Some(10), most: MOST, work: Check::carry_out };
        Ok(Self {
            books: SlotMap::with_key(),
            paths: HashMap::new(),
            plain: false,
            seal: Seal::new()?,
            verdicts: Verdicts::default(),
            guesses: Guesses::new(now),
            looks: Worker::new(look, waker.clone()),
            checks: Worker::new(check, waker.clone()),
            open: HashMap::new(),
        })
    }

    /// Whether passwords may be plain text from now on: files are read anew at their next look.
    pub fn configure(&mut self, plain: bool) {
        self.plain = plain;
    }

    /// What becomes of a request for what `file` guards.
    fn enter(&mut self, knock: Knock<'_>, file: Option<&Path>) -> Entry {
        let Some(file) = file else { return Entry::Shut };
        let index = self.book(file);
        let Some(book) = self.books.get(index) else { return Entry::Shut };
        if !book.is_fresh(knock.now) {
            return self.look(index, knock.key);
        }
        let Some(users) = &book.users else { return Entry::Shut };
        let digest = self.seal.digest(index, book.generation, knock.value);
        match self.verdicts.find(&digest, knock.now) {
            Some(Verdict::Good(name)) => Entry::Known(name),
            Some(Verdict::Bad) => Entry::Asked,
            None => {
                let users = users.clone();
                self.check(knock, index, digest, users)
            }
        }
    }

    fn book(&mut self, file: &Path) -> BookKey {
        if let Some(known) = self.paths.get(file) {
            return *known;
        }
        let key = self.books.insert(Book::new(file));
        self.paths.insert(file.to_owned(), key);
        key
    }

    fn look(&mut self, index: BookKey, key: ClientKey) -> Entry {
        let Some(book) = self.books.get_mut(index).filter(|book| book.waiting.len() < CROWD) else {
            return Entry::Busy;
        };
        if !book.looking {
            if !self.looks.ask(index, book.look(self.plain)) {
                return Entry::Busy;
            }
            book.looking = true;
        }
        book.waiting.push(key);
        Entry::Waits
    }

    fn check(&mut self, knock: Knock<'_>, book: BookKey, digest: Digest, users: Arc<Users>) -> Entry {
        let Some(credentials) = Credentials::parse(knock.value) else { return Entry::Asked };
        if let Some(open) = self.open.get_mut(&digest) {
            open.waiting.push(knock.key);
            return Entry::Waits;
        }
        let from = knock.from;
        if let Some(wait) = self.guesses.wait(from, knock.now) {
            return Entry::Slow(wait);
        }
        let name = String::from_utf8_lossy(credentials.name()).into_owned();
        let own = self.open.values().filter(|open| open.from == from).count();
        if own >= EACH || !self.checks.ask(digest, Check { users, credentials }) {
            return Entry::Busy;
        }
        self.open.insert(digest, Open { book, from, name, waiting: vec![knock.key] });
        Entry::Waits
    }

    /// Whom the threads have answers for. They ask again, and then it is known.
    fn answers(&mut self, now: Instant) -> Vec<ClientKey> {
        let mut woken = Vec::new();
        while let Some((index, looked)) = self.looks.answer() {
            let Some(book) = self.books.get_mut(index) else { continue };
            woken.append(&mut book.waiting);
            if book.take(looked, now) {
                self.verdicts.forget(index);
            }
        }
        while let Some((digest, right)) = self.checks.answer() {
            let Some(mut open) = self.open.remove(&digest) else { continue };
            woken.append(&mut open.waiting);
            self.judge(digest, &open, right == Some(true), now);
        }
        woken
    }

    fn judge(&mut self, digest: Digest, open: &Open, right: bool, now: Instant) {
        if right {
            return self.verdicts.add_good(digest, open.book, &open.name);
        }
        self.verdicts.add_bad(digest, open.book, now);
        if self.guesses.failed(open.from, now) {
            log::warn!("many wrong passwords, the last one for {:?}; its client has to wait from now on", open.name);
        }
    }
}

impl Check {
    fn carry_out(self) -> bool {
        self.users.admit(self.credentials.name(), self.credentials.password())
    }
}
