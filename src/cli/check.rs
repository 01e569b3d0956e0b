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

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<Loaded, Vec<Diagnostic>> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("units")).unwrap();
        std::fs::write(dir.path().join("tenantd.toml"), "runtime_directory = '/run/t'").unwrap();
        std::fs::write(dir.path().join("units/web.toml"), text).unwrap();
        config::load(dir.path(), &|_| None)
    }

    #[test]
    fn verdicts() {
        for (text, words, object_words) in [
            (
                "[service]\nexec_start = 'x'\n[route]\npath = '/'",
                "1 unit, 1 tenant: the configuration is good\n",
                r#"{"errors":[],"good":true,"tenants":1,"units":1,"warnings":[]}"#,
            ),
            (
                "[service]\nexec_start = 'x'\nusr = 'x'\n[unit]\nafter = ['y']",
                "1 mistake: the configuration is refused\n",
                r#"{"errors":[{"column":1,"file":"units/web.toml","level":"error","line":3,"message":"unknown key \"usr\" in [service]; did you mean \"user\"?"}],"good":false,"tenants":0,"units":0,"warnings":[{"column":10,"file":"units/web.toml","level":"warning","line":5,"message":"[unit] after: there is no unit \"y\""}]}"#,
            ),
        ] {
            let result = checked(text);
            assert_eq!(verdict(&result), words);
            assert_eq!(object(&result), format!("{object_words}\n"));
        }
    }
}
