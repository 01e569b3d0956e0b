//! CGI scripts as the forwarder sees them: who waits for one, which may run, and when its time is over. Processes are made and
//! killed elsewhere ([`Fact::Call`], [`Fact::Cut`]); their pipes are here.

mod answer;
mod body;
mod call;
mod run;

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use slotmap::{SecondaryMap, SlotMap};

use super::session::Step;
use super::{ClientKey, Fact, Proxy, STEP, TURN};
use crate::config::Cgi;
use crate::poller::{Source, data};
use crate::unit::Unit;
pub use run::Order;
use run::{Run, Stage};

slotmap::new_key_type! {
    /// One run of a script, for one request.
    pub struct RunKey;
}

/// Most requests that wait for a script, for all scripts together.
const QUEUE: usize = 256;
/// Most requests for scripts at once, bodies that are on their way included.
const MOST: usize = 1024;
/// Longest wait for another run of the script to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A script, as it is configured.
#[derive(Debug)]
pub struct Script {
    /// What was asked for.
    pub config: Cgi,
    /// As what it is run.
    pub unit: Unit,
}

/// All scripts and their runs.
#[derive(Debug, Default)]
pub(super) struct Scripts {
    /// In the order of the configuration.
    scripts: Vec<Arc<Script>>,
    runs: SlotMap<RunKey, Run>,
    /// What clients in [`Phase::Script`](super::client::Phase::Script) wait for.
    calls: SecondaryMap<ClientKey, RunKey>,
    /// Runs that may not begin yet.
    queue: VecDeque<RunKey>,
    /// Runs without clients that had more to do than their share.
    pending: Vec<RunKey>,
    /// How many there ever were.
    count: u64,
}

impl Scripts {
    /// These scripts from now on. Runs of others go on; one that has not changed keeps count of its runs.
    pub fn configure(&mut self, scripts: &[Cgi]) {
        let old = std::mem::take(&mut self.scripts);
        let same = |config: &Cgi| old.iter().find(|script| script.config == *config).cloned();
        let new = |config: &Cgi| Arc::new(Script { config: config.clone(), unit: config.unit() });
        self.scripts = scripts.iter().map(|config| same(config).unwrap_or_else(|| new(config))).collect();
    }

    /// When the first run is over.
    pub fn deadline(&self) -> Option<Instant> {
        self.runs.values().filter_map(|run| run.due).min()
    }

    /// A script runs, whoever still waits for it.
    pub fn are_running(&self) -> bool {
        self.runs.values().any(|run| run.stage == Stage::Running)
    }

    /// One without a client has more to do.
    pub fn have_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// One more may run.
    fn has_room(&self, script: &Arc<Script>) -> bool {
        let running = |run: &&Run| run.stage == Stage::Running && Arc::ptr_eq(&run.script, script);
        self.runs.values().filter(running).count() < script.config.running
    }
}

/// For whoever makes the processes.
impl Proxy {
    /// What is to be run. Once; `None` if nobody wants it any more.
    pub fn order(&mut self, key: RunKey) -> Option<Order> {
        let run = self.scripts.runs.get_mut(key)?;
        let order = run.order();
        if order.is_none() {
            self.bury(key);
            self.next_calls();
        }
        order
    }

    /// The script runs, with these ends of its pipes, which do not block.
    pub fn called(&mut self, key: RunKey, stdin: OwnedFd, stdout: OwnedFd) {
        let Some(run) = self.scripts.runs.get_mut(key) else { return };
        let registry = &self.shared.registry;
        let watched = registry
            .add_socket(stdin.as_fd(), Source::Script(data(key)))
            .and_then(|()| registry.add_reader(stdout.as_fd(), Source::Script(data(key))));
        if let Err(error) = watched {
            log::warn!("{}: cannot watch its pipes: {error}", run.script.unit.name);
            return self.give_up(key, 503, "the server has no memory for this request");
        }
        run.connect(stdin, stdout);
        self.script_ready(key);
    }

    /// No process could be made.
    pub fn not_called(&mut self, key: RunKey) {
        self.give_up(key, 503, "the script cannot be started");
        self.bury(key);
        self.next_calls();
    }

    /// The process has ended: with success, or because of this.
    pub fn has_run(&mut self, key: RunKey, end: Result<(), String>) {
        let Some(run) = self.scripts.runs.get_mut(key) else { return };
        run.end(end);
        match run.client {
            Some(_) => self.script_ready(key),
            None => self.bury(key),
        }
        self.next_calls();
    }
}

impl Proxy {
    /// A pipe of a run is ready.
    pub(super) fn script_ready(&mut self, key: RunKey) {
        let Some(run) = self.scripts.runs.get_mut(key) else { return };
        run.suspect();
        match run.client {
            Some(client) => self.attend(client),
            None => self.attend_orphan(key),
        }
    }

    /// A script whose client has left: it gets its body to the end, and what it says goes nowhere.
    fn attend_orphan(&mut self, key: RunKey) {
        let Some(run) = self.scripts.runs.get_mut(key) else { return };
        while run.feed() || run.discard(&mut self.shared.scratch) {
            self.shared.spent += STEP;
            if self.shared.spent >= TURN {
                return self.scripts.pending.push(key);
            }
        }
    }

    /// Runs without clients that had more to do.
    pub(super) fn attend_orphans(&mut self) {
        for key in std::mem::take(&mut self.scripts.pending) {
            self.attend_orphan(key);
        }
    }

    /// Runs whose time is over: the client is told, and the script is killed with all that it has started.
    pub(super) fn scripts_due(&mut self) {
        let now = self.shared.now;
        let due = self.scripts.runs.iter().filter(|(_, run)| run.due.is_some_and(|due| due <= now));
        for key in due.map(|(key, _)| key).collect::<Vec<_>>() {
            let Some(run) = self.scripts.runs.get(key) else { continue };
            let (name, after) = (run.script.unit.name.clone(), run.script.config.timeout);
            match run.stage {
                Stage::Ended => log::warn!("{name}: its client has not taken its answer in {after:?} (timeout)"),
                _ => log::warn!("{name}: it has not ended after {after:?} (timeout); it is killed"),
            }
            self.give_up(key, 504, "the script did not end in time");
        }
    }

    /// Ends a run: its client is told, and nothing of the script is waited for any more.
    fn give_up(&mut self, key: RunKey, status: u16, reason: &str) {
        let client = self.cut(key);
        let Some(client) = client else { return };
        match self.fail(client, status, reason) {
            Step::Close => self.close(client),
            Step::Again | Step::Wait => self.later(client),
        }
    }

    /// Parts a run and its client, and has the script killed if it runs.
    fn cut(&mut self, key: RunKey) -> Option<ClientKey> {
        let run = self.scripts.runs.get_mut(key)?;
        let client = run.client.take();
        if run.stage == Stage::Running {
            run.disconnect();
            self.shared.facts.push_back(Fact::Cut(key));
        } else {
            self.bury(key);
        }
        if let Some(client) = client {
            self.scripts.calls.remove(client);
        }
        client
    }

    /// A run is no more.
    fn bury(&mut self, key: RunKey) {
        let Some(run) = self.scripts.runs.remove(key) else { return };
        if run.stage == Stage::Gathering {
            self.shared.gathered -= run.gathered();
        }
        self.scripts.queue.retain(|waiting| *waiting != key);
    }
}
