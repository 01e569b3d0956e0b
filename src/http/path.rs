//! The one form of a request's path that every rule judges and that is served: what could be read in two ways is refused, and
//! what is written in several ways (RFC 3986 §6.2.2) is written in one.

use std::borrow::Cow;
use std::ops::Range;

use super::refusal::Refusal;

/// A request target (origin-form, or `*`) in its canonical form. A target that is canonical already costs no memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path<'t> {
    target: Cow<'t, str>,
    /// Where the path ends and its query begins.
    end: usize,
    /// The path decoded, where that differs.
    plain: Option<Vec<u8>>,
}

impl<'t> Path<'t> {
    /// Reads a target. Several slashes become one; encoded letters, digits and `-._~` are written plainly, other encodings
    /// in upper case.
    ///
    /// # Errors
    /// 400 for a segment `.` or `..` in whatever encoding, a backslash, an encoded NUL, and `%` without two hexadecimal digits.
    pub fn parse(target: &'t str) -> Result<Self, Refusal> {
        Self::read(Cow::Borrowed(target))
    }

    fn read(target: Cow<'t, str>) -> Result<Self, Refusal> {
        let end = memchr::memchr(b'?', target.as_bytes()).unwrap_or(target.len());
        let path = &target.as_bytes()[..end];
        match is_canonical(path) {
            true => Ok(Self { target, end, plain: None }),
            false => Self::canonical(path, &target[end..]),
        }
    }

    fn canonical(path: &[u8], query: &str) -> Result<Self, Refusal> {
        let (mut text, mut plain) = (String::with_capacity(path.len() + query.len()), Vec::with_capacity(path.len()));
        let mut dots = Dots::default();
        let mut rest = path;
        while let [byte, after @ ..] = rest {
            rest = after;
            match byte {
                b'/' if text.ends_with('/') => {}
                b'\\' => return Err(Refusal::bad("backslash in the path")),
                b'%' => {
                    let value = hex(after).ok_or(Refusal::bad("bad percent-encoding in the path"))?;
                    rest = &after[2..];
                    if value == 0 {
                        return Err(Refusal::bad("NUL in the path"));
                    }
                    dots.note(value)?;
                    put(&mut text, &mut plain, value);
                }
                _ => {
                    dots.note(*byte)?;
                    text.push(char::from(*byte));
                    plain.push(*byte);
                }
            }
        }
        dots.note(b'/')?;
        let end = text.len();
        text.push_str(query);
        let plain = Some(plain).filter(|plain| plain != &text.as_bytes()[..end]);
        Ok(Self { target: Cow::Owned(text), end, plain })
    }

    /// The whole of it, query included, as it is sent on.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The path as it is sent on.
    pub fn path(&self) -> &str {
        &self.target[..self.end]
    }

    /// The query, without its `?`.
    pub fn query(&self) -> Option<&str> {
        self.target.get(self.end + 1..)
    }

    /// The path decoded, as rules judge it. An encoded slash stays encoded: it divides nothing.
    pub fn plain(&self) -> &[u8] {
        self.plain.as_deref().unwrap_or(self.path().as_bytes())
    }

    /// A part of [`Path::plain`] as it is sent on. An encoded character at its edge is part of it.
    pub fn sent(&self, part: Range<usize>) -> &[u8] {
        let text = self.path().as_bytes();
        if !text.contains(&b'%') {
            return text.get(part).unwrap_or_default();
        }
        let (mut at, mut start, mut end) = (0, text.len(), text.len());
        let mut decoded = 0;
        while at < text.len() {
            if decoded >= part.end {
                end = at;
                break;
            }
            let (long, width) = match &text[at..] {
                [b'%', b'2', b'F', ..] => (3, 3),
                [b'%', ..] => (3, 1),
                _ => (1, 1),
            };
            if decoded + width > part.start && start == text.len() {
                start = at;
            }
            (at, decoded) = (at + long, decoded + width);
        }
        text.get(start.min(end)..end).unwrap_or_default()
    }
}

impl Path<'static> {
    /// Reads a target that nobody else needs.
    ///
    /// # Errors
    /// As [`Path::parse`].
    pub fn of(target: String) -> Result<Self, Refusal> {
        Self::read(Cow::Owned(target))
    }
}

/// Nothing in it is written in another way than it could be, or refused.
fn is_canonical(path: &[u8]) -> bool {
    let mut last = 0;
    !path.iter().any(|&byte| {
        let doubtful = matches!(byte, b'%' | b'\\') || last == b'/' && matches!(byte, b'/' | b'.');
        last = byte;
        doubtful
    })
}

/// A byte that was encoded.
fn put(text: &mut String, plain: &mut Vec<u8>, value: u8) {
    if value.is_ascii_alphanumeric() || b"-._~".contains(&value) {
        text.push(char::from(value));
        return plain.push(value);
    }
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0').to_ascii_uppercase();
    text.extend(['%', digit(value >> 4), digit(value & 15)]);
    match value {
        b'/' => plain.extend_from_slice(b"%2F"),
        _ => plain.push(value),
    }
}

/// The two digits of an encoded byte.
fn hex(after: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// Notices a segment of dots alone, whatever divides it for whoever reads it.
#[derive(Default)]
struct Dots {
    /// How many, and nothing else yet.
    count: u8,
    /// The segment has something else.
    other: bool,
}

impl Dots {
    fn note(&mut self, byte: u8) -> Result<(), Refusal> {
        match byte {
            b'/' | b'\\' if !self.other && matches!(self.count, 1 | 2) => {
                return Err(Refusal::bad("dot segment in the path"));
            }
            b'/' | b'\\' => *self = Self::default(),
            b'.' => self.count = self.count.saturating_add(1),
            _ => self.other = true,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_form() {
        for (target, sent, plain) in [
            ("/", "/", "/"),
            ("*", "*", "*"),
            ("/a/b?c=/../%zz", "/a/b?c=/../%zz", "/a/b"),
            ("/a?", "/a?", "/a"),
            ("//a///b//", "/a/b/", "/a/b/"),
            ("/%61%2D%7e", "/a-~", "/a-~"),
            ("/caf%c3%a9?x", "/caf%C3%A9?x", "/café"),
            ("/a%2fb", "/a%2Fb", "/a%2Fb"),
            ("/a%252fb", "/a%252fb", "/a%2fb"),
            ("/a%20b%3Fc", "/a%20b%3Fc", "/a b?c"),
            ("/.well-known/x", "/.well-known/x", "/.well-known/x"),
            ("/...", "/...", "/..."),
            ("/..a/.b", "/..a/.b", "/..a/.b"),
            ("/a.", "/a.", "/a."),
        ] {
            let path = Path::parse(target).unwrap();
            assert_eq!((path.target(), path.plain()), (sent, plain.as_bytes()), "{target}");
            assert_eq!(path.query(), target.split_once('?').map(|(_, query)| query), "{target}");
        }
    }

    #[test]
    fn a_part_is_sent_as_it_came() {
        for (target, part, sent) in [
            ("/a/b?c", 0..4, "/a/b"),
            ("/a/b?c", 1..2, "a"),
            ("/a/b", 4..4, ""),
            ("/caf%C3%A9/x", 4..6, "%C3%A9"),
            ("/caf%C3%A9/x", 6..8, "/x"),
            ("/a%2fb/c", 2..5, "%2F"),
            ("/a%2fb/c", 3..4, "%2F"),
            ("/a%2fb/c", 5..6, "b"),
            ("/a%252Fb/c", 1..6, "a%252Fb"),
            ("/a%20b", 2..2, ""),
            ("/a%20b", 0..4, "/a%20b"),
            ("/a%20", 3..3, ""),
        ] {
            let path = Path::parse(target).unwrap();
            assert_eq!(path.sent(part.clone()), sent.as_bytes(), "{target} {part:?}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for target in [
            "/..",
            "/.",
            "/../a",
            "/a/..",
            "/a/./b",
            "/a/../b",
            "/a//../b",
            "/%2e%2e/a",
            "/%2E./a",
            "/a/%2e",
            "/a%2f..%2fb",
            "/a%2f%2e%2e",
            "/a%5c..%5cb",
            "/..%5ca",
            "/a/..%2f",
            "/a\\b",
            "/a%00",
            "/a%",
            "/a%2",
            "/a%zz",
            "/%u0041",
            "/a%+1",
        ] {
            assert_eq!(Path::parse(target).map_err(|refusal| refusal.status), Err(400), "{target}");
        }
    }

    proptest! {
        #[test]
        fn the_form_is_the_last_word(target in "/([a./%]|%2[eEfF]|%41|%c3){0,12}(\\?[a/%.]{0,4})?") {
            if let Ok(path) = Path::parse(&target) {
                let again = Path::parse(path.target()).unwrap();
                prop_assert_eq!(again.target(), path.target());
                prop_assert_eq!(again.plain(), path.plain());
                prop_assert!(!path.path().contains("//"));
            }
        }
    }
}
