//! Effects: what the manager wants done, done.

use std::io;
use std::path::Path;

use rustix::process::Signal;

use super::Init;
use crate::control::OperatorKey;
use crate::journal::Stream;
use crate::manager::{Action, Event, JobId, JobResult, Line, Step, Whom};
use crate::poller::{Source, data};
use crate::process::{self, Child, Plan};
use crate::unit::{self, Priority, Unit, UnitId};

/// Points of `oom_score_adj` for everything but the high-priority units: the kernel takes a tenant first.
const OOM_POINTS: i32 = 100;

impl Init {
    /// Carries out one effect.
    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Spawn(unit, step) => self.spawn(unit, step),
            Action::Kill(unit, whom, signal) => self.signal(unit, whom, signal),
            Action::MakeRoom(_) => {}
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
        let environment = self.environment(id, unit, step);
        let listener = if step == Step::Start { self.proxy.passed(id) } else { None };
        let plan = Plan {
            argv,
            environment: &environment,
            working_directory: service.working_directory.as_deref().unwrap_or(Path::new("/")),
            user: service.user.as_deref(),
            listener: listener.map(|fd| (fd, unit.name.prefix())),
            limits: &self.inherited,
            oom_score_adj: (unit.priority == Priority::Normal).then_some(OOM_POINTS),
        };
        match process::spawn(&plan) {
            Ok(child) => {
                let program = argv.first().cloned().unwrap_or_default();
                self.adopt(id, child, program);
            }
            Err(error) => {
                self.journal.say(Some(&unit.name), format_args!("{error}"));
                self.manager.dispatch(self.now, Event::SpawnFailed(id));
            }
        }
    }

    fn environment(&self, id: UnitId, unit: &Unit, step: Step) -> std::collections::BTreeMap<String, String> {
        let ids = unit.service.user.as_deref().and_then(|user| process::user::look_up(user).ok());
        let notify = ("NOTIFY_SOCKET", self.notify_path.to_string_lossy().into_owned());
        let port = self.proxy.listener(id).and_then(|listener| listener.port());
        let given = std::iter::once(notify).chain(port.map(|port| ("PORT", port.to_string())));
        let given = given.chain(self.manager.variables(id, step));
        let ours = |name: &str| std::env::var(name).ok();
        process::environment::complete(&unit.service, &ids.unwrap_or_else(process::user::own), ours, given)
    }

    /// Watches a new process: its output, and the pipe that tells whether its program runs.
    fn adopt(&mut self, id: UnitId, child: Child, program: String) {
        let Child { pid, executed, stdout, stderr } = child;
        let Some(unit) = self.manager.unit(id) else { return };
        for (stream, fd) in [(Stream::Stdout, stdout), (Stream::Stderr, stderr)] {
            let key = self.journal.attach(id, &unit.name, pid, stream, fd);
            let watched = self.journal.fd(key).map(|fd| self.registry.add_reader(fd, Source::Stream(data(key))));
            if let Some(Err(error)) = watched {
                self.journal.say(Some(&unit.name), format_args!("its output is lost: {error}"));
            }
        }
        use std::os::fd::AsFd;
        if let Err(error) = self.registry.add_reader(executed.as_fd(), Source::Executed(data(id))) {
            self.journal.say(Some(&unit.name), format_args!("cannot watch its start: {error}"));
        }
        self.executed.insert(id, (pid, program, executed));
        self.manager.dispatch(self.now, Event::Spawned(id, pid));
    }

    fn signal(&mut self, unit: UnitId, whom: Whom, signal: unit::Signal) {
        let Some(signal) = Signal::from_named_raw(signal.number()) else { return };
        match whom {
            Whom::Process(pid) => self.kill(unit, pid, signal),
            Whom::Own | Whom::All => {
                for pid in self.manager.pids(unit).collect::<Vec<_>>() {
                    self.kill(unit, pid, signal);
                }
            }
        }
    }

    /// Signals a whole process group, whose leader is not buried yet.
    pub(super) fn kill(&mut self, unit: UnitId, pid: u32, signal: Signal) {
        if let Err(error) = process::kill_group(pid, signal) {
            let name = self.manager.unit(unit).map(|unit| &unit.name);
            self.journal.say(name, format_args!("cannot signal process group {pid}: {error}"));
        }
    }

    fn tell(&mut self, id: UnitId, line: &Line) {
        if matches!(line, Line::Started(..)) {
            self.proxy.started(id);
        }
        if let Some(unit) = self.manager.unit(id) {
            self.journal.say(Some(&unit.name), format_args!("{line}"));
        }
    }

    fn finish(&mut self, job: JobId, result: JobResult) {
        let operator = OperatorKey::from(slotmap::KeyData::from_ffi(job.0));
        self.answer_job(operator, &result);
    }
}

/// Why a program does not run: the step that failed, as the unit file calls it, and what to do next.
pub(super) fn refusal(unit: &Unit, program: &str, step: &str, errno: i32) -> String {
    let error = io::Error::from_raw_os_error(errno);
    let user = unit.service.user.as_deref().unwrap_or_default();
    match step {
        "EXEC" => format!("cannot execute {program}: {error}"),
        "CHDIR" => {
            let directory = unit.service.working_directory.as_deref().unwrap_or(Path::new("/"));
            format!("cannot enter its working_directory {}: {error}", directory.display())
        }
        "USER" if errno == libc::ESRCH => {
            process::user::look_up(user).err().map_or(error.to_string(), |no| no.to_string())
        }
        "USER" | "GROUP" => format!("cannot become user {user}: {error}; run tenantd as root, or leave user out"),
        step => format!("cannot set up {program}: {step}: {error}"),
    }
}
