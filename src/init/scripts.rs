//! The processes of CGI scripts: made when the forwarder wants one, killed when it says so, and their ends told to it. A run
//! is no unit: nothing restarts it, and nobody waits for it but its client.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use slotmap::SecondaryMap;

use super::start::OOM_POINTS;
use super::{Init, settings};
use crate::journal::{Stream, StreamKey};
use crate::manager::{Exit, Whom};
use crate::poller::{Source, data};
use crate::process::{self, Child, Death, Executed, Plan, Tracker};
use crate::proxy::{Order, RunKey};
use crate::unit::{Service, Signal, Unit};

/// All runs that have a process.
#[derive(Debug)]
pub(super) struct Runs {
    pub tracker: Tracker<RunKey>,
    all: SecondaryMap<RunKey, Run>,
}

/// What has to be remembered of a run until its end.
#[derive(Debug)]
struct Run {
    unit: Unit,
    reload: bool,
    /// Nobody has chosen its working directory.
    homeless: bool,
    /// Tells whether its program could be executed.
    executed: OwnedFd,
    stderr: StreamKey,
}

impl Runs {
    /// None yet.
    pub fn new(tracker: Tracker<RunKey>) -> Self {
        Self { tracker, all: SecondaryMap::new() }
    }
}

impl Init {
    /// Runs a script.
    pub(super) fn call(&mut self, key: RunKey) {
        let Some(Order { script, number, variables }) = self.proxy.order(key) else { return };
        let mut unit = script.unit.clone();
        unit.name = unit.name.numbered(number);
        let (place, troubles) = self.runs.tracker.place(key, &unit);
        for trouble in troubles {
            self.journal.say(Some(&script.unit.name), format_args!("{trouble}"));
        }
        let spawned = process::input().and_then(|(read, write)| {
            let service = &unit.service;
            let ids = process::user::of(service);
            let plan = Plan {
                argv: &service.exec_start,
                environment: &environment(service, variables),
                working_directory: service.working_directory.as_deref().unwrap_or(Path::new("/")),
                user: ids.as_ref(),
                stdin: Some(read.as_fd()),
                third: None,
                limits: &self.inherited,
                oom_score_adj: Some(OOM_POINTS),
                oom_score_must: false,
                nice: None,
                rlimits: &[],
                umask: None,
                unmade: None,
                place: Some(&place),
            };
            process::spawn(&plan).map(|child| (child, write))
        });
        match spawned {
            Ok((Child { pid, executed, stdout, stderr }, stdin)) => {
                self.runs.tracker.add(key, pid);
                let name = &script.unit.name;
                let (reload, homeless) = (script.config.reload_config, script.config.working_directory.is_none());
                let stderr = self.journal.attach(None, name, pid, Stream::Stderr, stderr);
                self.watch(Source::Stream(data(stderr)));
                self.runs.all.insert(key, Run { unit, reload, homeless, executed, stderr });
                self.proxy.called(key, stdin, stdout);
            }
            Err(error) => {
                self.journal.say(Some(&script.unit.name), format_args!("{error}"));
                self.proxy.not_called(key);
            }
        }
    }

    /// Kills what there is of a run.
    pub(super) fn cut(&mut self, key: RunKey) {
        if let Err(error) = self.runs.tracker.signal(key, Whom::All, Signal::KILL) {
            let name = self.runs.all.get(key).map(|run| &run.unit.name);
            self.journal.say(name, format_args!("cannot send SIGKILL: {error}"));
        }
    }

    /// The script has ended, and what it has left behind ends with it.
    pub(super) fn has_run(&mut self, Death { unit: key, exit, rest, .. }: Death<RunKey>) {
        if rest {
            self.cut(key);
        }
        let Some(run) = self.runs.all.remove(key) else { return };
        // Its last words come before ours.
        self.journal.ready(run.stderr);
        let end = match (exit, process::read_executed(run.executed.as_fd())) {
            (_, Executed::Failed { step, errno, which }) => {
                let program = run.unit.service.exec_start.first().map_or("", String::as_str);
                let own = step == "CHDIR" && run.homeless;
                Err(match own {
                    true => format!("cannot execute {program}: its directory cannot be entered"),
                    false => settings::refusal(&run.unit, program, step, errno, which),
                })
            }
            (Exit::Code(0), _) => Ok(()),
            (Exit::Code(code), _) => Err(format!("exit code {code}")),
            (Exit::Signal(signal, _), _) => match Signal::new(signal) {
                Some(signal) => Err(format!("killed by {signal}")),
                None => Err(format!("killed by signal {signal}")),
            },
            (Exit::OutOfMemory, _) => Err("out of memory (memory_max)".to_owned()),
        };
        let good = end.is_ok();
        self.proxy.has_run(key, end);
        if good && run.reload && !self.stopping {
            self.journal
                .say(Some(&run.unit.name), format_args!("done: the configuration is read again (reload_config)"));
            self.reload(None);
        }
    }

    /// All ends now: nothing that a script has started outlives us.
    pub(super) fn cut_all(&mut self) {
        for key in self.runs.all.keys().collect::<Vec<_>>() {
            self.cut(key);
        }
    }
}

/// The variables of CGI win over those of the configuration.
fn environment(service: &Service, variables: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let ids = match process::user::of(service) {
        Some(Ok(ids)) => ids,
        _ => process::user::own(),
    };
    let given = variables.iter().map(|(name, value)| (name.as_str(), value.clone()));
    process::environment::complete(service, &ids, settings::variable, given)
}
