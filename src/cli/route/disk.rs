//! Files that answer in the place of a tenant: looked for on the disk, by the rules of the forwarder.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path as File, PathBuf};

use super::told::{Told, Verdict};
use crate::config::Static;
use crate::http::file::{file_name, media};
use crate::http::{Path, RequestHead};
use crate::route::{StaticRules, Trace, Try};
use crate::unit::Unit;

/// What `[static]` answers.
pub(super) fn of_front_door(
    files: &Static,
    head: &RequestHead<'_>,
    path: &Path<'_>,
    told: &mut Told<'_>,
) -> Option<Verdict> {
    const STEP: &str = "static";
    let root = files.root.as_deref()?;
    let (rules, mut name) = (StaticRules::new(files), Vec::new());
    if !is_for_file(head) || !rules.name(path.path(), &mut name) {
        told.rule(STEP, 0, || format!("{} {} asks for no file of it", head.method, path.path()));
        return None;
    }
    let mut tried = Vec::new();
    let found = rules.find(&mut name, rules.is_bare(path.path()), |name, what| {
        tried.push(String::from_utf8_lossy(name).into_owned());
        Some((there(root, name)?, what))
    });
    let Some((file, what)) = found else {
        told.rule(STEP, 0, || match &*tried.join(", ") {
            "" => "this extension is not one of its files".to_owned(),
            tried => format!("no {tried} below {}", root.display()),
        });
        return None;
    };
    let file = file.display().to_string();
    told.rule(STEP, 0, || format!("{file} is there"));
    Some(match what {
        Try::File => Verdict::answered(200, &file),
        Try::Slash => {
            let query = &path.target()[path.path().len()..];
            Verdict::elsewhere(301, format!("{}/{query}", path.path()))
        }
    })
}

/// The file of a tenant's public directory that is sent in its place.
pub(super) fn of_tenant(unit: &Unit, head: &RequestHead<'_>, path: &Path<'_>, told: &mut Told<'_>) -> Option<String> {
    let route = unit.route.as_ref()?;
    let root = route.public.as_deref().filter(|_| is_for_file(head))?;
    let mut name = Vec::new();
    let sound = file_name(path.path().get(route.path.len()..)?, &mut name);
    let page = || media(&name).is_unknown().then(|| [&name, &b".html"[..]].concat());
    let found = there(root, &name).or_else(|| there(root, &page()?)).filter(|_| sound);
    let found = found.map(|file| file.display().to_string());
    told.told("public", || match &found {
        Some(found) => format!("{found} is there"),
        None => format!("no {} below {}", String::from_utf8_lossy(&name), root.display()),
    });
    found
}

/// Files are read, and nothing else is done with them.
fn is_for_file(head: &RequestHead<'_>) -> bool {
    matches!(head.method, "GET" | "HEAD") && head.upgrade.is_none()
}

/// The regular file of this name, if it lies below the root.
fn there(root: &File, name: &[u8]) -> Option<PathBuf> {
    let file = root.join(OsStr::from_bytes(name));
    let is_below = file.canonicalize().ok()?.starts_with(root.canonicalize().ok()?);
    (is_below && file.is_file()).then_some(file)
}
