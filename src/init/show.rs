//! `tenantd show`: every property of a unit by systemd's name where it has one. Values of variables are never shown.

use std::fmt::Display;
use std::time::{Duration, Instant, SystemTime};

use super::Init;
use crate::control::Answer;
use crate::journal::Clock;
use crate::manager::{ActiveState, Exit, Status};
use crate::unit::{KillMode, Name, Restart, Route, ServiceType, Unit, UnitId, quote};

/// Names and values.
#[derive(Default)]
struct Sheet(Vec<(String, String)>);

impl Sheet {
    /// A value is one line, and drives no terminal: a process may have said it.
    fn add(&mut self, name: &str, value: impl Display) {
        let value = value.to_string();
        let plain = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
        self.0.push((name.to_owned(), value.chars().map(plain).collect()));
    }

    fn names(&mut self, name: &str, names: &[Name]) {
        self.add(name, names.iter().map(Name::as_str).collect::<Vec<_>>().join(" "));
    }

    fn commands(&mut self, name: &str, commands: &[Vec<String>]) {
        self.add(name, commands.iter().map(|words| quote(words)).collect::<Vec<_>>().join(" ; "));
    }
}

impl Init {
    /// The properties of a unit.
    pub(super) fn show(&self, id: UnitId) -> Answer {
        let mut sheet = Sheet::default();
        if let (Some(unit), Some(status)) = (self.manager.unit(id), self.manager.status(id)) {
            state(&mut sheet, &status);
            sheet.add("StateChangeTimestamp", status.since.map_or(String::new(), |at| stamp(at, self.now)));
            sheet.add("NextTryTimestamp", status.retry.map_or(String::new(), |at| stamp(at, self.now)));
            let load = self.proxy.load(id);
            sheet.add("RequestsInFlight", load.in_flight);
            sheet.add("RequestsWaiting", load.waiting);
            sheet.add("WebSockets", load.tunnels);
            sheet.add("CircuitBreaker", if load.breaker_open { "open" } else { "closed" });
            sheet.add("Maintenance", yes(unit.route.is_some() && self.proxy.is_maintained(Some(id))));
            header(&mut sheet, unit);
            service(&mut sheet, unit);
            process(&mut sheet, unit);
        }
        Answer::Properties { properties: sheet.0 }
    }

    /// The properties of tenantd.
    pub(super) fn show_daemon(&self) -> Answer {
        let count = |wanted: ActiveState| {
            let status = self.manager.ids().filter_map(|id| self.manager.status(id));
            status.filter(|status| status.active == wanted).count()
        };
        let mut sheet = Sheet::default();
        sheet.add("Version", env!("CARGO_PKG_VERSION"));
        sheet.add("MainPID", std::process::id());
        let failed = count(ActiveState::Failed);
        sheet.add(
            "SystemState",
            match failed {
                _ if self.stopping => "stopping",
                0 => "running",
                _ => "degraded",
            },
        );
        sheet.add("UserspaceTimestamp", stamp(self.started, self.now));
        sheet.add("NNames", self.manager.ids().count());
        sheet.add("NActiveUnits", count(ActiveState::Active));
        sheet.add("NFailedUnits", failed);
        sheet.add("Readiness", self.told_readiness());
        sheet.add("Maintenance", self.maintenance_words());
        sheet.add("Listen", self.listen.join(" "));
        sheet.add("NotifySocket", self.notify_path.display());
        sheet.add("Lowered", self.inherited.notes.join("; "));
        Answer::Properties { properties: sheet.0 }
    }
}

fn state(sheet: &mut Sheet, status: &Status) {
    let outcome = status.outcome.to_string();
    sheet.add("Id", &status.name);
    sheet.add("Description", &status.description);
    sheet.add("LoadState", "loaded");
    sheet.add("ActiveState", status.active);
    sheet.add("SubState", status.sub);
    sheet.add("Result", outcome.split(',').next().unwrap_or_default());
    sheet.add("MainPID", status.main.unwrap_or(0));
    let control = status.pid.filter(|pid| status.main != Some(*pid));
    sheet.add("ControlPID", control.unwrap_or(0));
    let (code, number) = exit(status.last_exit);
    sheet.add("ExecMainCode", code);
    sheet.add("ExecMainStatus", number);
    sheet.add("NRestarts", status.restarts);
    sheet.add("Starts", status.starts);
    sheet.add("Failures", status.failures);
    sheet.add("StartLimitHit", yes(status.limited));
    sheet.add("StatusText", &status.text);
    sheet.add("BootUSec", status.boot.map_or(String::new(), span));
}

/// `si_code` of waitid(2) and the status, as systemctl shows them.
fn exit(exit: Option<Exit>) -> (&'static str, i32) {
    match exit {
        None => ("", 0),
        Some(Exit::Code(code)) => ("exited", code.into()),
        Some(Exit::Signal(number, false)) => ("killed", number),
        Some(Exit::Signal(number, true)) => ("dumped", number),
        Some(Exit::OutOfMemory) => ("killed", libc::SIGKILL),
    }
}

fn header(sheet: &mut Sheet, unit: &Unit) {
    sheet.names("After", &unit.after);
    sheet.names("Before", &unit.before);
    sheet.names("Requires", &unit.requires);
    sheet.names("Wants", &unit.wants);
    sheet.names("BindsTo", &unit.binds_to);
    sheet.names("PartOf", &unit.part_of);
    sheet.names("Conflicts", &unit.conflicts);
    let targets: Vec<_> = unit.wanted_by.iter().map(ToString::to_string).collect();
    sheet.add("WantedBy", targets.join(" "));
    sheet.add("Priority", if unit.priority == crate::unit::Priority::High { "high" } else { "normal" });
    sheet.add("Route", unit.route.as_ref().map_or(String::new(), route));
    sheet.add("Listen", unit.socket.as_ref().map_or(String::new(), |socket| socket.listen.to_string()));
}

fn service(sheet: &mut Sheet, unit: &Unit) {
    let service = &unit.service;
    let kind = match service.kind {
        ServiceType::Exec => "exec",
        ServiceType::Notify => "notify",
        ServiceType::NotifyReload => "notify-reload",
        ServiceType::Oneshot => "oneshot",
    };
    sheet.add("Type", kind);
    let restart = match service.restart {
        Restart::No => "no",
        Restart::Always => "always",
        Restart::OnSuccess => "on-success",
        Restart::OnFailure => "on-failure",
        Restart::OnAbnormal => "on-abnormal",
        Restart::OnWatchdog => "on-watchdog",
    };
    sheet.add("Restart", restart);
    sheet.add("RestartUSec", span(service.restart_sec));
    sheet.add("RestartMaxDelayUSec", span(service.restart_max_delay_sec));
    sheet.add("RestartSteps", service.restart_steps);
    sheet.add("StartLimitBurst", service.start_limit_burst);
    sheet.add("StartLimitIntervalUSec", span(service.start_limit_interval));
    sheet.add("TimeoutStartUSec", limit(service.timeout_start));
    sheet.add("TimeoutStopUSec", span(service.timeout_stop));
    sheet.add("WatchdogUSec", limit(service.watchdog));
    sheet.add("IdleStopUSec", limit(service.idle_stop));
    sheet.add("RemainAfterExit", yes(service.remain_after_exit));
    sheet.add("Essential", yes(service.essential));
    let mode = match service.kill_mode {
        KillMode::Group => "control-group",
        KillMode::Mixed => "mixed",
        KillMode::Process => "process",
    };
    sheet.add("KillMode", mode);
    sheet.add("KillSignal", service.kill_signal);
}

fn process(sheet: &mut Sheet, unit: &Unit) {
    let service = &unit.service;
    sheet.add("ExecStart", quote(&service.exec_start));
    sheet.commands("ExecStartPre", &service.exec_start_pre);
    sheet.commands("ExecStartPost", &service.exec_start_post);
    sheet.commands("ExecReload", &service.exec_reload);
    sheet.commands("ExecStop", &service.exec_stop);
    sheet.commands("ExecStopPost", &service.exec_stop_post);
    sheet.add("User", service.user.as_deref().unwrap_or_default());
    let directory = service.working_directory.as_deref().unwrap_or(std::path::Path::new("/"));
    sheet.add("WorkingDirectory", directory.display());
    // Names alone: the values may be secrets.
    sheet.add("EnvironmentNames", service.environment.keys().map(String::as_str).collect::<Vec<_>>().join(" "));
    sheet.add("PassEnvironment", service.pass_environment.join(" "));
}

/// The units that a unit starts with itself.
pub(super) fn needs(unit: &Unit) -> impl Iterator<Item = &Name> {
    unit.requires.iter().chain(&unit.binds_to).chain(&unit.wants)
}

/// `example.com/path`; `/` is every path.
pub(super) fn route(route: &Route) -> String {
    let path = if route.path.is_empty() { "/" } else { &route.path };
    format!("{}{path}", route.host.as_deref().unwrap_or_default())
}

fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn limit(span_or_none: Option<Duration>) -> String {
    span_or_none.map_or_else(|| "infinity".to_owned(), span)
}

/// When that was, or will be, in the form of the log.
fn stamp(at: Instant, now: Instant) -> String {
    let wall = SystemTime::now();
    let wall = match at.checked_duration_since(now) {
        Some(ahead) => wall.checked_add(ahead),
        None => wall.checked_sub(now.saturating_duration_since(at)),
    };
    let mut text = Vec::new();
    if let Some(wall) = wall {
        Clock::default().stamp(wall, &mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// `1min 30s`, as systemd writes spans (systemd.time(7)).
fn span(span: Duration) -> String {
    let units =
        [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"), (1000, "ms"), (1, "us")];
    let mut rest = span.as_micros();
    let mut words = Vec::new();
    for (size, unit) in units {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            words.push(format!("{count}{unit}"));
        }
    }
    if words.is_empty() { "0".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_systemds() {
        for (micros, text) in [
            (0, "0"),
            (100_000, "100ms"),
            (90_000_000, "1min 30s"),
            (86_400_000_000, "1d"),
            (1_500_001, "1s 500ms 1us"),
        ] {
            assert_eq!(span(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn a_value_is_one_line() {
        let mut sheet = Sheet::default();
        sheet.add("StatusText", "a\n\u{1b}[31mb é");
        assert_eq!(sheet.0, [("StatusText".to_owned(), "a\\n\\u{1b}[31mb é".to_owned())]);
    }
}
