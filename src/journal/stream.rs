//! One pipe of one process, cut into lines. Never blocks, never keeps more than one line.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use memchr::memchr;
use rustix::io::Errno;

use crate::unit::{Name, UnitId};

/// Longest line in bytes; a longer one is split, and every piece but its last is marked.
const LINE: usize = 16 * 1024;

/// Which pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

/// How far a turn of reading came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Empty for now: the poller tells when there is more.
    Drained,
    /// There may be more, and the poller will not tell: come back next turn.
    More,
    /// At its end, and forgotten.
    Closed,
}

/// A line on its way, without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// `showcase@2025-boston[412] stdout: `.
    pub(super) prefix: &'a str,
    pub(super) text: &'a [u8],
    /// The line was longer than the limit and goes on in the next one.
    pub(super) split: bool,
}

/// The read end and the piece of a line that has no end yet.
#[derive(Debug)]
pub(super) struct Pipe {
    unit: UnitId,
    fd: OwnedFd,
    lines: Lines,
}

impl Pipe {
    pub(super) fn new(unit: UnitId, name: &Name, pid: u32, stream: Stream, fd: OwnedFd) -> Self {
        let stream = match stream {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        };
        Self { unit, fd, lines: Lines { prefix: format!("{name}[{pid}] {stream}: "), partial: Vec::new() } }
    }

    pub(super) fn unit(&self) -> UnitId {
        self.unit
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Fills `buffer` once at most. It reads on after a short read: the end of a pipe can come with the event that
    /// brought its last bytes, and then no other event follows.
    pub(super) fn read(&mut self, buffer: &mut [u8], emit: &mut impl FnMut(Line)) -> Progress {
        let mut left = buffer.len();
        while left > 0 {
            match rustix::io::read(&self.fd, &mut buffer[..left]) {
                Ok(bytes @ 1..) => {
                    self.lines.feed(&buffer[..bytes], emit);
                    left -= bytes;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Progress::Drained,
                Ok(0) | Err(_) => {
                    self.flush(emit);
                    return Progress::Closed;
                }
            }
        }
        Progress::More
    }

    /// Gives out a last line that has no end.
    pub(super) fn flush(&mut self, emit: &mut impl FnMut(Line)) {
        self.lines.flush(emit);
    }
}

/// Bytes in any portions → lines.
#[derive(Debug)]
struct Lines {
    prefix: String,
    partial: Vec<u8>,
}

impl Lines {
    fn feed(&mut self, mut bytes: &[u8], emit: &mut impl FnMut(Line)) {
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.partial.is_empty() && line.len() <= LINE {
                emit(Line { prefix: &self.prefix, text: without_return(line), split: false });
            } else {
                self.extend(line, emit);
                self.flush_line(emit);
            }
            bytes = rest;
        }
        self.extend(bytes, emit);
    }

    /// Adds to the partial line and gives out what is beyond the limit.
    fn extend(&mut self, bytes: &[u8], emit: &mut impl FnMut(Line)) {
        let mut rest = bytes;
        while self.partial.len() + rest.len() > LINE {
            let (piece, after) = rest.split_at(LINE - self.partial.len());
            self.partial.extend_from_slice(piece);
            let cut = boundary(&self.partial);
            emit(Line { prefix: &self.prefix, text: &self.partial[..cut], split: true });
            self.partial.drain(..cut);
            rest = after;
        }
        self.partial.extend_from_slice(rest);
    }

    fn flush(&mut self, emit: &mut impl FnMut(Line)) {
        if !self.partial.is_empty() {
            self.flush_line(emit);
        }
    }

    fn flush_line(&mut self, emit: &mut impl FnMut(Line)) {
        emit(Line { prefix: &self.prefix, text: without_return(&self.partial), split: false });
        self.partial.clear();
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Where to cut so that no character of UTF-8 is torn: before the start of a sequence that is not whole.
pub(super) fn boundary(bytes: &[u8]) -> usize {
    let start = bytes.iter().rposition(|byte| byte & 0xC0 != 0x80).unwrap_or(0);
    let whole = std::str::from_utf8(&bytes[start..]).is_ok();
    if whole || bytes.len() - start > 3 { bytes.len() } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(portions: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let mut lines = Lines { prefix: String::new(), partial: Vec::new() };
        let mut all = Vec::new();
        let mut emit = |line: Line| all.push((line.text.to_vec(), line.split));
        portions.iter().for_each(|portion| lines.feed(portion, &mut emit));
        lines.flush(&mut emit);
        all
    }

    #[test]
    fn lines_are_cut_and_a_last_one_without_end_is_kept() {
        let table: [(&[&[u8]], &[&str]); 6] = [
            (&[b"a\nb\n"], &["a", "b"]),
            (&[b"a\r\n", b"b\r", b"\nc"], &["a", "b", "c"]),
            (&[b"", b"\n\n"], &["", ""]),
            (&[b"par", b"ti", b"al"], &["partial"]),
            (&[b"a\rb\n"], &["a\rb"]),
            (&[], &[]),
        ];
        for (portions, expected) in table {
            let expected: Vec<_> = expected.iter().map(|text| (text.as_bytes().to_vec(), false)).collect();
            assert_eq!(lines(portions), expected);
        }
    }

    #[test]
    fn a_long_line_is_split_and_marked() {
        let long = [b'x'; 2 * LINE + 5];
        let lengths = |portions: &[&[u8]]| lines(portions).iter().map(|(t, s)| (t.len(), *s)).collect::<Vec<_>>();
        assert_eq!(lengths(&[&long, b"\nnext\n"]), [(LINE, true), (LINE, true), (5, false), (4, false)]);
        assert_eq!(lengths(&[&long[..LINE], b"\n"]), [(LINE, false)]);
        assert_eq!(lengths(&[&long[..LINE - 1], b"xx\n"]), [(LINE, true), (1, false)]);
    }

    #[test]
    fn a_split_tears_no_character() {
        let mut text = "x".repeat(LINE - 2).into_bytes();
        text.extend_from_slice("\u{1f483}!\n".as_bytes());
        let all = lines(&[&text]);
        assert_eq!(all[0], ("x".repeat(LINE - 2).into_bytes(), true));
        assert_eq!(all[1], ("\u{1f483}!".as_bytes().to_vec(), false));
    }

    #[test]
    fn a_split_of_garbage_goes_on() {
        assert_eq!(lines(&[&[0x80; LINE + 1]]).iter().map(|(t, _)| t.len()).sum::<usize>(), LINE + 1);
    }

    proptest! {
        #[test]
        fn any_portions_give_the_same_lines(text in "[ab\r\n]{0,60}", cuts: Vec<u8>) {
            let mut rest = text.as_bytes();
            let mut portions = Vec::new();
            for cut in cuts {
                let (portion, after) = rest.split_at(usize::from(cut) % (rest.len() + 1));
                portions.push(portion);
                rest = after;
            }
            portions.push(rest);
            prop_assert_eq!(lines(&portions), lines(&[text.as_bytes()]));
        }
    }
}
