//! `tenantd reload`: what a new configuration changes, a line a unit.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use super::{CONFIG, ask, check, own, print};
use crate::config;
use crate::control::{self, Answer, Reload, Request};

/// Has the daemon read its configuration again. 0 when it is used, 78 when it is wrong, 1 when nobody answers.
pub(super) fn run(directory: &Path, json: bool) -> ExitCode {
    // Where the daemon is stands in tenantd.toml: if that is wrong, so is the configuration, and all of it is told.
    if config::load_daemon(directory, &own, control::SOCKET).is_err() {
        return check::run(directory, json);
    }
    match ask::ask(directory, &Request::Reload) {
        Ok(answer @ (Answer::Reloaded { .. } | Answer::Broken { .. })) => told(&answer, json),
        other => ask::unexpected(other),
    }
}

fn told(answer: &Answer, json: bool) -> ExitCode {
    if json {
        ask::print_json(answer);
    }
    match answer {
        Answer::Reloaded { reload } => {
            if !json {
                reload.warnings.iter().for_each(|warning| eprintln!("{warning}"));
                reload.failed.iter().for_each(|failure| eprintln!("tenantd: {failure}"));
                print(&table(reload));
            }
            if reload.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Answer::Broken { mistakes } => {
            if !json {
                mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
                eprintln!("the configuration is refused; nothing has changed");
            }
            ExitCode::from(CONFIG)
        }
        _ => ExitCode::FAILURE,
    }
}

/// A line a unit that is not as it was, then tenantd.toml, then the sum.
fn table(reload: &Reload) -> String {
    let width = reload.units.iter().map(|unit| unit.name.len()).max().unwrap_or(0).max(4);
    let mut text = String::new();
    // Writing to a String cannot fail.
    if !reload.units.is_empty() {
        let _ = writeln!(text, "{:<width$}  {:<13}  KEYS", "UNIT", "CHANGE");
    }
    for unit in &reload.units {
        let hint =
            if unit.change == "needs restart" { format!(": tenantd restart {}", unit.name) } else { String::new() };
        let line = format!("{:<width$}  {:<13}  {}{hint}", unit.name, unit.change, unit.keys.join(", "));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    for (keys, words) in [(&reload.live, "applied live"), (&reload.restart, "needs a restart of tenantd")] {
        if !keys.is_empty() {
            let _ = writeln!(text, "tenantd.toml  {words}: {}", keys.join(", "));
        }
    }
    let _ = writeln!(text, "{} changed, {} unchanged", reload.units.len(), reload.unchanged);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::UnitChange;

    #[test]
    fn a_line_for_each_that_is_not_as_it_was() {
        let unit = |name: &str, change: &str, keys: &[&str]| UnitChange {
            name: name.to_owned(),
            change: change.to_owned(),
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
        };
        let mut reload = Reload {
            units: vec![unit("vector", "needs restart", &["exec_start"]), unit("web@boston", "removed", &[])],
            unchanged: 7,
            live: vec![],
            restart: vec!["[http] listen".to_owned()],
            failed: vec![],
            warnings: vec![],
        };
        let text = "\
UNIT        CHANGE         KEYS
vector      needs restart  exec_start: tenantd restart vector
web@boston  removed
tenantd.toml  needs a restart of tenantd: [http] listen
2 changed, 7 unchanged
";
        assert_eq!(table(&reload), text);
        reload.units.clear();
        reload.restart.clear();
        assert_eq!(table(&reload), "0 changed, 7 unchanged\n");
    }
}
