//! Files of the front door (`[static]`): which names a path may mean, in which order. Pure: which of them is there, others
//! find out.

use crate::config::Static;
use crate::http::file::{directory_name, file_name};

/// What a name that is tried would answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Try {
    /// It is the file itself.
    File,
    /// It is the index of a directory whose slash is missing: the client is sent there.
    Slash,
}

/// The rules of `[static]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaticRules {
    prefix: String,
    try_files: Vec<String>,
    extensions: Vec<String>,
    trailing_slash: bool,
}

impl StaticRules {
    /// Those of a configuration.
    pub fn new(files: &Static) -> Self {
        Self {
            prefix: files.prefix.clone(),
            try_files: files.try_files.clone(),
            extensions: files.extensions.clone(),
            trailing_slash: files.trailing_slash,
        }
    }

    /// Writes the name below the root that a path (canonical, without its query) means by itself: `a/b.css`; a directory ends
    /// with a slash, the root is empty. False if no file has this path: it lies outside of the prefix, is hidden, or means
    /// two things.
    pub fn name(&self, path: &str, name: &mut Vec<u8>) -> bool {
        let Some(below) = path.strip_prefix(self.prefix.as_str()) else { return false };
        match below.ends_with('/') || below.is_empty() {
            true => directory_name(below, name),
            false => file_name(below, name),
        }
    }

    /// The path is the prefix without the slash of its directory.
    pub fn is_bare(&self, path: &str) -> bool {
        !path.is_empty() && path == self.prefix
    }

    /// Tries names until one is there: each is written into `name`, as it was before when this returns. `bare`: see
    /// [`StaticRules::is_bare`].
    pub fn find<T>(
        &self,
        name: &mut Vec<u8>,
        bare: bool,
        mut there: impl FnMut(&mut Vec<u8>, Try) -> Option<T>,
    ) -> Option<T> {
        let len = name.len();
        let mut try_with = |name: &mut Vec<u8>, suffix: &str, what| {
            name.extend_from_slice(suffix.as_bytes());
            let found = there(name, what);
            name.truncate(len);
            found
        };
        if bare && self.trailing_slash {
            return try_with(name, "index.html", Try::Slash);
        }
        if name.is_empty() || name.ends_with(b"/") {
            let mut indexes = self.try_files.iter().filter(|suffix| !suffix.starts_with(['.', '/']));
            return indexes.find_map(|suffix| try_with(name, suffix, Try::File));
        }
        let (allowed, whole) = (self.allows(extension(name)), extension(name).is_some());
        let itself = if allowed { try_with(name, "", Try::File) } else { None };
        if itself.is_some() || whole {
            return itself;
        }
        let slash = if self.trailing_slash { try_with(name, "/index.html", Try::Slash) } else { None };
        let mut others = self.try_files.iter().filter(|suffix| suffix.starts_with(['.', '/']));
        slash.or_else(|| others.find_map(|suffix| try_with(name, suffix, Try::File)))
    }

    fn allows(&self, extension: Option<&[u8]>) -> bool {
        let known = |extension: &[u8]| self.extensions.iter().any(|allowed| allowed.as_bytes() == extension);
        self.extensions.is_empty() || extension.is_some_and(known)
    }
}

/// What stands behind the last dot of the last segment.
fn extension(name: &[u8]) -> Option<&[u8]> {
    let last = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    memchr::memrchr(b'.', last).map(|dot| &last[dot + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(change: impl FnOnce(&mut StaticRules)) -> StaticRules {
        let mut rules = StaticRules::new(&Static::default());
        change(&mut rules);
        rules
    }

    /// All that is tried; `>` is in front of a name whose directory the client is sent to.
    fn tried(rules: &StaticRules, path: &str) -> String {
        let (mut name, mut all) = (b"left over".to_vec(), Vec::new());
        if !rules.name(path, &mut name) {
            return "-".to_owned();
        }
        let before = name.clone();
        let found: Option<()> = rules.find(&mut name, rules.is_bare(path), |name, what| {
            all.push(format!("{}{}", if what == Try::Slash { ">" } else { "" }, String::from_utf8_lossy(name)));
            None
        });
        assert_eq!((found, name), (None, before));
        all.join(" ")
    }

    #[test]
    fn names_are_tried_in_order() {
        let usual = rules(|_| {});
        let slashes = rules(|rules| rules.trailing_slash = true);
        let none = rules(|rules| rules.try_files.clear());
        let few = rules(|rules| rules.extensions = ["css", "js"].map(str::to_owned).to_vec());
        let nested = rules(|rules| rules.try_files = ["/index.html", ".html", "index.htm"].map(str::to_owned).to_vec());
        for (rules, path, names) in [
            (&usual, "/a.css", "a.css"),
            (&usual, "/a", "a a.html a.htm"),
            (&usual, "/a/", "a/index.html"),
            (&usual, "/", "index.html"),
            (&usual, "/a.b/c", "a.b/c a.b/c.html a.b/c.htm"),
            (&usual, "/a%20b", "a b a b.html a b.htm"),
            (&usual, "/a/index.html", "a/index.html"),
            (&usual, "/.well-known/x", ".well-known/x .well-known/x.html .well-known/x.htm"),
            (&usual, "/.env", "-"),
            (&usual, "/a/.git/", "-"),
            (&usual, "/a%2Fb", "-"),
            (&usual, "*", "-"),
            (&slashes, "/a", "a >a/index.html a.html a.htm"),
            (&slashes, "/a.css", "a.css"),
            (&slashes, "/a/", "a/index.html"),
            (&none, "/a/", ""),
            (&none, "/a", "a"),
            (&few, "/a.css", "a.css"),
            (&few, "/a.CSS", ""),
            (&few, "/a.rb", ""),
            (&few, "/a", "a.html a.htm"),
            (&few, "/a/", "a/index.html"),
            (&nested, "/a", "a a/index.html a.html"),
            (&nested, "/a/", "a/index.htm"),
        ] {
            assert_eq!(tried(rules, path), names, "{path}");
        }
    }

    #[test]
    fn the_prefix_is_of_whole_segments() {
        let prefixed = rules(|rules| rules.prefix = "/showcase".into());
        for (path, names) in [
            ("/showcase/a.css", "a.css"),
            ("/showcase/", "index.html"),
            ("/showcase", "index.html"),
            ("/showcases/a.css", "-"),
            ("/a.css", "-"),
            ("/", "-"),
        ] {
            assert_eq!(tried(&prefixed, path), names, "{path}");
        }
        let slashes = StaticRules { trailing_slash: true, ..prefixed };
        assert_eq!(tried(&slashes, "/showcase"), ">index.html");
        assert_eq!(tried(&slashes, "/showcase/"), "index.html");
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_is_tried_leaves_the_root(path in "/([a./%]|%2[eEfF]|%5c|%00|\\\\){0,10}") {
            let all = rules(|rules| rules.trailing_slash = true);
            let mut name = Vec::new();
            if all.name(&path, &mut name) {
                all.find(&mut name, false, |name, _| {
                    assert!(name.split(|&byte| byte == b'/').all(|part| !part.is_empty() && part[0] != b'.'), "{name:?}");
                    None::<()>
                });
            }
        }
    }
}
