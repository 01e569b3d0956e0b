//! What a rule puts in the place of a path: text with captures, and what becomes of the query. Never sees a request.

use super::{Expression, PathTemplate};

/// What comes in the place of what an expression matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// Scheme and host (`https://example.com`); empty for this host.
    pub origin: String,
    /// In the place of each match.
    pub path: PathTemplate,
    /// A query of its own.
    pub query: Option<PathTemplate>,
    /// The query of the request does not go along.
    pub drops: bool,
    /// With its `#`, or empty.
    pub fragment: String,
}

impl Replacement {
    /// A path of this host, or an address of another.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn anywhere(text: &str, from: &Expression) -> Result<Self, String> {
        if text.starts_with("//") {
            return Err(format!("\"{text}\" could be another host; write \"https:{text}\", or one slash"));
        }
        let (origin, path) = text.split_at(origin(text));
        if origin.is_empty() {
            check_here(text, from)?;
        } else {
            check_host(text, origin)?;
        }
        Self::parse(origin, path, from)
    }

    /// A path of this host.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn here(text: &str, from: &Expression) -> Result<Self, String> {
        if origin(text) > 0 {
            return Err(format!("\"{text}\" is elsewhere; write a [[redirect]] or a [[proxy]] for that"));
        }
        if text.contains('#') {
            return Err(format!("\"{text}\" holds #, which only a browser sees; leave it out"));
        }
        check_here(text, from)?;
        Self::parse("", text, from)
    }

    fn parse(origin: &str, text: &str, from: &Expression) -> Result<Self, String> {
        if let Some(wrong) = text.chars().find(|c| !c.is_ascii_graphic() || "\"<>\\^`|".contains(*c)) {
            return Err(format!("{wrong:?} cannot be in an address; write it percent-encoded"));
        }
        let (text, fragment) = text.split_at(text.find('#').unwrap_or(text.len()));
        if fragment.contains('$') {
            return Err("nothing is put in behind #; leave out the $".to_owned());
        }
        let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
        let template = |text: &str| PathTemplate::parse(text, Some(from.regex()));
        // `?` at the end, alone or after a query of our own.
        let drops = query.is_some_and(|query| query.is_empty() || query.ends_with('?'));
        let own = query.map(|query| query.strip_suffix('?').unwrap_or(query)).filter(|query| !query.is_empty());
        let (path, query) = (template(path)?, own.map(template).transpose()?);
        Ok(Self { origin: origin.to_owned(), path, query, drops, fragment: fragment.to_owned() })
    }
}

/// Where scheme and host end: 0 if there are none. Nothing is put in there: a host that a client chose would be
/// anybody's.
fn origin(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else { return 0 };
    text.len() - rest.len() + rest.find(['/', '?', '#', '$']).unwrap_or(rest.len())
}

fn check_host(text: &str, origin: &str) -> Result<(), String> {
    let host = origin.rsplit('/').next().unwrap_or_default();
    let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
    let whole = host.ends_with(|c: char| c.is_ascii_alphanumeric() || c == ']');
    let why = || format!("\"{text}\" has no host, written out; write one as in \"https://example.com/\"");
    (plain && whole).then_some(()).ok_or_else(why)
}

/// What comes in the place of a path's beginning has to begin one.
fn check_here(text: &str, from: &Expression) -> Result<(), String> {
    if from.as_str().starts_with('^') && !text.starts_with(['/', '$']) {
        return Err(format!("\"{text}\" is no path; begin it with /"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (from, to, why) in [
            ("^/a", "", "is no path"),
            ("^/a", "b", "is no path"),
            ("^/a", "javascript:alert(1)", "is no path"),
            ("^/a", "ftp://a/", "is no path"),
            ("^/a", "//evil.example/", "one slash"),
            ("^/a", "https:///x", "has no host"),
            ("^/(.*)", "https://$1/", "has no host"),
            ("^/(.*)", "https://$1.example.com/", "has no host"),
            ("^/(.*)", "https://www.$1", "has no host"),
            ("^/(.*)", "https://example.com:$1", "has no host"),
            ("^/(.*)", "https://user@example.com/", "has no host"),
            ("^/(.*)", "/$2", "only $1"),
            ("^/a", "/$1", "no group"),
            ("^/a", "/a b", "percent-encoded"),
            ("^/a", "/\\evil", "percent-encoded"),
            ("^/a", "/a\r\nX: y", "percent-encoded"),
            ("^/(a)", "/b#$1", "behind #"),
        ] {
            let error = Replacement::anywhere(to, &Expression::new(from).unwrap()).unwrap_err();
            assert!(error.contains(why), "{from} {to}: {error}");
        }
        let from = Expression::new("^/(a)").unwrap();
        for (to, why) in [("https://example.com/", "elsewhere"), ("/a#b", "browser"), ("a", "is no path")] {
            let error = Replacement::here(to, &from).unwrap_err();
            assert!(error.contains(why), "{to}: {error}");
        }
    }

    #[test]
    fn host_path_query_and_fragment_are_told_apart() {
        let from = Expression::new("^/(a)").unwrap();
        for (to, origin, own, drops, fragment) in [
            ("/b", "", false, false, ""),
            ("/b?", "", false, true, ""),
            ("/b?x=$1", "", true, false, ""),
            ("/b?x=$1?#top", "", true, true, "#top"),
            ("https://example.com", "https://example.com", false, false, ""),
            ("http://example.com:81$1?#x", "http://example.com:81", false, true, "#x"),
            ("https://[::1]/?a", "https://[::1]", true, false, ""),
        ] {
            let read = Replacement::anywhere(to, &from).unwrap();
            let found = (&read.origin[..], read.query.is_some(), read.drops, &read.fragment[..]);
            assert_eq!(found, (origin, own, drops, fragment), "{to}");
        }
    }
}
