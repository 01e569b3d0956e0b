//! The world of the stories: a manager, a clock that is only moved by hand, and processes that are numbers.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::config;
use crate::manager::{Action, Changed, Event, Exit, JobId, JobKind, Line, Manager, Notice, Status, Step, Whom};
use crate::unit::{
    Listen, Name, Pass, Priority, Restart, Route, Service, ServiceType, Signal, Socket, Target, Unit, UnitId,
};

/// A service with the defaults of the design.
pub(in crate::manager) fn service() -> Service {
    Service { exec_start: vec!["/bin/app".into()], timeout_stop: Duration::from_secs(6), ..Service::default() }
}

/// An exec service that nothing starts.
pub(in crate::manager) fn plain(name: &str) -> Unit {
    Unit { description: String::new(), ..Unit::bare(named(name), service()) }
}

/// A high-priority exec service.
pub(in crate::manager) fn high(name: &str) -> Unit {
    Unit { priority: Priority::High, wanted_by: vec![Target::Boot], ..plain(name) }
}

/// A notify tenant with a passed socket.
pub(in crate::manager) fn tenant(name: &str) -> Unit {
    let mut unit = plain(name);
    unit.service.kind = ServiceType::Notify;
    unit.socket = Some(Socket { listen: Listen::Unix(PathBuf::from("/run/x.sock")), pass: Pass::Fds, mode: 0o660 });
    let (wait, path) = (Duration::from_secs(25), format!("/{name}"));
    unit.route = Some(Route { path, wait, ..Route::default() });
    unit
}

fn named(name: &str) -> Name {
    Name::new(name).unwrap_or_else(|_| panic!("{name} is no name"))
}

impl Unit {
    pub(in crate::manager) fn kind(mut self, kind: ServiceType) -> Self {
        self.service.kind = kind;
        self
    }
    pub(in crate::manager) fn restart(mut self, restart: Restart) -> Self {
        self.service.restart = restart;
        self
    }
    pub(in crate::manager) fn pre(mut self, commands: usize) -> Self {
        self.service.exec_start_pre = vec![vec!["/bin/true".into()]; commands];
        self
    }
    /// Changes the service.
    pub(in crate::manager) fn service(mut self, change: impl FnOnce(&mut Service)) -> Self {
        change(&mut self.service);
        self
    }
    pub(in crate::manager) fn port(mut self) -> Self {
        self.service.kind = ServiceType::Exec;
        if let Some(socket) = &mut self.socket {
            socket.pass = Pass::Port;
        }
        self
    }
    pub(in crate::manager) fn after(mut self, name: &str) -> Self {
        self.after.push(named(name));
        self
    }
    pub(in crate::manager) fn requires(mut self, name: &str) -> Self {
        self.requires.push(named(name));
        self
    }
    pub(in crate::manager) fn before(mut self, name: &str) -> Self {
        self.before.push(named(name));
        self
    }
    pub(in crate::manager) fn binds_to(mut self, name: &str) -> Self {
        self.binds_to.push(named(name));
        self
    }
    pub(in crate::manager) fn part_of(mut self, name: &str) -> Self {
        self.part_of.push(named(name));
        self
    }
    pub(in crate::manager) fn conflicts(mut self, name: &str) -> Self {
        self.conflicts.push(named(name));
        self
    }
    pub(in crate::manager) fn wanted_by(mut self, target: Target) -> Self {
        self.wanted_by.push(target);
        self
    }
    pub(in crate::manager) fn essential(mut self) -> Self {
        self.service.essential = true;
        self
    }
    pub(in crate::manager) fn wants(mut self, name: &str) -> Self {
        self.wants.push(named(name));
        self
    }
}

/// A manager and its surroundings. Every verb returns the actions in words, without the log.
pub(in crate::manager) struct World {
    pub manager: Manager,
    pub now: Instant,
    /// Spawns of these units fail.
    pub broken: Vec<&'static str>,
    pids: HashMap<UnitId, u32>,
    next: u32,
    log: Vec<String>,
}

impl World {
    /// A world with two boot slots and 8 s to stop (and half a second more), booted; what boot did is not told.
    pub fn booted(units: impl IntoIterator<Item = Unit>) -> Self {
        let mut world = Self::new(units);
        world.event(Event::Booted);
        world.log.clear();
        world
    }

    pub fn new(units: impl IntoIterator<Item = Unit>) -> Self {
        Self::pooled(None, units)
    }

    /// A world where so many tenants run at most.
    pub fn pooled(running: Option<usize>, units: impl IntoIterator<Item = Unit>) -> Self {
        let (pool, shutdown) =
            (config::Pool { boots: 2, running }, config::Shutdown { budget: Duration::from_millis(8_500) });
        let manager = Manager::new(units.into_iter().collect(), pool, shutdown, 1, Instant::now());
        Self { manager, now: Instant::now(), broken: Vec::new(), pids: HashMap::new(), next: 100, log: Vec::new() }
    }

    pub fn id(&self, name: &str) -> UnitId {
        self.manager.find(name).unwrap_or_else(|| panic!("no unit {name}"))
    }

    /// The process that was last made for the unit.
    pub fn pid(&self, name: &str) -> u32 {
        self.pids[&self.id(name)]
    }

    pub fn status(&self, name: &str) -> Status {
        self.manager.status(self.id(name)).unwrap_or_else(|| panic!("no status of {name}"))
    }

    /// SubState.
    pub fn sub(&self, name: &str) -> &'static str {
        self.status(name).sub
    }

    /// The time until a failed unit is tried again.
    pub fn hold(&self, name: &str) -> Option<Duration> {
        self.status(name).retry.map(|at| at - self.now)
    }

    pub fn event(&mut self, event: Event) -> Vec<String> {
        self.manager.dispatch(self.now, event);
        self.actions()
    }

    pub fn wanted(&mut self, name: &str) -> Vec<String> {
        self.event(Event::Wanted(self.id(name)))
    }
    pub fn idled(&mut self, name: &str) -> Vec<String> {
        self.event(Event::Idled(self.id(name)))
    }
    pub fn drained(&mut self, name: &str) -> Vec<String> {
        self.event(Event::Drained(self.id(name)))
    }
    pub fn executed(&mut self, name: &str) -> Vec<String> {
        self.event(Event::Executed(self.id(name), self.pid(name)))
    }
    pub fn ready(&mut self, name: &str) -> Vec<String> {
        self.event(Event::Notified(self.id(name), Notice::Ready))
    }
    pub fn exit(&mut self, name: &str, code: u8) -> Vec<String> {
        self.event(Event::Exited { pid: self.pid(name), exit: Exit::Code(code), rest: false })
    }
    pub fn die(&mut self, name: &str, signal: i32) -> Vec<String> {
        self.event(Event::Exited { pid: self.pid(name), exit: Exit::Signal(signal, false), rest: false })
    }
    /// The process that was made last has ended; others of the unit live on.
    pub fn exit_with_rest(&mut self, name: &str, code: u8) -> Vec<String> {
        self.event(Event::Exited { pid: self.pid(name), exit: Exit::Code(code), rest: true })
    }
    /// A process that is not the last one.
    pub fn exit_of(&mut self, pid: u32, code: u8) -> Vec<String> {
        self.event(Event::Exited { pid, exit: Exit::Code(code), rest: false })
    }
    pub fn emptied(&mut self, name: &str) -> Vec<String> {
        self.event(Event::Emptied(self.id(name)))
    }
    pub fn notified(&mut self, name: &str, notice: Notice) -> Vec<String> {
        self.event(Event::Notified(self.id(name), notice))
    }
    pub fn start(&mut self, job: u64, name: &str) -> Vec<String> {
        self.event(Event::Asked(JobId(job), self.id(name), JobKind::Start))
    }
    pub fn stop(&mut self, job: u64, name: &str) -> Vec<String> {
        self.event(Event::Asked(JobId(job), self.id(name), JobKind::Stop))
    }
    pub fn restart(&mut self, job: u64, name: &str) -> Vec<String> {
        self.event(Event::Asked(JobId(job), self.id(name), JobKind::Restart))
    }

    pub fn reload(&mut self, job: u64, name: &str) -> Vec<String> {
        self.event(Event::Asked(JobId(job), self.id(name), JobKind::Reload))
    }

    /// These are the units from now on: what changes, in words, and what is done.
    pub fn replace(&mut self, units: impl IntoIterator<Item = Unit>) -> (Vec<String>, Vec<String>) {
        let (pool, shutdown) =
            (config::Pool { boots: 2, running: None }, config::Shutdown { budget: Duration::from_secs(8) });
        let changed = self.manager.replace(self.now, units.into_iter().collect(), pool, shutdown);
        let words = |changed: &Changed| {
            format!("{} {} {}", changed.name, changed.change, changed.keys.join(" ")).trim_end().to_owned()
        };
        (changed.iter().map(words).collect(), self.actions())
    }

    /// Lets the time pass, deadline by deadline.
    pub fn pass(&mut self, time: Duration) -> Vec<String> {
        let end = self.now + time;
        let mut said = Vec::new();
        while let Some(at) = self.manager.deadline().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.manager.elapse(self.now);
            said.extend(self.actions());
        }
        self.now = end;
        self.manager.elapse(end);
        said.extend(self.actions());
        said
    }

    pub fn ms(&mut self, millis: u64) -> Vec<String> {
        self.pass(Duration::from_millis(millis))
    }

    /// Waits until the unit's hold has ended.
    pub fn hold_ends(&mut self, name: &str) -> Vec<String> {
        let hold = self.hold(name).unwrap_or_else(|| panic!("{name} has no hold"));
        self.pass(hold)
    }

    /// What the log says since the last call; durations of holds are left out.
    pub fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// Brings a notify or exec unit up.
    pub fn up(&mut self, name: &str) {
        if self.sub(name) == "dead" {
            self.start(0, name);
        }
        self.executed(name);
        self.ready(name);
        assert_eq!(self.sub(name), "running", "{name}");
        self.log.clear();
    }

    /// Performs every action as the root does: one after the other, and a spawn is answered at once.
    fn actions(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(action) = self.manager.action() {
            match &action {
                Action::Spawn(id, _) => {
                    let id = *id;
                    said.push(self.words(&action));
                    self.spawn(id);
                }
                Action::Tell(id, line) => {
                    let line = match line {
                        Line::Failed(outcome, Some(_)) => format!("failed: {outcome}; next try"),
                        line => line.to_string(),
                    };
                    self.log.push(format!("{} {line}", self.name(*id)));
                }
                action => said.push(self.words(action)),
            }
        }
        said
    }

    fn spawn(&mut self, id: UnitId) {
        if self.broken.contains(&self.name(id).as_str()) {
            return self.manager.dispatch(self.now, Event::SpawnFailed(id));
        }
        self.next += 1;
        self.pids.insert(id, self.next);
        self.manager.dispatch(self.now, Event::Spawned(id, self.next));
    }

    /// A pid for a process of the unit that somebody else makes.
    pub fn newcomer(&mut self, name: &str) -> u32 {
        self.next += 1;
        self.pids.insert(self.id(name), self.next);
        self.next
    }

    fn name(&self, id: UnitId) -> String {
        self.manager.unit(id).map_or_else(String::new, |unit| unit.name.to_string())
    }

    fn words(&self, action: &Action) -> String {
        let (id, word) = match action {
            Action::Spawn(id, Step::StartPre(n)) => (id, format!("spawn pre {n}")),
            Action::Spawn(id, Step::Start) => (id, "spawn".into()),
            Action::Spawn(id, Step::Replace) => (id, "spawn beside".into()),
            Action::Recycle(id) => (id, "recycle".into()),
            Action::Spawn(id, Step::StartPost(n)) => (id, format!("spawn post {n}")),
            Action::Spawn(id, Step::Reload(n)) => (id, format!("spawn reload {n}")),
            Action::Spawn(id, Step::Stop(n)) => (id, format!("spawn stop {n}")),
            Action::Spawn(id, Step::StopPost(n)) => (id, format!("spawn stop-post {n}")),
            Action::Fork(id, _) => (id, "fork".into()),
            Action::Kill(id, Whom::All, Signal::KILL) => (id, "kill".into()),
            Action::Kill(id, Whom::All, Signal::TERM) => (id, "terminate".into()),
            Action::Kill(id, Whom::All, signal) => (id, format!("{signal}")),
            Action::Kill(id, Whom::Own, signal) => (id, format!("{signal} to its own")),
            Action::Kill(id, Whom::Process(_), signal) => (id, format!("{signal} to one")),
            Action::MakeRoom(wanted) => return format!("make room {wanted}"),
            Action::Watch(id) => (id, "watch".into()),
            Action::Unwatch(id) => (id, "unwatch".into()),
            Action::Open(id) => (id, "open".into()),
            Action::Hold(id) => (id, "hold".into()),
            Action::Gone(id) => (id, "gone".into()),
            Action::Refuse(id, _) => (id, "refuse".into()),
            Action::Probe(id) => (id, "probe".into()),
            Action::Renew(id) => (id, "renew".into()),
            Action::Remove(id) => (id, "remove".into()),
            Action::Tell(id, line) => (id, line.to_string()),
            Action::Finish(job, result) => return format!("job {} {result}", job.0),
            Action::Exit(code) => return format!("exit {code}"),
        };
        format!("{} {word}", self.name(*id))
    }
}
