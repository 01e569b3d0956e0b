//! Health checks: answered here, or by the one tenant that `[health] unit` names. They count as nobody's activity.

use std::sync::Arc;
use std::time::Duration;

use super::extra::By;
use super::say::Say;
use super::{ClientKey, Proxy};
use crate::config;
use crate::http::RequestHead;
use crate::route::Check;

/// Probes come each second, or so.
const AGAIN: Duration = Duration::from_secs(1);

/// What a health check is told.
#[derive(Debug)]
pub(super) struct Health {
    config: Arc<config::Health>,
    ready: bool,
}

impl Health {
    /// Alive, and not ready.
    pub fn new(config: &config::Health) -> Self {
        Self { config: Arc::new(config.clone()), ready: false }
    }

    /// Another configuration.
    pub fn configure(&mut self, config: &config::Health) {
        self.config = Arc::new(config.clone());
    }
}

impl Proxy {
    /// Boot is over: what boot and ready want has done its work.
    pub fn set_ready(&mut self) {
        if !std::mem::replace(&mut self.health.ready, true) {
            self.maintenance.ready();
        }
    }

    /// Answers a health check, or sends it to its tenant. Returns how much of `rest` was taken.
    pub(super) fn answer_check(&mut self, key: ClientKey, check: Check, head: &RequestHead<'_>, rest: &[u8]) -> usize {
        let Some(client) = self.clients.get_mut(key) else { return 0 };
        client.exchange.by = By::Health;
        let health = self.health.config.clone();
        if check.ready && (!self.health.ready || self.shared.draining) {
            let detail = if self.shared.draining { "tenantd is stopping" } else { "tenantd is starting" };
            self.answer(key, 503, detail, Some(AGAIN));
            return 0;
        }
        let Some(name) = health.unit.as_ref().filter(|_| check.alive) else {
            let (content_type, body) = (&*health.content_type, &*health.body);
            self.say(key, u16::try_from(health.status).unwrap_or(200), Say::As { content_type, body }, None);
            return 0;
        };
        match self.upstreams.iter().find(|(_, upstream)| upstream.name == *name).map(|(unit, _)| unit) {
            Some(unit) => self.admit_tenant(key, unit, head, rest),
            None => {
                self.answer(key, 503, "the application of the health check is gone", None);
                0
            }
        }
    }
}
