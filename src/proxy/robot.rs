//! Robots at the door: files for some, nothing for the others. Never says who is one.

use super::extra::By;
use super::{ClientKey, Proxy};
use crate::http::RequestHead;
use crate::unit::UnitId;

impl Proxy {
    /// A robot gets nothing.
    pub(super) fn refuse_robot(&mut self, key: ClientKey) -> usize {
        if let Some(client) = self.clients.get_mut(key) {
            client.exchange.by = By::Bot;
            self.answer(key, 403, "robots are not served here", None);
        }
        0
    }

    /// A robot gets the tenant's files.
    pub(super) fn admit_robot(&mut self, key: ClientKey, unit: UnitId, head: &RequestHead<'_>, rest: &[u8]) -> usize {
        if let Some(client) = self.clients.get_mut(key) {
            client.exchange.robot = true;
        }
        self.admit(key, unit, head, rest)
    }

    /// There is no such file, and the tenant is not for robots: answered.
    pub(super) fn turns_away(&mut self, key: ClientKey) -> bool {
        let robot = self.clients.get(key).is_some_and(|client| client.exchange.robot);
        if robot {
            self.refuse_robot(key);
        }
        robot
    }
}
