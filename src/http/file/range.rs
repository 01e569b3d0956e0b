//! The Range field (RFC 9110 §14): one range of bytes. Several are no error, they are ignored.

use std::ops::Range;

use super::super::control::decimal;

/// What a Range field asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing that we serve: the whole.
    Whole,
    /// These bytes; never none.
    Part(Range<u64>),
    /// Bytes that are not there.
    Unsatisfiable,
}

/// Reads a Range field for a file of `len` bytes.
pub(super) fn parse_range(value: &[u8], len: u64) -> Asked {
    let Some((unit, set)) = split_once(value, b'=') else { return Asked::Whole };
    if !unit.eq_ignore_ascii_case(b"bytes") || set.contains(&b',') {
        return Asked::Whole;
    }
    let Some((first, last)) = split_once(set.trim_ascii(), b'-') else { return Asked::Whole };
    if first.is_empty() {
        return suffix(last, len);
    }
    let last = if last.is_empty() { Some(u64::MAX) } else { decimal(last) };
    match (decimal(first), last) {
        (Some(first), Some(last)) if first > last => Asked::Whole,
        (Some(first), Some(_)) if first >= len => Asked::Unsatisfiable,
        (Some(first), Some(last)) => Asked::Part(first..last.saturating_add(1).min(len)),
        _ => Asked::Whole,
    }
}

/// The last bytes; more than there are is all (RFC 9110 §14.1.2).
fn suffix(count: &[u8], len: u64) -> Asked {
    match decimal(count) {
        Some(0) => Asked::Unsatisfiable,
        Some(_) if len == 0 => Asked::Whole,
        Some(count) => Asked::Part(len.saturating_sub(count)..len),
        None => Asked::Whole,
    }
}

fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = memchr::memchr(at, bytes)?;
    Some((&bytes[..place], &bytes[place + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_or_the_whole() {
        use Asked::{Part, Unsatisfiable, Whole};
        for (value, len, asked) in [
            ("bytes=0-0", 10, Part(0..1)),
            ("bytes=0-", 10, Part(0..10)),
            ("bytes=2-4", 10, Part(2..5)),
            ("Bytes= 2-4 ", 10, Part(2..5)),
            ("bytes=2-99", 10, Part(2..10)),
            ("bytes=9-9223372036854775807", 10, Part(9..10)),
            ("bytes=-3", 10, Part(7..10)),
            ("bytes=-99", 10, Part(0..10)),
            ("bytes=10-", 10, Unsatisfiable),
            ("bytes=10-20", 10, Unsatisfiable),
            ("bytes=-0", 10, Unsatisfiable),
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=-5", 0, Whole),
            ("bytes=4-2", 10, Whole),
            ("bytes=0-1,3-4", 10, Whole),
            ("bytes=0-1,", 10, Whole),
            ("bytes=", 10, Whole),
            ("bytes=-", 10, Whole),
            ("bytes=a-b", 10, Whole),
            ("bytes=+1-2", 10, Whole),
            ("bytes=1 -2", 10, Whole),
            ("bytes=99999999999999999999-", 10, Whole),
            ("lines=0-1", 10, Whole),
            ("0-1", 10, Whole),
            ("", 10, Whole),
        ] {
            assert_eq!(parse_range(value.as_bytes(), len), asked, "{value} of {len}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_part_is_within_the_file(value in "(bytes=)?[0-9]{0,20}-?[0-9]{0,20}", len: u64) {
            if let Asked::Part(part) = parse_range(value.as_bytes(), len) {
                proptest::prop_assert!(part.start < part.end && part.end <= len);
            }
        }
    }
}
