//! What units must not say together: one route or one socket twice, unknown units, circles.

use std::collections::HashMap;

use super::circle;
use super::load::Draft;
use super::nearest::hint;
use super::puma;
use super::report::Report;
use super::{Listen, Name, Priority, Unit};

/// Checks all units against one another, and looks for what is allowed and yet will not work.
pub(crate) fn check(drafts: &[Draft<'_>], report: &mut Report) {
    let index: HashMap<&Name, usize> =
        drafts.iter().enumerate().map(|(index, draft)| (&draft.unit.name, index)).collect();
    let names: Vec<&str> = drafts.iter().map(|draft| draft.unit.name.as_str()).collect();
    for draft in drafts {
        dependencies(draft, drafts, &index, &names, report);
    }
    let sound: Vec<&Draft<'_>> = drafts.iter().filter(|draft| draft.sound).collect();
    sound.iter().for_each(|draft| puma::lint(draft, report));
    routes(&sound, report);
    sockets(&sound, report);
    circle::check(drafts, &index, report);
}

/// Each named unit exists, is another one, and may come first.
fn dependencies(
    draft: &Draft<'_>,
    all: &[Draft<'_>],
    index: &HashMap<&Name, usize>,
    names: &[&str],
    report: &mut Report,
) {
    let unit = &draft.unit;
    for (key, list) in unit.edges() {
        for (item, name) in list.iter().enumerate() {
            let place = || draft.layers.item_place("unit", key, item);
            let Some(other) = index.get(name) else {
                let hint = nearest_unit(name.as_str(), names);
                let message = format!("[unit] {key}: there is no unit \"{name}\"{hint}");
                let needed = matches!(key, "requires" | "binds_to");
                let tell = if needed { Report::error } else { Report::warning };
                tell(report, place(), message);
                continue;
            };
            if let Some(message) = impossible(key, unit, &all[*other].unit) {
                report.error(place(), message);
            }
        }
    }
}

/// Why `unit` must not name `other` there.
fn impossible(key: &str, unit: &Unit, other: &Unit) -> Option<String> {
    let name = &other.name;
    let needs = |list: &[Name]| list.contains(name);
    if *name == unit.name {
        return Some(format!("[unit] {key}: {name} names itself; leave it out"));
    }
    match (key, unit.priority, other.priority) {
        ("after" | "requires" | "binds_to", Priority::High, Priority::Normal) => Some(format!(
            "[unit] {key}: {name} is not of high priority, so it starts later; give it priority = \"high\""
        )),
        ("before", Priority::Normal, Priority::High) => Some(format!(
            "[unit] {key}: {name} is of high priority, so it starts earlier; give this unit priority = \"high\" too"
        )),
        ("conflicts", ..) if needs(&unit.requires) || needs(&unit.binds_to) => {
            Some(format!("[unit] {key}: {name} is needed too; leave it out here or there"))
        }
        _ => None,
    }
}

/// The unit that may be meant; people of systemd write suffixes.
fn nearest_unit(name: &str, names: &[&str]) -> String {
    let stem = name.strip_suffix(".service").or_else(|| name.strip_suffix(".toml")).unwrap_or(name);
    hint(stem, names.iter().copied())
}

impl Unit {
    /// The units that it names, by key.
    pub(crate) fn edges(&self) -> [(&'static str, &[Name]); 7] {
        [
            ("after", &self.after),
            ("before", &self.before),
            ("requires", &self.requires),
            ("wants", &self.wants),
            ("binds_to", &self.binds_to),
            ("part_of", &self.part_of),
            ("conflicts", &self.conflicts),
        ]
    }
}

/// Two tenants must not answer the same requests.
fn routes(drafts: &[&Draft<'_>], report: &mut Report) {
    let mut seen: HashMap<(Option<&str>, &str), &Name> = HashMap::new();
    for Draft { unit, layers, .. } in drafts {
        let Some(route) = &unit.route else { continue };
        if let Some(first) = seen.insert((route.host.as_deref(), &route.path), &unit.name) {
            let host = route.host.as_deref().unwrap_or_default();
            let path = if route.path.is_empty() { "/" } else { &route.path };
            report.error(
                layers.place("route", "path"),
                format!("[route] {}: {host}{path} is the route of {first} already; change one", unit.name),
            );
        }
    }
}

/// Two units must not listen on the same address.
fn sockets(drafts: &[&Draft<'_>], report: &mut Report) {
    let mut seen: HashMap<&Listen, &Name> = HashMap::new();
    for Draft { unit, layers, .. } in drafts {
        let Some(socket) = &unit.socket else { continue };
        if matches!(&socket.listen, Listen::Tcp(address) if address.port() == 0) {
            continue;
        }
        if let Some(first) = seen.insert(&socket.listen, &unit.name) {
            let message = format!(
                "[socket] listen: {} is the socket of {first} already; change one, for example with %n",
                socket.listen
            );
            report.error(layers.place("socket", "listen"), message);
        }
    }
}
