//! The way to the running daemon, for every verb that asks it: its socket, the question, the answers that nobody hopes for.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{CONFIG, NOPERM, own, print};
use crate::config;
use crate::control::{self, Answer, NoAnswer, Request, UnitStatus};
use crate::unit::Pattern;

/// systemctl(1): the unit is not active.
pub(super) const NOT_ACTIVE: u8 = 3;
/// systemctl(1): there is no such unit.
pub(super) const NO_SUCH_UNIT: u8 = 4;

/// Every answer that is not the one hoped for.
pub(super) fn unexpected(answer: Result<Answer, ExitCode>) -> ExitCode {
    match answer {
        Ok(Answer::NoSuchUnit { unit }) => no_such_unit(&unit),
        Ok(Answer::Denied { reason }) => {
            eprintln!("tenantd: permission denied: {reason}");
            ExitCode::from(NOPERM)
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

/// Says that there is no such unit.
pub(super) fn no_such_unit(unit: &str) -> ExitCode {
    eprintln!("tenantd: no unit {unit}; see tenantd list");
    ExitCode::from(NO_SUCH_UNIT)
}

/// Asks, and waits for the answer.
pub(super) fn ask(directory: &Path, request: &Request) -> Result<Answer, ExitCode> {
    control::ask(&socket(directory)?, request).map_err(|error| no_answer(&error))
}

/// Says why there is none.
pub(super) fn no_answer(error: &NoAnswer) -> ExitCode {
    eprintln!("tenantd: {error}");
    if error.is_denied() { ExitCode::from(NOPERM) } else { ExitCode::FAILURE }
}

/// All units.
pub(super) fn units(directory: &Path) -> Result<Vec<UnitStatus>, ExitCode> {
    match ask(directory, &Request::List) {
        Ok(Answer::Units { units }) => Ok(units),
        other => Err(unexpected(other)),
    }
}

/// Names as they are, and for a pattern (`web@*`) the units that it means. One that means none is an error.
pub(super) fn names(directory: &Path, words: &[&str]) -> Result<Vec<String>, ExitCode> {
    let wild = |word: &&str| word.contains(['*', '?']);
    if !words.iter().any(wild) {
        return Ok(words.iter().map(|&word| word.to_owned()).collect());
    }
    let all = units(directory)?;
    let mut names: Vec<String> = Vec::new();
    for word in words {
        let pattern = Pattern::new(word);
        let meant = all.iter().filter(|unit| wild(word) && pattern.matches(&unit.name)).map(|unit| unit.name.clone());
        let mut meant: Vec<String> = meant.collect();
        if wild(word) && meant.is_empty() {
            return Err(no_such_unit(word));
        }
        meant.extend((!wild(word)).then(|| (*word).to_owned()));
        meant.retain(|name| !names.contains(name));
        names.extend(meant);
    }
    Ok(names)
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
