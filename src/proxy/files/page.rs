//! The page of `[maintenance]`: a file that is read each time it is shown, from memory or by the thread; or ours.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use super::super::say::Say;
use super::super::{ClientKey, Proxy};
use super::For;
use super::find::{Found, Look};
use super::places::Roots;
use super::public::{Lookup, look};
use super::root::{Miss, Root};
use super::sending::read_small;
use super::task::Task;

/// Longest page in bytes: what the thread reads at once.
const MOST: u64 = 128 * 1024;

/// Where the page lies.
#[derive(Debug)]
pub(super) struct Page {
    root: Arc<Root>,
    name: Vec<u8>,
    /// It was said that it cannot be shown.
    said: bool,
}

impl Page {
    /// The page at this path.
    pub fn open(path: &Path, roots: &mut Roots) -> Option<Self> {
        let (directory, name) = (path.parent()?, path.file_name()?);
        Some(Self { root: roots.root(directory), name: name.as_encoded_bytes().to_vec(), said: false })
    }
}

impl Proxy {
    /// Answers with the page of the file, or with ours if there is none.
    pub(in crate::proxy) fn show_file(&mut self, key: ClientKey) {
        let Some(page) = &mut self.files.page else { return self.say_maintenance(key, None) };
        match look(&page.root, &mut page.name, Look::Exactly) {
            Some(Lookup::Found(found)) => self.found_page(key, Ok(found), false),
            Some(Lookup::Failed(why)) => self.found_page(key, Err(why), true),
            Some(Lookup::Cold(task)) => self.read_page(key, task),
            None => self.found_page(key, Err(Miss::None), true),
        }
    }

    fn read_page(&mut self, key: ClientKey, task: Task) {
        if !self.look_on(key, task, For::Page) {
            self.say_maintenance(key, None);
        }
    }

    /// It was looked for; `read`: what the disk has of it is in memory.
    pub(super) fn found_page(&mut self, key: ClientKey, found: Result<Found, Miss>, read: bool) {
        let mut body = self.shared.pool.take();
        let why = match found {
            Ok(Found { file, .. }) if file.facts.len > MOST => "it has more than 128 KiB",
            Ok(Found { file, media, .. }) if read_small(file.fd.as_fd(), 0..file.facts.len, &mut body) => {
                self.say_maintenance(key, Some((media.content_type, &body)));
                return self.shared.pool.give(body);
            }
            Ok(_) if read => "it cannot be read",
            Ok(_) => {
                self.shared.pool.give(body);
                let Some(Page { root, name, .. }) = &self.files.page else { return self.say_maintenance(key, None) };
                return self.read_page(key, Task::Find { root: root.clone(), name: name.clone(), look: Look::Exactly });
            }
            Err(_) => "it is not there, or no file, or leads out of its directory",
        };
        self.shared.pool.give(body);
        if let Some(page) = self.files.page.as_mut().filter(|page| !page.said) {
            page.said = true;
            let path = page.root.path().join(String::from_utf8_lossy(&page.name).as_ref());
            log::warn!("[maintenance] page: cannot show {}: {why}; showing ours", path.display());
        }
        self.say_maintenance(key, None);
    }

    fn say_maintenance(&mut self, key: ClientKey, page: Option<(&str, &[u8])>) {
        let after = self.maintenance.retry_after;
        self.say(key, 503, Say::Maintenance(page), Some(after));
    }
}
