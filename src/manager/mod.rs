//! What to do about units: a pure machine. Facts ([`Event`]) in, effects ([`Action`]) out; never a clock or a process.
//!
//! Each unit is one table (`service`); what the proxy hears follows from its state (`door`); jobs merge in `job`,
//! wait in `order`; all ends in `shutdown`. Every change of a state passes `Manager::step`.

mod budget;
mod door;
mod ending;
mod essential;
mod event;
mod exit_status;
mod forking;
mod graph;
mod hook;
mod job;
mod lines;
mod look;
mod merge;
mod notice;
mod order;
mod outcome;
mod pool;
mod preload;
mod procs;
mod reload;
mod restart;
mod running;
mod service;
mod shutdown;
mod starting;
mod state;
mod targets;
mod words;

#[cfg(test)]
mod tests;

pub use event::{
    Action, ActiveState, Event, Exit, JobId, JobKind, JobResult, Line, Notice, Outcome, Overdue, Status, Step, Whom,
    Why,
};
pub use exit_status::name as exit_code_name;
pub use reload::Changed;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use slotmap::SlotMap;

use crate::config;
use crate::unit::{Name, Priority, Unit, UnitId};
use door::Doorman;
use graph::Graph;
use job::{Job, Word};
use pool::Counts;
use restart::Jitter;
use service::{Context, Effect, Input, Service};
use shutdown::Closing;
use state::State;
use targets::Targets;

/// Decides everything about units.
#[derive(Debug)]
pub struct Manager {
    units: SlotMap<UnitId, Entry>,
    names: HashMap<Name, UnitId>,
    graph: Graph,
    pool: config::Pool,
    shutdown: config::Shutdown,
    /// Of the jitter of units to come.
    seed: u64,
    /// The time of the event at hand.
    now: Instant,
    actions: VecDeque<Action>,
    timers: BTreeSet<(Instant, UnitId)>,
    /// Templates without tenants, and when they are stopped.
    unused: BTreeSet<(Instant, UnitId)>,
    owners: HashMap<u32, UnitId>,
    /// Units that wait to begin, in the order in which they were wanted.
    queue: Vec<UnitId>,
    /// Units whose stop waits for the stop of others.
    halts: Vec<UnitId>,
    counts: Counts,
    /// Tenants that wait for nothing but a place in the pool.
    crowd: usize,
    /// Room was asked for.
    making_room: bool,
    targets: Targets,
    /// An essential unit has ended, with this code.
    fallen: Option<u8>,
    /// Something has changed that a waiting unit may wait for.
    dirty: bool,
    closing: Option<Closing>,
    ended: bool,
}

/// One unit and all that is known about it.
#[derive(Debug)]
struct Entry {
    /// What it was started with.
    unit: Unit,
    /// What it will be once it is down.
    next: Option<Box<Unit>>,
    /// The configuration does not have it any more.
    leaving: bool,
    service: Service,
    door: Doorman,
    job: Option<Job>,
    /// A request came while it could not be started.
    wanted: bool,
    /// Its first start has ended, one way or the other.
    tried: bool,
    /// During the shutdown: when it must be gone.
    limit: Option<Instant>,
    since: Option<Instant>,
    text: String,
    /// Forks in a row that failed by this template's fault.
    faults: u32,
    /// A template without tenants: when it is stopped.
    unused: Option<Instant>,
}

impl Manager {
    /// A manager of these units, all down. `seed` makes the jitter of the back-off.
    ///
    /// Names in `after`, `requires` and `wants` that are no unit are left out.
    pub fn new(units: Vec<Unit>, pool: config::Pool, shutdown: config::Shutdown, seed: u64, now: Instant) -> Self {
        let mut map = SlotMap::with_capacity_and_key(units.len());
        let mut names = HashMap::with_capacity(units.len());
        for (n, unit) in units.into_iter().enumerate() {
            let name = unit.name.clone();
            names.insert(name, map.insert(Entry::new(unit, Jitter::new(seed.wrapping_add(n as u64)))));
        }
        Self {
            seed: seed.wrapping_add(map.len() as u64),
            graph: Graph::new(&map, &names),
            units: map,
            names,
            pool,
            shutdown,
            now,
            actions: VecDeque::new(),
            timers: BTreeSet::new(),
            unused: BTreeSet::new(),
            owners: HashMap::new(),
            queue: Vec::new(),
            halts: Vec::new(),
            counts: Counts::default(),
            crowd: 0,
            making_room: false,
            targets: Targets::default(),
            fallen: None,
            dirty: false,
            closing: None,
            ended: false,
        }
    }

    /// The next effect, in order. It is performed before the next is taken; what it causes may be dispatched at once.
    pub fn action(&mut self) -> Option<Action> {
        loop {
            match self.actions.pop_front() {
                Some(Action::Remove(id)) if !self.forget(id) => {}
                action => return action,
            }
        }
    }

    /// When [`Manager::elapse`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        if self.ended {
            return None;
        }
        let closing = self.closing.as_ref().map(Closing::deadline);
        self.timers.first().map(|&(at, _)| at).into_iter().chain(self.first_unused()).chain(closing).min()
    }

    /// Something has happened. What is to be done about it is queued for [`Manager::action`].
    pub fn dispatch(&mut self, now: Instant, event: Event) {
        // The last word is said.
        if self.ended {
            return;
        }
        self.now = now;
        match event {
            Event::Booted => self.booted(),
            // Nothing starts it any more.
            Event::Asked(job, id, _) if self.is_leaving(id) => self.say(Action::Finish(job, JobResult::Canceled)),
            Event::Wanted(id) if self.is_leaving(id) => {}
            Event::Asked(job, id, kind) => self.ask(job, id, kind),
            Event::Wanted(id) => self.want(id),
            Event::Unwanted(id) => self.unwant(id),
            Event::Idled(id) => self.idled(id),
            Event::Served(id) => self.step(id, Input::Served),
            Event::Drained(id) => self.step(id, Input::Drained),
            Event::Spawned(id, pid) => self.step(id, Input::Spawned(pid)),
            Event::SpawnFailed(id) => self.step(id, Input::SpawnFailed),
            Event::Unforked { unit, fault } => self.unforked(unit, fault),
            Event::Executed(id, pid) if self.owner(pid) == Some(id) => self.step(id, Input::Executed),
            Event::Reached(id) => self.step(id, Input::Reached),
            Event::Notified(id, notice) => self.notified(id, notice),
            Event::Exited { pid, exit, rest } => {
                if let Some(id) = self.owner(pid) {
                    self.step(id, Input::Exited(pid, exit, rest));
                }
            }
            Event::Emptied(id) => self.step(id, Input::Emptied),
            Event::Outdated(id) => self.reload(id, Word::NOBODY),
            Event::Reset(id) => self.step(id, Input::Reset),
            Event::Signalled => self.signalled(),
            Event::Idlest(id) => self.evict(id),
            // A pid that is no longer the unit's.
            Event::Executed(..) => {}
        }
        self.settle();
    }

    /// The clock says `now`: every deadline up to it has come.
    pub fn elapse(&mut self, now: Instant) {
        self.now = now;
        while let Some(&(at, id)) = self.timers.first()
            && at <= now
            && !self.ended
        {
            self.step(id, Input::Elapsed);
            self.settle();
        }
        self.stop_unused();
        self.hasten();
        self.settle();
    }

    fn idled(&mut self, id: UnitId) {
        if self.units.get(id).is_some_and(|entry| entry.service.state.up()) {
            self.step(id, Input::Halt(Why::Idle));
        }
    }

    fn say(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// Begins what may begin, stops what may stop.
    fn settle(&mut self) {
        while self.dirty && !self.ended {
            self.schedule();
            self.reach();
            self.close();
        }
        if !self.ended {
            self.make_room();
        }
    }

    /// Gives `input` to the unit's table and carries out what follows from the change. The one door to a state.
    fn step(&mut self, id: UnitId, input: Input) {
        let template = self.template(id).filter(|&template| self.forks(template));
        let Some(entry) = self.units.get_mut(id) else { return };
        let old = entry.service.state;
        let asked = entry.job.as_ref().is_some_and(|job| job.kind == JobKind::Stop && job.asked);
        let end = self.closing.as_ref().map(|closing| closing.budget.end(entry.unit.priority));
        let limit = end.map(|end| entry.limit.unwrap_or(end));
        let effect = entry
            .service
            .step(input, Context { now: self.now, unit: &entry.unit, limit, template: template.is_some() });
        let new = entry.service.state;
        if old != new {
            self.account(id, old, new);
            self.follow(id, old, new);
        }
        if let Some(effect) = effect {
            self.say(match effect {
                Effect::Spawn(step) => Action::Spawn(id, step),
                Effect::Fork => Action::Fork(id, template.unwrap_or_default()),
                Effect::Probe => Action::Probe(id),
                Effect::Kill(whom, signal) => Action::Kill(id, whom, signal),
            });
        }
        if new.down() && !old.down() {
            self.has_gone(id);
        }
        if old != new {
            self.conclude(id, old, new);
            if (old.up() || old.coming()) && !new.up() && !new.coming() {
                self.release(id);
            }
            self.fall(id, old, asked);
            self.tend(id, input, old, new);
        }
    }

    /// Keeps the timers, the pids and the boot slots.
    fn account(&mut self, id: UnitId, old: State, new: State) {
        self.dirty = true;
        if let Some(at) = old.deadline() {
            self.timers.remove(&(at, id));
        }
        if let Some(at) = new.deadline() {
            self.timers.insert((at, id));
        }
        for pid in old.procs().pids() {
            self.owners.remove(&pid);
        }
        for pid in new.procs().pids() {
            self.owners.insert(pid, id);
        }
        let Some(entry) = self.units.get_mut(id) else { return };
        if old.words() != new.words() {
            entry.since = Some(self.now);
        }
        if old.waiting() {
            entry.text.clear();
        }
        if entry.tenant() {
            self.counts.follow(old, new);
            if new.up() {
                self.busy();
            }
        }
    }

    /// Tells the log and the proxy.
    fn follow(&mut self, id: UnitId, old: State, new: State) {
        let Some(entry) = self.units.get_mut(id) else { return };
        if let Some(line) = lines::line(old, new, &entry.unit, &entry.service, self.now) {
            self.actions.push_back(Action::Tell(id, line));
        }
        entry.door.follow(id, &entry.unit, &new, self.closing.is_some(), &mut self.actions);
    }
}

impl Entry {
    fn new(unit: Unit, jitter: Jitter) -> Self {
        Self {
            unit,
            next: None,
            leaving: false,
            service: Service::new(jitter),
            door: Doorman::new(),
            job: None,
            wanted: false,
            tried: false,
            limit: None,
            since: None,
            text: String::new(),
            faults: 0,
            unused: None,
        }
    }

    fn high(&self) -> bool {
        self.unit.priority == Priority::High
    }
}
