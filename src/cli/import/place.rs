//! The files on the disk: checked before anything is replaced, each replaced as a whole, nothing touched that is somebody else's.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::cli::own;
use crate::config::{self, Diagnostic, Loaded};
use crate::import::MARK;

/// Path below the directory, and text.
type Files = [(PathBuf, String)];

/// What `tenantd check` says of these files, in a directory of their own.
pub(super) fn check(files: &Files, out: &Path) -> Result<Loaded, Vec<Diagnostic>> {
    let broken = |why: String| {
        let (file, level) = (PathBuf::from("tenantd.toml"), config::Level::Error);
        vec![Diagnostic { file, line: 0, column: 0, level, message: format!("cannot check the result: {why}") }]
    };
    let stage = Stage::make(&std::env::temp_dir()).or_else(|_| Stage::make(out));
    let stage = stage.map_err(|error| broken(error.to_string()))?;
    for (path, text) in files {
        write(&stage.0.join(path), text).map_err(broken)?;
    }
    config::load(&stage.0, &own)
}

/// A directory that goes with us.
struct Stage(PathBuf);

impl Stage {
    /// Below `base`, out of the loader's sight.
    fn make(base: &Path) -> std::io::Result<Self> {
        for number in 0..1000 {
            let path = base.join(format!(".tenantd-import-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes what is different, and removes what an earlier import wrote and this one does not. Whether anything was.
pub(super) fn install(out: &Path, files: &Files, force: bool) -> Result<bool, String> {
    if !force {
        foreign(out, files)?;
    }
    let mut changed = false;
    for (path, text) in files {
        let at = out.join(path);
        if fs::read_to_string(&at).is_ok_and(|old| old == *text) {
            continue;
        }
        write(&at, text)?;
        changed = true;
    }
    for path in written(out).filter(|path| !files.iter().any(|(file, _)| out.join(file) == *path)) {
        if is_ours(&path) {
            fs::remove_file(&path).map_err(|error| format!("cannot remove {}: {error}", path.display()))?;
            changed = true;
        }
    }
    Ok(changed)
}

/// A directory that no import wrote must be empty; in one that an import wrote, others' files stay, but are not overwritten.
fn foreign(out: &Path, files: &Files) -> Result<(), String> {
    let ours = is_ours(&out.join("tenantd.toml"));
    let others: Vec<PathBuf> = match ours {
        true => files.iter().map(|(path, _)| out.join(path)).filter(|path| path.exists() && !is_ours(path)).collect(),
        false => {
            let all = fs::read_dir(out).into_iter().flatten().flatten().map(|entry| entry.path());
            all.filter(|path| !path.is_dir() || fs::read_dir(path).is_ok_and(|mut below| below.next().is_some()))
                .collect()
        }
    };
    match others.first() {
        None => Ok(()),
        Some(other) => {
            Err(format!("{} was not written by an import; name another directory, or use --force", other.display()))
        }
    }
}

/// All files that could be an import's.
fn written(out: &Path) -> impl Iterator<Item = PathBuf> {
    let units = fs::read_dir(out.join("units")).into_iter().flatten().flatten().map(|entry| entry.path());
    units.filter(|path| path.extension().is_some_and(|extension| extension == "toml") && path.is_file())
}

fn is_ours(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.starts_with(MARK))
}

/// Beside it, then over it: nobody sees half a file.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(cannot)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    fs::write(&beside, text).and_then(|()| fs::rename(&beside, path)).map_err(|error| {
        let _ = fs::remove_file(&beside);
        cannot(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(all: &[(&str, &str)]) -> Vec<(PathBuf, String)> {
        all.iter().map(|(path, text)| (PathBuf::from(path), format!("{MARK} from x\n{text}"))).collect()
    }

    #[test]
    fn only_what_is_ours_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("a/b");
        let first = files(&[("tenantd.toml", ""), ("units/a.toml", "1"), ("units/b.toml", "2")]);
        assert_eq!(install(&out, &first, false), Ok(true));
        assert_eq!(install(&out, &first, false), Ok(false));
        // Somebody's own unit and drop-in stay; what is not written any more goes.
        fs::write(out.join("units/mine.toml"), "x").unwrap();
        fs::create_dir(out.join("units/a.toml.d")).unwrap();
        let second = files(&[("tenantd.toml", ""), ("units/a.toml", "3")]);
        assert_eq!(install(&out, &second, false), Ok(true));
        let mut left: Vec<String> =
            fs::read_dir(out.join("units")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, ["a.toml", "a.toml.d", "mine.toml"]);
        // It would be overwritten.
        let third = files(&[("tenantd.toml", ""), ("units/mine.toml", "")]);
        assert!(install(&out, &third, false).unwrap_err().contains("mine.toml was not written by an import"));
        assert_eq!(fs::read_to_string(out.join("units/mine.toml")).unwrap(), "x");
        assert_eq!(install(&out, &third, true), Ok(true));
    }

    #[test]
    fn a_directory_of_others_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("units")).unwrap();
        let all = files(&[("tenantd.toml", "")]);
        fs::write(dir.path().join("notes.txt"), "x").unwrap();
        assert!(install(dir.path(), &all, false).unwrap_err().contains("notes.txt"));
        assert!(!dir.path().join("tenantd.toml").exists());
        assert_eq!(install(dir.path(), &all, true), Ok(true));
        assert!(dir.path().join("notes.txt").exists());
    }
}
