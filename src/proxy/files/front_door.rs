//! Files of `[static]`, the public directory of the whole front door: they come before maintenance and tenants.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::super::client::Phase;
use super::super::extra::By;
use super::super::{ClientKey, Proxy};
use super::find::{Found, Look};
use super::places::Roots;
use super::public::{Lookup, is_for_file, look};
use super::root::{Miss, Root};
use super::{For, SOON, Wait};
use crate::config::Static;
use crate::http::RequestHead;
use crate::http::file::Accepts;
use crate::route::{Owner, StaticRules};

/// The directory and its rules.
#[derive(Debug)]
pub(super) struct FrontDoor {
    root: Arc<Root>,
    rules: Arc<StaticRules>,
    /// A directory that is missing was looked for.
    missed: Option<Instant>,
}

impl FrontDoor {
    /// That of a configuration. One that is missing may come later, and is told of.
    pub fn open(files: &Static, roots: &mut Roots) -> Option<Self> {
        let path: &Path = files.root.as_deref()?;
        let root = roots.root(path);
        if !root.is_there() {
            log::warn!("[static] root: there is no directory {}; until it comes, it has no files", path.display());
        }
        Some(Self { root, rules: Arc::new(StaticRules::new(files)), missed: None })
    }

    /// The directory is there: a hook may make it while requests come.
    fn is_there(&mut self, now: Instant) -> bool {
        let again = || self.missed.is_none_or(|at| now.saturating_duration_since(at) >= SOON);
        if !self.root.is_there() && again() {
            self.missed = Some(now);
            self.root.stand();
        }
        self.root.is_there()
    }
}

impl Proxy {
    /// Answers from `[static]`, or has the thread look: then the request is read again once it has. False if there is no such
    /// file.
    pub(in crate::proxy) fn serve_static(&mut self, key: ClientKey, head: &RequestHead<'_>) -> bool {
        let Some(door) = self.files.front_door.as_mut() else { return false };
        if !is_for_file(head) || !door.is_there(self.shared.now) {
            return false;
        }
        let known = self.clients.get_mut(key).and_then(|client| client.exchange.take_looked());
        match known.map_or_else(|| self.look_static(head), known_lookup) {
            None => return false,
            Some(Lookup::Found(found)) => self.present_static(key, found, head),
            Some(Lookup::Failed(why)) => self.cannot_tell(key, why),
            Some(Lookup::Cold(task)) => {
                if !self.look_on(key, task, For::FrontDoor) {
                    self.answer(key, 503, "too many files are asked for", Some(SOON));
                }
            }
        }
        true
    }

    fn look_static(&mut self, head: &RequestHead<'_>) -> Option<Lookup> {
        let FrontDoor { root, rules, .. } = self.files.front_door.as_ref()?;
        let path = path_of(head);
        let accepts = Accepts::of(&head.fields);
        let sound = rules.name(path, &mut self.files.name);
        let what = Look::Static { rules: rules.clone(), bare: rules.is_bare(path), accepts };
        sound.then(|| look(root, &mut self.files.name, what))?
    }

    /// The request waits for the thread, and is read again.
    pub(in crate::proxy) fn waits_for_file(&self, key: ClientKey) -> bool {
        matches!(self.files.waits.get(key), Some(Wait::Finding(For::FrontDoor)))
    }

    /// The thread has looked: the request is read again.
    pub(super) fn found_static(&mut self, key: ClientKey, found: Result<Found, Miss>) {
        let Some(client) = self.clients.get_mut(key) else { return };
        // What was said of it is said again.
        client.exchange.clear_extra();
        client.exchange.keep_looked(found);
        client.phase = Phase::Head;
        client.fresh = true;
    }

    fn present_static(&mut self, key: ClientKey, found: Found, head: &RequestHead<'_>) {
        if !found.slash {
            return self.present(key, found, head, Owner::FrontDoor);
        }
        let Some(client) = self.clients.get_mut(key) else { return };
        let path = path_of(head);
        let location = [path, "/", &head.target[path.len()..]].concat();
        client.exchange.by = By::File;
        client.exchange.add_field("Location", location.as_bytes());
        self.answer(key, 301, "this is a directory; its path ends with a slash", None);
    }
}

/// What the thread has found. It is not asked twice.
fn known_lookup(known: Result<Found, Miss>) -> Option<Lookup> {
    match known {
        Ok(found) => Some(Lookup::Found(found)),
        Err(Miss::None | Miss::Cold) => None,
        Err(why @ Miss::Failed(_)) => Some(Lookup::Failed(why)),
    }
}

/// The path of a target without its query.
pub(super) fn path_of<'h>(head: &RequestHead<'h>) -> &'h str {
    head.target.split_once('?').map_or(head.target, |(path, _)| path)
}
