//! A configuration directory → [`Config`] and units, or every mistake of every file at once.

use std::fs::{metadata, symlink_metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::process::geteuid;

use super::{CacheRule, Cgi, Config, Diagnostic, Fleet, Redirect, Remote, RequestLimit, Rewrite, SECTIONS, Top};
use super::{cgi, check};
use crate::unit::layers::{Layer, Layers};
use crate::unit::report::{Place, Report};
use crate::unit::section::{Fields, Section, check_sections};
use crate::unit::source::{Document, Sources, reason};
use crate::unit::value::Cx;
use crate::unit::{self, Unit};

/// A configuration that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// tenantd.toml.
    pub config: Config,
    /// All units, sorted by name.
    pub units: Vec<Unit>,
    /// Doubts, sorted by file and line.
    pub warnings: Vec<Diagnostic>,
    /// What this machine does not allow, and what was chosen instead.
    pub lowered: Vec<String>,
}

/// Reads `tenantd.toml` and `units/` of a directory; a missing one of them is an empty one.
///
/// `own` looks up tenantd's environment variables (`XDG_RUNTIME_DIR`). The error holds all mistakes, and the warnings
/// too, sorted by file and line.
pub fn load(dir: &Path, own: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Vec<Diagnostic>> {
    load_at(dir, own, None)
}

/// The same for a tenantd that runs: its sockets stay in `runtime`, whatever the file says by now.
pub fn reload(dir: &Path, own: &dyn Fn(&str) -> Option<String>, runtime: &Path) -> Result<Loaded, Vec<Diagnostic>> {
    load_at(dir, own, Some(runtime))
}

fn load_at(
    dir: &Path,
    own: &dyn Fn(&str) -> Option<String>,
    runtime: Option<&Path>,
) -> Result<Loaded, Vec<Diagnostic>> {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    there(dir, &mut sources, &mut report)?;
    let daemon = open(dir, &mut sources, &mut report);
    let directory = unit::directory::scan(dir, &mut sources, &mut report);
    let documents = sources.parse(&mut report);
    let layers = Layers(documents[daemon].iter().map(|table| Layer::Sections(daemon, table.get_ref())).collect());
    let mut lowered = Vec::new();
    let place = |places: &[PathBuf]| match runtime {
        Some(runtime) => Some(runtime.to_owned()),
        None => writable_place(places, &mut lowered),
    };
    let config = read(&layers, own, place, &mut report);
    let runtime = runtime.unwrap_or(&config.runtime_directory).to_string_lossy();
    let drafts = unit::load::load(&directory, &sources, &documents, &runtime, &mut report);
    if documents.iter().all(Document::is_some) {
        unit::together::check(&drafts, &mut report);
        check::together(&config, &layers, &drafts, &mut report);
        cgi::look_for_guards(&config.scripts, &config.auth, &layers, &mut report);
        cgi::look_for_programs(&config.scripts, &layers, &mut report);
    }
    let templates = unit::preload::derive(&drafts, &runtime, &mut report);
    let (mut errors, warnings) = report.finish(&sources);
    if errors.is_empty() {
        let units = drafts.into_iter().map(|draft| draft.unit).chain(templates).collect();
        return Ok(Loaded { config, units, warnings, lowered });
    }
    errors.extend(warnings);
    errors.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    Err(errors)
}

/// A directory that is not there is the wrong one, not an empty one.
fn there(dir: &Path, sources: &mut Sources, report: &mut Report) -> Result<(), Vec<Diagnostic>> {
    let why = match std::fs::metadata(dir) {
        Ok(about) if about.is_dir() => return Ok(()),
        Ok(_) => "it is no directory".to_owned(),
        Err(error) => reason(&error),
    };
    let message = format!("cannot read the configuration directory: {why}; name the right one with --config DIR");
    report.error(Place::file(sources.add(dir.to_owned(), String::new())), message);
    Err(std::mem::take(report).finish(sources).0)
}

/// Reads `tenantd.toml` alone: whoever asks the running daemon needs no unit, and can ask while one is broken. The
/// runtime directory is the one in which `socket` exists, unless the file names one.
pub fn load_daemon(dir: &Path, own: &dyn Fn(&str) -> Option<String>, socket: &str) -> Result<Config, Vec<Diagnostic>> {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    there(dir, &mut sources, &mut report)?;
    let daemon = open(dir, &mut sources, &mut report);
    let documents = sources.parse(&mut report);
    let layers = Layers(documents[daemon].iter().map(|table| Layer::Sections(daemon, table.get_ref())).collect());
    let place = |places: &[PathBuf]| places.iter().find(|place| place.join(socket).exists()).cloned();
    let config = read(&layers, own, place, &mut report);
    let (errors, _) = report.finish(&sources);
    if errors.is_empty() { Ok(config) } else { Err(errors) }
}

/// Reads tenantd.toml, if there is one.
fn open(dir: &Path, sources: &mut Sources, report: &mut Report) -> usize {
    let path = PathBuf::from("tenantd.toml");
    match std::fs::symlink_metadata(dir.join(&path)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => sources.add(path, String::new()),
        _ => sources.read(dir, path, report),
    }
}

/// `place` chooses the runtime directory if the file does not; if it chooses none, it is the usual one.
fn read(
    layers: &Layers<'_>,
    own: &dyn Fn(&str) -> Option<String>,
    place: impl FnOnce(&[PathBuf]) -> Option<PathBuf>,
    report: &mut Report,
) -> Config {
    for layer in &layers.0 {
        if let Layer::Sections(file, table) = layer {
            check_sections(&[], SECTIONS, *file, table, report);
        }
    }
    let mut cx = Cx { scope: None, report, key: ("", "") };
    let top: Top = section(layers, &mut cx);
    let runtime_directory = top.runtime_directory.unwrap_or_else(|| {
        let mut places = places(own);
        place(&places).unwrap_or_else(|| places.swap_remove(0))
    });
    Config {
        runtime_directory,
        http: section(layers, &mut cx),
        limits: RequestLimit::read_all(layers, &mut cx),
        proxies: Remote::read_all(layers, &mut cx),
        scripts: Cgi::read_all(layers, &mut cx),
        redirects: Redirect::read_all(layers, &mut cx),
        rewrites: Rewrite::read_all(layers, &mut cx),
        bots: section(layers, &mut cx),
        health: section(layers, &mut cx),
        files: section(layers, &mut cx),
        cache: CacheRule::read_all(layers, &mut cx),
        maintenance: section(layers, &mut cx),
        fleet: Fleet::read(layers, own, host_name(), &mut cx),
        auth: section(layers, &mut cx),
        pool: section(layers, &mut cx),
        shutdown: section(layers, &mut cx),
        log: section(layers, &mut cx),
        control: section(layers, &mut cx),
    }
}

fn section<S: Section>(layers: &Layers<'_>, cx: &mut Cx<'_>) -> S {
    S::read(&mut Fields::new::<S>(layers, cx))
}

/// The name of the machine, or of the container.
fn host_name() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
}

/// Where sockets may go, the usual place first. The last two are for a container that gives us nothing else: Docker's
/// `--read-only` leaves /dev/shm alone.
fn places(own: &dyn Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let mine = own("XDG_RUNTIME_DIR").filter(|path| path.starts_with('/') && !geteuid().is_root());
    let mine = mine.map(|path| PathBuf::from(path).join("tenantd"));
    mine.into_iter().chain([Config::RUNTIME_DIRECTORY, "/tmp/tenantd", "/dev/shm/tenantd"].map(PathBuf::from)).collect()
}

/// The first place that we can use; a word about it if it is not the usual one.
fn writable_place(places: &[PathBuf], lowered: &mut Vec<String>) -> Option<PathBuf> {
    let chosen = places.iter().find(|place| is_writable(place))?;
    let usual = places.first().filter(|usual| *usual != chosen);
    lowered.extend(usual.map(|usual| {
        let (chosen, usual) = (chosen.display(), usual.display());
        format!(
            "sockets are in {chosen}: {usual} cannot be written; give it with --tmpfs /run, or set runtime_directory"
        )
    }));
    Some(chosen.clone())
}

/// Whether we can make files in this directory, or make it. Touches nothing.
fn is_writable(directory: &Path) -> bool {
    let ours = || access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    let Some(parent) = directory.parent() else { return ours() };
    // Where everybody may write, what another user has made is a trap.
    if metadata(parent).is_ok_and(|parent| parent.mode() & 0o002 != 0)
        && let Ok(found) = symlink_metadata(directory)
    {
        return found.is_dir() && found.uid() == geteuid().as_raw() && ours();
    }
    match metadata(directory) {
        Ok(found) => found.is_dir() && ours(),
        Err(_) => is_writable(parent),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir, set_permissions, write};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn sockets_go_where_we_can_write_and_nobody_has_laid_a_trap() {
        let dir = tempfile::tempdir().unwrap();
        let below = |name: &str| dir.path().join(name);
        write(below("file"), "").unwrap();
        create_dir(below("shared")).unwrap();
        set_permissions(below("shared"), Permissions::from_mode(0o1777)).unwrap();
        symlink(dir.path(), below("shared/link")).unwrap();
        create_dir(below("shared/ours")).unwrap();
        for (place, writable) in [
            ("tenantd", true),
            ("deep/er/tenantd", true),
            ("shared/tenantd", true),
            ("shared/ours", true),
            ("shared/link", false),
            ("file", false),
            ("file/tenantd", false),
        ] {
            assert_eq!(is_writable(&below(place)), writable, "{place}");
        }
    }

    #[test]
    fn a_place_that_is_not_the_usual_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (usual, other) = (dir.path().join("file/tenantd"), dir.path().join("tenantd"));
        write(dir.path().join("file"), "").unwrap();
        let mut lowered = Vec::new();
        assert_eq!(writable_place(std::slice::from_ref(&usual), &mut lowered), None);
        assert_eq!(writable_place(&[other.clone(), usual.clone()], &mut lowered), Some(other.clone()));
        assert!(lowered.is_empty());
        assert_eq!(writable_place(&[usual, other.clone()], &mut lowered), Some(other));
        assert!(lowered[0].contains("/file/tenantd cannot be written"), "{lowered:?}");
    }
}
