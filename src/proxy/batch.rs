//! What is written at the end of a turn, when all that was ready has been read: requests to tenants first, then answers to
//! clients. Whoever gets several in a row wakes up once, and the kernel's work for a wake is most of what a small one costs.

use std::collections::VecDeque;

use super::{ClientKey, Proxy};

/// Clients with something to be written.
#[derive(Debug, Default)]
pub(super) struct Batch {
    requests: VecDeque<ClientKey>,
    answers: VecDeque<ClientKey>,
}

/// What is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letter {
    /// To the tenant.
    Request,
    /// To the client.
    Answer,
}

impl Batch {
    /// Nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.answers.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.requests.clear();
        self.answers.clear();
    }

    fn next(&mut self) -> Option<ClientKey> {
        self.requests.pop_front().or_else(|| self.answers.pop_front())
    }
}

impl Proxy {
    /// Goes on with a client at the end of the turn, and not before.
    pub(super) fn post(&mut self, key: ClientKey, letter: Letter) {
        let Some(client) = self.clients.get_mut(key) else { return };
        if !std::mem::replace(&mut client.posted, true) {
            match letter {
                Letter::Request => self.shared.batch.requests.push_back(key),
                Letter::Answer => self.shared.batch.answers.push_back(key),
            }
        }
    }

    /// The end of the turn. What it takes is bounded by what was read in it.
    pub(super) fn deliver_all(&mut self) {
        while let Some(key) = self.shared.batch.next() {
            if let Some(client) = self.clients.get_mut(key) {
                client.posted = false;
                self.advance(key);
            }
        }
    }
}
