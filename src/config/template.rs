//! Texts with holes: the captures of a pattern in a path (`$1`, `${name}`), and what is known of a request in a field value
//! (`$host`). Pure.

use regex::bytes::{Captures, Regex};

/// A path with captures of a pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathTemplate(Vec<Piece<usize>>);

/// A field value with what is known of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldTemplate(Vec<Piece<Known>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece<T> {
    Text(String),
    Hole(T),
}

/// What is known of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Host,
    Scheme,
    RemoteAddr,
}

/// The values for the holes of a [`FieldTemplate`].
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Host as the client wrote it.
    pub host: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The client's address, without port.
    pub remote_addr: &'a str,
}

impl PathTemplate {
    /// Reads it. `$10` is the tenth group, `${1}0` the first and a nought, `$$` a dollar. Without a pattern there is nothing
    /// to put in: then a `$` is a mistake.
    pub fn parse(text: &str, pattern: Option<&Regex>) -> Result<Self, String> {
        let hole = |name: &str| {
            let Some(pattern) = pattern else {
                return Err(format!("${name} is what a pattern has caught; there is none"));
            };
            let number = match name.parse() {
                Ok(number) => Some(number),
                Err(_) => pattern.capture_names().position(|known| known == Some(name)),
            };
            let groups = pattern.captures_len() - 1;
            number.filter(|number| (1..=groups).contains(number)).ok_or_else(|| match groups {
                0 => format!("the pattern has no group for ${name}; write ( ) around what is meant"),
                1 => format!("the pattern has no group {name}, only $1"),
                _ => format!("the pattern has no group {name}, only $1 to ${groups}"),
            })
        };
        pieces(text, hole).map(Self)
    }

    /// It has no holes.
    pub fn is_plain(&self) -> bool {
        self.0.iter().all(|piece| matches!(piece, Piece::Text(_)))
    }

    /// Appends the text of it; `caught` appends what a group has caught.
    pub fn fill(&self, out: &mut Vec<u8>, mut caught: impl FnMut(&mut Vec<u8>, usize)) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Hole(group) => caught(out, *group),
            }
        }
    }

    /// Appends the text of it; a group that has caught nothing is empty.
    pub fn put(&self, out: &mut Vec<u8>, captures: Option<&Captures<'_>>) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Hole(group) => {
                    let caught = captures.and_then(|captures| captures.get(*group));
                    out.extend_from_slice(caught.map_or(b"", |caught| caught.as_bytes()));
                }
            }
        }
    }
}

impl FieldTemplate {
    /// Reads it. `$$` is a dollar.
    pub fn parse(text: &str) -> Result<Self, String> {
        let hole = |name: &str| match name {
            "host" => Ok(Known::Host),
            "scheme" => Ok(Known::Scheme),
            "remote_addr" => Ok(Known::RemoteAddr),
            _ => Err(format!("unknown ${name}; there are $host, $scheme and $remote_addr, and $$ for a dollar")),
        };
        pieces(text, hole).map(Self)
    }

    /// Appends the text of it.
    pub fn put(&self, out: &mut Vec<u8>, asking: &Asking<'_>) {
        for piece in &self.0 {
            out.extend_from_slice(match piece {
                Piece::Text(text) => text.as_bytes(),
                Piece::Hole(Known::Host) => asking.host.as_bytes(),
                Piece::Hole(Known::Scheme) => asking.scheme.as_bytes(),
                Piece::Hole(Known::RemoteAddr) => asking.remote_addr.as_bytes(),
            });
        }
    }
}

/// Splits a text at its dollars.
fn pieces<T>(text: &str, hole: impl Fn(&str) -> Result<T, String>) -> Result<Vec<Piece<T>>, String> {
    let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some((before, after)) = rest.split_once('$') {
        plain.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            plain.push('$');
            rest = after;
            continue;
        }
        let (name, after) = name(after).ok_or("a $ without a name; write $$ for a dollar")?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Hole(hole(name)?));
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// The name behind a dollar, and what follows: one or two digits, letters, or anything in braces.
fn name(text: &str) -> Option<(&str, &str)> {
    if let Some(braced) = text.strip_prefix('{') {
        return braced.split_once('}').filter(|(name, _)| !name.is_empty());
    }
    let word = |b: &u8| b.is_ascii_alphabetic() || *b == b'_';
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let end = if digits > 0 { digits } else { text.bytes().take_while(word).count() };
    Some(text.split_at(end)).filter(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, pattern: &str, path: &str) -> Result<String, String> {
        let pattern = Regex::new(pattern).unwrap();
        let template = PathTemplate::parse(template, Some(&pattern))?;
        let mut out = Vec::new();
        template.put(&mut out, pattern.captures(path.as_bytes()).as_ref());
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn captures_are_put_in() {
        let ten = "^(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)";
        for (template, pattern, path, expected) in [
            ("/x$1", "^/a(/.*)", "/a/b", "/x/b"),
            ("/$2/$1", "^/(.)/(.)", "/a/b", "/b/a"),
            ("/$10-$1-${1}0", ten, "abcdefghij", "/j-a-a0"),
            ("/${id}.json", "^/(?<id>[0-9]+)", "/42", "/42.json"),
            ("/$id/x", "^/(?<id>[0-9]+)", "/42", "/42/x"),
            ("/$$1", "^/(.)", "/a", "/$1"),
            ("/$1$2", "^/(a)|(b)", "/a", "/a"),
            ("plain", "x", "x", "plain"),
        ] {
            assert_eq!(filled(template, pattern, path).as_deref(), Ok(expected), "{template} {pattern} {path}");
        }
    }

    #[test]
    fn what_cannot_be_put_in_is_a_mistake() {
        for (template, pattern, why) in [
            ("$", "a", "without a name"),
            ("$/", "a", "without a name"),
            ("${", "a", "without a name"),
            ("${}", "a", "without a name"),
            ("$1", "a", "no group for $1"),
            ("$0", "(a)", "only $1"),
            ("$3", "(a)(b)", "only $1 to $2"),
            ("$10", "(a)", "only $1"),
            ("$name", "(a)", "no group name"),
        ] {
            let error = filled(template, pattern, "").unwrap_err();
            assert!(error.contains(why), "{template}: {error}");
        }
        assert!(PathTemplate::parse("/$1", None).unwrap_err().contains("there is none"));
    }

    #[test]
    fn fields_tell_what_is_known() {
        let asking = Asking { host: "a.example:80", scheme: "https", remote_addr: "::1" };
        let template = FieldTemplate::parse("$scheme://$host/ for ${remote_addr} $$1").unwrap();
        let mut out = Vec::new();
        template.put(&mut out, &asking);
        assert_eq!(out, b"https://a.example:80/ for ::1 $1");
        for wrong in ["$hosts", "$http_host", "$1", "a$"] {
            assert!(FieldTemplate::parse(wrong).is_err(), "{wrong}");
        }
    }
}
