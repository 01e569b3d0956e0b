//! The grammar of a host: `uri-host [":" port]` (RFC 9110 §7.2), less what no host name needs.

use std::net::Ipv6Addr;

/// `value` as text if it is one host: a name of letters, digits and `-._~`, an IPv4 address, or an IPv6 address in
/// brackets, and a port of 1 to 65535 if there is a colon. Percent-encoding, sub-delims (`a,b`), user information (`a@b`)
/// and IPvFuture are refused: two readers of them seldom agree.
pub(super) fn parse_host(value: &[u8]) -> Option<&str> {
    let host = str::from_utf8(value).ok()?;
    let port = match host.strip_prefix('[') {
        Some(inner) => {
            let (address, port) = inner.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            port
        }
        None => {
            let end = host.bytes().position(|b| b == b':').unwrap_or(host.len());
            let (name, port) = host.split_at(end);
            is_name(name).then_some(port)?
        }
    };
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(host)
}

fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::parse_host;

    #[test]
    fn hosts() {
        for host in
            ["a", "a.b", "A-b_c.d~", "a:80", "127.0.0.1:3000", "[::1]", "[::1]:80", "a:65535", "localhost.", "xn--a"]
        {
            assert_eq!(parse_host(host.as_bytes()), Some(host));
        }
        for bad in [
            "",
            "a,b",
            "a@b",
            "a b",
            "a/b",
            "a:",
            "a:0",
            "a:65536",
            "a:+8",
            "a:80:80",
            ":80",
            "[::1",
            "[::1]x",
            "[]",
            "[v1.a]",
            "[fe80::1%25eth0]",
            "::1",
            "a%2eb",
            "a\\b",
            "a?b",
            "a#b",
            "é",
            "a;b",
            "[::1]:",
            "a\tb",
        ] {
            assert_eq!(parse_host(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(parse_host(b"\xff"), None);
        assert_eq!(parse_host("a".repeat(256).as_bytes()), None);
    }
}
