//! What a command of a unit is told about the service: systemd's variables (systemd.exec(5), "Environment Variables Set on
//! Spawned Process").

use nix::sys::signal::Signal;

use super::Manager;
use super::event::{Exit, Outcome, Step};
use super::state::{Ending, State};
use crate::unit::UnitId;

impl Manager {
    /// The variables for this step of a unit: `MAINPID` for what runs beside the main process, `SERVICE_RESULT`, `EXIT_CODE`
    /// and `EXIT_STATUS` for what stops it, `WATCHDOG_USEC` for the main process.
    pub fn variables(&self, id: UnitId, step: Step) -> Vec<(&'static str, String)> {
        let Some(entry) = self.units.get(id) else { return Vec::new() };
        let mut variables = Vec::new();
        let main = entry.service.state.procs().main.pid();
        match step {
            Step::StartPre(_) => {}
            Step::Start => {
                let interval = entry.unit.service.watchdog;
                variables.extend(interval.map(|interval| ("WATCHDOG_USEC", interval.as_micros().to_string())));
            }
            Step::StartPost(_) | Step::Replace | Step::Reload(_) => {}
            Step::Stop(_) | Step::StopPost(_) => {
                let result = match entry.service.state {
                    State::Ending(Ending { end, .. }) => end.outcome,
                    _ => entry.service.outcome,
                };
                variables.extend(ended(result, entry.service.last_exit));
            }
        }
        variables.extend(main.map(|pid| ("MAINPID", pid.to_string())));
        variables
    }
}

fn ended(result: Outcome, exit: Option<Exit>) -> Vec<(&'static str, String)> {
    let (code, status) = match exit {
        None => return vec![("SERVICE_RESULT", result.word().to_owned())],
        Some(Exit::Code(code)) => ("exited", code.to_string()),
        Some(Exit::Signal(signal, core)) => (if core { "dumped" } else { "killed" }, signal_name(signal)),
        Some(Exit::OutOfMemory) => ("killed", signal_name(libc::SIGKILL)),
    };
    let variables =
        [("SERVICE_RESULT", result.word().to_owned()), ("EXIT_CODE", code.to_owned()), ("EXIT_STATUS", status)];
    variables.into()
}

/// `TERM`; a number for a real-time signal.
fn signal_name(signal: i32) -> String {
    let name = Signal::try_from(signal).map(Signal::as_str);
    name.map_or_else(|_| signal.to_string(), |name| name.trim_start_matches("SIG").to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{World, plain};
    use super::*;

    fn told(world: &World, step: Step) -> String {
        let variables = world.manager.variables(world.id("a"), step);
        variables.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn stop_post_hears_how_it_ended() {
        let stop_post = |service: &mut crate::unit::Service| service.exec_stop_post = vec![vec!["/bin/true".into()]];
        for (exit, expected) in [
            (Exit::Code(0), "SERVICE_RESULT=success EXIT_CODE=exited EXIT_STATUS=0"),
            (Exit::Code(9), "SERVICE_RESULT=exit-code EXIT_CODE=exited EXIT_STATUS=9"),
            (Exit::Signal(libc::SIGTERM, false), "SERVICE_RESULT=success EXIT_CODE=killed EXIT_STATUS=TERM"),
            (Exit::Signal(libc::SIGSEGV, true), "SERVICE_RESULT=core-dump EXIT_CODE=dumped EXIT_STATUS=SEGV"),
            (Exit::Signal(40, false), "SERVICE_RESULT=signal EXIT_CODE=killed EXIT_STATUS=40"),
            (Exit::OutOfMemory, "SERVICE_RESULT=oom-kill EXIT_CODE=killed EXIT_STATUS=KILL"),
        ] {
            let mut w = World::booted([plain("a").service(stop_post)]);
            w.up("a");
            assert_eq!(told(&w, Step::Reload(0)), format!("MAINPID={}", w.pid("a")));
            w.event(crate::manager::Event::Exited { pid: w.pid("a"), exit, rest: false });
            assert_eq!(told(&w, Step::StopPost(0)), expected);
        }
    }

    #[test]
    fn what_never_ran_has_no_exit_status() {
        let mut w = World::booted([plain("a")]);
        w.broken.push("a");
        w.start(1, "a");
        assert_eq!(told(&w, Step::StopPost(0)), "SERVICE_RESULT=resources");
    }
}
