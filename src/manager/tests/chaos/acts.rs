//! What may happen in the random world: each act as facts for the machine.

use std::collections::BTreeSet;

use proptest::sample::Index;

use super::super::random::Act;
use super::{BUDGET, Role, World};
use crate::config;
use crate::manager::{Event, Exit, JobId, Notice, Step};
use crate::unit::{Unit, UnitId};

impl World {
    pub(in crate::manager::tests) fn act(&mut self, act: Act) {
        match act {
            Act::Pass(millis) => self.pass(millis),
            Act::Ask(index, kind) => {
                let job = self.asked.len() as u64;
                self.asked.insert(job);
                self.event(Event::Asked(JobId(job), self.any(index), kind));
            }
            Act::Want(index) => self.event(Event::Wanted(self.any(index))),
            Act::Unwant(index) => self.event(Event::Unwanted(self.any(index))),
            Act::Idle(index) => self.event(Event::Idled(self.any(index))),
            Act::Idlest(index) => self.event(Event::Idlest(self.any(index))),
            Act::Drain(index) => self.event(Event::Drained(self.any(index))),
            Act::Reach(index) => self.event(Event::Reached(self.any(index))),
            Act::Ready(index) => self.event(Event::Notified(self.any(index), Notice::Ready)),
            Act::Stopping(index) => self.event(Event::Notified(self.any(index), Notice::Stopping)),
            Act::Execute(index) => {
                if let Some((pid, id, _)) = self.process(index, |role| role != Role::Rest) {
                    self.executed(id, pid);
                }
            }
            Act::Exit(index, exit) => {
                if let Some((pid, _, role)) = self.process(index, |role| role != Role::Rest) {
                    // A command mostly succeeds, or nothing would ever be started.
                    let lucky = role != Role::Own(Step::Start) && !self.whim(pid).is_multiple_of(4);
                    self.exit(pid, if lucky { Exit::Code(0) } else { exit });
                }
            }
            Act::Hello(index) => {
                if let Some(id) = pick(index, &self.forking) {
                    self.hello(id);
                }
            }
            Act::Unfork(index, fault) => {
                let id = pick(index, &self.forking).unwrap_or_else(|| self.any(index));
                self.forking.remove(&id);
                self.event(Event::Unforked { unit: id, fault });
            }
            Act::Say(index, notice) => self.event(Event::Notified(self.any(index), notice)),
            Act::MainPid(index) => self.another_main(index),
            Act::Fork(index) => {
                if let Some((_, id, _)) = self.process(index, |role| role != Role::Rest) {
                    self.next += 1;
                    self.processes.insert(self.next, (id, Role::Rest));
                }
            }
            Act::Leave(index) => {
                if let Some((pid, ..)) = self.process(index, |role| role == Role::Rest) {
                    self.exit(pid, Exit::Code(0));
                }
            }
            Act::Stray(pid) => self.event(Event::Exited { pid, exit: Exit::Code(0), rest: false }),
            Act::Replace(units) => self.replace(units),
            Act::Signal => {
                self.signalled = self.signalled.or(Some(self.now));
                self.event(Event::Signalled);
            }
        }
    }

    /// What a template has forked is there.
    pub(super) fn hello(&mut self, id: UnitId) {
        self.forking.remove(&id);
        self.next += 1;
        self.processes.insert(self.next, (id, Role::Own(Step::Start)));
        self.event(Event::Spawned(id, self.next));
    }

    /// Its program runs; some end in the same turn, before anything that follows from it is done.
    fn executed(&mut self, id: UnitId, pid: u32) {
        self.manager.dispatch(self.now, Event::Executed(id, pid));
        self.hasty = self.whim(pid).is_multiple_of(5);
        if self.hasty {
            self.processes.remove(&pid);
            let rest = self.alive_as(id, |role| role == Role::Rest) > 0;
            self.manager.dispatch(self.now, Event::Exited { pid, exit: Exit::Code(self.whim(pid) % 2), rest });
        }
        self.perform();
        self.hasty = false;
    }

    fn replace(&mut self, units: Vec<Unit>) {
        let names: BTreeSet<_> = units.iter().map(|unit| unit.name.to_string()).collect();
        (self.replaced, self.reloaded) = (true, true);
        let pool = config::Pool { boots: self.boots, running: self.running };
        self.manager.replace(self.now, units, pool, config::Shutdown { budget: BUDGET });
        if self.manager.closing.is_none() {
            let known = |name: &String| self.manager.find(name).is_some();
            assert!(names.iter().all(known), "a unit is missing");
            assert!((0..8).all(|n| names.contains(&format!("u{n}")) == known(&format!("u{n}"))));
        }
        self.perform();
    }

    /// MAINPID= of a process that was left behind: the main one is one of those from now on.
    fn another_main(&mut self, index: Index) {
        let Some((pid, id, _)) = self.process(index, |role| role == Role::Rest) else { return };
        let old = self.manager.main(id);
        self.manager.dispatch(self.now, Event::Notified(id, Notice::MainPid(pid)));
        if let Some(old) = old.filter(|_| self.manager.main(id) == Some(pid)) {
            self.processes.insert(old, (id, Role::Rest));
            self.processes.insert(pid, (id, Role::Own(Step::Start)));
        }
        self.perform();
    }
}

fn pick(index: Index, from: &BTreeSet<UnitId>) -> Option<UnitId> {
    (!from.is_empty()).then(|| index.index(from.len())).and_then(|n| from.iter().nth(n).copied())
}
