//! Tables and properties over the whole of `http`: what is refused, what passes, and that splits change nothing.

mod bodies;
mod forwarding;
mod preambles;
mod responses;
mod smuggling;
mod splits;
mod trust;

use super::{Hop, RequestHead, forward_request};

/// A complete, accepted head.
fn head(bytes: &[u8]) -> RequestHead<'_> {
    match RequestHead::parse(bytes) {
        Ok(Some(head)) => head,
        other => panic!("{other:?} for {:?}", bytes.escape_ascii().to_string()),
    }
}

/// A hop with fixed words.
fn hop(trusted: bool) -> Hop<'static> {
    let peer = std::net::IpAddr::from([192, 0, 2, 7]);
    let trace_id = b"0123456789abcdef0123456789abcdef";
    Hop {
        elsewhere: None,
        peer,
        client: peer,
        https: false,
        request_id: "id-1",
        trace_id,
        start_ms: 1_700_000_000_123,
        trusted,
        sends_files: false,
    }
}

/// The end of every forwarded head of an untrusted peer that asked for host `a` in HTTP/1.1.
const OURS: &str = "X-Forwarded-For: 192.0.2.7\r\nX-Real-IP: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n\
                    X-Request-Id: id-1\r\nX-Request-Start: t=1700000000123\r\n\
                    traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\r\nVia: 1.1 tenantd\r\n";

/// The head as the tenant gets it.
fn forwarded(bytes: &[u8], trusted: bool) -> String {
    let mut out = Vec::new();
    forward_request(&mut out, &head(bytes), &hop(trusted));
    String::from_utf8(out).unwrap()
}
