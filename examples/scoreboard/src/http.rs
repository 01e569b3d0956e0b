//! HTTP/1.1 as far as a scoreboard needs it: keep-alive, pipelining, Content-Length, and a stream of events.
//! Heads are bounded, bodies too; a body without a length is refused. Knows nothing of teams.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::board::Board;
use crate::door;

const MAX_HEAD: usize = 16 * 1024;
const MAX_BODY: usize = 64 * 1024;
/// Longest silence within a request, and longest time a client may take to read an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One whole request.
pub struct Request {
    pub method: String,
    /// Without the query.
    pub path: String,
    pub is_json: bool,
    pub body: Vec<u8>,
}

/// One answer.
pub struct Reply {
    pub status: &'static str,
    /// Whole lines, each with its end.
    pub headers: String,
    pub body: Vec<u8>,
}

/// What the head says about the rest.
struct Head {
    request: Request,
    keep_alive: bool,
    length: Option<usize>,
    expects: bool,
}

/// A client, and what it sent so far.
pub struct Connection<'a> {
    stream: UnixStream,
    stop: BorrowedFd<'a>,
    buffer: Vec<u8>,
    keep_alive: bool,
    head_only: bool,
}

impl<'a> Connection<'a> {
    pub fn new(stream: UnixStream, stop: BorrowedFd<'a>) -> Self {
        Self { stream, stop, buffer: Vec::new(), keep_alive: true, head_only: false }
    }

    /// Whether another request may follow the last answer.
    pub fn is_open(&self) -> bool {
        self.keep_alive
    }

    /// The next request, or why it is refused; `None` at the end: the client left, or it is time to stop.
    pub fn next_request(&mut self) -> io::Result<Option<Result<Request, Reply>>> {
        self.stream.set_read_timeout(Some(PATIENCE))?;
        self.stream.set_write_timeout(Some(PATIENCE))?;
        let head = loop {
            match parse(&self.buffer) {
                Ok(Some((head, length))) => {
                    self.buffer.drain(..length);
                    break head;
                }
                Ok(None) if !self.read_more()? => return Ok(None),
                Ok(None) => {}
                Err(status) => {
                    self.keep_alive = false;
                    return Ok(Some(Err(Reply::text(status))));
                }
            }
        };
        if head.expects && self.buffer.is_empty() {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let mut request = head.request;
        let length = head.length.unwrap_or(0);
        while self.buffer.len() < length {
            if !self.read_more()? {
                return Ok(None);
            }
        }
        request.body = self.buffer.drain(..length).collect();
        self.head_only = request.method == "HEAD";
        self.keep_alive = head.keep_alive && !door::is_readable(self.stop);
        Ok(Some(Ok(request)))
    }

    /// Between two requests the order to stop ends the wait, but a request that has begun is read to its end.
    fn read_more(&mut self) -> io::Result<bool> {
        if self.buffer.is_empty() && !door::wait(self.stream.as_fd(), self.stop).readable {
            return Ok(false);
        }
        let mut chunk = [0; 4096];
        let count = self.stream.read(&mut chunk)?;
        self.buffer.extend_from_slice(&chunk[..count]);
        Ok(count > 0)
    }

    /// Sends a whole answer.
    pub fn send(&mut self, reply: &Reply) -> io::Result<()> {
        let Reply { status, headers, body } = reply;
        let length = body.len();
        let close = if self.keep_alive { "" } else { "Connection: close\r\n" };
        let head = format!("HTTP/1.1 {status}\r\n{headers}{close}Content-Length: {length}\r\n\r\n");
        let body = if self.head_only { &[][..] } else { body };
        self.stream.write_all(&[head.as_bytes(), body].concat())
    }

    /// Sends the scores, and again whenever they change, until the client leaves or the board closes. The stream ends
    /// with the connection, so it needs no chunks (RFC 9112 §6.3, rule 8).
    pub fn send_events(&mut self, board: &Board) -> io::Result<()> {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
                    X-Accel-Buffering: no\r\nConnection: close\r\n\r\nretry: 1000\n\n";
        self.stream.write_all(head.as_bytes())?;
        let mut seen = None;
        while let Some(version) = board.wait(seen, Duration::from_secs(15)) {
            // The comment finds out, in silence, that the client has left.
            let event = if seen == Some(version) {
                ": still here\n\n".to_owned()
            } else {
                format!("id: {version}\ndata: {}\n\n", board.scores().map_err(io::Error::other)?)
            };
            self.stream.write_all(event.as_bytes())?;
            seen = Some(version);
        }
        Ok(())
    }
}

impl Reply {
    /// An answer of one line that says its status.
    pub fn text(status: &'static str) -> Self {
        Self::new(status, "text/plain", format!("{status}\n"))
    }

    /// An answer that nobody may store.
    pub fn new(status: &'static str, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = format!("Content-Type: {media_type}; charset=utf-8\r\nCache-Control: no-store\r\n");
        Self { status, headers, body: body.into() }
    }
}

/// The head at the start of `bytes` and its length; `None` while it is not whole; else the status to refuse it with.
fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, &'static str> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err("431 Request Header Fields Too Large");
        }
        Err(_) => return Err("400 Bad Request"),
    };
    let target = parsed.path.unwrap_or_default();
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: target.split('?').next().unwrap_or_default().to_owned(),
        is_json: false,
        body: Vec::new(),
    };
    let mut head = Head { request, keep_alive: parsed.version == Some(1), length: None, expects: false };
    for header in parsed.headers.iter() {
        head.note(header.name, str::from_utf8(header.value).unwrap_or_default())?;
    }
    Ok(Some((head, length)))
}

impl Head {
    fn note(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        let value = value.to_ascii_lowercase();
        match name.to_ascii_lowercase().as_str() {
            "connection" if value.contains("close") => self.keep_alive = false,
            "content-type" => self.request.is_json = value.starts_with("application/json"),
            "expect" => self.expects = value == "100-continue",
            "transfer-encoding" => return Err("411 Length Required"),
            "content-length" => {
                let length = value.parse().map_err(|_| "400 Bad Request")?;
                if length > MAX_BODY {
                    return Err("413 Content Too Large");
                }
                if self.length.is_some_and(|earlier| earlier != length) {
                    return Err("400 Bad Request");
                }
                self.length = Some(length);
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_of_a_head_is_partial_until_it_is_whole() {
        let whole =
            b"POST /paris/score?x=1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n";
        for cut in 0..whole.len() {
            assert!(matches!(parse(&whole[..cut]), Ok(None)), "cut at {cut}");
        }
        let Ok(Some((head, length))) = parse(whole) else { panic!("no head") };
        assert_eq!((length, head.length, head.keep_alive, head.request.is_json), (whole.len(), Some(2), true, true));
        assert_eq!(head.request.path, "/paris/score");
    }

    #[test]
    fn what_is_ambiguous_or_too_large_is_refused() {
        for (headers, status) in [
            ("Content-Length: 0\r\nContent-Length: 2", "400 Bad Request"),
            ("Content-Length: -1", "400 Bad Request"),
            ("Content-Length: 70000", "413 Content Too Large"),
            ("Transfer-Encoding: chunked", "411 Length Required"),
        ] {
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n");
            assert_eq!(parse(head.as_bytes()).err(), Some(status), "{headers}");
        }
        let endless = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(MAX_HEAD));
        assert_eq!(parse(endless.as_bytes()).err(), Some("431 Request Header Fields Too Large"));
    }
}
