//! One pipe of one process, cut into lines. Never blocks, never keeps more than one line.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use memchr::memchr;
use rustix::io::Errno;

use super::book::RingId;
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
    /// It could not be read, and the poller will not tell: come back later.
    Failed,
    /// At its end, and forgotten.
    Closed,
}

/// Whose lines they are.
#[derive(Debug)]
pub(super) struct Origin {
    /// `showcase@2025-boston[412] stdout: `.
    pub(super) prefix: String,
    pub(super) ring: RingId,
    pub(super) pid: u32,
    /// `None`: tenantd's own.
    pub(super) stream: Option<Stream>,
}

/// A line on its way, without its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) origin: &'a Origin,
    pub(super) text: &'a [u8],
    /// The line was longer than the limit, or did not end in time, and may go on in the next one.
    pub(super) split: bool,
}

/// The read end and the piece of a line that has no end yet.
#[derive(Debug)]
pub(super) struct Pipe {
    unit: Option<UnitId>,
    fd: OwnedFd,
    lines: Lines,
    /// Somebody looks after the line that has no end yet.
    pub(super) watched: bool,
}

impl Stream {
    /// `stdout`, `stderr`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

impl Pipe {
    pub(super) fn new(unit: Option<UnitId>, ring: RingId, name: &Name, pid: u32, stream: Stream, fd: OwnedFd) -> Self {
        let prefix = format!("{name}[{pid}] {}: ", stream.as_str());
        let origin = Origin { prefix, ring, pid, stream: Some(stream) };
        Self { unit, fd, lines: Lines::new(origin), watched: false }
    }

    pub(super) fn unit(&self) -> Option<UnitId> {
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
                Err(_) => return Progress::Failed,
                Ok(0) => {
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

    /// The number of the line that has no end yet, if there is one.
    pub(super) fn unfinished(&self) -> Option<u64> {
        (!self.lines.partial.is_empty()).then_some(self.lines.count)
    }

    /// Gives out what there is of a line whose end does not come: a prompt.
    pub(super) fn lose_patience(&mut self, emit: &mut impl FnMut(Line)) {
        self.lines.lose_patience(emit);
    }
}

/// Bytes in any portions → lines.
#[derive(Debug)]
struct Lines {
    origin: Origin,
    partial: Vec<u8>,
    /// Lines and pieces so far.
    count: u64,
    /// The last one was given out before its end came.
    open: bool,
}

impl Lines {
    fn new(origin: Origin) -> Self {
        Self { origin, partial: Vec::new(), count: 0, open: false }
    }

    fn feed(&mut self, mut bytes: &[u8], emit: &mut impl FnMut(Line)) {
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.partial.is_empty() && line.len() <= LINE {
                self.end(line, emit);
            } else {
                self.extend(line, emit);
                self.flush_line(emit);
            }
            bytes = rest;
        }
        self.extend(bytes, emit);
    }

    /// A line with its end. The bare end of one that was given out already is no line.
    fn end(&mut self, line: &[u8], emit: &mut impl FnMut(Line)) {
        let text = without_return(line);
        self.count += 1;
        if !std::mem::take(&mut self.open) || !text.is_empty() {
            emit(Line { origin: &self.origin, text, split: false });
        }
    }

    /// Adds to the partial line and gives out what is beyond the limit.
    fn extend(&mut self, bytes: &[u8], emit: &mut impl FnMut(Line)) {
        let mut rest = bytes;
        while self.partial.len() + rest.len() > LINE {
            let (piece, after) = rest.split_at(LINE - self.partial.len());
            self.partial.extend_from_slice(piece);
            self.piece(emit);
            rest = after;
        }
        self.partial.extend_from_slice(rest);
    }

    /// Gives out the partial line but for a torn character.
    fn piece(&mut self, emit: &mut impl FnMut(Line)) {
        let cut = boundary(&self.partial);
        emit(Line { origin: &self.origin, text: &self.partial[..cut], split: true });
        self.partial.drain(..cut);
        self.count += 1;
    }

    fn lose_patience(&mut self, emit: &mut impl FnMut(Line)) {
        if boundary(&self.partial) > 0 {
            self.piece(emit);
            self.open = true;
        }
    }

    fn flush(&mut self, emit: &mut impl FnMut(Line)) {
        if !self.partial.is_empty() {
            self.flush_line(emit);
        }
    }

    fn flush_line(&mut self, emit: &mut impl FnMut(Line)) {
        let mut line = std::mem::take(&mut self.partial);
        self.end(&line, emit);
        line.clear();
        self.partial = line;
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

    fn nobody() -> Lines {
        Lines::new(Origin { prefix: String::new(), ring: RingId::OWN, pid: 0, stream: None })
    }

    fn lines(portions: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let mut lines = nobody();
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

    #[test]
    fn a_line_whose_end_is_late_is_given_out_once() {
        let table: [(&[&str], &[&str]); 6] = [
            (&["name? ", "\n", "next\n"], &["name? +", "next"]),
            (&["name? ", "\r\n", "\n"], &["name? +", ""]),
            (&["name? ", "bob\n\n"], &["name? +", "bob", ""]),
            (&["a", "b", "c\n"], &["a+", "b+", "c"]),
            (&["done\n", "\n"], &["done", ""]),
            (&["", "\n"], &[""]),
        ];
        for (portions, expected) in table {
            let (mut lines, mut all) = (nobody(), Vec::new());
            let mut emit = |line: Line| {
                let mark = if line.split { "+" } else { "" };
                all.push(format!("{}{mark}", String::from_utf8_lossy(line.text)));
            };
            for portion in portions {
                lines.feed(portion.as_bytes(), &mut emit);
                lines.lose_patience(&mut emit);
            }
            assert_eq!(all, expected, "{portions:?}");
        }
    }

    #[test]
    fn a_late_end_tears_no_character() {
        let (mut lines, mut all) = (nobody(), Vec::new());
        for portion in [&b"\xf0\x9f"[..], b"\x92\x83!\n"] {
            lines.feed(portion, &mut |line| all.push(line.text.to_vec()));
            lines.lose_patience(&mut |line| all.push(line.text.to_vec()));
        }
        assert_eq!(all, ["\u{1f483}!".as_bytes()]);
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
