//! argv → verb → exit code; one file a verb. What an operator types is here, what the daemon does is not.

mod ask;
mod cat;
pub mod check;
mod doctor;
mod exec;
mod exit_codes;
mod explain;
mod help;
mod import;
mod job;
mod kill;
mod list;
mod logs;
mod maintenance;
mod options;
mod placement;
mod preload;
mod reload;
mod route;
mod run;
mod schema;
mod show;
mod since;
mod state;
mod table;
mod tree;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use run::Run;

/// sysexits(3): the command line is wrong.
const USAGE: u8 = 64;
/// sysexits(3): the operating system refused something.
const OSERR: u8 = 71;
/// sysexits(3): this user may not do that.
const NOPERM: u8 = 77;
/// sysexits(3): the configuration is wrong.
const CONFIG: u8 = 78;

/// What the command line says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    config: Option<PathBuf>,
    json: bool,
    help: bool,
    version: bool,
    logs: logs::Options,
    import: import::Options,
    options: options::Options,
    words: Vec<String>,
    /// All that follows `--`, or begins with a word that is no verb: a command, not to be looked into.
    command: Option<Vec<OsString>>,
}

/// Runs the verb that the arguments name.
pub fn main() -> ExitCode {
    let arguments = match parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error.to_string()),
    };
    let directory = directory(&arguments, std::env::var_os("TENANTD_CONFIG"));
    let words: Vec<_> = arguments.words.iter().map(String::as_str).collect();
    let (json, options) = (arguments.json, &arguments.options);
    let foreign = options.foreign(words.first().copied().unwrap_or_default());
    match words.as_slice() {
        _ if arguments.version => help::version(),
        _ if arguments.help => help::print(words.first().copied()),
        [] if arguments.command.is_some() => exec::run(&arguments.command.unwrap_or_default()),
        [] | ["run"] => run::run(&directory, &Run { main: arguments.command }),
        ["help", verb @ ..] => help::print(verb.first().copied()),
        ["version"] => help::version(),
        _ if foreign.is_some() => usage(&foreign.unwrap_or_default()),
        ["logs", units @ ..] => logs::run(&directory, units, &arguments.logs, arguments.json),
        ["check"] => check::run(&directory, arguments.json),
        ["explain"] => explain::run(None, arguments.json),
        ["explain", topic @ ..] => explain::run(Some(&topic.join(" ")), arguments.json),
        ["schema"] => schema::run(None),
        ["schema", file] => schema::run(Some(file)),
        ["placement"] => placement::run(&directory, options.machine.as_deref(), json),
        ["import", words @ ..] => import::run(words, &arguments.import, options, json),
        ["route", method, url] => route::run(&directory, method, url, options, json),
        ["route", ..] => usage("route: METHOD and URL, as in: tenantd route GET /boston"),
        ["preload", words @ ..] => preload::run(&directory, words, json),
        ["doctor"] => doctor::run(&directory, json),
        ["list", units @ ..] => list::run(&directory, units, options, json),
        ["status"] => state::system(&directory, json),
        ["status", unit] => state::status(&directory, unit, json),
        ["show", units @ ..] => show::run(&directory, units, options, json),
        ["reset-failed", units @ ..] => kill::reset(&directory, units, json),
        ["maintenance"] => maintenance::run(&directory, "status", &[], json),
        ["maintenance", word, units @ ..] => maintenance::run(&directory, word, units, json),
        ["reload"] => reload::run(&directory, json),
        [verb @ ("start" | "stop" | "restart" | "is-active" | "is-failed" | "cat" | "kill")] => {
            usage(&format!("{verb}: which unit? see tenantd list"))
        }
        ["is-active", units @ ..] => state::is(&directory, "active", units, json),
        ["is-failed", units @ ..] => state::is(&directory, "failed", units, json),
        ["cat", units @ ..] => cat::run(&directory, units, json),
        ["kill", units @ ..] => kill::run(&directory, units, options, json),
        [verb @ ("start" | "stop" | "restart" | "reload"), units @ ..] => {
            job::run(&directory, verb, units, options.has(options::NO_BLOCK.0), json)
        }
        [verb, ..] if help::is_verb(verb) => usage(&format!("{verb}: too many words")),
        // Not reached: such a word begins a command.
        [word, ..] => usage(&format!("\"{word}\" is no verb of tenantd")),
    }
}

/// `--config` and `--json` are understood at every place, but not in a command.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, lexopt::Error> {
    use lexopt::prelude::*;
    let mut found = Arguments::default();
    let mut parser = lexopt::Parser::from_iter(arguments);
    loop {
        found.command = command(&mut parser, &found.words);
        let Some(argument) = parser.next()? else { return Ok(found) };
        match argument {
            Short('c') | Long("config") => found.config = Some(parser.value()?.into()),
            Long("json") => found.json = true,
            Short('h') | Long("help") => found.help = true,
            Short('V') | Long("version") => found.version = true,
            Value(word) => found.words.push(word.string()?),
            other => match options::name(&other) {
                Some(name) => found.options.take(name, &mut found.logs, &mut found.import, &mut parser)?,
                None => return Err(other.unexpected()),
            },
        }
    }
}

/// The rest of the line, if a command begins here: after `--`, or with a first word that is no verb and no option.
fn command(parser: &mut lexopt::Parser, words: &[String]) -> Option<Vec<OsString>> {
    let mut rest = parser.try_raw_args()?;
    let next = rest.peek()?;
    let option = next.len() > 1 && next.as_encoded_bytes().starts_with(b"-");
    if next == "--" && (words.is_empty() || words == ["run"]) {
        rest.next();
    } else if option || !words.is_empty() || next.to_str().is_some_and(help::is_verb) {
        return None;
    }
    Some(rest.collect())
}

/// `--config`, else `TENANTD_CONFIG`, else `/etc/tenantd`.
fn directory(arguments: &Arguments, variable: Option<OsString>) -> PathBuf {
    let named = arguments.config.clone().or_else(|| variable.map(PathBuf::from));
    named.unwrap_or_else(|| "/etc/tenantd".into())
}

/// Prints an answer. Nobody is left to tell if the reader has gone (`tenantd list | head`), or the disk is full.
fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("tenantd: {problem}; try tenantd --help");
    ExitCode::from(USAGE)
}

/// tenantd's own environment, for [`crate::config::load`].
fn own(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Arguments, lexopt::Error> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn options_stand_anywhere() {
        for line in [
            "tenantd --config /c status x --json",
            "tenantd status --json x --config=/c",
            "tenantd -c/c --json status x",
        ] {
            let found = parsed(line).unwrap();
            assert_eq!(found.words, ["status", "x"], "{line}");
            assert_eq!((found.config, found.json), (Some("/c".into()), true), "{line}");
        }
        for line in [
            "tenantd logs -f -n 5 --since -1h x",
            "tenantd logs x --follow --lines=5 --since=-1h",
            "tenantd -fn5 logs x --since -1h",
        ] {
            let found = parsed(line).unwrap();
            let logs = logs::Options { follow: true, lines: Some("5".into()), since: Some("-1h".into()) };
            assert_eq!((found.words, found.logs), (vec!["logs".to_owned(), "x".to_owned()], logs), "{line}");
        }
        assert!(parsed("tenantd --colour").is_err());
    }

    #[test]
    fn a_first_word_that_is_no_verb_begins_a_command() {
        for (line, words, command) in [
            ("tenantd bin/jobs -c x --json --", "", Some("bin/jobs -c x --json --")),
            ("tenantd --json -c/c bin/jobs", "", Some("bin/jobs")),
            ("tenantd -- status x", "", Some("status x")),
            ("tenantd -- --help", "", Some("--help")),
            ("tenantd -", "", Some("-")),
            ("tenantd --", "", Some("")),
            ("tenantd run -- bin/jobs -x", "run", Some("bin/jobs -x")),
            ("tenantd run --json", "run", None),
            ("tenantd start bin/jobs", "start bin/jobs", None),
            ("tenantd start -- -x", "start -x", None),
            ("tenantd help bin/jobs", "help bin/jobs", None),
            ("tenantd", "", None),
        ] {
            let found = parsed(line).unwrap();
            assert_eq!(found.words.join(" "), words, "{line}");
            let found = found.command.map(|all| all.join(std::ffi::OsStr::new(" ")).into_string().unwrap());
            assert_eq!(found.as_deref(), command, "{line}");
        }
    }

    #[test]
    fn the_directory_is_named_by_option_then_variable_then_default() {
        let named = Arguments { config: Some("/a".into()), ..Arguments::default() };
        assert_eq!(directory(&named, Some("/b".into())), PathBuf::from("/a"));
        assert_eq!(directory(&Arguments::default(), Some("/b".into())), PathBuf::from("/b"));
        assert_eq!(directory(&Arguments::default(), None), PathBuf::from("/etc/tenantd"));
    }
}
