//! The chunk reader against a table, and against a slow model that is obviously right.

use proptest::prelude::*;

use crate::http::{Body, Framing};

/// The payload and the length of a chunked body at the start of `bytes`; `None` if it is broken or cut short.
fn read(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    read_in_pieces(bytes, bytes.len())
}

fn read_in_pieces(bytes: &[u8], size: usize) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut payload, mut taken) = (Body::new(Framing::Chunked), Vec::new(), 0);
    for piece in bytes.chunks(size) {
        let n = body.feed(piece, |data| payload.extend_from_slice(data)).ok()?;
        assert!(n == piece.len() || body.is_done());
        taken += n;
    }
    body.is_done().then_some((payload, taken))
}

#[test]
fn chunks() {
    for (bytes, payload) in [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5\r\nhello\r\n1\r\n \r\n00000005\r\nworld\r\n000\r\n\r\n", "hello world"),
        ("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
        ("0000000000000001\r\nx\r\n0\r\n\r\n", "x"),
        ("1;a=b\r\nx\r\n0;last\r\n\r\n", "x"),
        ("1 ; a = \"b c\"\r\nx\r\n0\r\n\r\n", "x"),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
        ("1\r\nx\r\n0\r\nServer-Timing: a\r\nDigest:b\r\nEmpty:\r\n\r\n", "x"),
    ] {
        let followed = format!("{bytes}GET / HTTP/1.1");
        assert_eq!(read(followed.as_bytes()), Some((payload.into(), bytes.len())), "{bytes:?}");
    }
}

#[test]
fn broken_chunks() {
    for bytes in [
        "\r\n",
        "\r\n0\r\n\r\n",
        "x\r\n",
        "-1\r\n",
        "+1\r\n",
        " 1\r\nx\r\n",
        "0x1\r\nx\r\n",
        "1_0\r\n",
        "1\nx\r\n",
        "1\rx",
        "1\r\nx\n0\r\n\r\n",
        "1\r\nxy\r\n0\r\n\r\n",
        "2\r\nx\r\n0\r\n\r\n",
        "1\r\nx\r0\r\n\r\n",
        "10000000000000000\r\n",
        "00000000000000001\r\n",
        "1 \r\nx\r\n0\r\n\r\n",
        "1 1\r\nx\r\n",
        "1;a\nx\r\n0\r\n\r\n",
        "1;a\rb\r\n",
        "1;a\0\r\n",
        "1;é\r\n",
        ";a\r\n",
        "0\r\n\n",
        "0\r\n\rx",
        "0\r\nX: b\n\r\n",
        "0\r\nX : b\r\n\r\n",
        "0\r\n X: b\r\n\r\n",
        "0\r\nX: b\r\n folded\r\n\r\n",
        "0\r\nnocolon\r\n\r\n",
        "0\r\n: b\r\n\r\n",
        "0\r\nX: \0\r\n\r\n",
        "0\r\nContent-Length: 5\r\n\r\n",
        "0\r\ntransfer-encoding: chunked\r\n\r\n",
        "0\r\nA: b\r\nHost: c\r\n\r\n",
        "0\r\nAuthorization: x\r\n\r\n",
        "0\r\nCookie: x\r\n\r\n",
        "0\r\nConnection: close\r\n\r\n",
        "0\r\nX-Forwarded-For: ::1\r\n\r\n",
        "0\r\nx-forwarded-very-long-name-of-a-field: x\r\n\r\n",
        "0\r\nX_Forwarded_For: ::1\r\n\r\n",
        "0\r\nX-Request-Id: x\r\n\r\n",
    ] {
        assert_eq!(read(bytes.as_bytes()), None, "{bytes:?}");
        let broken = Body::new(Framing::Chunked).feed(bytes.as_bytes(), |_| {});
        assert!(broken.is_err(), "{bytes:?} is only waited for");
    }
}

#[test]
fn limits_are_exact() {
    let extension = |n: usize| format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(n - 1));
    assert!(read(extension(1024).as_bytes()).is_some());
    assert!(read(extension(1025).as_bytes()).is_none());
    let trailers = |n: usize| format!("0\r\nX: {}\r\n\r\n", "a".repeat(n - 5));
    assert!(read(trailers(8192).as_bytes()).is_some());
    assert!(read(trailers(8193).as_bytes()).is_none());
    let huge = Body::new(Framing::Chunked).feed(b"ffffffffffffffff\r\nabc", |_| {});
    assert_eq!(huge, Ok(21));
}

#[test]
fn plain_bodies_end_where_they_say() {
    let mut body = Body::new(Framing::Length(3));
    assert_eq!((body.feed(b"ab", |_| {}), body.is_done(), body.remaining_hint()), (Ok(2), false, Some(1)));
    assert_eq!((body.feed(b"cd", |_| {}), body.is_done(), body.remaining_hint()), (Ok(1), true, Some(0)));
    assert_eq!(body.feed(b"d", |_| panic!("no payload behind the end")), Ok(0));

    let none = Body::new(Framing::None);
    assert!(none.is_done() && !none.ends_by_close());
    let mut open = Body::new(Framing::UntilClose);
    assert_eq!(open.feed(b"abc", |_| {}), Ok(3));
    assert!(!open.is_done() && open.ends_by_close() && open.remaining_hint().is_none());
}

/// A chunked body as it is passed on to who takes no trailers, read in pieces of this size.
fn without_trailers(bytes: &[u8], size: usize) -> Vec<u8> {
    let (mut body, mut passed) = (Body::new(Framing::Chunked), Vec::new());
    for piece in bytes.chunks(size) {
        let taken = body.feed(piece, |_| {}).unwrap();
        let trailers = body.trailers();
        assert!(trailers.end <= taken);
        passed.extend_from_slice(&piece[..trailers.start]);
        passed.extend_from_slice(&piece[trailers.end..taken]);
    }
    assert!(body.is_done());
    passed
}

#[test]
fn trailers_can_be_left_out() {
    for (bytes, rest) in [
        ("0\r\n\r\n", "0\r\n\r\n"),
        ("3;x=y\r\nA: \r\n0\r\n\r\n", "3;x=y\r\nA: \r\n0\r\n\r\n"),
        ("0\r\nA: b\r\n\r\n", "0\r\n\r\n"),
        ("1\r\nx\r\n0;y\r\nA:\r\nLonger-Name: and value \r\nDate: now\r\n\r\n", "1\r\nx\r\n0;y\r\n\r\n"),
    ] {
        let followed = [bytes.as_bytes(), b"more"].concat();
        let mut body = Body::new(Framing::Chunked);
        assert_eq!(body.feed(&followed, |_| {}), Ok(bytes.len()));
        assert_eq!(body.trailers().len(), bytes.len() - rest.len());
        for size in 1..=bytes.len() {
            assert_eq!(without_trailers(bytes.as_bytes(), size), rest.as_bytes(), "{bytes:?} in pieces of {size}");
        }
    }
    let mut plain = Body::new(Framing::Length(3));
    assert_eq!((plain.feed(b"abc", |_| {}), plain.trailers()), (Ok(3), 0..0));
}

/// The grammar of RFC 9112 §7.1 read with `split`, all at once. No trailers.
fn model(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut payload, mut rest) = (Vec::new(), text);
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = str::from_utf8(&rest[..end]).ok()?;
        rest = &rest[end + 2..];
        let (size, extension) = line.split_at(line.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(line.len()));
        let extension_is_fine = extension.is_empty()
            || extension.trim_start().starts_with(';')
                && extension.len() <= 1024
                && extension.bytes().all(|b| b == b'\t' || b == b' ' || b.is_ascii_graphic());
        if !(1..=16).contains(&size.len()) || !extension_is_fine {
            return None;
        }
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            rest.starts_with(b"\r\n").then_some(())?;
            return Some((payload, text.len() - rest.len() + 2));
        }
        payload.extend_from_slice(rest.get(..size)?);
        rest = rest[size..].strip_prefix(b"\r\n")?;
    }
}

/// A chunked body, now and then with one byte changed.
fn almost_chunked() -> impl Strategy<Value = Vec<u8>> {
    let chunk = (proptest::collection::vec(any::<u8>(), 1..20), 0..4u8);
    let change = prop_oneof![2 => Just(None), 1 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(Some)];
    (proptest::collection::vec(chunk, 0..5), change).prop_map(|(chunks, change)| {
        let mut text = Vec::new();
        for (data, style) in chunks {
            let size = match style {
                0 => format!("{:x}\r\n", data.len()),
                1 => format!("{:04X}\r\n", data.len()),
                2 => format!("{:x};n=\"v w\"\r\n", data.len()),
                _ => format!("{:x} ; n\r\n", data.len()),
            };
            text.extend_from_slice(size.as_bytes());
            text.extend_from_slice(&data);
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"0\r\n\r\n");
        if let Some((index, byte)) = change {
            let at = index.index(text.len());
            text[at] = byte;
        }
        text
    })
}

proptest! {
    #[test]
    fn the_reader_agrees_with_the_model(text in almost_chunked(), size in 1..40usize) {
        prop_assert_eq!(read_in_pieces(&text, size), model(&text));
    }
}
