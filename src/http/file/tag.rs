//! What is known of a file, and the validators made from it (RFC 9110 §8.8).

use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;

use super::coding::Coding;

/// What is known of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Bytes.
    pub len: u64,
    /// When it was last changed, in Unix seconds.
    pub modified: i64,
    /// And nanoseconds.
    pub nanos: u32,
}

/// A strong entity tag: time of the last change and length, and the coding, since a sibling is another representation.
#[derive(Debug, Clone, Copy)]
pub struct Tag {
    bytes: [u8; Tag::MOST],
    len: usize,
}

impl Facts {
    /// Last-Modified: never later than `now` (Unix seconds; RFC 9110 §8.8.2.1), `None` for a time before 1970.
    pub fn last_modified(&self, now: u64) -> Option<HttpDate> {
        u64::try_from(self.modified).ok().map(|modified| http_date(modified.min(now)))
    }

    /// The entity tag.
    pub fn tag(&self, coding: Option<Coding>) -> Tag {
        let mut tag = Tag { bytes: [0; Tag::MOST], len: 0 };
        tag.push(b"\"");
        tag.push_hex(self.modified.cast_unsigned());
        tag.push(b".");
        tag.push_hex(self.nanos.into());
        tag.push(b"-");
        tag.push_hex(self.len);
        if let Some(coding) = coding {
            tag.push(b"-");
            tag.push(coding.name().as_bytes());
        }
        tag.push(b"\"");
        tag
    }
}

impl Tag {
    /// Three numbers of 64, 32 and 64 bits, and what stands between.
    const MOST: usize = 16 + 8 + 16 + 9;

    /// With its quotes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn push_hex(&mut self, number: u64) {
        let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
        (0..digits).rev().for_each(|place| self.push(&[b"0123456789abcdef"[(number >> (place * 4) & 15) as usize]]));
    }
}

/// Unix seconds as a date of HTTP.
pub(super) fn http_date(seconds: u64) -> HttpDate {
    const END_OF_9999: u64 = 253_402_300_799; // httpdate panics beyond
    HttpDate::from(UNIX_EPOCH + Duration::from_secs(seconds.min(END_OF_9999)))
}

/// A date of HTTP, in any of its three forms (RFC 9110 §5.6.7).
pub(super) fn parse_date(value: &[u8]) -> Option<HttpDate> {
    str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_differs_where_the_file_does() {
        let facts = Facts { len: 255, modified: 0x65, nanos: 0 };
        let text = |facts: Facts, coding| String::from_utf8(facts.tag(coding).as_bytes().to_vec()).unwrap();
        assert_eq!(text(facts, None), "\"65.0-ff\"");
        assert_eq!(text(facts, Some(Coding::Gzip)), "\"65.0-ff-gzip\"");
        assert_eq!(text(Facts { nanos: 10, len: 0, ..facts }, Some(Coding::Brotli)), "\"65.a-0-br\"");
        let longest = Facts { len: u64::MAX, modified: -1, nanos: u32::MAX };
        assert_eq!(text(longest, Some(Coding::Gzip)).len(), Tag::MOST);
    }

    #[test]
    fn a_time_that_cannot_be_told_is_not() {
        let at = |modified| Facts { len: 0, modified, nanos: 0 }.last_modified(100);
        let date = |seconds| Some(http_date(seconds));
        assert_eq!((at(7), at(100), at(101), at(-1)), (date(7), date(100), date(100), None));
        assert_eq!(http_date(u64::MAX).to_string(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
