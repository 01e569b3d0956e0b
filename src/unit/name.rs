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

    /// A name for what is found at a path: `cgi:tools-update` for `/tools/update`. Cut where it would be too long.
    pub fn of_path(kind: &str, path: &str) -> Self {
        // An instance's number must find room.
        const MOST: usize = Name::MAX - 24;
        let legal = |c: char| if c.is_ascii_alphanumeric() || "_.".contains(c) { c } else { '-' };
        let path: String = path.trim_matches('/').chars().map(legal).collect();
        let text = format!("{kind}:{}", if path.is_empty() { "-" } else { &path });
        Self(text[..text.len().min(MOST)].into())
    }

    /// One of many of this name: `cgi:tools-update@7`.
    pub fn numbered(&self, number: u64) -> Self {
        Self(format!("{}@{number}", self.prefix()).into())
    }

    /// What stands for the instance in the name of a template: no instance may be called so.
    pub const TEMPLATE: &str = ".preload";

    /// The name of the preloaded template of this instance and its like: `showcase@.preload`.
    pub fn template(&self) -> Self {
        Self(format!("{}@{}", self.prefix(), Self::TEMPLATE).into())
    }

    /// It is the name of a preloaded template.
    pub fn is_template(&self) -> bool {
        self.instance() == Some(Self::TEMPLATE)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_paths_are_names() {
        let long = "/é".repeat(200);
        for (path, name) in [
            ("/update_config", "cgi:update_config"),
            ("/show case/up.rb", "cgi:show-case-up.rb"),
            ("/a@b", "cgi:a-b"),
            ("/", "cgi:-"),
            ("", "cgi:-"),
            (&long, &format!("cgi:{}", "--".repeat(50))),
        ] {
            let made = Name::of_path("cgi", path);
            assert_eq!(Name::new(made.as_str()).as_ref(), Ok(&made), "{path}");
            assert!(made.as_str().starts_with(name), "{path}: {made}");
            let one = made.numbered(u64::MAX);
            assert_eq!((Name::new(one.as_str()).as_ref(), one.prefix()), (Ok(&one), made.as_str()));
        }
    }
}
