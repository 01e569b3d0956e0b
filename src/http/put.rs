//! Writing into a buffer that is kept: no allocation once it has grown.

use super::fields::{Line, lines_of};
use super::framing::{Framing, Version};

/// Appends each piece.
pub(super) fn put<const N: usize>(out: &mut Vec<u8>, pieces: [&[u8]; N]) {
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

/// Appends `n` in decimal.
pub(super) fn put_decimal(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends one field line.
pub(super) fn put_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    put(out, [name.as_bytes(), b": ", value, b"\r\n"]);
}

/// Appends the field that says how the body ends; none for no body and for a close.
pub(super) fn put_framing(out: &mut Vec<u8>, framing: Framing) {
    match framing {
        Framing::None | Framing::UntilClose => {}
        Framing::Chunked => put_field(out, "Transfer-Encoding", b"chunked"),
        Framing::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            put_decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Appends a line that passes, with one space behind its colon and none at its end.
pub(super) fn put_line(out: &mut Vec<u8>, line: &Line) {
    let canonical = line.raw.len() == line.name.len() + line.value.len() + 4 && line.raw[line.name.len() + 1] == b' ';
    if canonical {
        out.extend_from_slice(line.raw);
    } else {
        put(out, [line.name, b": ", line.value, b"\r\n"]);
    }
}

/// Appends those of these field lines that have a value.
pub(super) fn put_valued(out: &mut Vec<u8>, lines: &[u8]) {
    lines_of(lines).filter(|line| !line.value.is_empty()).for_each(|line| put_line(out, &line));
}

/// Appends the Connection field that the client needs, if any.
pub(super) fn put_connection(out: &mut Vec<u8>, version: Version, close: bool) {
    match (close, version) {
        (true, _) => put_field(out, "Connection", b"close"),
        (false, Version::Http10) => put_field(out, "Connection", b"keep-alive"),
        (false, Version::Http11) => {}
    }
}
