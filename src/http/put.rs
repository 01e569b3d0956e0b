//! Writing into a buffer that is kept: no allocation once it has grown.

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
