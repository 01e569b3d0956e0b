//! `[route]`: the part of the URL space that a tenant answers.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::bots::BotAction;
use super::layers::Node;
use super::section::section;
use super::value::{Cx, Value, positive};

section! {
    /// Which requests a tenant answers, and how many at once.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Route in "route" (fields) {
        /// Host name in lower case without port; `None` (the default) matches every host.
        host: Option<String> as host = None;
        /// Path prefix without trailing slash (`/showcase/2025/boston`); empty, written "/", is the whole host. Matches whole
        /// segments. May be left out if there is a host.
        path: String as path = no_path(host.is_some(), fields);
        /// GET and HEAD of exactly `path` are sent to the same with a slash behind it (301, query kept), so that relative links
        /// of the page stay below it. Default false: the tenant answers both.
        trailing_slash: bool = false;
        /// Most requests sent to the tenant at once; default 5 (Puma's threads). The others wait in order.
        connections: usize as positive = 5;
        /// Longest wait for the tenant, boot included; default 25 s (below kamal-proxy's 30 s).
        wait: Duration as positive = Duration::from_secs(25);
        /// Most requests that wait; default 512. Beyond it 503 with Retry-After.
        queue: usize as positive = 512;
        /// After so long a browser that waits for a boot gets a page that asks again by itself; default: none, it waits.
        waiting_page_after: Option<Duration> = None;
        /// What robots get, as in `[bots] action`: "off", "reject", "ignore" or "static-only". Default: what that says.
        bots: Option<BotAction> = None;
        /// After so many failures one after the other (no answer in time, or a lost connection: 502 and 504) requests are
        /// answered with 503 at once, for `breaker_pause`; default 10, 0 for never.
        breaker_failures: u32 = 10;
        /// Then one request tries; its answer, whatever it is, lets all others in again. Default 5 s.
        breaker_pause: Duration as positive = Duration::from_secs(5);
        /// Directory whose files answer GET and HEAD below the route's path, without the tenant: it is not started for them
        /// ("/rails/public"). `/a/` is `a/index.html` there, `/a` also `a.html`; a `.br` or `.gz` beside a file is sent
        /// to those who take it. Never a file outside, nor one whose path has a segment that begins with a dot (but
        /// `.well-known`). Default: none.
        public: Option<PathBuf> as root = None;
        /// Directories from which the tenant may have files sent, by the field X-Sendfile of its answer, with an absolute path
        /// in it; its thread is free at once. Rack 2.2.20, 3.1.18 and later need
        /// `config.action_dispatch.x_sendfile_header = "X-Sendfile"`. Default: none.
        send_file: Vec<PathBuf> as roots = Vec::new();
        /// The same for X-Accel-Redirect: `{ "/internal/" = "/data/storage/x" }` sends /data/storage/x/a for /internal/a.
        accel: BTreeMap<String, PathBuf> as accel = BTreeMap::new();
        /// What the browser shows when it asks for a password, as in `[auth] realm`; "off": this tenant asks for none. Default:
        /// that of `[auth]`.
        realm: Option<String> as own_realm = None;
        /// File of names and passwords for this tenant alone, as `[auth] htpasswd` ("/data/${name}.htpasswd"). Default: that of
        /// `[auth]`.
        htpasswd: Option<PathBuf> = None;
    }
}

/// The path of a route that says none: the whole of its host.
fn no_path(host: bool, fields: &mut super::section::Fields<'_, '_>) -> String {
    if !host && !fields.has("host") {
        return fields.required("path", "write path = \"/prefix\", or host = \"name.example.com\"");
    }
    String::new()
}

/// A path prefix; "/" is every path.
pub(crate) fn path(node: Node<'_>, cx: &mut Cx<'_>) -> Option<String> {
    let text = String::read(node, cx)?;
    if text == "/" {
        return Some(String::new());
    }
    cx.good(node.place, check_path(&text))?;
    Some(text)
}

/// Whether a request's path may begin with this (RFC 3986 §3.3), in the form that requests have after normalisation.
pub(crate) fn check_path(text: &str) -> Result<(), String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"/-._~!$&'()+,;=:@%".contains(&b);
    let segments = || text.split('/').skip(1);
    if !text.starts_with('/') {
        return Err(format!("\"{text}\" is no path; begin it with /"));
    }
    if let Some(c) = text.chars().find(|c| "?#*".contains(*c)) {
        return Err(format!("\"{text}\" holds {c}; a path is a prefix as it is: leave that out"));
    }
    if text.ends_with('/') {
        let right = text.trim_end_matches('/');
        return Err(format!("\"{text}\" ends with a slash; write \"{}\"", if right.is_empty() { "/" } else { right }));
    }
    if segments().any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(format!("\"{text}\" has an empty segment, . or ..; no request ever has: leave it out"));
    }
    if !text.bytes().all(allowed) {
        return Err(format!("\"{text}\" holds what a path cannot; write it percent-encoded"));
    }
    Ok(())
}

/// The realm of what is public.
pub(crate) const OFF: &str = "off";

/// What a browser can show, and a field can say.
pub(crate) fn realm(node: Node<'_>, cx: &mut Cx<'_>) -> Option<String> {
    let text = String::read(node, cx)?;
    let good = !text.is_empty() && text.bytes().all(|b| (b' '..=b'~').contains(&b));
    let why = || format!("{text:?} is no realm; write a few words in ASCII, or \"{OFF}\"");
    cx.good(node.place, good.then_some(text.clone()).ok_or_else(why))
}

/// The words of a browser's question.
fn own_realm(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<String>> {
    realm(node, cx).map(Some)
}

/// A directory of files.
pub(crate) fn root(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<PathBuf>> {
    let path = PathBuf::read(node, cx)?;
    cx.good(node.place, check_root(&path))?;
    Some(Some(path.components().collect()))
}

fn roots(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<PathBuf>> {
    let paths = Vec::<PathBuf>::read(node, cx)?;
    let checked = paths.iter().zip(node.items()).map(|(path, item)| {
        cx.good(item.place, check_root(path))?;
        Some(path.components().collect())
    });
    let all: Vec<Option<PathBuf>> = checked.collect();
    all.into_iter().collect()
}

/// Paths of URLs, each with its directory.
fn accel(node: Node<'_>, cx: &mut Cx<'_>) -> Option<BTreeMap<String, PathBuf>> {
    if !node.value.is_table() {
        return cx.expected(node, "a table ({ \"/internal/\" = \"/data/storage\" })");
    }
    let read = node.entries().map(|(prefix, place, value)| {
        let slashes = prefix.starts_with('/') && prefix.ends_with('/');
        let why = || format!("\"{prefix}\" is no path of URLs; begin and end it with a slash: \"/internal/\"");
        cx.good(place, slashes.then_some(()).ok_or_else(why))?;
        root(value, cx).flatten().map(|path| (prefix.to_owned(), path))
    });
    let all: Vec<Option<(String, PathBuf)>> = read.collect();
    all.into_iter().collect()
}

/// Whether all below it may be sent.
fn check_root(path: &Path) -> Result<(), String> {
    let written = path.display();
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(format!("\"{written}\" goes up again; write the path without .."));
    }
    if path.components().nth(1).is_none() {
        return Err("\"/\" is every file there is; name the directory of those that may be sent".into());
    }
    Ok(())
}

pub(crate) fn host(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<String>> {
    let text = String::read(node, cx)?.to_ascii_lowercase();
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if text.is_empty() || text.len() > 253 || !text.split('.').all(label) {
        cx.error(
            node.place,
            format!("\"{text}\" is no host name; write one such as \"boston.example.com\", without port or *"),
        );
        return None;
    }
    Some(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for good in ["/a", "/showcase/2025/boston", "/a%20b", "/~x/y.z", "/up"] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", "begin it with /"),
            ("a", "begin it with /"),
            ("/a/", "write \"/a\""),
            ("//", "write \"/\""),
            ("/a//b", "empty segment"),
            ("/a/../b", "empty segment"),
            ("/./b", "empty segment"),
            ("/a?b", "holds ?"),
            ("/a/*", "holds *"),
            ("/a#b", "holds #"),
            ("/a b", "percent-encoded"),
            ("/é", "percent-encoded"),
        ] {
            assert!(check_path(bad).is_err_and(|error| error.contains(why)), "{bad}");
        }
    }
}
