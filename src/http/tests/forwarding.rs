//! What a tenant gets to see of a request.

use proptest::prelude::*;

use super::smuggling::SMUGGLING;
use super::{OURS, forwarded, head, hop};
use crate::http::{Elsewhere, Framing, Version, forward_request, replace_host};

#[test]
fn a_plain_request() {
    let got = forwarded(b"GET /x?y=1 HTTP/1.1\r\nUser-Agent:  curl \r\nhOsT: a\r\nAccept: */*\r\n\r\n", false);
    assert_eq!(got, format!("GET /x?y=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: curl\r\nAccept: */*\r\n{OURS}\r\n"));
}

#[test]
fn another_server_gets_other_words() {
    let asked = b"GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: b\r\nCookie: c\r\nx-site: d\r\nE: f\r\n\r\n";
    let sent = |elsewhere: Elsewhere| {
        let mut out = Vec::new();
        forward_request(&mut out, &head(asked), &super::Hop { elsewhere: Some(&elsewhere), ..hop(false) });
        out
    };
    let plain = Elsewhere { host: None, authorization: true, set: b"" };
    assert_eq!(String::from_utf8(sent(plain)), Ok(forwarded(asked, false)));
    let set = b"X-Site: 1\r\ncookie: \r\nX-Forwarded-Proto: https\r\nX-Request-Id: 2\r\n";
    let mut out = sent(Elsewhere { host: Some("there:81"), authorization: false, set });
    let ours = OURS.replace("X-Forwarded-Proto: http\r\n", "").replace("X-Request-Id: id-1\r\n", "");
    let set = "X-Site: 1\r\nX-Forwarded-Proto: https\r\nX-Request-Id: 2\r\n";
    let expected = |host| format!("GET /x HTTP/1.1\r\nHost: {host}\r\nE: f\r\n{ours}{set}\r\n");
    assert_eq!(String::from_utf8_lossy(&out), expected("there:81"));
    for host in ["b", "a.much.longer.name.example:8080"] {
        replace_host(&mut out, host);
        assert_eq!(String::from_utf8_lossy(&out), expected(host));
    }
}

/// Field lines of a GET (or POST, if they frame a body) to host `a`, and what of them passes, from the untrusted.
const PASSES: &[(&str, &str)] = &[
    ("Cookie: a=b\r\nAuthorization: c\r\nConnection: cookie, authorization\r\n", "Cookie: a=b\r\nAuthorization: c\r\n"),
    ("Connection: x-request-foo\r\nX-Request-Foo: 1\r\n", "X-Request-Foo: 1\r\n"),
    ("Connection: close\r\n", ""),
    ("Connection: X-Secret, y\r\nConnection: z\r\nx-secret: 1\r\nY: 2\r\nZ: 3\r\nW: 4\r\n", "W: 4\r\n"),
    ("Connection: host, content-length, x-forwarded-for, x-request-start, x-real-ip\r\n", ""),
    ("Keep-Alive: 5\r\nProxy-Connection: a\r\nProxy-Authorization: b\r\nProxy-Authenticate: c\r\nProxy: d\r\n", ""),
    ("Trailer: X\r\n", ""),
    ("TE: gzip\r\nTE: trailersx\r\n", ""),
    ("X-Forwarded-For: 1\r\nX-Forwarded-Proto: https\r\nx-forwarded-port: 1\r\nX-Forwarded-Host: evil\r\n", ""),
    ("Forwarded: for=1\r\nX-Real-IP: 1\r\nX-Request-Start: t=0\r\nX-Request-ID: 1\r\nClient-IP: 1\r\n", ""),
    ("X-Sendfile-Type: a\r\nX-Accel-Mapping: /=/\r\nX-Accel-Redirect: /\r\n", ""),
    ("X_Forwarded_For: 1\r\nX-Forwarded_Proto: https\r\nContent_Length: 5\r\n", ""),
    ("Upgrade: h2c\r\nHTTP2-Settings: a\r\nConnection: upgrade, http2-settings\r\n", ""),
    ("Upgrade: websocket\r\n", ""),
    ("Upgrade: websocket, foo\r\nConnection: upgrade\r\n", ""),
    ("Upgrade: websocket\r\nUpgrade: foo\r\nConnection: upgrade\r\n", ""),
    ("Expect: 100-continue\r\n", ""),
    ("X:\r\nY:b\r\nZ:\t c\r\n", "X: \r\nY: b\r\nZ: c\r\n"),
];

#[test]
fn end_to_end_fields_only() {
    for (fields, passes) in PASSES {
        let got = forwarded(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes(), false);
        assert_eq!(got, format!("GET / HTTP/1.1\r\nHost: a\r\n{passes}{OURS}\r\n"), "{fields:?}");
    }
}

#[test]
fn framing_and_control_come_last_and_once() {
    for (request, last) in [
        ("POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 005\r\n\r\n", "Content-Length: 5\r\n"),
        (
            "POST / HTTP/1.1\r\nContent-Length: 0\r\nConnection: content-length\r\nHost: a\r\n\r\n",
            "Content-Length: 0\r\n",
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: CHUNKED\r\n\r\n", "Transfer-Encoding: chunked\r\n"),
        (
            "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: expect\r\nContent-Length: 1\r\n\r\n",
            "Content-Length: 1\r\nExpect: 100-continue\r\n",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n",
            "Connection: Upgrade\r\nUpgrade: WebSocket\r\n",
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", ""),
        ("GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", ""),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n",
            "Content-Length: 1\r\n",
        ),
        ("PUT / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", "Content-Length: 1\r\n"),
        ("GET / HTTP/1.1\r\nHost: a\r\nTE: gzip;q=0.5, Trailers\r\n\r\n", "TE: trailers\r\nConnection: TE\r\n"),
        ("GET / HTTP/1.0\r\nHost: a\r\nTE: trailers\r\n\r\n", ""),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: upgrade, te\r\nUpgrade: websocket\r\n\r\n",
            "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        ),
    ] {
        let method = request.split(' ').next().unwrap();
        let via = if request.contains("HTTP/1.0") { "Via: 1.0" } else { "Via: 1.1" };
        let ours = OURS.replace("Via: 1.1", via);
        assert_eq!(
            forwarded(request.as_bytes(), false),
            format!("{method} / HTTP/1.1\r\nHost: a\r\n{ours}{last}\r\n"),
            "{request:?}"
        );
    }
}

#[test]
fn a_tenant_is_told_by_us_that_its_files_are_sent() {
    let mut out = Vec::new();
    let hop = super::Hop { sends_files: true, ..hop(true) };
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nX-Sendfile-Type: X-Accel-Redirect\r\nX-Accel-Mapping: /=/\r\nX-Sendfile: /\r\n\r\n";
    forward_request(&mut out, &head(request), &hop);
    let out = String::from_utf8(out).unwrap();
    assert!(out.ends_with("\r\nX-Sendfile-Type: X-Sendfile\r\n\r\n"), "{out}");
    assert_eq!((out.matches("Sendfile").count(), out.contains("Accel")), (2, false), "{out}");
}

#[test]
fn the_authority_of_the_target_is_the_host() {
    let got = forwarded(b"GET http://b:80/x HTTP/1.1\r\nHost: a\r\n\r\n", false);
    assert!(got.starts_with("GET /x HTTP/1.1\r\nHost: b:80\r\nX-Forwarded-For"), "{got}");
    assert!(got.contains("X-Forwarded-Host: b:80\r\n"), "{got}");
    let got = forwarded(b"OPTIONS http://b HTTP/1.0\r\n\r\n", false);
    assert!(got.starts_with("OPTIONS * HTTP/1.1\r\nHost: b\r\n"), "{got}");
    let got = forwarded(b"GET / HTTP/1.0\r\n\r\n", false);
    assert!(got.starts_with("GET / HTTP/1.1\r\nHost: localhost\r\n"), "{got}");
}

#[test]
fn addresses_are_written_plainly() {
    for (client, text) in
        [("10.0.200.1", "10.0.200.1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("2001:db8::1", "2001:db8::1")]
    {
        let mut out = Vec::new();
        let hop =
            super::Hop { peer: client.parse().unwrap(), client: client.parse().unwrap(), https: true, ..hop(false) };
        forward_request(&mut out, &head(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &hop);
        let out = String::from_utf8(out).unwrap();
        assert!(
            out.contains(&format!("X-Forwarded-For: {text}\r\nX-Real-IP: {text}\r\nX-Forwarded-Proto: https\r\n")),
            "{out}"
        );
    }
}

#[test]
fn connections_persist_by_version() {
    for (line, keep_alive) in [
        ("HTTP/1.1\r\nHost: a", true),
        ("HTTP/1.1\r\nHost: a\r\nConnection: x, Close", false),
        ("HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: keep-alive", false),
        ("HTTP/1.0", false),
        ("HTTP/1.0\r\nConnection: Keep-Alive", true),
        ("HTTP/1.0\r\nConnection: keep-alive, close", false),
    ] {
        assert_eq!(head(format!("GET / {line}\r\n\r\n").as_bytes()).keep_alive, keep_alive, "{line:?}");
    }
}

#[test]
fn fields_are_found() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nx:  2 \r\nY:\r\nConnection: Close, q\r\n\r\n";
    let fields = head(bytes).fields;
    assert_eq!((fields.find("x"), fields.find("Y"), fields.find("z")), (Some(&b"1"[..]), Some(&b""[..]), None));
    assert!(fields.connection_names(b"close") && fields.connection_names(b"Q") && !fields.connection_names(b"x"));
    let names: Vec<_> = fields.iter().map(|field| (field.name, field.value)).collect();
    assert_eq!(names[..3], [("Host", &b"a"[..]), ("X", b"1"), ("x", b"2")]);
    assert_eq!(names.len(), 5);
}

/// Method, target, host, framing, upgrade, expectation.
fn essence(bytes: &[u8]) -> (&str, &str, &str, Framing, Option<&str>, bool) {
    let head = head(bytes);
    let host = if head.host.is_empty() { "localhost" } else { head.host };
    (head.method, head.target, host, head.framing, head.upgrade, head.expect_continue)
}

/// Forwards twice: the meaning stays, and the second time nothing changes at all but what each hop adds.
fn check_round_trip(bytes: &[u8]) {
    let once = forwarded(bytes, false);
    assert_eq!(essence(once.as_bytes()), essence(bytes));
    assert_eq!(head(once.as_bytes()).len, once.len());
    assert_eq!(head(once.as_bytes()).version, Version::Http11);
    let own = once.replacen("Via: 1.0 tenantd\r\n", "Via: 1.1 tenantd\r\n", 1);
    let twice = forwarded(own.as_bytes(), false);
    assert_eq!(twice.replacen("Via: 1.1 tenantd\r\n", "", 1), own);
}

#[test]
fn what_is_accepted_survives_the_trip() {
    for (bytes, _) in SMUGGLING.iter().filter(|(bytes, status)| *status == 0 && bytes.is_ascii()) {
        check_round_trip(bytes.as_bytes());
    }
}

proptest! {
    #[test]
    fn any_request_survives_the_trip(
        method in "[A-Z]{3,7}",
        target in "(http://h(:1)?)?/[!-\"$-~]{0,20}",
        fields in proptest::collection::vec(("[A-Za-z_-]{1,16}", "[ \t]{0,2}", "[!-~]{0,10}"), 0..8),
        steering in prop_oneof![
            Just(""), Just("Content-Length: 3\r\n"), Just("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n"),
            Just("Connection: upgrade, x\r\nUpgrade: websocket\r\n"), Just("Forwarded: x\r\nTE: trailers\r\n"),
        ],
    ) {
        let lines: String = fields.iter().map(|(name, space, value)| format!("{name}:{space}{value}{space}\r\n")).collect();
        check_round_trip(format!("{method} {target} HTTP/1.1\r\n{lines}Host: a\r\n{steering}\r\n").as_bytes());
    }
}
