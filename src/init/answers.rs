//! Questions of the control socket, answered from what the parts know.

use std::time::{Duration, Instant};

use slotmap::Key;

use super::{Init, show};
use crate::control::{Answer, KillWhom, OperatorKey, Request, Requests, SystemStatus, UnitStatus};
use crate::manager::{ActiveState, Event, JobId, JobKind, JobResult, Whom};
use crate::unit::{Priority, Signal, UnitId};

impl Init {
    /// An operator asks.
    pub(super) fn asked(&mut self, operator: OperatorKey, request: Request) {
        let answer = match request {
            Request::List => self.list(),
            Request::System => self.system(),
            Request::Status { unit } => match self.manager.find(&unit).and_then(|id| self.unit_status(id, true)) {
                Some(status) => Answer::Unit { unit: Box::new(status) },
                None => Answer::NoSuchUnit { unit },
            },
            Request::Show { unit: None } => self.show_daemon(),
            Request::Show { unit: Some(unit) } => match self.manager.find(&unit) {
                Some(id) => self.show(id),
                None => Answer::NoSuchUnit { unit },
            },
            Request::Kill { unit, signal, whom } => match self.manager.find(&unit) {
                Some(id) => self.kill_for(id, signal, whom),
                None => Answer::NoSuchUnit { unit },
            },
            Request::Reset { unit } => self.reset(unit),
            Request::Maintenance { word, units } => self.maintain(word, &units),
            Request::Start { unit } => return self.ask(operator, unit, JobKind::Start),
            Request::Stop { unit } => return self.ask(operator, unit, JobKind::Stop),
            Request::Reload => return self.reload(Some(operator)),
            Request::ReloadUnit { unit } => return self.ask(operator, unit, JobKind::Reload),
            Request::Logs { units, lines, since, follow } => return self.logs(operator, &units, lines, since, follow),
            #[cfg(debug_assertions)]
            Request::Panic => panic!("asked for"),
            Request::Restart { unit } => return self.ask(operator, unit, JobKind::Restart),
        };
        self.control.answer(operator, &answer);
    }

    /// Signals processes of a unit, by the way that a stop takes.
    fn kill_for(&mut self, id: UnitId, signal: i32, whom: KillWhom) -> Answer {
        let Some(signal) = Signal::new(signal) else { return refused(format!("there is no signal {signal}")) };
        let main = self.manager.main(id);
        let control = self.manager.pids(id).find(|pid| Some(*pid) != main);
        let whom = match whom {
            KillWhom::Main => main.map(Whom::Process),
            KillWhom::Control => control.map(Whom::Process),
            KillWhom::All => main.or(control).map(|_| Whom::All),
        };
        let Some(whom) = whom else { return refused("there is no such process to kill".to_owned()) };
        self.signal(id, whom, signal);
        Answer::Done
    }

    /// Forgets failures, of all units if none is named.
    fn reset(&mut self, unit: Option<String>) -> Answer {
        let ids: Vec<_> = match unit {
            None => self.manager.ids().collect(),
            Some(unit) => match self.manager.find(&unit) {
                Some(id) => vec![id],
                None => return Answer::NoSuchUnit { unit },
            },
        };
        for id in ids {
            self.manager.dispatch(self.now, Event::Reset(id));
        }
        Answer::Done
    }

    /// A job: answered when it ends.
    fn ask(&mut self, operator: OperatorKey, unit: String, kind: JobKind) {
        match self.manager.find(&unit) {
            Some(id) => {
                let job = JobId(operator.data().as_ffi());
                self.manager.dispatch(self.now, Event::Asked(job, id, kind));
            }
            None => self.control.answer(operator, &Answer::NoSuchUnit { unit }),
        }
    }

    pub(super) fn answer_job(&mut self, operator: OperatorKey, result: &JobResult) {
        let (word, detail) = match result {
            JobResult::Done => ("done", String::new()),
            JobResult::Failed(outcome) => ("failed", outcome.to_string()),
            JobResult::Dependency(unit) => ("dependency", format!("it requires {unit}, which failed")),
            JobResult::Invalid => ("invalid", result.to_string()),
            JobResult::Canceled => ("canceled", "another job took its place".to_owned()),
        };
        let answer = Answer::Job { result: word.to_owned(), detail };
        self.control.answer(operator, &answer);
    }

    fn list(&self) -> Answer {
        let mut units: Vec<_> = self.manager.ids().filter_map(|id| self.unit_status(id, false)).collect();
        units.sort_by(|a, b| a.name.cmp(&b.name));
        Answer::Units { units }
    }

    fn system(&self) -> Answer {
        let in_state = |wanted| {
            self.manager.ids().filter(|id| self.manager.status(*id).is_some_and(|s| s.active == wanted)).count()
        };
        let system = SystemStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            up_ms: millis(self.now - self.started),
            state: if self.stopping { "stopping" } else { "running" }.to_owned(),
            readiness: self.told_readiness(),
            maintenance: self.maintenance_words(),
            listen: self.listen.clone(),
            units: self.manager.ids().count(),
            active: in_state(ActiveState::Active),
            failed: in_state(ActiveState::Failed),
            notes: self.inherited.notes.clone(),
        };
        Answer::System { system }
    }

    fn unit_status(&self, id: UnitId, with_tail: bool) -> Option<UnitStatus> {
        let unit = self.manager.unit(id)?;
        let status = self.manager.status(id)?;
        let load = self.proxy.load(id);
        let until = |at: Instant| millis(at.saturating_duration_since(self.now));
        Some(UnitStatus {
            name: status.name.to_string(),
            description: status.description,
            priority: match status.priority {
                Priority::High => "high".to_owned(),
                Priority::Normal => "normal".to_owned(),
            },
            source: unit.source.display().to_string(),
            wanted_by: unit.wanted_by.iter().map(ToString::to_string).collect(),
            needs: show::needs(unit).map(ToString::to_string).collect(),
            route: unit.route.as_ref().map(show::route),
            active: status.active.to_string(),
            sub: status.sub.to_owned(),
            result: status.outcome.to_string(),
            pid: status.pid,
            status: status.text,
            starts: status.starts,
            failures: status.failures,
            since_ms: status.since.map(|since| millis(self.now.saturating_duration_since(since))),
            boot_ms: status.boot.map(millis),
            retry_ms: status.retry.map(until),
            requests: Requests {
                in_flight: load.in_flight,
                waiting: load.waiting,
                tunnels: load.tunnels,
                breaker_open: load.breaker_open,
            },
            preload: self.preload_status(id),
            maintenance: unit.route.is_some() && self.proxy.is_maintained(Some(id)),
            tail: if with_tail { self.journal.tail(&unit.name) } else { Vec::new() },
        })
    }
}

fn refused(reason: String) -> Answer {
    Answer::Refused { reason }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
