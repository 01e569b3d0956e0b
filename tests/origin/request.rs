//! One request as the origin sees it: head, then the body piece by piece.

use std::io::{self, Read, Write};

use crate::listener::Stream;

/// A request head; the body is still in the connection.
pub struct Request {
    pub method: String,
    pub target: String,
    pub minor: u8,
    pub fields: Vec<(String, String)>,
}

/// Bytes read from a connection and not yet used.
pub struct Input {
    pub stream: Stream,
    pub buffer: Vec<u8>,
}

impl Request {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// `?name=value`.
    pub fn query(&self, name: &str) -> Option<&str> {
        let query = self.target.split_once('?')?.1;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    pub fn number(&self, name: &str) -> Option<u64> {
        self.query(name)?.parse().ok()
    }

    pub fn keep_alive(&self) -> bool {
        let connection = self.field("connection").unwrap_or_default().to_ascii_lowercase();
        if self.minor == 0 { connection.contains("keep-alive") } else { !connection.contains("close") }
    }
}

impl Input {
    /// The next head; `None` at the end of the connection.
    pub fn request(&mut self) -> io::Result<Option<Request>> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; 128];
            let mut head = httparse::Request::new(&mut fields);
            if let httparse::Status::Complete(length) = head.parse(&self.buffer).map_err(io::Error::other)? {
                let request = Request {
                    method: head.method.unwrap_or_default().to_owned(),
                    target: head.path.unwrap_or_default().to_owned(),
                    minor: head.version.unwrap_or(1),
                    fields: head.headers.iter().map(owned).collect(),
                };
                self.buffer.drain(..length);
                return Ok(Some(request));
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads the body and gives each piece away.
    pub fn body(&mut self, request: &Request, mut piece: impl FnMut(&[u8])) -> io::Result<()> {
        if request.field("expect").is_some() {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if request.field("transfer-encoding").is_some() {
            return self.chunks(piece);
        }
        let length = request.field("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        self.bytes(length, &mut piece)
    }

    fn chunks(&mut self, mut piece: impl FnMut(&[u8])) -> io::Result<()> {
        loop {
            let line = self.line()?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(digits, 16).map_err(io::Error::other)?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(());
            }
            self.bytes(size, &mut piece)?;
            self.line()?;
        }
    }

    fn bytes(&mut self, mut left: u64, piece: &mut impl FnMut(&[u8])) -> io::Result<()> {
        while left > 0 {
            if self.buffer.is_empty() && self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let n = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            piece(&self.buffer[..n]);
            self.buffer.drain(..n);
            left -= n as u64;
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; 64 * 1024];
        let n = self.stream.read(&mut piece)?;
        self.buffer.extend_from_slice(&piece[..n]);
        Ok(n)
    }
}

fn owned(field: &httparse::Header<'_>) -> (String, String) {
    (field.name.to_owned(), String::from_utf8_lossy(field.value).into_owned())
}
