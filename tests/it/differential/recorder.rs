//! An origin that keeps what it is sent, byte by byte, and says in its answers how it read it.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use super::reading::Reading;
use crate::targets::strict;

/// What one connection brought.
#[derive(Debug, Clone)]
pub enum Record {
    /// A whole request.
    Whole(Vec<u8>),
    /// The connection ended in the middle.
    Partial,
    /// No request that a strict reader takes.
    Broken(String, Vec<u8>),
}

/// What has been brought so far.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<Record>>>);

impl Recorder {
    /// At a unix socket.
    pub fn unix(path: &Path) -> Self {
        let (recorder, listener) = (Self::default(), UnixListener::bind(path).expect("a socket"));
        let own = recorder.clone();
        thread::spawn(move || listener.incoming().flatten().for_each(|stream| own.clone().serve(stream)));
        recorder
    }

    /// At a port.
    pub fn tcp(listener: TcpListener) -> Self {
        let recorder = Self::default();
        let own = recorder.clone();
        let serve = move |stream: TcpStream| {
            stream.set_nodelay(true).expect("an option");
            own.clone().serve(stream);
        };
        thread::spawn(move || listener.incoming().flatten().for_each(serve));
        recorder
    }

    /// Everything so far.
    pub fn records(&self) -> Vec<Record> {
        self.0.lock().expect("no panic").clone()
    }

    fn push(&self, record: Record) {
        self.0.lock().expect("no panic").push(record);
    }

    fn serve(self, stream: impl Connection) {
        // Small stacks: there are hundreds.
        let thread = thread::Builder::new().stack_size(128 * 1024);
        thread.spawn(move || drop(self.converse(stream))).expect("a thread");
    }

    fn converse(self, mut stream: impl Connection) -> io::Result<()> {
        let (mut input, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            match strict::request(&input) {
                Ok(Some(request)) => {
                    let raw = input.drain(..request.len).collect();
                    self.push(Record::Whole(raw));
                    let reading = Reading::of(&request);
                    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Read: {reading}\r\n\r\n")?;
                }
                Err(why) => {
                    self.push(Record::Broken(why, input));
                    let broken = Reading::broken();
                    return write!(
                        stream,
                        "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\nConnection: close\r\nX-Read: {broken}\r\n\r\n"
                    );
                }
                Ok(None) => match stream.read(&mut piece)? {
                    0 if input.is_empty() => return Ok(()),
                    0 => {
                        self.push(Record::Partial);
                        return Ok(());
                    }
                    count => input.extend_from_slice(&piece[..count]),
                },
            }
        }
    }
}

trait Connection: Read + Write + Send + 'static {}
impl Connection for TcpStream {}
impl Connection for UnixStream {}
