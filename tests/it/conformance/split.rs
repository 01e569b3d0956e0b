//! The pieces in which bytes are sent: the same bytes, whatever the pieces, must have the same effect.

use crate::random::Random;

/// How bytes are cut.
#[derive(Debug, Clone, Copy)]
pub enum Split {
    /// All at once.
    Whole,
    /// Byte by byte (long ones in small pieces, that the table ends today).
    Bytes,
    /// In pieces of random lengths, from this seed.
    Random(u64),
}

impl Split {
    /// The pieces of `bytes`.
    pub fn pieces(self, bytes: &[u8]) -> Vec<&[u8]> {
        let mut random = match self {
            Self::Whole => return vec![bytes],
            Self::Bytes => return bytes.chunks(1 + bytes.len() / 2048).collect(),
            Self::Random(seed) => Random::with(seed),
        };
        let most = 1 + random.below(bytes.len() as u64 + 1);
        let (mut pieces, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + random.below(most) as usize).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces
    }
}
