//! A key that nobody is shown: not in a log, not in `status`, not on a command line.

use std::fmt;

/// The bytes of a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Fewest bytes: less can be guessed.
    pub const LEAST: usize = 16;

    /// A key; a line break at its end is an editor's. The error is for people.
    pub fn new(text: &str) -> Result<Self, String> {
        let text = text.trim_end_matches(['\r', '\n']);
        let short = || format!("it has fewer than {} bytes; make one with: openssl rand -hex 32", Self::LEAST);
        (text.len() >= Self::LEAST).then(|| Self(text.as_bytes().to_vec())).ok_or_else(short)
    }

    /// Its bytes, to sign with.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
