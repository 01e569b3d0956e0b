//! One run of a script: what it is told, its two pipes, and how far they are. Never a client's socket.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::io::Errno;

use super::Script;
use crate::proxy::ClientKey;
use crate::wire::Read;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The body is on its way.
    Gathering,
    /// Too many run.
    Queued,
    /// A process is to be made, or there is one.
    Running,
    /// The process has ended, and what it has said is still on its way.
    Ended,
}

/// What to run.
#[derive(Debug)]
pub struct Order {
    /// The script.
    pub script: Arc<Script>,
    /// Which of all runs it is.
    pub number: u64,
    /// Its variables by RFC 3875.
    pub variables: BTreeMap<String, String>,
}

/// A run, from the request's head to the end of the process.
#[derive(Debug)]
pub(super) struct Run {
    pub script: Arc<Script>,
    number: u64,
    variables: BTreeMap<String, String>,
    /// Who waits for it.
    pub client: Option<ClientKey>,
    pub stage: Stage,
    /// Nothing is changed by it (GET, HEAD): without its client it has no purpose.
    pub safe: bool,
    /// The length of the body is known when it is complete.
    pub chunked: bool,
    /// The body as far as it has come and stdin has not taken it.
    pub input: Vec<u8>,
    sent: usize,
    /// All of the body has come.
    pub whole: bool,
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    readable: bool,
    writable: bool,
    /// Fields that are not complete.
    pub head: Vec<u8>,
    /// Why the process has failed; `None` while it runs.
    pub ended: Option<Result<(), String>>,
    /// When its time is over.
    pub due: Option<Instant>,
}

impl Run {
    /// A run for a client, before its body.
    pub fn new(script: Arc<Script>, number: u64, client: ClientKey, variables: BTreeMap<String, String>) -> Self {
        Self {
            script,
            number,
            variables,
            client: Some(client),
            stage: Stage::Gathering,
            safe: false,
            chunked: false,
            input: Vec::new(),
            sent: 0,
            whole: false,
            stdin: None,
            stdout: None,
            readable: false,
            writable: false,
            head: Vec::new(),
            ended: None,
            due: None,
        }
    }

    /// What is to be run; its variables are given away. `None` if its time is over before it has begun.
    pub fn order(&mut self) -> Option<Order> {
        self.due?;
        let variables = std::mem::take(&mut self.variables);
        Some(Order { script: self.script.clone(), number: self.number, variables })
    }

    /// Bytes that wait in memory before the script is called.
    pub fn gathered(&self) -> usize {
        self.input.len()
    }

    /// Bytes that stdin has not taken.
    pub fn unsent(&self) -> usize {
        self.input.len() - self.sent
    }

    /// The length of a chunked body is known.
    pub fn tell_length(&mut self) {
        if self.chunked {
            self.variables.insert("CONTENT_LENGTH".to_owned(), self.input.len().to_string());
        }
    }

    /// The ends of its pipes.
    pub fn connect(&mut self, stdin: OwnedFd, stdout: OwnedFd) {
        (self.stdin, self.stdout) = (Some(stdin), Some(stdout));
    }

    /// Nobody talks to it any more.
    pub fn disconnect(&mut self) {
        (self.stdin, self.stdout, self.due) = (None, None, None);
        self.input = Vec::new();
        self.sent = 0;
    }

    /// A pipe is ready, or the process has ended: both are looked at.
    pub fn suspect(&mut self) {
        (self.readable, self.writable) = (true, true);
    }

    /// The process has ended.
    pub fn end(&mut self, end: Result<(), String>) {
        self.ended = Some(end);
        self.stage = Stage::Ended;
        self.stdin = None;
    }

    /// It may still read: more of the body is of use.
    pub fn listens(&self) -> bool {
        self.stdin.is_some()
    }

    /// Writes what there is of the body, and the end behind it. True if some went.
    pub fn feed(&mut self) -> bool {
        let Some(stdin) = self.stdin.as_ref().filter(|_| self.writable) else { return false };
        let rest = &self.input[self.sent..];
        if rest.is_empty() {
            if self.whole {
                self.stdin = None;
            }
            return false;
        }
        match rustix::io::retry_on_intr(|| rustix::io::write(stdin, rest)) {
            Ok(count) => {
                self.sent += count;
                if self.sent == self.input.len() {
                    self.input.clear();
                    self.sent = 0;
                }
                true
            }
            Err(Errno::AGAIN) => {
                self.writable = false;
                false
            }
            // It does not want its body: that is its right.
            Err(_) => {
                self.stdin = None;
                false
            }
        }
    }

    /// Reads what it says.
    pub fn read(&mut self, into: &mut [u8]) -> Read {
        let Some(stdout) = self.stdout.as_ref() else { return Read::End };
        if !self.readable {
            return Read::Blocked;
        }
        match rustix::io::retry_on_intr(|| rustix::io::read(stdout, &mut *into)) {
            Err(Errno::AGAIN) => {
                self.readable = false;
                Read::Blocked
            }
            Ok(count @ 1..) => Read::Some(count),
            Ok(_) | Err(_) => {
                self.stdout = None;
                Read::End
            }
        }
    }

    /// Reads what nobody wants. True if there was some.
    pub fn discard(&mut self, scratch: &mut [u8]) -> bool {
        matches!(self.read(scratch), Read::Some(_))
    }
}
