//! The end of an answer, and of a connection: what is written goes out, what still comes is dropped. Begins nothing.

use std::time::Duration;

use super::client::Phase;
use super::session::{Step, flush};
use super::{ClientKey, Proxy};
use crate::wire::{Read, Write};

/// How long a finished connection may still send what nobody reads.
pub(super) const LINGER: Duration = Duration::from_secs(2);

impl Proxy {
    /// Writes the rest of an answer that is complete. A client may take it as slowly as it likes, as long as it takes some.
    pub(super) fn flush_rest(&mut self, key: ClientKey) -> Write {
        let Some(client) = self.clients.get_mut(key) else { return Write::Broken };
        let before = client.output.len();
        let flushed = flush(client, &mut self.shared);
        let left = client.output.len();
        if left > 0 && (left < before || !client.owes) {
            client.owes = true;
            self.set_alarm(key, self.shared.limits.timeout_body);
        }
        if let (0, Some(client)) = (left, self.clients.get_mut(key)) {
            client.owes = false;
        }
        flushed
    }

    /// The last answer is on its way; the end of writing follows it. Who has announced that nothing follows is not waited for.
    pub(super) fn write_last(&mut self, key: ClientKey) -> Step {
        let flushed = self.flush_rest(key);
        let Some(client) = self.clients.get_mut(key) else { return Step::Wait };
        match flushed {
            Write::Some(_) if client.silent && client.input.is_empty() && !client.wire.is_readable() => Step::Close,
            Write::Some(_) => {
                client.wire.finish();
                client.phase = Phase::Linger;
                self.set_alarm(key, LINGER);
                Step::Again
            }
            Write::Blocked => Step::Wait,
            Write::Broken => Step::Close,
        }
    }

    /// Drops what still comes: closing with unread bytes would reset the connection and take the answer with it
    /// (RFC 9112 §9.6).
    pub(super) fn linger(&mut self, key: ClientKey) -> Step {
        let Some(client) = self.clients.get_mut(key) else { return Step::Wait };
        match client.wire.read(&mut self.shared.scratch) {
            Read::Some(_) => Step::Again,
            Read::Blocked => Step::Wait,
            Read::End | Read::Reset => Step::Close,
        }
    }
}
