//! The verbs that ask the running daemon: list, status, is-active, start, stop, restart.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{CONFIG, own, print, table};
use crate::config;
use crate::control::{self, Answer, Request, UnitStatus};

/// systemctl(1): the unit is not active.
pub(super) const NOT_ACTIVE: u8 = 3;
/// systemctl(1): there is no such unit.
pub(super) const NO_SUCH_UNIT: u8 = 4;

/// All units.
pub(super) fn list(directory: &Path, json: bool) -> ExitCode {
    match ask(directory, &Request::List) {
        Ok(Answer::Units { units }) if json => print_json(&units),
        Ok(Answer::Units { units }) => {
            print(&table::list(&units));
            ExitCode::SUCCESS
        }
        other => unexpected(other),
    }
}

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
    one(directory, unit, |status| match json {
        true => drop(print_json(status)),
        false => print(&table::unit(status)),
    })
}

/// The state of a unit in one word.
pub(super) fn is_active(directory: &Path, unit: &str) -> ExitCode {
    one(directory, unit, |status| print(&format!("{}\n", status.active)))
}

fn one(directory: &Path, unit: &str, print: impl FnOnce(&UnitStatus)) -> ExitCode {
    match ask(directory, &Request::Status { unit: unit.to_owned() }) {
        Ok(Answer::Unit { unit }) => {
            print(&unit);
            ExitCode::from(if unit.active == "active" { 0 } else { NOT_ACTIVE })
        }
        other => unexpected(other),
    }
}

/// Starts, stops or restarts units, one after the other. The last failure gives the code.
pub(super) fn job(directory: &Path, verb: &str, units: &[&str], json: bool) -> ExitCode {
    units.iter().fold(ExitCode::SUCCESS, |code, unit| one_job(directory, verb, unit, json).unwrap_or(code))
}

/// `None` when done.
fn one_job(directory: &Path, verb: &str, unit: &str, json: bool) -> Option<ExitCode> {
    let unit = unit.to_owned();
    let request = match verb {
        "start" => Request::Start { unit: unit.clone() },
        "reload" => Request::ReloadUnit { unit: unit.clone() },
        "stop" => Request::Stop { unit: unit.clone() },
        _ => Request::Restart { unit: unit.clone() },
    };
    match ask(directory, &request) {
        Ok(Answer::Job { result, detail }) => {
            if json {
                print_json(&Answer::Job { result: result.clone(), detail });
            } else if result != "done" {
                eprintln!("tenantd: {verb} {unit}: {result}: {detail}; see tenantd status {unit}");
            }
            (result != "done").then_some(ExitCode::FAILURE)
        }
        other => Some(unexpected(other)),
    }
}

/// Every answer that is not the one hoped for.
pub(super) fn unexpected(answer: Result<Answer, ExitCode>) -> ExitCode {
    match answer {
        Ok(Answer::NoSuchUnit { unit }) => {
            eprintln!("tenantd: no unit {unit}; see tenantd list");
            ExitCode::from(NO_SUCH_UNIT)
        }
        Ok(Answer::Refused { reason }) => {
            eprintln!("tenantd: the daemon refused: {reason}");
            ExitCode::FAILURE
        }
        Ok(_) => {
            eprintln!("tenantd: the daemon answered something else; is it of another version?");
            ExitCode::FAILURE
        }
        Err(code) => code,
    }
}

pub(super) fn ask(directory: &Path, request: &Request) -> Result<Answer, ExitCode> {
    let socket = socket(directory)?;
    control::ask(&socket, request).map_err(|error| {
        eprintln!("tenantd: {error}");
        ExitCode::FAILURE
    })
}

/// The control socket of the daemon that runs with this configuration. Only tenantd.toml is read: an operator can ask
/// even while a unit file is broken.
pub(super) fn socket(directory: &Path) -> Result<PathBuf, ExitCode> {
    match config::load_daemon(directory, &own, control::SOCKET) {
        Ok(config) => Ok(config.runtime_directory.join(control::SOCKET)),
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| eprintln!("tenantd: {mistake}"));
            Err(ExitCode::from(CONFIG))
        }
    }
}

pub(super) fn print_json(value: &impl serde::Serialize) -> ExitCode {
    match serde_json::to_string_pretty(value) {
        Ok(text) => {
            print(&format!("{text}\n"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("tenantd: cannot print JSON: {error}");
            ExitCode::FAILURE
        }
    }
}
