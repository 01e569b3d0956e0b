//! `tenantd --help`, `tenantd help VERB`, `tenantd --version`.

use std::process::ExitCode;

/// Verb, its arguments, one line, and what more there is to say.
pub(super) const VERBS: [(&str, &str, &str, &str); 12] = [
    (
        "run",
        "",
        "be the init (the default)",
        "Runs as PID 1 of a container, or as an ordinary process. SIGTERM or SIGINT stops everything in order;\na second one stops at once. Exit code 0 after a stop that was asked for, 78 for a wrong configuration,\n71 where the system refuses something.",
    ),
    (
        "check",
        "",
        "check the whole configuration",
        "Prints every mistake with file, line and column. Needs no privilege and touches nothing: fit for docker build.\nExit code 0 or 78.",
    ),
    (
        "explain",
        "[KEY]",
        "what a key or a section of the configuration means",
        "KEY is service, service.restart, restart …, or exit-codes; without one, all there is. Exit code 0, or 4 if nothing\nis called so.",
    ),
    (
        "schema",
        "[FILE]",
        "JSON Schema of the configuration, for editors",
        "FILE is tenantd.toml or unit; without one, both. Exit code 0.",
    ),
    ("list", "", "all units with their state", "Exit code 0."),
    (
        "status",
        "[UNIT]",
        "the daemon, or one unit with its last lines",
        "Exit code 0 if the unit is active, 3 if it is not, 4 if there is no such unit.",
    ),
    (
        "logs",
        "[UNIT…]",
        "the last lines of units and of tenantd",
        "Prints the lines that tenantd keeps in memory, of all units or of those named; showcase@* is all of a template,\ntenantd is tenantd itself. Lines of requests are not kept: they are on tenantd's stdout only.\n\n  -f, --follow       go on with new lines, until tenantd ends\n  -n, --lines N      at most the last N, or all (10 with -f, else all)\n      --since TIME   only from then on (UTC): \"2026-11-22 10:00:00\", 10:00, today, yesterday, -1h, \"1h ago\", @1700000000\n      --json         one object a line: time, time_us, unit, pid, stream, text\n\nA reader that is too slow is told on stderr how many lines it missed. Exit code 0, or 1 if tenantd does not\nanswer, 4 if there is no such unit.",
    ),
    (
        "is-active",
        "UNIT",
        "the state of a unit in one word",
        "Exit code 0 if it is active, 3 if it is not, 4 if there is no such unit.",
    ),
    (
        "start",
        "UNIT…",
        "start units, and wait until they are active",
        "Exit code 0, or 1 if one failed, 4 if there is no such unit.",
    ),
    ("stop", "UNIT…", "stop units; the next request starts a tenant again", "Exit code 0, or 1, 4 as for start."),
    ("restart", "UNIT…", "stop and start units; their requests wait meanwhile", "Exit code 0, or 1, 4 as for start."),
    (
        "reload",
        "[UNIT…]",
        "use the configuration as it is now",
        "Reads the whole configuration, and uses it if all of it is right; else nothing changes. Prints what that means for each\nunit: applied live, at next start, needs restart (of high priority: tenantd restart UNIT), added, removed. SIGHUP does the\nsame, and tells the log. With UNIT: its process reads its own configuration again (exec_reload).\nExit code 0, or 78 for a wrong configuration, 1 if tenantd does not answer, a socket cannot be made, or a unit cannot\nreload.",
    ),
];

const HEAD: &str = "\
tenantd: a systemd-style init for containers that starts a tenant at its first request

usage: tenantd [--config DIR] [--json] [VERB] [UNIT…]
       tenantd CMD [ARG…]     a first word that is no verb: run CMD instead of the units, as tini would
       tenantd -- CMD [ARG…]  the same, whatever its first word

";

const OPTIONS: &str = "
  -c, --config DIR   configuration directory (else TENANTD_CONFIG, else /etc/tenantd)
      --json         print JSON (check, explain, list, status, logs, start, stop, restart, reload)
  -h, --help         this text; tenantd help VERB says more
  -V, --version      the version

TENANTD_LOG sets what tenantd says of itself: error, warn, info (default), debug.
";

/// It is a verb of ours.
pub(super) fn is_verb(word: &str) -> bool {
    VERBS.iter().any(|(verb, ..)| *verb == word) || ["help", "version"].contains(&word)
}

/// Prints help, on a verb or on all.
pub(super) fn print(verb: Option<&str>) -> ExitCode {
    match verb.and_then(|word| VERBS.iter().find(|(verb, ..)| *verb == word)) {
        Some((verb, arguments, line, more)) => {
            super::print(&format!("tenantd {verb} {arguments}\n\n{line}\n\n{more}\n"))
        }
        None => print_all(),
    }
    ExitCode::SUCCESS
}

fn print_all() {
    let verbs = VERBS.map(|(verb, arguments, line, _)| format!("  {:<18} {line}\n", format!("{verb} {arguments}")));
    super::print(&[HEAD, &verbs.concat(), OPTIONS].concat());
}

/// Prints the version.
pub(super) fn version() -> ExitCode {
    super::print(concat!("tenantd ", env!("CARGO_PKG_VERSION"), "\n"));
    ExitCode::SUCCESS
}
