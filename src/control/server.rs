//! The daemon's side of the control socket. Never waits for an operator: a slow one keeps its answer in memory.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use slotmap::{KeyData, SlotMap};

use super::message::{Answer, MAX_REQUEST, Request};
use crate::poller::{Readiness, Registry, Source, data};
use crate::wire::{Read, Wire, Write};

/// Most operators at once; one more takes the place of the one that has kept us waiting longest.
const MAX_OPERATORS: usize = 64;

slotmap::new_key_type! {
    /// A connection of the control socket.
    pub struct OperatorKey;
}

/// The control socket and its connections.
#[derive(Debug)]
pub struct Server {
    listener: OwnedFd,
    /// Our own user: it may operate, as root may.
    owner: u32,
    path: PathBuf,
    registry: Registry,
    operators: SlotMap<OperatorKey, Operator>,
    /// Operators accepted so far.
    accepted: u64,
}

#[derive(Debug)]
struct Operator {
    wire: Wire,
    /// It may change something.
    operates: bool,
    /// How many came before it.
    number: u64,
    question: Vec<u8>,
    /// The question is complete, whatever it is.
    asked: bool,
    /// What is left of the answer.
    answer: Option<Vec<u8>>,
    /// More answers follow this one.
    listens: bool,
}

impl Server {
    /// Binds the socket with these permission bits, over a stale one. Whoever calls knows that the directory is ours alone.
    pub fn bind(path: &Path, mode: u32, registry: Registry) -> io::Result<Self> {
        let address = SocketAddrUnix::new(path)?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let listener = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        // Nobody else can connect between bind and chmod: nothing listens before.
        rustix::net::bind(&listener, &address)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        rustix::net::listen(&listener, MAX_OPERATORS as i32)?;
        registry.add_reader(listener.as_fd(), Source::Control)?;
        let owner = rustix::process::geteuid().as_raw();
        Ok(Self { listener, owner, path: path.to_owned(), registry, operators: SlotMap::with_key(), accepted: 0 })
    }

    /// Accepts operators. An error leaves some in the queue: come back later, since no edge follows.
    pub fn accept(&mut self) -> io::Result<()> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        loop {
            let fd = match rustix::net::accept_with(&self.listener, flags) {
                Ok(fd) => fd,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR | Errno::CONNABORTED) => continue,
                Err(error) => return Err(error.into()),
            };
            if self.operators.len() >= MAX_OPERATORS && !self.make_room() {
                log::warn!("control socket: more than {MAX_OPERATORS} operators wait for jobs; one was turned away");
                continue;
            }
            self.accepted += 1;
            let (wire, number) = (Wire::new(fd), self.accepted);
            let operates = self.trusts(&wire);
            let operator =
                Operator { wire, operates, number, question: Vec::new(), asked: false, answer: None, listens: false };
            let key = self.operators.insert(operator);
            if self.registry.add_socket(self.operators[key].wire.fd(), Source::Operator(data(key))).is_err() {
                self.operators.remove(key);
            }
        }
    }

    /// Root and our own user may operate. Who connected is known by the kernel (unix(7), SO_PEERCRED).
    fn trusts(&self, wire: &Wire) -> bool {
        // Not rustix's: it knows no peer of another pid namespace, whose pid is 0 here.
        let peer = getsockopt(&wire.fd(), PeerCredentials);
        peer.is_ok_and(|peer| peer.uid() == 0 || peer.uid() == self.owner)
    }

    /// Turns away the operator that has been silent longest: one that asks nothing, or does not read its answer. False if
    /// all wait for us.
    fn make_room(&mut self) -> bool {
        let silent = self.operators.iter().filter(|(_, operator)| !operator.asked || operator.answer.is_some());
        let oldest = silent.min_by_key(|(_, operator)| operator.number).map(|(key, _)| key);
        oldest.is_some_and(|key| self.operators.remove(key).is_some())
    }

    /// An operator is ready: its question, once it is complete. One who has left is forgotten, and asked all the same.
    pub fn ready(&mut self, key: KeyData, edge: Readiness) -> Option<(OperatorKey, Request)> {
        let key = OperatorKey::from(key);
        self.operators.get_mut(key)?.wire.note(edge);
        let question = self.question(key);
        if edge.broken {
            self.operators.remove(key);
        }
        question
    }

    fn question(&mut self, key: OperatorKey) -> Option<(OperatorKey, Request)> {
        let operator = self.operators.get_mut(key)?;
        if operator.answer.is_some() {
            self.write(key);
            return None;
        }
        let ended = operator.read();
        if operator.asked {
            return None;
        }
        let Some(end) = memchr::memchr(b'\n', &operator.question) else {
            if operator.question.len() > MAX_REQUEST {
                self.answer(key, &Answer::Refused { reason: format!("more than {MAX_REQUEST} bytes") });
            } else if ended {
                self.operators.remove(key);
            }
            return None;
        };
        operator.asked = true;
        let operates = operator.operates;
        match serde_json::from_slice::<Request>(&operator.question[..end]) {
            Ok(request) if !operates && !request.only_reads() => {
                let reason = format!("only root and uid {} may do that", self.owner);
                self.answer(key, &Answer::Denied { reason });
                None
            }
            Ok(request) => Some((key, request)),
            Err(error) => {
                self.answer(key, &Answer::Refused { reason: format!("the question is not understood: {error}") });
                None
            }
        }
    }

    /// Answers an operator who may have left.
    pub fn answer(&mut self, key: OperatorKey, answer: &Answer) {
        let mut line = Vec::new();
        answer.write_to(&mut line);
        self.send(key, line, true);
    }

    /// Sends whole answers; after the last the connection is closed. Only to one who has taken all before: see [`Server::takes`].
    pub fn send(&mut self, key: OperatorKey, answers: Vec<u8>, last: bool) {
        let Some(operator) = self.operators.get_mut(key) else { return };
        operator.asked = true;
        operator.answer = Some(answers);
        operator.listens = !last;
        self.write(key);
    }

    /// Whether an operator has taken all that was sent; `None` if it has left.
    pub fn takes(&self, key: OperatorKey) -> Option<bool> {
        self.operators.get(key).map(|operator| operator.answer.is_none())
    }

    /// Writes what an operator takes. All written and the last, or nobody there: the connection is closed.
    fn write(&mut self, key: OperatorKey) {
        let Some(operator) = self.operators.get_mut(key) else { return };
        let Some(answer) = &mut operator.answer else { return };
        while !answer.is_empty() {
            match operator.wire.write(answer, &[]) {
                Write::Some(count) => drop(answer.drain(..count)),
                Write::Blocked => return,
                Write::Broken => {
                    self.operators.remove(key);
                    return;
                }
            }
        }
        if operator.listens {
            operator.answer = None;
        } else {
            self.operators.remove(key);
        }
    }
}

impl Operator {
    /// Reads what is there, and not more than a question can have. True at the end.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 1024];
        while self.question.len() <= MAX_REQUEST {
            match self.wire.read(&mut bytes) {
                Read::Some(count) => self.question.extend_from_slice(&bytes[..count]),
                Read::Blocked => return false,
                Read::End | Read::Reset => return true,
            }
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
