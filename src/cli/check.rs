//! `tenantd check`: the whole configuration, without privilege and without touching anything.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::config::{self, Diagnostic, Level, Loaded};

/// EX_CONFIG of sysexits.h.
const EX_CONFIG: u8 = 78;

/// Prints every mistake and doubt on stderr, sorted by file and line, and what is good on stdout; with `json`, all as one
/// object on stdout. 0 is a good configuration, warnings or not; 78 (EX_CONFIG) is one that tenantd refuses.
pub fn run(dir: &Path, json: bool) -> ExitCode {
    let result = config::load(dir, &|name| std::env::var(name).ok());
    let text = if json { object(&result) } else { verdict(&result) };
    if !json {
        let told = result.as_ref().map_or_else(|all| all, |loaded| &loaded.warnings);
        let lines: String = told.iter().map(|diagnostic| format!("{diagnostic}\n")).collect();
        print(&mut std::io::stderr(), &lines);
    }
    match &result {
        Err(_) if !json => print(&mut std::io::stderr(), &text),
        _ => print(&mut std::io::stdout(), &text),
    }
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(EX_CONFIG) }
}

/// Nobody is left to tell if the reader has gone.
fn print(out: &mut dyn Write, text: &str) {
    let _ = out.write_all(text.as_bytes());
}

/// The last line, for people.
fn verdict(result: &Result<Loaded, Vec<Diagnostic>>) -> String {
    match result {
        Ok(loaded) => {
            let (units, tenants) = counts(loaded);
            format!("{}, {}: the configuration is good\n", counted(units, "unit"), counted(tenants, "tenant"))
        }
        Err(all) => {
            let errors = all.iter().filter(|diagnostic| diagnostic.level == Level::Error).count();
            format!("{}: the configuration is refused\n", counted(errors, "mistake"))
        }
    }
}

fn object(result: &Result<Loaded, Vec<Diagnostic>>) -> String {
    let (units, tenants) = result.as_ref().map_or((0, 0), counts);
    let all = result.as_ref().map_or_else(|all| all, |loaded| &loaded.warnings);
    let (errors, warnings): (Vec<_>, Vec<_>) = all.iter().partition(|diagnostic| diagnostic.level == Level::Error);
    let value =
        json!({ "good": result.is_ok(), "units": units, "tenants": tenants, "errors": errors, "warnings": warnings });
    format!("{value}\n")
}

fn counts(loaded: &Loaded) -> (usize, usize) {
    (loaded.units.len(), loaded.units.iter().filter(|unit| unit.route.is_some()).count())
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
