//! Bytes that wait: what was read and not consumed, or written and not taken. Memory is lent and given back.

/// A queue of bytes. Empty, it owns no memory.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

/// Memory of emptied buffers, to be used again: a connection without waiting bytes costs none.
#[derive(Debug, Default)]
pub(super) struct Pool {
    spare: Vec<Vec<u8>>,
    /// Bytes of all of them.
    size: usize,
}

impl Pool {
    /// Most bytes that are kept: two thousand small buffers, or a dozen large ones.
    const KEEP: usize = 2 << 20;
    /// The head of a usual request fits.
    const SMALLEST: usize = 1024;
    const LARGEST: usize = 128 * 1024;

    /// Empty memory.
    pub fn take(&mut self) -> Vec<u8> {
        let Some(bytes) = self.spare.pop() else { return Vec::with_capacity(Self::SMALLEST) };
        self.size -= bytes.capacity();
        bytes
    }

    /// Takes memory back.
    pub fn give(&mut self, mut bytes: Vec<u8>) {
        let size = bytes.capacity();
        if (1..=Self::LARGEST).contains(&size) && self.size + size <= Self::KEEP {
            bytes.clear();
            self.size += size;
            self.spare.push(bytes);
        }
    }
}

impl Buffer {
    /// The bytes that wait.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// None waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds bytes at the end.
    pub fn push(&mut self, bytes: &[u8], pool: &mut Pool) {
        if bytes.is_empty() {
            return;
        }
        if self.bytes.capacity() == 0 {
            self.bytes = pool.take();
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The vector behind it, to append to.
    pub fn open(&mut self, pool: &mut Pool) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = pool.take();
        }
        &mut self.bytes
    }

    /// Drops bytes from the front; the memory goes back when none is left.
    pub fn consume(&mut self, count: usize, pool: &mut Pool) {
        self.start += count;
        if self.start >= self.bytes.len() {
            self.clear(pool);
        } else if self.start > 64 * 1024 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    /// Drops all.
    pub fn clear(&mut self, pool: &mut Pool) {
        self.start = 0;
        pool.give(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_order_and_memory_returns() {
        let mut pool = Pool::default();
        let mut buffer = Buffer::default();
        buffer.push(b"hello ", &mut pool);
        buffer.push(b"world", &mut pool);
        buffer.consume(3, &mut pool);
        assert_eq!(buffer.bytes(), b"lo world");
        buffer.consume(8, &mut pool);
        assert!(buffer.is_empty());
        assert_eq!(buffer.bytes.capacity(), 0);
        assert_eq!(pool.spare.len(), 1);
        assert_eq!(pool.size, pool.spare[0].capacity());
    }
}
