//! The way of a request to its script: whether it may call it, when, and what becomes of the run when the client leaves.

use std::sync::Arc;

use super::super::client::Phase;
use super::super::extra::By;
use super::super::{ClientKey, Fact, Proxy};
use super::run::{Run, Stage};
use super::{MOST, PATIENCE, QUEUE, RunKey, Script};
use crate::http::{self, Call, Framing, Path, RequestHead};

impl Script {
    /// Who may call it: `user` is the name whose password was right.
    fn admits(&self, user: Option<&str>) -> bool {
        let allowed = &self.config.allowed_users;
        allowed.is_empty() || user.is_some_and(|user| allowed.iter().any(|name| name == user))
    }
}

impl Proxy {
    /// A request for a script. Returns how much of `rest` belongs to its body and was taken.
    pub(in crate::proxy) fn call_script(
        &mut self,
        key: ClientKey,
        index: usize,
        head: &RequestHead<'_>,
        path: &Path<'_>,
        rest: &[u8],
    ) -> usize {
        let Some(script) = self.scripts.scripts.get(index).cloned() else { return 0 };
        let Some(client) = self.clients.get_mut(key) else { return 0 };
        client.exchange.by = By::Cgi;
        client.exchange.note("script", script.unit.name.as_str());
        let user = client.exchange.user();
        if !script.admits(user) {
            self.answer(key, 403, "you may not run this", None);
            return 0;
        }
        if self.shared.draining {
            self.answer(key, 503, "the server is being stopped", None);
            return 0;
        }
        if self.scripts.runs.len() >= MOST {
            self.answer(key, 503, "too many wait for scripts", Some(PATIENCE));
            return 0;
        }
        let plain = str::from_utf8(path.plain()).unwrap_or_default();
        let call = Call {
            script_name: script.config.script_name(),
            path_info: script.config.path_info(plain).unwrap_or_default(),
            client: client.exchange.client,
            https: client.https,
            trusted: client.trusted,
            user,
            request_id: client.exchange.words.id(),
        };
        let variables = http::cgi_variables(head, &call);
        self.scripts.count += 1;
        let mut run = Run::new(script, self.scripts.count, key, variables);
        run.safe = matches!(head.method, "GET" | "HEAD");
        run.chunked = head.framing == Framing::Chunked;
        let run = self.scripts.runs.insert(run);
        self.scripts.calls.insert(key, run);
        client.phase = Phase::Script;
        self.begin_body(key, run, rest)
    }

    /// A request that is complete, or too large to wait for: its script is run, as soon as it may.
    pub(super) fn enqueue(&mut self, key: RunKey) {
        let Some(run) = self.scripts.runs.get_mut(key) else { return };
        self.shared.gathered -= run.gathered();
        run.stage = Stage::Queued;
        run.tell_length();
        let (script, client) = (run.script.clone(), run.client);
        if self.scripts.has_room(&script) {
            return self.start(key);
        }
        if self.scripts.queue.len() >= QUEUE {
            return self.give_up(key, 503, "too many wait for this script");
        }
        self.scripts.queue.push_back(key);
        if let Some(client) = client {
            self.set_alarm(client, PATIENCE);
        }
    }

    fn start(&mut self, key: RunKey) {
        let Some(run) = self.scripts.runs.get_mut(key) else { return };
        run.stage = Stage::Running;
        run.due = Some(self.shared.now + run.script.config.timeout);
        if let Some(client) = run.client.and_then(|client| self.clients.get_mut(client)) {
            // From now on the run's own time counts.
            client.alarm.clear();
            client.exchange.dispatched = Some(self.shared.now);
        }
        self.shared.facts.push_back(Fact::Call(key));
    }

    /// Runs have ended: those that waited for it may begin, in their order.
    pub(super) fn next_calls(&mut self) {
        while let Some(at) = self.next_call() {
            match self.scripts.queue.remove(at) {
                Some(key) => self.start(key),
                None => return,
            }
        }
    }

    fn next_call(&self) -> Option<usize> {
        let may = |key: &RunKey| {
            let script = self.scripts.runs.get(*key).map(|run| Arc::clone(&run.script));
            script.is_none_or(|script| self.scripts.has_room(&script))
        };
        self.scripts.queue.iter().position(may)
    }

    /// The deadline of a client that has called a script which does not run yet.
    pub(in crate::proxy) fn script_late(&mut self, key: ClientKey) {
        let Some(run) = self.scripts.calls.get(key).copied() else { return };
        match self.scripts.runs.get(run).map(|run| run.stage) {
            Some(Stage::Gathering) => self.give_up(run, 408, "the request body did not come in time"),
            Some(Stage::Queued) => self.give_up(run, 503, "too many wait for this script"),
            Some(Stage::Running | Stage::Ended) | None => {}
        }
    }

    /// The client is gone. A script that only reads is killed, and so is one that has not all of its body; any other goes on
    /// until it ends or its time is over: nobody may leave it half done by leaving.
    pub(in crate::proxy) fn leave_script(&mut self, key: ClientKey) {
        let Some(run_key) = self.scripts.calls.remove(key) else { return };
        let Some(run) = self.scripts.runs.get_mut(run_key) else { return };
        run.client = None;
        match run.stage {
            Stage::Running if run.safe || !run.whole => drop(self.cut(run_key)),
            Stage::Running => {
                log::info!("{}: its client has left; it goes on", run.script.unit.name);
                self.script_ready(run_key);
            }
            Stage::Gathering | Stage::Queued | Stage::Ended => self.bury(run_key),
        }
    }

    /// All ends: no script is run any more.
    pub(in crate::proxy) fn turn_callers_away(&mut self) {
        let early = self.scripts.runs.iter().filter(|(_, run)| matches!(run.stage, Stage::Gathering | Stage::Queued));
        for key in early.map(|(key, _)| key).collect::<Vec<_>>() {
            self.give_up(key, 503, "the server is being stopped");
        }
    }
}
