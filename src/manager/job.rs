//! Jobs: what is asked of a unit, how two of them merge, and who is told the result. One job a unit at most.

use super::Manager;
use super::event::{Action, JobId, JobKind, JobResult, Outcome, Why};
use super::service::Input;
use super::state::State;
use crate::unit::UnitId;

/// What a unit has still to do. Without ids it is anonymous: a request, the boot, a dependency.
#[derive(Debug)]
pub(super) struct Job {
    pub kind: JobKind,
    pub ids: Vec<JobId>,
}

impl Manager {
    /// Somebody asks for a job; it is finished exactly once, whatever happens.
    pub(super) fn ask(&mut self, job: JobId, id: UnitId, kind: JobKind) {
        if self.closing.is_some() || !self.units.contains_key(id) {
            return self.say(Action::Finish(job, JobResult::Canceled));
        }
        match kind {
            JobKind::Start => self.start(id, Some(job)),
            JobKind::Stop => self.stop(id, job),
            JobKind::Restart => self.restart(id, job),
            JobKind::Reload => self.reload(id, job),
        }
    }

    /// Makes it active. Without a job id it is anonymous.
    pub(super) fn start(&mut self, id: UnitId, job: Option<JobId>) {
        let Some(entry) = self.units.get_mut(id) else { return };
        let state = entry.service.state;
        if state.up() {
            self.install(id, JobKind::Start, job);
            return self.finish(id, JobResult::Done);
        }
        match &mut entry.job {
            Some(old) if old.kind != JobKind::Stop => old.ids.extend(job),
            Some(_) => {
                self.finish(id, JobResult::Canceled);
                self.install(id, JobKind::Start, job);
            }
            None => self.install(id, JobKind::Start, job),
        }
        if state.down() {
            self.step(id, Input::Queue);
        }
    }

    fn stop(&mut self, id: UnitId, job: JobId) {
        let Some(entry) = self.units.get_mut(id) else { return };
        entry.wanted = false;
        match &mut entry.job {
            Some(old) if old.kind == JobKind::Stop => return old.ids.push(job),
            _ => self.finish(id, JobResult::Canceled),
        }
        self.install(id, JobKind::Stop, Some(job));
        self.step(id, Input::Halt(Why::Asked));
        if self.units.get(id).is_some_and(|entry| entry.service.state.down()) {
            self.finish(id, JobResult::Done);
        }
    }

    fn restart(&mut self, id: UnitId, job: JobId) {
        let Some(entry) = self.units.get_mut(id) else { return };
        if !entry.service.state.live() {
            return self.start(id, Some(job));
        }
        match &mut entry.job {
            Some(old) if old.kind != JobKind::Stop => {
                old.kind = JobKind::Restart;
                old.ids.push(job);
            }
            _ => {
                self.finish(id, JobResult::Canceled);
                self.install(id, JobKind::Restart, Some(job));
            }
        }
        self.step(id, Input::Halt(Why::Asked));
    }

    fn reload(&mut self, id: UnitId, job: JobId) {
        self.step(id, Input::Reload);
        let Some(entry) = self.units.get_mut(id) else { return };
        match &mut entry.job {
            _ if !entry.service.state.reloading() => self.say(Action::Finish(job, JobResult::Invalid)),
            Some(old) => old.ids.push(job),
            None => self.install(id, JobKind::Reload, Some(job)),
        }
    }

    fn install(&mut self, id: UnitId, kind: JobKind, job: Option<JobId>) {
        if let Some(entry) = self.units.get_mut(id) {
            entry.job = Some(Job { kind, ids: job.into_iter().collect() });
        }
    }

    /// Ends the unit's job, if it has one.
    pub(super) fn finish(&mut self, id: UnitId, result: JobResult) {
        let Some(entry) = self.units.get_mut(id) else { return };
        let Some(job) = entry.job.take() else { return };
        entry.tried = true;
        self.dirty = true;
        for job in job.ids {
            self.say(Action::Finish(job, result.clone()));
        }
    }

    /// What a change of state means for the unit's job.
    pub(super) fn conclude(&mut self, id: UnitId, old: State, new: State) {
        if new.reloading() {
            // Its job ends with it.
        } else if new.up() {
            let reloaded = self.units.get(id).map_or(Outcome::Success, |entry| entry.service.reloaded);
            let failed = old.reloading() && reloaded != Outcome::Success;
            self.finish(id, if failed { JobResult::Failed(reloaded) } else { JobResult::Done });
        } else if new == State::Waiting && old != State::Waiting {
            self.enqueue(id);
        } else if new.down() && !old.down() {
            self.down(id, old, new);
        }
        self.restart_wanted(id);
    }

    /// The unit has gone down: its job has ended, or the second half of it begins.
    fn down(&mut self, id: UnitId, old: State, new: State) {
        let Some(entry) = self.units.get_mut(id) else { return };
        let result = entry.verdict();
        let (attempt, failed) = (old.attempting(), result != JobResult::Done);
        match &mut entry.job {
            Some(job) if job.kind == JobKind::Stop => self.finish(id, JobResult::Done),
            Some(job) if job.kind == JobKind::Start && attempt => self.finish(id, result),
            Some(job) => {
                job.kind = JobKind::Start;
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
        match entry.service.state {
            State::Dead | State::Failed { hold: None } if entry.wanted => self.start(id, None),
            State::Failed { hold: Some(hold) } if !hold.refuse => {}
            state if state.stopping() => {}
            _ => entry.wanted = false,
        }
    }

    /// A request waits for the unit.
    pub(super) fn want(&mut self, id: UnitId) {
        let Some(entry) = self.units.get_mut(id) else { return };
        if self.closing.is_some() {
            return;
        }
        match entry.service.state {
            State::Dead | State::Failed { hold: None } => self.start(id, None),
            State::Failed { hold: Some(hold) } | State::AutoRestart { hold } if hold.refuse => {
                self.say(Action::Refuse(id, hold.until));
            }
            State::Failed { .. } | State::Ending(_) => entry.wanted = true,
            State::AutoRestart { .. }
            | State::Waiting
            | State::Starting(_)
            | State::Running(_)
            | State::Reloading(_)
            | State::Exited => {}
        }
    }
}
