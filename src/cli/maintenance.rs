//! `maintenance`: switches the maintenance page of all tenants or of some, and tells for whom it is on.

use std::path::Path;
use std::process::ExitCode;

use super::ask::{ask, print_json, unexpected};
use super::print;
use crate::control::{Answer, MaintenanceStatus, MaintenanceWord, Request};

/// Switches, or only asks; then prints what is so.
pub(super) fn run(directory: &Path, word: &str, units: &[&str], json: bool) -> ExitCode {
    let word = match word {
        "on" => MaintenanceWord::On,
        "off" => MaintenanceWord::Off,
        "status" => MaintenanceWord::Status,
        other => return super::usage(&format!("maintenance {other}: write on, off or status")),
    };
    let units = units.iter().map(|&unit| unit.to_owned()).collect();
    match ask(directory, &Request::Maintenance { word, units }) {
        Ok(Answer::Maintenance { maintenance }) if json => print_json(&maintenance),
        Ok(Answer::Maintenance { maintenance }) => {
            print(&text(&maintenance));
            ExitCode::SUCCESS
        }
        other => unexpected(other),
    }
}

fn text(status: &MaintenanceStatus) -> String {
    let all = status.all.as_ref().map(|why| format!("on for all tenants ({why})\n"));
    let switches = status.switches.iter().map(|switch| {
        let on = if switch.on { "on" } else { "off" };
        format!("{on} for {}\n", switch.units)
    });
    let lines: String = all.into_iter().chain(switches).collect();
    if lines.is_empty() { "off\n".to_owned() } else { lines }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::MaintenanceSwitch;

    #[test]
    fn one_line_for_each_word_that_counts() {
        let mut status = MaintenanceStatus { all: None, switches: Vec::new(), units: Vec::new() };
        assert_eq!(text(&status), "off\n");
        status.switches.push(MaintenanceSwitch { units: "web@a".into(), on: false });
        status.all = Some("command".into());
        assert_eq!(text(&status), "on for all tenants (command)\noff for web@a\n");
    }
}
