//! Rules of one kind, in order: which is the first for a request. Pure; a request that no rule is for costs no memory.

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::front::Request;
use super::table::is_host;
use crate::config::When;
use crate::http::Path;

/// Rules, each with the requests it is for.
#[derive(Debug)]
pub(super) struct Rules<R> {
    all: Vec<(When, R)>,
    /// All expressions as one: most requests match none, and need one look; for the others a second tells
    /// which. `None` if together they are too large.
    any: Option<RegexSet>,
}

impl<R> Default for Rules<R> {
    fn default() -> Self {
        Self { all: Vec::new(), any: None }
    }
}

impl<R> Rules<R> {
    /// These rules.
    pub fn new(all: impl IntoIterator<Item = (When, R)>) -> Self {
        const MOST: usize = 16 << 20;
        let all: Vec<(When, R)> = all.into_iter().collect();
        let texts = all.iter().map(|(when, _)| when.from.as_str());
        let any = RegexSetBuilder::new(texts).unicode(false).size_limit(MOST).dfa_size_limit(MOST).build().ok();
        Self { all, any }
    }

    /// The rules from the `start`th on that are for this request, each with its number.
    pub fn matching(&self, request: &Request<'_>, path: &Path<'_>, start: usize) -> Option<(usize, &When, &R)> {
        let is_for = |(when, _): &(When, R)| when.covers(request) && when.from.regex().is_match(path.plain());
        let found = match &self.any {
            // After that one look at most those that match are left.
            Some(any) if start == 0 && any.is_match(path.plain()) => {
                any.matches(path.plain()).iter().find(|&index| self.all[index].0.covers(request))
            }
            Some(_) if start == 0 => None,
            _ => (start..self.all.len()).find(|&index| is_for(&self.all[index])),
        }?;
        let (when, rule) = &self.all[found];
        Some((found, when, rule))
    }
}

impl When {
    /// Method and host are right.
    fn covers(&self, request: &Request<'_>) -> bool {
        let as_get = if request.method == "HEAD" { "GET" } else { request.method };
        (self.methods.is_empty() || self.methods.iter().any(|method| method == request.method || method == as_get))
            && self.host.as_ref().is_none_or(|host| is_host(request.host, host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Expression;
    use crate::http::RequestHead;

    fn when(from: &str, methods: &[&str], host: Option<&str>) -> (When, ()) {
        let methods = methods.iter().map(ToString::to_string).collect();
        (When { from: Expression::new(from).unwrap(), methods, host: host.map(str::to_owned) }, ())
    }

    #[test]
    fn the_first_rule_for_a_request_is_found() {
        let rules = Rules::new([
            when("^/a$", &["POST"], None),
            when("^/a", &["GET"], Some("example.com")),
            when("b", &[], None),
            when("^/a", &[], None),
        ]);
        for (method, host, target, start, expected) in [
            ("POST", "x", "/a", 0, Some(0)),
            ("GET", "EXAMPLE.com.:80", "/a", 0, Some(1)),
            ("HEAD", "example.com", "/a", 0, Some(1)),
            ("GET", "x", "/a", 0, Some(3)),
            ("GET", "x", "/ab", 0, Some(2)),
            ("GET", "x", "/ab", 3, Some(3)),
            ("GET", "x", "/ab", 4, None),
            ("GET", "x", "/%61", 0, Some(3)),
            ("GET", "x", "/c?/ab", 0, None),
        ] {
            let head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let head = RequestHead::parse(head.as_bytes()).unwrap().unwrap();
            let request = Request::of(&head);
            let found = rules.matching(&request, &Path::parse(head.target).unwrap(), start);
            assert_eq!(found.map(|(index, ..)| index), expected, "{method} {host} {target} {start}");
        }
    }
}
