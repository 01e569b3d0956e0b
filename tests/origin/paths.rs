//! What the origin answers, by the last word of the path.

use std::fs;
use std::io::{self, Write};
use std::process;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use serde_json::json;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

use crate::request::{Input, Request};
use crate::{Origin, append, knob, proc_self};

/// Answers; false if the connection must end now.
pub fn answer(origin: &Arc<Origin>, input: &mut Input, request: &Request, keep: bool) -> io::Result<bool> {
    let word = request.path().rsplit('/').next().unwrap_or_default();
    if word == "early" {
        // Before the body is read, as a server that refuses an upload.
        write!(input.stream, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        return Ok(false);
    }
    let (mut length, mut hash) = (0_u64, FNV_OFFSET);
    input.body(request, |piece| {
        length += piece.len() as u64;
        hash = fnv(hash, piece);
    })?;
    // An application acts on whole requests: one that is cut off was not served.
    if let Some(token) = request.query("token") {
        append("COUNT_FILE", &format!("{token}\n"));
    }
    let number = |name: &str, default| request.number(name).unwrap_or(default);
    match word {
        "slow" => {
            thread::sleep(Duration::from_millis(number("ms", 100)));
            reply(input, request, keep, b"slow")
        }
        "pid" => reply(input, request, keep, process::id().to_string().as_bytes()),
        "peak" => reply(input, request, keep, origin.peak.load(SeqCst).to_string().as_bytes()),
        "environment" => reply(input, request, keep, proc_self("environ").replace('\0', "\n").as_bytes()),
        "signals" => reply(input, request, keep, signals().as_bytes()),
        "descriptors" => reply(input, request, keep, descriptors().as_bytes()),
        "status" => status(input, number("code", 204)),
        "sse" => events(input, number("n", 5), request.query("gate")),
        "chunked" => chunked(input, number("n", 10), number("bytes", 1000)),
        "close" => until_close(input, number("bytes", 1000)),
        "big" => big(input, request, keep, number("bytes", 1_000_000)),
        "short" => {
            write!(input.stream, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")?;
            Ok(false)
        }
        "hints" => {
            write!(input.stream, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")?;
            reply(input, request, keep, b"hinted")
        }
        "die" => {
            write!(input.stream, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")?;
            let _ = raise(Signal::SIGKILL);
            Ok(false)
        }
        _ => {
            let echo = json!({
                "tenant": knob("TENANT"), "pid": process::id(), "method": request.method, "target": request.target,
                "fields": request.fields, "length": length, "hash": format!("{hash:016x}"),
            });
            reply(input, request, keep, echo.to_string().as_bytes())
        }
    }
}

/// Echoes frames on a thread of its own, as Action Cable leaves Puma's pool.
pub fn websocket(mut input: Input, request: &Request) {
    let key = request.field("sec-websocket-key").unwrap_or_default();
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    if input.stream.write_all(head.as_bytes()).is_ok() {
        let config = WebSocketConfig::default();
        let mut socket = WebSocket::from_partially_read(input.stream, input.buffer, Role::Server, Some(config));
        thread::spawn(move || {
            while let Ok(message) = socket.read() {
                if (message.is_text() || message.is_binary()) && socket.send(message).is_err() {
                    return;
                }
            }
        });
    }
}

fn reply(input: &mut Input, request: &Request, keep: bool, body: &[u8]) -> io::Result<bool> {
    // One write, as Puma does for a short answer: a process that is killed has sent all of it or nothing.
    let mut answer = head(keep, body.len() as u64);
    if request.method != "HEAD" {
        answer.extend(body);
    }
    input.stream.write_all(&answer)?;
    Ok(true)
}

fn head(keep: bool, length: u64) -> Vec<u8> {
    let connection = if keep { "keep-alive" } else { "close" };
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: {connection}\r\n\r\n").into_bytes()
}

/// An answer without a body, whatever its Content-Length pretends (RFC 9110 §15.4.5).
fn status(input: &mut Input, code: u64) -> io::Result<bool> {
    let pretended = if code == 304 { "Content-Length: 1234\r\n" } else { "" };
    write!(input.stream, "HTTP/1.1 {code} Some Reason\r\n{pretended}\r\n")?;
    Ok(true)
}

/// Server-sent events; with a gate, event `i` waits for the file `GATE-i`.
fn events(input: &mut Input, n: u64, gate: Option<&str>) -> io::Result<bool> {
    let kind = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    input.stream.write_all(kind.as_bytes())?;
    for i in 0..n {
        while gate.is_some_and(|gate| !fs::exists(format!("{gate}-{i}")).unwrap_or(true)) {
            thread::sleep(Duration::from_millis(2));
        }
        let event = format!("data: {i}\n\n");
        write!(input.stream, "{:x}\r\n{event}\r\n", event.len())?;
    }
    input.stream.write_all(b"0\r\n\r\n")?;
    Ok(true)
}

fn chunked(input: &mut Input, n: u64, bytes: u64) -> io::Result<bool> {
    input.stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    for _ in 0..n {
        write!(input.stream, "{bytes:x}\r\n")?;
        fill(input, bytes)?;
        input.stream.write_all(b"\r\n")?;
    }
    input.stream.write_all(b"0\r\n\r\n")?;
    Ok(true)
}

fn until_close(input: &mut Input, bytes: u64) -> io::Result<bool> {
    input.stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
    fill(input, bytes)?;
    Ok(false)
}

fn big(input: &mut Input, request: &Request, keep: bool, bytes: u64) -> io::Result<bool> {
    input.stream.write_all(&head(keep, bytes))?;
    if request.method != "HEAD" {
        fill(input, bytes)?;
    }
    Ok(true)
}

/// So many bytes of the alphabet.
fn fill(input: &mut Input, bytes: u64) -> io::Result<()> {
    let block: Vec<u8> = (b'a'..=b'z').cycle().take(26 * 2520).collect();
    let mut left = usize::try_from(bytes).map_err(io::Error::other)?;
    while left > 0 {
        let n = left.min(block.len());
        input.stream.write_all(&block[..n])?;
        left -= n;
    }
    Ok(())
}

/// The masks of this thread: the main thread's are all blocked while it makes another (pthread_create(3)).
fn signals() -> String {
    fs::read_to_string("/proc/thread-self/status").unwrap_or_default()
}

fn descriptors() -> String {
    let Ok(list) = fs::read_dir("/proc/self/fd") else { return String::new() };
    let lines = list.flatten().map(|entry| {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        format!("{} {}\n", entry.file_name().to_string_lossy(), target.display())
    });
    lines.collect()
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, 64 bits.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
