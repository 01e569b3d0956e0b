//! Answers of the daemon as text for people. Colours only on a terminal.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use crate::control::{PreloadStatus, SystemStatus, UnitStatus};

/// `tenantd list`.
pub(super) fn list(units: &[UnitStatus]) -> String {
    let width = units.iter().map(|unit| unit.name.len()).max().unwrap_or(0).max(4);
    let mut text =
        format!("  {:<width$}  {:<12} {:<13} {:>7}  {:>8}  DESCRIPTION\n", "UNIT", "ACTIVE", "SUB", "PID", "REQUESTS");
    for unit in units {
        let pid = unit.pid.map_or("-".to_owned(), |pid| pid.to_string());
        let requests = unit.requests.in_flight + unit.requests.waiting + unit.requests.tunnels;
        let (dot, name) = (dot(&unit.active), &unit.name);
        let (active, sub) = (&unit.active, &unit.sub);
        let description = [&*unit.description, if unit.maintenance { " (maintenance)" } else { "" }].concat();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{dot} {name:<width$}  {active:<12} {sub:<13} {pid:>7}  {requests:>8}  {description}");
    }
    if std::io::stdout().is_terminal() {
        let _ = writeln!(text, "\n{} units; tenantd status UNIT and tenantd logs UNIT tell more of one", units.len());
    }
    text
}

/// `tenantd status`.
pub(super) fn system(system: &SystemStatus) -> String {
    let mut text = format!("{} tenantd {}\n", dot("active"), system.version);
    let mut row = |key: &str, value: &str| text.push_str(&format!("{key:>11}: {value}\n"));
    row("State", &system.state);
    row("Readiness", &system.readiness);
    if !system.maintenance.is_empty() {
        row("Maintenance", &system.maintenance);
    }
    row("PID", &system.pid.to_string());
    row("Up", &span(system.up_ms));
    row("Listening", &system.listen.join(", "));
    row("Units", &format!("{} ({} active, {} failed)", system.units, system.active, system.failed));
    system.notes.iter().for_each(|note| row("Lowered", note));
    text
}

/// `tenantd status UNIT`.
pub(super) fn unit(unit: &UnitStatus) -> String {
    let mut text = format!("{} {}", dot(&unit.active), unit.name);
    if !unit.description.is_empty() {
        let _ = write!(text, " - {}", unit.description);
    }
    text.push('\n');
    let mut row = |key: &str, value: &str| text.push_str(&format!("{key:>11}: {value}\n"));
    row("Loaded", &unit.source);
    let since = unit.since_ms.map_or(String::new(), |since| format!(" since {} ago", span(since)));
    row("Active", &format!("{} ({}){since}", unit.active, unit.sub));
    if unit.result != "success" {
        row("Result", &format!("{}, {} in a row", unit.result, unit.failures));
    }
    if let Some(retry) = unit.retry_ms {
        row("Next try", &format!("in {}", span(retry)));
    }
    if let Some(pid) = unit.pid {
        row("Main PID", &pid.to_string());
    }
    if let Some(boot) = unit.boot_ms {
        row("Boot", &format!("{} ({} starts)", span(boot), unit.starts));
    }
    if let Some(preload) = &unit.preload {
        row("Started by", &started_by(preload));
    }
    if !unit.status.is_empty() {
        // Said by the process: nothing in it may drive the operator's terminal.
        row("Status", &format!("{:?}", unit.status));
    }
    if unit.maintenance {
        row("Maintenance", "its clients get the maintenance page");
    }
    let requests = unit.requests;
    let breaker = if requests.breaker_open { ", circuit breaker open" } else { "" };
    let (in_flight, waiting, tunnels) = (requests.in_flight, requests.waiting, requests.tunnels);
    row("Requests", &format!("{in_flight} in flight, {waiting} waiting, {tunnels} WebSockets{breaker}"));
    if !unit.tail.is_empty() {
        text.push('\n');
        unit.tail.iter().for_each(|line| text.extend([line, "\n"]));
    }
    text
}

/// How a tenant with a template was started.
fn started_by(PreloadStatus { by, template, why, databases }: &PreloadStatus) -> String {
    match why {
        Some(why) => format!("{by}, not by {template}: {why}"),
        None if databases.is_empty() => template.clone(),
        None => format!("{template}, on {}", databases.join(", ")),
    }
}

/// systemctl's dot, coloured on a terminal.
pub(super) fn dot(active: &str) -> &'static str {
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    match (active, colours) {
        _ if !is_utf8() => "*",
        ("active", true) => "\x1b[32m●\x1b[0m",
        ("failed", true) => "\x1b[31m●\x1b[0m",
        ("activating" | "deactivating", true) => "\x1b[33m●\x1b[0m",
        ("inactive", _) => "○",
        ("failed", false) => "×",
        _ => "●",
    }
}

/// Whether the reader's locale knows more than ASCII (locale(7)). One that says nothing does: a container seldom has one.
pub(super) fn is_utf8() -> bool {
    let said = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
    said.is_none_or(|value| {
        let value = value.to_string_lossy().to_lowercase();
        value.contains("utf-8") || value.contains("utf8") || !["c", "posix"].contains(&&*value)
    })
}

/// `1234` → `1.2s`.
fn span(ms: u64) -> String {
    let span = Duration::from_millis(ms);
    match span.as_secs() {
        0 => format!("{ms}ms"),
        1..60 => format!("{:.1}s", span.as_secs_f64()),
        seconds @ 60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        seconds @ 3600..86400 => format!("{}h{}m", seconds / 3600, seconds / 60 % 60),
        seconds => format!("{}d{}h", seconds / 86400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_says_drives_no_terminal() {
        let status: UnitStatus = serde_json::from_value(serde_json::json!({
            "name": "web", "description": "", "priority": "normal", "source": "units/web.toml", "active": "active",
            "sub": "running", "result": "success", "pid": 7, "status": "\u{1b}[31mred \u{e9}", "starts": 1, "failures": 0,
            "since_ms": null, "boot_ms": null, "retry_ms": null,
            "requests": { "in_flight": 0, "waiting": 0, "tunnels": 0 }
        }))
        .unwrap();
        let text = unit(&status);
        assert!(text.contains("     Status: \"\\u{1b}[31mred \u{e9}\"\n"), "{text}");
    }

    #[test]
    fn spans_are_short() {
        let cases =
            [(5, "5ms"), (1_234, "1.2s"), (61_000, "1m1s"), (3_660_000, "1h1m"), (90_000_000, "1d1h"), (0, "0ms")];
        for (ms, text) in cases {
            assert_eq!(span(ms), text);
        }
    }
}
