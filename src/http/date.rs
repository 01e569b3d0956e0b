//! The Date field (RFC 9110 §6.6.1), written once a second.

use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
const LEN: usize = 29;

/// The text of the second that was asked for last.
#[derive(Debug, Clone)]
pub struct Date {
    second: u64,
    text: [u8; LEN],
}

impl Date {
    /// This time, in Unix seconds.
    pub fn new(second: u64) -> Date {
        const END_OF_9999: u64 = 253_402_300_799; // httpdate panics beyond
        let date = httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(second.min(END_OF_9999)));
        let mut text = [b' '; LEN];
        // It always has this length.
        drop(write!(&mut text[..], "{date}"));
        Date { second, text }
    }

    /// The text for this time, in Unix seconds; made anew only where it is not the same second.
    pub fn at(&mut self, second: u64) -> &[u8] {
        if second != self.second {
            *self = Date::new(second);
        }
        &self.text
    }

    /// The text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_text() {
        let mut date = Date::new(0);
        for (second, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778, "Sun, 06 Nov 1994 08:49:38 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(date.at(second), text.as_bytes());
        }
    }
}
