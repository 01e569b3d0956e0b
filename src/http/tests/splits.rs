//! However a message arrives, it is the same message; and nothing that arrives makes us panic.

use proptest::prelude::*;

use super::smuggling::{SMUGGLING, status};
use super::{head, hop};
use crate::http::{Body, Framing, MAX_HEAD, RequestHead, ResponseHead, To, Version, forward_request, forward_response};

#[test]
fn a_prefix_is_refused_only_as_the_whole_is() {
    for (message, _) in SMUGGLING {
        let message = message.as_bytes();
        let whole = status(message);
        let first = (0..=message.len()).find_map(|end| status(&message[..end]));
        assert_eq!(first, whole, "{:?}", message.escape_ascii().to_string());
    }
}

#[test]
fn a_head_ends_where_its_empty_line_ends() {
    for (message, expected) in SMUGGLING.iter().filter(|(_, expected)| *expected == 0) {
        let followed = [message.as_bytes(), b"GET /next"].concat();
        assert_eq!(head(&followed).len, message.len(), "{expected} {message:?}");
    }
}

#[test]
fn a_long_line_or_head_is_refused_the_same_in_pieces() {
    let long_line = [b'x'; 9000];
    let long_head = [b"GET / HTTP/1.1\r\nHost: a\r\nX: ".to_vec(), vec![b'y'; MAX_HEAD]].concat();
    let bare_lf_late = [&long_line[..], b"\n"].concat();
    for message in [&long_line[..], &long_head, &bare_lf_late] {
        let first = (0..=message.len()).find_map(|end| status(&message[..end]));
        assert_eq!(first, status(message));
    }
}

/// Bytes that come close to HTTP more often than noise does.
fn almost_http() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("GET / HTTP/1.1\r\n"),
        Just("POST http://a/b?c HTTP/1.1\r\n"),
        Just("HTTP/1.1 200 OK\r\n"),
        Just("HTTP/1.0 101 \r\n"),
        Just("Host: a\r\n"),
        Just("Connection: close, x, upgrade\r\n"),
        Just("Content-Length: 3\r\n"),
        Just("Transfer-Encoding: chunked\r\n"),
        Just("Upgrade: websocket\r\n"),
        Just("X-Forwarded-For:  b \r\n"),
        Just("\r\n"),
        Just("\n"),
        Just(":"),
        Just("5\r\nhello\r\n"),
        Just("0\r\n\r\n"),
        Just("ff;a=b\r\n"),
        Just("\0"),
        Just("é"),
    ];
    let noise = proptest::collection::vec(any::<u8>(), 0..4);
    proptest::collection::vec((piece, noise, 0..8u8), 0..10).prop_map(|pieces| {
        pieces.into_iter().fold(Vec::new(), |mut all, (piece, noise, dice)| {
            all.extend_from_slice(piece.as_bytes());
            if dice == 0 {
                all.extend_from_slice(&noise);
            }
            all
        })
    })
}

proptest! {
    #[test]
    fn anything_may_arrive(bytes in almost_http(), to_head: bool, trusted: bool) {
        let mut out = Vec::new();
        if let Ok(Some(head)) = RequestHead::parse(&bytes) {
            prop_assert!(head.len <= bytes.len());
            forward_request(&mut out, &head, &hop(trusted));
        }
        if let Ok(Some(head)) = ResponseHead::parse(&bytes, to_head) {
            prop_assert!(head.len <= bytes.len());
            forward_response(&mut out, &head, &To { version: Version::Http10, keep_alive: true, request_id: "i", date: b"now", trailers: trusted, added: b"" });
        }
        let first = (0..=bytes.len()).find_map(|end| status(&bytes[..end]));
        prop_assert_eq!(first, status(&bytes));
    }

    #[test]
    fn a_body_is_the_same_in_pieces(
        bytes in almost_http(),
        cuts in proptest::collection::vec(1..9usize, 0..40),
        length in 0..50u64,
    ) {
        for framing in [Framing::Chunked, Framing::Length(length), Framing::None, Framing::UntilClose] {
            prop_assert_eq!(feed(framing, &bytes, &cuts), feed(framing, &bytes, &[]));
        }
    }
}

/// What a body makes of `bytes` in pieces of these sizes (the last piece is the rest): its end, or that it is broken, and its payload.
fn feed(framing: Framing, bytes: &[u8], cuts: &[usize]) -> (Option<(usize, bool)>, Vec<u8>) {
    let (mut body, mut payload, mut at) = (Body::new(framing), Vec::new(), 0);
    for cut in cuts.iter().copied().chain([bytes.len()]) {
        let piece = &bytes[at..bytes.len().min(at + cut)];
        match body.feed(piece, |data| payload.extend_from_slice(data)) {
            Ok(taken) => at += taken,
            Err(_) => return (None, payload),
        }
    }
    (Some((at, body.is_done())), payload)
}
