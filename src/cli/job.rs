//! `start`, `stop`, `restart`: several units side by side, with what takes long shown on a terminal.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::ask::{self, no_answer, print_json, unexpected};
use crate::control::{self, Answer, Question, Request};

/// Jobs that are asked for at once: the daemon's socket has room for operators beside us.
const AT_ONCE: usize = 16;
/// What takes longer is shown.
const PATIENCE: Duration = Duration::from_secs(1);
/// Back to the start of the line, and clears it.
const CLEAR: &str = "\r\x1b[K";

/// Does it for every unit, and waits for all of them unless told not to. The last failure gives the code.
pub(super) fn run(directory: &Path, verb: &str, words: &[&str], no_block: bool, json: bool) -> ExitCode {
    let (socket, names) = match ask::socket(directory).and_then(|socket| Ok((socket, ask::names(directory, words)?))) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let (mut code, mut results) = (ExitCode::SUCCESS, Vec::new());
    for names in names.chunks(AT_ONCE) {
        let asked: Vec<_> = names.iter().map(|name| (name, start(&socket, verb, name, no_block))).collect();
        for (name, question) in asked {
            match question.and_then(|question| wait(&socket, verb, name, question)) {
                Ok(object) => {
                    if !["done", "queued"].contains(&object["result"].as_str().unwrap_or_default()) {
                        code = ExitCode::FAILURE;
                    }
                    results.push(object);
                }
                Err(failed) => code = failed,
            }
        }
    }
    if json {
        print_json(&results);
    }
    code
}

/// Asks for the job; `None` if nobody waits for its end.
fn start(socket: &Path, verb: &str, unit: &str, no_block: bool) -> Result<Option<Question>, ExitCode> {
    if no_block {
        // Whoever does not wait hears at least whether there is such a unit.
        let known = control::ask(socket, &Request::Status { unit: unit.to_owned() });
        match known.map_err(|error| no_answer(&error))? {
            Answer::Unit { .. } => {}
            other => return Err(unexpected(Ok(other))),
        }
    }
    let unit = unit.to_owned();
    let request = match verb {
        "start" => Request::Start { unit },
        "stop" => Request::Stop { unit },
        "reload" => Request::ReloadUnit { unit },
        _ => Request::Restart { unit },
    };
    let question = Question::ask(socket, &request).map_err(|error| no_answer(&error))?;
    Ok((!no_block).then_some(question))
}

/// Waits for the end of a job, and says what failed.
fn wait(socket: &Path, verb: &str, unit: &str, question: Option<Question>) -> Result<Json, ExitCode> {
    let Some(mut question) = question else {
        return Ok(json!({ "unit": unit, "job": verb, "result": "queued", "detail": "" }));
    };
    let begun = Instant::now();
    let patience = std::io::stderr().is_terminal().then_some(PATIENCE);
    let answer = loop {
        match question.answer(patience).map_err(|error| no_answer(&error))? {
            Some(answer) => break answer,
            None => progress(socket, verb, unit, begun.elapsed()),
        }
    };
    if patience.is_some() && begun.elapsed() >= PATIENCE {
        eprint!("{CLEAR}");
    }
    match answer {
        Answer::Job { result, detail } => {
            if result != "done" {
                eprintln!(
                    "tenantd: {verb} {unit}: {result}: {detail}\nsee: tenantd status {unit}; tenantd logs -n 20 {unit}"
                );
            }
            Ok(json!({ "unit": unit, "job": verb, "result": result, "detail": detail }))
        }
        other => Err(unexpected(Ok(other))),
    }
}

/// One line that is written again and again.
fn progress(socket: &Path, verb: &str, unit: &str, elapsed: Duration) {
    let state = match control::ask(socket, &Request::Status { unit: unit.to_owned() }) {
        Ok(Answer::Unit { unit }) => unit.sub,
        _ => "waiting".to_owned(),
    };
    let doing = match verb {
        "start" => "starting",
        "stop" => "stopping",
        _ => "restarting",
    };
    eprint!("{CLEAR}{doing} {unit} … {}s: {state}", elapsed.as_secs());
    let _ = std::io::stderr().flush();
}
