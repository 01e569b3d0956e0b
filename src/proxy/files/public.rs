//! Files of a tenant's public directory: answered before the tenant is asked, whether it is up or not.

use std::sync::Arc;

use super::super::extra::By;
use super::super::session::unix_ms;
use super::super::{ClientKey, Proxy};
use super::For;
use super::find::{Found, Look, find};
use super::front_door::path_of;
use super::root::{Miss, Patience, Root};
use super::task::Task;
use crate::http::RequestHead;
use crate::http::file::{Accepts, FileHead, Validators, file_name, judge, put_file_head};
use crate::route::Owner;
use crate::unit::UnitId;

/// What the loop knows of a file without the disk.
#[derive(Debug)]
pub(super) enum Lookup {
    /// It is there.
    Found(Found),
    /// The thread has to look.
    Cold(Task),
    /// It cannot be told.
    Failed(Miss),
}

/// Looks for a file without waiting. `None`: there is none. `name` is as before when this returns.
pub(super) fn look(root: &Arc<Root>, name: &mut Vec<u8>, look: Look) -> Option<Lookup> {
    Some(match find(root, name, &look, Patience::Never) {
        Ok(found) => Lookup::Found(found),
        Err(Miss::None) => return None,
        Err(Miss::Cold) => Lookup::Cold(Task::Find { root: root.clone(), name: name.clone(), look }),
        Err(why @ Miss::Failed(_)) => Lookup::Failed(why),
    })
}

/// Files are read, and nothing else is done with them.
pub(super) fn is_for_file(head: &RequestHead<'_>) -> bool {
    matches!(head.method, "GET" | "HEAD") && head.upgrade.is_none()
}

impl Proxy {
    /// Answers from the public directory. Returns how much of `rest` was taken; `None` if the tenant has to be asked.
    pub(in crate::proxy) fn serve_public(
        &mut self,
        key: ClientKey,
        unit: UnitId,
        head: &RequestHead<'_>,
        rest: &[u8],
    ) -> Option<usize> {
        match self.public_file(unit, head)? {
            Lookup::Found(found) => self.present(key, found, head, Owner::Tenant),
            Lookup::Failed(why) => self.cannot_tell(key, why),
            Lookup::Cold(task) => return Some(self.look_on_disk(key, unit, head, rest, task)),
        }
        Some(0)
    }

    /// The file of a tenant that a request asks for.
    fn public_file(&mut self, unit: UnitId, head: &RequestHead<'_>) -> Option<Lookup> {
        let upstream = self.upstreams.get(unit)?;
        let root = upstream.files.as_ref()?.public.as_ref().filter(|root| root.is_there() && is_for_file(head))?;
        let path = path_of(head).get(upstream.route.as_ref()?.path.len()..)?;
        let sound = file_name(path, &mut self.files.name);
        sound.then(|| look(root, &mut self.files.name, Look::Public(Accepts::of(&head.fields))))?
    }

    /// Remembers the request as it would be sent to the tenant, which may have to answer it after all.
    fn look_on_disk(&mut self, key: ClientKey, unit: UnitId, head: &RequestHead<'_>, rest: &[u8], task: Task) -> usize {
        let Some(taken) = self.write_request(key, unit, head, rest) else { return rest.len() };
        if !self.look_on(key, task, For::Public) {
            self.answer(key, 503, "too many files are asked for", Some(super::SOON));
        }
        taken
    }

    /// The thread has looked.
    pub(super) fn found_public(&mut self, key: ClientKey, found: Result<Found, Miss>) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let unit = client.exchange.unit;
        let request = std::mem::take(&mut client.exchange.request);
        match (found, RequestHead::parse(&request), unit) {
            (Ok(found), Ok(Some(head)), _) => self.present(key, found, &head, Owner::Tenant),
            (Err(Miss::None), Ok(Some(head)), Some(unit)) => {
                if let Some(admission) = self.let_in(key, unit, &head)
                    && let Some(client) = self.clients.get_mut(key)
                {
                    client.exchange.request = request;
                    return self.enter(key, unit, admission);
                }
            }
            (Err(why), ..) => self.cannot_tell(key, why),
            // We wrote it ourselves.
            (Ok(_), ..) => self.answer(key, 500, "the request was lost", None),
        }
        self.shared.pool.give(request);
    }

    /// Sends a file, or what a condition makes of it.
    pub(super) fn present(&mut self, key: ClientKey, found: Found, head: &RequestHead<'_>, owner: Owner) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let exchange = &mut client.exchange;
        let now = unix_ms(self.shared.wall) / 1000;
        let facts = found.file.facts;
        let tag = facts.tag(found.coding);
        let validators = Validators { tag: tag.as_bytes(), modified: facts.last_modified(now) };
        let verdict = judge(&head.fields, !exchange.head_only, &validators, facts.len, now);
        exchange.by = By::File;
        exchange.status = verdict.status();
        exchange.answered = Some(self.shared.now);
        exchange.keep_alive &= exchange.body.is_done() && !self.shared.draining;
        let out = client.output.open(&mut self.shared.pool);
        let before = out.len();
        let head = FileHead {
            verdict: &verdict,
            facts: &facts,
            tag: &tag,
            media: found.media,
            coding: found.coding,
            is_immutable: found.is_immutable,
            cache_control: self.files.cache.of(path_of(head), owner),
            version: exchange.version,
            keep_alive: exchange.keep_alive,
            request_id: exchange.words.id(),
            added: exchange.added(),
            now,
        };
        put_file_head(out, &head);
        self.deliver(key, found.file.fd, verdict.span(facts.len), before);
    }

    /// A lack of ours: said, and no reason to wake the tenant.
    pub(super) fn cannot_tell(&mut self, key: ClientKey, why: Miss) {
        if let Miss::Failed(errno) = why {
            log::warn!("cannot open a file: {errno}");
        }
        self.answer(key, 503, "the file cannot be read", Some(super::SOON));
    }
}
