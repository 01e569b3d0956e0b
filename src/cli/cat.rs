//! `cat`: the files of units as they are on disk, the one that loses first. Never asks the daemon.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::ask::{NO_SUCH_UNIT, print_json};
use super::print;
use crate::unit::Name;

/// Prints the files of each unit, with a `# path` before each.
pub(super) fn run(directory: &Path, units: &[&str], json: bool) -> ExitCode {
    let (mut code, mut shown) = (ExitCode::SUCCESS, Vec::new());
    for unit in units {
        let files = files(directory, unit);
        if files.is_empty() {
            missing(directory, unit);
            code = ExitCode::from(NO_SUCH_UNIT);
        }
        for path in files {
            match std::fs::read_to_string(&path) {
                Ok(text) => shown.push((path, text)),
                Err(error) => {
                    eprintln!("tenantd: cannot read {}: {error}", path.display());
                    code = ExitCode::FAILURE;
                }
            }
        }
    }
    if json {
        print_json(&shown.iter().map(|(path, text)| json!({ "path": path, "text": text })).collect::<Vec<_>>());
    } else {
        let piece = |(path, text): &(PathBuf, String)| format!("# {}\n{}\n", path.display(), text.trim_end());
        print(&shown.iter().map(piece).collect::<Vec<_>>().join("\n"));
    }
    code
}

fn missing(directory: &Path, unit: &str) {
    if unit.contains('/') {
        eprintln!("tenantd: no unit {unit}; to run the program: tenantd -- cat {unit}");
    } else {
        eprintln!("tenantd: no unit {unit} in {}; see tenantd list", directory.display());
    }
}

/// The files of a unit or of a template (`web@`), in the order in which one overrides the other; none if there is no such
/// unit.
pub(super) fn files(directory: &Path, unit: &str) -> Vec<PathBuf> {
    if Name::new(unit.strip_suffix('@').unwrap_or(unit)).is_err() {
        return Vec::new();
    }
    let units = directory.join("units");
    let own = group(&units, unit);
    let Some((prefix, instance)) = unit.split_once('@').filter(|(_, instance)| !instance.is_empty()) else {
        return if units.join(format!("{unit}.toml")).is_file() { own } else { Vec::new() };
    };
    let mut files = group(&units, &format!("{prefix}@"));
    let known = units.join(format!("{unit}.toml")).is_file() || files.iter().any(|file| names(file, instance));
    if !known {
        return Vec::new();
    }
    files.extend(own);
    files
}

/// `NAME.toml` and its drop-ins.
fn group(units: &Path, stem: &str) -> Vec<PathBuf> {
    let mut files = vec![units.join(format!("{stem}.toml"))];
    let entries = std::fs::read_dir(units.join(format!("{stem}.toml.d"))).into_iter().flatten().flatten();
    let mut dropins: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    let hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    dropins.retain(|path| path.extension().is_some_and(|extension| extension == "toml") && !hidden(path));
    dropins.sort();
    files.retain(|path| path.is_file());
    files.extend(dropins);
    files
}

/// An `[[instance]]` of this file has this name.
fn names(file: &Path, instance: &str) -> bool {
    let table = std::fs::read_to_string(file).ok().and_then(|text| text.parse::<toml::Table>().ok());
    let instances = table.as_ref().and_then(|table| table.get("instance")?.as_array());
    let name = |table: &toml::Value| table.get("name").and_then(toml::Value::as_str) == Some(instance);
    instances.is_some_and(|instances| instances.iter().any(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_unit_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("units/web@.toml", "[[instance]]\nname = 'a'\n"),
            ("units/web@.toml.d/20.toml", ""),
            ("units/web@.toml.d/10.toml", "[[instance]]\nname = 'c'\n"),
            ("units/web@.toml.d/.hidden.toml", ""),
            ("units/web@.toml.d/README", ""),
            ("units/web@a.toml.d/x.toml", ""),
            ("units/web@b.toml", ""),
            ("units/redis.toml", ""),
            ("units/lost.toml.d/x.toml", ""),
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let template = ["web@.toml", "web@.toml.d/10.toml", "web@.toml.d/20.toml"];
        for (unit, expected) in [
            ("web@", template.to_vec()),
            ("web@a", [&template[..], &["web@a.toml.d/x.toml"]].concat()),
            ("web@b", [&template[..], &["web@b.toml"]].concat()),
            ("web@c", template.to_vec()),
            ("web@d", vec![]),
            ("redis", vec!["redis.toml"]),
            ("lost", vec![]),
            ("../units/redis", vec![]),
            ("", vec![]),
        ] {
            let expected: Vec<_> = expected.iter().map(|name| dir.path().join("units").join(name)).collect();
            assert_eq!(files(dir.path(), unit), expected, "{unit}");
        }
    }
}
