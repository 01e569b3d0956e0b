//! Requests that the tenant never hears of: those over a limit, and those to a tenant that does not answer.

use std::time::{Duration, Instant};

use super::say::Say;
use super::upstream::{Gate, Upstream};
use super::{ClientKey, Proxy};
use crate::http::{Quota, RequestHead};
use crate::route::{Asked, Subject};
use crate::unit::UnitId;

impl Proxy {
    /// Answers a request that one of the `[[limit]]`s does not let pass with 429. False if all of them do.
    pub(super) fn refuse_excess(&mut self, key: ClientKey, unit: UnitId, head: &RequestHead<'_>) -> bool {
        if self.limits.is_empty() {
            return false;
        }
        let (Some(client), Some(upstream)) = (self.clients.get(key), self.upstreams.get(unit)) else { return false };
        let address = client.exchange.client;
        let asked = Asked {
            client: Subject::client(address),
            tenant: unit,
            name: upstream.name.as_str(),
            route: upstream.route.as_ref().map_or("", |route| &route.path),
            method: head.method,
            target: head.target,
        };
        let Some(exceeded) = self.limits.exceeded(asked, self.shared.now) else { return false };
        let (limit, after) = (exceeded.limit, exceeded.after);
        if exceeded.news {
            log::warn!("limit {}: too many requests to {}, this one from {address}", limit.name, upstream.name);
        }
        let name = limit.name.clone();
        let (count, window) = (limit.rate.count, limit.rate.per.as_secs());
        // As Retry-After: never earlier than there is room.
        let reset = seconds(after);
        let quota = Quota { name: &name, count, window, reset };
        self.say(key, 429, Say::Excess(quota), Some(after));
        true
    }

    /// Answers a request to a tenant whose circuit breaker is open with 503. False if it may go.
    pub(super) fn refuse_broken(&mut self, key: ClientKey, unit: UnitId) -> bool {
        let Some(upstream) = self.upstreams.get_mut(unit).filter(|upstream| upstream.breaker.is_open()) else {
            return false;
        };
        let probe = upstream.breaker.probe().filter(|probe| *probe != key).and_then(|probe| self.clients.get(probe));
        let probing = probe.is_some_and(|client| client.exchange.unit == Some(unit));
        let pause = upstream.route.as_ref().map_or(Duration::ZERO, |route| route.breaker_pause);
        let Err(after) = upstream.breaker.admit(key, probing, pause, self.shared.now) else { return false };
        self.answer(key, 503, "the application does not answer", Some(after));
        true
    }

    /// The tenant has lost a request of `since`, or not answered one in time. If it is one too many, those who wait are told.
    pub(super) fn note_failure(&mut self, unit: UnitId, since: Instant) {
        let now = self.shared.now;
        // What ends with its process is not the fault of the next one.
        let Some(upstream) = self.upstreams.get_mut(unit).filter(|upstream| upstream.gate == Gate::Open) else {
            return;
        };
        let Some(route) = &upstream.route else { return };
        if !upstream.breaker.failed(route, since, now) {
            return;
        }
        let (failures, pause) = (route.breaker_failures, route.breaker_pause);
        log::warn!(
            "{}: {failures} requests in a row failed; those of the next {pause:?} are answered with 503",
            upstream.name
        );
        for key in self.empty_room(unit) {
            self.refuse_client(key, 503, "the application does not answer", Some(pause));
        }
    }
}

/// The tenant has answered.
pub(super) fn note_answer(upstream: &mut Upstream) {
    if upstream.breaker.answered() {
        log::warn!("{}: it answers again", upstream.name);
    }
}

/// Whole seconds, rounded up, as Retry-After has them.
pub(super) fn seconds(span: Duration) -> u32 {
    span.as_secs_f64().ceil().clamp(1.0, 3600.0) as u32
}
