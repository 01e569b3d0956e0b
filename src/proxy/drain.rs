//! The end of the front door: who stands at it is let in, who asks is answered, and who only keeps a connection is told last.

use super::client::Phase;
use super::door::BATCH;
use super::last::LINGER;
use super::{ClientKey, Proxy};
use crate::poller::data;

/// Most connections that the kernel may hold for a door when it closes.
const QUEUE: usize = 4096;

impl Proxy {
    /// Closes the front door: from now on connections are refused, answers end their connections, and who waits is told
    /// that nothing will be started any more.
    pub fn drain(&mut self) {
        // With its socket the kernel would reset who has connected and was not accepted yet.
        for key in self.doors.listeners.keys().collect::<Vec<_>>() {
            for _ in 0..QUEUE / BATCH {
                let before = self.clients.len();
                self.accept(data(key));
                if self.clients.len() < before + BATCH {
                    break;
                }
            }
        }
        self.doors.listeners.clear();
        self.shared.draining = true;
        for unit in self.upstreams.keys().collect::<Vec<_>>() {
            self.empty_room(unit).into_iter().for_each(|key| self.turn_away(key));
        }
        let partial = self
            .clients
            .iter()
            .filter(|(_, client)| matches!(client.phase, Phase::Auth | Phase::Body))
            .map(|(key, _)| key);
        partial.collect::<Vec<_>>().into_iter().for_each(|key| self.turn_away(key));
        self.turn_callers_away();
    }

    /// All tenants are down. Whoever has asked meanwhile is answered, and all others are told that no answer comes any more.
    pub fn part(&mut self) {
        for key in self.clients.keys().collect::<Vec<_>>() {
            if self.clients.get_mut(key).is_some_and(|client| client.phase == Phase::Head) {
                self.part_from(key);
            }
        }
    }

    fn part_from(&mut self, key: ClientKey) {
        if let Some(client) = self.clients.get_mut(key) {
            // Its request may lie there, and its edge come with the next turn.
            client.wire.suspect();
        }
        self.advance(key);
        let Some(client) = self.clients.get_mut(key).filter(|client| client.phase == Phase::Head) else { return };
        if client.input.is_empty() && client.output.is_empty() {
            client.wire.finish();
            client.phase = Phase::Linger;
            return self.set_alarm(key, LINGER);
        }
        // In the middle of a head, or of the answer before.
        if !client.input.is_empty() {
            self.answer(key, 503, "the server is being stopped", None);
            self.advance(key);
        }
    }

    /// Nobody is connected any more, and no script runs.
    pub fn is_alone(&self) -> bool {
        self.clients.is_empty() && !self.scripts.are_running()
    }

    /// Somebody has not taken all of an answer yet, or is waited for.
    pub fn is_writing(&self) -> bool {
        self.scripts.are_running()
            || self.clients.values().any(|client| !client.output.is_empty() || client.phase == Phase::File)
    }
}
