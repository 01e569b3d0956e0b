//! `doctor`: what tenantd may do here, and the flag that gives what it may not. Changes nothing.

mod facts;
mod finding;

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::ask::print_json;
use super::{own, print};
use crate::config;
use crate::control::{self, Answer, Request};
use facts::{Facts, Needs};
use finding::{Finding, Level, findings};

/// Prints every finding. 1 if the configuration cannot do without something that is not there.
pub(super) fn run(directory: &Path, json: bool) -> ExitCode {
    let loaded = config::load(directory, &own).ok();
    let needs = loaded.as_ref().map_or_else(Needs::default, Needs::of);
    let socket = needs.runtime.join(control::SOCKET);
    let (pid, notes) = match control::ask(&socket, &Request::System) {
        Ok(Answer::System { system }) => (Some(system.pid), system.notes),
        _ => (None, Vec::new()),
    };
    let findings = findings(&Facts::gather(&needs, pid), &needs);
    if json {
        print_json(&json!({ "findings": findings, "lowered": notes, "running": pid.is_some() }));
    } else {
        let text: String = findings.iter().map(line).collect();
        let notes: String = notes.iter().map(|note| format!("lowered: {note}\n")).collect();
        let trouble = "the configuration cannot be read: see tenantd check\n";
        print(&[text.as_str(), notes.as_str(), if loaded.is_none() { trouble } else { "" }].concat());
    }
    let needed = findings.iter().any(|finding| finding.level == Level::Need);
    if needed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn line(finding: &Finding) -> String {
    let Finding { name, level, detail, flag } = finding;
    let flag = flag.as_ref().map_or(String::new(), |flag| format!("{:27}{flag}\n", ""));
    format!("{:<5} {name:<20} {detail}\n{flag}", level.word())
}
