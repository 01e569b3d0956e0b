//! Effects: what the manager wants done, done.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use super::{Init, settings};
use crate::control::OperatorKey;
use crate::journal::Stream;
use crate::manager::{Action, Event, JobId, JobResult, Line, Step, Whom};
use crate::poller::{Source, data};
use crate::process::{self, Child, Ids, Plan, Third};
use crate::unit::{self, Priority, ServiceType, UnitId};

/// Points of `oom_score_adj` for everything but the high-priority units: the kernel takes a tenant first.
pub(super) const OOM_POINTS: i32 = 100;

impl Init {
    /// Carries out one effect.
    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Spawn(unit, step) => self.spawn(unit, step),
            Action::Kill(unit, whom, signal) => self.signal(unit, whom, signal),
            Action::MakeRoom(wanted) => self.proxy.make_room(wanted),
            Action::Watch(unit) => self.proxy.watch(unit),
            Action::Unwatch(unit) => self.proxy.unwatch(unit),
            Action::Open(unit) => self.proxy.open(unit),
            Action::Hold(unit) => self.proxy.hold(unit),
            Action::Gone(unit) => self.proxy.gone(unit),
            Action::Refuse(unit, until) => self.proxy.refuse(unit, until),
            Action::Probe(unit) => self.proxy.probe(unit),
            Action::Renew(unit) => self.renew(unit),
            Action::Remove(unit) => self.remove(unit),
            Action::Finish(job, result) => self.finish(job, result),
            Action::Tell(unit, line) => self.tell(unit, &line),
            Action::Exit(code) => self.exit = Some(code),
        }
    }

    fn spawn(&mut self, id: UnitId, step: Step) {
        let Some(unit) = self.manager.unit(id) else { return };
        let service = &unit.service;
        let argv = match step {
            Step::Start => Some(&service.exec_start),
            Step::StartPre(n) => service.exec_start_pre.get(n),
            Step::StartPost(n) => service.exec_start_post.get(n),
            Step::Reload(n) => service.exec_reload.get(n),
            Step::Stop(n) => service.exec_stop.get(n),
            Step::StopPost(n) => service.exec_stop_post.get(n),
        };
        let Some(argv) = argv else {
            // A reload has taken the command away in the very moment.
            return self.manager.dispatch(self.now, Event::SpawnFailed(id));
        };
        let (place, troubles) = self.tracker.place(id, unit);
        for trouble in troubles {
            self.journal.say(Some(&unit.name), format_args!("{trouble}"));
        }
        let ids = process::user::of(service);
        let user = match &ids {
            Some(Ok(ids)) => Some(ids),
            _ => None,
        };
        let unmade = if matches!(ids, Some(Err(_))) { None } else { settings::make_directories(service, user) };
        let files = match process::environment_file::read(&service.environment_file) {
            Ok(files) => files,
            Err(error) => return self.not_spawned(id, &error),
        };
        let environment = self.environment(id, step, user, files);
        let listener = if step == Step::Start { self.proxy.passed(id) } else { None };
        let rlimits: Vec<_> = service.limits().map(|(_, resource, limit)| (resource, limit)).collect();
        let plan = Plan {
            argv,
            environment: &environment,
            working_directory: service.working_directory.as_deref().unwrap_or(Path::new("/")),
            user: ids.as_ref(),
            stdin: None,
            third: listener.map(|fd| Third::Listener(fd, unit.name.prefix())),
            limits: &self.inherited,
            oom_score_adj: service.oom_score_adj.or((unit.priority == Priority::Normal).then_some(OOM_POINTS)),
            oom_score_must: service.oom_score_adj.is_some(),
            nice: service.nice,
            rlimits: &rlimits,
            umask: service.umask,
            unmade,
            place: Some(&place),
        };
        match process::spawn(&plan) {
            Ok(child) => {
                let program = argv.first().cloned().unwrap_or_default();
                self.adopt(id, child, program);
            }
            Err(error) => self.not_spawned(id, &error),
        }
    }

    /// No process: the unit's result is `resources`.
    fn not_spawned(&mut self, id: UnitId, why: &dyn std::error::Error) {
        let name = self.manager.unit(id).map(|unit| &unit.name);
        self.journal.say(name, format_args!("{why}"));
        self.manager.dispatch(self.now, Event::SpawnFailed(id));
    }

    fn environment(
        &self,
        id: UnitId,
        step: Step,
        user: Option<&Ids>,
        files: Vec<(String, String)>,
    ) -> BTreeMap<String, String> {
        let Some(unit) = self.manager.unit(id) else { return BTreeMap::new() };
        let notify = ("NOTIFY_SOCKET", self.notify_path.to_string_lossy().into_owned());
        let port = self.proxy.listener(id).and_then(|listener| listener.port());
        let given = files.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let given = given.chain(settings::directory_variables(&unit.service));
        let given = given.chain([notify]).chain(port.map(|port| ("PORT", port.to_string())));
        let given = given.chain(self.manager.variables(id, step));
        let own;
        let ids = match user {
            Some(ids) => ids,
            None => {
                own = process::user::own();
                &own
            }
        };
        process::environment::complete(&unit.service, ids, settings::variable, given)
    }

    /// Watches a new process: its end, its output, and the pipe that tells whether its program runs.
    fn adopt(&mut self, id: UnitId, child: Child, program: String) {
        let Child { pid, executed, stdout, stderr } = child;
        self.tracker.add(id, pid);
        let Some(unit) = self.manager.unit(id) else { return };
        let mut keys = Vec::with_capacity(2);
        for (stream, fd) in [(Stream::Stdout, stdout), (Stream::Stderr, stderr)] {
            let key = self.journal.attach(id, &unit.name, pid, stream, fd);
            keys.push(key);
        }
        self.executed.insert(id, (pid, program, executed));
        keys.into_iter().for_each(|key| self.watch(Source::Stream(data(key))));
        self.watch(Source::Executed(data(id)));
        self.manager.dispatch(self.now, Event::Spawned(id, pid));
    }

    /// Watches a pipe of a process. Where that cannot be had now, the pipe is looked at after a pause, until it can.
    pub(super) fn watch(&mut self, source: Source) {
        let fd = match source {
            Source::Stream(key) => self.journal.fd(key.into()),
            Source::Executed(key) => self.executed.get(key.into()).map(|(_, _, fd)| fd.as_fd()),
            _ => None,
        };
        match fd.map(|fd| self.registry.add_reader(fd, source)) {
            // It is watched: only a read had failed.
            Some(Err(error)) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Some(Err(error)) => {
                log::debug!("cannot watch a pipe: {error}; trying again");
                self.again.add(self.now, source);
            }
            Some(Ok(())) | None => {}
        }
    }

    /// Signals processes of a unit; that they are gone is no trouble.
    pub(super) fn signal(&mut self, unit: UnitId, whom: Whom, signal: unit::Signal) {
        if let Err(error) = self.tracker.signal(unit, whom, signal) {
            let name = self.manager.unit(unit).map(|unit| &unit.name);
            self.journal.say(name, format_args!("cannot send {signal}: {error}"));
        }
    }

    fn tell(&mut self, id: UnitId, line: &Line) {
        if matches!(line, Line::Started(..)) {
            self.proxy.started(id);
        }
        let Some(unit) = self.manager.unit(id) else { return };
        self.journal.say(Some(&unit.name), format_args!("{line}"));
        let remains = unit.service.kind == ServiceType::Oneshot && unit.service.remain_after_exit;
        match line {
            Line::Finished(_) if remains => {}
            Line::Stopped | Line::Finished(_) | Line::Failed(..) | Line::Limited(..) => self.remove_directories(id),
            _ => {}
        }
    }

    fn finish(&mut self, job: JobId, result: JobResult) {
        let operator = OperatorKey::from(slotmap::KeyData::from_ffi(job.0));
        self.answer_job(operator, &result);
    }
}
