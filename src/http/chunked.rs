//! A strict reader of the chunked coding (RFC 9112 §7.1) that stops and resumes at any byte.
//!
//! Size: 1 to 16 hex digits. Extensions: visible ASCII behind a `;`, at most 1 KiB a line. Line ends: CRLF only. Trailers:
//! valid field lines, at most 8 KiB, none that frames, routes or authenticates.

use std::ops::Range;

use super::control::is_tchar;
use super::kind::Kind;

/// The chunked coding is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// Most bytes behind the size on a chunk's line.
const MAX_EXTENSION: u16 = 1024;
/// Most bytes of the trailer section.
const MAX_TRAILERS: u16 = 8 * 1024;
/// No name that is refused in trailers is longer; of a longer one the start decides.
const NAME: usize = 24;

/// Where the reader stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunked {
    state: State,
    /// The size being read, then the payload of the chunk that is left.
    left: u64,
    /// Hex digits read, then bytes of the extension, then bytes of the trailers.
    count: u16,
    name: [u8; NAME],
    name_len: u8,
    /// Where trailer fields lie in the input of the last call, which has less than 4 GiB.
    trailers: (u32, u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    /// White space behind the size: only a `;` may follow.
    BeforeExtension,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a trailer line, or of the empty line.
    Line,
    Name,
    Value,
    ValueLf,
    EndLf,
    Done,
}

impl State {
    /// In the middle of a trailer line: the byte before and the byte behind belong to it.
    fn is_trailer(self) -> bool {
        matches!(self, State::Name | State::Value | State::ValueLf)
    }
}

impl Chunked {
    pub fn new() -> Chunked {
        Chunked { state: State::Size, left: 0, count: 0, name: [0; NAME], name_len: 0, trailers: (0, 0) }
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// See [`super::Body::trailers`].
    pub fn trailers(&self) -> Range<usize> {
        self.trailers.0 as usize..self.trailers.1 as usize
    }

    /// See [`super::Body::feed`].
    pub fn feed(&mut self, input: &[u8], mut data: impl FnMut(&[u8])) -> Result<usize, Malformed> {
        let mut at = 0;
        self.trailers = (0, 0);
        while at < input.len() && self.state != State::Done {
            if self.state == State::Data {
                let rest = &input[at..];
                let taken = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
                data(&rest[..taken]);
                at += taken;
                self.left -= taken as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
            } else {
                let before = self.state;
                self.state = self.step(input[at])?;
                if before.is_trailer() || self.state.is_trailer() {
                    let start = if self.trailers.1 == 0 { at as u32 } else { self.trailers.0 };
                    self.trailers = (start, at as u32 + 1);
                }
                at += 1;
            }
        }
        Ok(at)
    }

    /// Takes one byte that is not payload.
    fn step(&mut self, b: u8) -> Result<State, Malformed> {
        match (self.state, b) {
            (State::Size, _) => self.size(b),
            (State::BeforeExtension, b' ' | b'\t') => self.counted(MAX_EXTENSION, State::BeforeExtension),
            (State::BeforeExtension, b';') => self.counted(MAX_EXTENSION, State::Extension),
            (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Extension, b'\t' | b' '..=b'~') => self.counted(MAX_EXTENSION, State::Extension),
            (State::BeforeExtension | State::Extension, _) => Err(Malformed("invalid chunk extension")),
            (State::SizeLf, b'\n') => Ok(self.size_done()),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => {
                *self = Chunked::new();
                Ok(State::Size)
            }
            (State::DataCr | State::DataLf, _) => Err(Malformed("chunk longer than its size")),
            (State::EndLf, b'\n') => Ok(State::Done),
            (State::ValueLf, b'\n') => self.counted(MAX_TRAILERS, State::Line),
            (State::SizeLf | State::EndLf | State::ValueLf, _) => Err(Malformed("bare CR in the chunked coding")),
            (State::Line | State::Name | State::Value, _) => self.trailer(b),
            (State::Data | State::Done, _) => Ok(self.state),
        }
    }

    fn size(&mut self, b: u8) -> Result<State, Malformed> {
        match (b, char::from(b).to_digit(16)) {
            (_, Some(_)) if self.count == 16 => Err(Malformed("chunk size too large")),
            (_, Some(digit)) => {
                self.count += 1;
                self.left = self.left << 4 | u64::from(digit);
                Ok(State::Size)
            }
            _ if self.count == 0 => Err(Malformed("missing chunk size")),
            (b'\r', _) => Ok(State::SizeLf),
            (b';' | b' ' | b'\t', _) => {
                self.count = 1;
                Ok(if b == b';' { State::Extension } else { State::BeforeExtension })
            }
            _ => Err(Malformed("invalid chunk size")),
        }
    }

    fn size_done(&mut self) -> State {
        self.count = 0;
        if self.left == 0 { State::Line } else { State::Data }
    }

    fn trailer(&mut self, b: u8) -> Result<State, Malformed> {
        match (self.state, b) {
            (State::Line, b'\r') => Ok(State::EndLf),
            (State::Name, b':') if self.name_is_allowed() => self.counted(MAX_TRAILERS, State::Value),
            (State::Name, b':') => Err(Malformed("forbidden trailer")),
            (State::Line | State::Name, _) if is_tchar(b) => {
                self.push_name(b);
                self.counted(MAX_TRAILERS, State::Name)
            }
            (State::Value, b'\r') => self.counted(MAX_TRAILERS, State::ValueLf),
            (State::Value, b'\t' | b' '..=b'~' | 0x80..) => self.counted(MAX_TRAILERS, State::Value),
            _ => Err(Malformed("invalid trailer")),
        }
    }

    fn push_name(&mut self, b: u8) {
        if self.state == State::Line {
            self.name_len = 0;
        }
        if let Some(place) = self.name.get_mut(usize::from(self.name_len)) {
            *place = b;
            self.name_len += 1;
        }
    }

    fn name_is_allowed(&self) -> bool {
        let name = &self.name[..usize::from(self.name_len)];
        !name.contains(&b'_') && Kind::of(name).allowed_in_trailers()
    }

    fn counted(&mut self, most: u16, next: State) -> Result<State, Malformed> {
        if self.count == most {
            return Err(Malformed("chunk extension or trailers too large"));
        }
        self.count += 1;
        Ok(next)
    }
}
