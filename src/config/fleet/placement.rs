//! `[placement]` and `[[place]]`: which machine serves which tenant. Reads the file of machines, and never reaches one.

use std::path::PathBuf;

use super::machine::{is_label, labels, some_label};
use super::way::{self, Via, target};
use super::{At, each};
use crate::unit::layers::{Layers, Node};
use crate::unit::section::{Fields, Section, section};
use crate::unit::source::reason;
use crate::unit::value::{Cx, Value};
use crate::unit::{Kind, Pattern};

section! {
    /// Tenants are spread over machines of the same kind: each tenant is served by one of them, whichever the client asks.
    /// All machines have the same units; those of others get no requests here, and so are never started (one that is wanted
    /// by boot is). Adding a machine moves about its share of the tenants, all of them to it: see
    /// `tenantd placement --add`.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct PlacementKeys in "placement" (fields) {
        /// All machines, this one included, by their `[machine]` id. Either this or `file`.
        machines: Vec<String> as labels = Vec::new();
        /// File with one machine a line (`#` begins a comment); read again by `tenantd reload`.
        file: Option<PathBuf> = None;
        /// "hash" (the default): each tenant has a machine by a stable hash of both names (rendezvous hashing), unless a
        /// `[[place]]` names one. "list": every tenant needs a `[[place]]`.
        by: PlaceBy = PlaceBy::Hash;
        /// How a request gets to its machine: "replay" (Fly.io, the default), "proxy" or "redirect".
        via: Via = Via::Replay;
        /// Address of a machine: "http://${machine}.internal:3000". Needed by "proxy" and "redirect"; for "redirect" clients must
        /// reach it. With "replay" it is for requests that cannot be replayed; default: the machine's name on Fly's network.
        target: Option<String> as target = None;
    }
}

section! {
    /// Tenants that have their machine by name, whatever `by` of `[placement]` says. The first that matches counts.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Place in "place" [many] (fields) {
        /// The tenants, by name or pattern ("showcase@2025-*").
        units: Vec<Pattern> = fields.required("units", "write units = [\"showcase@boston\"]");
        /// Their machine.
        machine: String as some_label = fields.required("machine", "write machine = \"one\"");
    }
}

/// A `[placement]` with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// As it was written.
    pub keys: PlacementKeys,
    /// All machines, in the order of the configuration.
    pub machines: Vec<String>,
    /// Who has a machine by name.
    pub places: Vec<Place>,
}

/// Who finds a tenant's machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceBy {
    /// A hash of both names.
    Hash,
    /// `[[place]]` alone.
    List,
}

impl Value for PlaceBy {
    const KIND: Kind = Kind::Words(&["hash", "list"]);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.one_of(node, &[("hash", Self::Hash), ("list", Self::List)])
    }
}

impl Placement {
    pub(super) fn read(layers: &Layers<'_>, cx: &mut Cx<'_>) -> Self {
        let keys = PlacementKeys::read(&mut Fields::new::<PlacementKeys>(layers, cx));
        let machines = read_machines(&keys, layers, cx);
        let item = |(at, item): (At, Layers<'_>)| Place::read(&mut Fields::item("[place]", at, &item, cx));
        let places = each(layers, Place::DOC.name).map(item).collect();
        if keys.via != Via::Replay && keys.target.is_none() {
            let message = "[placement] has no target; write target = \"http://${machine}.internal:3000\"";
            cx.report.error(layers.place("placement", "via"), message);
        }
        Self { keys, machines, places }
    }

    /// Address of a machine, if the configuration names one.
    pub fn address(&self, machine: &str) -> Option<String> {
        self.keys.target.as_ref().map(|target| way::address(target, machine))
    }
}

fn read_machines(keys: &PlacementKeys, layers: &Layers<'_>, cx: &mut Cx<'_>) -> Vec<String> {
    let place = layers.place("placement", if keys.file.is_some() { "file" } else { "machines" });
    let machines = match &keys.file {
        Some(_) if !keys.machines.is_empty() => {
            cx.report.error(place, "[placement] has machines and file; leave one out");
            return Vec::new();
        }
        Some(file) => {
            cx.key = ("[placement]", "file");
            let read = std::fs::read_to_string(file).map_err(|error| reason(&error)).and_then(|text| lines(&text));
            let read = read.map_err(|why| format!("cannot read {}: {why}", file.display()));
            let Some(machines) = cx.good(place, read) else { return Vec::new() };
            machines
        }
        None => keys.machines.clone(),
    };
    if machines.is_empty() && layers.narrowed("placement").node("", "machines").is_none_or(|node| node.value.is_array())
    {
        cx.report.error(place, "[placement] has no machine; write machines = [\"one\", \"two\"], or file");
    }
    machines
}

/// The machines of a file.
fn lines(text: &str) -> Result<Vec<String>, String> {
    let mut all: Vec<String> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let name = line.split('#').next().unwrap_or_default().trim();
        match name {
            "" => {}
            _ if !is_label(name) => return Err(format!("line {}: \"{name}\" is no name of a machine", index + 1)),
            _ if all.iter().any(|known| known == name) => {
                return Err(format!("line {}: \"{name}\" is listed twice", index + 1));
            }
            _ => all.push(name.to_owned()),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_machine_a_line() {
        assert_eq!(lines("one # Frankfurt\n\n# spare\n two\r\n").unwrap(), ["one", "two"]);
        assert!(lines("").unwrap().is_empty());
        assert!(lines("one\ntwo three").unwrap_err().contains("line 2"));
        assert!(lines("one\none").unwrap_err().contains("twice"));
    }
}
