//! `kill` and `reset-failed`: done at once, without a job.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::ask::{self, ask, print_json, unexpected};
use super::options::Options;
use super::usage;
use crate::control::{Answer, KillWhom, Request};
use crate::unit::Signal;

/// Signals the processes of units.
pub(super) fn run(directory: &Path, words: &[&str], options: &Options, json: bool) -> ExitCode {
    let text = options.signal.as_deref().unwrap_or("SIGTERM");
    let Some(signal) = Signal::parse(text) else {
        return usage(&format!("kill: \"{text}\" is no signal; write its name, as in SIGTERM"));
    };
    let whom = match options.whom.as_deref() {
        None | Some("all") => KillWhom::All,
        Some("main") => KillWhom::Main,
        Some("control") => KillWhom::Control,
        Some(other) => return usage(&format!("kill: --kill-whom {other}: write main, control or all")),
    };
    each(directory, words, json, |unit| Request::Kill { unit, signal: signal.number(), whom })
}

/// Forgets the failures of these units, or of all.
pub(super) fn reset(directory: &Path, words: &[&str], json: bool) -> ExitCode {
    if !words.is_empty() {
        return each(directory, words, json, |unit| Request::Reset { unit: Some(unit) });
    }
    match ask(directory, &Request::Reset { unit: None }) {
        Ok(Answer::Done) if json => print_json(&json!([])),
        Ok(Answer::Done) => ExitCode::SUCCESS,
        other => unexpected(other),
    }
}

fn each(directory: &Path, words: &[&str], json: bool, request: impl Fn(String) -> Request) -> ExitCode {
    let names = match ask::names(directory, words) {
        Ok(names) => names,
        Err(code) => return code,
    };
    let (mut code, mut results) = (ExitCode::SUCCESS, Vec::new());
    for unit in names {
        let answer = ask(directory, &request(unit.clone()));
        let done = matches!(answer, Ok(Answer::Done));
        results.push(json!({ "unit": unit, "done": done }));
        if !done {
            code = unexpected(answer);
        }
    }
    if json {
        print_json(&results);
    }
    code
}
