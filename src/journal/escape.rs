//! Any bytes as one line of harmless text: nothing that a unit or a client sends can forge a line or drive a terminal.

use std::fmt;
use std::io::Write;

/// Appends `bytes` as UTF-8: control characters but TAB become `\x1b`, what is no UTF-8 becomes U+FFFD.
pub(super) fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        escape_text(chunk.valid(), out);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

fn escape_text(text: &str, out: &mut Vec<u8>) {
    let control = |c: char| c.is_control() && c != '\t';
    let mut rest = text;
    while let Some(at) = rest.find(control) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let mut after = rest[at..].chars();
        // The controls are U+0000 to U+001F and U+007F to U+009F: two digits always.
        let code = after.next().map_or(0, u32::from);
        // Writing to a Vec does not fail.
        let _ = write!(out, "\\x{code:02x}");
        rest = after.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

/// Formatting into escaped text, without an allocation.
pub(super) struct Escaped<'a>(pub &'a mut Vec<u8>);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape_text(text, self.0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        escape(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_stays_and_controls_show() {
        let table: [(&[u8], &str); 7] = [
            (b"plain", "plain"),
            ("h\u{f6}he\t1 \u{1f483}".as_bytes(), "h\u{f6}he\t1 \u{1f483}"),
            (b"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
            (b"50%\r60%", "50%\\x0d60%"),
            (b"a\0b\x7f", "a\\x00b\\x7f"),
            ("\u{85}".as_bytes(), "\\x85"),
            (b"a\xff\xc3(", "a\u{fffd}\u{fffd}("),
        ];
        for (bytes, expected) in table {
            assert_eq!(escaped(bytes), expected);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_become_one_line_of_text(bytes: Vec<u8>) {
            prop_assert!(!escaped(&bytes).contains(|c: char| c.is_control() && c != '\t'));
        }
    }
}
