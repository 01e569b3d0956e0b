//! All processes of one unit: found by its cgroup, or by parents and mark. Looks and signals; forgets nobody by itself.

use std::collections::{HashMap, HashSet};
use std::io;

use super::cgroup::Cgroup;
use super::pidfd::Process;
use super::proc;
use crate::unit::Signal;

/// Looks at a crowd in one turn, each of which may find somebody new.
const ROUNDS: usize = 8;

/// What a unit has started and not lost since it was empty.
#[derive(Debug)]
pub(super) struct Crowd {
    /// The main process and the commands.
    pub leaders: Vec<Process>,
    /// Without it, parents and the mark have to do.
    pub cgroup: Option<Cgroup>,
    /// See [`super::mark`].
    pub mark: u64,
    /// The sessions that leaders have made.
    pub sessions: Vec<u32>,
}

impl Crowd {
    pub fn leads(&self, pid: u32) -> bool {
        self.leaders.iter().any(|leader| leader.pid == pid)
    }

    /// Everybody, perhaps zombies too; `orphans` are those children of ours that belong here.
    fn members(&self, orphans: &mut dyn FnMut() -> Vec<u32>) -> HashSet<u32> {
        let mut found: Vec<u32> = self.leaders.iter().map(|leader| leader.pid).collect();
        let Some(cgroup) = &self.cgroup else {
            found.extend(orphans());
            return descend(found);
        };
        found.extend(cgroup.members());
        found.into_iter().collect()
    }

    /// Whether others than the leaders are alive.
    pub fn has_rest(&self, orphans: &mut dyn FnMut() -> Vec<u32>) -> bool {
        match &self.cgroup {
            // Most often it is empty, or all are the rest, and this is one small file. The list leaves zombies out.
            Some(cgroup) => {
                let others = || cgroup.members().iter().any(|&pid| !self.leads(pid));
                cgroup.populated() && (self.leaders.is_empty() || others())
            }
            None => self.members(orphans).into_iter().any(|pid| !self.leads(pid) && proc::alive(pid)),
        }
    }

    /// Signals everybody. False: with SIGKILL, somebody may have been missed; say it again in the next turn.
    pub fn signal(&self, signal: Signal, orphans: &mut dyn FnMut() -> Vec<u32>) -> io::Result<bool> {
        if signal != Signal::KILL {
            return self.sweep(signal, orphans).map(|_| true);
        }
        if self.cgroup.as_ref().is_some_and(|cgroup| cgroup.kill_all().is_ok()) {
            // One that is just forked may not have entered yet.
            self.leaders.iter().try_for_each(|leader| leader.signal(Signal::KILL))?;
            return Ok(true);
        }
        // A stopped process neither forks nor dies: once all are stopped, the tree holds still and all can be found.
        let (held, all) = match Signal::new(libc::SIGSTOP) {
            Some(stop) => self.sweep(stop, orphans)?,
            None => (HashMap::new(), true),
        };
        held.values().try_for_each(|process| process.signal(Signal::KILL))?;
        Ok(all)
    }

    /// Signals whom it finds until it finds nobody new. A number is signalled only if it is listed again after its
    /// process is held: what is held then is a member, and no newcomer. False: somebody new in every round.
    fn sweep(
        &self,
        signal: Signal,
        orphans: &mut dyn FnMut() -> Vec<u32>,
    ) -> io::Result<(HashMap<u32, Process>, bool)> {
        let mut held = HashMap::new();
        let mut result = Ok(());
        let mut listed = self.members(orphans);
        for _ in 0..ROUNDS {
            let new = listed.iter().filter(|pid| !held.contains_key(*pid)).filter_map(|&pid| Process::hold(pid));
            let new: Vec<Process> = new.collect();
            if new.is_empty() {
                return result.map(|()| (held, true));
            }
            listed = self.members(orphans);
            for process in new.into_iter().filter(|process| listed.contains(&process.pid)) {
                // One that we may not signal is no reason to spare the others.
                result = result.and(process.signal(signal));
                held.insert(process.pid, process);
            }
        }
        result.map(|()| (held, false))
    }
}

/// These processes and all below them.
fn descend(roots: Vec<u32>) -> HashSet<u32> {
    let (mut found, mut next) = (HashSet::new(), roots);
    while let Some(pid) = next.pop() {
        if found.insert(pid) {
            next.extend(proc::children(pid));
        }
    }
    found
}
