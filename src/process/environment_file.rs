//! Files of variables (systemd.exec(5), EnvironmentFile=), read at each start. Sets nothing: what they say is returned.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::iter::Peekable;
use std::path::PathBuf;
use std::str::Chars;

use rustix::fs::{FileType, Mode, OFlags, fstat, open};

use crate::unit::EnvironmentFile;

/// Longest file in bytes: more would not fit into an environment.
const LONGEST: u64 = 1 << 20;

/// Blanks between words.
const BLANK: [char; 4] = [' ', '\t', '\n', '\r'];

/// Why a file says nothing.
#[derive(Debug)]
pub struct Unread {
    path: PathBuf,
    /// The first is line 1; 0 for the whole file.
    line: usize,
    why: String,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, why } = self;
        match line {
            0 => write!(f, "cannot read environment_file {}: {why}", path.display()),
            line => write!(f, "environment_file {}:{line}: {why}", path.display()),
        }
    }
}

impl std::error::Error for Unread {}

/// All variables of these files; later ones win.
pub fn read(files: &[EnvironmentFile]) -> Result<Vec<(String, String)>, Unread> {
    let mut all = Vec::new();
    for file in files {
        let unread = |line, why| Unread { path: file.path.clone(), line, why };
        if let Some(text) = text(file).map_err(|why| unread(0, why))? {
            all.extend(parse(&text).map_err(|(line, why)| unread(line, why))?);
        }
    }
    Ok(all)
}

/// The text of a regular file; anything else could block us for ever.
fn text(file: &EnvironmentFile) -> Result<Option<String>, String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = match open(&file.path, flags, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) if file.optional => return Ok(None),
        Err(rustix::io::Errno::NOENT) => return Err("no such file; write \"-\" before it if it may be missing".into()),
        Err(error) => return Err(error.to_string()),
        Ok(fd) => fd,
    };
    let about = fstat(&fd).map_err(|error| error.to_string())?;
    if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile {
        return Err("it is no regular file; name another".into());
    }
    let mut bytes = Vec::new();
    File::from(fd).take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LONGEST {
        return Err("it is longer than 1 MiB; shorten it".into());
    }
    String::from_utf8(bytes).map(Some).map_err(|_| "it is no UTF-8 text; convert it".into())
}

/// `NAME=value` lines. Comments begin with `#` or `;`, a backslash at the end of a line joins the next one, quotes and
/// backslashes are much as a shell has them, and nothing is expanded.
fn parse(text: &str) -> Result<Vec<(String, String)>, (usize, String)> {
    let mut all = Vec::new();
    let mut rest = Rest { chars: text.chars().peekable(), line: 1 };
    while let Some(c) = rest.chars.peek().copied() {
        let line = rest.line;
        match c {
            _ if BLANK.contains(&c) => _ = rest.next(),
            '#' | ';' => rest.comment(),
            _ => all.push(rest.assignment().map_err(|why| (line, why))?),
        }
    }
    Ok(all)
}

/// What is not read yet.
struct Rest<'a> {
    chars: Peekable<Chars<'a>>,
    line: usize,
}

impl Rest<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn comment(&mut self) {
        while self.next().is_some_and(|c| c != '\n') {}
    }

    fn assignment(&mut self) -> Result<(String, String), String> {
        let mut name = String::new();
        loop {
            match self.next() {
                Some('=') => break,
                Some(c) if c != '\n' => name.push(c),
                _ => return Err(format!("\"{}\" is no NAME=value", name.escape_debug())),
            }
        }
        let name = name.trim_end();
        let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !letters || !name.starts_with(|c: char| !c.is_ascii_digit()) {
            return Err(format!("\"{}\" is no name of a variable; use letters, digits and _", name.escape_debug()));
        }
        let value = self.value()?;
        if value.contains('\0') {
            return Err("a NUL byte cannot be part of a variable".into());
        }
        Ok((name.to_owned(), value))
    }

    /// Up to the end of the line. As systemd has it, a quote counts at the beginning and after another one: `it's` is plain.
    /// Blanks at both ends of what is not quoted do not count.
    fn value(&mut self) -> Result<String, String> {
        let (mut value, mut kept, mut begins) = (String::new(), 0, true);
        while let Some(c) = self.next() {
            match c {
                '\n' => break,
                '\'' | '"' if begins => self.quoted(c, &mut value)?,
                c if BLANK.contains(&c) => {
                    value.extend((!begins).then_some(c));
                    continue;
                }
                '\\' => {
                    begins = false;
                    value.extend(self.next().filter(|escaped| *escaped != '\n'));
                }
                c => {
                    begins = false;
                    value.push(c);
                }
            }
            kept = value.len();
        }
        value.truncate(kept);
        Ok(value)
    }

    fn quoted(&mut self, quote: char, value: &mut String) -> Result<(), String> {
        while let Some(c) = self.next() {
            match c {
                c if c == quote => return Ok(()),
                '\\' if quote == '"' => match self.next() {
                    Some('\n') => {}
                    Some(c) if "\"\\`$".contains(c) => value.push(c),
                    other => {
                        value.push('\\');
                        value.extend(other);
                    }
                },
                c => value.push(c),
            }
        }
        Err(format!("the quote {quote} is not closed"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined(text: &str) -> String {
        match parse(text) {
            Ok(all) => all.into_iter().map(|(name, value)| format!("{name}={value}|")).collect(),
            Err((line, why)) => format!("{line}: {why}"),
        }
    }

    #[test]
    fn variables() {
        for (text, expected) in [
            ("", ""),
            ("\n  \n# A=b\n; C=d\n", ""),
            ("A=b", "A=b|"),
            ("A=b\nC=d\n", "A=b|C=d|"),
            ("A=b\r\nC=d\r\n", "A=b|C=d|"),
            ("  A = b c  \n", "A=b c|"),
            ("A=\nB=\"\"\n", "A=|B=|"),
            ("A=a=b # no comment\n", "A=a=b # no comment|"),
            ("# a comment \\\nA=b\n", "A=b|"),
            ("A=one\\\n two\n", "A=one two|"),
            ("A=one \\\ntwo\n", "A=one two|"),
            ("A='a b'\n", "A=a b|"),
            ("A='a\\b \"c\" '\n", "A=a\\b \"c\" |"),
            ("A=\"a 'b' \\\" \\$x \\n\"\n", "A=a 'b' \" $x \\n|"),
            ("A=\"one\ntwo\"\nB=c", "A=one\ntwo|B=c|"),
            ("A=\"one\\\ntwo\"\n", "A=onetwo|"),
            ("A=\"a\"'b' \"c\"d\n", "A=abcd|"),
            ("A=it's \"so\"\n", "A=it's \"so\"|"),
            ("A=\\'a\\ \n", "A='a |"),
            ("A=$HOME ${B} `c`\n", "A=$HOME ${B} `c`|"),
            ("_a1=b", "_a1=b|"),
            ("A=1\nA=2", "A=1|A=2|"),
        ] {
            assert_eq!(joined(text), expected, "{text:?}");
        }
    }

    #[test]
    fn mistakes_have_a_line() {
        for (text, expected) in [
            ("A=b\nC", "2: \"C\" is no NAME=value"),
            ("\n\nhallo welt\n", "3: \"hallo welt\" is no NAME=value"),
            ("export A=b", "1: \"export A\" is no name of a variable; use letters, digits and _"),
            ("=b", "1: \"\" is no name of a variable; use letters, digits and _"),
            ("1A=b", "1: \"1A\" is no name of a variable; use letters, digits and _"),
            ("A=b\nB=\"c\nd\n", "2: the quote \" is not closed"),
            ("A='", "1: the quote ' is not closed"),
            ("A=a\0b", "1: a NUL byte cannot be part of a variable"),
        ] {
            assert_eq!(joined(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn quoted_values_come_back(value in "[^\0]*") {
            let escaped: String = value.chars().flat_map(|c| "\"\\`$".contains(c).then_some('\\').into_iter().chain([c])).collect();
            let text = format!("A=\"{escaped}\"\n");
            prop_assert_eq!(parse(&text), Ok(vec![("A".to_owned(), value)]));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
