//! A world that answers the machine with random processes, and holds it to its word after each event.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use proptest::sample::Index;

use super::random::Act;
use crate::config;
use crate::manager::{Action, Event, Exit, Manager, Notice, Step, Whom};
use crate::unit::{KillMode, Pass, ServiceType, Signal, Target, Unit, UnitId};

mod acts;

const BUDGET: Duration = Duration::from_secs(8);

/// The machine and a process table that answers it, and remembers what it was told.
pub(super) struct World {
    manager: Manager,
    now: Instant,
    boots: usize,
    /// Most that may boot at the moment, and whether that has just changed.
    most: usize,
    replaced: bool,
    /// There was a reload.
    reloaded: bool,
    /// What is performed was decided before the last fact.
    hasty: bool,
    running: Option<usize>,
    /// Room was asked for.
    room: bool,
    /// Which spawns fail, which processes ignore SIGTERM or even SIGKILL for a while.
    whims: Vec<u8>,
    processes: BTreeMap<u32, (UnitId, Role)>,
    next: u32,
    /// What templates were asked for and have not answered.
    forking: BTreeSet<UnitId>,
    /// Processes that die of the signals they were sent, at the next step.
    dying: Vec<(u32, Exit)>,
    asked: BTreeSet<u64>,
    finished: BTreeMap<u64, u32>,
    doors: HashMap<UnitId, Door>,
    signalled: Option<Instant>,
    pub exited: u32,
}

/// What a process is to its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The main process or a command, as the machine knows.
    Own(Step),
    /// Left behind by one of those.
    Rest,
}

/// What the proxy has been told last.
#[derive(Debug, Clone, Copy, Default)]
struct Door {
    open: bool,
    watched: bool,
}

impl World {
    pub(super) fn new(units: Vec<Unit>, (boots, running): (usize, Option<usize>), whims: Vec<u8>) -> Self {
        let manager = Manager::new(
            units,
            config::Pool { boots, running },
            config::Shutdown { budget: BUDGET },
            1,
            Instant::now(),
        );
        Self {
            manager,
            now: Instant::now(),
            boots,
            most: boots,
            replaced: false,
            reloaded: false,
            hasty: false,
            running,
            room: false,
            whims,
            processes: BTreeMap::new(),
            next: 10_000,
            forking: BTreeSet::new(),
            dying: Vec::new(),
            asked: BTreeSet::new(),
            finished: BTreeMap::new(),
            doors: HashMap::new(),
            signalled: None,
            exited: 0,
        }
    }

    fn whim(&self, pid: u32) -> u8 {
        self.whims[pid as usize % self.whims.len()]
    }

    pub(super) fn event(&mut self, event: Event) {
        self.manager.dispatch(self.now, event);
        self.follow_templates();
        self.perform();
    }

    /// A template that has booted takes the place of the one before, which is about to end by itself.
    fn follow_templates(&mut self) {
        let replaced = |(pid, (id, role)): (&u32, &(UnitId, Role))| {
            (*role == Role::Own(Step::Replace) && self.manager.main(*id) == Some(*pid)).then_some((*pid, *id))
        };
        for (new, id) in self.processes.iter().filter_map(replaced).collect::<Vec<_>>() {
            let old = self.processes.iter_mut().find(|(_, it)| **it == (id, Role::Own(Step::Start)));
            if let Some((_, it)) = old {
                it.1 = Role::Rest;
            }
            self.processes.insert(new, (id, Role::Own(Step::Start)));
        }
    }

    fn perform(&mut self) {
        while let Some(action) = self.manager.action() {
            assert_eq!(self.exited, 0, "{action:?} after the exit");
            self.carry_out(action);
        }
        self.check();
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Spawn(id, step) => {
                if step == Step::Start {
                    self.forking.remove(&id);
                }
                self.spawn(id, step);
            }
            Action::Fork(id, template) => {
                self.may_begin(id, Step::Start);
                if self.manager.units.get(template).is_some_and(|template| template.service.state.up()) {
                    assert!(self.forking.insert(id), "asked twice");
                } else {
                    // It went in the same turn.
                    self.manager.dispatch(self.now, Event::Unforked { unit: id, fault: false });
                }
            }
            Action::Kill(id, whom, signal) => {
                // The root takes back what was asked.
                if self.forking.remove(&id) {
                    self.manager.dispatch(self.now, Event::Unforked { unit: id, fault: false });
                }
                let of = |wanted: fn(Role) -> bool| -> Vec<u32> {
                    let hit = self.processes.iter().filter(|&(_, &(of, role))| of == id && wanted(role));
                    hit.map(|(&pid, _)| pid).collect()
                };
                let hit = match whom {
                    Whom::Process(pid) => vec![pid],
                    Whom::Own => of(|role| role != Role::Rest),
                    Whom::All => of(|_| true),
                };
                for pid in hit {
                    assert_eq!(self.processes.get(&pid).map(|&(unit, _)| unit), Some(id), "a signal to a stranger");
                    let deaf = if signal == Signal::KILL { 16 } else { 3 };
                    if !self.whim(pid).is_multiple_of(deaf) {
                        self.dying.push((pid, Exit::Signal(signal.number(), false)));
                    }
                }
            }
            Action::MakeRoom(wanted) => self.room = wanted,
            Action::Watch(id) => {
                assert_eq!(self.alive(id), 0, "watched while a process lives");
                assert!(self.signalled.is_none() && !self.door(id).watched, "watched in vain");
                *self.door(id) = Door { open: false, watched: true };
            }
            Action::Unwatch(id) => self.door(id).watched = false,
            Action::Open(id) => {
                assert!(self.hasty || self.alive(id) == 1, "open without a process");
                assert!(!self.door(id).watched && !self.door(id).open, "open twice, or still watched");
                self.door(id).open = true;
            }
            Action::Hold(id) => self.door(id).open = false,
            Action::Gone(id) => {
                assert_eq!(self.alive(id), 0, "gone while it lives");
                self.door(id).open = false;
            }
            Action::Refuse(id, until) => {
                assert!(!self.door(id).watched && until >= self.now && self.alive(id) == 0, "refused in vain");
            }
            Action::Probe(id) => assert!(self.hasty || self.alive(id) == 1, "probed without a process"),
            Action::Finish(job, _) => *self.finished.entry(job.0).or_default() += 1,
            Action::Renew(id) => assert!(self.manager.unit(id).is_some(), "a stranger is renewed"),
            Action::Remove(id) => {
                assert_eq!(self.alive(id), 0, "removed while it lives");
                assert!(self.manager.unit(id).is_none(), "removed and still there");
                self.doors.remove(&id);
                self.forking.remove(&id);
            }
            Action::Tell(..) | Action::Recycle(_) => {}
            Action::Exit(code) => {
                let essential = self.manager.units.values().any(|entry| entry.unit.service.essential);
                assert!(code == 0 || essential, "exit {code}");
                self.exited += 1;
            }
        }
    }

    fn spawn(&mut self, id: UnitId, step: Step) {
        self.may_begin(id, step);
        self.next += 1;
        if self.whim(self.next).is_multiple_of(11) {
            return self.manager.dispatch(self.now, Event::SpawnFailed(id));
        }
        self.processes.insert(self.next, (id, Role::Own(step)));
        self.manager.dispatch(self.now, Event::Spawned(id, self.next));
    }

    /// A process of this step has room and reason.
    fn may_begin(&self, id: UnitId, step: Step) {
        let (main, rest) =
            (self.alive_as(id, |role| role == Role::Own(Step::Start)), self.alive_as(id, |role| role == Role::Rest));
        let command = self.alive(id) - main;
        assert!(command == 0 && (main == 0 || step != Step::Start), "two processes for one place");
        let survivors = self.manager.units[id].unit.service.kill_mode == KillMode::Process;
        let first = matches!(step, Step::StartPre(0))
            || step == Step::Start && self.manager.units[id].unit.service.exec_start_pre.is_empty();
        // A reload may change the kill mode of what it left behind.
        assert!(rest == 0 || survivors || self.reloaded || !first, "two runs overlap");
        let hook = self.manager.unit(id).is_some_and(|unit| unit.wanted_by.contains(&Target::Shutdown));
        // What was decided in the turn in which all ended is taken back as soon as it is there.
        let halted = self.manager.units[id].service.state.why().is_some();
        assert!(self.manager.closing.is_none() || hook || halted, "started during the shutdown");
    }

    fn door(&mut self, id: UnitId) -> &mut Door {
        self.doors.entry(id).or_default()
    }

    /// Processes that the machine knows.
    fn alive(&self, id: UnitId) -> usize {
        self.alive_as(id, |role| role != Role::Rest)
    }

    fn alive_as(&self, id: UnitId, wanted: impl Fn(Role) -> bool) -> usize {
        self.processes.values().filter(|&&(unit, role)| unit == id && wanted(role)).count()
    }

    /// What must hold between two events.
    fn check(&mut self) {
        if self.exited > 0 {
            return;
        }
        let mut booting = 0;
        for id in self.manager.ids().collect::<Vec<_>>() {
            let (Some(unit), Some(status)) = (self.manager.unit(id), self.manager.status(id)) else { continue };
            let own = self.processes.iter().filter(|&(_, &(of, role))| of == id && role != Role::Rest);
            let alive: Vec<u32> = own.map(|(&pid, _)| pid).collect();
            let mut known: Vec<u32> = self.manager.pids(id).collect();
            known.sort_unstable();
            assert_eq!(known, alive, "{} in {}", status.name, status.sub);
            assert!(alive.iter().all(|&pid| self.manager.owner(pid) == Some(id)));
            let coming = status.sub.starts_with("start");
            booting += usize::from(coming && unit.route.is_some());
            let fds = unit.socket.as_ref().is_some_and(|socket| socket.pass == Pass::Fds);
            let down = matches!(status.sub, "dead" | "failed") && status.retry.is_none();
            if fds && down && self.manager.closing.is_none() {
                assert!(self.doors.get(&id).is_some_and(|door| door.watched), "{} is down and deaf", status.name);
            }
        }
        if self.replaced {
            // One that boots may have become a tenant.
            self.most = booting.max(self.boots);
        }
        self.replaced = false;
        assert!(booting <= self.most, "{booting} tenants boot at once");
        self.most = self.boots.max(booting);
        // A reload may make a conflict, or a tenant, of what runs: it stops nothing for that.
        if !self.reloaded {
            self.check_bounds();
        }
    }

    /// Not too many tenants, and never two that conflict.
    fn check_bounds(&self) {
        let units = &self.manager.units;
        let running = units.values().filter(|entry| entry.tenant() && entry.service.state.live()).count();
        assert!(self.running.is_none_or(|most| running <= most), "{running} tenants run");
        let there = |id: UnitId| units[id].service.state.up() || units[id].service.state.coming();
        for id in units.keys().filter(|&id| there(id)) {
            let rival = self.manager.graph.links(id).conflicts.iter().find(|&&other| there(other));
            assert_eq!(rival, None, "{} is up with a unit that it conflicts with", units[id].unit.name);
        }
    }

    /// Whatever was begun comes to an end where every process does as it should: no job hangs, nobody waits for ever.
    pub(super) fn calm_down(&mut self) {
        for _ in 0..300 {
            let hangs = self.manager.units.values().any(|entry| entry.job.is_some() || entry.service.state.waiting());
            if !hangs || self.manager.closing.is_some() {
                return;
            }
            for id in self.forking.clone() {
                self.hello(id);
            }
            for (pid, (id, role)) in self.processes.clone() {
                let Some(entry) = self.manager.units.get(id) else { continue };
                let ends = entry.service.state.stopping() || role != Role::Own(Step::Start);
                if ends || entry.unit.service.kind == ServiceType::Oneshot {
                    self.event(Event::Drained(id));
                    self.exit(pid, Exit::Code(0));
                } else if entry.service.state.coming() {
                    self.event(Event::Executed(id, pid));
                    self.event(Event::Reached(id));
                    self.event(Event::Notified(id, Notice::Ready));
                }
            }
            for id in self.manager.ids().collect::<Vec<_>>() {
                if self.room {
                    self.event(Event::Idlest(id));
                }
            }
            self.pass(500);
        }
        let hang = self.manager.units.values().find(|entry| entry.job.is_some() || entry.service.state.waiting());
        panic!("hangs: {:?}", hang.map(|entry| (&entry.unit.name, &entry.service.state, &entry.job)));
    }

    /// The process of the index among those of these roles, if there is one.
    fn process(&self, index: Index, wanted: impl Fn(Role) -> bool) -> Option<(u32, UnitId, Role)> {
        let list = self.processes.iter().filter(|&(_, &(_, role))| wanted(role));
        let list: Vec<_> = list.map(|(&pid, &(id, role))| (pid, id, role)).collect();
        (!list.is_empty()).then(|| list[index.index(list.len())])
    }

    fn any(&self, index: Index) -> UnitId {
        let ids: Vec<UnitId> = self.manager.ids().collect();
        ids[index.index(ids.len())]
    }

    fn exit(&mut self, pid: u32, exit: Exit) {
        let Some((id, role)) = self.processes.remove(&pid) else { return };
        let rest = self.alive_as(id, |role| role == Role::Rest) > 0;
        match role {
            Role::Own(_) => self.event(Event::Exited { pid, exit, rest }),
            Role::Rest if !rest => self.event(Event::Emptied(id)),
            Role::Rest => {}
        }
    }

    /// Lets the time pass from deadline to deadline; what was signalled dies within it.
    fn pass(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        if millis >= 2_000 {
            // Longer than a template may take.
            for unit in self.forking.clone() {
                self.forking.remove(&unit);
                self.event(Event::Unforked { unit, fault: true });
            }
        }
        for (pid, exit) in std::mem::take(&mut self.dying) {
            self.exit(pid, exit);
        }
        while let Some(at) = self.manager.deadline().filter(|&at| at <= end) {
            self.elapse(at.max(self.now));
            for (pid, exit) in std::mem::take(&mut self.dying) {
                self.exit(pid, exit);
            }
        }
        self.elapse(end);
    }

    fn elapse(&mut self, now: Instant) {
        self.now = now;
        self.manager.elapse(now);
        assert!(self.manager.deadline().is_none_or(|at| at > now), "a deadline is left behind");
        self.perform();
    }

    /// The shutdown ends, whatever the processes do, inside the budget.
    pub(super) fn end(&mut self) {
        if self.signalled.is_none() {
            self.act(Act::Signal);
        }
        let begun = self.signalled.unwrap_or(self.now);
        let over = begun + BUDGET;
        let left = over.saturating_duration_since(self.now).as_millis() as u64;
        self.pass(left);
        assert_eq!(self.exited, 1, "the shutdown does not end");
        assert_eq!(self.manager.deadline(), None);
        for job in &self.asked {
            assert_eq!(self.finished.get(job), Some(&1), "job {job}");
        }
        assert!(self.finished.keys().all(|job| self.asked.contains(job)));
    }
}
