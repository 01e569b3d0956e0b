//! What goes out is read again: it says the same, exactly once, to our reader and to the strict one.

use std::net::IpAddr;

use tenantd::http::{
    Delivery, Framing, Hop, RequestHead, ResponseHead, To, Version, forward_request, forward_response,
};

use super::{shown, strict};

/// Fields that end at this hop.
const HOP: &[&str] = &[
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "http2-settings",
    "proxy",
    "transfer-encoding",
    "content-length",
    "upgrade",
    "connection",
    "te",
];
/// What Connection cannot take away.
const PROTECTED: &[&str] = &["host", "cookie", "authorization", "te"];

fn hop(trusted: bool) -> Hop<'static> {
    let peer = IpAddr::from([192, 0, 2, 7]);
    Hop {
        elsewhere: None,
        peer,
        client: peer,
        https: false,
        request_id: "0123456789abcdef",
        trace_id: b"",
        start_ms: 1_700_000_000_000,
        trusted,
        sends_files: false,
    }
}

/// A request: the first byte says whether the peer is trusted.
pub fn round_trip(data: &[u8]) {
    let Some((flags, data)) = data.split_first() else { return };
    let Ok(Some(head)) = RequestHead::parse(data) else { return };
    let trusted = flags & 1 == 1;
    let mut sent = Vec::new();
    forward_request(&mut sent, &head, &hop(trusted));
    let again = match RequestHead::parse(&sent) {
        Ok(Some(again)) => again,
        // We add fields of our own: beyond the limits of a reader like us.
        Err(refusal) if matches!(refusal.status, 414 | 431) && is_large(data) => return,
        other => panic!("{other:?}: {} from {}", shown(&sent), shown(data)),
    };
    let host = if head.host.is_empty() { "localhost" } else { head.host };
    assert_eq!(
        (again.method, again.target, again.host, again.framing, again.upgrade, again.expect_continue, again.len),
        (head.method, head.target, host, head.framing, head.upgrade, head.expect_continue, sent.len()),
        "{} from {}",
        shown(&sent),
        shown(data)
    );
    assert!(again.version == Version::Http11 && again.keep_alive);
    assert_end_to_end(&sent, &head);
    let (mut first, mut second) = (sent, Vec::new());
    if trusted {
        // X-Forwarded-For grows at each trusted hop.
        let mut anew = Vec::new();
        forward_request(&mut anew, &head, &hop(false));
        first = anew;
    }
    let Ok(Some(again)) = RequestHead::parse(&first) else { return };
    forward_request(&mut second, &again, &hop(false));
    assert_eq!(lasting(&first), lasting(&second), "not a fixpoint");
}

/// A message without what each hop adds to: Via.
fn lasting(message: &[u8]) -> String {
    let grows = |line: &[u8]| line.len() > 4 && line[..4].eq_ignore_ascii_case(b"via:");
    shown(&message.split_inclusive(|&b| b == b'\n').filter(|line| !grows(line)).collect::<Vec<_>>().concat())
}

fn is_large(data: &[u8]) -> bool {
    data.len() > 30_000 || data.iter().filter(|&&b| b == b'\n').count() > 90
}

fn assert_end_to_end(sent: &[u8], head: &RequestHead) {
    let mut bodiless = sent.to_vec();
    match head.framing {
        Framing::Chunked => bodiless.extend_from_slice(b"0\r\n\r\n"),
        Framing::Length(length) if length < 1 << 20 => bodiless.resize(sent.len() + length as usize, b'x'),
        _ => {}
    }
    let read = match strict::request(&bodiless) {
        Ok(Some(read)) => read,
        Ok(None) if matches!(head.framing, Framing::Length(_)) => return,
        other => panic!("{other:?}: {}", shown(sent)),
    };
    assert_eq!((read.method(), read.target(), read.len), (head.method, head.target, bodiless.len()));
    for (name, value) in &read.fields {
        let allowed = match name.as_str() {
            "connection" => value == if head.upgrade.is_some() { &b"Upgrade"[..] } else { b"TE" },
            "upgrade" => head.upgrade.is_some_and(|protocol| protocol.as_bytes() == value),
            "te" => value.eq_ignore_ascii_case(b"trailers"),
            "content-length" | "transfer-encoding" => true,
            name => !HOP.contains(&name) && !name.contains('_'),
        };
        assert!(allowed, "{name} passed: {}", shown(sent));
        let ours = PROTECTED.contains(&name.as_str()) || HOP.contains(&name.as_str()) || name.starts_with("x-");
        let nominated = head.fields.connection_names(name.as_bytes());
        assert!(
            !nominated || ours || matches!(name.as_str(), "expect" | "forwarded" | "client-ip"),
            "{name} nominated: {}",
            shown(sent)
        );
    }
    for name in ["x-forwarded-for", "x-real-ip", "x-forwarded-proto", "x-request-id", "x-request-start", "host"] {
        assert!(read.field(name).is_some(), "no {name}: {}", shown(sent));
    }
}

/// An answer: the first byte says whom it is for.
pub fn answer(data: &[u8]) {
    let Some((flags, data)) = data.split_first() else { return };
    let to_head = flags & 1 == 1;
    let Ok(Some(head)) = ResponseHead::parse(data, to_head) else { return };
    let version = if flags & 2 == 2 { Version::Http10 } else { Version::Http11 };
    let to = To {
        version,
        keep_alive: flags & 4 == 0,
        request_id: if flags & 8 == 8 { "" } else { "abcdef" },
        date: if flags & 16 == 16 { b"" } else { b"Sun, 06 Nov 1994 08:49:37 GMT" },
        trailers: flags & 32 == 32,
        added: b"",
    };
    let mut sent = Vec::new();
    let delivery = forward_response(&mut sent, &head, &to);
    let again = match ResponseHead::parse(&sent, to_head) {
        Ok(Some(again)) => again,
        Err(_) if data.len() > 60_000 || data.iter().filter(|&&b| b == b'\n').count() > 90 => return,
        other => panic!("{other:?}: {} from {}", shown(&sent), shown(data)),
    };
    let framing = match delivery.dechunk {
        // Nobody sends a 205 with a body; without framing, our reader takes it for empty.
        true if head.status == 205 => Framing::Length(0),
        true => Framing::UntilClose,
        false => head.framing,
    };
    assert_eq!(
        (again.status, again.reason, again.framing, again.upgrade, again.len),
        (head.status, head.reason, framing, head.upgrade, sent.len()),
        "{} from {}",
        shown(&sent),
        shown(data)
    );
    assert_answer(&sent, &head, &again, &to, delivery);
    if delivery.dechunk && head.status == 205 {
        return;
    }
    let mut second = Vec::new();
    let once_more = forward_response(&mut second, &again, &to);
    assert!(shown(&sent) == shown(&second) && once_more.close == delivery.close, "not a fixpoint: {}", shown(data));
}

fn assert_answer(sent: &[u8], head: &ResponseHead, again: &ResponseHead, to: &To, delivery: Delivery) {
    let interim = head.status < 200;
    assert_eq!(delivery.dechunk, head.framing == Framing::Chunked && to.version == Version::Http10);
    assert!(delivery.close || interim || to.keep_alive, "kept against its will: {}", shown(sent));
    assert!(delivery.close || again.framing != Framing::UntilClose, "endless: {}", shown(sent));
    assert_eq!(again.fields.connection_names(b"close"), delivery.close, "{}", shown(sent));
    let lengths = again.fields.iter().filter(|field| field.name.eq_ignore_ascii_case("content-length")).count();
    let codings = again.fields.iter().filter(|field| field.name.eq_ignore_ascii_case("transfer-encoding")).count();
    assert!(lengths + codings <= 1 && (!(interim || head.status == 204) || lengths + codings == 0), "{}", shown(sent));
    for field in again.fields.iter() {
        let name = field.name.to_ascii_lowercase();
        let allowed = match name.as_str() {
            "connection" => matches!(field.value, b"close" | b"keep-alive" | b"Upgrade"),
            "upgrade" => head.upgrade.is_some(),
            "content-length" | "transfer-encoding" => true,
            name => !HOP.contains(&name),
        };
        assert!(allowed, "{name} passed: {}", shown(sent));
    }
}
