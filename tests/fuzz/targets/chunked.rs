//! The chunked coding beside the strict reader, which sees the whole at once; and the same in any split.

use tenantd::http::{Body, Framing};

use super::{shown, strict};

/// What came of a body.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Whole(Vec<u8>, usize),
    Partial(Vec<u8>),
    Malformed,
}

/// The first byte says how the rest is split.
pub fn chunked(data: &[u8]) {
    let Some((&seed, data)) = data.split_first() else { return };
    let whole = feed(data, |_| usize::MAX);
    assert_eq!(feed(data, |_| 1), whole, "byte by byte: {}", shown(data));
    let mut state = u32::from(seed) | 1;
    let random = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        1 + (state >> 24) as usize % 9
    };
    assert_eq!(feed(data, random), whole, "in pieces: {}", shown(data));
    compare(data, &whole);
}

fn feed(data: &[u8], mut piece: impl FnMut(usize) -> usize) -> Verdict {
    let mut body = Body::new(Framing::Chunked);
    let (mut at, mut payload) = (0, Vec::new());
    while at < data.len() {
        let end = at + piece(at).min(data.len() - at);
        match body.feed(&data[at..end], |bytes| payload.extend_from_slice(bytes)) {
            Err(_) => return Verdict::Malformed,
            Ok(taken) => {
                assert!(taken == end - at || body.is_done(), "neither taken nor done: {}", shown(data));
                at += taken;
            }
        }
        if body.is_done() {
            return Verdict::Whole(payload, at);
        }
    }
    Verdict::Partial(payload)
}

/// We are stricter only where we say so: long extensions and trailers, and trailers that must not be.
fn compare(data: &[u8], ours: &Verdict) {
    let model = strict::chunks(data);
    match (ours, &model) {
        (Verdict::Whole(payload, len), Ok(Some(read))) => assert_eq!((payload, *len), (&read.0, read.1)),
        (Verdict::Partial(_), Ok(None)) => {}
        (Verdict::Malformed, Err(_)) => {}
        (Verdict::Malformed, Ok(_)) => assert!(is_hopeless(data) || has_trailers(data), "refused: {}", shown(data)),
        // The line is not complete, and our reader need not look ahead.
        (Verdict::Partial(_), Err(why)) => panic!("not refused ({why}): {}", shown(data)),
        _ => panic!("{ours:?} beside {model:?}: {}", shown(data)),
    }
}

/// What is refused early is refused whatever follows.
fn is_hopeless(data: &[u8]) -> bool {
    let endings: [&[u8]; 6] =
        [b"\r\n0\r\n\r\n", b"\n0\r\n\r\n", b"0\r\n0\r\n\r\n", b";\r\n0\r\n\r\n", b"0\r\n\r\n", b"\r\n\r\n"];
    let long = data.split(|&b| b == b'\n').any(|line| line.len() > 1024);
    long || endings.iter().all(|ending| !matches!(strict::chunks(&[data, ending].concat()), Ok(Some(_))))
}

/// There is a last chunk, and something behind it.
fn has_trailers(data: &[u8]) -> bool {
    (0..data.len()).any(|end| {
        let closed = [&data[..end], b"\r\n"].concat();
        matches!(strict::chunks(&closed), Ok(Some((_, len))) if len == closed.len())
    })
}
