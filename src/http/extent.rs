//! Where a head ends in the input: one pass over its line ends, before any parser sees it. The verdict on a prefix is the
//! verdict on the whole, however the bytes arrive.

use super::refusal::Refusal;

/// Most fields of a head; beyond it 431.
pub const MAX_FIELDS: usize = 100;
/// Most bytes of a start line; beyond it 414.
pub const MAX_LINE: usize = 8 * 1024;

/// The place of a complete head in the input.
pub(super) struct Extent {
    /// Offset of the first field line.
    pub fields: usize,
    /// Offset behind the empty line.
    pub end: usize,
}

/// Looks for the empty line that ends the head which begins at `start`.
///
/// `None`: more bytes are needed. Every line must end in CRLF (RFC 9112 §2.2 allows a bare LF, smugglers live on it).
/// `check_start_line` sees the first line as soon as it is complete.
pub(super) fn find_head(
    bytes: &[u8],
    start: usize,
    most: usize,
    check_start_line: fn(&[u8]) -> Result<(), Refusal>,
) -> Result<Option<Extent>, Refusal> {
    let window = &bytes[..bytes.len().min(most)];
    let (mut fields, mut line, mut count) = (start, start, 0);
    for lf in memchr::memchr_iter(b'\n', &window[start..]) {
        let lf = start + lf;
        if line == start && lf - start > MAX_LINE + 1 {
            return Err(Refusal::new(414, "start line too long"));
        }
        if lf == line || window[lf - 1] != b'\r' {
            return Err(Refusal::new(400, "bare LF in the head"));
        }
        let text = &window[line..lf - 1];
        if line == start {
            check_start_line(text)?;
            fields = lf + 1;
        } else if text.is_empty() {
            return Ok(Some(Extent { fields, end: lf + 1 }));
        } else if count == MAX_FIELDS {
            return Err(Refusal::new(431, "too many fields"));
        } else {
            count += 1;
        }
        line = lf + 1;
    }
    if line == start && window.len() - start > MAX_LINE + 1 {
        return Err(Refusal::new(414, "start line too long"));
    }
    if bytes.len() >= most {
        return Err(Refusal::new(431, "head too large"));
    }
    Ok(None)
}
