//! Unit names: `vector`, `showcase@2025-boston`.

use std::fmt;
use std::sync::Arc;

/// A unit's full name, without a suffix: `PREFIX` or `PREFIX@INSTANCE`.
///
/// Letters, digits and `:-_.` as in systemd.unit(5), at most 128 bytes; an instance is never empty.
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a text is no unit name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadName;

impl Name {
    /// Longest name in bytes.
    pub const MAX: usize = 128;

    /// Checks `text` and makes it a name.
    pub fn new(text: &str) -> Result<Self, BadName> {
        let (prefix, instance) = match text.split_once('@') {
            Some((prefix, instance)) => (prefix, Some(instance)),
            None => (text, None),
        };
        let legal =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b":-_.".contains(&b));
        let good = text.len() <= Self::MAX && !text.starts_with('.') && legal(prefix) && instance.is_none_or(legal);
        if good { Ok(Self(text.into())) } else { Err(BadName) }
    }

    /// The whole name (`%n`).
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before `@`, or the whole name (`%p`).
    pub fn prefix(&self) -> &str {
        self.0.split_once('@').map_or(&self.0, |(prefix, _)| prefix)
    }

    /// The part after `@` (`%i`).
    pub fn instance(&self) -> Option<&str> {
        self.0.split_once('@').map(|(_, instance)| instance)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
