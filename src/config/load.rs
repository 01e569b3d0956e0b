//! A configuration directory → [`Config`] and units, or every mistake of every file at once.

use std::path::{Path, PathBuf};

use super::check;
use super::{Config, Diagnostic, SECTIONS, Top};
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
}

/// Reads `tenantd.toml` and `units/` of a directory; a missing one of them is an empty one.
///
/// `own` looks up tenantd's environment variables (`XDG_RUNTIME_DIR`). The error holds all mistakes, and the warnings
/// too, sorted by file and line.
pub fn load(dir: &Path, own: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Vec<Diagnostic>> {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    there(dir, &mut sources, &mut report)?;
    let daemon = open(dir, &mut sources, &mut report);
    let directory = unit::directory::scan(dir, &mut sources, &mut report);
    let documents = sources.parse(&mut report);
    let layers = Layers(documents[daemon].iter().map(|table| Layer::Sections(daemon, table.get_ref())).collect());
    let config = read(&layers, own, daemon, &mut report);
    let runtime = config.runtime_directory.to_string_lossy();
    let drafts = unit::load::load(&directory, &sources, &documents, &runtime, &mut report);
    if documents.iter().all(Document::is_some) {
        unit::together::check(&drafts, &mut report);
        check::together(&config, &layers, &drafts, &mut report);
    }
    let (mut errors, warnings) = report.finish(&sources);
    if errors.is_empty() {
        let units = drafts.into_iter().map(|draft| draft.unit).collect();
        return Ok(Loaded { config, units, warnings });
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

/// Reads `tenantd.toml` alone: whoever asks the running daemon needs no unit, and can ask while one is broken.
pub fn load_daemon(dir: &Path, own: &dyn Fn(&str) -> Option<String>) -> Result<Config, Vec<Diagnostic>> {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    there(dir, &mut sources, &mut report)?;
    let daemon = open(dir, &mut sources, &mut report);
    let documents = sources.parse(&mut report);
    let layers = Layers(documents[daemon].iter().map(|table| Layer::Sections(daemon, table.get_ref())).collect());
    let config = read(&layers, own, daemon, &mut report);
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

fn read(layers: &Layers<'_>, own: &dyn Fn(&str) -> Option<String>, daemon: usize, report: &mut Report) -> Config {
    for layer in &layers.0 {
        if let Layer::Sections(file, table) = layer {
            check_sections(&[], SECTIONS, *file, table, report);
        }
    }
    let mut cx = Cx { scope: None, report, key: ("", "") };
    let top: Top = section(layers, &mut cx);
    Config {
        runtime_directory: top.runtime_directory.unwrap_or_else(|| runtime_directory(layers, own, daemon, cx.report)),
        http: section(layers, &mut cx),
        health: section(layers, &mut cx),
        pool: section(layers, &mut cx),
        shutdown: section(layers, &mut cx),
        log: section(layers, &mut cx),
        control: section(layers, &mut cx),
    }
}

fn section<S: Section>(layers: &Layers<'_>, cx: &mut Cx<'_>) -> S {
    S::read(&mut Fields::new::<S>(layers, cx))
}

/// `/run/tenantd` for root, else `$XDG_RUNTIME_DIR/tenantd`.
fn runtime_directory(
    layers: &Layers<'_>,
    own: &dyn Fn(&str) -> Option<String>,
    daemon: usize,
    report: &mut Report,
) -> PathBuf {
    let mine = own("XDG_RUNTIME_DIR").filter(|path| path.starts_with('/'));
    match mine {
        _ if rustix::process::geteuid().is_root() => {}
        Some(path) => return PathBuf::from(path).join("tenantd"),
        None if layers.node("", "runtime_directory").is_some() => {}
        None => report.error(
            Place::file(daemon),
            "where sockets go is unknown; set runtime_directory = \"/absolute/path\", or the variable XDG_RUNTIME_DIR",
        ),
    }
    PathBuf::from(Config::RUNTIME_DIRECTORY)
}
