//! What was found of names and passwords, by a digest that tells nothing about them: bounded, and gone with the file's
//! contents.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::rand::{GetRandomFlags, getrandom};
use sha2::{Digest as _, Sha256};
use slotmap::Key;

use super::BookKey;

/// A file, its contents and what a client says to be let in, digested with a secret of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

/// Makes digests.
pub(super) struct Seal([u8; 32]);

/// Good ones that are kept at least; at most twice as many.
const GOOD: usize = 4096;
/// The same of bad ones, which anybody can make.
const BAD: usize = 512;
/// A bad one is known for so long: browsers ask several times at once.
const SHORT: Duration = Duration::from_secs(10);

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    good: Halves<Arc<str>>,
    bad: Halves<Instant>,
}

/// What was found of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is this name, and the password is right.
    Good(Arc<str>),
    /// It is wrong.
    Bad,
}

/// Two tables: whoever is asked for moves from the old one to the young one, and when that is full it is the old one.
#[derive(Debug)]
struct Halves<V> {
    young: HashMap<Digest, (BookKey, V)>,
    old: HashMap<Digest, (BookKey, V)>,
}

impl Seal {
    /// A new secret.
    pub fn new() -> io::Result<Self> {
        let mut secret = [0; 32];
        getrandom(&mut secret[..], GetRandomFlags::empty())?;
        Ok(Self(secret))
    }

    /// `value`: the Authorization field.
    pub fn digest(&self, book: BookKey, generation: u64, value: &[u8]) -> Digest {
        let sha = Sha256::new().chain_update(self.0).chain_update(book.data().as_ffi().to_ne_bytes());
        Digest(sha.chain_update(generation.to_ne_bytes()).chain_update(value).finalize().into())
    }
}

/// Never the secret.
impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

impl Verdicts {
    /// What was found, if it is still known.
    pub fn find(&mut self, digest: &Digest, now: Instant) -> Option<Verdict> {
        if let Some(name) = self.good.find(digest, GOOD) {
            return Some(Verdict::Good(name.clone()));
        }
        self.bad.find(digest, BAD).filter(|until| **until > now).map(|_| Verdict::Bad)
    }

    /// The password of this name is right.
    pub fn add_good(&mut self, digest: Digest, book: BookKey, name: &str) {
        self.good.insert(digest, (book, name.into()), GOOD);
    }

    /// It is wrong.
    pub fn add_bad(&mut self, digest: Digest, book: BookKey, now: Instant) {
        self.bad.insert(digest, (book, now + SHORT), BAD);
    }

    /// A file has changed: nothing is known of it any more.
    pub fn forget(&mut self, book: BookKey) {
        self.good.forget(book);
        self.bad.forget(book);
    }
}

impl<V> Default for Halves<V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<V> Halves<V> {
    fn find(&mut self, digest: &Digest, most: usize) -> Option<&V> {
        if let Some(entry) = self.old.remove(digest) {
            self.insert(*digest, entry, most);
        }
        self.young.get(digest).map(|(_, value)| value)
    }

    fn insert(&mut self, digest: Digest, entry: (BookKey, V), most: usize) {
        if self.young.len() >= most {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, entry);
    }

    fn forget(&mut self, book: BookKey) {
        self.young.retain(|_, (own, _)| *own != book);
        self.old.retain(|_, (own, _)| *own != book);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::SlotMap;

    fn good(name: &str) -> Option<Verdict> {
        Some(Verdict::Good(name.into()))
    }

    #[test]
    fn a_digest_is_of_all_that_counts() {
        let mut books = SlotMap::<BookKey, ()>::with_key();
        let (a, b) = (books.insert(()), books.insert(()));
        let (seal, other) = (Seal::new().unwrap(), Seal::new().unwrap());
        let one = seal.digest(a, 1, b"Basic YTpi");
        assert_eq!(one, seal.digest(a, 1, b"Basic YTpi"));
        for unlike in [
            seal.digest(b, 1, b"Basic YTpi"),
            seal.digest(a, 2, b"Basic YTpi"),
            seal.digest(a, 1, b"Basic YTpj"),
            other.digest(a, 1, b"Basic YTpi"),
        ] {
            assert_ne!(one, unlike);
        }
    }

    #[test]
    fn verdicts_are_kept_and_go_with_their_file() {
        let mut books = SlotMap::<BookKey, ()>::with_key();
        let (a, b) = (books.insert(()), books.insert(()));
        let (seal, mut verdicts, now) = (Seal::new().unwrap(), Verdicts::default(), Instant::now());
        let digest = |book, number: usize| seal.digest(book, 0, number.to_string().as_bytes());
        verdicts.add_good(digest(a, 0), a, "anna");
        verdicts.add_bad(digest(a, 1), a, now);
        verdicts.add_good(digest(b, 2), b, "berta");
        assert_eq!(verdicts.find(&digest(a, 0), now), good("anna"));
        assert_eq!(verdicts.find(&digest(a, 1), now), Some(Verdict::Bad));
        assert_eq!(verdicts.find(&digest(a, 1), now + SHORT), None, "a mistake is not remembered for ever");
        assert_eq!(verdicts.find(&digest(a, 3), now), None);
        verdicts.forget(a);
        assert_eq!(verdicts.find(&digest(a, 0), now), None);
        assert_eq!(verdicts.find(&digest(a, 1), now), None);
        assert_eq!(verdicts.find(&digest(b, 2), now), good("berta"));
    }

    #[test]
    fn memory_is_bounded_and_who_comes_again_stays() {
        let mut books = SlotMap::<BookKey, ()>::with_key();
        let book = books.insert(());
        let (seal, mut verdicts, now) = (Seal::new().unwrap(), Verdicts::default(), Instant::now());
        let digest = |number: usize| seal.digest(book, 0, number.to_string().as_bytes());
        for number in 0..5 * GOOD {
            verdicts.add_good(digest(number), book, "x");
            verdicts.add_bad(digest(number + 10 * GOOD), book, now);
            assert_eq!(verdicts.find(&digest(0), now), good("x"));
        }
        assert_eq!(verdicts.find(&digest(1), now), None);
        assert!(verdicts.good.young.len() + verdicts.good.old.len() <= 2 * GOOD);
        assert!(verdicts.bad.young.len() + verdicts.bad.old.len() <= 2 * BAD);
    }
}
