//! Files of `[static]`, the public directory of the whole front door: they come before maintenance and tenants.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::super::extra::By;
use super::super::{ClientKey, Proxy};
use super::find::{Found, Look};
use super::places::Roots;
use super::public::{Lookup, is_for_file, look};
use super::root::{Miss, Root};
use super::{For, SOON};
use crate::config::Static;
use crate::http::RequestHead;
use crate::http::file::Accepts;
use crate::route::{Decision, Owner, StaticRules};

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
    /// Answers from `[static]`. Returns how much of `rest` was taken; `None` if it has no such file, and `behind` comes next.
    pub(in crate::proxy) fn serve_static(
        &mut self,
        key: ClientKey,
        behind: &Decision,
        head: &RequestHead<'_>,
        rest: &[u8],
    ) -> Option<usize> {
        let door = self.files.front_door.as_mut()?;
        if !is_for_file(head) || !door.is_there(self.shared.now) {
            return None;
        }
        let path = path_of(head);
        let found = if door.rules.name(path, &mut self.files.name) {
            let (rules, bare) = (door.rules.clone(), door.rules.is_bare(path));
            look(&door.root, &mut self.files.name, Look::Static { rules, bare, accepts: Accepts::of(&head.fields) })
        } else {
            None
        };
        let unit = if let Decision::Tenant(unit) = behind { *unit } else { Default::default() };
        match found? {
            Lookup::Found(found) => self.present_static(key, found, head),
            Lookup::Failed(why) => self.cannot_tell(key, why),
            Lookup::Cold(task) => {
                return Some(self.look_on_disk(key, unit, head, rest, (task, For::FrontDoor(behind.clone()))));
            }
        }
        Some(0)
    }

    /// The thread has looked.
    pub(super) fn found_static(&mut self, key: ClientKey, behind: Decision, found: Result<Found, Miss>) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let request = std::mem::take(&mut client.exchange.request);
        match (found, RequestHead::parse(&request)) {
            (Ok(found), Ok(Some(head))) => self.present_static(key, found, &head),
            (Err(Miss::None), Ok(Some(head))) => {
                let Some(unit) = self.behind_files(key, &behind) else { return self.shared.pool.give(request) };
                return match self.public_file(unit, &head) {
                    Some(Lookup::Cold(task)) => self.look_again(key, task, request),
                    Some(Lookup::Found(found)) => self.found_in(key, unit, Ok(found), request),
                    Some(Lookup::Failed(why)) => self.found_in(key, unit, Err(why), request),
                    None => self.found_in(key, unit, Err(Miss::None), request),
                };
            }
            (Err(why), _) => self.cannot_tell(key, why),
            // We wrote it ourselves.
            (Ok(_), _) => self.answer(key, 500, "the request was lost", None),
        }
        self.shared.pool.give(request);
    }

    fn look_again(&mut self, key: ClientKey, task: super::worker::Task, request: Vec<u8>) {
        let Some(client) = self.clients.get_mut(key) else { return };
        client.exchange.request = request;
        if !self.look_on(key, task, For::Public) {
            self.answer(key, 503, "too many files are asked for", Some(SOON));
        }
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

/// The path of a target without its query.
pub(super) fn path_of<'h>(head: &RequestHead<'h>) -> &'h str {
    head.target.split_once('?').map_or(head.target, |(path, _)| path)
}
