//! `tenantd --help`, `tenantd help VERB`, `tenantd --version`.

use std::process::ExitCode;

/// Verb, its arguments, one line, and what more there is to say.
pub(super) const VERBS: &[(&str, &str, &str, &str)] = &[
    (
        "run",
        "",
        "be the init (the default)",
        "Runs as PID 1 of a container, or as an ordinary process. SIGTERM or SIGINT stops everything in order;\na second one stops at once. Exit code 0 after a stop that was asked for, 78 for a wrong configuration,\n71 where the system refuses something.\n\nA first word that is no verb is a command to run instead of the units. After -- every word is one:\ndocker run IMAGE -- cat FILE runs cat(1), docker run IMAGE cat web shows the files of the unit web.",
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
    (
        "placement",
        "",
        "which machine serves which tenant, and what another machine would change",
        "Reads [placement] and [[place]] of tenantd.toml; asks no daemon.\n\n      --add MACHINE   what moves if this machine is added, and what each has then\n\nExit code 0, or 78 if there is no [placement].",
    ),
    (
        "import",
        "FILE",
        "a navigator.yml as a configuration directory",
        "Prints what became of each key, with its line: as is, mapped, works now (Navigator or its documentation knew it, and\nnothing came of it), or cannot be, with the way out; and what will be different. What tenantd check would refuse\nis not written. An import changes nothing that is not its own: drop-ins and units that you add stay.\n\n      --out DIR      where to write tenantd.toml and units/ (needed)\n      --root DIR     what relative paths are relative to: Navigator's working directory (else where config/ is)\n      --check        exit code 1 if a key is impossible\n      --force        write into a directory of others, and what tenantd check refuses\n      --watch        go on: import again at each change, and have the tenantd that runs with DIR reload\n\nExit code 0, 1 if something cannot be read or written, 64 usage, 78 if the result is refused.",
    ),
    (
        "route",
        "METHOD URL",
        "who would answer a request, and why, step by step",
        "URL is a path, or a whole one with its host. Reads the configuration on disk, and needs no daemon: one line for each list\nof rules in the order in which they are asked, with the rule that matches and its line, then who answers what.\n\n  -H, --header F     a field of the request: \"User-Agent: Googlebot/2.1\"; as often as there are some\n      --from ADDRESS who asks\n      --user NAME    with the right password\n      --json         one object: steps, answered, status, location, by, what\n\nExit code 0 if somebody answers, 1 if nobody does (404, 401, 403 …), 64 for a request that cannot be, 78 for a wrong\nconfiguration.",
    ),
    (
        "doctor",
        "",
        "what tenantd may do here: have, lack, what that lowers, the flag that gives it",
        "Looks at its own surroundings, so run it as tenantd runs (docker exec with the same user); needs no daemon, and asks one\nthat runs for what it found lowered. need is what the configuration cannot do without, lack is what lowers something.\nExit code 0, or 1 if something is needed.",
    ),
    (
        "preload",
        "doctor UNIT",
        "which tenants can be forked from their template, what is in the way of the others, and the cure",
        "UNIT is showcase@ for all its tenants, or one of them. Reads the configuration on disk, boots the template as tenantd would\n(what it says goes to stderr), and compares what it has read from the environment with each tenant's; needs no daemon, and\nleaves nothing behind. Names of variables and places in the source are shown, never values. With --json one object:\ntemplate, engine, tenants, keys, cures …\n\nExit code 0 if every tenant can be forked, 1 if one cannot or the application does not boot, 4 if there is no such unit, 71\nif the system refuses something, 78 for a wrong configuration or one without preload.",
    ),
    (
        "list",
        "[UNIT…]",
        "units with their state",
        "web@* is all of a template; none is all units.\n\n      --state S,…    only those in one of these states: active, failed, running, auto-restart …\n      --failed       the same as --state failed\n      --tree         what each unit starts with itself: requires, binds_to, wants\n\nExit code 0, also if there is none; with --tree 4 if there is no such unit.",
    ),
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
        "UNIT…",
        "the state of units, one word each",
        "Exit code 0 if at least one is active, 3 if none is, 4 if there is no such unit.",
    ),
    (
        "is-failed",
        "UNIT…",
        "the state of units, one word each",
        "Exit code 0 if at least one has failed, 1 if none has, 4 if there is no such unit.",
    ),
    (
        "show",
        "[UNIT…]",
        "every property of units, or of tenantd, as Name=value",
        "Names are systemd's where it has one. Of environment only the names are shown.\n\n  -p, --property N,… only these, in this order\n      --value        without the names\n\nExit code 0, or 4 if there is no such unit.",
    ),
    (
        "cat",
        "UNIT…",
        "the files of units, with their drop-ins",
        "The file that loses comes first. Needs no daemon: reads what is on disk now. web@ is the template alone.\nExit code 0, or 4 if there is no such unit. The program cat: tenantd -- cat FILE",
    ),
    (
        "start",
        "UNIT…",
        "start units, and wait until they are active",
        "Several units start side by side; web@* is all of a template.\n\n      --no-block     do not wait\n\nExit code 0, or 1 if one failed, 4 if there is no such unit, 77 if this user may not (only root and the user of tenantd\nmay change anything).",
    ),
    ("stop", "UNIT…", "stop units; the next request starts a tenant again", "--no-block and exit codes as for start."),
    (
        "restart",
        "UNIT…",
        "stop and start units; their requests wait meanwhile",
        "--no-block and exit codes as for start.",
    ),
    (
        "kill",
        "UNIT…",
        "signal the processes of units",
        "  -s, --signal S     SIGTERM (default), HUP, RTMIN+3, 9 …; SIGCONT follows all but SIGKILL\n      --kill-whom W  main, control (the command at hand) or all (default)\n\nExit code 0, or 1 if there is no such process, 4 if there is no such unit, 77 as for start.",
    ),
    (
        "reset-failed",
        "[UNIT…]",
        "forget failures: failed is inactive again, counters are zero, no start limit holds",
        "Without a unit, of all. Exit code 0, or 4 if there is no such unit, 77 as for start.",
    ),
    (
        "maintenance",
        "on|off|status [UNIT…]",
        "the maintenance page in the place of all tenants, or of some",
        "UNIT is a name or a pattern (web@*); without one, all tenants, and what was said of single ones is forgotten. The last\nword counts, also against [maintenance] of tenantd.toml, and after a reload; a restart of tenantd forgets it. Requests in\nflight end; health checks, redirects, proxies, CGI programs and static files answer as before.\nPrints what is so; with --json also the units in maintenance. Exit code 0, or 4 if there is no such unit with a route, 77\nas for start.",
    ),
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
      --json         print JSON
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
    let verb = |(verb, arguments, line, _): &(&str, &str, &str, &str)| {
        format!("  {:<20} {line}\n", format!("{verb} {arguments}"))
    };
    super::print(&[HEAD, &VERBS.iter().map(verb).collect::<String>(), OPTIONS].concat());
}

/// Prints the version.
pub(super) fn version() -> ExitCode {
    super::print(concat!("tenantd ", env!("CARGO_PKG_VERSION"), "\n"));
    ExitCode::SUCCESS
}
