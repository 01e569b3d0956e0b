//! Lists of paths: files of variables, and the directories that are made for a unit.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use super::kind::Kind;
use super::layers::Node;
use super::value::{Cx, Value};

/// One item of `environment_file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentFile {
    /// Absolute.
    pub path: PathBuf,
    /// It may be missing.
    pub optional: bool,
}

impl fmt::Display for EnvironmentFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.optional { "-" } else { "" }, self.path.display())
    }
}

impl Value for EnvironmentFile {
    const KIND: Kind = Kind::Text;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node)?;
        let (path, optional) = text.strip_prefix('-').map_or((&*text, false), |path| (path, true));
        if !path.starts_with('/') {
            cx.error(
                node.place,
                format!("\"{text}\" is no absolute path; begin it with / (or -/ if it may be missing)"),
            );
            return None;
        }
        Some(Self { path: path.into(), optional })
    }
}

/// Names of directories to be made below one of ours.
pub(crate) fn directories(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<PathBuf>> {
    let names = Vec::<String>::read(node, cx)?;
    let read = names.into_iter().zip(node.items()).map(|(name, item)| {
        cx.good(item.place, check_directory(&name))?;
        Some(PathBuf::from(name))
    });
    let all: Vec<Option<PathBuf>> = read.collect();
    all.into_iter().collect()
}

/// The colon separates the paths in `RUNTIME_DIRECTORY` and `STATE_DIRECTORY`.
fn check_directory(name: &str) -> Result<(), String> {
    let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !plain || name.contains(':') || name.split('/').any(|part| part == ".") {
        return Err(format!(
            "\"{name}\" is no name of a directory; write one such as \"web\" or \"web/cache\", without .. and :"
        ));
    }
    Ok(())
}
