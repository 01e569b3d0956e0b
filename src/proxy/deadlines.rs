//! The deadlines of clients, tenants and doors: which is the next, and what is due.

use std::time::{Duration, Instant};

use slotmap::{SecondaryMap, SlotMap};

use super::client::Client;
use super::door::Doors;
use super::remote::Remotes;
use super::timers::{Alarm, Owner};
use super::upstream::Upstream;
use super::{ClientKey, Proxy};
use crate::unit::UnitId;

/// Most deadlines that are carried out in one turn.
const DEADLINES: usize = 256;

impl Proxy {
    /// When to call [`Proxy::elapse`].
    pub fn deadline(&mut self) -> Option<Instant> {
        let Self { clients, upstreams, remotes, doors, scripts, shared, .. } = self;
        shared.timers.skim(|owner| alarm_of(owner, clients, upstreams, remotes, doors));
        [shared.timers.next(), scripts.deadline()].into_iter().flatten().min()
    }

    /// Deadlines that are over.
    pub fn elapse(&mut self) {
        let now = self.shared.now;
        self.sweep_timers();
        self.scripts_due();
        for _ in 0..DEADLINES {
            let Some((entry, owner)) = self.shared.timers.pop(now) else { return };
            match owner {
                Owner::Client(key) => self.client_due(key, entry),
                Owner::Idle(unit) => self.idle_due(unit, entry),
                Owner::Probe(unit) => self.probe_due(unit, entry),
                Owner::Pool(unit) => self.pool_due(unit, entry),
                Owner::Remote(key) => self.chores_due(key, entry),
                Owner::Accept => self.accept_due(entry),
            }
        }
    }

    /// Clients that come and go leave their deadlines behind: more than a few for each who is there are swept away.
    fn sweep_timers(&mut self) {
        const FEW: usize = 8;
        if self.shared.timers.len() <= FEW * (self.clients.len() + self.upstreams.len()) + 1024 {
            return;
        }
        let Self { clients, upstreams, remotes, doors, shared, .. } = self;
        shared.timers.sweep(|owner| alarm_of(owner, clients, upstreams, remotes, doors));
    }

    /// Watches a client's deadline.
    pub(super) fn set_alarm(&mut self, key: ClientKey, after: Duration) {
        if let Some(client) = self.clients.get_mut(key) {
            self.shared.timers.set(&mut client.alarm, self.shared.now + after, Owner::Client(key));
        }
    }
}

/// The alarm of an owner that is still there.
fn alarm_of(
    owner: Owner,
    clients: &SlotMap<ClientKey, Client>,
    upstreams: &SecondaryMap<UnitId, Upstream>,
    remotes: &Remotes,
    doors: &Doors,
) -> Option<Alarm> {
    match owner {
        Owner::Client(key) => clients.get(key).map(|client| client.alarm),
        Owner::Idle(unit) => upstreams.get(unit).map(|upstream| upstream.idle),
        Owner::Probe(unit) => upstreams.get(unit).map(|upstream| upstream.probe),
        Owner::Pool(unit) => upstreams.get(unit).map(|upstream| upstream.stale),
        Owner::Remote(key) => remotes.alarm(key),
        Owner::Accept => Some(doors.alarm),
    }
}
