//! Effects: what the manager wants done, done.

use std::io;
use std::os::fd::AsFd;

use super::Init;
use crate::control::OperatorKey;
use crate::manager::{Action, JobId, JobResult, Line, Whom};
use crate::poller::Source;
use crate::unit::{self, ServiceType, UnitId};

impl Init {
    /// Carries out one effect.
    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Spawn(unit, step) => self.spawn(unit, step),
            Action::Fork(unit, template) => self.fork(unit, template),
            Action::Recycle(unit) => self.proxy.recycle(unit),
            Action::Kill(unit, whom, signal) => {
                self.signal(unit, whom, signal);
                self.take_back(unit);
            }
            Action::MakeRoom(wanted) => self.proxy.make_room(wanted),
            Action::Watch(unit) => self.proxy.watch(unit),
            Action::Unwatch(unit) => self.proxy.unwatch(unit),
            Action::Open(unit) => self.proxy.open(unit),
            Action::Hold(unit) => self.proxy.hold(unit),
            Action::Gone(unit) => self.proxy.gone(unit),
            Action::Refuse(unit, until) => self.proxy.refuse(unit, until),
            Action::Probe(unit) => self.proxy.probe(unit),
            Action::Renew(unit) => self.renew(unit),
            Action::Remove(unit) => self.remove(unit),
            Action::Finish(job, result) => self.finish(job, result),
            Action::Tell(unit, line) => self.tell(unit, &line),
            Action::Exit(code) => self.exit = Some(code),
        }
    }

    /// Watches a pipe of a process. Where that cannot be had now, the pipe is looked at after a pause, until it can.
    pub(super) fn watch(&mut self, source: Source) {
        let fd = match source {
            Source::Stream(key) => self.journal.fd(key.into()),
            Source::Executed(key) => self.executed.get(key.into()).map(|(_, _, fd)| fd.as_fd()),
            Source::Template(key) => self.preload.control(key.into()),
            Source::Reply(key) => self.preload.reply(key.into()),
            _ => None,
        };
        match fd.map(|fd| self.registry.add_reader(fd, source)) {
            // It is watched: only a read had failed.
            Some(Err(error)) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Some(Err(error)) => {
                log::debug!("cannot watch a pipe: {error}; trying again");
                self.again.add(self.now, source);
            }
            Some(Ok(())) | None => {}
        }
    }

    /// Signals processes of a unit; that they are gone is no trouble.
    pub(super) fn signal(&mut self, unit: UnitId, whom: Whom, signal: unit::Signal) {
        if let Err(error) = self.tracker.signal(unit, whom, signal) {
            let name = self.manager.unit(unit).map(|unit| &unit.name);
            self.journal.say(name, format_args!("cannot send {signal}: {error}"));
        }
    }

    fn tell(&mut self, id: UnitId, line: &Line) {
        if *line == Line::Starting {
            self.forget_told(id);
        }
        if matches!(line, Line::Started(..) | Line::Forked(..)) {
            self.proxy.started(id);
        }
        let Some(unit) = self.manager.unit(id) else { return };
        self.journal.say(Some(&unit.name), format_args!("{line}"));
        let remains = unit.service.kind == ServiceType::Oneshot && unit.service.remain_after_exit;
        match line {
            Line::Finished(_) if remains => {}
            Line::Stopped | Line::Finished(_) | Line::Failed(..) | Line::Limited(..) => self.remove_directories(id),
            _ => {}
        }
    }

    fn finish(&mut self, job: JobId, result: JobResult) {
        let operator = OperatorKey::from(slotmap::KeyData::from_ffi(job.0));
        self.answer_job(operator, &result);
    }
}
