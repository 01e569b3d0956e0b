//! A server of the tests for `[[proxy]]`: over TCP, a unix socket or TLS. What it does, the path says.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A connection, whatever is below it.
trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// A server that runs until the tests end.
pub struct Server {
    pub address: SocketAddr,
    told: Arc<Told>,
}

/// What the tests see of it, and tell it.
#[derive(Default)]
struct Told {
    connections: AtomicUsize,
    requests: AtomicUsize,
    ill: AtomicBool,
}

impl Server {
    /// A port of this machine.
    pub fn tcp() -> Self {
        Self::serve(None)
    }

    /// The same with TLS.
    pub fn tls(config: ServerConfig) -> Self {
        Self::serve(Some(Arc::new(config)))
    }

    /// At this address, where one was before perhaps.
    pub fn at(address: SocketAddr) -> Self {
        Self::listen(TcpListener::bind(address).expect("its port"), None)
    }

    fn serve(tls: Option<Arc<ServerConfig>>) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").expect("a port"), tls)
    }

    fn listen(listener: TcpListener, tls: Option<Arc<ServerConfig>>) -> Self {
        let (address, told) = (listener.local_addr().expect("an address"), Arc::<Told>::default());
        let its = told.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                its.connections.fetch_add(1, Ordering::SeqCst);
                let (tls, told) = (tls.clone(), its.clone());
                thread::spawn(move || match tls {
                    None => converse(stream, &told),
                    Some(config) => {
                        let session = ServerConnection::new(config).expect("a session");
                        converse(StreamOwned::new(session, stream), &told)
                    }
                });
            }
        });
        Self { address, told }
    }

    /// At this path.
    pub fn unix(path: &Path) {
        let listener = UnixListener::bind(path).expect("a socket");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || converse(stream, &Told::default()));
            }
        });
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.told.connections.load(Ordering::SeqCst)
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.told.requests.load(Ordering::SeqCst)
    }

    /// From now on `/health` is 500, or 200 again.
    pub fn fall_ill(&self, ill: bool) {
        self.told.ill.store(ill, Ordering::SeqCst);
    }
}

/// One request after the other. An error is the end of the connection, and so is `None`.
fn converse(mut stream: impl Stream, told: &Told) -> io::Result<()> {
    let mut input = Vec::new();
    while let Some(head) = head(&mut stream, &mut input)? {
        told.requests.fetch_add(1, Ordering::SeqCst);
        if !answer(&mut stream, &mut input, &head, told)? {
            break;
        }
    }
    Ok(())
}

fn head(stream: &mut impl Stream, input: &mut Vec<u8>) -> io::Result<Option<String>> {
    loop {
        if let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = input.drain(..end + 4).collect();
            return Ok(Some(String::from_utf8(head).expect("a head in ASCII")));
        }
        if more(stream, input)? == 0 {
            return Ok(None);
        }
    }
}

fn more(stream: &mut impl Stream, input: &mut Vec<u8>) -> io::Result<usize> {
    let mut piece = [0; 64 * 1024];
    loop {
        match stream.read(&mut piece) {
            // Children of other tests die in the same process.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => {
                let count = read?;
                input.extend_from_slice(&piece[..count]);
                return Ok(count);
            }
        }
    }
}

/// The value of a field of a head.
pub fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
}

/// Answers one request; false if that was the last.
fn answer(stream: &mut impl Stream, input: &mut Vec<u8>, head: &str, told: &Told) -> io::Result<bool> {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    match path.rsplit('/').next().unwrap_or_default() {
        // Five of a hundred bytes.
        "cut" => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n12345").and(Ok(false)),
        "until-close" => stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nall of it").and(Ok(false)),
        "silent" => {
            while more(stream, input)? > 0 {}
            Ok(false)
        }
        "leave" => Ok(false),
        "stale" => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").and(Ok(false)),
        "health" => {
            let status = if told.ill.load(Ordering::SeqCst) { "500 Ill" } else { "200 Well" };
            stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes())?;
            Ok(true)
        }
        "download" => download(stream, target),
        "upload" => upload(stream, input, head),
        "trickle" => trickle(stream),
        "cable" => cable(stream, input, head),
        _ => echo(stream, input, head),
    }
}

/// The request, as it came.
fn echo(stream: &mut impl Stream, input: &mut Vec<u8>, head: &str) -> io::Result<bool> {
    let length: usize = field(head, "content-length").map_or(0, |length| length.parse().expect("a length"));
    while input.len() < length {
        if more(stream, input)? == 0 {
            return Ok(false);
        }
    }
    let body = [head.as_bytes(), &input.drain(..length).collect::<Vec<_>>()].concat();
    let fields = "X-Frame-Options: SAMEORIGIN\r\nServer: test\r\nSet-Cookie: a=1\r\n";
    let reply = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[reply.as_bytes(), &body].concat())?;
    Ok(true)
}

/// So many bytes, each the low byte of its place divided by 7.
pub fn pattern(from: usize, count: usize) -> Vec<u8> {
    (from..from + count).map(|at| (at / 7) as u8).collect()
}

const PIECE: usize = 64 * 1024;

fn download(stream: &mut impl Stream, target: &str) -> io::Result<bool> {
    let length: usize = target.split('?').nth(1).and_then(|length| length.parse().ok()).expect("a length");
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")?;
    for from in (0..length).step_by(PIECE) {
        stream.write_all(&pattern(from, PIECE.min(length - from)))?;
    }
    Ok(true)
}

/// How many bytes came, and whether they were right.
fn upload(stream: &mut impl Stream, input: &mut Vec<u8>, head: &str) -> io::Result<bool> {
    let length: usize = field(head, "content-length").map_or(0, |length| length.parse().expect("a length"));
    let (mut at, mut right) = (0, true);
    while at < length {
        if input.is_empty() && more(stream, input)? == 0 {
            return Ok(false);
        }
        right &= *input == pattern(at, input.len());
        at += std::mem::take(input).len();
    }
    let body = format!("{at} {right}");
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    Ok(true)
}

/// An answer in pieces of one byte.
fn trickle(stream: &mut impl Stream) -> io::Result<bool> {
    for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n" {
        stream.write_all(&[*byte])?;
        stream.flush()?;
    }
    Ok(true)
}

/// Agrees to a WebSocket, gives back what comes, and closes with 4001 at "bye". `?refuse` is 403.
fn cable(stream: &mut impl Stream, input: &mut Vec<u8>, head: &str) -> io::Result<bool> {
    if head.contains("?refuse") {
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!")?;
        return Ok(true);
    }
    if field(head, "upgrade").is_none() {
        return echo(stream, input, head);
    }
    let protocol = field(head, "sec-websocket-protocol").map_or(String::new(), |protocol| {
        format!("Sec-WebSocket-Protocol: {}\r\n", protocol.split(',').next().unwrap_or_default())
    });
    // The answer to the key of RFC 6455 §1.3.
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    stream.write_all(format!("{switch}{accept}{protocol}\r\n").as_bytes())?;
    let mut socket =
        tungstenite::WebSocket::from_raw_socket(Both(stream, input), tungstenite::protocol::Role::Server, None);
    while let Ok(message) = socket.read() {
        if message.to_text().is_ok_and(|text| text == "bye") {
            let code = tungstenite::protocol::frame::coding::CloseCode::Library(4001);
            let _ = socket.close(Some(tungstenite::protocol::CloseFrame { code, reason: "tired".into() }));
        } else if message.is_text() || message.is_binary() {
            let _ = socket.send(message);
        }
    }
    Ok(false)
}

/// What was read already, and the stream behind it.
struct Both<'s, S>(&'s mut S, &'s mut Vec<u8>);

impl<S: Read> Read for Both<'_, S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.1.is_empty() {
            return self.0.read(into);
        }
        let count = into.len().min(self.1.len());
        into[..count].copy_from_slice(&self.1[..count]);
        self.1.drain(..count);
        Ok(count)
    }
}

impl<S: Write> Write for Both<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
