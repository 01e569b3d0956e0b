//! Which of the files that a path may mean is there: itself, its page, its compressed sibling.

use std::sync::Arc;

use super::root::{File, Miss, Patience, Root};
use crate::http::file::{Accepts, Coding, FileHead, Media, media};
use crate::route::{StaticRules, Try};

/// A file that answers a request.
#[derive(Debug)]
pub(in crate::proxy) struct Found {
    pub file: File,
    pub media: Media,
    pub coding: Option<Coding>,
    /// Its name is that of one state of it.
    pub is_immutable: bool,
    /// It is the index of a directory, and the path lacks its slash.
    pub slash: bool,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// A path of a public directory: `a` may mean `a.html`, and a sibling may be sent in its place.
    Public(Accepts),
    /// A path of `[static]`, by its rules; `bare`: it is the prefix without a slash.
    Static { rules: Arc<StaticRules>, bare: bool, accepts: Accepts },
    /// Exactly this file: a tenant named it.
    Exactly,
}

/// Looks for a file. `name` is as before when this returns.
pub(super) fn find(root: &Root, name: &mut Vec<u8>, look: &Look, patience: Patience) -> Result<Found, Miss> {
    let len = name.len();
    let found = match look {
        Look::Public(accepts) => find_public(root, name, *accepts, patience),
        Look::Static { rules, bare, accepts } => {
            let tried = rules.find(name, *bare, |name, what| match (root.open(name, patience), what) {
                (Err(Miss::None), _) => None,
                (Err(miss), _) => Some(Err(miss)),
                (Ok(file), Try::Slash) => Some(Ok(Found { slash: true, ..Found::plain(file, media(name)) })),
                (Ok(file), Try::File) => Some(smallest(root, name, file, *accepts, patience)),
            });
            tried.unwrap_or(Err(Miss::None))
        }
        Look::Exactly => root.open(name, patience).map(|file| Found::plain(file, media(name))),
    };
    name.truncate(len);
    found
}

fn find_public(root: &Root, name: &mut Vec<u8>, accepts: Accepts, patience: Patience) -> Result<Found, Miss> {
    let file = match root.open(name, patience) {
        Err(Miss::None) if media(name).is_unknown() => {
            name.extend_from_slice(b".html");
            root.open(name, patience)?
        }
        opened => opened?,
    };
    smallest(root, name, file, accepts, patience)
}

/// The file of this name, or its smallest sibling that is welcome.
fn smallest(root: &Root, name: &mut Vec<u8>, file: File, accepts: Accepts, patience: Patience) -> Result<Found, Miss> {
    let kind = media(name);
    let mut found = Found { is_immutable: FileHead::is_fingerprint(name), ..Found::plain(file, kind) };
    // The file itself comes first: most paths of applications are none, and are asked about once.
    if kind.compressible {
        for coding in accepts.codings() {
            match sibling(root, name, coding, patience) {
                Ok(file) => {
                    (found.file, found.coding) = (file, Some(coding));
                    break;
                }
                Err(Miss::Cold) => return Err(Miss::Cold),
                Err(Miss::None | Miss::Failed(_)) => {}
            }
        }
    }
    Ok(found)
}

fn sibling(root: &Root, name: &mut Vec<u8>, coding: Coding, patience: Patience) -> Result<File, Miss> {
    let len = name.len();
    name.extend_from_slice(coding.suffix().as_bytes());
    let opened = root.open(name, patience);
    name.truncate(len);
    opened
}

impl Found {
    fn plain(file: File, media: Media) -> Self {
        Self { file, media, coding: None, is_immutable: false, slash: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_path_means_a_file_its_page_or_its_sibling() {
        let top = tempfile::tempdir().unwrap();
        for name in
            ["a.css", "a.css.br", "a.css.gz", "b.css", "b.css.gz", "p.html", "p.html.gz", "x.png", "x.png.gz", "d.rb"]
        {
            fs::write(top.path().join(name), name).unwrap();
        }
        fs::create_dir(top.path().join("p")).unwrap();
        let root = Root::new(top.path());
        let both = Accepts { brotli: true, gzip: true };
        let gzip = Accepts { gzip: true, ..Accepts::default() };
        for (name, accepts, length) in [
            ("a.css", both, Some(8)),
            ("a.css", gzip, Some(8)),
            ("a.css", Accepts::default(), Some(5)),
            ("b.css", both, Some(8)),
            ("p", Accepts::default(), Some(6)),
            ("p", both, Some(9)),
            ("p.html", both, Some(9)),
            ("x.png", both, Some(5)),
            ("d.rb", both, Some(4)),
            ("p.css", both, None),
            ("c", both, None),
        ] {
            let mut written = name.as_bytes().to_vec();
            let found = find(&root, &mut written, &Look::Public(accepts), Patience::Disk);
            assert_eq!(found.as_ref().ok().map(|found| found.file.facts.len), length, "{name} {accepts:?}");
            assert_eq!(written, name.as_bytes());
            let exactly = find(&root, &mut written, &Look::Exactly, Patience::Disk);
            assert_eq!(exactly.is_ok(), top.path().join(name).is_file(), "{name}");
        }
        let coding =
            |accepts| find(&root, &mut b"a.css".to_vec(), &Look::Public(accepts), Patience::Disk).unwrap().coding;
        assert_eq!((coding(both), coding(gzip)), (Some(Coding::Brotli), Some(Coding::Gzip)));
    }
}
