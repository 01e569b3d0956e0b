//! `managed_processes`: a unit of high priority each.

use std::time::Duration;

use super::draft::Draft;
use super::environment::{self, Environment};
use super::keys::Field;
use super::toml::{Table, Toml};
use super::{template, value};
use crate::unit::parse_duration;

/// Reads the list; the answer is the names of its units.
pub(super) fn processes(field: &Field<'_>, draft: &mut Draft<'_>) -> Vec<String> {
    let mut started: Vec<(Duration, String)> = Vec::new();
    for item in field.items() {
        if let Some(process) = process(&item, &started, draft) {
            started.push(process);
        }
    }
    if started.is_empty() {
        draft.as_is(field, "nothing");
    }
    started.into_iter().map(|(_, name)| name).collect()
}

fn process(item: &Field<'_>, before: &[(Duration, String)], draft: &mut Draft<'_>) -> Option<(Duration, String)> {
    let mut keys = item.keys(draft);
    let name = keys.take("name").and_then(|field| {
        draft.mapped(&field, "the name of a unit");
        field.text(draft)
    });
    let command = keys.take("command").and_then(|field| {
        draft.mapped(&field, "[service] exec_start");
        field.text(draft)
    });
    let args = keys.take("args").map(|field| {
        draft.mapped(&field, "[service] exec_start");
        field.texts(draft)
    });
    let directory = keys.take("working_dir").and_then(|field| {
        draft.mapped(&field, "[service] working_directory");
        field.text(draft)
    });
    let directory = draft.path(&directory.unwrap_or_default());
    let environment = keys.take("env").map(|field| {
        draft.mapped(&field, "[service] environment");
        environment::of_unit(&field, draft)
    });
    let restart = keys.take("auto_restart").and_then(|field| {
        draft.mapped(&field, "[service] restart = \"always\", with growing pauses");
        field.boolean(draft)
    });
    let delay = keys.take("start_delay").and_then(|field| {
        draft.mapped(&field, "[unit] after what starts earlier, instead of a pause");
        draft.duration(&field)
    });
    keys.finish(draft);
    let Some(command) = command.filter(|command| !command.trim().is_empty()) else {
        draft.refuse(item, "a process needs a command; add it");
        return None;
    };
    let args = args.unwrap_or_default();
    let program = if args.is_empty() { value::words(&command) } else { vec![command.clone()] };
    let words = draft.program([program, args].concat(), &directory);
    let delay = delay.and_then(|text| parse_duration(&text).ok().flatten()).unwrap_or_default();
    let after: Vec<&str> = before.iter().filter(|(other, _)| *other < delay).map(|(_, name)| name.as_str()).collect();
    let mut unit = Table::new("[unit]");
    unit.say(format!("line {}", item.line)).set("priority", "high");
    if !after.is_empty() {
        unit.set("after", after);
    }
    let mut service = Table::new("[service]");
    service.set("exec_start", words.iter().map(|word| value::literal(word)).collect::<Vec<_>>());
    service.set("working_directory", value::literal(&directory));
    if restart == Some(true) {
        service.set("restart", "always");
    }
    let Environment { variables, passed } = environment.unwrap_or_default();
    let Toml::Map(entries) = variables else { return None };
    service.set("pass_environment", template::passed(&passed, &entries));
    let mut tables = vec![unit, service];
    if !entries.is_empty() {
        tables.push(Table { title: "[service.environment]".into(), about: Vec::new(), keys: entries });
    }
    let wanted = value::name(&name.unwrap_or_else(|| command.rsplit('/').next().unwrap_or_default().to_owned()));
    Some((delay, draft.unit(&wanted.replace('@', "-"), "", tables)))
}
