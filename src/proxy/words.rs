//! What is kept of a request's own words, for its log line and for answers of ours: one piece of lent memory for all of
//! them, so that a connection between two requests owns none.

use super::buffer::Pool;

/// X-Request-Id, request line and Accept field, one behind the other. A head is at most 32 KiB: its offsets fit.
#[derive(Debug, Default)]
pub(super) struct Words {
    bytes: Vec<u8>,
    line: u16,
    accept: u16,
}

impl Words {
    /// Keeps them. The line comes in parts.
    pub fn keep(&mut self, id: &[u8], line: &[&[u8]], accept: &[u8], pool: &mut Pool) {
        self.clear(pool);
        self.bytes = pool.take();
        self.bytes.extend_from_slice(id);
        self.line = self.end();
        line.iter().for_each(|part| self.bytes.extend_from_slice(part));
        self.accept = self.end();
        self.bytes.extend_from_slice(accept);
    }

    /// Gives the memory back.
    pub fn clear(&mut self, pool: &mut Pool) {
        pool.give(std::mem::take(&mut self.bytes));
        (self.line, self.accept) = (0, 0);
    }

    /// X-Request-Id; empty if the request was refused before it had one.
    pub fn id(&self) -> &str {
        str::from_utf8(self.part(0, self.line)).unwrap_or_default()
    }

    /// Request line.
    pub fn line(&self) -> &[u8] {
        self.part(self.line, self.accept)
    }

    /// The Accept field, if there is one.
    pub fn accept(&self) -> Option<&[u8]> {
        Some(self.part(self.accept, self.end())).filter(|accept| !accept.is_empty())
    }

    fn part(&self, start: u16, end: u16) -> &[u8] {
        self.bytes.get(start.into()..end.into()).unwrap_or_default()
    }

    fn end(&self) -> u16 {
        u16::try_from(self.bytes.len()).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_comes_back_and_the_memory_too() {
        let (mut words, mut pool) = (Words::default(), Pool::default());
        assert_eq!((words.id(), words.line(), words.accept()), ("", &b""[..], None));
        words.keep(b"7", &[b"GET", b" /"], b"", &mut pool);
        assert_eq!((words.id(), words.line(), words.accept()), ("7", &b"GET /"[..], None));
        words.keep(b"", &[], b"text/html", &mut pool);
        assert_eq!((words.id(), words.line(), words.accept()), ("", &b""[..], Some(&b"text/html"[..])));
        words.clear(&mut pool);
        assert_eq!(words.bytes.capacity(), 0);
        assert!(pool.take().capacity() > 0);
    }
}
