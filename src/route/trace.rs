//! How a decision is told while it is made. The trace of the daemon is `()`, and costs nothing.

use crate::unit::UnitId;

/// Hears of each step of a decision, in order.
pub trait Trace {
    /// A rule of this list (its section: `redirect`) has matched; `index` counts from 0, `what` says what it means.
    fn rule(&mut self, step: &'static str, index: usize, what: impl FnOnce() -> String);

    /// A step that is no list has had its say.
    fn told(&mut self, step: &'static str, what: impl FnOnce() -> String);

    /// A tenant answers.
    fn unit(&mut self, unit: UnitId);

    /// A step had nothing to say.
    fn none(&mut self, step: &'static str);
}

impl Trace for () {
    fn rule(&mut self, _: &'static str, _: usize, _: impl FnOnce() -> String) {}
    fn told(&mut self, _: &'static str, _: impl FnOnce() -> String) {}
    fn unit(&mut self, _: UnitId) {}
    fn none(&mut self, _: &'static str) {}
}
