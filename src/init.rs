//! The one root: owns every part, carries facts in and effects out. It decides nothing about a unit.

mod again;
mod answers;
mod effects;
mod fatal;
mod forking;
mod hear;
mod logs;
mod maintenance;
mod open;
mod parting;
mod preload;
mod reload;
mod scripts;
mod settings;
mod show;
mod start;

use again::Again;
pub use fatal::Fatal;
use logs::Readers;
use parting::Parting;
use preload::Preload;
use reload::Reloader;
use scripts::Runs;

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use slotmap::SecondaryMap;

use crate::boot::{self, Inherited};
use crate::control::Server;
use crate::journal::{Journal, Progress};
use crate::manager::{Event, Exit, Manager};
use crate::poller::{Poller, Readiness, Registry, Source};
use crate::process::{self, Death, Executed, Receiver, Tracker};
use crate::proxy::{Fact, Proxy};
use crate::signals::Signals;
use crate::unit::UnitId;

/// Dead children looked at before the others have their turn: a flood of orphans must not hold up requests.
const REAP_BATCH: usize = 256;
/// How long the last log lines may take.
const LAST_LINES: Duration = Duration::from_millis(500);

/// All parts.
pub struct Init {
    poller: Poller,
    registry: Registry,
    signals: Signals,
    notify: Receiver,
    journal: Journal,
    manager: Manager,
    tracker: Tracker,
    runs: Runs,
    preload: Preload,
    proxy: Proxy,
    control: Server,
    inherited: Inherited,
    /// Where processes find the notify socket.
    notify_path: PathBuf,
    /// Nobody else uses the runtime directory.
    _alone: OwnedFd,
    /// Pipes that tell whether execve succeeded, with pid and program.
    executed: SecondaryMap<UnitId, (u32, String, OwnedFd)>,
    /// Units whose other processes spoke in vain, with the start in which that was said.
    unheard: SecondaryMap<UnitId, u64>,
    /// Pipes that had more than a turn's worth.
    unread: Vec<Source>,
    /// What failed and is tried again.
    again: Again,
    /// The poller failed, and it was said.
    blind: bool,
    /// What is ready and has not had its turn. It survives a panic, since an edge is said only once.
    ready: VecDeque<(Source, Readiness)>,
    listen: Vec<String>,
    started: Instant,
    now: Instant,
    stopping: bool,
    parting: Parting,
    exit: Option<u8>,
    readers: Readers,
    reloader: Reloader,
}

impl Init {
    /// Runs until all is down. Returns the exit code.
    pub fn run(mut self) -> u8 {
        self.contain(Self::boot);
        loop {
            if let Some(code) = self.exit.filter(|_| self.has_parted()) {
                self.cut_all();
                self.journal.say(None, format_args!("exit {code}"));
                self.feed();
                self.journal.finish(Instant::now() + LAST_LINES);
                return code;
            }
            self.contain(Self::turn);
        }
    }

    /// PID 1 never dies of a mistake of ours: the one thing that was at hand is lost, all else goes on.
    fn contain(&mut self, work: fn(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            self.journal.say(None, format_args!("a defect in tenantd was contained; please report the line above"));
            self.proxy.recover();
            self.unread.extend([Source::Notify, Source::Signals, Source::Control]);
        }
        self.journal.turn();
    }

    fn boot(&mut self) {
        self.welcome();
        self.dispatch(Event::Booted);
        self.settle();
        boot::trim();
    }

    fn welcome(&mut self) {
        let units = self.manager.ids().count();
        let pid = std::process::id();
        let listen = self.listen.join(", ");
        let version = env!("CARGO_PKG_VERSION");
        self.journal.say(None, format_args!("tenantd {version}, pid {pid}, {units} units, listening at {listen}"));
        for note in &self.inherited.notes {
            self.journal.say(None, format_args!("lowered: {note}"));
        }
    }

    /// One turn: wait, read the clock once, notify before the dead before the rest, then deadlines.
    fn turn(&mut self) {
        let timeout = self.timeout();
        let waited = self.poller.wait(timeout);
        self.now = Instant::now();
        self.note_wait(waited);
        self.proxy.turn(self.now, SystemTime::now());
        self.ready.extend(self.poller.ready());
        self.ready.extend(self.unread.drain(..).map(|source| (source, Readiness::default())));
        for source in self.again.take(self.now) {
            self.watch(source);
            self.ready.push_back((source, Readiness::default()));
        }
        // A READY=1 of a process that exits at once still counts (facts arrive together, order is ours).
        if self.is_ready(Source::Notify) {
            self.hear();
        }
        if self.is_ready(Source::Signals) {
            self.signalled();
        }
        while let Some((source, readiness)) = self.ready.pop_front() {
            self.readiness(source, readiness);
        }
        self.settle();
        // We may have been stopped within this turn: what was said meanwhile counts before what is overdue.
        if self.manager.deadline().is_some_and(|due| due <= self.now) {
            self.hear();
        }
        self.elapse_forks();
        self.manager.elapse(self.now);
        self.proxy.elapse();
        self.journal.elapse(self.now);
        self.settle();
        self.kill_on();
        self.tracker.tidy();
        self.runs.tracker.tidy();
        self.write_access();
        self.feed();
    }

    /// Without the poller there are still signals: children are reaped, and a stop is a stop. Said once.
    fn note_wait(&mut self, waited: std::io::Result<()>) {
        if let Err(error) = &waited {
            if !self.blind {
                self.journal.say(None, format_args!("epoll failed: {error}; only signals and deadlines are seen"));
            }
            self.unread.push(Source::Signals);
        }
        self.blind = waited.is_err();
    }

    fn is_ready(&self, wanted: Source) -> bool {
        self.ready.iter().any(|(source, _)| *source == wanted)
    }

    /// Until the earliest deadline; not at all while somebody has more to do.
    fn timeout(&mut self) -> Option<Duration> {
        if !self.unread.is_empty() || self.proxy.has_pending() || self.readers.are_behind() || self.has_to_kill() {
            return Some(Duration::ZERO);
        }
        let own = [self.manager.deadline(), self.again.deadline()];
        let others = [self.proxy.deadline(), self.journal.deadline(), self.parting_deadline(), self.preload.deadline()];
        let deadlines = own.into_iter().chain(others);
        let deadline = deadlines.flatten().min()?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    fn readiness(&mut self, source: Source, readiness: Readiness) {
        match source {
            // Done, in their order.
            Source::Signals | Source::Notify => {}
            Source::Control => {
                if let Err(error) = self.control.accept() {
                    log::warn!("control socket: cannot accept: {error}; trying again");
                    self.again.add(self.now, source);
                }
            }
            Source::Operator(key) => {
                if let Some((operator, request)) = self.control.ready(key, readiness) {
                    self.asked(operator, request);
                }
            }
            Source::Stream(key) => match self.journal.ready(key.into()) {
                Progress::More => self.unread.push(source),
                Progress::Failed => self.again.add(self.now, source),
                Progress::Drained | Progress::Closed => {}
            },
            Source::Executed(key) => self.was_executed(key.into()),
            Source::Template(key) => self.template_says(key.into()),
            Source::Reply(key) => self.child_says(key.into()),
            Source::Worker => {
                self.has_read();
                self.proxy.ready(source, readiness);
            }
            Source::Script(_) | Source::Door(_) | Source::Client(_) | Source::Upstream(_) | Source::Listener(_) => {
                self.proxy.ready(source, readiness);
            }
        }
    }

    fn signalled(&mut self) {
        let set = self.signals.drain();
        if set.failed {
            self.again.add(self.now, Source::Signals);
        }
        self.reap();
        self.parting.signals = self.parting.signals.saturating_add(u32::try_from(set.stop).unwrap_or(u32::MAX));
        for _ in 0..set.stop {
            self.dispatch(Event::Signalled);
        }
        self.follow_end();
        if set.hangup && !self.stopping {
            self.reload(None);
        }
    }

    /// Buries the dead, a bounded number a turn.
    fn reap(&mut self) {
        for _ in 0..REAP_BATCH {
            match process::peek() {
                Some((pid, exit)) => self.bury(pid, exit),
                None => return self.empty(),
            }
        }
        self.unread.push(Source::Signals);
    }

    /// While the dead one holds its number, what it left is looked for.
    fn bury(&mut self, pid: u32, exit: Exit) {
        if let Some(unit) = self.tracker.leads(pid) {
            self.was_executed(unit);
            self.journal.catch_up(unit);
        } else {
            self.hear_children();
        }
        let run = self.runs.tracker.died(pid, exit);
        let death = self.tracker.died(pid, exit);
        process::release(pid);
        run.into_iter().for_each(|run| self.has_run(run));
        let Some(Death { unit, exit, rest, emptied }) = death else { return };
        if emptied {
            self.dispatch(Event::Emptied(unit));
        }
        self.dispatch(Event::Exited { pid, exit, rest });
    }

    /// Tells which units have lost the last of their rest.
    fn empty(&mut self) {
        for unit in self.tracker.emptied() {
            self.dispatch(Event::Emptied(unit));
        }
        // What a run has left was killed with its end: nobody waits for it.
        self.runs.tracker.emptied();
    }

    /// The pipe of a start says something.
    fn was_executed(&mut self, unit: UnitId) {
        let Some((pid, program, fd)) = self.executed.get(unit) else { return };
        let pid = *pid;
        match process::read_executed(std::os::fd::AsFd::as_fd(fd)) {
            Executed::Pending => return,
            Executed::Succeeded => self.dispatch(Event::Executed(unit, pid)),
            Executed::Failed { step, errno, which } => {
                if let Some(unit) = self.manager.unit(unit) {
                    let why = settings::refusal(unit, program, step, errno, which);
                    self.journal.say(Some(&unit.name), format_args!("{why}"));
                }
            }
        }
        self.executed.remove(unit);
    }

    /// Effects until there are none.
    fn settle(&mut self) {
        loop {
            while let Some(action) = self.manager.action() {
                self.perform(action);
            }
            self.proxy.settle();
            let Some(fact) = self.proxy.fact() else {
                if self.manager.is_done() {
                    self.proxy.set_ready();
                }
                return self.follow_end();
            };
            let event = match fact {
                // A SIGCHLD that nobody could send would leave its tenant dead.
                Fact::Lost => {
                    self.hear();
                    self.reap();
                    continue;
                }
                Fact::Call(run) => {
                    self.call(run);
                    continue;
                }
                Fact::Cut(run) => {
                    self.cut(run);
                    continue;
                }
                Fact::Wanted(unit) => Event::Wanted(unit),
                Fact::Unwanted(unit) => Event::Unwanted(unit),
                Fact::Idled(unit) => Event::Idled(unit),
                Fact::Idlest(unit) => Event::Idlest(unit),
                Fact::Served(unit) => Event::Served(unit),
                Fact::Drained(unit) => Event::Drained(unit),
                Fact::Reached(unit) => Event::Reached(unit),
            };
            self.dispatch(event);
        }
    }

    /// All ends, by a signal or with an essential unit: nobody is let in any more.
    fn follow_end(&mut self) {
        if self.manager.is_closing() && !std::mem::replace(&mut self.stopping, true) {
            self.journal.say(None, format_args!("stopping"));
            self.parting.begun = Some(self.now);
            self.proxy.drain();
            self.give_up_reload();
        }
    }

    /// A unit that forks as fast as it is killed gets its share of each turn, and no more.
    fn kill_on(&mut self) {
        if let Err(error) = self.tracker.go_on().and_then(|()| self.runs.tracker.go_on()) {
            self.journal.say(None, format_args!("cannot send SIGKILL: {error}"));
        }
    }

    fn has_to_kill(&self) -> bool {
        self.tracker.has_more() || self.runs.tracker.has_more()
    }

    fn dispatch(&mut self, event: Event) {
        self.manager.dispatch(self.now, event);
    }

    fn write_access(&mut self) {
        for (unit, text) in self.proxy.access() {
            let name = unit.and_then(|unit| self.manager.unit(unit)).map(|unit| &unit.name);
            self.journal.access(name, format_args!("{text}"));
        }
        self.proxy.clear_access();
    }
}
