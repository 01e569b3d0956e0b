//! Inside of a stop: drain, `exec_stop`, the signals, `exec_stop_post`, and what is left behind. It is over when no process
//! of the unit is left: two runs never overlap.

use super::event::{Exit, Outcome, Step, Whom, Why};
use super::outcome::clean;
use super::procs::{Procs, Slot, Which};
use super::restart::{PATIENCE, later};
use super::service::{Context, Effect, Next, Service};
use super::state::{End, Ending, State, Stop};
use crate::unit::{KillMode, Signal};

impl Service {
    pub(super) fn drain(&mut self, procs: Procs, end: End, cx: Context) -> Next {
        (State::Ending(Ending { stage: Stop::Drain, procs, since: cx.now, deadline: cx.drain(), end }), None)
    }

    /// `exec_stop`, if there is one, then the signals.
    pub(super) fn stop_commands(&mut self, procs: Procs, end: End, cx: Context) -> Next {
        // A reload that is under way has the one place for a command.
        if cx.unit.service.exec_stop.is_empty() || end.hurry || procs.control != Slot::None {
            return self.terminate(procs, end, cx);
        }
        command(Stop::Command(0), procs, end, cx)
    }

    /// `kill_signal`.
    pub(super) fn terminate(&mut self, procs: Procs, end: End, cx: Context) -> Next {
        if procs.is_empty() {
            return self.post_commands(end, cx);
        }
        let whom = told(cx);
        let end = End { told: whom == Whom::All, ..end };
        let effect = Effect::Kill(whom, cx.unit.service.kill_signal);
        (State::Ending(Ending { stage: Stop::Sigterm, procs, since: cx.now, deadline: signals(cx), end }), Some(effect))
    }

    /// As after `kill_signal`, which the process does not need.
    pub(super) fn wait_for_end(&mut self, procs: Procs, end: End, cx: Context) -> Next {
        (State::Ending(Ending { stage: Stop::Sigterm, procs, since: cx.now, deadline: signals(cx), end }), None)
    }

    /// SIGABRT, for a core dump that tells where it hangs.
    pub(super) fn abort(&mut self, procs: Procs, end: End, cx: Context) -> Next {
        let effect = Effect::Kill(told(cx), Signal::ABRT);
        (
            State::Ending(Ending { stage: Stop::Watchdog, procs, since: cx.now, deadline: signals(cx), end }),
            Some(effect),
        )
    }

    /// At once, whatever it is doing: SIGKILL, and no more commands.
    pub(super) fn kill(&mut self, cx: Context) -> Next {
        let (procs, old) = (self.state.procs(), self.state);
        let end = match old {
            State::Ending(Ending { end, .. }) => end,
            _ => End::new(Why::Shutdown, Outcome::Success),
        };
        let end = End { why: Why::Shutdown, hurry: true, ..end };
        if procs.is_empty() { self.final_kill(end, cx) } else { sigkill(Stop::Sigkill, procs, end, cx) }
    }

    /// No request is in flight any more.
    pub(super) fn drained(&mut self, ending: Ending, cx: Context) -> Next {
        match ending.stage {
            Stop::Drain => self.stop_commands(ending.procs, ending.end, cx),
            _ => (State::Ending(ending), None),
        }
    }

    pub(super) fn exited_ending(&mut self, ending: Ending, pid: u32, exit: Exit, cx: Context) -> Next {
        let Some((which, procs)) = ending.procs.without(pid) else { return self.go_on(ending, cx) };
        let mut ending = Ending { procs, ..ending };
        match which {
            Which::Main => {
                self.last_exit = Some(exit);
                ending.end.note(clean(exit, cx.unit));
            }
            // A command of a stop that we have killed says nothing new.
            Which::Control if matches!(ending.stage, Stop::Command(_) | Stop::Post(_)) => ending.end.note(exit.into()),
            Which::Control => {}
        }
        self.go_on(ending, cx)
    }

    /// A command of the stop could not be made.
    pub(super) fn stop_command_failed(&mut self, mut ending: Ending, cx: Context) -> Next {
        let Some(procs) = ending.procs.given_up() else { return (State::Ending(ending), None) };
        if matches!(ending.stage, Stop::Command(_) | Stop::Post(_)) {
            ending.end.note(Outcome::Resources);
        }
        self.go_on(Ending { procs, ..ending }, cx)
    }

    /// The next stage, if this one is over.
    pub(super) fn go_on(&mut self, ending: Ending, cx: Context) -> Next {
        let Ending { stage, procs, end, .. } = ending;
        let (service, idle) = (&cx.unit.service, procs.control == Slot::None);
        match stage {
            Stop::Command(n) if idle && n + 1 < service.exec_stop.len() => {
                command(Stop::Command(n + 1), procs, end, cx)
            }
            Stop::Command(_) if idle => self.terminate(procs, end, cx),
            Stop::Drain | Stop::Watchdog | Stop::Sigterm | Stop::Sigkill if procs.is_empty() => {
                self.post_commands(end, cx)
            }
            Stop::Post(n) if idle && n + 1 < service.exec_stop_post.len() => command(Stop::Post(n + 1), procs, end, cx),
            Stop::Post(_) if idle => self.final_kill(end, cx),
            Stop::FinalSigterm | Stop::FinalSigkill if procs.is_empty() && !self.rest => (self.over(end, cx), None),
            Stop::Drain
            | Stop::Command(_)
            | Stop::Watchdog
            | Stop::Sigterm
            | Stop::Sigkill
            | Stop::Post(_)
            | Stop::FinalSigterm
            | Stop::FinalSigkill => (State::Ending(ending), None),
        }
    }

    /// `exec_stop_post`, if there is one; then what is left behind.
    fn post_commands(&mut self, end: End, cx: Context) -> Next {
        if cx.unit.service.exec_stop_post.is_empty() || end.hurry {
            return self.final_kill(end, cx);
        }
        command(Stop::Post(0), Procs::default(), end, cx)
    }

    /// What the main process has left behind ends too.
    fn final_kill(&mut self, end: End, cx: Context) -> Next {
        let procs = Procs::default();
        match cx.unit.service.kill_mode {
            _ if !self.rest => (self.over(end, cx), None),
            KillMode::Process => (self.over(end, cx), None),
            KillMode::Mixed => sigkill(Stop::FinalSigkill, procs, end, cx),
            KillMode::Group if end.hurry => sigkill(Stop::FinalSigkill, procs, end, cx),
            KillMode::Group => {
                let effect = (!end.told).then_some(Effect::Kill(Whom::All, cx.unit.service.kill_signal));
                let (stage, end) = (Stop::FinalSigterm, End { told: true, ..end });
                (State::Ending(Ending { stage, procs, since: cx.now, deadline: signals(cx), end }), effect)
            }
        }
    }

    /// The stage has had its time.
    pub(super) fn stop_overdue(&mut self, ending: Ending, cx: Context) -> Next {
        let Ending { stage, procs, since, mut end, .. } = ending;
        if stage != Stop::Drain {
            end.note(Outcome::Timeout);
        }
        match stage {
            Stop::Drain => self.stop_commands(procs, end, cx),
            Stop::Command(_) => self.terminate(procs, end, cx),
            Stop::Watchdog | Stop::Sigterm | Stop::Sigkill => sigkill(Stop::Sigkill, procs, end, cx),
            Stop::Post(_) => {
                let effect = Effect::Kill(told(cx), cx.unit.service.kill_signal);
                let stage = Stop::FinalSigterm;
                (State::Ending(Ending { stage, procs, since, deadline: signals(cx), end }), Some(effect))
            }
            Stop::FinalSigterm | Stop::FinalSigkill => sigkill(Stop::FinalSigkill, procs, end, cx),
        }
    }

    /// Nothing is left of it.
    fn over(&mut self, end: End, cx: Context) -> State {
        match end.why {
            Why::Timeout | Why::Failed => self.not_started(end.outcome, cx),
            Why::Ended | Why::Finished | Why::Watchdog => self.ended(end.outcome, end.uptime, cx),
            Why::Itself => self.ended(end.outcome, end.uptime.max(PATIENCE), cx),
            Why::Idle | Why::Asked | Why::Removed | Why::Shutdown | Why::Room | Why::Dependency | Why::Conflict => {
                self.rest(end.outcome)
            }
        }
    }
}

impl Ending {
    /// It is to be stopped, and is being stopped already: the reason changes, and the time may become shorter.
    pub(super) fn halted(self, why: Why, cx: Context) -> Self {
        let deadline = match self.stage {
            Stop::Drain => self.deadline.min(cx.drain()),
            // Nothing is quicker than SIGKILL.
            Stop::Sigkill | Stop::FinalSigkill => self.deadline,
            Stop::Command(_) | Stop::Watchdog | Stop::Sigterm | Stop::Post(_) | Stop::FinalSigterm => {
                cx.clamp(self.deadline)
            }
        };
        Self { deadline, end: End { why, ..self.end }, ..self }
    }

    /// The process that has just been made, and came too late.
    pub(super) fn unwanted(self, pid: u32, cx: Context) -> Option<Effect> {
        match self.stage {
            Stop::Command(_) | Stop::Post(_) => None,
            Stop::Drain | Stop::Sigterm | Stop::FinalSigterm => {
                Some(Effect::Kill(Whom::Process(pid), cx.unit.service.kill_signal))
            }
            Stop::Watchdog | Stop::Sigkill | Stop::FinalSigkill => Some(Effect::Kill(Whom::Process(pid), Signal::KILL)),
        }
    }
}

/// Whom the first signal reaches.
fn told(cx: Context) -> Whom {
    if cx.unit.service.kill_mode == KillMode::Group { Whom::All } else { Whom::Own }
}

/// Commands have half of what is left of a shutdown, so that signals can follow.
fn command(stage: Stop, procs: Procs, end: End, cx: Context) -> Next {
    let step = match stage {
        Stop::Post(n) => Step::StopPost(n),
        Stop::Command(n) => Step::Stop(n),
        Stop::Drain | Stop::Watchdog | Stop::Sigterm | Stop::Sigkill | Stop::FinalSigterm | Stop::FinalSigkill => {
            return (State::Ending(Ending { stage, procs, since: cx.now, deadline: cx.now, end }), None);
        }
    };
    let ending = Ending { stage, procs: procs.with_command(), since: cx.now, deadline: cx.part(1, 2), end };
    (State::Ending(ending), Some(Effect::Spawn(step)))
}

/// How long the signals have; a shutdown leaves time for `exec_stop_post`.
fn signals(cx: Context) -> std::time::Instant {
    if cx.unit.service.exec_stop_post.is_empty() { cx.within(cx.unit.service.timeout_stop) } else { cx.part(2, 3) }
}

/// Said again after a while: a group may fork faster than one SIGKILL reaches it, and one in D state may wake up.
fn sigkill(stage: Stop, procs: Procs, end: End, cx: Context) -> Next {
    let whom = if cx.unit.service.kill_mode == KillMode::Process { Whom::Own } else { Whom::All };
    let again = later(cx.now, cx.unit.service.timeout_stop.max(PATIENCE));
    (
        State::Ending(Ending { stage, procs, since: cx.now, deadline: again, end }),
        Some(Effect::Kill(whom, Signal::KILL)),
    )
}
