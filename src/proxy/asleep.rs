//! What is asked of a tenant that sleeps, and does not wake it: probes, icons, scans (`[http] never_wake`).

use super::say::Say;
use super::upstream::Gate;
use super::{ClientKey, Proxy};
use crate::route;
use crate::unit::UnitId;

impl Proxy {
    /// Answers in the place of a tenant that is down, and that nobody waits for, where the path is not worth a start.
    pub(super) fn let_sleep(&mut self, key: ClientKey, unit: UnitId, target: &str) -> bool {
        let Some(upstream) = self.upstreams.get(unit).filter(|upstream| upstream.is_down() && upstream.is_quiet())
        else {
            return false;
        };
        let path = route::below(target, upstream.route.as_ref().map_or("", |route| &route.path));
        if !route::is_listed(&self.shared.limits.never_wake, path) {
            return false;
        }
        match (self.front.is_health(path), upstream.gate) {
            (true, Gate::Refusing(_)) => {
                self.answer(key, 503, "the application has failed; its next request starts it again", None);
            }
            // Stopped by design is well.
            (true, Gate::Down | Gate::Held | Gate::Open) => {
                self.say(key, 200, Say::Text("OK, asleep: the next request starts the application\n"), None);
            }
            (false, _) => self.answer(key, 404, "the application sleeps, and this path does not wake it", None),
        }
        true
    }
}
