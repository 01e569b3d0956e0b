//! Doubts about commands that get a socket passed: allowed, and yet the socket would be lost.

use super::load::Draft;
use super::report::Report;
use super::{Listen, Pass, Socket};

/// Warns about `exec_start` of a unit with a passed socket.
pub(crate) fn lint(Draft { unit, layers, .. }: &Draft<'_>, report: &mut Report) {
    let Some(socket) = unit.socket.as_ref().filter(|socket| socket.pass == Pass::Fds) else { return };
    let words = &unit.service.exec_start;
    for why in [shell(words), bind(words, socket), activated(words)].into_iter().flatten() {
        report.warning(layers.place("service", "exec_start"), format!("[service] exec_start: {why}"));
    }
}

/// A shell that stays in between: LISTEN_PID is its pid, so the socket is ignored; and SIGTERM reaches the shell alone.
fn shell(words: &[String]) -> Option<String> {
    let [program, option, script, ..] = words else { return None };
    let is_shell = ["sh", "dash", "ash"].contains(&program.rsplit('/').next()?);
    let forks = is_shell && option.starts_with('-') && option.ends_with('c');
    let execs = script.split([';', '&', '|', '\n', '(']).any(|part| part.trim_start().starts_with("exec "));
    (forks && !execs)
        .then(|| "a shell without exec hides the socket from the program; write \"exec …\" in its script".into())
}

/// Puma closes a passed socket that matches none of its binds, and unlinks its path.
fn bind(words: &[String], socket: &Socket) -> Option<String> {
    let expected = match &socket.listen {
        Listen::Unix(path) => format!("unix://{}", path.display()),
        Listen::Tcp(address) => format!("tcp://{address}"),
    };
    let binds: Vec<&str> =
        binds(words).filter(|bind| bind.starts_with("unix://") || bind.starts_with("tcp://")).collect();
    let matches = binds.iter().any(|bind| bind.split('?').next() == Some(&expected));
    let first = binds.first().filter(|_| !matches)?;
    Some(format!("it binds {first}, but its socket is {expected}, which Puma would close; write -b {expected}"))
}

/// The values of `-b` and `--bind`.
fn binds(words: &[String]) -> impl Iterator<Item = &str> {
    words.iter().enumerate().filter_map(|(index, word)| match word.as_str() {
        "-b" | "--bind" => words.get(index + 1).map(String::as_str),
        word => word.strip_prefix("--bind=").or_else(|| word.strip_prefix("-b")),
    })
}

/// Without `only`, Puma listens on 0.0.0.0:9292 as well.
fn activated(words: &[String]) -> Option<String> {
    let flag = "--bind-to-activated-sockets";
    let at = words.iter().position(|word| word == flag)?;
    let only = words.get(at + 1).is_some_and(|word| word == "only");
    (!only).then(|| format!("{flag} alone listens on 0.0.0.0:9292 too; write {flag} only"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::split_words;

    #[test]
    fn doubts() {
        let socket = Socket { listen: Listen::Unix("/run/t/a.sock".into()), ..Socket::default() };
        for (command, expected) in [
            ("bundle exec puma -b unix:///run/t/a.sock config.ru", None),
            ("puma -b 'unix:///run/t/a.sock?umask=0111'", None),
            ("puma -b tcp://127.0.0.1:9393 --bind=unix:///run/t/a.sock", None),
            ("puma -bunix:///run/t/b.sock", Some("binds unix:///run/t/b.sock")),
            ("puma --bind unix:///run/t/b.sock", Some("binds unix:///run/t/b.sock")),
            ("puma -b tcp://0.0.0.0:3000", Some("binds tcp://0.0.0.0:3000")),
            ("gunicorn -b unix:/run/t/b.sock", None),
            ("puma --bind-to-activated-sockets only config.ru", None),
            ("puma --bind-to-activated-sockets=only", None),
            ("puma --bind-to-activated-sockets config.ru", Some("0.0.0.0:9292")),
            ("sh -c 'puma config.ru'", Some("without exec")),
            ("sh -c 'bundle exec puma'", Some("without exec")),
            ("sh -c 'exec bundle exec puma'", None),
            ("/bin/sh -ec 'cd /rails; puma'", Some("without exec")),
            ("sh -c 'cd /rails && exec puma'", None),
            ("bash -c puma", None),
            ("sh start.sh", None),
        ] {
            let words = split_words(command).unwrap();
            let doubts = [shell(&words), bind(&words, &socket), activated(&words)];
            let told: Vec<String> = doubts.into_iter().flatten().collect();
            match expected {
                None => assert_eq!(told, [] as [String; 0], "{command}"),
                Some(expected) => assert!(told.len() == 1 && told[0].contains(expected), "{command}: {told:?}"),
            }
        }
    }
}
