//! Circles in the order of units: `a → b → a`. None of its units could ever start.

use std::collections::HashMap;

use super::load::Draft;
use super::report::Report;
use super::{Name, Unit};

/// Reports each circle of `after`, `before`, `requires` and `binds_to` once, at the first unit of it.
pub(crate) fn check(drafts: &[Draft<'_>], index: &HashMap<&Name, usize>, report: &mut Report) {
    let edges = edges(drafts, index);
    for circle in circles(&edges) {
        let (Some(first), Some(second)) = (circle.first(), circle.get(1).or(circle.first())) else { continue };
        let names: Vec<&str> = circle.iter().chain([first]).map(|unit| drafts[*unit].unit.name.as_str()).collect();
        let (said, key) = who_says(&drafts[*first], &drafts[*second]);
        let message = format!("[unit] {key}: a circle: {}; break it at one of them", names.join(" → "));
        report.error(said.layers.place("unit", key), message);
    }
}

/// For each unit, those that come before it.
fn edges(drafts: &[Draft<'_>], index: &HashMap<&Name, usize>) -> Vec<Vec<usize>> {
    let mut edges = vec![Vec::new(); drafts.len()];
    for (at, draft) in drafts.iter().enumerate() {
        let unit = &draft.unit;
        let known = |name: &&Name| **name != unit.name;
        let first = unit.after.iter().chain(&unit.requires).chain(&unit.binds_to);
        edges[at].extend(first.filter(known).filter_map(|name| index.get(name)));
        for later in unit.before.iter().filter(known).filter_map(|name| index.get(name)) {
            edges[*later].push(at);
        }
    }
    edges
}

/// Where it is written that `first` comes before `unit`.
fn who_says<'d, 'a>(unit: &'d Draft<'a>, first: &'d Draft<'a>) -> (&'d Draft<'a>, &'static str) {
    let says = |(_, list): &(&str, &[Name])| list.contains(&first.unit.name);
    unit.unit.ordering().into_iter().find(says).map_or((first, "before"), |(key, _)| (unit, key))
}

impl Unit {
    /// The keys that make circles.
    fn ordering(&self) -> [(&'static str, &[Name]); 3] {
        [("after", &self.after), ("requires", &self.requires), ("binds_to", &self.binds_to)]
    }
}

/// Circles of a graph, each beginning with its smallest node: at least one if there is any.
fn circles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let knotted = knotted(edges);
    let mut walked = vec![false; edges.len()];
    let mut found = Vec::new();
    for start in (0..edges.len()).filter(|node| knotted[*node]) {
        let mut walk: Vec<usize> = Vec::new();
        let mut next = Some(start);
        while let Some(node) = next.filter(|node| !walked[*node]) {
            walked[node] = true;
            walk.push(node);
            next = edges[node].iter().copied().find(|node| knotted[*node]);
        }
        let begin = walk.iter().position(|node| Some(*node) == next);
        let Some(mut circle) = begin.map(|begin| walk.split_off(begin)) else { continue };
        let smallest = circle.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(at, _)| at);
        circle.rotate_left(smallest);
        found.push(circle);
    }
    found
}

/// Nodes that lead into a circle: what is left when nodes without a way on are taken away, again and again (Kahn).
fn knotted(edges: &[Vec<usize>]) -> Vec<bool> {
    let mut waiting: Vec<usize> = edges.iter().map(Vec::len).collect();
    let mut back: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    for (from, to) in edges.iter().enumerate().flat_map(|(from, list)| list.iter().map(move |to| (from, *to))) {
        back[to].push(from);
    }
    let mut free: Vec<usize> = (0..edges.len()).filter(|node| waiting[*node] == 0).collect();
    while let Some(node) = free.pop() {
        for from in &back[node] {
            waiting[*from] -= 1;
            if waiting[*from] == 0 {
                free.push(*from);
            }
        }
    }
    waiting.into_iter().map(|count| count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_once() {
        type Lists<'a> = &'a [&'a [usize]];
        let cases: [(Lists<'_>, Lists<'_>); 7] = [
            (&[], &[]),
            (&[&[1], &[2], &[]], &[]),
            (&[&[1], &[0]], &[&[0, 1]]),
            (&[&[1], &[2], &[1]], &[&[1, 2]]),
            (&[&[2], &[2], &[1, 0]], &[&[1, 2]]),
            (&[&[1], &[0], &[3], &[2]], &[&[0, 1], &[2, 3]]),
            (&[&[1, 1], &[2, 2], &[]], &[]),
        ];
        for (edges, expected) in cases {
            let edges: Vec<Vec<usize>> = edges.iter().map(|list| list.to_vec()).collect();
            assert_eq!(circles(&edges), expected, "{edges:?}");
        }
    }
}
