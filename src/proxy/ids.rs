//! Request ids: 128 bits that no other request has. They identify, they protect nothing.

use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// A generator (splitmix64), seeded once by the kernel.
#[derive(Debug)]
pub(super) struct Ids {
    seed: u64,
    count: u64,
    last: [u8; 32],
}

impl Ids {
    /// Seeds the generator.
    pub fn new() -> io::Result<Self> {
        let mut bytes = [0; 16];
        getrandom(&mut bytes[..], GetRandomFlags::empty())?;
        let (seed, count) = bytes.split_at(8);
        let number = |half: &[u8]| half.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        Ok(Self { seed: number(seed), count: number(count), last: [b'0'; 32] })
    }

    /// The next id, 32 hexadecimal digits.
    pub fn next(&mut self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.count = self.count.wrapping_add(1);
        let words = [mix(self.seed ^ self.count), mix(self.seed.wrapping_add(self.count.rotate_left(32)))];
        // Neither half is zero, as an id of a trace must not be.
        let words = words.map(|word| word.max(1));
        self.last = std::array::from_fn(|digit| DIGITS[(words[digit / 16] >> (60 - digit % 16 * 4) & 15) as usize]);
        self.last
    }

    /// The last id, which also names the trace that begins with its request.
    pub fn last(&self) -> &[u8] {
        &self.last
    }
}

fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_differ_and_have_32_digits() {
        let mut ids = Ids::new().unwrap();
        let mut seen = HashSet::new();
        for _ in 0..10_000 {
            let id = ids.next();
            assert!(id.iter().all(u8::is_ascii_hexdigit), "{id:?}");
            assert_eq!(ids.last(), id);
            assert!(seen.insert(id));
        }
    }
}
