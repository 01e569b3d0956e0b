//! `tenantd CMD`, `tenantd -- CMD`: a main process instead of the units. Reads no configuration.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::help::VERBS;
use super::{OSERR, USAGE};
use crate::process::foreground::{self, Failure};
use crate::unit::nearest::hint;

/// sh(1): the program is there and cannot be executed.
pub(super) const NOT_EXECUTABLE: u8 = 126;
/// sh(1): there is no such program.
pub(super) const NOT_FOUND: u8 = 127;

/// Runs a command to its end. Its own exit code, or 128 + its signal.
pub(super) fn run(command: &[OsString]) -> ExitCode {
    let Some(program) = command.first() else {
        return end(USAGE, "--: which command? write tenantd -- CMD, or tenantd alone to be the init");
    };
    let program = program.to_string_lossy();
    match foreground::run(command) {
        Ok(code) => ExitCode::from(code),
        Err(Failure::Fork(error)) => end(OSERR, &format!("cannot make a process for {program}: {error}")),
        Err(Failure::Exec(error)) => {
            let (code, why) = refusal(&program, &error, Path::new(&*program).exists());
            end(code, &format!("cannot run {program}: {why}"))
        }
    }
}

/// Whether the program is there and may be executed, looked for as execvp(3) would: else the end, with the codes of sh(1).
pub(super) fn find(program: &str) -> Result<(), ExitCode> {
    let path = std::env::var("PATH").unwrap_or_else(|_| crate::process::environment::PATH.to_owned());
    let places: Vec<PathBuf> = match program.contains('/') {
        true => vec![program.into()],
        false => path.split(':').map(|directory| Path::new(directory).join(program)).collect(),
    };
    let mut found = Err(ErrorKind::NotFound.into());
    for place in places {
        match executable(&place) {
            Ok(()) => return Ok(()),
            // What is there and cannot be executed says more than what is not there.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => found = Err(error),
            Err(_) => {}
        }
    }
    found.map_err(|error: io::Error| {
        let (code, why) = refusal(program, &error, Path::new(program).exists());
        end(code, &format!("cannot run {program}: {why}"))
    })
}

fn executable(file: &Path) -> io::Result<()> {
    if file.is_dir() {
        return Err(ErrorKind::PermissionDenied.into());
    }
    Ok(rustix::fs::access(file, rustix::fs::Access::EXEC_OK)?)
}

/// Whether stderr is there or not: the code is what counts.
fn end(code: u8, problem: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "tenantd: {problem}");
    ExitCode::from(code)
}

/// Why execve(2) refused, and what to do next.
fn refusal(program: &str, error: &io::Error, exists: bool) -> (u8, String) {
    let path = program.contains('/');
    match error.kind() {
        ErrorKind::NotFound if path && exists => {
            (NOT_FOUND, "no such file or directory: what its first line or its loader names is missing".into())
        }
        ErrorKind::NotFound | ErrorKind::NotADirectory if path => {
            (NOT_FOUND, "no such file or directory; it is taken relative to the working directory of the image".into())
        }
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            let verbs = VERBS.iter().map(|(verb, ..)| *verb);
            (NOT_FOUND, format!("no such file in PATH, and no verb of tenantd{}", hint(program, verbs)))
        }
        ErrorKind::PermissionDenied if Path::new(program).is_dir() => (NOT_EXECUTABLE, "it is a directory".into()),
        ErrorKind::PermissionDenied => (NOT_EXECUTABLE, "permission denied; make it executable: chmod +x".into()),
        _ => (NOT_EXECUTABLE, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_the_codes_of_sh() {
        for (program, errno, exists, code, words) in [
            ("bin/jobs", libc::ENOENT, false, 127, "no such file or directory; it is taken relative"),
            ("/x/y", libc::ENOTDIR, false, 127, "no such file or directory;"),
            ("bin/jobs", libc::ENOENT, true, 127, "its first line"),
            ("statsu", libc::ENOENT, false, 127, "no verb of tenantd; did you mean \"status\"?"),
            ("bundle", libc::ENOENT, false, 127, "no such file in PATH, and no verb of tenantd"),
            ("bin/jobs", libc::EACCES, true, 126, "chmod +x"),
            ("/tmp", libc::EACCES, true, 126, "it is a directory"),
            ("bin/jobs", libc::E2BIG, true, 126, "Argument list too long"),
        ] {
            let (found, why) = refusal(program, &io::Error::from_raw_os_error(errno), exists);
            assert_eq!(found, code, "{program}: {why}");
            assert!(why.contains(words), "{program}: {why}");
        }
        assert!(!refusal("bundle", &io::Error::from_raw_os_error(libc::ENOENT), false).1.contains("did you mean"));
    }
}
