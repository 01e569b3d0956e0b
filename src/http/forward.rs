//! The head of a request as the tenant gets it: re-serialised from what was understood, framing exactly once, hop-by-hop
//! fields gone, the words of other proxies replaced by ours unless the peer is trusted.

use std::io::Write;
use std::net::IpAddr;

use super::control::decimal;
use super::fields::names;
use super::framing::Version;
use super::kind::Kind;
use super::put::{put, put_decimal, put_field, put_framing, put_line, put_valued};
use super::request::RequestHead;
use super::trace::{is_traceparent, put_traceparent};

/// What this hop knows about a request.
#[derive(Debug, Clone, Copy)]
pub struct Hop<'a> {
    /// Address of the peer.
    pub peer: IpAddr,
    /// Who asks: the peer, or whom a trusted peer names ([`super::client_address()`]).
    pub client: IpAddr,
    /// The client spoke TLS.
    pub https: bool,
    /// X-Request-Id: made by us, or a trusted peer's that the caller found fit.
    pub request_id: &'a str,
    /// 32 hexadecimal digits for a trace that begins here; empty: none begins.
    pub trace_id: &'a [u8],
    /// When the request came, in Unix milliseconds, for X-Request-Start.
    pub start_ms: u64,
    /// The peer is a proxy of ours: its X-Forwarded-*, Forwarded and X-Request-Start are kept, X-Forwarded-For is appended to,
    /// and X-Real-IP is kept where X-Forwarded-For names nobody. Of anyone else they are dropped and made anew. X-Sendfile-Type
    /// and X-Accel-* are nobody's to say but ours.
    pub trusted: bool,
    /// We send files for the tenant: it is told so by X-Sendfile-Type. Nobody else may tell it that, trusted or not, since
    /// nobody else gets the answer.
    pub sends_files: bool,
    /// It is sent to another server than a tenant, in other words.
    pub elsewhere: Option<&'a Elsewhere<'a>>,
}

/// How a request to another server than a tenant differs.
#[derive(Debug, Clone, Copy)]
pub struct Elsewhere<'a> {
    /// Host, in the place of the client's, which is X-Forwarded-Host.
    pub host: Option<&'a str>,
    /// Authorization passes.
    pub authorization: bool,
    /// Field lines that take the place of the client's and of ours, each with its CRLF; one without a value takes them away.
    pub set: &'a [u8],
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
    put_field(out, "Host", hop.elsewhere.and_then(|there| there.host).unwrap_or(host).as_bytes());
    let kept = put_end_to_end(out, head, hop);
    put_hop(out, head, host, hop, &kept);
    if let Some(there) = hop.elsewhere {
        put_valued(out, there.set);
    }
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
    } else if head.trailers {
        out.extend_from_slice(b"TE: trailers\r\nConnection: TE\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Another Host in a request that was written by [`forward_request`], and of which nothing was sent.
pub fn replace_host(request: &mut Vec<u8>, host: &str) {
    const FIELD: &[u8] = b"Host: ";
    let mut lines = memchr::memchr_iter(b'\n', request);
    if let (Some(first), Some(second)) = (lines.next(), lines.next())
        && request[first + 1..].starts_with(FIELD)
    {
        request.splice(first + 1 + FIELD.len()..second - 1, host.bytes());
    }
}

/// Which fields are there, so that we do not make them.
#[derive(Default)]
struct Kept<'b> {
    forwarded_for: bool,
    forwarded_proto: bool,
    forwarded_host: bool,
    real_ip: bool,
    request_start: bool,
    trace: Trace<'b>,
}

/// The fields of W3C Trace Context, from anyone: they are no statement of trust.
#[derive(Default)]
struct Trace<'b> {
    parent: Option<&'b [u8]>,
    parents: usize,
    state: bool,
}

fn put_end_to_end<'b>(out: &mut Vec<u8>, head: &RequestHead<'b>, hop: &Hop) -> Kept<'b> {
    let trusted = hop.trusted;
    let mut kept = Kept::default();
    for line in head.fields.lines() {
        let kind = Kind::of(line.name);
        let passes = match kind {
            Kind::Plain | Kind::Date => !head.fields.ends_here(line.name),
            Kind::Protected => true,
            Kind::Hop | Kind::Length | Kind::Coding | Kind::Host | Kind::Expect | Kind::Te => false,
            // The trailers of a request do not pass, see Exchange::take_body.
            Kind::Trailer | Kind::RequestId | Kind::Accel => false,
            Kind::MaxForwards => head.method != "OPTIONS" || !put_max_forwards(out, line.value),
            Kind::TraceParent => {
                kept.trace.parent = Some(line.value);
                kept.trace.parents += 1;
                false
            }
            Kind::TraceState => {
                kept.trace.state = true;
                false
            }
            Kind::ForwardedFor => {
                kept.forwarded_for |= trusted;
                false
            }
            Kind::ForwardedProto => keep(&mut kept.forwarded_proto, trusted),
            Kind::ForwardedHost => keep(&mut kept.forwarded_host, trusted),
            Kind::RealIp => keep(&mut kept.real_ip, trusted && hop.client == hop.peer),
            Kind::RequestStart => keep(&mut kept.request_start, trusted),
            Kind::Forwarded | Kind::Fleet => trusted,
        };
        if passes && !line.name.contains(&b'_') && !hop.replaces(line.name) {
            put_line(out, &line);
        }
    }
    kept
}

impl Hop<'_> {
    /// The client's field of this name does not pass.
    fn replaces(&self, name: &[u8]) -> bool {
        self.elsewhere.is_some_and(|there| {
            names(there.set, name) || !there.authorization && name.eq_ignore_ascii_case(b"authorization")
        })
    }

    /// Our own field of this name is somebody else's to say.
    fn sets(&self, name: &str) -> bool {
        self.elsewhere.is_some_and(|there| names(there.set, name.as_bytes()))
    }
}

fn keep(seen: &mut bool, trusted: bool) -> bool {
    *seen |= trusted;
    trusted
}

fn put_hop(out: &mut Vec<u8>, head: &RequestHead, host: &str, hop: &Hop, kept: &Kept) {
    if !hop.sets("X-Forwarded-For") {
        put_forwarded_for(out, head, hop, kept);
    }
    if !kept.real_ip && !hop.sets("X-Real-IP") {
        out.extend_from_slice(b"X-Real-IP: ");
        put_address(out, hop.client);
        out.extend_from_slice(b"\r\n");
    }
    if !kept.forwarded_proto && !hop.sets("X-Forwarded-Proto") {
        put_field(out, "X-Forwarded-Proto", if hop.https { b"https" } else { b"http" });
    }
    if !kept.forwarded_host && !hop.sets("X-Forwarded-Host") {
        put_field(out, "X-Forwarded-Host", host.as_bytes());
    }
    if !hop.sets("X-Request-Id") {
        put_field(out, "X-Request-Id", hop.request_id.as_bytes());
    }
    if !kept.request_start && !hop.sets("X-Request-Start") {
        out.extend_from_slice(b"X-Request-Start: t=");
        put_decimal(out, hop.start_ms);
        out.extend_from_slice(b"\r\n");
    }
    put_trace(out, head, hop, &kept.trace);
    put_via(out, head.version);
}

fn put_forwarded_for(out: &mut Vec<u8>, head: &RequestHead, hop: &Hop, kept: &Kept) {
    out.extend_from_slice(b"X-Forwarded-For: ");
    let before = head.fields.lines().filter(|line| Kind::of(line.name) == Kind::ForwardedFor && !line.value.is_empty());
    for line in before.take_while(|_| kept.forwarded_for) {
        put(out, [line.value, b", "]);
    }
    put_address(out, hop.peer);
    out.extend_from_slice(b"\r\n");
}

/// One valid traceparent passes, with its tracestate; in the place of anything else a trace begins.
fn put_trace(out: &mut Vec<u8>, head: &RequestHead, hop: &Hop, trace: &Trace) {
    match trace.parent {
        _ if hop.sets("traceparent") => {}
        Some(parent) if trace.parents == 1 && is_traceparent(parent) => {
            put_field(out, "traceparent", parent);
            if trace.state {
                let states = head.fields.lines().filter(|line| Kind::of(line.name) == Kind::TraceState);
                states.for_each(|line| put_line(out, &line));
            }
        }
        _ if hop.trace_id.is_empty() => {}
        _ => put_traceparent(out, hop.trace_id),
    }
}

/// A gateway must say Via in requests, and may in answers (RFC 9110 §7.6.3): there we do not, as it says nothing to a client.
fn put_via(out: &mut Vec<u8>, version: Version) {
    out.extend_from_slice(if version == Version::Http10 { b"Via: 1.0 tenantd\r\n" } else { b"Via: 1.1 tenantd\r\n" });
}

/// OPTIONS may go one hop less far (RFC 9110 §7.6.2). False if the value is no number; then it passes as it is.
fn put_max_forwards(out: &mut Vec<u8>, value: &[u8]) -> bool {
    let Some(hops) = decimal(value) else { return false };
    out.extend_from_slice(b"Max-Forwards: ");
    put_decimal(out, hops.saturating_sub(1));
    out.extend_from_slice(b"\r\n");
    true
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
