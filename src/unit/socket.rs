//! `[socket]`: the listening socket that tenantd holds for a unit (systemd.socket(5)).

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::kind::Kind;
use super::layers::Node;
use super::mode::mode;
use super::section::section;
use super::specifier::Scope;
use super::value::{Cx, Value};

section! {
    /// Where tenantd listens for a unit, and how the process gets it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Socket in "socket" (fields) {
        /// How the process gets it: `fds` (default), or `port`: a free loopback port in `PORT`.
        pass: Pass = Pass::Fds;
        /// The address: `unix:/absolute/path` or `tcp:127.0.0.1:0`. Default `unix:%t/%n.sock`, for `pass = "port"`
        /// `tcp:127.0.0.1:0`.
        listen: Listen = usual(pass, fields.cx);
        /// Permission bits of a unix socket's path; default "0660".
        mode: u32 as mode = 0o660;
    }
}

/// `[socket] listen`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Listen {
    /// `unix:/run/tenantd/x.sock`: an absolute path of at most 107 bytes.
    Unix(PathBuf),
    /// `tcp:127.0.0.1:0`: a loopback address; port 0 is any free port.
    Tcp(SocketAddr),
}

/// `[socket] pass`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pass {
    /// As descriptor 3 with LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES (sd_listen_fds(3)). The default.
    #[default]
    Fds,
    /// As a free loopback port in `PORT`, which the process itself binds.
    Port,
}

impl Listen {
    /// Longest path of a unix socket: `sun_path` of unix(7) without its NUL.
    pub const PATH_MAX: usize = 107;

    /// Reads `unix:/path` or `tcp:127.0.0.1:3001`. The error says what is wrong and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("unix", path)) => unix(path),
            Some(("tcp", address)) => tcp(address),
            _ => Err(format!("bad address \"{text}\"; write \"unix:/absolute/path\" or \"tcp:127.0.0.1:3001\"")),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

fn unix(path: &str) -> Result<Listen, String> {
    if path.starts_with("//") {
        return Err(format!("write a unix address with one slash: \"unix:/{}\"", path.trim_start_matches('/')));
    }
    if !path.starts_with('/') || path.len() < 2 {
        return Err(format!("\"{path}\" is no absolute path; write \"unix:%t/%n.sock\", or a path that begins with /"));
    }
    if path.len() > Listen::PATH_MAX {
        let (length, most) = (path.len(), Listen::PATH_MAX);
        return Err(format!("\"{path}\" has {length} bytes, and a unix socket's path at most {most}; shorten it"));
    }
    Ok(Listen::Unix(path.into()))
}

fn tcp(address: &str) -> Result<Listen, String> {
    match address.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(Listen::Tcp(address)),
        Ok(_) => {
            Err(format!("\"{address}\" can be reached from outside; write a loopback address: \"tcp:127.0.0.1:0\""))
        }
        Err(_) => Err(format!("bad address \"tcp:{address}\"; write an IP address and a port: \"tcp:127.0.0.1:0\"")),
    }
}

impl Value for Listen {
    const KIND: Kind = Kind::Text;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node)?;
        cx.good(node.place, Self::parse(&text))
    }
}

impl Value for Pass {
    const KIND: Kind = Kind::Words(&["fds", "port"]);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.one_of(node, &[("fds", Self::Fds), ("port", Self::Port)])
    }
}

/// Where a unit listens that says nothing about it.
fn usual(pass: Pass, cx: &Cx<'_>) -> Listen {
    match (pass, cx.scope) {
        (Pass::Fds, Some(Scope { name, runtime, .. })) => Listen::Unix(format!("{runtime}/{name}.sock").into()),
        _ => Listen::Tcp((Ipv4Addr::LOCALHOST, 0).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("unix:/run/x.sock", Ok(Listen::Unix("/run/x.sock".into()))),
            ("tcp:127.0.0.1:0", Ok(Listen::Tcp(([127, 0, 0, 1], 0).into()))),
            ("tcp:127.1.2.3:80", Ok(Listen::Tcp(([127, 1, 2, 3], 80).into()))),
            ("tcp:[::1]:80", Ok(Listen::Tcp("[::1]:80".parse().unwrap()))),
            ("unix:///run/x.sock", Err("one slash: \"unix:/run/x.sock\"")),
            ("unix:x.sock", Err("no absolute path")),
            ("unix:/", Err("no absolute path")),
            ("unix:@x", Err("no absolute path")),
            ("tcp:0.0.0.0:80", Err("from outside")),
            ("tcp:[::]:80", Err("from outside")),
            ("tcp:localhost:80", Err("write an IP address")),
            ("tcp:127.0.0.1", Err("write an IP address")),
            ("tcp:127.0.0.1:99999", Err("write an IP address")),
            ("3000", Err("bad address")),
            ("", Err("bad address")),
        ] {
            match (Listen::parse(text), expected) {
                (Ok(listen), Ok(expected)) => assert_eq!(listen, expected, "{text}"),
                (Err(why), Err(expected)) => assert!(why.contains(expected), "{text}: {why}"),
                (result, _) => panic!("{text}: {result:?}"),
            }
        }
    }

    #[test]
    fn the_longest_path() {
        let path = format!("/{}", "x".repeat(Listen::PATH_MAX - 1));
        assert!(Listen::parse(&format!("unix:{path}")).is_ok());
        assert!(Listen::parse(&format!("unix:{path}x")).is_err());
    }
}
