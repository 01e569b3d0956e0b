//! Whose word about a request counts: forwarded fields, ids, traces, and who asks.

use std::net::IpAddr;

use super::{OURS, forwarded, head, hop};
use crate::http::{Hop, client_address, forward_request, request_id};

/// The forwarded fields of a request to host `a` with these lines, without its request line and Host.
fn passes(fields: &str, trusted: bool) -> String {
    let got = forwarded(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes(), trusted);
    let got = got.strip_prefix("GET / HTTP/1.1\r\nHost: a\r\n").unwrap();
    got.strip_suffix("\r\n").unwrap().to_owned()
}

/// Words that only a trusted peer's are believed.
const THEIRS: &str = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Ssl: on\r\n\
                      X-Forwarded-Scheme: https\r\nForwarded: for=6\r\nX-Real-IP: 9\r\nX-Request-Start: t=7\r\n";

#[test]
fn a_stranger_is_not_believed() {
    assert_eq!(
        passes(&format!("{THEIRS}X-Forwarded-For: 1.2.3.4\r\nX-Request-Id: 8\r\nClient-IP: 1\r\n"), false),
        OURS
    );
}

#[test]
fn a_trusted_peer_is_believed_and_appended_to() {
    let fors = "X-Forwarded-For: 1, 2\r\nx-forwarded-for: 3\r\nX-Forwarded-For:\r\n";
    let rest = OURS.split_once("X-Request-Start").unwrap().1.split_once("\r\n").unwrap().1;
    let got = passes(&format!("{fors}{THEIRS}"), true);
    assert_eq!(got, format!("{THEIRS}X-Forwarded-For: 1, 2, 3, 192.0.2.7\r\nX-Request-Id: id-1\r\n{rest}"));
    assert_eq!(passes("", true), OURS);
}

#[test]
fn underscores_and_orders_to_file_servers_are_nobodys() {
    let twins = "X_Real_IP: 4\r\nX_FORWARDED_FOR: 1\r\nX-Forwarded_Proto: https\r\nTrace_Parent: x\r\n";
    let orders = "X-Sendfile-Type: X-Accel-Redirect\r\nX-Accel-Mapping: /=/\r\nX-Accel-Redirect: /\r\n";
    for trusted in [false, true] {
        assert_eq!(passes(&format!("{twins}{orders}"), trusted), OURS, "{trusted}");
    }
}

#[test]
fn real_ip_is_who_asks() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\nX-Real-IP: 198.51.100.1\r\n\r\n";
    let hop = Hop { client: IpAddr::from([203, 0, 113, 9]), ..hop(true) };
    let mut out = Vec::new();
    forward_request(&mut out, &head(bytes), &hop);
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("\r\nX-Forwarded-For: 203.0.113.9, 192.0.2.7\r\nX-Real-IP: 203.0.113.9\r\n"), "{out}");
    assert!(!out.contains("198.51.100.1"), "{out}");
}

#[test]
fn who_asks_is_the_last_address_that_is_not_trusted() {
    let trusted = |address: IpAddr| matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 10) || address.is_loopback();
    for (fors, client) in [
        ("", "10.0.0.1"),
        ("X-Forwarded-For:\r\n", "10.0.0.1"),
        ("X-Forwarded-For: 203.0.113.9\r\n", "203.0.113.9"),
        ("X-Forwarded-For: 1.1.1.1, 203.0.113.9\r\n", "203.0.113.9"),
        ("X-Forwarded-For: 1.1.1.1, 203.0.113.9, 10.1.2.3,::1\r\n", "203.0.113.9"),
        ("X-Forwarded-For: 1.1.1.1, 203.0.113.9\r\nX-Forwarded-For: 10.0.0.2, ,\r\n", "203.0.113.9"),
        ("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 203.0.113.9\r\n", "203.0.113.9"),
        ("X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n", "10.0.0.3"),
        ("X-Forwarded-For: 203.0.113.9, unknown, 10.0.0.2\r\n", "10.0.0.2"),
        ("X-Forwarded-For: unknown\r\n", "10.0.0.1"),
        ("X-Forwarded-For: 203.0.113.9, 300.1.1.1\r\n", "10.0.0.1"),
        ("X-Forwarded-For: 203.0.113.9:4711\r\n", "203.0.113.9"),
        ("X-Forwarded-For: [2001:db8::7]:4711, ::ffff:10.0.0.2\r\n", "2001:db8::7"),
        ("X-Forwarded-For: [2001:db8::7]\r\n", "2001:db8::7"),
        ("X-Forwarded-For: ::ffff:203.0.113.9\r\n", "203.0.113.9"),
        ("X_Forwarded_For: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\n", "10.0.0.1"),
    ] {
        let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\n{fors}\r\n");
        let got = client_address(&head(bytes.as_bytes()).fields, IpAddr::from([10, 0, 0, 1]), trusted);
        assert_eq!(got.to_string(), client, "{fors:?}");
    }
}

#[test]
fn only_fit_ids_are_kept() {
    let longest = "x".repeat(128);
    let too_long = "x".repeat(129);
    let amazon = "Root=1-67891233-abcdef012345678912345678";
    for (id, fit) in [
        ("0b5cb3ac-8bcf-4c5f-9f6e-1a2b3c4d5e6f", true),
        (amazon, true),
        ("a.b_c~d+e/f:g@h", true),
        (&longest, true),
        (&too_long, false),
        ("", false),
        ("a b", false),
        ("<script>", false),
        ("a\"b", false),
        ("é", false),
    ] {
        let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: {id}\r\n\r\n");
        assert_eq!(request_id(&head(bytes.as_bytes()).fields), fit.then_some(id.as_bytes()), "{id:?}");
    }
    assert_eq!(request_id(&head(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").fields), None);
}

#[test]
fn a_trace_is_passed_or_begun() {
    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let (before, behind) = OURS.split_once("traceparent: ").unwrap();
    let via = behind.split_once("\r\n").unwrap().1;
    for trusted in [false, true] {
        let good = format!("TraceParent: {GOOD}\r\n");
        let passed = format!("{before}traceparent: {GOOD}\r\n");
        assert_eq!(passes(&good, trusted), format!("{passed}{via}"));
        // The state may come before, in several lines, and Connection takes nothing away.
        let state = "tracestate: a=1\r\nTracestate: b=2\r\n";
        let nominated = format!("{state}{good}Connection: traceparent, tracestate\r\n");
        assert_eq!(passes(&nominated, trusted), format!("{passed}{state}{via}"));
        for bad in [format!("{good}{good}"), good.replace("4bf9", "4BF9"), "traceparent:\r\n".into(), String::new()] {
            assert_eq!(passes(&format!("{bad}{state}"), trusted), OURS, "{bad:?}");
        }
    }
    let mut out = Vec::new();
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\ntraceparent: x\r\ntracestate: a=1\r\n\r\n";
    forward_request(&mut out, &head(bytes), &Hop { trace_id: b"", ..hop(false) });
    assert!(!String::from_utf8(out).unwrap().contains("trace"));
}

#[test]
fn options_goes_one_hop_less_far() {
    for (method, value, passed) in
        [("OPTIONS", "3", "2"), ("OPTIONS", "0", "0"), ("OPTIONS", "x", "x"), ("GET", "3", "3"), ("options", "3", "3")]
    {
        let bytes = format!("{method} / HTTP/1.1\r\nHost: a\r\nMax-Forwards: {value}\r\n\r\n");
        let got = forwarded(bytes.as_bytes(), false);
        assert_eq!(got, format!("{method} / HTTP/1.1\r\nHost: a\r\nMax-Forwards: {passed}\r\n{OURS}\r\n"));
    }
}

#[test]
fn via_names_each_hop_and_its_version() {
    let got = passes("Via: 1.0 fred, 1.1 p.example.com\r\n", false);
    assert!(got.starts_with("Via: 1.0 fred, 1.1 p.example.com\r\n") && got.ends_with("Via: 1.1 tenantd\r\n"), "{got}");
    assert!(forwarded(b"GET / HTTP/1.0\r\n\r\n", false).contains("\r\nVia: 1.0 tenantd\r\n"));
}
