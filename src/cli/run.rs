//! `tenantd run`: be the init.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

use super::{CONFIG, OSERR, exec, own, usage};
use crate::boot;
use crate::config::{self, Loaded};
use crate::init::Init;
use crate::signals::Signals;
use crate::unit::{Name, Service, Target, Unit};

/// What the command of `run -- CMD` is called.
const MAIN: &str = "main";

/// What `tenantd run` was told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// The command of `run -- CMD…`: beside the units, and its end is the end of all.
    pub main: Option<Vec<OsString>>,
}

/// Runs until told to stop. Everything that is wrong before the first unit ends at once, with a reason on stderr: in a
/// container that is what `docker logs` shows of a failed deploy.
pub(super) fn run(directory: &Path, told: &Run) -> ExitCode {
    let main = match told.main.as_deref().map(main_unit).transpose() {
        Ok(main) => main,
        Err(code) => return code,
    };
    let inherited = boot::prepare();
    // Before anything else: PID 1 does not even hear a SIGTERM for which it has no handler.
    let signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return fail(&format!("cannot take over the signals: {error}")),
    };
    let loaded = match config::load(directory, &own) {
        Ok(loaded) => match with_main(loaded, main) {
            Ok(loaded) => loaded,
            Err(code) => return code,
        },
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

/// The command as a unit, or why it cannot be run.
fn main_unit(command: &[OsString]) -> Result<Unit, ExitCode> {
    let words: Option<Vec<String>> = command.iter().map(|word| word.to_str().map(str::to_owned)).collect();
    let Some(words) = words else { return Err(usage("run --: the command is not UTF-8; write a script around it")) };
    let Some(program) = words.first() else { return Err(usage("run --: which command? write tenantd run -- CMD")) };
    exec::find(program)?;
    let service = Service {
        exec_start: words,
        essential: true,
        // As tini would: it is the container's own command, not a tenant.
        working_directory: std::env::current_dir().ok(),
        pass_environment: std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect(),
        ..Service::default()
    };
    let name = Name::new(MAIN).map_err(|_| ExitCode::from(CONFIG))?;
    let description = "the command after run --".to_owned();
    Ok(Unit { description, wanted_by: vec![Target::Boot], ..Unit::bare(name, service) })
}

/// The units and the command beside them, which has as much time to stop as there is.
fn with_main(mut loaded: Loaded, main: Option<Unit>) -> Result<Loaded, ExitCode> {
    let Some(mut main) = main else { return Ok(loaded) };
    if let Some(taken) = loaded.units.iter().find(|unit| unit.name == main.name) {
        eprintln!(
            "tenantd: {}: {MAIN} is the name of the command after run --; rename the unit",
            taken.source.display()
        );
        return Err(ExitCode::from(CONFIG));
    }
    main.service.timeout_stop = loaded.config.shutdown.budget;
    loaded.units.push(main);
    Ok(loaded)
}

fn stdout() -> io::Result<OwnedFd> {
    io::stdout().as_fd().try_clone_to_owned()
}

fn fail(reason: &str) -> ExitCode {
    eprintln!("tenantd: {reason}");
    ExitCode::from(OSERR)
}
