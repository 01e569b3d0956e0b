//! `status`, `is-active`, `is-failed`: where units stand, with systemctl's exit codes.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::ask::{self, NOT_ACTIVE, ask, print_json, unexpected};
use super::{print, table};
use crate::control::{Answer, Request};

/// The daemon.
pub(super) fn system(directory: &Path, json: bool) -> ExitCode {
    match ask(directory, &Request::System) {
        Ok(Answer::System { system }) if json => print_json(&system),
        Ok(Answer::System { system }) => {
            print(&table::system(&system));
            ExitCode::SUCCESS
        }
        other => unexpected(other),
    }
}

/// One unit.
pub(super) fn status(directory: &Path, unit: &str, json: bool) -> ExitCode {
    match ask(directory, &Request::Status { unit: unit.to_owned() }) {
        Ok(Answer::Unit { unit }) => {
            if json {
                print_json(&unit);
            } else {
                print(&table::unit(&unit));
            }
            ExitCode::from(if unit.active == "active" { 0 } else { NOT_ACTIVE })
        }
        other => unexpected(other),
    }
}

/// The ActiveState of each unit. 0 if at least one is in the `wanted` one (systemctl(1), is-active and is-failed).
pub(super) fn is(directory: &Path, wanted: &str, units: &[&str], json: bool) -> ExitCode {
    let names = match ask::names(directory, units) {
        Ok(names) => names,
        Err(code) => return code,
    };
    let (mut found, mut missing) = (Vec::new(), None);
    for unit in names {
        match ask(directory, &Request::Status { unit }) {
            Ok(Answer::Unit { unit }) => found.push(unit),
            other => missing = Some(unexpected(other)),
        }
    }
    if json {
        let object = |unit: &Box<_>| {
            let unit: &crate::control::UnitStatus = unit;
            json!({ "name": unit.name, "active": unit.active, "sub": unit.sub })
        };
        print_json(&found.iter().map(object).collect::<Vec<_>>());
    } else {
        print(&found.iter().map(|unit| format!("{}\n", unit.active)).collect::<String>());
    }
    match missing {
        _ if found.iter().any(|unit| unit.active == wanted) => ExitCode::SUCCESS,
        Some(code) => code,
        None => ExitCode::from(if wanted == "active" { NOT_ACTIVE } else { 1 }),
    }
}
