//! Files of a tenant's public directory: answered before the tenant is asked, whether it is up or not.

use super::super::extra::By;
use super::super::session::unix_ms;
use super::super::{ClientKey, Proxy};
use super::find::{Found, Look, find};
use super::root::{Miss, Patience};
use super::worker::Task;
use crate::http::file::{Accepts, FileHead, Validators, file_name, judge, put_file_head};
use crate::http::{Fields, RequestHead};
use crate::unit::UnitId;

impl Proxy {
    /// Answers from the public directory. Returns how much of `rest` was taken; `None` if the tenant has to be asked.
    pub(in crate::proxy) fn serve_public(
        &mut self,
        key: ClientKey,
        unit: UnitId,
        head: &RequestHead<'_>,
        rest: &[u8],
    ) -> Option<usize> {
        let upstream = self.upstreams.get(unit)?;
        let root = upstream.files.as_ref()?.public.clone().filter(|root| root.is_there())?;
        if !matches!(head.method, "GET" | "HEAD") || head.upgrade.is_some() {
            return None;
        }
        let path = head.target.split('?').next()?.get(upstream.route.as_ref()?.path.len()..)?;
        let mut name = std::mem::take(&mut self.files.name);
        let look = Look::Public(Accepts::of(&head.fields));
        let found =
            if file_name(path, &mut name) { find(&root, &mut name, look, Patience::Never) } else { Err(Miss::None) };
        let task = matches!(found, Err(Miss::Cold)).then(|| Task::Find { root, name: name.clone(), look });
        self.files.name = name;
        match (found, task) {
            (Ok(found), _) => self.present(key, found, &head.fields),
            (Err(Miss::None), _) => return None,
            (Err(_), Some(task)) => return Some(self.look_on_disk(key, unit, head, rest, task)),
            (Err(why), None) => self.cannot_tell(key, why),
        }
        Some(0)
    }

    /// Remembers the request as it would be sent to the tenant, which may have to answer it after all.
    fn look_on_disk(&mut self, key: ClientKey, unit: UnitId, head: &RequestHead<'_>, rest: &[u8], task: Task) -> usize {
        let Some(taken) = self.write_request(key, unit, head, rest) else { return rest.len() };
        if !self.look_on(key, task, None) {
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
            (Ok(found), Ok(Some(head)), _) => self.present(key, found, &head.fields),
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

    fn present(&mut self, key: ClientKey, found: Found, fields: &Fields<'_>) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let exchange = &mut client.exchange;
        let now = unix_ms(self.shared.wall) / 1000;
        let facts = found.file.facts;
        let tag = facts.tag(found.coding);
        let validators = Validators { tag: tag.as_bytes(), modified: facts.last_modified(now) };
        let verdict = judge(fields, !exchange.head_only, &validators, facts.len, now);
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
