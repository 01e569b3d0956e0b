//! Bodies that are not complete while the tenant has no place to spare: it gets such a request when all of it has come, or as
//! much as is kept to be sent again. So clients that send slowly hold no more than half of the tenant's few places.

use super::client::Phase;
use super::exchange::{Exchange, WINDOW};
use super::forward::read_body;
use super::session::Step;
use super::upstream::{Admission, Upstream};
use super::{ClientKey, Proxy};
use crate::unit::UnitId;

/// Most bytes of requests that are gathered, for all clients together; beyond it tenants wait for the clients themselves.
const MOST: usize = 16 * 1024 * 1024;

impl Exchange {
    /// There may be more before the tenant gets it. Who waits for the tenant's 100 (Continue) sends nothing before.
    fn is_partial(&self) -> bool {
        self.wants_body() && !self.expects && self.request.len() < WINDOW
    }
}

impl Proxy {
    /// Waits for the body of a request that is written so far. False if the tenant can have it.
    pub(super) fn begin_gathering(&mut self, key: ClientKey, unit: UnitId) -> bool {
        let Some(client) = self.clients.get_mut(key) else { return true };
        if !client.exchange.is_partial() || self.shared.gathered >= MOST {
            return false;
        }
        if self.upstreams.get(unit).is_none_or(Upstream::has_places_to_spare) {
            return false;
        }
        client.phase = Phase::Body;
        self.shared.gathered += client.exchange.request.len();
        let after = client.exchange.body_time(&self.shared.limits, self.shared.now);
        self.set_alarm(key, after);
        true
    }

    /// Reads more of a body that is being gathered.
    pub(super) fn gather(&mut self, key: ClientKey) -> Step {
        let Some(client) = self.clients.get_mut(key) else { return Step::Wait };
        if client.wire.is_broken() {
            return Step::Close;
        }
        let before = client.exchange.request.len();
        let read = read_body(client, &mut self.shared);
        let count = client.exchange.request.len() - before;
        self.shared.gathered += count;
        match read {
            Ok(()) => {}
            Err(Ok(reason)) => return self.fail(key, 400, reason),
            Err(Err(())) => return Step::Close,
        }
        if client.exchange.is_partial() && self.shared.gathered < MOST {
            if count == 0 {
                return Step::Wait;
            }
            let after = client.exchange.body_time(&self.shared.limits, self.shared.now);
            self.set_alarm(key, after);
            return Step::Again;
        }
        self.end_gathering(key);
        self.enter_gathered(key);
        Step::Again
    }

    fn enter_gathered(&mut self, key: ClientKey) {
        let Some(unit) = self.clients.get(key).and_then(|client| client.exchange.unit) else { return };
        match self.admission(unit, false) {
            Admission::Refuse(after) => {
                self.refuse_client(key, 503, "the application is not available", Some(after));
            }
            admission => self.enter(key, unit, admission),
        }
    }

    /// A request is not gathered any more, if it was.
    pub(super) fn end_gathering(&mut self, key: ClientKey) {
        if let Some(client) = self.clients.get_mut(key).filter(|client| client.phase == Phase::Body) {
            client.phase = Phase::Waiting;
            self.shared.gathered -= client.exchange.request.len();
        }
    }
}
