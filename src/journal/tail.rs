//! The last lines of one unit, for `status` and for the word of its failure.

use std::collections::VecDeque;

use super::escape::escape;
use super::stream::boundary;

/// Lines kept of one unit.
const LINES: usize = 10;

/// Bytes kept of one line.
const WIDTH: usize = 512;

/// A ring of lines; the room of the oldest is used again for the newest.
#[derive(Debug, Default)]
pub(super) struct Tail(VecDeque<String>);

impl Tail {
    pub(super) fn push(&mut self, line: &[u8]) {
        let oldest = if self.0.len() < LINES { None } else { self.0.pop_front() };
        let mut room = oldest.unwrap_or_default().into_bytes();
        room.clear();
        let line = if line.len() > WIDTH { &line[..boundary(&line[..WIDTH])] } else { line };
        escape(line, &mut room);
        self.0.push_back(String::from_utf8(room).unwrap_or_default());
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ten_stay_in_order() {
        let mut tail = Tail::default();
        (0..25).for_each(|n| tail.push(format!("line {n}").as_bytes()));
        let expected: Vec<_> = (15..25).map(|n| format!("line {n}")).collect();
        assert_eq!(tail.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_long_line_is_cut() {
        let mut tail = Tail::default();
        tail.push(&[b'x'; 100_000]);
        tail.push(format!("{}\u{e9}", "x".repeat(WIDTH - 1)).as_bytes());
        assert_eq!(tail.lines().map(str::len).collect::<Vec<_>>(), [WIDTH, WIDTH - 1]);
    }
}
