//! `[route]`: the part of the URL space that a tenant answers.

use std::time::Duration;

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
        /// Most requests sent to the tenant at once; default 5 (Puma's threads). The others wait in order.
        connections: usize as positive = 5;
        /// Longest wait for the tenant, boot included; default 25 s (below kamal-proxy's 30 s).
        wait: Duration as positive = Duration::from_secs(25);
        /// Most requests that wait; default 512. Beyond it 503 with Retry-After.
        queue: usize as positive = 512;
        /// After so long a browser that waits for a boot gets a page that asks again by itself; default: none, it waits.
        waiting_page_after: Option<Duration> = None;
        /// After so many failures one after the other (no answer in time, or a lost connection: 502 and 504) requests are
        /// answered with 503 at once, for `breaker_pause`; default 10, 0 for never.
        breaker_failures: u32 = 10;
        /// Then one request tries; its answer, whatever it is, lets all others in again. Default 5 s.
        breaker_pause: Duration as positive = Duration::from_secs(5);
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

fn host(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<String>> {
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
