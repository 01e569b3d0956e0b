//! The last lines of one unit in one block of bytes: the room of the oldest is used again for the newest. Pure.

use std::collections::VecDeque;

use super::stream::{Stream, boundary};

/// Bytes before the text of a line: its length (2), stream (1), pid (4), number (8) and time (8).
const HEAD: usize = 23;

/// Bytes of a line beside its text. The length stands at the end once more, to be read backwards.
pub(super) const OVERHEAD: usize = HEAD + 2;

/// Longest text in bytes; a longer one is cut.
const LONGEST: usize = u16::MAX as usize;

/// Who said it and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Counts the lines of all units: their order, whatever the clock does.
    pub(super) number: u64,
    /// Microseconds since 1970.
    pub(super) time: u64,
    /// 0: tenantd.
    pub(super) pid: u32,
    /// `None`: tenantd's own.
    pub(super) stream: Option<Stream>,
}

/// Lines, oldest first.
#[derive(Debug, Default)]
pub(super) struct Ring {
    bytes: VecDeque<u8>,
    /// Most bytes.
    room: usize,
    /// Lines that are gone.
    gone: u64,
    /// Lines there ever were.
    end: u64,
    /// The number of the newest.
    newest: u64,
}

impl Ring {
    /// Adds a line, if there is room for any; the oldest make way. What is longer than the room is cut.
    pub(super) fn push(&mut self, stamp: Stamp, text: &[u8]) {
        (self.end, self.newest) = (self.end + 1, stamp.number);
        let Some(width) = self.room.checked_sub(OVERHEAD) else {
            self.gone = self.end;
            return;
        };
        let text = cut(text, width.min(LONGEST));
        self.shorten(self.room - OVERHEAD - text.len());
        // Cut to what 16 bits count.
        let length = (text.len() as u16).to_le_bytes();
        let mut head = [0; HEAD];
        head[..2].copy_from_slice(&length);
        head[2] = code(stamp.stream);
        head[3..7].copy_from_slice(&stamp.pid.to_le_bytes());
        head[7..15].copy_from_slice(&stamp.number.to_le_bytes());
        head[15..].copy_from_slice(&stamp.time.to_le_bytes());
        self.bytes.extend(&head);
        self.bytes.extend(text);
        self.bytes.extend(&length);
    }

    /// Gives the ring so much room, which is taken or given back at once; the oldest lines go if they must.
    pub(super) fn resize(&mut self, room: usize) {
        self.shorten(room);
        self.room = room;
        self.bytes.shrink_to(room);
        self.bytes.reserve_exact(room - self.bytes.len());
    }

    /// Most bytes.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// Bytes with one more line of this length.
    pub(super) fn with(&self, text: usize) -> usize {
        self.bytes.len() + OVERHEAD + text.min(LONGEST)
    }

    /// Which lines there are: from the oldest that is kept to the one that comes next, counted from the first ever.
    pub(super) fn span(&self) -> std::ops::Range<u64> {
        self.gone..self.end
    }

    /// The number of the newest line.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// The lines from this one on, or from the oldest that is kept.
    pub(super) fn since(&self, line: u64) -> Lines<'_> {
        let mut at = self.bytes.len();
        for _ in line.max(self.gone)..self.end {
            at -= OVERHEAD + usize::from(u16::from_le_bytes(self.array(at - 2)));
        }
        Lines { ring: self, at }
    }

    /// Drops the oldest until no more than so many bytes are left.
    fn shorten(&mut self, most: usize) {
        while self.bytes.len() > most {
            let length = usize::from(u16::from_le_bytes(self.array(0)));
            self.bytes.drain(..OVERHEAD + length);
            self.gone += 1;
        }
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.iter_mut().zip(self.bytes.range(at..at + N)).for_each(|(to, from)| *to = *from);
        bytes
    }
}

/// A walk from old to new.
#[derive(Debug, Clone)]
pub(super) struct Lines<'a> {
    ring: &'a Ring,
    at: usize,
}

impl Lines<'_> {
    /// Who said the next line.
    pub(super) fn peek(&self) -> Option<Stamp> {
        if self.at >= self.ring.bytes.len() {
            return None;
        }
        let head: [u8; HEAD] = self.ring.array(self.at);
        let [_, _, stream, p0, p1, p2, p3, number @ .., _, _, _, _, _, _, _, _] = head;
        let pid = u32::from_le_bytes([p0, p1, p2, p3]);
        let time = u64::from_le_bytes(self.ring.array(self.at + 15));
        Some(Stamp { number: u64::from_le_bytes(number), time, pid, stream: decode(stream) })
    }

    /// What the next line says.
    pub(super) fn text(&self) -> String {
        let length = usize::from(u16::from_le_bytes(self.ring.array(self.at)));
        let from = self.at + HEAD;
        let bytes = self.ring.bytes.range(from..from + length).copied().collect();
        // It was text when it came, and is cut between characters.
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// Goes on to the line after it.
    pub(super) fn advance(&mut self) {
        self.at += OVERHEAD + usize::from(u16::from_le_bytes(self.ring.array(self.at)));
    }
}

/// At most `width` bytes, without tearing a character.
pub(super) fn cut(text: &[u8], width: usize) -> &[u8] {
    if text.len() > width { &text[..boundary(&text[..width])] } else { text }
}

fn code(stream: Option<Stream>) -> u8 {
    match stream {
        None => 0,
        Some(Stream::Stdout) => 1,
        Some(Stream::Stderr) => 2,
    }
}

fn decode(code: u8) -> Option<Stream> {
    match code {
        1 => Some(Stream::Stdout),
        2 => Some(Stream::Stderr),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamp(number: u64) -> Stamp {
        let stream = [None, Some(Stream::Stdout), Some(Stream::Stderr)][(number % 3) as usize];
        Stamp { number, time: 1_700_000_000_000_000 + number, pid: 400 + number as u32, stream }
    }

    fn ring(room: usize) -> Ring {
        let mut ring = Ring::default();
        ring.resize(room);
        ring
    }

    fn kept(ring: &Ring, from: u64) -> Vec<(Stamp, String)> {
        let mut lines = ring.since(from);
        let mut all = Vec::new();
        while let Some(stamp) = lines.peek() {
            all.push((stamp, lines.text()));
            lines.advance();
        }
        all
    }

    fn texts(ring: &Ring) -> Vec<String> {
        kept(ring, 0).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn what_goes_in_comes_out() {
        let mut ring = ring(1024);
        let expected: Vec<_> = (0..5).map(|n| (stamp(n), format!("h\u{f6}he {n}"))).collect();
        expected.iter().for_each(|(stamp, text)| ring.push(*stamp, text.as_bytes()));
        assert_eq!(kept(&ring, 0), expected);
        assert_eq!(kept(&ring, 3), expected[3..]);
        assert_eq!(kept(&ring, 9), []);
    }

    #[test]
    fn a_line_longer_than_the_ring_is_cut_and_is_the_only_one() {
        for (room, text, expected) in [
            (OVERHEAD + 5, "0123456789".to_owned(), "01234"),
            (OVERHEAD + 5, "abcd\u{1f483}".to_owned(), "abcd"),
            (OVERHEAD, "x".to_owned(), ""),
        ] {
            let mut ring = ring(room);
            ring.push(stamp(1), b"old");
            ring.push(stamp(2), text.as_bytes());
            assert_eq!(texts(&ring), [expected]);
            assert_eq!(ring.span(), 1..2);
        }
        let mut wide = ring(1 << 20);
        wide.push(stamp(1), &[b'x'; 100_000]);
        assert_eq!(texts(&wide)[0].len(), LONGEST);
    }

    #[test]
    fn nothing_goes_without_need() {
        let mut ring = ring(10 * (OVERHEAD + 4) + 3);
        (0..25).for_each(|n| ring.push(stamp(n), format!("{n:04}").as_bytes()));
        assert_eq!(ring.span(), 15..25);
        ring.push(stamp(25), b"123");
        assert_eq!(ring.span(), 16..26);
        ring.push(stamp(26), b"12345");
        assert_eq!(ring.span(), 17..27);
        ring.push(stamp(27), &[b'x'; 4 + 3 + OVERHEAD]);
        assert_eq!(ring.span(), 19..28);
    }

    #[test]
    fn without_room_lines_are_counted() {
        let mut ring = Ring::default();
        ring.push(stamp(1), b"x");
        assert_eq!((ring.span(), texts(&ring)), (1..1, vec![]));
    }

    proptest! {
        #[test]
        fn the_newest_stay_in_order_within_the_room(
            steps in prop::collection::vec((0usize..60, prop::option::weighted(0.1, 0usize..400)), 0..80)
        ) {
            let mut ring = ring(200);
            let mut all = Vec::new();
            for (number, (length, room)) in steps.into_iter().enumerate() {
                if let Some(room) = room {
                    ring.resize(room);
                }
                let text = "x".repeat(length.min(ring.room().saturating_sub(OVERHEAD)));
                ring.push(stamp(number as u64), text.as_bytes());
                all.push((stamp(number as u64), text));
                prop_assert!(ring.bytes.len() <= ring.room());
                prop_assert!(ring.bytes.capacity() <= ring.room());
                let span = ring.span();
                prop_assert_eq!(kept(&ring, 0), &all[span.start as usize..span.end as usize]);
                prop_assert_eq!(span.end, all.len() as u64);
            }
        }
    }
}
