//! A tenant's main process, forked by its template: asked for, heard until it is the tenant's own, or given up for exec.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use super::Init;
use super::preload::{Live, Preload};
use super::start::{Surroundings, oom_points};
use crate::control::PreloadStatus;
use crate::manager::{ActiveState, Event, Step};
use crate::poller::{Source, data};
use crate::preload::{self, Because, Fork, FromChild, GO, User};
use crate::process::template::{Heard, Wire};
use crate::process::{self, Ids};
use crate::unit::{Limit, UnitId, unlike};

/// How long a template may take to fork, once it has done with what was asked before.
const HELLO: Duration = Duration::from_secs(2);

/// Errors of a child that are its tenant's own: the next one may well be forked.
const OWN: [&str; 5] = ["database", "schema", "env", "user", "hook"];

/// A tenant that is being forked.
pub(super) struct Forking {
    pub reply: Wire,
    /// What it writes; taken when its pid is known.
    output: Option<(OwnedFd, OwnedFd)>,
    /// As the kernel told.
    pub pid: Option<u32>,
    /// Who forks it.
    template: UnitId,
    /// When it has to have said hello.
    pub due: Instant,
}

/// How a tenant was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// By its template; with these databases.
    Bound(Vec<String>),
    /// By exec, because of this.
    Exec(String),
}

/// Why a tenant is not forked, and whether that is its template's fault.
struct Unforked {
    why: String,
    fault: bool,
}

impl From<String> for Unforked {
    fn from(why: String) -> Self {
        Self { why, fault: false }
    }
}

impl Init {
    /// Has the main process of a unit forked.
    pub(super) fn fork(&mut self, id: UnitId, template: UnitId) {
        if let Err(Unforked { why, fault }) = self.ask_template(id, template) {
            self.not_forked(id, why, fault);
        }
    }

    fn ask_template(&mut self, id: UnitId, template: UnitId) -> Result<(), Unforked> {
        let Surroundings { place, ids, unmade, environment } = self.surroundings(id, Step::Start)?;
        if let Some(first) = self.preload.is_outdated(template) {
            if first {
                self.manager.dispatch(self.now, Event::Outdated(template));
            }
            let then = if first { "its template boots it now" } else { "its template has still the old one" };
            return Err(format!("a new release is there, and {then}").into());
        }
        let Some(unit) = self.manager.unit(id) else { return Err("the unit is gone".to_owned().into()) };
        let Some(Live { wire, like, environment: theirs, declared, ready: Some(ready), .. }) =
            self.preload.current(template)
        else {
            return Err("its template is not ready".to_owned().into());
        };
        let Some(about) = &like.template else { return Err("it has no template".to_owned().into()) };
        if let Some(key) = unlike(like, unit) {
            return Err(format!("its {key} is not its template's").into());
        }
        if unmade.is_some() || matches!(ids, Some(Err(_))) {
            return Err("what it needs cannot be had".to_owned().into());
        }
        let environment = passed(environment, unit.name.prefix());
        let differences = preload::verdict(theirs, ready, &environment, declared);
        if !differences.is_empty() {
            let hook = about.hook.strip_prefix(like.service.working_directory.as_deref().unwrap_or(Path::new("/")));
            let hook = hook.unwrap_or(&about.hook).to_string_lossy();
            return Err(Because { differences: &differences, hook: &hook, tenant: unit.name.as_str() }
                .to_string()
                .into());
        }
        let service = &unit.service;
        let theirs = process::user::of(&like.service).and_then(Result::ok);
        let ids = ids.and_then(Result::ok).filter(|ids| theirs.as_ref().is_none_or(|theirs| !same(ids, theirs)));
        let (locks, mark) = place.mark();
        let mark = (locks, Limit { soft: mark, hard: mark });
        let limits = service.limits().map(|(_, resource, limit)| (resource, limit)).chain([mark]);
        let finite = |value: u64| Some(value).filter(|value| *value != Limit::INFINITY);
        let limits: Vec<_> = limits.map(|(it, limit)| (it, finite(limit.soft), finite(limit.hard))).collect();
        let at = about.engine.find(&service.exec_start).unwrap_or_default();
        let message = Fork {
            id: unit.name.as_str(),
            argv: &service.exec_start[at..],
            env: &environment,
            cwd: service.working_directory.as_deref().unwrap_or(Path::new("/")),
            umask: service.umask,
            user: ids.as_ref().map(|ids| User { uid: ids.uid, gid: ids.gid, groups: &ids.groups }),
            limits: &limits,
            nice: service.nice,
            oom_score_adj: oom_points(unit),
            cgroup: place.entrance().is_some(),
        };
        let message = message.encode().map_err(|error| error.to_string())?;
        let (stdout, stdout_end) = process::pipe().map_err(|error| error.to_string())?;
        let (stderr, stderr_end) = process::pipe().map_err(|error| error.to_string())?;
        let (reply, reply_end) = Wire::pair().map_err(|error| format!("no socket: {error}"))?;
        let listener = self.proxy.passed(id).ok_or_else(|| "it has no socket to be passed".to_owned())?;
        let sent = [reply_end.as_fd(), stdout_end.as_fd(), stderr_end.as_fd(), listener];
        let sent: Vec<_> = sent.into_iter().chain(place.entrance()).collect();
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::WouldBlock => "its template has too many to fork at once".to_owned().into(),
            _ => Unforked { why: format!("its template does not listen: {error}"), fault: true },
        };
        wire.send(&message, &sent).map_err(failed)?;
        let output = Some((stdout, stderr));
        let forking = Forking { reply, output, pid: None, template, due: self.now + HELLO };
        self.preload.forks.insert(id, forking);
        self.tracker.reserve(id, true);
        self.watch(Source::Reply(data(id)));
        Ok(())
    }

    /// What is being forked for a unit says something, or has ended.
    pub(super) fn child_says(&mut self, id: UnitId) {
        loop {
            let Preload { forks, room, .. } = &mut self.preload;
            let Some(Forking { reply, pid, .. }) = forks.get(id) else { return };
            let pid = *pid;
            let (message, sender) = match reply.hear(room) {
                Ok(Heard::Nothing) => return,
                Ok(Heard::Message(message, sender)) => (preload::decode_child(message), sender),
                Ok(Heard::End) => return self.not_forked(id, "what was forked ended without a word".into(), true),
                Ok(Heard::Broken) => return self.not_forked(id, "a message that is too long".into(), true),
                Err(error) => return self.not_forked(id, error.to_string(), true),
            };
            match (message, pid) {
                (Ok(FromChild::Hello), None) => self.child_hello(id, sender),
                (Ok(FromChild::Bound { databases }), Some(pid)) => return self.child_bound(id, pid, databases),
                (Ok(FromChild::Error { what, text }), _) => {
                    let fault = !OWN.contains(&what.as_str());
                    return self.not_forked(id, format!("{what}: {text}"), fault);
                }
                (Ok(FromChild::Hello | FromChild::Bound { .. }), _) => {
                    return self.not_forked(id, "a message out of its order".into(), true);
                }
                (Err(malformed), _) => return self.not_forked(id, malformed.to_string(), true),
            }
        }
    }

    /// A process of the unit from now on; it waits until we know it as such.
    fn child_hello(&mut self, id: UnitId, pid: u32) {
        // A process that is somebody's already cannot be another's, and of a template's own child nobody tells us the end.
        if self.tracker.leads(pid).is_some() || self.tracker.is_born_of_leader(pid) || !self.tracker.add(id, pid) {
            return self.not_forked(id, format!("no new process says hello (pid {pid})"), true);
        }
        let Some(forking) = self.preload.forks.get_mut(id) else { return };
        forking.pid = Some(pid);
        let (output, told) = (forking.output.take(), forking.reply.send(GO, &[]));
        let template = forking.template;
        for next in self.preload.forks.values_mut().filter(|next| next.template == template) {
            next.due = self.now + HELLO;
        }
        if let Some((stdout, stderr)) = output {
            self.read_output(id, pid, stdout, stderr);
        }
        self.manager.dispatch(self.now, Event::Spawned(id, pid));
        if let Err(error) = told {
            self.not_forked(id, format!("what was forked does not listen: {error}"), true);
        }
    }

    /// It is the tenant: its databases are its own, and the server begins.
    fn child_bound(&mut self, id: UnitId, pid: u32, databases: Vec<String>) {
        if !self.tracker.has_entered(id, pid) {
            return self.not_forked(id, "what was forked is not in its cgroup".into(), true);
        }
        self.preload.forks.remove(id);
        self.preload.told.insert(id, Told::Bound(databases));
        self.manager.dispatch(self.now, Event::Executed(id, pid));
    }

    /// It is not being forked, or any more: before it has told its databases, nobody hears that it is ready.
    pub(super) fn is_bound(&mut self, id: UnitId) -> bool {
        if !self.preload.forks.contains_key(id) {
            return true;
        }
        // What it wrote here came before what it wrote there.
        self.child_says(id);
        !self.preload.forks.contains_key(id) && matches!(self.preload.told.get(id), Some(Told::Bound(_)))
    }

    /// Whatever came of it.
    fn end_fork(&mut self, id: UnitId) -> Option<Forking> {
        self.tracker.reserve(id, false);
        self.preload.forks.remove(id)
    }

    /// By exec, then.
    fn not_forked(&mut self, id: UnitId, why: String, fault: bool) {
        self.end_fork(id);
        self.tell_exec(id, why);
        self.manager.dispatch(self.now, Event::Unforked { unit: id, fault });
    }

    fn tell_exec(&mut self, id: UnitId, why: String) {
        if let Some(unit) = self.manager.unit(id) {
            self.journal.say(Some(&unit.name), format_args!("not by its template: {why}"));
        }
        self.preload.told.insert(id, Told::Exec(why));
    }

    /// How a tenant was started the last time; `None` for a unit without a template, and before its first start.
    pub(super) fn preload_status(&self, id: UnitId) -> Option<PreloadStatus> {
        let unit = self.manager.unit(id).filter(|unit| unit.service.preload.is_some())?;
        let (by, why, databases) = match self.preload.told.get(id)? {
            Told::Bound(databases) => ("template", None, databases.clone()),
            Told::Exec(why) => ("exec", Some(why.clone()), Vec::new()),
        };
        Some(PreloadStatus { by: by.to_owned(), template: unit.name.template().to_string(), why, databases })
    }

    /// A new start: what was told of the last one is over.
    pub(super) fn forget_told(&mut self, id: UnitId) {
        self.preload.told.remove(id);
    }

    /// A unit is started by exec although it asks for a template: it is said why, once.
    pub(super) fn note_exec(&mut self, id: UnitId) {
        let Some(unit) = self.manager.unit(id).filter(|unit| unit.service.preload.is_some()) else { return };
        let template = unit.name.template();
        let begun = self.end_fork(id).is_some();
        let why = match self.preload.told.get(id) {
            Some(Told::Exec(_)) => return,
            Some(Told::Bound(_)) => "what was forked ended, or was not ready in 15s".to_owned(),
            None if begun => "what was forked ended before it had its databases".to_owned(),
            None => {
                let template = self.manager.find(template.as_str()).and_then(|id| self.manager.status(id));
                match template.map(|status| (status.name, status.active)) {
                    None => "it has no template".to_owned(),
                    Some((name, ActiveState::Failed)) => format!("{name} has failed; see tenantd logs {name}"),
                    Some((name, _)) => format!("{name} is not ready yet"),
                }
            }
        };
        self.tell_exec(id, why);
    }

    /// The unit's processes are signalled: what is being forked for it is not wanted any more.
    pub(super) fn take_back(&mut self, id: UnitId) {
        let forking = self.end_fork(id);
        if forking.is_some_and(|forking| forking.pid.is_none()) {
            self.manager.dispatch(self.now, Event::Unforked { unit: id, fault: false });
        }
    }

    /// Somebody whom nobody knows has died: perhaps he has said who he is.
    pub(super) fn hear_children(&mut self) {
        let waiting: Vec<UnitId> =
            self.preload.forks.iter().filter(|(_, it)| it.pid.is_none()).map(|(id, _)| id).collect();
        waiting.into_iter().for_each(|id| self.child_says(id));
    }

    /// Templates that have not forked in time.
    pub(super) fn elapse_forks(&mut self) {
        let now = self.now;
        let late = |forking: &Forking| forking.pid.is_none() && forking.due <= now;
        let late: Vec<UnitId> = self.preload.forks.iter().filter(|(_, it)| late(it)).map(|(id, _)| id).collect();
        for id in late {
            self.not_forked(id, format!("its template did not fork in {}s", HELLO.as_secs()), true);
        }
    }
}

/// The complete environment of what gets a socket passed, but for its pid.
fn passed(mut environment: BTreeMap<String, String>, name: &str) -> BTreeMap<String, String> {
    environment.retain(|key, _| !matches!(key.as_str(), "LISTEN_PID" | "LISTEN_FDS"));
    environment.insert("LISTEN_FDNAMES".to_owned(), name.to_owned());
    environment
}

fn same(one: &Ids, other: &Ids) -> bool {
    (one.uid, one.gid, &one.groups) == (other.uid, other.gid, &other.groups)
}
