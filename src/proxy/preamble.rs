//! The first bytes of a connection from a balancer that speaks the PROXY protocol: whose connection it is.

use super::client::Phase;
use super::session::Step;
use super::{ClientKey, Proxy, Shared};
use crate::http::{Malformed, Preamble};
use crate::wire::Read;

impl Proxy {
    /// Reads the PROXY header. From then on it is the client's connection: logged, limited and trusted as the client's.
    /// A balancer that cannot say whose it is (UNKNOWN) passes on bytes of nobody we trust.
    pub(super) fn read_preamble(&mut self, key: ClientKey) -> Step {
        let Some(client) = self.clients.get_mut(key) else { return Step::Wait };
        let Shared { scratch, pool, limits, .. } = &mut self.shared;
        match client.wire.read(scratch) {
            Read::Some(count) => client.input.push(&scratch[..count], pool),
            Read::Blocked => return Step::Wait,
            Read::End | Read::Reset => return Step::Close,
        }
        match Preamble::parse(client.input.bytes()) {
            Ok(None) => Step::Again,
            Ok(Some(preamble)) => {
                client.input.consume(preamble.len, pool);
                client.fresh = !client.input.is_empty();
                client.peer = preamble.client.unwrap_or(client.peer);
                client.trusted = preamble.client.is_some_and(|address| limits.trusts(address));
                client.https = preamble.tls;
                client.phase = Phase::Head;
                let after = limits.timeout_keep_alive;
                self.set_alarm(key, after);
                Step::Again
            }
            Err(Malformed(reason)) => {
                log::debug!("a connection of {} is closed: {reason}", client.peer);
                Step::Close
            }
        }
    }
}
