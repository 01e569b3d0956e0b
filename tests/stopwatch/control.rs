//! Questions to tenantd's control socket, as any program may put them.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::Result;
use crate::namespace::DEADLINE;

/// One question, a line of JSON, and its answer.
pub fn ask(socket: &Path, question: &str) -> Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(format!("{question}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.is_empty() { Err(format!("no answer to {question}").into()) } else { Ok(answer) }
}

/// A job of a unit, done.
pub fn job(socket: &Path, verb: &str, unit: &str) -> Result<()> {
    let answer = ask(socket, &format!(r#"{{"verb":"{verb}","unit":"{unit}"}}"#))?;
    if answer.contains(r#""result":"done""#) { Ok(()) } else { Err(format!("{verb} {unit}: {answer}").into()) }
}
