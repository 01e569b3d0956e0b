//! Frames of clients after the cases of the Autobahn test suite: right ones, wrong ones, and odd ones (RFC 6455 §5).

/// One connection: what the client sends, and how the server closes it.
pub struct Case {
    pub name: String,
    pub bytes: Vec<u8>,
    /// The code in the server's close frame; 1005 for none in it, 0 for no frame.
    pub code: u16,
    /// The client ends its side behind its last byte.
    pub leaves: bool,
}

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CONTINUATION: u8 = 0;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FIN: u8 = 0x80;
/// A last frame of a text.
const WHOLE: u8 = FIN | TEXT;

/// A masked frame with this first byte.
fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let length = match payload.len() {
        short @ ..126 => vec![0x80 | short as u8],
        middle @ ..65_536 => [&[0x80 | 126][..], &(middle as u16).to_be_bytes()].concat(),
        long => [&[0x80 | 127][..], &(long as u64).to_be_bytes()].concat(),
    };
    with_length(first, &length, payload)
}

/// A frame whose length is said in these bytes.
fn with_length(first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
    let masked = payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key);
    [&[first], length, &KEY, &masked.collect::<Vec<u8>>()].concat()
}

fn close(code: u16) -> Vec<u8> {
    frame(FIN | CLOSE, code.to_be_bytes())
}

/// All cases.
pub fn cases() -> Vec<Case> {
    [lengths(), pings(), reserved(), fragments(), texts(), closes(), broken()].into_iter().flatten().collect()
}

/// Ends well: a close of the client follows and is returned.
fn good(name: impl Into<String>, frames: &[Vec<u8>]) -> Case {
    Case { name: name.into(), bytes: [frames.concat(), close(1000)].concat(), code: 1000, leaves: false }
}

/// Ends with this code of the server. A good text follows, and must not be heard.
fn bad(name: impl Into<String>, code: u16, frames: &[Vec<u8>]) -> Case {
    Case { name: name.into(), bytes: [frames.concat(), frame(WHOLE, "behind")].concat(), code, leaves: false }
}

/// Autobahn 1 and 9: each way to say a length.
fn lengths() -> Vec<Case> {
    let sizes = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 1_048_576];
    let each = sizes.iter().flat_map(|&size| {
        let text = good(format!("text of {size}"), &[frame(WHOLE, "*".repeat(size))]);
        let binary = good(format!("binary of {size}"), &[frame(FIN | BINARY, vec![0xfe; size])]);
        [text, binary]
    });
    let long = [&[0x80 | 127][..], &5u64.to_be_bytes()].concat();
    let odd = [
        good("5 in two bytes", &[with_length(WHOLE, &[0x80 | 126, 0, 5], b"hello")]),
        good("5 in eight bytes", &[with_length(WHOLE, &long, b"hello")]),
        good("many small ones", &vec![frame(WHOLE, "small"); 500]),
    ];
    each.chain(odd).collect()
}

/// Autobahn 2.
fn pings() -> Vec<Case> {
    let ping = |payload: &[u8]| frame(FIN | PING, payload);
    vec![
        good("ping", &[ping(b"")]),
        good("ping with a payload", &[ping(b"hello")]),
        good("ping with bytes", &[ping(&[0, 255, 254, 253])]),
        good("ping of 125", &[ping(&[b'*'; 125])]),
        bad("ping of 126", 1002, &[ping(&[b'*'; 126])]),
        good("pong unasked", &[frame(FIN | PONG, "")]),
        good("pong unasked, then ping", &[frame(FIN | PONG, "a"), ping(b"b")]),
        good("ten pings", &(0..10).map(|n| ping(&[n])).collect::<Vec<_>>()),
    ]
}

/// Autobahn 3 and 4: bits and opcodes that mean nothing.
fn reserved() -> Vec<Case> {
    let bits = [0x40, 0x20, 0x10, 0x70].into_iter().flat_map(|bits| {
        [WHOLE, FIN | BINARY, FIN | PING, FIN | CLOSE].map(|first| {
            bad(format!("bits {bits:x} of {first:x}"), 1002, &[frame(WHOLE, "first"), frame(first | bits, "")])
        })
    });
    let opcodes = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].into_iter().map(|opcode| {
        bad(format!("opcode {opcode}"), 1002, &[frame(WHOLE, "first"), frame(FIN | opcode, "a"), frame(FIN | PING, "")])
    });
    bits.chain(opcodes).collect()
}

/// Autobahn 5.
fn fragments() -> Vec<Case> {
    let (ping, last) = (frame(FIN | PING, "p"), frame(FIN | CONTINUATION, "world"));
    let (first, more) = (frame(TEXT, "hello "), frame(CONTINUATION, "wide "));
    vec![
        bad("ping in two", 1002, &[frame(PING, "a"), frame(FIN | CONTINUATION, "b")]),
        bad("pong in two", 1002, &[frame(PONG, "a"), frame(FIN | CONTINUATION, "b")]),
        bad("close in two", 1002, &[frame(CLOSE, ""), frame(FIN | CONTINUATION, "")]),
        good("text in two", &[first.clone(), last.clone()]),
        good("text in three", &[first.clone(), more.clone(), last.clone()]),
        good("ping between", &[first.clone(), ping.clone(), last.clone()]),
        good("pings between", &[first.clone(), ping.clone(), more.clone(), ping.clone(), last.clone()]),
        good("empty fragments", &[frame(TEXT, ""), frame(CONTINUATION, ""), frame(FIN | CONTINUATION, "")]),
        good(
            "fragments of 1 byte",
            &[vec![frame(TEXT, "a")], vec![frame(CONTINUATION, "b"); 300], vec![last.clone()]].concat(),
        ),
        bad("an end without a start", 1002, std::slice::from_ref(&last)),
        bad("more without a start", 1002, std::slice::from_ref(&more)),
        bad("an end behind an end", 1002, &[first.clone(), last.clone(), last]),
        bad("a text inside a text", 1002, &[first.clone(), frame(WHOLE, "new")]),
        bad("a binary inside a text", 1002, &[first, frame(BINARY, "new")]),
    ]
}

/// Autobahn 6: UTF-8.
fn texts() -> Vec<Case> {
    let whole = |bytes: &[u8]| [frame(WHOLE, bytes)];
    let cut = |bytes: &[u8], at: usize| [frame(TEXT, &bytes[..at]), frame(FIN | CONTINUATION, &bytes[at..])];
    let word = "κόσμε€𝄞".as_bytes();
    let mut cases: Vec<_> = (0..=word.len()).map(|at| good(format!("word cut at {at}"), &cut(word, at))).collect();
    let wrong: [(&str, &[u8]); 8] = [
        ("a continuation byte alone", b"\x80"),
        ("a start byte alone", b"ab\xc3"),
        ("a surrogate", b"\xed\xa0\x80"),
        ("an overlong slash", b"\xc0\xaf"),
        ("an overlong NUL", b"\xe0\x80\x80"),
        ("beyond Unicode", b"\xf4\x90\x80\x80"),
        ("0xff", b"\xff"),
        ("a word that breaks", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80edited"),
    ];
    cases.extend(wrong.map(|(name, bytes)| bad(name, 1007, &whole(bytes))));
    cases.push(bad("a surrogate cut in two", 1007, &cut(b"\xed\xa0\x80", 1)));
    cases.push(bad("a text that ends in a character", 1007, &cut(b"\xce", 1)));
    cases.push(good("the last character", &whole("\u{10ffff}".as_bytes())));
    cases.push(good("NUL", &whole(b"\0")));
    cases
}

/// Autobahn 7.
fn closes() -> Vec<Case> {
    let closing =
        |name: String, code: u16, frames: &[Vec<u8>]| Case { name, bytes: frames.concat(), code, leaves: false };
    let said = |code: u16, reason: &[u8]| frame(FIN | CLOSE, [&code.to_be_bytes(), reason].concat());
    let allowed = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    let mut cases: Vec<_> = allowed.map(|code| closing(format!("close {code}"), code, &[close(code)])).into();
    // tungstenite answers these with 1002 itself.
    let forbidden = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999];
    cases.extend(forbidden.map(|code| closing(format!("close {code}"), 1002, &[close(code)])));
    cases.extend([
        closing("close without a code".into(), 1005, &[frame(FIN | CLOSE, "")]),
        closing("close with a reason".into(), 1000, &[said(1000, "because €".as_bytes())]),
        closing("close with a reason of 123".into(), 1000, &[said(1000, &[b'*'; 123])]),
        closing("close with a reason of 124".into(), 1002, &[said(1000, &[b'*'; 124])]),
        closing("close with half a code".into(), 1002, &[frame(FIN | CLOSE, "a")]),
        closing("close with a broken reason".into(), 1007, &[said(1000, b"\xce\xba\xff")]),
        closing("text behind a close".into(), 1000, &[close(1000), frame(WHOLE, "late")]),
        closing("ping behind a close".into(), 1000, &[close(1000), frame(FIN | PING, "late")]),
        closing("close behind a close".into(), 1000, &[close(1000), close(1001)]),
        closing("close inside a text".into(), 1000, &[frame(TEXT, "never whole"), close(1000)]),
    ]);
    cases
}

/// Frames without a mask, without an end, and no frames at all.
fn broken() -> Vec<Case> {
    let left = |name: &str, bytes: &[u8]| Case { name: name.into(), bytes: bytes.into(), code: 0, leaves: true };
    let huge = [&[0x80 | 127][..], &[0xff; 8]].concat();
    vec![
        bad("text without a mask", 1002, &[b"\x81\x05hello".to_vec()]),
        bad("ping without a mask", 1002, &[b"\x89\x00".to_vec()]),
        bad("a length of 64 bits", 1009, &[with_length(WHOLE, &huge, b"")]),
        bad("a length beyond what is allowed", 1009, &[with_length(WHOLE, &[0x80 | 127, 0, 0, 0, 1, 0, 0, 0, 0], b"")]),
        bad("HTTP", 1002, &[b"GET /t HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()]),
        left("nothing", b""),
        left("half a head", &frame(WHOLE, "*".repeat(200))[..3]),
        left("half a payload", &frame(WHOLE, "*".repeat(200))[..100]),
        left("half a message", &frame(TEXT, "hello")),
    ]
}
