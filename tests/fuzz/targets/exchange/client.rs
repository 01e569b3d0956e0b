//! A client: what it has sent, and what it has read, which must be answers to that.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use tenantd::http::{Body, RequestHead, Version};

use crate::targets::{shown, strict};

/// One connection to the front door.
pub struct Client {
    stream: TcpStream,
    /// What could not be sent yet.
    unsent: Vec<u8>,
    sent: Vec<u8>,
    read: Vec<u8>,
    finishing: bool,
    ended: bool,
    /// It does not read for the moment.
    pub lazy: bool,
}

/// A request that it has sent.
struct Asked {
    to_head: bool,
    old: bool,
    upgrade: bool,
    tag: Option<Vec<u8>>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the front door");
        stream.set_nonblocking(true).expect("a flag");
        stream.set_nodelay(true).expect("an option");
        // To leave is to reset: no connection stays behind in TIME_WAIT.
        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("an option");
        Self {
            stream,
            unsent: Vec::new(),
            sent: Vec::new(),
            read: Vec::new(),
            finishing: false,
            ended: false,
            lazy: false,
        }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        if !self.finishing {
            self.unsent.extend_from_slice(bytes);
            self.sent.extend_from_slice(bytes);
            self.write();
        }
    }

    pub fn finish(&mut self) {
        self.finishing = true;
        self.write();
    }

    fn write(&mut self) -> bool {
        let mut moved = false;
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => {
                    self.unsent.drain(..count);
                    moved = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return moved,
                Err(_) => self.unsent.clear(),
            }
        }
        if self.finishing {
            // It may be closed already.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        moved
    }

    /// Sends and reads what can be; true if something moved.
    pub fn go_on(&mut self) -> bool {
        let mut moved = self.write();
        let mut piece = [0; 65536];
        while !self.lazy && !self.ended {
            match self.stream.read(&mut piece) {
                Ok(0) => self.ended = true,
                Ok(count) => self.read.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return moved,
                Err(_) => self.ended = true,
            }
            moved = true;
        }
        moved
    }

    /// What it has read so far.
    pub fn read_so_far(&self) -> &[u8] {
        &self.read
    }

    /// What it has asked, as far as it is understood.
    fn asked(&self) -> Vec<Asked> {
        let (mut all, mut rest) = (Vec::new(), &self.sent[..]);
        while let Ok(Some(head)) = RequestHead::parse(rest) {
            all.push(Asked {
                to_head: head.method == "HEAD",
                old: head.version == Version::Http10,
                upgrade: head.upgrade.is_some(),
                tag: head.fields.find("x-tag").map(<[u8]>::to_vec),
            });
            let mut body = Body::new(head.framing);
            let Ok(taken) = body.feed(&rest[head.len..], |_| {}) else { break };
            if !body.is_done() {
                break;
            }
            rest = &rest[head.len + taken..];
        }
        all
    }

    /// What it has read so far must be answers, in order; of an `honest` tenant, each to its request.
    pub fn judge(&self, honest: bool) {
        let asked = self.asked();
        let (mut rest, mut number) = (&self.read[..], 0);
        let found = |why: &str, rest: &[u8]| found(why, rest, &self.sent);
        while !rest.is_empty() {
            let to = asked.get(number);
            let answer = match strict::response(rest, to.is_some_and(|asked| asked.to_head), self.ended) {
                Ok(Some(answer)) => answer,
                Ok(None) => return,
                Err(why) => found(&why, rest),
            };
            let status = answer.status();
            let interim = status < 200 && status != 101;
            if interim && to.is_none_or(|asked| asked.old) {
                found("an interim answer that nobody understands", rest);
            }
            rest = &rest[answer.len..];
            if interim {
                continue;
            }
            match to {
                Some(asked) if status == 101 && asked.upgrade => return,
                _ if status == 101 => drop(found("switched without being asked", rest)),
                Some(asked) => {
                    // A client can nominate its tag away.
                    let tag = answer.field("x-tag").filter(|&tag| tag != b"none");
                    let right = tag.is_none() || tag == asked.tag.as_deref();
                    if honest && !right {
                        found(&format!("the answer of another: {}", answer.start), &self.read);
                    }
                }
                // What is not understood is refused, once.
                None if status < 400 || !answer.connection("close") => drop(found("an answer to nothing", &self.read)),
                None => {}
            }
            if (answer.by_close || answer.connection("close")) && !rest.is_empty() {
                found("more after the last answer", &self.read);
            }
            number += 1;
        }
    }
}

fn found(why: &str, read: &[u8], sent: &[u8]) -> strict::Message {
    panic!("{why}: {} after {}", shown(read), shown(sent));
}
