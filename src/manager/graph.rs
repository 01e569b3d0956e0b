//! Who starts after whom and who needs whom, resolved from names to keys once. Never a state.

use std::collections::HashMap;

use slotmap::{SecondaryMap, SlotMap};

use super::Entry;
use crate::unit::{Name, Priority, UnitId};

/// The edges of one unit, both ways.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// It starts after these and stops before them.
    pub after: Vec<UnitId>,
    /// These start after it and stop before it.
    pub before: Vec<UnitId>,
    /// It cannot start without these.
    pub requires: Vec<UnitId>,
    /// These cannot start without it.
    pub required_by: Vec<UnitId>,
    /// Started with it.
    pub wants: Vec<UnitId>,
    /// A normal unit that starts before some high unit: it does not wait for the high units.
    pub early: bool,
}

/// All edges, and the high units. Names that are no unit are left out (`check` refuses them).
#[derive(Debug, Default)]
pub(super) struct Graph {
    links: SecondaryMap<UnitId, Links>,
    /// The high units, in the order given.
    pub high: Vec<UnitId>,
}

static NONE: Links = Links {
    after: Vec::new(),
    before: Vec::new(),
    requires: Vec::new(),
    required_by: Vec::new(),
    wants: Vec::new(),
    early: false,
};

impl Graph {
    pub(super) fn new(units: &SlotMap<UnitId, Entry>, names: &HashMap<Name, UnitId>) -> Self {
        let mut graph = Self::default();
        let keys = |id: UnitId, list: &[Name]| -> Vec<UnitId> {
            list.iter().filter_map(|name| names.get(name).copied()).filter(|&other| other != id).collect()
        };
        for (id, Entry { unit, .. }) in units {
            let (after, requires) = (keys(id, &unit.after), keys(id, &unit.requires));
            let wants = keys(id, &unit.wants);
            graph.links.insert(id, Links { after, requires, wants, ..Links::default() });
            if unit.priority == Priority::High {
                graph.high.push(id);
            }
        }
        graph.reverse(units);
        graph.mark_early();
        graph
    }

    /// The edges of `id`.
    pub(super) fn links(&self, id: UnitId) -> &Links {
        self.links.get(id).unwrap_or(&NONE)
    }

    /// How many units stop one after the other from `id` on, itself included, among those that are `live`.
    pub(super) fn chain(&self, id: UnitId, live: &impl Fn(UnitId) -> bool) -> u32 {
        let mut seen = SecondaryMap::new();
        self.depth(id, live, &mut seen)
    }

    /// `seen` remembers the answers, and ends the walk where the order has a circle.
    fn depth(&self, id: UnitId, live: &impl Fn(UnitId) -> bool, seen: &mut SecondaryMap<UnitId, u32>) -> u32 {
        if let Some(&depth) = seen.get(id) {
            return depth;
        }
        seen.insert(id, 0);
        let below = self.links(id).after.iter().filter(|&&other| live(other));
        let depth = 1 + below.map(|&other| self.depth(other, live, seen)).max().unwrap_or(0);
        seen.insert(id, depth);
        depth
    }

    fn reverse(&mut self, units: &SlotMap<UnitId, Entry>) {
        for id in units.keys() {
            for other in self.links(id).after.clone() {
                self.links[other].before.push(id);
            }
            for other in self.links(id).requires.clone() {
                self.links[other].required_by.push(id);
            }
        }
    }

    /// Whatever a high unit waits for cannot wait for the high units.
    fn mark_early(&mut self) {
        let mut open = self.high.clone();
        while let Some(id) = open.pop() {
            for other in self.links(id).after.clone() {
                if !std::mem::replace(&mut self.links[other].early, true) {
                    open.push(other);
                }
            }
        }
    }
}
