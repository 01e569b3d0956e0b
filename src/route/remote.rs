//! Which `[[proxy]]` a request is for, and what it asks its target for. Pure; never who is connected to.

use super::trace::Trace;
use crate::config::{Paths, Remote, Strip};
use crate::http::Path;

/// The rules of all `[[proxy]]`, in their order: the first that matches is used.
#[derive(Debug, Default)]
pub(super) struct Remotes(Vec<Remote>);

impl Remotes {
    /// These rules from now on.
    pub fn configure(&mut self, all: &[Remote]) {
        self.0.clear();
        self.0.extend_from_slice(all);
    }

    /// The index of the rule for a request. `path`: canonical, without query.
    pub fn find(&self, method: &str, path: &str, trace: &mut impl Trace) -> Option<usize> {
        let found = self.0.iter().position(|remote| takes(&remote.keys.methods, method) && covers(&remote.paths, path));
        match found.and_then(|index| Some((index, self.0.get(index)?))) {
            Some((index, remote)) => trace.rule(STEP, index, || told(remote)),
            None if self.0.is_empty() => {}
            None => trace.none(STEP),
        }
        found
    }
}

/// The step, as a trace tells it.
const STEP: &str = "proxy";

fn told(remote: &Remote) -> String {
    let urls: Vec<&str> = remote.targets.iter().map(|target| target.url.as_str()).collect();
    format!("{} → {}", remote.keys.name, urls.join(", "))
}

/// GET is also HEAD.
fn takes(methods: &[String], method: &str) -> bool {
    let other = if method == "HEAD" { "GET" } else { method };
    methods.is_empty() || methods.iter().any(|taken| taken == method || taken == other)
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

/// Appends what a request for `path` asks the targets of its rule for, the query included. It begins with a slash, so that
/// nothing of it can be taken for a host; what captures put together has to be read as a [`Path`] again, which refuses what
/// leads elsewhere.
pub fn put_target(out: &mut Vec<u8>, rule: &Remote, path: &Path<'_>) {
    out.push(b'/');
    if let Some(target) = rule.targets.first() {
        let captures = match &rule.paths {
            Paths::Matching(pattern) if !target.path.is_plain() => pattern.regex().captures(path.path().as_bytes()),
            Paths::Matching(_) | Paths::Below(_) => None,
        };
        target.path.put(out, captures.as_ref());
        if target.path.is_plain() {
            out.extend_from_slice(rest(rule, path.path()).as_bytes());
        }
    }
    if let Some(query) = path.query() {
        out.push(b'?');
        out.extend_from_slice(query.as_bytes());
    }
}

/// The path without what the rule strips.
fn rest<'p>(rule: &Remote, path: &'p str) -> &'p str {
    let prefix = match (&rule.keys.strip, &rule.paths) {
        (Strip::Path, Paths::Below(prefix)) | (Strip::Prefix(prefix), _) => prefix,
        (Strip::Path, Paths::Matching(_)) | (Strip::Nothing, _) => "",
    };
    below(path, prefix).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Destination, Expression, ProxyKeys};
    use proptest::prelude::*;

    fn rule(paths: &str, target: &str, strip: Strip) -> Remote {
        let paths = match paths.strip_prefix('^') {
            Some(_) => Paths::Matching(Expression::new(paths).unwrap()),
            None => Paths::Below(paths.to_owned()),
        };
        let pattern = match &paths {
            Paths::Matching(pattern) => Some(pattern.regex()),
            Paths::Below(_) => None,
        };
        let targets = vec![Destination::parse(target, pattern).unwrap()];
        Remote { keys: ProxyKeys { strip, ..ProxyKeys::default() }, paths, targets }
    }

    fn asked(rule: &Remote, target: &str) -> Result<String, u16> {
        let path = Path::parse(target).unwrap();
        let mut out = Vec::new();
        put_target(&mut out, rule, &path);
        let out = String::from_utf8(out).unwrap();
        Path::parse(&out).map(|path| path.target().to_owned()).map_err(|refusal| refusal.status)
    }

    #[test]
    fn the_first_rule_that_covers_a_request_is_used() {
        let rules = [
            ("/api/v2", "", 0),
            ("/api", "GET", 1),
            ("/api", "POST", 2),
            ("^/password(/.*)", "", 3),
            ("^/(a|b)/(?<id>[0-9]+)$", "", 4),
            ("^/plain", "HEAD", 5),
        ];
        let mut remotes = Remotes::default();
        let all = rules.map(|(paths, method, _)| {
            let mut rule = rule(paths, "http://a", Strip::Nothing);
            rule.keys.methods.extend((!method.is_empty()).then(|| method.to_owned()));
            rule
        });
        remotes.configure(&all);
        for (method, path, found) in [
            ("GET", "/api", Some(1)),
            ("HEAD", "/api/x", Some(1)),
            ("POST", "/api/x", Some(2)),
            ("DELETE", "/api/x", None),
            ("DELETE", "/api/v2/x", Some(0)),
            ("GET", "/api/v22", Some(1)),
            ("GET", "/apis", None),
            ("GET", "/API", None),
            ("GET", "/password/x", Some(3)),
            ("OPTIONS", "/password/", Some(3)),
            ("GET", "/password", None),
            ("GET", "/x/password/x", None),
            ("GET", "/a/17", Some(4)),
            ("GET", "/a/17/x", None),
            ("GET", "/plain", None),
            ("HEAD", "/plain", Some(5)),
            ("GET", "/", None),
            ("GET", "*", None),
        ] {
            assert_eq!(remotes.find(method, path, &mut ()), found, "{method} {path}");
        }
    }

    #[test]
    fn what_the_target_is_asked_for() {
        use Strip::{Nothing, Path, Prefix};
        let v1 = || Prefix("/api/v1".to_owned());
        for (paths, target, strip, asks, expected) in [
            ("/api", "http://a", Nothing, "/api/x?y=1", "/api/x?y=1"),
            ("/api", "http://a/", Nothing, "/api", "/api"),
            ("/api", "http://a/base", Nothing, "/api/x", "/base/api/x"),
            ("/api", "http://a/base/", Nothing, "/api/x", "/base/api/x"),
            ("/api", "http://a", Path, "/api", "/"),
            ("/api", "http://a", Path, "/api?x", "/?x"),
            ("/api", "http://a", Path, "/api/", "/"),
            ("/api", "http://a", Path, "/api/x/", "/x/"),
            ("/api", "http://a/base", Path, "/api", "/base"),
            ("/api", "http://a/base", Path, "/api/", "/base/"),
            ("/api", "http://a/base", Path, "/api/x?", "/base/x?"),
            ("/api", "http://a/base", v1(), "/api/v1/x", "/base/x"),
            ("/api", "http://a/base", v1(), "/api/v10/x", "/base/api/v10/x"),
            ("/api", "http://a", Path, "/api//evil.example/x", "/evil.example/x"),
            ("/api", "http://a", Path, "/api/http://evil.example/", "/http:/evil.example/"),
            ("/api", "http://a", Path, "/api/@evil.example", "/@evil.example"),
            ("", "http://a", Nothing, "/x", "/x"),
            ("", "http://a/b", Path, "/x", "/b/x"),
            ("^/password(/.*)", "http://a/$1", Nothing, "/password/x?y", "/x?y"),
            ("^/password(/.*)", "http://a/new$1", Nothing, "/password/x", "/new/x"),
            ("^/password(/.*)?", "http://a/new$1", Nothing, "/password", "/new"),
            ("^/password", "http://a/new", Nothing, "/password/x", "/new/password/x"),
            ("^/(.*)", "http://a/$1", Nothing, "/evil.example", "/evil.example"),
            ("^/(.*)", "http://a/$1", Nothing, "/%0d%0aX:%20y", "/%0D%0AX:%20y"),
            ("^/(.*)", "http://a/$1", Nothing, "/a%3fb%23c?d", "/a%3Fb%23c?d"),
            ("^/(?<id>[0-9]+)/(.*)", "http://a/$2/${id}.json", Nothing, "/7/x/y", "/x/y/7.json"),
            ("^/(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)", "http://a/$10", Nothing, "/abcdefghij", "/j"),
            ("^/a", "unix:/s:/base", Prefix("/a".to_owned()), "/a/b", "/base/b"),
        ] {
            assert_eq!(asked(&rule(paths, target, strip), asks).as_deref(), Ok(expected), "{paths} {target} {asks}");
        }
    }

    #[test]
    fn captures_lead_nowhere_else() {
        let rule = rule("^/(.*)x(.*)$", "http://a/base/$1$2", Strip::Nothing);
        assert_eq!(asked(&rule, "/.x./etc"), Err(400));
        assert_eq!(asked(&rule, "/.x"), Err(400));
    }

    proptest! {
        /// Whatever is asked: one line, one leading slash, the query untouched.
        #[test]
        fn it_stays_a_path(target in "/([a./:@x]|%2[eEfF]|%0[dDaA]|%c3){0,12}(\\?[a/%.?]{0,4})?") {
            let Ok(path) = Path::parse(&target) else { return Ok(()) };
            for rule in [
                rule("^/(.*)x(.*)$", "http://a/$1$2", Strip::Nothing),
                rule("^/(.*)$", "http://a/$1/b", Strip::Nothing),
                rule("/a", "http://a/b/", Strip::Path),
            ] {
                if !covers(&rule.paths, path.path()) {
                    continue;
                }
                if let Ok(asked) = asked(&rule, &target) {
                    prop_assert!(asked.starts_with('/') && !asked.starts_with("//"), "{asked}");
                    prop_assert!(asked.bytes().all(|b| b.is_ascii_graphic()), "{asked}");
                    prop_assert_eq!(asked.split_once('?').map(|(_, query)| query), path.query());
                }
            }
        }
    }
}
