//! Jobs: what is asked of a unit, how two of them merge, and who is told the result. One job a unit at most.

use super::event::{Action, JobId, JobKind, JobResult, Outcome, Why};
use super::merge::{Merge, merge};
use super::service::Input;
use super::state::State;
use super::{Entry, Manager};
use crate::unit::{ServiceType, UnitId};

/// What a unit has still to do. Without ids it is anonymous: a request, the boot, a dependency.
#[derive(Debug)]
pub(super) struct Job {
    pub kind: JobKind,
    pub ids: Vec<JobId>,
    /// A person's word is behind it.
    pub asked: bool,
    /// Only requests are behind it.
    request: bool,
    /// Why its stop is wanted.
    why: Why,
    /// Its stop has begun, or its reload.
    begun: bool,
    /// Reloads that follow it.
    then: Vec<JobId>,
}

/// Who wants something, and why.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    job: Option<JobId>,
    asked: bool,
    request: bool,
    why: Why,
}

impl Word {
    /// Nobody waits for the result.
    pub(super) const NOBODY: Self = Self::because(Why::Dependency, false);
    /// A client, that may leave before anything has begun.
    const REQUEST: Self = Self { request: true, ..Self::NOBODY };

    /// A person.
    fn person(job: JobId) -> Self {
        Self { job: Some(job), asked: true, request: false, why: Why::Asked }
    }

    /// What follows from something else; `asked`: from a person's word.
    pub(super) const fn because(why: Why, asked: bool) -> Self {
        Self { job: None, asked, request: false, why }
    }
}

impl Job {
    fn new(kind: JobKind, word: Word) -> Self {
        let (ids, Word { asked, request, why, .. }) = (word.job.into_iter().collect(), word);
        Self { kind, ids, asked, request, why, begun: false, then: Vec::new() }
    }

    /// A start that nobody waits for.
    pub(super) fn anonymous() -> Self {
        Self::new(JobKind::Start, Word::NOBODY)
    }

    /// It makes the unit active.
    pub(super) fn starts(&self) -> bool {
        matches!(self.kind, JobKind::Start | JobKind::Restart)
    }

    /// A stop, or the first half of a restart.
    pub(super) fn halts(&self) -> bool {
        matches!(self.kind, JobKind::Stop | JobKind::Restart)
    }

    /// A stop that has not begun: what stops first is still there.
    pub(super) fn halts_later(&self) -> bool {
        self.halts() && !self.begun
    }

    fn join(&mut self, word: Word) {
        self.ids.extend(word.job);
        self.asked |= word.asked;
        self.request &= word.request;
    }
}

impl JobResult {
    fn of(outcome: Outcome) -> Self {
        if outcome == Outcome::Success { Self::Done } else { Self::Failed(outcome) }
    }
}

impl Manager {
    /// Somebody asks for a job; it is finished exactly once, whatever happens.
    pub(super) fn ask(&mut self, job: JobId, id: UnitId, kind: JobKind) {
        if self.closing.is_some() || !self.units.contains_key(id) {
            return self.say(Action::Finish(job, JobResult::Canceled));
        }
        let word = Word::person(job);
        match kind {
            JobKind::Start => {
                self.displace(id);
                self.start(id, word);
            }
            JobKind::Stop => self.stop(id, word),
            JobKind::Restart => {
                self.displace(id);
                self.restart(id, word);
            }
            JobKind::Reload => self.reload(id, word),
        }
    }

    /// Makes it active.
    pub(super) fn start(&mut self, id: UnitId, word: Word) {
        self.submit(id, JobKind::Start, word);
        let Some(entry) = self.units.get(id) else { return };
        if entry.service.state.up() && entry.has(JobKind::Start) {
            self.finish(id, JobResult::Done);
        } else if entry.service.state.down() {
            self.step(id, Input::Queue);
        }
    }

    /// Makes it inactive, with what follows it.
    pub(super) fn stop(&mut self, id: UnitId, word: Word) {
        let Some(entry) = self.units.get_mut(id) else { return };
        entry.wanted = false;
        self.submit(id, JobKind::Stop, word);
        self.halts.push(id);
        for other in self.graph.links(id).followers.clone() {
            let Some(entry) = self.units.get(other) else { continue };
            if !entry.service.state.rests() && !entry.has(JobKind::Stop) {
                self.stop(other, Word::because(Why::Dependency, word.asked));
            }
        }
    }

    /// Stops it, if it is up, then starts it; so with what follows it and is up.
    fn restart(&mut self, id: UnitId, word: Word) {
        if self.units.get(id).is_some_and(|entry| entry.service.state.live()) {
            self.submit(id, JobKind::Restart, word);
            self.halts.push(id);
        } else {
            self.start(id, word);
        }
        for other in self.graph.links(id).followers.clone() {
            let Some(entry) = self.units.get(other) else { continue };
            let (state, halts) = (entry.service.state, entry.job.as_ref().is_some_and(Job::halts));
            if (state.up() || state.coming()) && !halts {
                self.restart(other, Word::because(Why::Dependency, word.asked));
            }
        }
    }

    pub(super) fn reload(&mut self, id: UnitId, word: Word) {
        let Some(entry) = self.units.get(id) else { return };
        if entry.job.is_some() {
            return self.submit(id, JobKind::Reload, word);
        }
        self.submit(id, JobKind::Reload, word);
        self.begin_reload(id);
    }

    fn begin_reload(&mut self, id: UnitId) {
        if !self.units.get(id).is_some_and(Entry::reloadable) {
            return self.finish(id, JobResult::Invalid);
        }
        self.step(id, Input::Reload);
        // Nothing had to be waited for.
        if let Some(entry) = self.units.get(id).filter(|entry| !entry.service.state.reloading()) {
            let result = entry.reloaded();
            self.finish(id, result);
        }
    }

    /// Merges a new job with the unit's, or gives it one.
    fn submit(&mut self, id: UnitId, kind: JobKind, word: Word) {
        let Some(entry) = self.units.get_mut(id) else { return };
        self.dirty = true;
        let Some(old) = &mut entry.job else {
            entry.job = Some(Job::new(kind, word));
            return;
        };
        match merge(old.kind, kind) {
            Merge::Join => old.join(word),
            Merge::Become => {
                let then = std::mem::take(&mut old.then);
                old.ids.extend(then);
                (old.kind, old.why, old.begun) = (kind, word.why, false);
                old.join(word);
            }
            Merge::Then => old.then.extend(word.job),
            Merge::Replace => {
                self.finish(id, JobResult::Canceled);
                if let Some(entry) = self.units.get_mut(id) {
                    entry.job = Some(Job::new(kind, word));
                }
            }
            Merge::Done => word.job.into_iter().for_each(|job| self.say(Action::Finish(job, JobResult::Done))),
            Merge::Invalid => word.job.into_iter().for_each(|job| self.say(Action::Finish(job, JobResult::Invalid))),
        }
    }

    /// Begins the stop of a job, unless another has taken its place.
    pub(super) fn halt(&mut self, id: UnitId) {
        let Some(entry) = self.units.get_mut(id) else { return };
        let Some(job) = entry.job.as_mut().filter(|job| job.halts_later()) else { return };
        job.begun = true;
        let why = job.why;
        self.step(id, Input::Halt(why));
        // Nothing was there, or an automatic restart was given up.
        if self.units.get(id).is_some_and(|entry| entry.service.state.down() && entry.has(JobKind::Stop)) {
            self.finish(id, JobResult::Done);
        }
    }

    /// Ends the unit's job, if it has one; a reload that was to follow begins, or ends with it.
    pub(super) fn finish(&mut self, id: UnitId, result: JobResult) {
        let Some(entry) = self.units.get_mut(id) else { return };
        let Some(job) = entry.job.take() else { return };
        entry.tried = true;
        self.dirty = true;
        let follows = result == JobResult::Done && !job.then.is_empty();
        let (told, next) = if follows { (job.ids, job.then) } else { ([job.ids, job.then].concat(), Vec::new()) };
        for job in told {
            self.say(Action::Finish(job, result.clone()));
        }
        if follows {
            if let Some(entry) = self.units.get_mut(id) {
                entry.job = Some(Job { ids: next, ..Job::new(JobKind::Reload, Word::because(Why::Asked, true)) });
            }
            self.begin_reload(id);
        }
    }

    /// What a change of state means for the unit's job.
    pub(super) fn conclude(&mut self, id: UnitId, old: State, new: State) {
        if new.up() {
            self.has_come(id, new);
        } else if new.waiting() && !old.waiting() {
            self.enqueue(id);
        } else if new.down() && !old.down() {
            self.down(id, old, new);
        }
        self.restart_wanted(id);
    }

    /// The unit is up: a start has ended, or a reload. A stop still waits for its turn.
    fn has_come(&mut self, id: UnitId, new: State) {
        let Some(entry) = self.units.get(id) else { return };
        if entry.has(JobKind::Start) {
            self.finish(id, JobResult::Done);
        } else if entry.has(JobKind::Reload) && !new.reloading() {
            let result = entry.reloaded();
            self.finish(id, result);
        }
    }

    /// The unit has gone down: its job has ended, or the second half of it begins.
    fn down(&mut self, id: UnitId, old: State, new: State) {
        let Some(entry) = self.units.get_mut(id) else { return };
        let result = entry.verdict();
        let (attempt, failed) = (old.attempting(), result != JobResult::Done);
        match &mut entry.job {
            Some(job) if job.kind == JobKind::Stop && new.retrying() => self.halt(id),
            Some(job) if job.kind == JobKind::Stop => self.finish(id, JobResult::Done),
            Some(job) if job.kind == JobKind::Start && attempt => self.finish(id, result),
            Some(job) if job.kind == JobKind::Reload => self.finish(id, result),
            Some(job) => {
                (job.kind, job.begun) = (JobKind::Start, false);
                self.step(id, Input::Queue);
            }
            None => {}
        }
        if attempt && failed && new != State::Dead {
            self.fail_dependents(id);
        }
    }

    /// A request came while the unit could not be started: now it may be.
    fn restart_wanted(&mut self, id: UnitId) {
        let Some(entry) = self.units.get_mut(id) else { return };
        let state = entry.service.state;
        if state.rests() && state.hold().is_none() && entry.wanted {
            self.start(id, Word::REQUEST);
        } else if !state.keeps() && !entry.has(JobKind::Stop) {
            entry.wanted = false;
        }
    }

    /// A request waits for the unit.
    pub(super) fn want(&mut self, id: UnitId) {
        let Some(entry) = self.units.get_mut(id) else { return };
        let state = entry.service.state;
        match state.hold() {
            _ if self.closing.is_some() => {}
            Some(hold) if hold.refuse => self.say(Action::Refuse(id, hold.until)),
            None if state.rests() => self.start(id, Word::REQUEST),
            Some(_) | None if state.keeps() => entry.wanted = true,
            Some(_) | None => {}
        }
    }

    /// Nobody waits for the unit any more: its start is off, unless it has begun or somebody else needs it.
    pub(super) fn unwant(&mut self, id: UnitId) {
        let needs = |other: &UnitId| {
            let links = self.graph.links(*other);
            links.requires.contains(&id) || links.wants.contains(&id)
        };
        if self.queue.iter().any(needs) {
            return;
        }
        let Some(entry) = self.units.get_mut(id) else { return };
        entry.wanted = false;
        let request = entry.job.as_ref().is_some_and(|job| job.kind == JobKind::Start && job.request);
        if request && entry.service.state.waiting() {
            self.step(id, Input::Halt(Why::Idle));
        }
    }
}

impl Entry {
    /// Its job is of this kind.
    pub(super) fn has(&self, kind: JobKind) -> bool {
        self.job.as_ref().is_some_and(|job| job.kind == kind)
    }

    /// It is active, and has something to reload with.
    fn reloadable(&self) -> bool {
        let service = &self.unit.service;
        let able = !service.exec_reload.is_empty() || service.kind == ServiceType::NotifyReload;
        let able = able || self.unit.template.is_some();
        able && self.service.state.up()
    }

    /// The result of a reload that has ended.
    fn reloaded(&self) -> JobResult {
        JobResult::of(self.service.reloaded)
    }

    /// The result of a start that has ended.
    fn verdict(&self) -> JobResult {
        JobResult::of(self.service.outcome)
    }
}

impl State {
    /// Down, and nothing is to come by itself.
    pub(super) fn rests(&self) -> bool {
        self.down() && !self.retrying()
    }

    pub(super) fn failed(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    /// A request is kept until it may be started: it stops, or has failed a moment ago.
    fn keeps(&self) -> bool {
        self.stopping() || self.rests() && self.hold().is_some_and(|hold| !hold.refuse)
    }
}
