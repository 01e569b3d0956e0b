//! Requests that two readers could understand differently, each with its status; and their honest neighbours.

use crate::http::{MAX_FIELDS, MAX_HEAD, MAX_LINE, RequestHead};

/// Accepted.
const OK: u16 = 0;

/// A whole head → its status.
pub(super) const SMUGGLING: &[(&str, u16)] = &[
    // Line ends and control bytes (RFC 9112 §2.2).
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", OK),
    ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", OK),
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\nHost: a\n\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\n Content-Length: 5\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nX: a\rTransfer-Encoding: chunked\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n", 400),
    ("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\x0bc\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\x7fc\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\tc é\r\n\r\n", OK),
    // Field lines (§5).
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n folded\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tfolded\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX(y): b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nÉ: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY:b\r\nZ: \t c \t\r\n\r\n", OK),
    // Content-Length (§6.2, §6.3).
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", OK),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 005\r\n\r\n", OK),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n", OK),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nCONTENT-length: 5\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5a\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \"5\"\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ,\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ٥\r\n\r\n", 400),
    // Transfer-Encoding (§6.1).
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", OK),
    ("POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding:\tCHUNKED \r\n\r\n", OK),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\x0b\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chun ked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    // Host (RFC 9112 §3.2, RFC 9110 §7.2).
    ("GET / HTTP/1.1\r\n\r\n", 400),
    ("GET / HTTP/1.0\r\n\r\n", OK),
    ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    ("GET / HTTP/1.0\r\nHost:\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", OK),
    ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
    // Target (RFC 9112 §3.2).
    ("GET http://b:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n", OK),
    ("GET HTTPS://b HTTP/1.1\r\nHost: a\r\n\r\n", OK),
    ("GET http://b/ HTTP/1.1\r\n\r\n", 400),
    ("GET http://b/ HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    ("GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n", 400),
    ("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET http://b?x HTTP/1.1\r\nHost: b\r\n\r\n", 400),
    ("GET ftp://b/ HTTP/1.1\r\nHost: b\r\n\r\n", 400),
    ("GET b:80 HTTP/1.1\r\nHost: b\r\n\r\n", 400),
    ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", OK),
    ("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n", OK),
    ("OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /#f HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /é HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    // Method and version (§2.3).
    ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405),
    ("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    ("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n", OK),
    ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GÉT / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    ("GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
    ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400),
    ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1,1\r\nHost: a\r\n\r\n", 400),
    ("GET /\r\n\r\n", 400),
    ("\x16\x03\x01\x02\x00\x01\x00\x01", 400),
    // Expect (RFC 9110 §10.1.1).
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\n", OK),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 200-ok\r\n\r\n", 417),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect:\r\n\r\n", 417),
];

/// The status of a message, 0 if its head is accepted.
pub(super) fn status(bytes: &[u8]) -> Option<u16> {
    match RequestHead::parse(bytes) {
        Ok(None) => None,
        Ok(Some(_)) => Some(OK),
        Err(refusal) => Some(refusal.status),
    }
}

#[test]
fn each_ambiguity_has_its_status() {
    for (bytes, expected) in SMUGGLING {
        assert_eq!(status(bytes.as_bytes()), Some(*expected), "{bytes:?}");
    }
}

#[test]
fn bytes_outside_utf_8() {
    for b in 0u8..=255 {
        let value = [b"GET / HTTP/1.1\r\nHost: a\r\nX: b", &[b][..], b"c\r\n\r\n"].concat();
        let target = [b"GET /", &[b][..], b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let value_is_fine = matches!(b, b'\t' | b' '..=b'~' | 0x80..);
        assert_eq!(status(&value), Some(if value_is_fine { OK } else { 400 }), "value {b:#x}");
        let target_is_fine = b.is_ascii_graphic() && b != b'#';
        assert_eq!(status(&target), Some(if target_is_fine { OK } else { 400 }), "target {b:#x}");
    }
}

#[test]
fn limits_are_exact() {
    let line = |target: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(target));
    let around = "GET / HTTP/1.1".len();
    assert_eq!(status(line(MAX_LINE - around).as_bytes()), Some(OK));
    assert_eq!(status(line(MAX_LINE - around + 1).as_bytes()), Some(414));
    assert_eq!(status("x".repeat(MAX_LINE + 1).as_bytes()), None);
    assert_eq!(status("x".repeat(MAX_LINE + 2).as_bytes()), Some(414));

    let fields = |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: b\r\n".repeat(n));
    assert_eq!(status(fields(MAX_FIELDS - 1).as_bytes()), Some(OK));
    assert_eq!(status(fields(MAX_FIELDS).as_bytes()), Some(431));

    let sized = |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "b".repeat(n - 32));
    assert_eq!(sized(MAX_HEAD).len(), MAX_HEAD);
    assert_eq!(status(sized(MAX_HEAD).as_bytes()), Some(OK));
    assert_eq!(status(&sized(MAX_HEAD).as_bytes()[..MAX_HEAD - 1]), None);
    assert_eq!(status(sized(MAX_HEAD + 1).as_bytes()), Some(431));
    assert_eq!(status(&sized(MAX_HEAD + 1).as_bytes()[..MAX_HEAD]), Some(431));

    let connection = |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: {}\r\n\r\n", ",".repeat(n));
    assert_eq!(status(connection(512).as_bytes()), Some(OK));
    assert_eq!(status(connection(513).as_bytes()), Some(400));
}
