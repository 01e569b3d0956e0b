//! Where a `[[proxy]]` forwards to: the URL of a target. Pure.

use std::net::IpAddr;
use std::path::PathBuf;

use regex::bytes::Regex;
use rustls::pki_types::ServerName;

use super::template::PathTemplate;

/// A target: whom to connect to, and which path to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// As it was written, for people.
    pub url: String,
    /// Whom to connect to. Nothing of a request is ever in it.
    pub endpoint: Endpoint,
    /// Host (and port) as the Host field has them.
    pub authority: String,
    /// The path; empty, or begins with `/`.
    pub path: PathTemplate,
}

/// Whom to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A unix socket.
    Unix(PathBuf),
    /// A host: a name, or an address.
    Tcp {
        /// TLS, which checks the name.
        tls: bool,
        /// Without brackets.
        host: String,
        /// 1 to 65535.
        port: u16,
    },
}

impl Destination {
    /// Reads `http://host[:port][/path]`, `https://…` or `unix:/socket[:/path]`. The path may hold captures of `pattern`.
    pub fn parse(url: &str, pattern: Option<&Regex>) -> Result<Self, String> {
        if let Some(c) = url.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(format!("{c:?} cannot be part of a URL; write it percent-encoded"));
        }
        let (endpoint, authority, path) = match url.strip_prefix("unix:") {
            Some(rest) => unix(rest)?,
            None => tcp(url)?,
        };
        if path.contains(['?', '#']) {
            return Err("the query is the client's; leave ? and # and what follows out".into());
        }
        if path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err("a path without . and .. says the same; write that".into());
        }
        let path = PathTemplate::parse(path, pattern)?;
        Ok(Self { url: url.to_owned(), endpoint, authority, path })
    }

    /// It is on this machine: what is meant for us may be told to it.
    pub fn is_own(&self) -> bool {
        match &self.endpoint {
            Endpoint::Unix(_) => true,
            Endpoint::Tcp { host, .. } => {
                host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
            }
        }
    }
}

type Parts<'a> = (Endpoint, String, &'a str);

fn unix(rest: &str) -> Result<Parts<'_>, String> {
    let (socket, path) = match rest.find(":/") {
        Some(colon) => (&rest[..colon], &rest[colon + 1..]),
        None => (rest, ""),
    };
    if !socket.starts_with('/') || socket.len() > 107 || socket.contains('$') {
        return Err(format!("\"{socket}\" is no path of a socket; write unix:/run/api.sock"));
    }
    Ok((Endpoint::Unix(socket.into()), "localhost".to_owned(), path))
}

fn tcp(url: &str) -> Result<Parts<'_>, String> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| how(url))?;
    let tls = match scheme {
        "http" => false,
        "https" => true,
        "ws" | "wss" => return Err(format!("WebSockets begin as HTTP; write http{}://", &scheme[2..])),
        _ => return Err(how(url)),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('$') {
        return Err("a capture may be in the path only, never in the host; write a / before it".into());
    }
    if authority.contains('@') {
        return Err("a user and password do not belong in a URL; set headers = { Authorization = \"Basic …\" }".into());
    }
    let (host, port) = host_and_port(authority).ok_or_else(|| how(url))?;
    if tls && ServerName::try_from(host.trim_end_matches('.').to_owned()).is_err() {
        return Err(format!("no certificate can have the name \"{host}\"; write another name of it"));
    }
    let usual = if tls { 443 } else { 80 };
    let port = match port {
        None => usual,
        Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(|| format!("\"{port}\" is no port"))?,
    };
    let authority = authority.strip_suffix(':').unwrap_or(authority).to_ascii_lowercase();
    let authority = match authority.strip_suffix(&format!(":{usual}")) {
        Some(bare) => bare.to_owned(),
        None => authority,
    };
    Ok((Endpoint::Tcp { tls, host: host.to_ascii_lowercase(), port }, authority, path))
}

fn how(url: &str) -> String {
    format!("\"{url}\" is no target; write http://host:port/path, https://… or unix:/run/api.sock")
}

/// Host and port of an authority; `None` if the host is none.
fn host_and_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
        return host.parse::<std::net::Ipv6Addr>().is_ok().then_some((host, port.filter(|port| !port.is_empty())));
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    (name.len() <= 253 && name.split('.').all(label)).then_some((host, port.filter(|port| !port.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(tls: bool, host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp { tls, host: host.into(), port }
    }

    #[test]
    fn urls() {
        for (url, endpoint, authority, own) in [
            ("http://a", tcp(false, "a", 80), "a", false),
            ("http://A.example:8080/x/", tcp(false, "a.example", 8080), "a.example:8080", false),
            ("https://a.example:443", tcp(true, "a.example", 443), "a.example", false),
            ("https://a.example:80", tcp(true, "a.example", 80), "a.example:80", false),
            ("http://a:/x", tcp(false, "a", 80), "a", false),
            ("http://127.0.0.1:3000", tcp(false, "127.0.0.1", 3000), "127.0.0.1:3000", true),
            ("http://127.9.9.9", tcp(false, "127.9.9.9", 80), "127.9.9.9", true),
            ("http://10.0.0.1", tcp(false, "10.0.0.1", 80), "10.0.0.1", false),
            ("http://localhost:1", tcp(false, "localhost", 1), "localhost:1", true),
            (
                "http://localhost.evil.example",
                tcp(false, "localhost.evil.example", 80),
                "localhost.evil.example",
                false,
            ),
            ("https://[::1]:8443/x", tcp(true, "::1", 8443), "[::1]:8443", true),
            ("http://[2001:db8::1]", tcp(false, "2001:db8::1", 80), "[2001:db8::1]", false),
            ("unix:/run/a.sock", Endpoint::Unix("/run/a.sock".into()), "localhost", true),
            ("unix:/run/a.sock:/x", Endpoint::Unix("/run/a.sock".into()), "localhost", true),
        ] {
            let target = Destination::parse(url, None).unwrap_or_else(|why| panic!("{url}: {why}"));
            let found = (&target.endpoint, target.authority.as_str(), target.is_own());
            assert_eq!(found, (&endpoint, authority, own), "{url}");
        }
    }

    #[test]
    fn what_is_no_target() {
        let pattern = Regex::new("^/(.*)").unwrap();
        for (url, why) in [
            ("", "is no target"),
            ("a.example", "is no target"),
            ("//a.example", "is no target"),
            ("ftp://a", "is no target"),
            ("http://", "is no target"),
            ("http:///x", "is no target"),
            ("http://[::1", "is no target"),
            ("http://[a]", "is no target"),
            ("http://a..b", "is no target"),
            ("http://a/b c", "percent-encoded"),
            ("http://a\r\nX: y", "percent-encoded"),
            ("http://a:0", "no port"),
            ("http://a:65536", "no port"),
            ("http://a:b", "no port"),
            ("http://u:p@a", "user and password"),
            ("ws://a", "write http://"),
            ("wss://a", "write https://"),
            ("http://a?x", "query"),
            ("http://a/#x", "query"),
            ("http://a/../b", "without . and .."),
            ("http://$1", "never in the host"),
            ("http://a.$1/x", "never in the host"),
            ("http://a:$1/x", "never in the host"),
            ("http://a$1", "never in the host"),
            ("unix:run/a.sock", "path of a socket"),
            ("unix:/run/$1.sock", "path of a socket"),
            ("http://a/$2", "no group 2"),
        ] {
            let error = Destination::parse(url, Some(&pattern)).expect_err(url);
            assert!(error.contains(why), "{url}: {error}");
        }
    }
}
