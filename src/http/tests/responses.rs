//! Answers of tenants, honest and lying, and what the client gets to see of them.

use crate::http::{Delivery, Framing, ResponseHead, To, Version, forward_response};

fn parse(bytes: &str, to_head: bool) -> ResponseHead<'_> {
    ResponseHead::parse(bytes.as_bytes(), to_head).unwrap().unwrap()
}

#[test]
fn framing_of_answers() {
    use Framing::{Chunked, Length, None, UntilClose};
    for (head, to_head, framing, keep_alive) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, Length(5), true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, None, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, Chunked, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, None, true),
        ("HTTP/1.1 200 OK\r\n\r\n", false, UntilClose, false),
        ("HTTP/1.1 200 OK\r\n\r\n", true, None, true),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, Length(0), true),
        ("HTTP/1.1 200 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false, Length(0), false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, Length(5), false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", false, Length(5), true),
        ("HTTP/1.1 100 Continue\r\n\r\n", false, None, true),
        ("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 5\r\n\r\n", false, None, false),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", false, None, true),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false, None, false),
        ("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", false, None, false),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, None, true),
        ("HTTP/1.1 205 Reset Content\r\n\r\n", false, Length(0), true),
        ("HTTP/1.1 205 Reset Content\r\nContent-Length: 5\r\n\r\n", false, Length(5), true),
        ("HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", false, None, false),
    ] {
        let got = parse(head, to_head);
        assert_eq!((got.framing, got.keep_alive, got.len), (framing, keep_alive, head.len()), "{head:?}");
    }
}

#[test]
fn lying_answers_are_refused() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        "HTTP/1.1 204 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\n\r\n",
        "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 OK\r\nX: a\n\r\n",
        "HTTP/1.1 200 O\rK\r\n\r\n",
        "HTTP/1.1 099 Low\r\n\r\n",
        "HTTP/1.1 600 High\r\n\r\n",
        "HTTP/1.1 20 Short\r\n\r\n",
        "HTTP/1.1 2000 Long\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 101 \r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 101 \r\nUpgrade: a, b\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 101 \r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 \r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "<",
    ] {
        let refusal = ResponseHead::parse(head.as_bytes(), false).expect_err(head);
        assert_eq!(refusal.status, 502, "{head:?}");
    }
    let huge = format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(64 * 1024));
    assert_eq!(ResponseHead::parse(huge.as_bytes(), false).unwrap_err().reason, "head too large");
}

#[test]
fn an_answer_is_the_same_in_pieces() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    for end in 0..head.len() {
        assert!(matches!(ResponseHead::parse(&head.as_bytes()[..end], false), Ok(None)), "{end}");
    }
    assert_eq!(parse(&format!("{head}hello"), false).len, head.len());
}

#[test]
fn fields_of_ours_take_the_place_of_others() {
    let added = b"Server: \r\nX-A: 1\r\nSet-Cookie: d=e\r\nVary: Cookie\r\n";
    let to = To { version: Version::Http11, keep_alive: true, request_id: "i", date: b"now", trailers: false, added };
    let answer = "HTTP/1.1 200 OK\r\nserver: x\r\nx-a: 2\r\nX-AB: 3\r\nSet-Cookie: b=c\r\nVary: Accept\r\nContent-Length: 0\r\n\r\n";
    let mut out = Vec::new();
    forward_response(&mut out, &parse(answer, false), &to);
    let kept = "X-AB: 3\r\nSet-Cookie: b=c\r\nVary: Accept\r\nDate: now\r\nX-Request-Id: i\r\n";
    let ours = "X-A: 1\r\nSet-Cookie: d=e\r\nVary: Cookie\r\nContent-Length: 0\r\n";
    assert_eq!(String::from_utf8_lossy(&out), format!("HTTP/1.1 200 OK\r\n{kept}{ours}\r\n"));
}

#[test]
fn answers_as_the_client_gets_them() {
    let to =
        |version, keep_alive| To { version, keep_alive, request_id: "i", date: b"now", trailers: false, added: b"" };
    let (new, old) = (to(Version::Http11, true), to(Version::Http10, true));
    let (new_close, old_close) = (to(Version::Http11, false), to(Version::Http10, false));
    let nothing = Delivery { dechunk: false, close: false };
    let close = Delivery { dechunk: false, close: true };
    let dechunk = Delivery { dechunk: true, close: true };
    let id = "Date: now\r\nX-Request-Id: i\r\n";
    for (head, to, sent, delivery) in [
        (
            "200 OK\r\nA:b\r\ncontent-length: 05\r\n",
            new,
            format!("200 OK\r\nA: b\r\n{id}Content-Length: 5\r\n"),
            nothing,
        ),
        (
            "200 OK\r\nContent-Length: 5\r\nConnection: close\r\n",
            new,
            format!("200 OK\r\n{id}Content-Length: 5\r\n"),
            nothing,
        ),
        (
            "200 OK\r\nContent-Length: 5\r\n",
            new_close,
            format!("200 OK\r\n{id}Content-Length: 5\r\nConnection: close\r\n"),
            close,
        ),
        (
            "200 OK\r\nContent-Length: 5\r\n",
            old,
            format!("200 OK\r\n{id}Content-Length: 5\r\nConnection: keep-alive\r\n"),
            nothing,
        ),
        (
            "200 OK\r\nContent-Length: 5\r\n",
            old_close,
            format!("200 OK\r\n{id}Content-Length: 5\r\nConnection: close\r\n"),
            close,
        ),
        (
            "200 OK\r\nTransfer-Encoding: chunked\r\n",
            new,
            format!("200 OK\r\n{id}Transfer-Encoding: chunked\r\n"),
            nothing,
        ),
        ("200 OK\r\nTransfer-Encoding: chunked\r\n", old, format!("200 OK\r\n{id}Connection: close\r\n"), dechunk),
        ("200 OK\r\n", new, format!("200 OK\r\n{id}Connection: close\r\n"), close),
        (
            "304 Not Modified\r\nContent-Length: 7\r\n",
            new,
            format!("304 Not Modified\r\n{id}Content-Length: 7\r\n"),
            nothing,
        ),
        ("304 \r\nTransfer-Encoding: chunked\r\n", old, format!("304 \r\n{id}Connection: keep-alive\r\n"), nothing),
        ("204 No Content\r\nContent-Length: 7\r\n", new, format!("204 No Content\r\n{id}"), nothing),
        ("205 \r\n", new, format!("205 \r\n{id}Content-Length: 0\r\n"), nothing),
        ("100 Continue\r\n", new_close, "100 Continue\r\n".into(), nothing),
        ("103 Early Hints\r\nLink: a\r\nContent-Length: 4\r\n", new, "103 Early Hints\r\nLink: a\r\n".into(), nothing),
        (
            "101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nSec-WebSocket-Accept: x\r\n",
            new,
            "101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                .into(),
            nothing,
        ),
        (
            "200 OK\r\nConnection: x-a\r\nX-A: 1\r\nKeep-Alive: 5\r\nProxy-Connection: a\r\nTE: a\r\nUpgrade: b\r\n\
             Proxy-Authenticate: c\r\nSet-Cookie: d_e=f\r\nTrailer: X\r\nX_y: 1\r\nX-Request-Id: j\r\nDate: then\r\nContent-Length: 0\r\n",
            new,
            "200 OK\r\nSet-Cookie: d_e=f\r\nX_y: 1\r\nX-Request-Id: j\r\nDate: then\r\nContent-Length: 0\r\n".into(),
            nothing,
        ),
        (
            "200 OK\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n",
            To { trailers: true, ..new },
            format!("200 OK\r\nTrailer: X\r\n{id}Transfer-Encoding: chunked\r\n"),
            nothing,
        ),
    ] {
        let mut out = Vec::new();
        let bytes = format!("HTTP/1.1 {head}\r\n");
        let got = forward_response(&mut out, &parse(&bytes, false), &to);
        assert_eq!(
            (String::from_utf8(out).unwrap(), got),
            (format!("HTTP/1.1 {sent}\r\n"), delivery),
            "{head:?} {to:?}"
        );
    }
    let mut out = Vec::new();
    forward_response(
        &mut out,
        &parse("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", true),
        &To { request_id: "", date: b"", ..new },
    );
    assert_eq!(out, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
}
