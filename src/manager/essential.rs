//! Essential units: their end is the container's end, with their exit code. Never the order of that end.

use super::event::{Exit, JobKind, Outcome, Why};
use super::state::State;
use super::{Entry, Manager};
use crate::unit::UnitId;

/// No process could be made (EX_OSERR of sysexits.h).
const OS_ERROR: u8 = 71;

/// What it requires failed (EX_UNAVAILABLE of sysexits.h).
const UNAVAILABLE: u8 = 69;

impl Manager {
    /// A unit has come from `old` to where it is now; `asked`: a person has asked for its stop. If it is an essential one, and
    /// nothing brings it back, all ends. The first one gives its code.
    pub(super) fn fall(&mut self, id: UnitId, old: State, asked: bool) {
        let Some(entry) = self.units.get(id).filter(|entry| entry.unit.service.essential) else { return };
        let comes_back = entry.job.as_ref().is_some_and(|job| job.kind != JobKind::Stop);
        // An idle tenant is as well as one that runs.
        let resting = matches!(old.why(), Some(Why::Idle | Why::Room));
        if self.closing.is_some() || old.rests() || !entry.service.state.rests() || comes_back || resting {
            return;
        }
        let code = if asked { 0 } else { entry.exit_code() };
        self.fallen = self.fallen.or(Some(code));
    }
}

impl Entry {
    /// The code of the container when this unit was its purpose (128+n after signal n).
    fn exit_code(&self) -> u8 {
        match (self.service.outcome, self.service.last_exit) {
            (Outcome::Resources, _) => OS_ERROR,
            (Outcome::Dependency, _) => UNAVAILABLE,
            // It ended well, and yet it failed.
            (Outcome::Timeout, Some(Exit::Code(0)) | None) => signal(libc::SIGTERM),
            (_, Some(Exit::Code(code))) | (Outcome::ExitCode(code), None) => code,
            (_, Some(Exit::Signal(number, _))) | (Outcome::Signal(number, _), None) => signal(number),
            (_, Some(Exit::OutOfMemory)) | (Outcome::OomKill, None) => signal(libc::SIGKILL),
            (Outcome::Watchdog, None) => signal(libc::SIGABRT),
            (Outcome::Success | Outcome::Protocol, None) => 0,
        }
    }
}

fn signal(number: i32) -> u8 {
    u8::try_from(128 + number).unwrap_or(u8::MAX)
}
