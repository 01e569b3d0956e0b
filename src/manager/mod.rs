//! What to do about units: a pure machine. Facts ([`Event`]) in, effects ([`Action`]) out; never a clock or a process.

mod event;

pub use event::{Action, ActiveState, Event, Exit, JobId, JobKind, JobResult, Line, Outcome, Status, Step, Why};
