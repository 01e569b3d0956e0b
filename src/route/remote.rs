//! Which `[[proxy]]` a request is for, and what it asks its target for. Pure; never who is connected to.

use std::ops::Range;

use regex::bytes::Captures;

use crate::config::{Paths, Remote, Strip};

/// The rules of all `[[proxy]]`, in their order: the first that matches is used.
#[derive(Debug, Default)]
pub struct Remotes(Vec<Remote>);

/// A path that cannot be asked for: what its captures make together is another path than the one that was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit;

impl Remotes {
    /// These rules from now on.
    pub fn configure(&mut self, all: &[Remote]) {
        self.0.clear();
        self.0.extend_from_slice(all);
    }

    /// The index of the rule for a request. `path`: canonical, without query.
    pub fn find(&self, method: &str, path: &str) -> Option<usize> {
        self.0.iter().position(|remote| takes(&remote.keys.methods, method) && covers(&remote.paths, path))
    }

    /// Appends the target to ask for: path of the rule's target, path of the request, its query. `path` is canonical, and
    /// the rule is the one that was found for it.
    pub fn put_target(&self, out: &mut Vec<u8>, index: usize, path: &str, query: Option<&str>) -> Result<(), Unfit> {
        let begin = out.len();
        if let Some(remote) = self.0.get(index) {
            put_path(out, remote, path);
        }
        tidy(out, begin);
        if has_dots(&out[begin..]) {
            return Err(Unfit);
        }
        if let Some(query) = query {
            out.push(b'?');
            out.extend_from_slice(query.as_bytes());
        }
        Ok(())
    }
}

fn takes(methods: &[String], method: &str) -> bool {
    let method = if method == "HEAD" { "GET" } else { method };
    methods.is_empty() || methods.iter().any(|taken| taken == method || taken == "HEAD" && method == "GET")
}

fn covers(paths: &Paths, path: &str) -> bool {
    match paths {
        Paths::Below(prefix) => below(path, prefix).is_some(),
        Paths::Matching(pattern) => pattern.regex().is_match(path.as_bytes()),
    }
}

/// What follows a prefix of whole segments.
fn below<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn put_path(out: &mut Vec<u8>, remote: &Remote, path: &str) {
    let Some(target) = remote.targets.first() else { return };
    if !target.path.is_plain() {
        let captures: Option<Captures<'_>> = match &remote.paths {
            Paths::Matching(pattern) => pattern.regex().captures(path.as_bytes()),
            Paths::Below(_) => None,
        };
        return target.path.put(out, captures.as_ref());
    }
    let prefix = match (&remote.keys.strip, &remote.paths) {
        (Strip::Path, Paths::Below(prefix)) | (Strip::Prefix(prefix), _) => prefix,
        (Strip::Path, Paths::Matching(_)) | (Strip::Nothing, _) => "",
    };
    let rest = below(path, prefix).unwrap_or(path);
    target.path.put(out, None);
    out.extend_from_slice(rest.as_bytes());
}

/// Begins with one slash, and has none twice: nobody can take a part of it for a host.
fn tidy(out: &mut Vec<u8>, begin: usize) {
    if out.get(begin) != Some(&b'/') {
        out.insert(begin, b'/');
    }
    let mut end = begin + 1;
    for at in begin + 1..out.len() {
        if out[at] != b'/' || out[end - 1] != b'/' {
            out[end] = out[at];
            end += 1;
        }
    }
    out.truncate(end);
}

/// There is a segment `.` or `..`, however it is written: captures may have put it together.
fn has_dots(path: &[u8]) -> bool {
    path.split(|&b| b == b'/').any(|segment| {
        let dots = segments_dots(segment);
        dots.is_some_and(|dots| (1..=2).contains(&dots))
    })
}

/// How many dots a segment is, if it is nothing else.
fn segments_dots(segment: &[u8]) -> Option<usize> {
    let (mut rest, mut dots) = (segment, 0);
    while !rest.is_empty() {
        let range: Range<usize> = match rest {
            [b'.', ..] => 0..1,
            [b'%', b'2', b'e' | b'E', ..] => 0..3,
            _ => return None,
        };
        rest = &rest[range.end..];
        dots += 1;
    }
    Some(dots)
}
