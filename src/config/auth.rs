//! `[auth]`: who may see what. Never reads a password.

use std::path::PathBuf;

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::Config;
use crate::unit::layers::{Layers, Node};
use crate::unit::load::Draft;
use crate::unit::report::Report;
use crate::unit::route::{OFF, realm};
use crate::unit::section::section;
use crate::unit::value::{Cx, Value};

section! {
    /// A name and a password (HTTP Basic authentication, RFC 7617) for whatever is not public: tenants, files, CGI and
    /// proxies alike, but for the path of `[health]`. A tenant may have its own: `[route] realm`, `htpasswd`. After ten
    /// wrong passwords of one client (IPv6: of one /64) it waits longer and longer before the next is looked at: 429 with
    /// Retry-After.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Auth in "auth" (fields) {
        /// File of names and passwords, as `htpasswd -B` writes it: bcrypt, apr1, SHA-1, and crypt(3)'s MD5, SHA-256 and SHA-512.
        /// It is read again within a second of each change. As long as it cannot be read nobody gets in. Default: none, and
        /// only the routes that name their own are locked.
        htpasswd: Option<PathBuf> = None;
        /// What the browser shows when it asks; default "Restricted". "off": only the routes with a realm of their own are
        /// locked.
        realm: String as realm = "Restricted".to_owned();
        /// Paths that everybody may see, decoded: "/robots.txt" is one path, "/assets/" all below it, "*.css" all that end so; in
        /// others `*` is any text without a slash and `**` any text. Case counts, queries do not. Default: none.
        public: Vec<String> as public = Vec::new();
        /// The same as regular expressions, which match anywhere in the path unless they say ^ and $: "^/2026/(maple|harbor)/?$".
        /// Default: none.
        exclude: Vec<String> as expressions = Vec::new();
        /// Passwords in plain text count, too: whatever is no hash is one. Default false: such lines let nobody in.
        plain: bool = false;
    }
}

impl Auth {
    /// All that is public, as one set of expressions over a decoded path. An error: they are too much together.
    pub fn open(&self) -> Result<RegexSet, regex::Error> {
        let exact = self.public.iter().map(|pattern| expression(pattern));
        compile(exact.chain(self.exclude.iter().cloned()))
    }
}

/// Bytes, not characters: a path need not be UTF-8, and `.` is any byte but a newline.
fn compile(all: impl IntoIterator<Item = String>) -> Result<RegexSet, regex::Error> {
    const MOST: usize = 4 << 20;
    RegexSetBuilder::new(all).unicode(false).size_limit(MOST).dfa_size_limit(MOST).build()
}

/// A pattern of `public` as an expression.
fn expression(pattern: &str) -> String {
    let stars = pattern.matches('*').count();
    match pattern {
        "*" => "(?s).*".to_owned(),
        _ if stars == 0 && pattern.ends_with('/') => format!("^{}", regex::escape(pattern)),
        _ => match pattern.strip_prefix('*') {
            Some(suffix) if stars == 1 => format!("{}$", regex::escape(suffix)),
            _ => glob(pattern),
        },
    }
}

fn glob(pattern: &str) -> String {
    let deep = pattern.split("**").map(|part| part.split('*').map(regex::escape).collect::<Vec<_>>().join("[^/]*"));
    format!("(?s)^{}$", deep.collect::<Vec<_>>().join(".*"))
}

fn public(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<String>> {
    let all = Vec::<String>::read(node, cx)?;
    for (pattern, item) in all.iter().zip(node.items()) {
        if let Err(why) = check(pattern) {
            cx.error(item.place, why);
        }
    }
    Some(all)
}

/// Whether a path may match at all, and not every path by mistake.
fn check(pattern: &str) -> Result<(), String> {
    if !pattern.starts_with(['/', '*']) || pattern.contains(['?', '#']) {
        return Err(format!("\"{pattern}\" matches no path; begin it with / or *, without ? and #"));
    }
    if pattern.contains('%') {
        return Err(format!("\"{pattern}\" holds %; paths are decoded before they are compared: write the character"));
    }
    if pattern.contains("//") || pattern.split('/').any(|s| matches!(s, "." | "..")) {
        return Err(format!("\"{pattern}\" has an empty segment, . or ..; no path ever has: leave it out"));
    }
    match pattern {
        "/" => Err("\"/\" is every path; write \"*\" for that, or exclude = [\"^/$\"] for the first page alone".into()),
        _ => Ok(()),
    }
}

fn expressions(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<String>> {
    let all = Vec::<String>::read(node, cx)?;
    for (text, item) in all.iter().zip(node.items()) {
        if text.is_empty() {
            cx.error(item.place, "an empty expression matches every path; write public = [\"*\"] if that is meant");
        } else if let Err(error) = compile([text.clone()]) {
            cx.error(item.place, format!("\"{text}\" is no regular expression: {}", reason(&error)));
        }
    }
    Some(all)
}

/// One line of the crate's several.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().next_back().unwrap_or_default();
    format!("{}; see https://docs.rs/regex#syntax", last.strip_prefix("error: ").unwrap_or(last))
}

/// Whoever writes `[auth]` expects to be asked for a password: where none can be asked for it is a mistake, not an
/// open door.
pub(super) fn together(Config { auth, .. }: &Config, daemon: &Layers<'_>, drafts: &[Draft<'_>], report: &mut Report) {
    let section = daemon.node("", "auth");
    if auth.open().is_err() && auth.exclude.iter().all(|text| compile([text.clone()]).is_ok()) {
        report.error(daemon.place("auth", "exclude"), "[auth] exclude: these are too much together; write fewer");
    }
    let own = |draft: &Draft<'_>| draft.unit.route.as_ref().is_some_and(|route| route.htpasswd.is_some());
    if section.is_some() && auth.htpasswd.is_none() && !drafts.iter().any(own) {
        let message = "[auth] has no htpasswd; write htpasswd = \"/data/htpasswd\", or leave the section out";
        report.error(daemon.place("", "auth"), message);
    }
    for Draft { unit, layers, .. } in drafts.iter().filter(|draft| draft.sound) {
        let Some(route) = &unit.route else { continue };
        let off = route.realm.as_deref() == Some(OFF);
        let bare = auth.htpasswd.is_none() && route.htpasswd.is_none();
        if bare && !off && (section.is_some() || route.realm.is_some()) {
            let message = "[route] has no htpasswd, and [auth] of tenantd.toml names none either; \
                write htpasswd = \"/data/htpasswd\", or realm = \"off\" for a public tenant";
            report.error(layers.place("route", "realm"), message);
        }
        if off && route.htpasswd.is_some() {
            let message = "[route] htpasswd: realm = \"off\" makes the tenant public; leave out one of the two";
            report.error(layers.place("route", "htpasswd"), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_public(pattern: &str, path: &[u8]) -> bool {
        let auth = Auth { public: vec![pattern.to_owned()], ..Auth::default() };
        auth.open().unwrap().is_match(path)
    }

    #[test]
    fn patterns() {
        for (pattern, inside, outside) in [
            ("/robots.txt", &["/robots.txt"][..], &["/robots.txt/", "/a/robots.txt", "/robotsXtxt", "/ROBOTS.TXT"][..]),
            ("/assets/", &["/assets/", "/assets/a", "/assets/a/b"], &["/assets", "/assetsx", "/x/assets/"]),
            (
                "*.css",
                &["/a.css", "/a/b.css", "/.css", "/a\n.css"],
                &["/a.cssx", "/a.css/", "/axcss", "/a.CSS", "/a.css\n"],
            ),
            ("*", &["/", "/a/b", "/a\nb", ""], &[]),
            ("**", &["/", "/a/b", "/a\nb"], &[]),
            ("/as/*", &["/as/a", "/as/"], &["/as/a/b", "/as", "/x/as/a"]),
            ("/as/**", &["/as/a", "/as/a/b", "/as/"], &["/as"]),
            ("/*/up", &["/boston/up", "//up"], &["/a/b/up", "/boston/upper", "/boston/up/"]),
            ("/**/x.*", &["/a/b/x.js", "/a/x."], &["/x.js", "/a/x.js/y"]),
            ("*/x*", &["/x", "/xy"], &["/a/x", "/x/y"]),
            ("/a.b/", &["/a.b/c"], &["/axb/c"]),
        ] {
            inside.iter().for_each(|path| assert!(is_public(pattern, path.as_bytes()), "{pattern} {path}"));
            outside.iter().for_each(|path| assert!(!is_public(pattern, path.as_bytes()), "{pattern} {path}"));
        }
        assert!(is_public("*.js", b"/\xff.js"), "a path need not be UTF-8");
        assert!(!is_public("/\u{e9}", b"/\xe9") && is_public("/\u{e9}", "/\u{e9}".as_bytes()));
    }

    #[test]
    fn patterns_that_cannot_be_meant() {
        for good in ["/a", "/a/", "*.js", "*", "/a/*/b", "**"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", "a", "/", "//", "/a//b", "/a/../b", "/./", "/a?b", "/a#b", "/a%20b"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_is_public_by_itself() {
        let none = Auth::default().open().unwrap();
        assert!(!none.is_match(b"/") && !none.is_match(b""));
    }

    #[test]
    fn an_expression_matches_anywhere_unless_it_says_otherwise() {
        let auth = Auth {
            exclude: vec!["b(c|d)".into(), "(?x) ^/x # a comment )".into(), "(?i)^/Y$".into()],
            ..Auth::default()
        };
        let open = auth.open().unwrap();
        for (path, expected) in
            [("/abc", true), ("/b", false), ("/x/y", true), ("/a/x", false), ("/y", true), ("/y\n", false)]
        {
            assert_eq!(open.is_match(path.as_bytes()), expected, "{path}");
        }
    }
}
