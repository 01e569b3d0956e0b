//! The head of a request as the tenant gets it: re-serialised from what was understood, framing exactly once, hop-by-hop
//! fields gone, the words of other proxies replaced by ours unless the peer is trusted.

use std::io::Write;
use std::net::IpAddr;

use super::kind::Kind;
use super::put::{put, put_decimal, put_field, put_framing, put_line};
use super::request::RequestHead;

/// What this hop knows about a request.
#[derive(Debug, Clone, Copy)]
pub struct Hop<'a> {
    /// Address of the peer.
    pub client: IpAddr,
    /// The peer spoke TLS with us.
    pub https: bool,
    /// Our X-Request-Id; a trusted peer's own is kept instead.
    pub request_id: &'a str,
    /// When the request came, in Unix milliseconds, for X-Request-Start.
    pub start_ms: u64,
    /// The peer is a proxy of ours: its X-Forwarded-*, Forwarded, X-Real-IP, X-Request-Start and X-Request-Id are kept,
    /// X-Forwarded-For is appended to. Of anyone else they are dropped and made anew.
    pub trusted: bool,
    /// We send files for the tenant: it is told so by X-Sendfile-Type. Nobody else may tell it that, trusted or not, since
    /// nobody else gets the answer.
    pub sends_files: bool,
}

/// Host of an HTTP/1.0 request that named none; HTTP/1.1 must name one, and Puma takes this in its place.
const NO_HOST: &str = "localhost";

/// Appends the head as sent upstream, its empty line included.
///
/// Every field whose name contains `_` is dropped, as nginx does: CGI-style names cannot tell `X_Forwarded_For` from its twin.
pub fn forward_request(out: &mut Vec<u8>, head: &RequestHead, hop: &Hop) {
    let host = if head.host.is_empty() { NO_HOST } else { head.host };
    out.reserve(head.len + 512);
    put(out, [head.method.as_bytes(), b" ", head.target.as_bytes(), b" HTTP/1.1\r\n"]);
    put_field(out, "Host", host.as_bytes());
    let kept = put_end_to_end(out, head, hop.trusted);
    put_hop(out, head, host, hop, &kept);
    if hop.sends_files {
        put_field(out, "X-Sendfile-Type", b"X-Sendfile");
    }
    put_framing(out, head.framing);
    if head.expect_continue {
        put_field(out, "Expect", b"100-continue");
    }
    if let Some(protocol) = head.upgrade {
        put_field(out, "Connection", b"Upgrade");
        put_field(out, "Upgrade", protocol.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Which of a trusted peer's fields are there, so that we do not make them.
#[derive(Default)]
struct Kept {
    forwarded_for: bool,
    forwarded_proto: bool,
    forwarded_host: bool,
    real_ip: bool,
    request_id: bool,
    request_start: bool,
}

fn put_end_to_end(out: &mut Vec<u8>, head: &RequestHead, trusted: bool) -> Kept {
    let mut kept = Kept::default();
    for line in head.fields.lines() {
        let kind = Kind::of(line.name);
        let passes = match kind {
            Kind::Plain => !head.fields.ends_here(line.name),
            Kind::Protected => true,
            Kind::Te => line.value.eq_ignore_ascii_case(b"trailers"),
            Kind::Hop | Kind::Length | Kind::Coding | Kind::Host | Kind::Expect => false,
            Kind::ForwardedFor => {
                kept.forwarded_for |= trusted;
                false
            }
            Kind::ForwardedProto => keep(&mut kept.forwarded_proto, trusted),
            Kind::ForwardedHost => keep(&mut kept.forwarded_host, trusted),
            Kind::RealIp => keep(&mut kept.real_ip, trusted),
            Kind::RequestId => keep(&mut kept.request_id, trusted),
            Kind::RequestStart => keep(&mut kept.request_start, trusted),
            Kind::Forwarded => trusted,
            Kind::Accel => false,
        };
        if passes && !line.name.contains(&b'_') {
            put_line(out, &line);
        }
    }
    kept
}

fn keep(seen: &mut bool, trusted: bool) -> bool {
    *seen |= trusted;
    trusted
}

fn put_hop(out: &mut Vec<u8>, head: &RequestHead, host: &str, hop: &Hop, kept: &Kept) {
    out.extend_from_slice(b"X-Forwarded-For: ");
    if kept.forwarded_for {
        for line in
            head.fields.lines().filter(|line| Kind::of(line.name) == Kind::ForwardedFor && !line.value.is_empty())
        {
            put(out, [line.value, b", "]);
        }
    }
    put_address(out, hop.client);
    out.extend_from_slice(b"\r\n");
    if !kept.real_ip {
        out.extend_from_slice(b"X-Real-IP: ");
        put_address(out, hop.client);
        out.extend_from_slice(b"\r\n");
    }
    if !kept.forwarded_proto {
        put_field(out, "X-Forwarded-Proto", if hop.https { b"https" } else { b"http" });
    }
    if !kept.forwarded_host {
        put_field(out, "X-Forwarded-Host", host.as_bytes());
    }
    if !kept.request_id {
        put_field(out, "X-Request-Id", hop.request_id.as_bytes());
    }
    if !kept.request_start {
        out.extend_from_slice(b"X-Request-Start: t=");
        put_decimal(out, hop.start_ms);
        out.extend_from_slice(b"\r\n");
    }
}

/// An IPv4 address that came over an IPv6 socket is written as IPv4.
fn put_address(out: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            for (i, octet) in address.octets().into_iter().enumerate() {
                if i > 0 {
                    out.push(b'.');
                }
                put_decimal(out, octet.into());
            }
        }
        // Writing to a Vec cannot fail.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
}
