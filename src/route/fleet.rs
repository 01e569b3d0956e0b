//! This machine among others: whether a request is answered here, and which unit answers it then.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use slotmap::SecondaryMap;

use super::away::without_mark;
use super::peers::places;
use super::placement::home;
use super::replay::{Replays, on_fly};
use super::sticky::{Stay, Sticky};
use super::trace::Trace;
use super::variant::{field, side};
use super::{Away, Decision, Request, Target};
use crate::config::{self, Config, Fallback, Machine, Placement, Variant, Via};
use crate::http::Path;
use crate::unit::{Name, UnitId};

/// How long Fly's proxy tries to reach a machine.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// What the configuration and the units say of it together.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    config: config::Fleet,
    port: u16,
    replays: Replays,
    sticky: Option<Sticky>,
    names: SecondaryMap<UnitId, Name>,
    /// Tenants of other machines.
    others: SecondaryMap<UnitId, Arc<Target>>,
    /// Who may answer in the place of a tenant.
    variants: SecondaryMap<UnitId, Vec<(Arc<Variant>, UnitId)>>,
    /// Places of targets among those that we send requests to, by address.
    peers: HashMap<String, usize>,
    stale: bool,
}

/// A tenant that answers, and what is special about that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Who answers.
    pub unit: UnitId,
    /// In the place of another, by this variant.
    pub variant: Option<Arc<Variant>>,
    /// Values of Set-Cookie for the client.
    pub cookies: Vec<String>,
    /// The target without the mark of another machine's redirect, if it has one.
    pub target: Option<String>,
}

impl Fleet {
    /// Other rules from now on; units stay.
    pub fn configure(&mut self, config: &Config) {
        self.port = port(config);
        self.peers = places(config);
        self.config.clone_from(&config.fleet);
        let machine = &config.fleet.machine;
        self.replays = Replays::new(&config.fleet.replays, machine, self.port);
        self.sticky = config.fleet.sticky.as_ref().and_then(|sticky| Sticky::new(sticky, machine, self.port));
        self.stale = true;
        self.settle();
    }

    /// A tenant is called so.
    pub fn insert(&mut self, unit: UnitId, name: &Name) {
        self.names.insert(unit, name.clone());
        self.stale = true;
    }

    /// It is no more.
    pub fn remove(&mut self, unit: UnitId) {
        self.names.remove(unit);
        self.stale = true;
    }

    /// Finds the machine and the stand-ins of each tenant anew, if there is something to find.
    pub fn settle(&mut self) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        self.others.clear();
        self.variants.clear();
        if let Some(placement) = &self.config.placement {
            self.others = others(placement, &self.config.machine, &self.names, self.port);
        }
        if !self.config.variants.is_empty() {
            self.variants = variants(&self.config.variants, &self.names);
        }
    }

    /// Where a `[[replay]]` sends a request.
    pub fn replay(&self, request: &Request<'_>, path: &Path<'_>) -> Option<Away> {
        self.replays.judge(request, path, &self.config.machine)
    }

    /// Who answers a request to this tenant.
    pub fn decide(&self, unit: UnitId, request: &Request<'_>, path: &Path<'_>, trace: &mut impl Trace) -> Decision {
        if let Some(target) = self.others.get(unit) {
            let via = self.config.placement.as_ref().map_or(Via::Replay, |placement| placement.keys.via);
            if let Some(away) = Target::reach(target, via, request, path.query()) {
                trace.told("placement", || away.to_string());
                return Decision::Away(away);
            }
        }
        let target = without_mark(path.path(), path.query());
        let mut chosen = Chosen { unit, variant: None, cookies: Vec::new(), target };
        if let Some(sticky) = &self.sticky {
            match sticky.judge(request, path) {
                Stay::There(away) => {
                    trace.told("sticky", || away.to_string());
                    return Decision::Away(away);
                }
                Stay::Renew => chosen.cookies.push(sticky.field()),
                Stay::Here => {}
            }
        }
        self.vary(&mut chosen, request, path);
        match chosen {
            Chosen { unit, variant: None, cookies, target: None } if cookies.is_empty() => Decision::Tenant(unit),
            chosen => {
                if let Some(variant) = &chosen.variant {
                    trace.told("variant", || format!("{}: {}", variant.name, variant.to));
                }
                Decision::Chosen(chosen)
            }
        }
    }

    /// The first variant that takes the request answers it.
    fn vary(&self, chosen: &mut Chosen, request: &Request<'_>, path: &Path<'_>) {
        for (variant, unit) in self.variants.get(chosen.unit).into_iter().flatten() {
            let side = side(variant, request, path);
            if side.new {
                chosen.cookies.push(field(variant, side.chosen));
            }
            if side.chosen {
                (chosen.unit, chosen.variant) = (*unit, Some(variant.clone()));
                return;
            }
        }
    }

    /// The place of a target among [`super::remotes()`].
    pub fn peer(&self, target: &Target) -> Option<usize> {
        self.peers.get(target.address.as_deref()?).copied()
    }
}

/// The port of our front door, which is that of all machines of the same kind.
pub(super) fn port(config: &Config) -> u16 {
    config.http.listen.first().map_or(80, |address| address.port())
}

/// Tenants whose machine is another.
fn others(
    placement: &Placement,
    own: &Machine,
    names: &SecondaryMap<UnitId, Name>,
    port: u16,
) -> SecondaryMap<UnitId, Arc<Target>> {
    let targets: Vec<Arc<Target>> =
        placement.machines.iter().map(|machine| Arc::new(target(placement, machine, own, port))).collect();
    let of = |name: &Name| {
        let machine = home(placement, name.as_str()).filter(|machine| !own.is(machine))?;
        targets.iter().find(|target| target.machine.as_deref() == Some(machine)).cloned()
    };
    names.iter().filter_map(|(unit, name)| Some((unit, of(name)?))).collect()
}

/// A machine of a placement.
pub(super) fn target(placement: &Placement, machine: &str, own: &Machine, port: u16) -> Target {
    let fly = || own.app.as_ref().map(|app| on_fly(machine, app, port));
    Target {
        app: own.app.clone(),
        machine: Some(machine.to_owned()),
        status: 307,
        timeout: Some(TIMEOUT),
        fallback: Some(Fallback::ForceSelf),
        address: placement.address(machine).or_else(fly),
        ..Target::default()
    }
}

/// Who may answer in whose place.
fn variants(
    rules: &[Variant],
    names: &SecondaryMap<UnitId, Name>,
) -> SecondaryMap<UnitId, Vec<(Arc<Variant>, UnitId)>> {
    let mut all: SecondaryMap<UnitId, Vec<(Arc<Variant>, UnitId)>> = SecondaryMap::new();
    for rule in rules {
        let shared = Arc::new(rule.clone());
        for (unit, name) in names.iter().filter(|(_, name)| rule.units.iter().any(|one| one.matches(name.as_str()))) {
            let to = rule.stand_in(name);
            let stand_in = names.iter().find(|(_, other)| to.as_deref() == Some(other.as_str()));
            if let Some((stand_in, _)) = stand_in.filter(|(stand_in, _)| *stand_in != unit)
                && let Some(entry) = all.entry(unit)
            {
                entry.or_default().push((shared.clone(), stand_in));
            }
        }
    }
    all
}
