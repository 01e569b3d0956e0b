//! Which files make up which unit: `NAME.toml`, `NAME@.toml`, `NAME@INSTANCE.toml`, and `*.toml.d/*.toml` over each.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Name;
use super::report::{Place, Report};
use super::source::{Sources, reason};
use super::value::bad_name;

/// The files of one unit or template, as indices into [`Sources`].
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Its own file.
    pub file: Option<usize>,
    /// Its drop-ins, in name order.
    pub dropins: Vec<usize>,
}

impl Group {
    /// All its files, the lowest first.
    pub fn files(&self) -> impl Iterator<Item = usize> {
        self.file.into_iter().chain(self.dropins.iter().copied())
    }
}

/// Files by stem: `vector`, `showcase@`, `showcase@boston`; a template comes before its instances.
pub(crate) type Directory = BTreeMap<String, Group>;

/// Reads every file under `root/units`. What does not belong there is reported.
pub(crate) fn scan(root: &Path, sources: &mut Sources, report: &mut Report) -> Directory {
    let mut directory = Directory::new();
    for name in list(root, Path::new("units"), sources, report) {
        let path = Path::new("units").join(&name);
        let Some(text) = name.to_str() else {
            ignored(path, "its name is not UTF-8", sources, report);
            continue;
        };
        let (stem, is_dropin) = match (text.strip_suffix(".toml.d"), text.strip_suffix(".toml")) {
            (Some(stem), _) => (stem, true),
            (_, Some(stem)) => (stem, false),
            _ => {
                ignored(path, "the name of a unit's file ends in .toml", sources, report);
                continue;
            }
        };
        if Name::new(stem.strip_suffix('@').unwrap_or(stem)).is_err() || stem.ends_with("@@") {
            let file = sources.add(path, String::new());
            report.error(Place::file(file), format!("{}; rename it", bad_name(stem)));
            continue;
        }
        let group = directory.entry(stem.to_owned()).or_default();
        if is_dropin {
            group.dropins = dropins(root, &path, sources, report);
        } else {
            group.file = Some(sources.read(root, path, report));
        }
    }
    directory
}

fn dropins(root: &Path, directory: &Path, sources: &mut Sources, report: &mut Report) -> Vec<usize> {
    let mut files = Vec::new();
    for name in list(root, directory, sources, report) {
        let path = directory.join(&name);
        if path.extension() == Some(OsStr::new("toml")) {
            files.push(sources.read(root, path, report));
        } else {
            ignored(path, "the name of a drop-in ends in .toml", sources, report);
        }
    }
    files
}

/// The names in a directory, sorted, without the hidden ones; none if it does not exist.
fn list(root: &Path, directory: &Path, sources: &mut Sources, report: &mut Report) -> Vec<std::ffi::OsString> {
    let entries = match std::fs::read_dir(root.join(directory)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            let file = sources.add(directory.to_owned(), String::new());
            report.error(Place::file(file), format!("cannot read {}: {}", directory.display(), reason(&error)));
            return Vec::new();
        }
    };
    let mut names: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.file_name())).collect();
    names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
    names.sort();
    names
}

fn ignored(path: PathBuf, why: &str, sources: &mut Sources, report: &mut Report) {
    let file = sources.add(path, String::new());
    report.warning(Place::file(file), format!("ignored: {why}"));
}
