//! A file of names and passwords, as Apache's htpasswd(1) writes it: `name:hash`, one a line.

use std::collections::HashMap;

use super::hash::Hash;

/// Who is in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Users {
    hashes: HashMap<Box<[u8]>, Hash>,
    /// What a name that is not there costs: the hash of the first that is.
    decoy: Option<Hash>,
    /// Lines that let nobody in.
    pub faults: Vec<Fault>,
}

/// A line that lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// 1 is the first.
    pub line: usize,
    /// What it is, and what to do; never what stands there.
    pub what: &'static str,
}

impl Users {
    /// Reads a file's text. Empty lines and comments are nothing, white space around a line and a mark of byte order too; of
    /// two lines of one name the first counts, as with Apache.
    pub fn parse(text: &[u8], plain: bool) -> Self {
        let mut users = Self::default();
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            if let Err(what) = users.add(line, plain) {
                users.faults.push(Fault { line: index + 1, what });
            }
        }
        users
    }

    fn add(&mut self, line: &[u8], plain: bool) -> Result<(), &'static str> {
        let colon = line.iter().position(|byte| *byte == b':').ok_or("no colon; write NAME:HASH")?;
        let (name, rest) = (line[..colon].trim_ascii(), &line[colon + 1..]);
        if name.is_empty() {
            return Err("no name; write NAME:HASH");
        }
        if self.hashes.contains_key(name) {
            return Err("a name that an earlier line has; that one counts");
        }
        // Apache's own files may carry more behind a second colon; no hash has one, a plain password may.
        let end = if plain { None } else { rest.iter().position(|byte| *byte == b':') };
        let text =
            str::from_utf8(&rest[..end.unwrap_or(rest.len())]).map_err(|_| "no text; make it anew with htpasswd -B")?;
        let hash = Hash::parse(text, plain)?;
        self.decoy.get_or_insert_with(|| hash.clone());
        self.hashes.insert(name.into(), hash);
        Ok(())
    }

    /// How many may get in.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Nobody may.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether this is the password of that name. A name that is not there takes as long as the first that is.
    pub fn admit(&self, name: &[u8], password: &[u8]) -> bool {
        match (self.hashes.get(name), &self.decoy) {
            (Some(hash), _) => hash.is_of(password),
            (None, Some(decoy)) => {
                decoy.is_of(password);
                false
            }
            (None, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";

    fn parse(text: &str) -> Users {
        Users::parse(text.replace('S', SECRET).as_bytes(), false)
    }

    #[test]
    fn lines() {
        for (text, names, faults) in [
            ("", &[][..], &[][..]),
            ("a:S\nb:S\n", &["a", "b"], &[]),
            ("a:S", &["a"], &[]),
            ("a:S\r\n\r\nb:S\r\n", &["a", "b"], &[]),
            ("\u{feff}# who\n  # more\n\n a:S \n", &["a"], &[]),
            ("a :S", &["a"], &[]),
            ("a:S:more:words", &["a"], &[]),
            ("\u{e4} b:S", &["\u{e4} b"], &[]),
            ("a\nb:S\n:S\nc:\n", &["b"], &[1, 3, 4]),
            ("a:S\na:{SHA}\na:S", &["a"], &[2, 3]),
        ] {
            let users = parse(text);
            assert_eq!(users.len(), names.len(), "{text:?}");
            assert_eq!(users.is_empty(), names.is_empty());
            names.iter().for_each(|name| assert!(users.admit(name.as_bytes(), b"secret"), "{text:?} {name}"));
            assert_eq!(users.faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), faults, "{text:?}");
            assert!(!users.admit(b"nobody", b"secret") && !users.admit(b"", b"secret") && !users.admit(b"a", b""));
        }
    }

    #[test]
    fn the_first_of_two_counts() {
        let users = Users::parse(format!("a:{SECRET}\na:other").as_bytes(), true);
        assert!(users.admit(b"a", b"secret") && !users.admit(b"a", b"other"));
    }

    #[test]
    fn plain_text_where_it_is_asked_for() {
        let text = b"a:se:cret\nb:\nc:\xff";
        assert!(Users::parse(text, false).is_empty());
        let users = Users::parse(text, true);
        assert!(
            users.admit(b"a", b"se:cret") && !users.admit(b"a", b"se") && !users.admit(b"b", b"") && users.len() == 1
        );
    }

    #[test]
    fn what_is_said_of_a_line_holds_nothing_of_it() {
        let users = Users::parse(b"anna:hunter2\nberta\n$2y$nothing", false);
        let said = format!("{users:?}");
        assert!(
            !users.faults.is_empty() && !["anna", "hunter2", "berta", "nothing"].iter().any(|word| said.contains(word)),
            "{said}"
        );
    }
}
