//! How a request gets to another machine: `via` and `target`.

use super::machine::is_label;
use crate::unit::Kind;
use crate::unit::layers::Node;
use crate::unit::value::{Cx, Value};

/// How a request gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Fly's proxy is asked to send it there.
    Replay,
    /// We send it there, and pass the answer on.
    Proxy,
    /// The client is told to ask there.
    Redirect,
}

impl Value for Via {
    const KIND: Kind = Kind::Words(&["replay", "proxy", "redirect"]);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.one_of(node, &[("replay", Self::Replay), ("proxy", Self::Proxy), ("redirect", Self::Redirect)])
    }
}

/// Where the machine's name goes in a target.
const MACHINE: &str = "${machine}";

/// The address of a machine.
pub(super) fn address(target: &str, machine: &str) -> String {
    target.replace(MACHINE, machine)
}

/// Scheme and authority, with `${machine}` in the host.
pub(super) fn target(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<String>> {
    let text = String::read(node, cx)?;
    let text = text.strip_suffix('/').unwrap_or(&text).to_owned();
    cx.good(node.place, check_target(&text))?;
    Some(Some(text))
}

fn check_target(text: &str) -> Result<(), String> {
    let why = || format!("\"{text}\" is no address of machines; write \"http://{MACHINE}.internal:3000\"");
    if !text.contains(MACHINE) {
        return Err(format!("\"{text}\" is the same for every machine; write \"http://{MACHINE}.internal:3000\""));
    }
    let authority = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).ok_or_else(why)?;
    let plain = address(authority, "m");
    let (host, port) = plain.rsplit_once(':').unwrap_or((&plain, "80"));
    let good = is_label(host) && port.parse::<u16>().is_ok_and(|port| port > 0);
    if good { Ok(()) } else { Err(why()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_name_the_machine_in_their_host() {
        for (text, good) in [
            ("http://${machine}.internal:3000", true),
            ("https://${machine}", true),
            ("http://${machine}.vm.app.internal:80", true),
            ("http://internal:3000", false),
            ("${machine}:3000", false),
            ("http://${machine}/path", false),
            ("http://u@${machine}", false),
            ("http://${machine}:0", false),
            ("http://${machine}:port", false),
            ("http://a:${machine}", false),
        ] {
            assert_eq!(check_target(text).is_ok(), good, "{text}");
        }
        assert_eq!(address("http://${machine}.x:1", "e28"), "http://e28.x:1");
    }
}
