//! Whether the declared stops fit in the budget: the longest chain of units that stop one after the other, by name. Pure.

use std::collections::HashMap;
use std::time::Duration;

use super::Config;
use crate::unit::layers::Layers;
use crate::unit::load::Draft;
use crate::unit::report::{Place, Report};
use crate::unit::{Name, Priority, Service};

/// Units that stop one after the other, and how long they may take in all.
#[derive(Debug, Clone, Default)]
struct Chain {
    units: Vec<usize>,
    time: Duration,
}

/// Normal units stop first, side by side against their order, then the high ones: does the budget hold both? Silent about
/// mere defaults.
pub(super) fn check(config: &Config, daemon: &Layers<'_>, drafts: &[Draft<'_>], report: &mut Report) {
    let (normal, high) = (longest(drafts, Priority::Normal), longest(drafts, Priority::High));
    let (sum, most) = (normal.time.saturating_add(high.time), config.shutdown.budget);
    let chain = || normal.units.iter().chain(&high.units).filter_map(|&unit| drafts.get(unit));
    let written = |draft: &&Draft<'_>| draft.layers.node("service", "timeout_stop").is_some();
    let own = daemon.node("shutdown", "budget").map(|node| node.place);
    let place: Option<Place> = chain().find(written).map(|draft| draft.layers.place("service", "timeout_stop")).or(own);
    let Some(place) = place.filter(|_| sum > most) else { return };
    let steps: Vec<String> =
        chain().map(|draft| format!("{} {:?}", draft.unit.name, time(&draft.unit.service))).collect();
    let message = format!(
        "stopping may take {sum:?}: {}; [shutdown] budget is {most:?}: raise it (and the container's stop timeout above it), \
         or lower timeout_stop",
        steps.join(", then ")
    );
    report.warning(place, message);
}

/// From the begin of its stop to SIGKILL: `exec_stop`, the signals and `exec_stop_post` have `timeout_stop` each.
fn time(service: &Service) -> Duration {
    let phases = 1 + u32::from(!service.exec_stop.is_empty()) + u32::from(!service.exec_stop_post.is_empty());
    service.timeout_stop.saturating_mul(phases)
}

/// The longest chain of units of this priority.
fn longest(drafts: &[Draft<'_>], priority: Priority) -> Chain {
    let index: HashMap<&Name, usize> = drafts.iter().enumerate().map(|(n, draft)| (&draft.unit.name, n)).collect();
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
    for (n, draft) in drafts.iter().enumerate() {
        // It stops before what it starts after.
        next[n].extend(draft.unit.after.iter().filter_map(|name| index.get(name)));
        for other in draft.unit.before.iter().filter_map(|name| index.get(name)) {
            next[*other].push(n);
        }
    }
    let mut known = vec![None; drafts.len()];
    let mut best = Chain::default();
    for unit in (0..drafts.len()).filter(|&n| drafts[n].unit.priority == priority) {
        let chain = from(unit, priority, drafts, &next, &mut known);
        if chain.time > best.time {
            best = chain;
        }
    }
    best
}

/// The longest chain that begins with this unit. `known` remembers the answers, and ends the walk in a circle.
fn from(
    unit: usize,
    priority: Priority,
    drafts: &[Draft<'_>],
    next: &[Vec<usize>],
    known: &mut Vec<Option<Chain>>,
) -> Chain {
    if let Some(chain) = &known[unit] {
        return chain.clone();
    }
    known[unit] = Some(Chain::default());
    let mut rest = Chain::default();
    for &other in next[unit].iter().filter(|&&other| drafts[other].unit.priority == priority) {
        let chain = from(other, priority, drafts, next, known);
        if chain.time > rest.time {
            rest = chain;
        }
    }
    let time = time(&drafts[unit].unit.service).saturating_add(rest.time);
    let chain = Chain { units: [vec![unit], rest.units].concat(), time };
    known[unit] = Some(chain.clone());
    chain
}
