//! Who starts after whom and who needs whom, resolved from names to keys once. Never a state.

use std::collections::HashMap;

use slotmap::{SecondaryMap, SlotMap};

use super::Entry;
use crate::unit::{Name, Priority, Target, Unit, UnitId};

/// The edges of one unit, both ways.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// It starts after these and stops before them.
    pub after: Vec<UnitId>,
    /// These start after it and stop before it.
    pub before: Vec<UnitId>,
    /// It cannot start without these; what it binds to is among them.
    pub requires: Vec<UnitId>,
    /// These cannot start without it.
    pub required_by: Vec<UnitId>,
    /// It binds to these.
    pub binds: Vec<UnitId>,
    /// These bind to it: they stop when it is not up any more.
    pub bound: Vec<UnitId>,
    /// These require it, bind to it or are part of it: they stop and restart with it by a person's word.
    pub followers: Vec<UnitId>,
    /// Never up together with it, whoever says so.
    pub conflicts: Vec<UnitId>,
    /// Started with it.
    pub wants: Vec<UnitId>,
    /// A normal unit that starts before some high unit: it does not wait for the high units.
    pub early: bool,
}

/// All edges, and the units that come first. Names that are no unit are left out (`check` refuses them).
#[derive(Debug, Default)]
pub(super) struct Graph {
    links: SecondaryMap<UnitId, Links>,
    /// The high units that boot wants, in the order given: normal units wait for their first start.
    pub first: Vec<UnitId>,
}

static NONE: Links = Links {
    after: Vec::new(),
    before: Vec::new(),
    requires: Vec::new(),
    required_by: Vec::new(),
    binds: Vec::new(),
    bound: Vec::new(),
    followers: Vec::new(),
    conflicts: Vec::new(),
    wants: Vec::new(),
    early: false,
};

impl Graph {
    pub(super) fn new(units: &SlotMap<UnitId, Entry>, names: &HashMap<Name, UnitId>) -> Self {
        let mut graph = Self::default();
        let keys = |id: UnitId, list: &[Name]| -> Vec<UnitId> {
            list.iter().filter_map(|name| names.get(name).copied()).filter(|&other| other != id).collect()
        };
        for id in units.keys() {
            graph.links.insert(id, Links::default());
        }
        for (id, Entry { unit, .. }) in units {
            graph.read(id, unit, keys);
            if unit.priority == Priority::High && unit.wanted_by.contains(&Target::Boot) {
                graph.first.push(id);
            }
        }
        graph.reverse(units);
        graph.mark_early(units);
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

    /// What the unit says of itself and of others.
    fn read(&mut self, id: UnitId, unit: &Unit, keys: impl Fn(UnitId, &[Name]) -> Vec<UnitId>) {
        for other in keys(id, &unit.before) {
            add(&mut self.links[other].after, id);
        }
        for other in keys(id, &unit.conflicts) {
            add(&mut self.links[other].conflicts, id);
            add(&mut self.links[id].conflicts, other);
        }
        for other in keys(id, &unit.part_of) {
            add(&mut self.links[other].followers, id);
        }
        let links = &mut self.links[id];
        keys(id, &unit.after).into_iter().for_each(|other| add(&mut links.after, other));
        links.binds = keys(id, &unit.binds_to);
        links.requires = keys(id, &unit.requires);
        links.binds.iter().for_each(|&other| add(&mut links.requires, other));
        links.wants = keys(id, &unit.wants);
    }

    fn reverse(&mut self, units: &SlotMap<UnitId, Entry>) {
        for id in units.keys() {
            for other in self.links(id).after.clone() {
                self.links[other].before.push(id);
            }
            for other in self.links(id).requires.clone() {
                add(&mut self.links[other].required_by, id);
                add(&mut self.links[other].followers, id);
            }
            for other in self.links(id).binds.clone() {
                add(&mut self.links[other].bound, id);
            }
        }
    }

    /// Whatever a high unit waits for cannot wait for the high units.
    fn mark_early(&mut self, units: &SlotMap<UnitId, Entry>) {
        let high = units.iter().filter(|(_, entry)| entry.unit.priority == Priority::High);
        let mut open: Vec<UnitId> = high.map(|(id, _)| id).collect();
        while let Some(id) = open.pop() {
            for other in self.links(id).after.clone() {
                if !std::mem::replace(&mut self.links[other].early, true) {
                    open.push(other);
                }
            }
        }
    }
}

/// Each edge once, however often it is said.
fn add(list: &mut Vec<UnitId>, id: UnitId) {
    if !list.contains(&id) {
        list.push(id);
    }
}
