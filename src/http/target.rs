//! The request target (RFC 9112 §3.2): origin-form, absolute-form reduced to it, and `*`.

use super::host::parse_host;
use super::refusal::Refusal;

/// A target as the tenant sees it, and the authority that came with it.
pub(super) struct Target<'b> {
    /// `/path?query`, or `*`.
    pub path: &'b str,
    /// The authority of an absolute-form target; it replaces Host (RFC 9112 §3.2.2).
    pub authority: Option<&'b str>,
}

/// Reads the target of a request. httparse has refused control bytes and spaces.
pub(super) fn parse_target<'b>(method: &str, target: &'b str) -> Result<Target<'b>, Refusal> {
    if !target.is_ascii() || target.contains('#') {
        return Err(Refusal::bad("invalid byte in the target"));
    }
    if target.starts_with('/') || (target == "*" && method == "OPTIONS") {
        return Ok(Target { path: target, authority: None });
    }
    let rest = strip_scheme(target).ok_or(Refusal::bad("invalid target"))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = parse_host(authority.as_bytes()).ok_or(Refusal::bad("invalid authority in the target"))?;
    let path = match path {
        "" if method == "OPTIONS" => "*",
        "" => "/",
        _ if path.starts_with('/') => path,
        _ => return Err(Refusal::bad("target without a path")), // `http://a?b`: its origin-form is not a slice of it
    };
    Ok(Target { path, authority: Some(authority) })
}

fn strip_scheme(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")).then_some(rest)
}
