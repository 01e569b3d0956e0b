//! `tenantd run`: be the init.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

use super::{CONFIG, OSERR, own, usage};
use crate::boot;
use crate::config;
use crate::init::Init;
use crate::signals::Signals;

/// What `tenantd run` was told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// The command of `run -- CMD…`: beside the units, and its end is the end of all.
    pub main: Option<Vec<OsString>>,
}

/// Runs until told to stop. Everything that is wrong before the first unit ends at once, with a reason on stderr: in a
/// container that is what `docker logs` shows of a failed deploy.
pub(super) fn run(directory: &Path, told: &Run) -> ExitCode {
    if told.main.is_some() {
        return usage("run -- CMD is not possible yet: write CMD as a unit, or run it alone with tenantd -- CMD");
    }
    let inherited = boot::prepare();
    // Before anything else: PID 1 does not even hear a SIGTERM for which it has no handler.
    let signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return fail(&format!("cannot take over the signals: {error}")),
    };
    let loaded = match config::load(directory, &own) {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| eprintln!("tenantd: {mistake}"));
            eprintln!("tenantd: the configuration in {} cannot be used; nothing was started", directory.display());
            return ExitCode::from(CONFIG);
        }
    };
    let output = match stdout() {
        Ok(output) => output,
        Err(error) => return fail(&format!("cannot use stdout: {error}")),
    };
    match Init::new(directory, loaded, inherited, signals, output) {
        Ok(init) => ExitCode::from(init.run()),
        Err(fatal) => fail(&fatal.to_string()),
    }
}

fn stdout() -> io::Result<OwnedFd> {
    io::stdout().as_fd().try_clone_to_owned()
}

fn fail(reason: &str) -> ExitCode {
    eprintln!("tenantd: {reason}");
    ExitCode::from(OSERR)
}
