//! The progress of one body through its framing. Sees every byte once, keeps none.

use std::ops::Range;

use super::chunked::{Chunked, Malformed};
use super::framing::Framing;

/// Where a body stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    progress: Progress,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    /// So many bytes are left.
    Left(u64),
    Chunked(Chunked),
    UntilClose,
}

impl Body {
    /// A body at its start.
    pub fn new(framing: Framing) -> Body {
        let progress = match framing {
            Framing::None => Progress::Left(0),
            Framing::Length(length) => Progress::Left(length),
            Framing::Chunked => Progress::Chunked(Chunked::new()),
            Framing::UntilClose => Progress::UntilClose,
        };
        Body { progress }
    }

    /// Takes what belongs to this body from the start of `input` and says how many bytes that is, framing included. Fewer than
    /// all only if the body ends there. The payload goes to `data` piece by piece; it is never copied.
    pub fn feed(&mut self, input: &[u8], mut data: impl FnMut(&[u8])) -> Result<usize, Malformed> {
        let taken = match &mut self.progress {
            Progress::Chunked(chunked) => return chunked.feed(input, data),
            Progress::UntilClose => input.len(),
            Progress::Left(left) => {
                let taken = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= taken as u64;
                taken
            }
        };
        if taken > 0 {
            data(&input[..taken]);
        }
        Ok(taken)
    }

    /// Where the trailer fields lie in the input of the last [`Body::feed`]; nearly always empty. Without these bytes the body
    /// is the same body without trailers.
    pub fn trailers(&self) -> Range<usize> {
        match &self.progress {
            Progress::Chunked(chunked) => chunked.trailers(),
            Progress::Left(_) | Progress::UntilClose => 0..0,
        }
    }

    /// The body is complete. Never for one that ends by the close of the connection.
    pub fn is_done(&self) -> bool {
        match &self.progress {
            Progress::Left(left) => *left == 0,
            Progress::Chunked(chunked) => chunked.is_done(),
            Progress::UntilClose => false,
        }
    }

    /// Only the close of the connection ends it.
    pub fn ends_by_close(&self) -> bool {
        self.progress == Progress::UntilClose
    }

    /// Bytes that are still to come, if that is known.
    pub fn remaining_hint(&self) -> Option<u64> {
        match self.progress {
            Progress::Left(left) => Some(left),
            _ => None,
        }
    }
}
