//! Heads, and what a balancer writes before them: the verdict on a prefix is the verdict on the whole, and what is accepted is what the strict reader accepts.

use tenantd::http::{Body, Framing, Preamble, RequestHead, ResponseHead, Version};

use super::{shown, strict};

/// Most bytes of which every prefix is tried; of more, every seventh.
const EVERY: usize = 400;

/// The head of a request.
pub fn request_head(data: &[u8]) {
    let seen = |bytes: &[u8]| {
        RequestHead::parse(bytes)
            .map(|head| head.map(|head| format!("{head:?}")))
            .map_err(|refusal| refusal.to_string())
    };
    prefixes_agree(data, seen);
    let Ok(Some(head)) = RequestHead::parse(data) else { return };
    assert!(head.framing != Framing::UntilClose && !matches!(head.method, "CONNECT" | "TRACE"));
    assert!(!head.host.is_empty() || head.version == Version::Http10, "no host: {}", shown(data));
    let upgradable = head.method == "GET" && head.framing == Framing::None && head.version == Version::Http11;
    assert!(head.upgrade.is_none_or(|protocol| upgradable && !protocol.eq_ignore_ascii_case("h2c")));
    for field in head.fields.iter() {
        let clean = field.value.iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f));
        assert!(clean && !field.name.is_empty(), "{field:?}");
    }
    let lengths = head.fields.iter().filter(|field| field.name.eq_ignore_ascii_case("content-length")).count();
    let codings = head.fields.iter().filter(|field| field.name.eq_ignore_ascii_case("transfer-encoding")).count();
    let expected = match head.framing {
        Framing::None => (0, 0),
        Framing::Length(_) => (1, 0),
        Framing::Chunked => (0, 1),
        Framing::UntilClose => unreachable!("asserted above"),
    };
    assert_eq!((lengths, codings), expected, "{}", shown(data));
}

/// The head of an answer; the first byte says whether it is one to HEAD.
pub fn response_head(data: &[u8]) {
    let Some((flags, data)) = data.split_first() else { return };
    let to_head = flags & 1 == 1;
    let seen = |bytes: &[u8]| {
        let parsed = ResponseHead::parse(bytes, to_head);
        parsed.map(|head| head.map(|head| format!("{head:?}"))).map_err(|refusal| refusal.to_string())
    };
    prefixes_agree(data, seen);
    let head = match ResponseHead::parse(data, to_head) {
        Ok(Some(head)) => head,
        Ok(None) => return,
        Err(refusal) => return assert_eq!(refusal.status, 502),
    };
    assert!((100..600).contains(&head.status));
    assert_eq!(head.status == 101, head.upgrade.is_some(), "{}", shown(data));
    let bodiless = to_head || matches!(head.status, 100..200 | 204 | 304);
    assert_eq!(head.framing == Framing::None, bodiless, "{}", shown(data));
    assert!(!(head.keep_alive && head.framing == Framing::UntilClose));
    // The strict reader knows HTTP/1.1 only, and refuses framing where there is no body.
    if head.version == Version::Http11 && !bodiless && head.status != 205 && !head.reason.is_empty() {
        let mut body = Body::new(head.framing);
        let whole = body.feed(&data[head.len..], |_| {}).map(|_| body.is_done());
        let read = strict::response(data, to_head, false);
        if whole == Ok(true) {
            assert!(matches!(read, Ok(Some(_))), "{read:?} {}", shown(data));
        }
    }
}

fn prefixes_agree(data: &[u8], seen: impl Fn(&[u8]) -> Result<Option<String>, String>) {
    let whole = seen(data);
    let step = if data.len() > EVERY { 7 } else { 1 };
    for end in (0..data.len()).step_by(step) {
        match seen(&data[..end]) {
            Ok(None) => {}
            verdict => assert_eq!(verdict, whole, "after {end} bytes of {}", shown(data)),
        }
    }
}

/// The PROXY header of a connection.
pub fn proxy_protocol(data: &[u8]) {
    prefixes_agree(data, |bytes| {
        Preamble::parse(bytes).map(|header| header.map(|header| format!("{header:?}"))).map_err(|why| why.0.to_owned())
    });
    let Ok(Some(header)) = Preamble::parse(data) else { return };
    let expected = match data {
        [b'P', ..] => strict::find(data, b"\r\n").map(|end| end + 2).filter(|&len| len <= 107),
        [_, ..] => Some(16 + usize::from(data[14]) * 256 + usize::from(data[15])),
        [] => None,
    };
    assert_eq!(Some(header.len), expected, "{}", shown(data));
    assert!(header.client.is_none_or(|client| client == client.to_canonical()), "{}", shown(data));
    assert!(!header.tls || data.starts_with(b"\r\n"), "{}", shown(data));
}
