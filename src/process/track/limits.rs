//! `[sandbox]` as the kernel's files (cgroup-v2.rst): which controller, which file, which text. Nothing else.

use std::io;

use super::cgroup::Cgroup;
use super::hierarchy::Hierarchy;
use crate::unit::{Sandbox, Unit};

/// One limit that a unit asks for.
struct Limit {
    /// Its key in `[sandbox]`.
    key: &'static str,
    controller: &'static str,
    file: &'static str,
    value: String,
}

fn limits(sandbox: &Sandbox) -> impl Iterator<Item = Limit> + use<> {
    let number = |value: Option<u64>| value.map(|value| value.to_string());
    let quota = sandbox.cpu_micros().map(|micros| format!("{micros} 100000"));
    let all = [
        ("memory_max", "memory", "memory.max", number(sandbox.memory_max)),
        ("memory_high", "memory", "memory.high", number(sandbox.memory_high)),
        ("tasks_max", "pids", "pids.max", number(sandbox.tasks_max)),
        ("cpu_weight", "cpu", "cpu.weight", number(sandbox.cpu_weight.map(u64::from))),
        ("cpu_quota", "cpu", "cpu.max", quota),
    ];
    all.into_iter().filter_map(|(key, controller, file, value)| Some(Limit { key, controller, file, value: value? }))
}

/// Gives a new cgroup its limits; the texts say what went wrong. A file that is not there was told by [`prepare`].
pub(super) fn set(cgroup: &Cgroup, sandbox: &Sandbox) -> Vec<String> {
    let told = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let failed = |limit: Limit| {
        let error = cgroup.limit(limit.file, &limit.value).err().filter(|error| !told(error))?;
        Some(format!("{} is not enforced: {error}", limit.key))
    };
    limits(sandbox).filter_map(failed).collect()
}

/// Switches on what the units ask for. The texts name each limit that cannot be had, once for all instances of a
/// template.
pub(super) fn prepare<'a>(hierarchy: Option<&Hierarchy>, units: impl Iterator<Item = &'a Unit>) -> Vec<String> {
    let mut tried: Vec<(&str, Option<String>)> = Vec::new();
    let mut notes = Vec::new();
    for unit in units {
        for limit in limits(&unit.sandbox) {
            if !tried.iter().any(|(controller, _)| *controller == limit.controller) {
                tried.push((limit.controller, refusal(hierarchy, limit.controller)));
            }
            let refusal = tried.iter().find(|(controller, _)| *controller == limit.controller);
            let Some((_, Some(why))) = refusal else { continue };
            let note = format!("{} of {} is not enforced: {why}", limit.key, unit.name.prefix());
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    notes
}

fn refusal(hierarchy: Option<&Hierarchy>, controller: &str) -> Option<String> {
    match hierarchy {
        Some(hierarchy) => hierarchy.enable(controller).err().map(|error| error.to_string()),
        None => Some("it needs a cgroup".to_owned()),
    }
}
