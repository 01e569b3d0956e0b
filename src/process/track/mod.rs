//! Every process of every unit, so that nothing a unit started survives it. Reaps nobody and decides nothing.
//!
//! Two tiers. With a cgroup v2 that we may write to, each unit has one and nobody leaves it. Else by ancestry: below us
//! as PID 1 or subreaper, a process is below a main process or command of its unit, or it is (below) an orphan, which is
//! a child of ours; whose orphan it is says its mark ([`mark`]). Processes of `docker exec` have neither, and are nobody's.
//! Without /proc there are only process groups.
//!
//! No descriptor is watched for the end of the last: who dies is reaped by his parent or by us. The last one's parent
//! is dead, so that it is our child by then, or it is a leader, whose end we hear of: each end comes with a SIGCHLD to us,
//! at which [`Tracker::emptied`] looks. While a leader lives, the end of its own children shows with the next SIGCHLD.

mod cgroup;
mod crowd;
mod hierarchy;
mod limits;
mod mark;
mod pidfd;
mod proc;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use nix::sys::resource::{Resource, getrlimit};
use slotmap::{Key, SecondaryMap};

use super::notify::ancestor_session;
use super::reap::kill_group;
use crate::manager::{Exit, Whom};
use crate::unit::{Signal, Unit, UnitId};
use crowd::Crowd;
use hierarchy::Hierarchy;
use mark::Marks;
use pidfd::Process;

/// Where a new process is put before its program runs, so that it and all it forks can be found.
#[derive(Debug)]
pub struct Place {
    /// Its cgroup's `cgroup.procs`.
    pub(super) entrance: Option<OwnedFd>,
    /// Its limit of file locks.
    pub(super) mark: u64,
    /// The kernel kills it when we die: only where we are not PID 1, whose end is everybody's. It saves the next
    /// tenantd from a tenant that still writes its database; where there are cgroups, that one kills all the others too.
    pub(super) bound: bool,
}

impl Place {
    /// Its cgroup's `cgroup.procs`, for a process that enters by itself. The kernel asks who has opened it, not who writes.
    pub fn entrance(&self) -> Option<BorrowedFd<'_>> {
        self.entrance.as_ref().map(AsFd::as_fd)
    }

    /// The limit of file locks that a process sets for itself.
    #[allow(clippy::unnecessary_cast, reason = "the C libraries do not agree on the sign of this small number")]
    pub fn mark(&self) -> (u32, u64) {
        (libc::RLIMIT_LOCKS as u32, self.mark)
    }
}

/// The end of a main process or command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death<K = UnitId> {
    /// Whose it was.
    pub unit: K,
    /// How, with the kernel's reason if it was out of memory.
    pub exit: Exit,
    /// Others of the unit are alive, neither main nor command; [`Tracker::emptied`] says their end.
    pub rest: bool,
    /// The rest of an earlier end has ended meanwhile: to be said before this one, after which the unit may start anew.
    pub emptied: bool,
}

/// Knows the processes of all units, or of all of another kind (`K`) of whatever has processes.
#[derive(Debug)]
pub struct Tracker<K: Key = UnitId> {
    hierarchy: Option<Arc<Hierarchy>>,
    /// /proc shows our processes.
    proc: bool,
    marks: Marks,
    crowds: Crowds<K>,
    leaders: HashMap<u32, K>,
    /// Children of ours that are no leaders, and whose they are. Asked once: it cannot change while they live.
    orphans: HashMap<u32, Option<K>>,
    /// Units whose next process is made by somebody else, and has still to say its pid.
    reserved: BTreeSet<K>,
    /// Units whose rest was said to be alive.
    waiting: BTreeSet<K>,
    /// Units that get SIGKILL again in the next turn.
    killing: BTreeSet<K>,
    /// Units that may be empty.
    quiet: Vec<K>,
}

impl<K: Key> Tracker<K> {
    /// Finds the best tier there is; the note says which one it is, if it is not cgroups, and the way out. What a
    /// tenantd that died left in the cgroup of this runtime directory, which has to be locked, is killed (see [`Place`]).
    pub fn open(runtime: &Path) -> (Self, Option<String>) {
        let (hierarchy, why) = match Hierarchy::open(runtime) {
            Ok(hierarchy) => (Some(Arc::new(hierarchy)), None),
            Err(why) => (None, Some(why)),
        };
        let proc = proc::is_ours();
        let note = why.map(|why| match proc {
            true => format!("process tracking: session and ancestry, no limits for a unit as a whole ({why})"),
            false => "process tracking: process groups, which a daemon leaves (no /proc; mount it)".to_owned(),
        });
        (Self::new(hierarchy, proc), note)
    }

    fn new(hierarchy: Option<Arc<Hierarchy>>, proc: bool) -> Self {
        let marks = Marks::new(getrlimit(Resource::RLIMIT_LOCKS).map_or(u64::MAX, |(_, hard)| hard));
        Self {
            hierarchy,
            proc,
            marks,
            crowds: SecondaryMap::new(),
            leaders: HashMap::new(),
            orphans: HashMap::new(),
            reserved: BTreeSet::new(),
            waiting: BTreeSet::new(),
            killing: BTreeSet::new(),
            quiet: Vec::new(),
        }
    }

    /// One that knows the processes of others, in the same cgroup of ours. Names must not be those of units.
    pub fn beside<L: Key>(&self) -> Tracker<L> {
        Tracker::new(self.hierarchy.clone(), self.proc)
    }

    /// Switches on the controllers that these units need; the notes say which limits cannot be had.
    pub fn prepare<'a>(&self, units: impl Iterator<Item = &'a Unit>) -> Vec<String> {
        limits::prepare(self.hierarchy.as_deref(), units)
    }

    /// The place for the next process of a unit. A unit without processes gets a new cgroup, with its limits; the texts
    /// say what of them could not be had.
    pub fn place(&mut self, id: K, unit: &Unit) -> (Place, Vec<String>) {
        let mut troubles = Vec::new();
        if !self.crowds.contains_key(id) {
            let crowd = self.crowd(unit, &mut troubles);
            self.crowds.insert(id, crowd);
        }
        // If no process comes of it, it is tidied away.
        self.quiet.push(id);
        let bound = std::process::id() != 1;
        let Some(crowd) = self.crowds.get_mut(id) else { return (Place { entrance: None, mark: 0, bound }, troubles) };
        let cgroup = crowd.cgroup.as_mut();
        let entrance = cgroup.map(|cgroup| {
            if crowd.leaders.is_empty() {
                cgroup.begin();
            }
            cgroup.entrance()
        });
        let entrance = entrance.transpose().unwrap_or_else(|error| {
            troubles.push(format!("its cgroup is lost: {error}"));
            crowd.cgroup = None;
            None
        });
        (Place { entrance, mark: crowd.mark, bound }, troubles)
    }

    fn crowd(&mut self, unit: &Unit, troubles: &mut Vec<String>) -> Crowd {
        let made = self.hierarchy.as_ref().map(|hierarchy| hierarchy.make(unit.name.as_str())).transpose();
        let cgroup = made.unwrap_or_else(|error| {
            troubles.push(format!("cannot make its cgroup: {error}"));
            None
        });
        if let Some(cgroup) = &cgroup {
            troubles.extend(limits::set(cgroup, &unit.sandbox));
        }
        Crowd { leaders: Vec::new(), cgroup, mark: self.marks.next(), sessions: Vec::new() }
    }

    /// A process of the unit is a main process or command from now on: a new child, or one that MAINPID= names. The end
    /// of one that is not our child shows only when it has become that. False: there is no such process.
    pub fn add(&mut self, unit: K, pid: u32) -> bool {
        self.reserve(unit, false);
        let (Some(crowd), Some(process)) = (self.crowds.get_mut(unit), Process::hold(pid)) else { return false };
        crowd.leaders.push(process);
        crowd.sessions.push(pid);
        self.leaders.insert(pid, unit);
        self.orphans.remove(&pid);
        true
    }

    /// Its place is kept although nobody is in it, until a process of it comes ([`Tracker::add`]), or is given up.
    pub fn reserve(&mut self, unit: K, reserved: bool) {
        if reserved {
            self.reserved.insert(unit);
        } else if self.reserved.remove(&unit) {
            self.quiet.push(unit);
        }
    }

    /// A process of the unit is where it was to be placed, as far as that can be seen: who is dead is nowhere any more.
    pub fn has_entered(&self, unit: K, pid: u32) -> bool {
        let cgroup = self.crowds.get(unit).and_then(|crowd| crowd.cgroup.as_ref());
        cgroup.is_none_or(|cgroup| cgroup.members().contains(&pid) || !proc::alive(pid))
    }

    /// The unit whose main process or command this is.
    pub fn leads(&self, pid: u32) -> Option<K> {
        self.leaders.get(&pid).copied()
    }

    /// Its parent is somebody's main process or command, which is told its end in our place.
    pub fn is_born_of_leader(&self, pid: u32) -> bool {
        proc::parent(pid).is_some_and(|parent| self.leads(parent).is_some())
    }

    /// The unit of any process, as long as it is not reaped.
    pub fn owner(&self, pid: u32) -> Option<K> {
        self.leads(pid).or_else(|| marked(&self.crowds, self.proc, pid))
    }

    /// Call for each dead child before its number is free. `None`: an orphan.
    pub fn died(&mut self, pid: u32, exit: Exit) -> Option<Death<K>> {
        self.orphans.remove(&pid);
        let unit = self.leaders.remove(&pid)?;
        let crowd = self.crowds.get_mut(unit)?;
        crowd.leaders.retain(|leader| leader.pid != pid);
        let killed = matches!(exit, Exit::Signal(libc::SIGKILL, _));
        let out_of_memory = killed && crowd.cgroup.as_ref().is_some_and(cgroup::Cgroup::ran_out_of_memory);
        let exit = if out_of_memory { Exit::OutOfMemory } else { exit };
        if self.groups_only() {
            // The last moment at which the group's number is surely its own.
            let _ = kill_group(pid, Signal::KILL);
        }
        let rest = self.has_rest(unit);
        let waited = if rest { self.waiting.insert(unit) } else { self.waiting.remove(&unit) };
        self.quiet.push(unit);
        Some(Death { unit, exit, rest, emptied: waited && !rest })
    }

    /// The units whose rest has ended, each once. Call when the dead are buried.
    pub fn emptied(&mut self) -> Vec<K> {
        let empty: Vec<K> = self.waiting.iter().copied().collect();
        let empty: Vec<K> = empty.into_iter().filter(|&unit| !self.has_rest(unit)).collect();
        for unit in &empty {
            self.waiting.remove(unit);
            self.quiet.push(*unit);
        }
        empty
    }

    /// Signals processes of a unit. That they are gone is no error.
    pub fn signal(&mut self, unit: K, whom: Whom, signal: Signal) -> io::Result<()> {
        let Some(crowd) = self.crowds.get(unit) else { return Ok(()) };
        match whom {
            Whom::Process(pid) => {
                let leader = crowd.leaders.iter().find(|leader| leader.pid == pid);
                leader.map_or(Ok(()), |leader| leader.signal(signal))
            }
            Whom::Own => crowd.leaders.iter().try_for_each(|leader| leader.signal(signal)),
            Whom::All if self.groups_only() => {
                crowd.leaders.iter().try_for_each(|leader| kill_group(leader.pid, signal))
            }
            Whom::All => {
                let orphans = &mut || orphans_of(unit, &self.crowds, &self.leaders, &mut self.orphans);
                let all = crowd.signal(signal, orphans);
                if matches!(all, Ok(false)) {
                    self.killing.insert(unit);
                }
                all.map(drop)
            }
        }
    }

    /// Whether [`Tracker::go_on`] has to be called in the next turn.
    pub fn has_more(&self) -> bool {
        !self.killing.is_empty()
    }

    /// Kills on where a unit forked faster than it was killed: a bounded number of looks a turn.
    pub fn go_on(&mut self) -> io::Result<()> {
        let units = std::mem::take(&mut self.killing);
        units.into_iter().try_for_each(|unit| self.signal(unit, Whom::All, Signal::KILL))
    }

    /// Takes away the cgroups of units that are down. Call when all that follows from an end is done, since a command
    /// that follows belongs to the same run.
    pub fn tidy(&mut self) {
        for unit in std::mem::take(&mut self.quiet) {
            let empty = |crowd: &Crowd| crowd.leaders.is_empty() && crowd.cgroup.as_ref().is_none_or(|c| c.remove());
            let kept = self.waiting.contains(&unit) || self.reserved.contains(&unit);
            if !kept && self.crowds.get(unit).is_some_and(empty) {
                self.crowds.remove(unit);
            }
        }
    }

    fn groups_only(&self) -> bool {
        self.hierarchy.is_none() && !self.proc
    }

    fn has_rest(&mut self, unit: K) -> bool {
        if self.groups_only() {
            return false;
        }
        let Some(crowd) = self.crowds.get(unit) else { return false };
        crowd.has_rest(&mut || orphans_of(unit, &self.crowds, &self.leaders, &mut self.orphans))
    }
}

type Crowds<K> = SecondaryMap<K, Crowd>;

/// The children of ours that are no leaders and belong to the unit. `known` remembers whose each is.
fn orphans_of<K: Key>(
    unit: K,
    crowds: &Crowds<K>,
    leaders: &HashMap<u32, K>,
    known: &mut HashMap<u32, Option<K>>,
) -> Vec<u32> {
    let orphans = proc::children(std::process::id()).into_iter().filter(|pid| !leaders.contains_key(pid));
    orphans.filter(|&pid| *known.entry(pid).or_insert_with(|| marked(crowds, true, pid)) == Some(unit)).collect()
}

/// The unit whose mark a process carries; where marks cannot be read, whose session it is in.
fn marked<K: Key>(crowds: &Crowds<K>, proc: bool, pid: u32) -> Option<K> {
    let by = |is: &dyn Fn(&Crowd) -> bool| crowds.iter().find(|(_, crowd)| is(crowd)).map(|(unit, _)| unit);
    match proc::mark(pid).filter(|_| proc) {
        Some(mark) => by(&|crowd| crowd.mark == mark),
        None => {
            let session = ancestor_session(pid)?;
            by(&|crowd| crowd.sessions.contains(&session))
        }
    }
}
