//! Which change of a unit's state is worth a line in the log.

use std::time::Instant;

use super::event::{Line, Outcome, Overdue, Why};
use super::service::{Service, probed};
use super::state::{End, Ending, Running, Start, State, Stop};
use crate::unit::{ServiceType, Unit};

/// The line for a change from `old` to `new` at `now`, of a unit and its service; most changes have none.
pub(super) fn line(old: State, new: State, unit: &Unit, service: &Service, now: Instant) -> Option<Line> {
    match (old, new) {
        (State::Waiting, State::Starting(_)) => Some(Line::Starting),
        (State::Starting(_), State::Running(Running { main, .. })) => {
            let line = if service.forked { Line::Forked } else { Line::Started };
            service.boot.map(|boot| line(main, boot))
        }
        (State::Starting(_), State::Exited | State::Dead) => service.boot.map(Line::Finished),
        (State::Starting(_), State::Ending(Ending { end: End { why: Why::Finished, .. }, .. })) => {
            service.boot.map(Line::Finished)
        }
        (State::Running(_), State::Reloading(_)) => Some(Line::Reloading),
        (State::Reloading(_), State::Running(_)) => Some(Line::Reloaded(service.reloaded)),
        (State::Starting(starting), State::Ending(Ending { end: End { why: Why::Timeout, .. }, .. })) => {
            Some(Line::Overdue(overdue(starting.stage, unit), now - starting.begun))
        }
        (State::Ending(old), State::Ending(new)) => killing(old, new, now),
        (_, State::Ending(Ending { stage: Stop::Watchdog, .. })) => Some(Line::Watchdog),
        (_, State::Ending(Ending { end: End { why: Why::Ended | Why::Failed, outcome, .. }, .. })) => {
            Some(Line::Ended(outcome))
        }
        (_, State::Ending(ending)) => Some(Line::Stopping(ending.end.why)),
        _ if old.live() && new.down() => Some(ended(new, service, now)),
        // A dependency that failed has a line of its own.
        _ => None,
    }
}

/// Only the first SIGKILL is worth a word.
fn killing(old: Ending, new: Ending, now: Instant) -> Option<Line> {
    let kills = |stage| matches!(stage, Stop::Sigkill | Stop::FinalSigkill);
    let patient = matches!(old.stage, Stop::Watchdog | Stop::Sigterm | Stop::FinalSigterm);
    (patient && kills(new.stage) && !new.end.hurry).then(|| Line::Killing(now - old.since))
}

/// What the main command did not do in time.
fn overdue(stage: Start, unit: &Unit) -> Overdue {
    match unit.service.kind {
        _ if matches!(stage, Start::Pre(_)) => Overdue::Pre,
        _ if matches!(stage, Start::Post(_)) => Overdue::Post,
        ServiceType::Notify | ServiceType::NotifyReload => Overdue::Ready,
        ServiceType::Exec if probed(unit) => Overdue::Port,
        ServiceType::Exec | ServiceType::Oneshot => Overdue::Start,
    }
}

/// The process is gone and the unit is down.
fn ended(new: State, service: &Service, now: Instant) -> Line {
    match service.outcome {
        Outcome::Success => Line::Stopped,
        outcome => match new.hold().map(|hold| hold.until - now) {
            Some(next) if service.limit.hit() => Line::Limited(outcome, next),
            next => Line::Failed(outcome, next),
        },
    }
}
