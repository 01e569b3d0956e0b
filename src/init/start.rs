//! Makes processes: what surrounds each, and who watches it from then on.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use super::{Init, settings};
use crate::journal::Stream;
use crate::manager::{Event, Step};
use crate::poller::{Source, data};
use crate::process::directories::Unmade;
use crate::process::{self, Child, Ids, NoUser, Place, Plan, Third, environment_file};
use crate::unit::{Priority, Unit, UnitId};

/// Points of `oom_score_adj` for everything but the high-priority units: the kernel takes a tenant first.
pub(super) const OOM_POINTS: i32 = 100;

/// What a new process of a unit is given, made or looked up.
pub(super) struct Surroundings {
    pub place: Place,
    pub ids: Option<Result<Ids, NoUser>>,
    pub unmade: Option<Unmade>,
    pub environment: BTreeMap<String, String>,
}

/// What a unit asks for, or what all tenants get.
pub(super) fn oom_points(unit: &Unit) -> Option<i32> {
    unit.service.oom_score_adj.or((unit.priority == Priority::Normal).then_some(OOM_POINTS))
}

/// The words of a step, as long as the configuration has it.
fn command(unit: &Unit, step: Step) -> Option<&Vec<String>> {
    let service = &unit.service;
    match step {
        Step::Start | Step::Replace => Some(&service.exec_start),
        Step::StartPre(n) => service.exec_start_pre.get(n),
        Step::StartPost(n) => service.exec_start_post.get(n),
        Step::Reload(n) => service.exec_reload.get(n),
        Step::Stop(n) => service.exec_stop.get(n),
        Step::StopPost(n) => service.exec_stop_post.get(n),
    }
}

impl Init {
    /// Makes the process of this step.
    pub(super) fn spawn(&mut self, id: UnitId, step: Step) {
        if self.manager.unit(id).is_none_or(|unit| command(unit, step).is_none()) {
            // A reload has taken the command away in the very moment.
            return self.manager.dispatch(self.now, Event::SpawnFailed(id));
        }
        if step == Step::Start {
            self.note_exec(id);
        }
        let made = self.surroundings(id, step).and_then(|made| Ok((made, self.control_of(id, step)?)));
        let (Surroundings { place, ids, unmade, environment }, control) = match made {
            Ok(made) => made,
            Err(why) => return self.not_spawned(id, &why),
        };
        let Some(unit) = self.manager.unit(id) else { return };
        let Some(argv) = command(unit, step) else { return };
        let service = &unit.service;
        let listener = if step == Step::Start { self.proxy.passed(id) } else { None };
        let listener = listener.map(|fd| Third::Listener(fd, unit.name.prefix()));
        let rlimits: Vec<_> = service.limits().map(|(_, resource, limit)| (resource, limit)).collect();
        let plan = Plan {
            argv,
            environment: &environment,
            working_directory: service.working_directory.as_deref().unwrap_or(Path::new("/")),
            user: ids.as_ref(),
            stdin: None,
            third: listener.or(control.as_ref().map(|control| Third::Control(control.theirs.as_fd()))),
            limits: &self.inherited,
            oom_score_adj: oom_points(unit),
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
                let pid = child.pid;
                self.adopt(id, child, program);
                if let Some(control) = control {
                    self.boots(id, pid, control, environment);
                }
            }
            Err(error) => self.not_spawned(id, &error),
        }
    }

    /// All that a new process of the unit is given, made or looked up. The error is one line.
    pub(super) fn surroundings(&mut self, id: UnitId, step: Step) -> Result<Surroundings, String> {
        let unit = self.manager.unit(id).ok_or("the unit is gone")?;
        let service = &unit.service;
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
        let files = environment_file::read(&service.environment_file).map_err(|error| error.to_string())?;
        let environment = self.environment(id, step, user, files);
        Ok(Surroundings { place, ids, unmade, environment })
    }

    /// No process: the unit's result is `resources`.
    fn not_spawned(&mut self, id: UnitId, why: &dyn std::fmt::Display) {
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
        self.read_output(id, pid, stdout, stderr);
        self.executed.insert(id, (pid, program, executed));
        self.watch(Source::Executed(data(id)));
        self.manager.dispatch(self.now, Event::Spawned(id, pid));
    }

    /// What a process of the unit writes goes to the journal.
    pub(super) fn read_output(&mut self, id: UnitId, pid: u32, stdout: OwnedFd, stderr: OwnedFd) {
        let Some(unit) = self.manager.unit(id) else { return };
        let streams = [(Stream::Stdout, stdout), (Stream::Stderr, stderr)];
        let keys = streams.map(|(stream, fd)| self.journal.attach(id, &unit.name, pid, stream, fd));
        keys.into_iter().for_each(|key| self.watch(Source::Stream(data(key))));
    }
}
