//! A small HTTP/1.1 client that hides nothing: one connection, blocking, every read with a deadline.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// Longest silence that is not a hang.
const SILENCE: Duration = Duration::from_secs(40);

/// One connection to a server.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The head of an answer.
#[derive(Debug, Clone)]
pub struct Head {
    pub status: u16,
    pub fields: Vec<(String, String)>,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub head: Head,
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects; a refusal is the caller's to judge.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, SILENCE)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// The same from an address of our own: a loopback address that tenantd can tell from others.
    pub fn open_from(source: Ipv4Addr, address: SocketAddr) -> io::Result<Self> {
        let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        rustix::net::bind(&socket, &SocketAddr::from((source, 0)))?;
        rustix::net::connect(&socket, &address)?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends `bytes` as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends a request with a Content-Length if it has a body, and reads its answer.
    pub fn request(&mut self, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> io::Result<Reply> {
        self.send(&request_head(method, target, fields, body.len()))?;
        self.send(body)?;
        self.reply(method)
    }

    /// GET.
    pub fn get(&mut self, target: &str) -> io::Result<Reply> {
        self.request("GET", target, &[], b"")
    }

    /// Reads the answer to a request of this method; interim answers (1xx) are skipped.
    pub fn reply(&mut self, method: &str) -> io::Result<Reply> {
        let head = loop {
            let head = self.head()?;
            if head.status >= 200 || head.status == 101 {
                break head;
            }
        };
        let body = self.body(method, &head)?;
        Ok(Reply { head, body })
    }

    /// Reads one head.
    pub fn head(&mut self) -> io::Result<Head> {
        let end = loop {
            match find(&self.buffer, b"\r\n\r\n") {
                Some(at) => break at + 4,
                None if self.fill()? == 0 => return Err(eof("in a head", &self.buffer)),
                None => {}
            }
        };
        let bytes: Vec<u8> = self.buffer.drain(..end).collect();
        Head::parse(&String::from_utf8_lossy(&bytes))
    }

    /// Reads the next chunk of a chunked body; `None` is its end. Trailers are swallowed.
    pub fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let line = self.line()?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).map_err(|_| bad(format!("chunk size {line:?}")))?;
        if size == 0 {
            while !self.line()?.is_empty() {}
            return Ok(None);
        }
        let data = self.exactly(size)?;
        match self.line()?.as_str() {
            "" => Ok(Some(data)),
            more => Err(bad(format!("{more:?} after a chunk"))),
        }
    }

    /// Reads exactly `n` bytes.
    pub fn exactly(&mut self, n: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < n {
            if self.fill()? == 0 {
                return Err(eof("in a body", &self.buffer));
            }
        }
        Ok(self.buffer.drain(..n).collect())
    }

    /// Everything until the server closes; a reset counts as an end too.
    pub fn rest(&mut self) -> Vec<u8> {
        while matches!(self.fill(), Ok(n) if n > 0) {}
        std::mem::take(&mut self.buffer)
    }

    /// True if the server has closed, without a byte more.
    pub fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && matches!(self.fill(), Ok(0) | Err(_))
    }

    /// Says that no more will be sent.
    pub fn finish(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Another handle, to send while answers are read.
    pub fn writer(&self) -> TcpStream {
        self.stream.try_clone().expect("a duplicate")
    }

    /// Leaves with a reset.
    pub fn reset(self) {
        let none = rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
        none.expect("SO_LINGER");
    }

    /// Sends until nobody takes more for `patience`.
    pub fn flood(&mut self, patience: Duration) {
        self.stream.set_write_timeout(Some(patience)).expect("a timeout");
        while self.stream.write(&[b'x'; 64 * 1024]).is_ok() {}
    }

    /// The socket, and what was read after the head, for a protocol that took over.
    pub fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.buffer)
    }

    fn body(&mut self, method: &str, head: &Head) -> io::Result<Vec<u8>> {
        if method == "HEAD" || matches!(head.status, 100..200 | 204 | 304) {
            return Ok(Vec::new());
        }
        if head.field("transfer-encoding") == Some("chunked") {
            let mut body = Vec::new();
            while let Some(chunk) = self.chunk()? {
                body.extend(chunk);
            }
            return Ok(body);
        }
        match head.field("content-length") {
            Some(length) => self.exactly(length.parse().map_err(|_| bad(format!("Content-Length {length:?}")))?),
            None => Ok(self.rest()),
        }
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            if self.fill()? == 0 {
                return Err(eof("in a line", &self.buffer));
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; 64 * 1024];
        // Children of other tests die in the same process: SIGCHLD interrupts a read.
        let n = loop {
            match self.stream.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.buffer.extend_from_slice(&piece[..n]);
        Ok(n)
    }
}

impl Head {
    /// The value of a field, its name in any case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn parse(text: &str) -> io::Result<Self> {
        let mut lines = text.trim_end().split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
        let fields = lines.filter_map(|line| line.split_once(':'));
        Ok(Self {
            status: status.ok_or_else(|| bad(format!("status line {first:?}")))?,
            fields: fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect(),
        })
    }
}

impl Reply {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// Fails the test unless the answer has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.head.status, status, "{:?} {:?}", self.head, self.text());
        self
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }
}

/// A request head with Host, the fields, and Content-Length if there is a body.
pub fn request_head(method: &str, target: &str, fields: &[(&str, &str)], length: usize) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str("Host: localhost\r\n");
    }
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if length > 0 {
        head.push_str(&format!("Content-Length: {length}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn eof(place: &str, so_far: &[u8]) -> io::Error {
    let so_far = String::from_utf8_lossy(&so_far[..so_far.len().min(200)]).into_owned();
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("closed {place} after {so_far:?}"))
}

fn bad(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
