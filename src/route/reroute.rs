//! Redirects and rewrites: where a request really goes. Pure; the address of a redirect leads to no other host than its rule
//! names, whatever the path.

use std::fmt;

use regex::bytes::CaptureLocations;

use super::front::Request;
use super::rules::Rules;
use super::trace::Trace;
use crate::config::{Config, Expression, Replacement};
use crate::http::{Path, Refusal};

/// The redirects and rewrites of a configuration.
#[derive(Debug, Default)]
pub(super) struct Reroutes {
    redirects: Rules<(Replacement, u16)>,
    rewrites: Rules<Replacement>,
}

/// What becomes of a path before anybody answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reroute {
    /// Nothing.
    Stays,
    /// It is another now: it has to be judged again.
    Rewritten,
    /// The client is sent elsewhere.
    Elsewhere(Elsewhere),
    /// A rewrite has made something of it that is no path.
    Refused(Refusal),
}

/// Where a client is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// 301, 302, 307 or 308.
    pub status: u16,
    /// Location: printable ASCII.
    pub location: String,
}

impl Elsewhere {
    /// The same path with a slash behind it, for ever.
    pub fn slash(path: &Path<'_>) -> Self {
        let mut location = Vec::with_capacity(path.target().len() + 1);
        put(&mut location, path.path().as_bytes(), b"");
        location.push(b'/');
        put(&mut location, &path.target().as_bytes()[path.path().len()..], b"");
        Self { status: 301, location: String::from_utf8_lossy(&location).into_owned() }
    }
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.location)
    }
}

impl Reroutes {
    pub fn new(config: &Config) -> Self {
        let redirects = config.redirects.iter().map(|rule| (rule.when.clone(), (rule.to.clone(), rule.status)));
        let rewrites = config.rewrites.iter().map(|rule| (rule.when.clone(), rule.to.clone()));
        Self { redirects: Rules::new(redirects), rewrites: Rules::new(rewrites) }
    }

    /// The first redirect, else every rewrite in turn.
    pub fn apply(&self, request: &Request<'_>, path: &mut Path<'_>, trace: &mut impl Trace) -> Reroute {
        if let Some((index, when, (to, status))) = self.redirects.matching(request, path, 0) {
            let elsewhere = Elsewhere { status: *status, location: address(to, &when.from, path) };
            trace.rule("redirect", index, || elsewhere.to_string());
            return Reroute::Elsewhere(elsewhere);
        }
        trace.none("redirect");
        let (mut next, mut done) = (0, Reroute::Stays);
        while let Some((index, when, to)) = self.rewrites.matching(request, path, next) {
            let address = address(to, &when.from, path);
            trace.rule("rewrite", index, || address.clone());
            match Path::of(address) {
                Ok(rewritten) => *path = rewritten,
                Err(refusal) => return Reroute::Refused(refusal),
            }
            (next, done) = (index + 1, Reroute::Rewritten);
        }
        if done == Reroute::Stays {
            trace.none("rewrite");
        }
        done
    }
}

/// The address in the place of a path that the expression matches.
fn address(to: &Replacement, from: &Expression, path: &Path<'_>) -> String {
    let (mut out, mut query) = (Vec::with_capacity(path.target().len() + 64), Vec::new());
    let (plain, mut end, mut captures) = (path.plain(), 0, from.regex().capture_locations());
    for (index, whole) in from.regex().find_iter(plain).enumerate() {
        // From its beginning on it is the same match.
        from.regex().captures_read_at(&mut captures, plain, whole.start());
        put(&mut out, path.sent(end..whole.start()), b"");
        to.path.fill(&mut out, |out, group| put(out, caught(path, &captures, group), b""));
        if let Some(own) = to.query.as_ref().filter(|_| index == 0) {
            own.fill(&mut query, |out, group| put(out, caught(path, &captures, group), b"&+"));
        }
        end = whole.end();
    }
    put(&mut out, path.sent(end..plain.len()), b"");
    // With two slashes the path would be a host, without one behind a host a part of that.
    let slashes = out.iter().take_while(|byte| **byte == b'/').count();
    out.splice(..slashes, to.origin.bytes().chain([b'/']));
    let own = to.query.as_ref().map(|_| &query[..]);
    let theirs = path.query().filter(|_| !to.drops).map(str::as_bytes);
    for (index, part) in own.into_iter().chain(theirs).enumerate() {
        out.push(if index == 0 { b'?' } else { b'&' });
        put(&mut out, part, b"");
    }
    out.extend_from_slice(to.fragment.as_bytes());
    // All of it is ASCII.
    String::from_utf8(out).unwrap_or_default()
}

/// What a group has caught, as it is sent on.
fn caught<'p>(path: &'p Path<'_>, captures: &CaptureLocations, group: usize) -> &'p [u8] {
    captures.get(group).map_or(b"", |(start, end)| path.sent(start..end))
}

/// Appends a text of a client, with all that is not printable or could end it encoded, and the bytes of `also` too.
fn put(out: &mut Vec<u8>, text: &[u8], also: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte) && !also.contains(&byte) {
            out.push(byte);
        } else {
            out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn to(from: &str, to: &str, target: &str) -> String {
        let from = Expression::new(from).unwrap();
        address(&Replacement::anywhere(to, &from).unwrap(), &from, &Path::parse(target).unwrap())
    }

    #[test]
    fn addresses() {
        for (from, template, target, expected) in [
            ("^/old/(.*)$", "/new/$1", "/old/a/b?c=d", "/new/a/b?c=d"),
            ("^/old", "/new", "/old/a?x", "/new/a?x"),
            ("^/old", "/new?y=1", "/old/a?x", "/new/a?y=1&x"),
            ("^/old", "/new?", "/old?x", "/new"),
            ("^/old", "/new?y=1?", "/old?x", "/new?y=1"),
            ("^/old", "/new", "/old?", "/new?"),
            ("^/old", "/new#top", "/old?x", "/new?x#top"),
            ("^/$", "/studios/", "/?a", "/studios/?a"),
            ("_", "-", "/a_b_c", "/a-b-c"),
            ("^/(?<year>[0-9]+)/(?<name>.*)$", "/${name}/${year}", "/2025/boston", "/boston/2025"),
            ("^/s/(.*)$", "/search?q=$1", "/s/a%20b&c+d", "/search?q=a%20b%26c%2Bd"),
            ("^/", "https://example.com/", "/a?b", "https://example.com/a?b"),
            ("^/", "https://example.com", "/.evil.com/x", "https://example.com/.evil.com/x"),
            ("^/", "https://example.com", "/@evil.com", "https://example.com/@evil.com"),
            ("^(/.*)", "https://example.com$1", "/a", "https://example.com/a"),
            ("/old", "https://example.com/new", "/x/old/y", "https://example.com/x/new/y"),
            // As it came: an encoded slash divides nothing, here or there.
            ("^/x/(.*)$", "/y/$1", "/x/a%2fb%20c%252F", "/y/a%2Fb%20c%252F"),
            ("^/caf\\xC3\\xA9/(.)", "/$1", "/caf%c3%a9/%C3%A9", "/%C3%A9"),
            ("^/x/(.*)$", "/y/$1", "/x/\"<|>", "/y/%22%3C%7C%3E"),
        ] {
            assert_eq!(to(from, template, target), expected, "{from} {template} {target}");
        }
    }

    #[test]
    fn no_path_leads_to_another_host() {
        for (from, template, target, expected) in [
            ("^/go(/.*)$", "/$1", "/go/evil.com", "/evil.com"),
            ("^/go(/.*)$", "$1", "/go/evil.com", "/evil.com"),
            ("^/to/(.*)$", "$1", "/to/https://evil.com", "/https:/evil.com"),
            ("^/to/(.*)$", "$1", "/to/%68ttps:%2f%2fevil.com", "/https:%2F%2Fevil.com"),
            ("^/to/(.*)$", "/$1", "/to/%2Fevil.com", "/%2Fevil.com"),
            ("^/to/(.*)$", "/$1", "/to/%5Cevil.com", "/%5Cevil.com"),
            ("(?s)^/to/(.*)$", "/$1", "/to/a%0d%0aSet-Cookie:%20a", "/a%0D%0ASet-Cookie:%20a"),
            ("^/a", "", "/a/evil.com", "/evil.com"),
        ] {
            let from = Expression::new(from).unwrap();
            let read = Replacement { path: template_of(template, &from), ..Replacement::anywhere("/", &from).unwrap() };
            assert_eq!(address(&read, &from, &Path::parse(target).unwrap()), expected, "{target}");
        }
    }

    fn template_of(text: &str, from: &Expression) -> crate::config::PathTemplate {
        crate::config::PathTemplate::parse(text, Some(from.regex())).unwrap()
    }

    proptest! {
        #[test]
        fn an_address_is_one_of_this_host_on_one_line(
            target in "/([a/.:@\\\\]|%2[fF]|%5[cC]|%0[aAdD]|%41|%c3){0,12}(\\?[a/%\"]{0,4})?",
            from in prop::sample::select(vec!["^/a(.*)$", "^(.*)$", "a(.?)", "(/.*)", "(x*)"]),
            template in prop::sample::select(vec!["/$1", "$1", "$1$1", "/b$1?q=$1", "/$1?"]),
        ) {
            let from = Expression::new(from).unwrap();
            if let Ok(path) = Path::parse(&target) && from.regex().is_match(path.plain()) {
                let read = Replacement { path: template_of(template.split('?').next().unwrap(), &from), ..Replacement::anywhere("/", &from).unwrap() };
                let found = address(&read, &from, &path);
                prop_assert!(found.starts_with('/') && !found.starts_with("//") && found.bytes().all(|b| b.is_ascii_graphic()));
                prop_assert!(!found.contains('\\'));
                let host = address(&Replacement { origin: "https://example.com".into(), ..read }, &from, &path);
                prop_assert_eq!(host, format!("https://example.com{found}"));
            }
        }
    }
}
