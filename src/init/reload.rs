//! `tenantd reload` and SIGHUP: a worker thread reads the configuration, the loop swaps it if all of it is right.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use super::Init;
use crate::boot;
use crate::config::{self, Config, Diagnostic, Loaded};
use crate::control::{Answer, OperatorKey, Reload, UnitChange};
use crate::manager::Changed;
use crate::poller::Waker;
use crate::unit::{Change, UnitId};

/// What the worker answers.
type Read = Result<Loaded, Vec<Diagnostic>>;

/// The configuration that is used, and the one that is being read.
pub(super) struct Reloader {
    /// Where it is read from.
    directory: PathBuf,
    /// What is used.
    pub config: Config,
    waker: Arc<Waker>,
    /// A worker reads; these want to hear what comes of it.
    reading: Option<(Receiver<Read>, Vec<OperatorKey>)>,
    /// Who asked after it had begun: it may not have seen what they have written, so it is read once more.
    next: Option<Vec<OperatorKey>>,
    /// Units whose sockets could not be made, and why.
    failed: Vec<(UnitId, String)>,
}

impl Reloader {
    pub(super) fn new(directory: PathBuf, config: Config, waker: Arc<Waker>) -> Self {
        Self { directory, config, waker, reading: None, next: None, failed: Vec::new() }
    }

    /// Begins to read. The worker never touches anything of ours: whatever it does, the loop goes on.
    fn begin(&mut self, operators: Vec<OperatorKey>) -> std::io::Result<()> {
        let (sender, receiver) = channel();
        let (directory, waker) = (self.directory.clone(), self.waker.clone());
        let runtime = self.config.runtime_directory.clone();
        let read = move || {
            let read = || config::reload(&directory, &|name| std::env::var(name).ok(), &runtime);
            if let Ok(read) = catch_unwind(AssertUnwindSafe(read)) {
                // Nobody listens any more when all ends.
                let _ = sender.send(read);
            }
            drop(sender);
            let _ = waker.wake();
        };
        std::thread::Builder::new().name("reload".into()).spawn(read)?;
        self.reading = Some((receiver, operators));
        Ok(())
    }
}

impl Init {
    /// Somebody asks for a reload; without an operator it is SIGHUP. Once all ends, none begins.
    pub(super) fn reload(&mut self, operator: Option<OperatorKey>) {
        if self.stopping {
            return self.refuse_reload(operator.into_iter().collect(), "tenantd is stopping");
        }
        if self.reloader.reading.is_some() {
            return self.reloader.next.get_or_insert_default().extend(operator);
        }
        self.begin_reload(operator.into_iter().collect());
    }

    fn begin_reload(&mut self, operators: Vec<OperatorKey>) {
        if let Err(error) = self.reloader.begin(operators.clone()) {
            self.refuse_reload(operators, &format!("cannot start a thread: {error}; try again"));
        }
    }

    fn refuse_reload(&mut self, operators: Vec<OperatorKey>, reason: &str) {
        self.journal.say(None, format_args!("no reload: {reason}"));
        let answer = Answer::Refused { reason: reason.to_owned() };
        operators.into_iter().for_each(|operator| self.control.answer(operator, &answer));
    }

    /// A shutdown begins: whoever waits for a reload hears that none comes.
    pub(super) fn give_up_reload(&mut self) {
        let reading = self.reloader.reading.take().map(|(_, operators)| operators);
        let operators: Vec<_> = reading.into_iter().chain(self.reloader.next.take()).flatten().collect();
        if !operators.is_empty() {
            self.refuse_reload(operators, "tenantd is stopping");
        }
    }

    /// The worker has read.
    pub(super) fn has_read(&mut self) {
        let Some((receiver, operators)) = self.reloader.reading.take() else { return };
        let answer = match receiver.try_recv() {
            Ok(Ok(loaded)) => Answer::Reloaded { reload: self.swap(loaded) },
            Ok(Err(mistakes)) => {
                mistakes.iter().for_each(|mistake| self.journal.say(None, format_args!("{mistake}")));
                let words = "the new configuration is refused; the old one is used as before";
                self.journal.say(None, format_args!("reload: {words}"));
                Answer::Broken { mistakes }
            }
            // Woken by the end of one that was given up.
            Err(TryRecvError::Empty) => {
                self.reloader.reading = Some((receiver, operators));
                return;
            }
            Err(TryRecvError::Disconnected) => {
                return self.refuse_reload(operators, "a defect in tenantd; please report the line above");
            }
        };
        operators.into_iter().for_each(|operator| self.control.answer(operator, &answer));
        if let Some(operators) = self.reloader.next.take() {
            self.begin_reload(operators);
        }
    }

    /// From now on this is the configuration.
    fn swap(&mut self, loaded: Loaded) -> Reload {
        self.settle();
        let Loaded { config, units, warnings, .. } = loaded;
        warnings.iter().for_each(|warning| self.journal.say(None, format_args!("{warning}")));
        let config::Difference { live, restart } = self.reloader.config.difference(&config);
        self.reloader.config.adopt(config);
        let config = &self.reloader.config;
        self.journal.configure(config.log);
        self.proxy.configure(config);
        let failed = std::mem::take(&mut self.reloader.failed);
        let changed = self.manager.replace(self.now, units, config.pool, config.shutdown);
        self.settle();
        self.try_again(failed);
        for Changed { name, change, keys } in changed.iter().filter(|changed| changed.change != Change::Unchanged) {
            self.journal.say(Some(name), format_args!("reload: {change}{}", InBrackets(keys)));
        }
        let (all, units) = (changed.len(), changed.into_iter().filter_map(told).collect::<Vec<_>>());
        let unchanged = all - units.len();
        let failed = self.reloader.failed.iter().map(|(_, words)| words.clone()).collect();
        for (keys, words) in [(&live, "applied live"), (&restart, "need a restart of tenantd")] {
            if !keys.is_empty() {
                self.journal.say(None, format_args!("reload: tenantd.toml: {words}: {}", keys.join(", ")));
            }
        }
        self.journal.say(None, format_args!("reloaded: {} units changed, {unchanged} unchanged", units.len()));
        Reload { units, unchanged, live, restart, failed, warnings }
    }

    /// The unit is another: so is its part of the forwarder.
    pub(super) fn renew(&mut self, id: UnitId) {
        let Some(unit) = self.manager.unit(id) else { return };
        match boot::without_umask(|| self.proxy.renew(id, unit)) {
            Ok(true) => super::open::give_socket(&self.proxy, id, unit),
            Ok(false) => {}
            Err(error) => {
                let words = format!("cannot make its socket: {error}; see to that, and reload again");
                self.journal.say(Some(&unit.name), format_args!("{words}"));
                self.reloader.failed.push((id, format!("{}: {words}", unit.name)));
            }
        }
    }

    /// Sockets that could not be made last time, of units without a process.
    fn try_again(&mut self, failed: Vec<(UnitId, String)>) {
        for (id, _) in failed {
            if !self.reloader.failed.iter().any(|(again, _)| *again == id) && self.manager.pids(id).next().is_none() {
                self.renew(id);
                self.proxy.watch(id);
            }
        }
    }

    /// The unit is no more.
    pub(super) fn remove(&mut self, id: UnitId) {
        self.proxy.remove(id);
        self.executed.remove(id);
        self.unheard.remove(id);
    }
}

fn told(changed: Changed) -> Option<UnitChange> {
    let Changed { name, change, keys } = changed;
    let keys = keys.into_iter().map(str::to_owned).collect();
    (change != Change::Unchanged).then(|| UnitChange { name: name.to_string(), change: change.to_string(), keys })
}

/// ` (exec_start, user)`, or nothing.
struct InBrackets<'a>(&'a [&'static str]);

impl std::fmt::Display for InBrackets<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0.join(", ")) }
    }
}
