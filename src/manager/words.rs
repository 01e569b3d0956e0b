//! The words for people: outcomes, states and log lines as systemd says them.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::event::{ActiveState, Exit, JobResult, Line, Outcome, Overdue, Why};
use super::exit_status;

impl From<Exit> for Outcome {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Code(0) => Self::Success,
            Exit::Code(code) => Self::ExitCode(code),
            Exit::Signal(signal, core) => Self::Signal(signal, core),
            Exit::OutOfMemory => Self::OomKill,
        }
    }
}

impl Outcome {
    /// systemd's `Result=`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::ExitCode(_) => "exit-code",
            Self::Signal(_, false) => "signal",
            Self::Signal(_, true) => "core-dump",
            Self::Timeout => "timeout",
            Self::Resources => "resources",
            Self::Protocol => "protocol",
            Self::Dependency => "dependency",
            Self::Watchdog => "watchdog",
            Self::OomKill => "oom-kill",
        }
    }
}

/// `exit-code, status=203/EXEC`, `signal, status=9/KILL`, `timeout`.
impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        let (number, name) = match *self {
            Self::ExitCode(code) => (i32::from(code), exit_status::name(code)),
            Self::Signal(number, _) => (number, Signal::try_from(number).ok().map(Signal::as_str)),
            Self::Success
            | Self::Timeout
            | Self::Resources
            | Self::Protocol
            | Self::Dependency
            | Self::Watchdog
            | Self::OomKill => return Ok(()),
        };
        write!(f, ", status={number}")?;
        name.map_or(Ok(()), |name| write!(f, "/{}", name.trim_start_matches("SIG")))
    }
}

impl Display for ActiveState {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Inactive => "inactive",
            Self::Activating => "activating",
            Self::Reloading => "reloading",
            Self::Active => "active",
            Self::Deactivating => "deactivating",
            Self::Failed => "failed",
        })
    }
}

impl Display for JobResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Failed(outcome) => write!(f, "failed: {outcome}"),
            Self::Dependency(name) => write!(f, "dependency: requires {name}, which failed"),
            Self::Canceled => f.write_str("canceled"),
            Self::Invalid => f.write_str("invalid: it is not active, or has no exec_reload"),
        }
    }
}

impl Display for Why {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Asked => "asked",
            Self::Removed => "removed from the configuration",
            Self::Shutdown => "shutdown",
            Self::Itself => "by itself",
            Self::Timeout => "start timeout",
            Self::Failed => "its start failed",
            Self::Ended => "its main process has ended",
            Self::Finished => "it has finished",
            Self::Watchdog => "watchdog",
            Self::Room => "another tenant needs its place",
            Self::Dependency => "a unit that it needs is stopped",
            Self::Conflict => "a unit that it conflicts with is started",
        })
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Forked(pid, boot) => write!(f, "started in {} by its template, pid {pid}", Span(*boot)),
            Self::Started(pid, boot) => write!(f, "started in {}, pid {pid}", Span(*boot)),
            Self::Finished(boot) => write!(f, "finished in {}", Span(*boot)),
            Self::Stopping(why) => write!(f, "stopping: {why}"),
            Self::Overdue(Overdue::Pre, after) => write!(f, "stopping: exec_start_pre did not end in {}", Span(*after)),
            Self::Overdue(Overdue::Post, after) => {
                write!(f, "stopping: exec_start_post did not end in {}", Span(*after))
            }
            Self::Overdue(Overdue::Port, after) => write!(f, "stopping: its port did not answer in {}", Span(*after)),
            Self::Overdue(Overdue::Start, after) => write!(f, "stopping: its start did not end in {}", Span(*after)),
            // Puma serves without that gem, and would be stopped for ever in the midst of it.
            Self::Overdue(Overdue::Ready, after) => {
                write!(
                    f,
                    "stopping: no READY=1 in {}; add the gem sd_notify for Puma, or write type = \"exec\"",
                    Span(*after)
                )
            }
            Self::Stopped => f.write_str("stopped"),
            Self::Failed(outcome, None) => write!(f, "failed: {outcome}"),
            Self::Failed(outcome, Some(next)) => write!(f, "failed: {outcome}; next try in {}", Span(*next)),
            Self::Limited(outcome, next) => {
                write!(f, "failed: {outcome}; start limit hit, next try in {}", Span(*next))
            }
            Self::Killing(after) => write!(f, "did not stop in {}: SIGKILL", Span(*after)),
            Self::Watchdog => f.write_str("stopping: no WATCHDOG=1 in time, SIGABRT"),
            Self::Ended(Outcome::Success) => f.write_str("stopping: its main process has ended"),
            Self::Ended(outcome) => write!(f, "stopping: its main process has ended: {outcome}"),
            Self::Reloading => f.write_str("reloading"),
            Self::Reloaded(Outcome::Success) => f.write_str("reloaded"),
            Self::Reloaded(outcome) => write!(f, "reload failed: {outcome}; it runs on as it was"),
            Self::Dependency(name) => write!(f, "not started: requires {name}, which failed"),
        }
    }
}

/// A duration in three figures or so: `4ms`, `1.02s`, `30s`.
struct Span(Duration);

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 < Duration::from_millis(1) {
            return write!(f, "{}us", self.0.as_micros());
        }
        if self.0 < Duration::from_secs(1) {
            return write!(f, "{}ms", self.0.as_millis());
        }
        let text = format!("{:.2}", self.0.as_secs_f64());
        write!(f, "{}s", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Name;

    #[test]
    fn outcomes_in_systemds_words() {
        for (outcome, text) in [
            (Outcome::Success, "success"),
            (Outcome::ExitCode(203), "exit-code, status=203/EXEC"),
            (Outcome::ExitCode(42), "exit-code, status=42"),
            (Outcome::Signal(9, false), "signal, status=9/KILL"),
            (Outcome::Signal(11, true), "core-dump, status=11/SEGV"),
            (Outcome::Signal(40, false), "signal, status=40"),
            (Outcome::Timeout, "timeout"),
            (Outcome::Protocol, "protocol"),
        ] {
            assert_eq!(outcome.to_string(), text);
        }
    }

    #[test]
    fn lines_for_the_log() {
        let ms = Duration::from_millis;
        for (line, text) in [
            (Line::Starting, "starting"),
            (Line::Forked(123, ms(42)), "started in 42ms by its template, pid 123"),
            (Line::Started(123, ms(1020)), "started in 1.02s, pid 123"),
            (Line::Started(123, Duration::from_micros(850)), "started in 850us, pid 123"),
            (Line::Finished(ms(30_000)), "finished in 30s"),
            (Line::Stopping(Why::Idle), "stopping: idle"),
            (
                Line::Overdue(Overdue::Ready, ms(90_000)),
                "stopping: no READY=1 in 90s; add the gem sd_notify for Puma, or write type = \"exec\"",
            ),
            (Line::Overdue(Overdue::Pre, ms(90_000)), "stopping: exec_start_pre did not end in 90s"),
            (
                Line::Failed(Outcome::ExitCode(1), Some(ms(100))),
                "failed: exit-code, status=1/FAILURE; next try in 100ms",
            ),
            (Line::Failed(Outcome::Timeout, None), "failed: timeout"),
            (Line::Killing(ms(5000)), "did not stop in 5s: SIGKILL"),
        ] {
            assert_eq!(line.to_string(), text);
        }
        let redis = Name::new("redis").map_err(|_| "redis").unwrap();
        assert_eq!(Line::Dependency(redis).to_string(), "not started: requires redis, which failed");
    }
}
