//! Inside of a start by fork: the main process comes from a template, or by exec after all, with nobody the wiser.

use std::time::Duration;

use super::event::{Exit, Step, Whom};
use super::procs::{Procs, Slot};
use super::restart::later;
use super::service::{Context, Effect, Next, Service};
use super::state::{Start, Starting, State};
use crate::unit::Signal;

/// How long a forked process may take to be ready. By exec it would be there soon.
pub(super) const READY: Duration = Duration::from_secs(15);

impl Service {
    /// The main process, from the template if there is one that can.
    pub(super) fn main(&mut self, starting: Starting, cx: Context) -> Next {
        self.forked = cx.template;
        let procs = Procs { main: Slot::Due, ..starting.procs };
        let (stage, effect) = match cx.template {
            true => (Start::Fork(later(cx.now, READY)), Effect::Fork),
            false => (Start::Main, Effect::Spawn(Step::Start)),
        };
        (State::Starting(Starting { stage, procs, ..starting }), Some(effect))
    }

    /// The template cannot, or what came of it is of no use: by exec, once nothing of it is left.
    pub(super) fn unfit(&mut self, starting: Starting, cx: Context) -> Next {
        let Start::Fork(_) = starting.stage else { return (State::Starting(starting), None) };
        let starting = Starting { stage: Start::Unfit, ..starting };
        match starting.procs.main {
            Slot::Pid(_) => (State::Starting(starting), Some(Effect::Kill(Whom::All, Signal::KILL))),
            Slot::Due | Slot::None => self.by_exec(starting, cx),
        }
    }

    /// The forked process has ended before it was ready. How, is no failure of the unit.
    pub(super) fn fork_ended(&mut self, starting: Starting, exit: Exit, cx: Context) -> Next {
        self.last_exit = Some(exit);
        let starting = Starting { stage: Start::Unfit, ..starting };
        match self.rest {
            true => (State::Starting(starting), Some(Effect::Kill(Whom::All, Signal::KILL))),
            false => self.by_exec(starting, cx),
        }
    }

    /// What the forked process left behind is gone.
    pub(super) fn fork_emptied(&mut self, starting: Starting, cx: Context) -> Next {
        match (starting.stage, starting.procs.main) {
            (Start::Unfit, Slot::None) => self.by_exec(starting, cx),
            (Start::Pre(_) | Start::Main | Start::Post(_) | Start::Fork(_) | Start::Unfit, _) => {
                (State::Starting(starting), None)
            }
        }
    }

    fn by_exec(&mut self, starting: Starting, cx: Context) -> Next {
        self.main(starting, Context { template: false, ..cx })
    }

    /// The deadline of a start has come: of the fork alone, or of all of it.
    pub(super) fn start_elapsed(&mut self, starting: Starting, cx: Context) -> Next {
        let all = starting.deadline.is_some_and(|deadline| deadline <= cx.now);
        match starting.stage {
            Start::Fork(_) if !all => self.unfit(starting, cx),
            Start::Pre(_) | Start::Main | Start::Post(_) | Start::Fork(_) | Start::Unfit => {
                self.start_overdue(starting, cx)
            }
        }
    }
}
