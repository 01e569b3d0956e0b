//! Operators who read the journal: each is given a piece when it has taken the one before. Nothing waits in memory for
//! a slow one; it is told how many lines it missed.

use slotmap::SecondaryMap;

use super::Init;
use crate::control::{Answer, LogLine, OperatorKey};
use crate::journal::{self, Kept, Reader, Stream, Told, Wanted};
use crate::unit::Pattern;

/// Most readers at once.
const MAX_READERS: usize = 32;

/// Bytes of answers that a reader is given at once; the last line may go beyond.
const PIECE: usize = 64 * 1024;

/// Those who read.
#[derive(Debug, Default)]
pub(super) struct Readers {
    all: SecondaryMap<OperatorKey, (Reader, bool)>,
    behind: bool,
}

impl Readers {
    /// One of them takes more at once.
    pub(super) fn are_behind(&self) -> bool {
        self.behind
    }
}

impl Init {
    /// An operator wants to read; its first piece comes at the end of this turn.
    pub(super) fn logs(
        &mut self,
        operator: OperatorKey,
        units: &[String],
        lines: Option<usize>,
        since: Option<u64>,
        follow: bool,
    ) {
        let units: Vec<_> = units.iter().map(|unit| Pattern::new(unit)).collect();
        if let Some(unknown) = units.iter().find(|unit| !self.is_known(unit)) {
            return self.control.answer(operator, &Answer::NoSuchUnit { unit: unknown.as_str().to_owned() });
        }
        if self.readers.all.len() >= MAX_READERS {
            let reason = format!("{MAX_READERS} others read the logs; end one of them");
            return self.control.answer(operator, &Answer::Refused { reason });
        }
        let reader = self.journal.reader(Wanted { units, lines, since });
        self.readers.all.insert(operator, (reader, follow));
    }

    /// A unit has this name, or lines are kept of one that had.
    fn is_known(&self, pattern: &Pattern) -> bool {
        let names = self.manager.ids().filter_map(|id| self.manager.unit(id)).map(|unit| unit.name.as_str());
        self.journal.knows(pattern) || names.into_iter().any(|name| pattern.matches(name))
    }

    /// Once a turn: gives each reader its next piece, if it has taken the last one and there is one.
    pub(super) fn feed(&mut self) {
        let Self { readers: Readers { all, behind }, control, journal, .. } = self;
        *behind = false;
        all.retain(|operator, (reader, follow)| match control.takes(operator) {
            Some(true) => {
                let mut answers = Vec::new();
                let more = journal.tell(reader, &mut |told| {
                    answer(told).write_to(&mut answers);
                    answers.len() < PIECE
                });
                let last = !more && !*follow;
                if last {
                    Answer::End.write_to(&mut answers);
                }
                if !answers.is_empty() {
                    control.send(operator, answers, last);
                }
                *behind |= more && control.takes(operator) == Some(true);
                !last
            }
            Some(false) => true,
            None => false,
        });
    }
}

fn answer(told: Told) -> Answer {
    match told {
        Told::Missed(lines) => Answer::Missed { lines },
        Told::Line(Kept { unit, pid, stream, time, text }) => {
            let unit = unit.map(ToString::to_string);
            let stream = stream.map_or(journal::OWN, Stream::as_str).to_owned();
            Answer::Line { line: LogLine { time, unit, pid, stream, text: text.to_owned() } }
        }
    }
}
