//! `tenantd explain exit-codes`: the contract, from the constants that the code uses.

use std::process::ExitCode;

use serde_json::json;

use super::ask::{NO_SUCH_UNIT, NOT_ACTIVE, print_json};
use super::exec::{NOT_EXECUTABLE, NOT_FOUND};
use super::{CONFIG, NOPERM, OSERR, USAGE};
use crate::manager::exit_code_name;

/// Who ends, with what, and what it says.
const CONTRACT: [(&str, &str, &str); 13] = [
    ("tenantd run", "0", "a stop was requested, and done"),
    ("tenantd run", "N", "the essential unit exited with N"),
    ("tenantd run", "128+N", "signal N ended the essential unit"),
    ("tenantd CMD", "N", "the main process exited with N"),
    ("tenantd CMD", "128+N", "signal N ended the main process"),
    ("tenantd CMD", "@NOT_EXECUTABLE", "it is there, and cannot be executed"),
    ("tenantd CMD", "@NOT_FOUND", "there is no such program"),
    ("verbs", "0 1", "done, or active; it failed"),
    ("verbs", "@NOT_ACTIVE @NO_SUCH_UNIT", "the unit is not active; there is no such unit, or nothing of that name"),
    ("verbs", "@NOPERM", "only root and tenantd's own user may do that"),
    ("everywhere", "@USAGE", "the command line is wrong"),
    ("everywhere", "@OSERR", "the operating system refused something"),
    ("everywhere", "@CONFIG", "the configuration is wrong: at once, before anything is started"),
];

/// The codes that stand behind the names above.
const CODES: [(&str, u8); 8] = [
    ("@NOT_EXECUTABLE", NOT_EXECUTABLE),
    ("@NOT_FOUND", NOT_FOUND),
    ("@NOT_ACTIVE", NOT_ACTIVE),
    ("@NO_SUCH_UNIT", NO_SUCH_UNIT),
    ("@USAGE", USAGE),
    ("@OSERR", OSERR),
    ("@NOPERM", NOPERM),
    ("@CONFIG", CONFIG),
];

/// Prints it.
pub(super) fn print(json: bool) -> ExitCode {
    if json {
        let contract = CONTRACT.map(|(who, code, what)| json!({ "who": who, "code": number(code), "meaning": what }));
        let names: Vec<_> = named().map(|(code, name)| json!({ "code": code, "name": name })).collect();
        return print_json(&json!({ "contract": contract, "names": names }));
    }
    super::print(&text());
    ExitCode::SUCCESS
}

fn text() -> String {
    let rows = CONTRACT.map(|(who, code, what)| format!("  {who:<12} {:<6} {what}\n", number(code)));
    let names: Vec<String> = named().map(|(code, name)| format!("{code}/{name}")).collect();
    let lines = names.chunks(4).map(|row| row.iter().map(|one| format!("  {one:<27}")).collect::<String>());
    let lines: String = lines.map(|line| format!("{}\n", line.trim_end())).collect();
    [
        "The exit codes of tenantd\n\n",
        &rows.concat(),
        "\nNames of exit codes of units, as in status=203/EXEC (systemd.exec(5)); 200 and up: the step of the set-up that\n\
         failed before the program ran\n\n",
        &lines,
    ]
    .concat()
}

/// `@CONFIG` → `78`.
fn number(code: &str) -> String {
    let word = |word: &str| CODES.iter().find(|(name, _)| *name == word).map(|(_, code)| code.to_string());
    code.split(' ').map(|one| word(one).unwrap_or_else(|| one.to_owned())).collect::<Vec<_>>().join(" ")
}

fn named() -> impl Iterator<Item = (u8, &'static str)> {
    (0..=u8::MAX).filter_map(|code| Some((code, exit_code_name(code)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_every_code_of_ours_is_told() {
        let text = text();
        for word in ["200/CHDIR", "203/EXEC", "217/USER", "245/KSM", "78/CONFIG", "7/NOTRUNNING", "255/EXCEPTION"] {
            assert!(text.contains(word), "{word}");
        }
        for line in ["tenantd CMD  127    there is no such", "everywhere   78  ", "verbs        3 4  "] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains('@') && text.lines().all(|line| line.len() <= 120), "{text}");
    }
}
