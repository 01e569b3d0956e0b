//! A connection of the tenant: what it has read, which must be whole requests, and how it answers them.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use super::templates;
use crate::targets::{shown, strict};

/// One connection that the forwarder has made.
pub struct Conn {
    /// `None`: we have closed it.
    stream: Option<UnixStream>,
    unsent: Vec<u8>,
    read: Vec<u8>,
    /// Start of what is not a whole request yet.
    at: usize,
    /// Requests read.
    asked: usize,
    /// Answers begun.
    answered: usize,
    /// The last answer goes on, or ends with the connection.
    open_answer: bool,
    /// Method and tag of the request that was read last.
    last: Option<(bool, bool, String)>,
    /// It has agreed to another protocol, asked or not.
    switches: bool,
    /// The forwarder has closed it.
    pub ended: bool,
    /// It does not read for the moment.
    pub lazy: bool,
}

impl Conn {
    pub fn new(stream: UnixStream) -> Self {
        stream.set_nonblocking(true).expect("a flag");
        Self {
            stream: Some(stream),
            unsent: Vec::new(),
            read: Vec::new(),
            at: 0,
            asked: 0,
            answered: 0,
            open_answer: false,
            last: None,
            switches: false,
            ended: false,
            lazy: false,
        }
    }

    pub fn shutdown(&mut self, how: Shutdown) {
        // It may be closed already.
        let _ = self.stream.as_ref().map(|stream| stream.shutdown(how));
    }

    pub fn close(&mut self) {
        self.stream = None;
    }

    /// The forwarder uses it, or keeps it for the next request.
    pub fn is_held(&self) -> bool {
        self.stream.is_some() && !self.ended
    }

    /// What is read belongs to another protocol.
    pub fn is_tunnel(&self) -> bool {
        self.switches && self.last.as_ref().is_some_and(|(_, upgrade, _)| *upgrade)
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.switches |= strict::find(bytes, b" 101").is_some();
        self.unsent.extend_from_slice(bytes);
        self.go_on();
    }

    /// Answers the request that was read last. False if that is a lie: it has an answer, or there is none.
    pub fn answer(&mut self, which: u8) -> bool {
        let honest = self.answered < self.asked && !self.open_answer && !self.is_tunnel();
        let (to_head, _, tag) = self.last.clone().unwrap_or((false, false, "none".into()));
        let answer = templates::answer(which, &tag, to_head);
        self.open_answer |= !answer.complete;
        self.answered += 1;
        self.send(&answer.bytes);
        honest
    }

    /// Answers this request, if it is the one that was read last.
    pub fn answer_to(&mut self, tag: &str) -> bool {
        self.last.as_ref().is_some_and(|(_, _, last)| last == tag) && self.answer(0)
    }

    /// Sends and reads what can be; true if something moved.
    pub fn go_on(&mut self) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let mut moved = false;
        while !self.unsent.is_empty() {
            match stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.unsent.clear(),
            }
            moved = true;
        }
        let mut piece = [0; 65536];
        while !self.lazy && !self.ended {
            match stream.read(&mut piece) {
                Ok(0) => self.ended = true,
                Ok(count) => self.read.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.ended = true,
            }
            moved = true;
        }
        self.parse();
        moved
    }

    /// Nothing arrives but whole requests.
    fn parse(&mut self) {
        while !self.is_tunnel() && self.at < self.read.len() {
            match strict::request(&self.read[self.at..]) {
                Ok(Some(request)) => {
                    self.at += request.len;
                    self.asked += 1;
                    let tag = request.field("x-tag").map(|tag| String::from_utf8_lossy(tag).into_owned());
                    self.last =
                        Some((request.method() == "HEAD", request.connection("upgrade"), tag.unwrap_or("none".into())));
                }
                Ok(None) => return,
                Err(why) => panic!("{why}: the tenant reads {}", shown(&self.read[self.at..])),
            }
        }
    }

    /// Of an honest tenant: no request before the answer to the one before.
    pub fn judge(&self) {
        assert!(self.is_tunnel() || self.asked <= self.answered + 1, "pipelined to the tenant: {}", shown(&self.read));
    }
}
