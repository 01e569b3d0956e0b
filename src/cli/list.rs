//! `list`: units in a table, chosen by name and state, or as a tree of what starts what.

use std::path::Path;
use std::process::ExitCode;

use super::ask::{self, print_json};
use super::options::Options;
use super::{print, table, tree};
use crate::control::UnitStatus;
use crate::unit::Pattern;

/// Prints them. None is no error.
pub(super) fn run(directory: &Path, words: &[&str], options: &Options, json: bool) -> ExitCode {
    let units = match ask::units(directory) {
        Ok(units) => units,
        Err(code) => return code,
    };
    if options.has("tree") && !json {
        if let Some(unknown) = words.iter().find(|word| !units.iter().any(|unit| unit.name == **word)) {
            return ask::no_such_unit(unknown);
        }
        print(&tree::draw(&units, words, table::is_utf8()));
        return ExitCode::SUCCESS;
    }
    let units = chosen(units, words, &options.states);
    if json {
        return print_json(&units);
    }
    print(&table::list(&units));
    ExitCode::SUCCESS
}

/// Those that any word means and that are in any of the states (ActiveState or SubState). No word is all, as no state is.
fn chosen(mut units: Vec<UnitStatus>, words: &[&str], states: &[String]) -> Vec<UnitStatus> {
    let patterns: Vec<_> = words.iter().map(|word| Pattern::new(word)).collect();
    units.retain(|unit| {
        let named = patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(&unit.name));
        named && (states.is_empty() || states.iter().any(|state| *state == unit.active || *state == unit.sub))
    });
    units
}
