//! What of an answer is there, and how much there will be. Knows Content-Length only, which is all that the origins here send.

use std::io::Read;

use crate::Result;

/// An answer of which the whole head is known.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    pub status: u16,
    /// Bytes of the head.
    pub head: usize,
    /// Bytes of the body.
    pub body: u64,
}

impl Answer {
    /// Reads the head, if all of it is there.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut answer = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(head) = answer.parse(bytes)? else { return Ok(None) };
        let length = answer.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
        let body = length.map_or(Ok(0), |field| String::from_utf8_lossy(field.value).parse())?;
        Ok(Some(Self { status: answer.code.unwrap_or(0), head, body }))
    }

    /// Bytes of it all.
    pub fn length(self) -> u64 {
        self.head as u64 + self.body
    }

    /// Reads one answer and throws its body away; an error unless it has this status.
    pub fn read(stream: &mut impl Read, status: u16) -> Result<Self> {
        let (mut bytes, mut piece) = (Vec::new(), [0; 64 * 1024]);
        let answer = loop {
            let n = some(stream, &mut piece)?;
            bytes.extend_from_slice(&piece[..n]);
            if let Some(answer) = Self::parse(&bytes)? {
                break answer;
            }
        };
        if answer.status != status {
            return Err(format!("no {status}: {:?}", String::from_utf8_lossy(&bytes)).into());
        }
        let mut there = bytes.len() as u64;
        while there < answer.length() {
            there += some(stream, &mut piece)? as u64;
        }
        Ok(answer)
    }
}

/// At least one byte.
fn some(stream: &mut impl Read, piece: &mut [u8]) -> Result<usize> {
    match stream.read(piece)? {
        0 => Err("the answer ends too early".into()),
        n => Ok(n),
    }
}
