//! Which change of a unit's state is worth a line in the log.

use std::time::Instant;

use super::event::{Line, Outcome, Overdue, Why};
use super::service::{Service, probed};
use super::state::State;
use crate::unit::{ServiceType, Unit};

/// The line for a change from `old` to `new` at `now`, of a unit and its service; most changes have none.
pub(super) fn line(old: State, new: State, unit: &Unit, service: &Service, now: Instant) -> Option<Line> {
    match (old, new) {
        (State::Waiting, State::Spawning { .. }) => Some(Line::Starting),
        (_, State::Running { pid, .. }) => service.boot.map(|boot| Line::Started(pid, boot)),
        (State::Start { .. }, State::Exited | State::Dead) => service.boot.map(Line::Finished),
        (State::StopSigterm { since, .. }, State::StopSigkill { .. }) => Some(Line::Killing(now - since)),
        (State::StartPre { begun, .. }, State::StopSigterm { why: Why::Timeout, .. }) => {
            Some(Line::Overdue(Overdue::Pre, now - begun))
        }
        (State::Start { begun, .. }, State::StopSigterm { why: Why::Timeout, .. }) => {
            Some(Line::Overdue(overdue(unit), now - begun))
        }
        _ if new.stopping() && !old.stopping() => new.why().map(Line::Stopping),
        _ if old.live() && new.down() => Some(ended(new, service, now)),
        // A dependency that failed has a line of its own.
        (State::Waiting, State::Failed { .. } | State::AutoRestart { .. }) => None,
        _ => None,
    }
}

/// What the main command did not do in time.
fn overdue(unit: &Unit) -> Overdue {
    match unit.service.kind {
        ServiceType::Notify | ServiceType::NotifyReload => Overdue::Ready,
        ServiceType::Exec if probed(unit) => Overdue::Port,
        ServiceType::Exec | ServiceType::Oneshot => Overdue::Start,
    }
}

/// The process is gone and the unit is down.
fn ended(new: State, service: &Service, now: Instant) -> Line {
    match service.outcome {
        Outcome::Success => Line::Stopped,
        outcome => Line::Failed(outcome, new.hold().map(|hold| hold.until - now)),
    }
}
