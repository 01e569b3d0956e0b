//! `tenantd placement`: which machine has which tenant, and what another machine would change. Reads the configuration only.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value as Json, json};

use super::ask::print_json;
use super::{CONFIG, own};
use crate::config::{self, Loaded, Placement};
use crate::route::home;

/// A tenant and its machine, now and with the machine that is added.
struct Row<'p> {
    unit: &'p str,
    machine: &'p str,
    then: &'p str,
}

/// Prints all of it; `added` is a machine that is asked about.
pub(super) fn run(dir: &Path, added: Option<&str>, json: bool) -> ExitCode {
    let loaded = match config::load(dir, &own) {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
            return ExitCode::from(CONFIG);
        }
    };
    let Some(placement) = &loaded.config.fleet.placement else {
        eprintln!("tenantd: tenantd.toml has no [placement]: every machine serves every tenant");
        return ExitCode::from(CONFIG);
    };
    let mut next = placement.clone();
    next.machines
        .extend(added.filter(|added| !placement.machines.iter().any(|known| known == added)).map(str::to_owned));
    let rows = rows(&loaded, placement, &next);
    match json {
        true => return print_json(&object(&loaded, &next, &rows)),
        false => super::print(&text(&loaded, &next, &rows, added)),
    }
    ExitCode::SUCCESS
}

fn rows<'p>(loaded: &'p Loaded, now: &'p Placement, next: &'p Placement) -> Vec<Row<'p>> {
    let tenants = loaded.units.iter().filter(|unit| unit.route.is_some());
    let row = |unit: &'p crate::unit::Unit| {
        let name = unit.name.as_str();
        Row { unit: name, machine: home(now, name).unwrap_or_default(), then: home(next, name).unwrap_or_default() }
    };
    tenants.map(row).collect()
}

fn moves<'r, 'p>(rows: &'r [Row<'p>]) -> impl Iterator<Item = &'r Row<'p>> {
    rows.iter().filter(|row| row.machine != row.then)
}

fn percent(part: usize, all: usize) -> f64 {
    100.0 * part as f64 / all.max(1) as f64
}

fn text(loaded: &Loaded, next: &Placement, rows: &[Row<'_>], added: Option<&str>) -> String {
    let mut text = String::new();
    let width = next.machines.iter().map(String::len).max().unwrap_or_default().max(7);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{:<width$}  TENANTS  SHARE", "MACHINE");
    for machine in &next.machines {
        let count = rows.iter().filter(|row| row.then == machine).count();
        let here = if loaded.config.fleet.machine.is(machine) { "  this machine" } else { "" };
        let new = if added == Some(machine) { "  added" } else { "" };
        let _ = writeln!(text, "{machine:<width$}  {count:>7}  {:>4.1}%{here}{new}", percent(count, rows.len()));
    }
    text.push('\n');
    let line = |row: &Row<'_>| format!("{:<width$}  {}\n", row.machine, row.unit);
    let Some(added) = added else {
        text.extend(rows.iter().map(line));
        return text;
    };
    text.extend(moves(rows).map(line));
    let (count, all) = (moves(rows).count(), rows.len());
    let _ = writeln!(text, "{count} of {all} tenants ({:.1}%) move to {added}; all others stay", percent(count, all));
    text
}

fn object(loaded: &Loaded, next: &Placement, rows: &[Row<'_>]) -> Json {
    let machines: Vec<Json> = next
        .machines
        .iter()
        .map(|machine| json!({ "machine": machine, "tenants": rows.iter().filter(|row| row.then == machine).count() }))
        .collect();
    let tenants: Vec<Json> = rows.iter().map(|row| json!({ "unit": row.unit, "machine": row.then })).collect();
    let moves: Vec<Json> =
        moves(rows).map(|row| json!({ "unit": row.unit, "from": row.machine, "to": row.then })).collect();
    json!({ "machine": loaded.config.fleet.machine.id, "machines": machines, "tenants": tenants, "moves": moves })
}
