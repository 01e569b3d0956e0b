//! What is kept of a request's own words, for its log line and for answers of ours: one piece of lent memory for all of
//! them, so that a connection between two requests owns none.

use super::buffer::Pool;

/// X-Request-Id, request line, Accept field and the protocol of an upgrade, one behind the other. A head is at most 32 KiB: its offsets fit.
#[derive(Debug, Default)]
pub(super) struct Words {
    bytes: Vec<u8>,
    line: u16,
    accept: u16,
    protocol: u16,
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
        self.protocol = self.end();
    }

    /// Keeps the protocol that the client has asked for, too.
    pub fn keep_protocol(&mut self, protocol: &str) {
        self.bytes.extend_from_slice(protocol.as_bytes());
    }

    /// Gives the memory back.
    pub fn clear(&mut self, pool: &mut Pool) {
        pool.give(std::mem::take(&mut self.bytes));
        (self.line, self.accept, self.protocol) = (0, 0, 0);
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
        Some(self.part(self.accept, self.protocol)).filter(|accept| !accept.is_empty())
    }

    /// The client has asked for this protocol, in any case (`WebSocket`).
    pub fn asks_for(&self, protocol: &str) -> bool {
        self.part(self.protocol, self.end()).eq_ignore_ascii_case(protocol.as_bytes())
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
        words.keep_protocol("websocket");
        assert_eq!((words.id(), words.line(), words.accept()), ("", &b""[..], Some(&b"text/html"[..])));
        assert!(words.asks_for("WebSocket") && !words.asks_for("websocke") && !words.asks_for(""));
        words.clear(&mut pool);
        assert_eq!(words.bytes.capacity(), 0);
        assert!(pool.take().capacity() > 0);
    }
}
