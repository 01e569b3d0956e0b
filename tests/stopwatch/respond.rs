//! The lightest tenant: one read and one write a request, so that the proxy is the slowest part of what is measured.
//! It believes that each read is one request without a body, which holds for the load that `scripts/bench` makes.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixListener as Listener;

use mio::net::{UnixListener, UnixStream};
use mio::{Events, Interest, Poll, Token};

use super::Result;

const LISTENER: Token = Token(usize::MAX);

/// A connection and what it has not taken of its answer.
struct Connection {
    stream: UnixStream,
    unsent: usize,
}

/// Answers every request with so many bytes, on the socket that was passed, until it is killed.
pub fn respond(bytes: usize) -> Result<()> {
    let mut listener = passed()?;
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {bytes}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + bytes, b'x');
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut connections, mut count) = (HashMap::new(), 0);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    poll.registry().register(&mut stream, Token(count), Interest::READABLE | Interest::WRITABLE)?;
                    connections.insert(Token(count), Connection { stream, unsent: 0 });
                    count += 1;
                }
            } else if connections.get_mut(&event.token()).is_some_and(|connection| !connection.serve(&answer)) {
                connections.remove(&event.token());
            }
        }
    }
}

impl Connection {
    /// False if it has ended.
    fn serve(&mut self, answer: &[u8]) -> bool {
        if self.unsent == 0 {
            match self.stream.read(&mut [0; 4096]) {
                Ok(0) => return false,
                Ok(_) => self.unsent = answer.len(),
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        while self.unsent > 0 {
            match self.stream.write(&answer[answer.len() - self.unsent..]) {
                Ok(count) => self.unsent -= count,
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }
}

/// Descriptor 3 of sd_listen_fds(3).
#[allow(unsafe_code)]
fn passed() -> Result<UnixListener> {
    // SAFETY: LISTEN_FDS says that descriptor 3 is open, and nothing here closes it.
    let fd = rustix::io::fcntl_dupfd_cloexec(unsafe { BorrowedFd::borrow_raw(3) }, 3)?;
    let listener = Listener::from(fd);
    listener.set_nonblocking(true)?;
    Ok(UnixListener::from_std(listener))
}
