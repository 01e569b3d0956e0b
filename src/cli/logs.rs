//! `tenantd logs`: the last lines of units, with journalctl's words. Never reads a file: the daemon keeps the lines.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::event::{PollFd, PollFlags, poll};
use serde_json::json;

use super::{ask, since, usage};
use crate::control::{self, Answer, LogLine, Request, Stream};
use crate::journal::{Clock, OWN};

/// Lines before those to come, if nothing is said (journalctl(1), --follow).
const LINES: usize = 10;

/// What the command line says of `logs`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `--follow`.
    pub(super) follow: bool,
    /// `--lines`.
    pub(super) lines: Option<String>,
    /// `--since`.
    pub(super) since: Option<String>,
}

/// How a line is shown.
struct Form {
    json: bool,
    colours: bool,
    clock: Clock,
}

/// Why printing ended early: the reader has gone, or the daemon refused.
type Broken = ControlFlow<ExitCode>;

/// Prints what is kept, and with `--follow` what comes, until the daemon or whoever reads ends.
pub(super) fn run(directory: &Path, units: &[&str], options: &Options, json: bool) -> ExitCode {
    let request = match request(units, options, SystemTime::now()) {
        Ok(request) => request,
        Err(problem) => return usage(&format!("logs: {problem}")),
    };
    let socket = match ask::socket(directory) {
        Ok(socket) => socket,
        Err(code) => return code,
    };
    match control::listen(&socket, &request) {
        Ok(stream) => print(stream, Form::new(json), options.follow),
        Err(error) => {
            eprintln!("tenantd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn request(units: &[&str], options: &Options, now: SystemTime) -> Result<Request, String> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_micros();
    let since = options.since.as_ref().map(|text| since::parse(text, u64::try_from(now).unwrap_or(u64::MAX)));
    let lines = match options.lines.as_deref() {
        None => options.follow.then_some(LINES),
        Some("all") => None,
        Some(text) => Some(text.parse().map_err(|_| format!("--lines {text}: write a number, or all"))?),
    };
    let units = units.iter().map(|&unit| unit.to_owned()).collect();
    Ok(Request::Logs { units, lines, since: since.transpose()?, follow: options.follow })
}

fn print(mut stream: Stream, mut form: Form, follow: bool) -> ExitCode {
    loop {
        if follow && reader_has_gone(&stream) {
            return ExitCode::SUCCESS;
        }
        match stream.answers() {
            Ok(Some(answers)) => {
                if let ControlFlow::Break(code) = form.show(answers) {
                    return code;
                }
            }
            Ok(None) if follow => {
                eprintln!("tenantd: the daemon has ended");
                return ExitCode::SUCCESS;
            }
            Ok(None) => {
                eprintln!("tenantd: the daemon ended before it had said all");
                return ExitCode::FAILURE;
            }
            Err(error) => {
                eprintln!("tenantd: cannot read the answer: {error}; is the daemon of another version?");
                return ExitCode::FAILURE;
            }
        }
    }
}

/// Waits for an answer, or until nobody reads our stdout any more (`logs -f | head`).
fn reader_has_gone(stream: &Stream) -> bool {
    let (stdout, stream) = (io::stdout(), stream.as_fd());
    let stdout = stdout.as_fd();
    let mut polled =
        [PollFd::from_borrowed_fd(stream, PollFlags::IN), PollFd::from_borrowed_fd(stdout, PollFlags::empty())];
    // After an error the read tells.
    let _ = poll(&mut polled, None);
    let [answers, reader] = polled.map(|fd| fd.revents());
    // A terminal that is gone, or a pipe without readers.
    answers.is_empty() && reader.intersects(PollFlags::ERR | PollFlags::HUP)
}

impl Form {
    fn new(json: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() && !dumb;
        Self { json, colours, clock: Clock::default() }
    }

    /// Prints answers in one piece.
    fn show(&mut self, answers: Vec<Answer>) -> Broken {
        let (mut text, mut end) = (Vec::new(), None);
        for answer in answers {
            match answer {
                Answer::Line { line } => self.line(&line, &mut text),
                Answer::Missed { lines } => eprintln!("tenantd: {lines} lines missed: this reader is too slow"),
                Answer::End => end = Some(ExitCode::SUCCESS),
                other => end = Some(ask::unexpected(Ok(other))),
            }
        }
        let mut out = io::stdout();
        let written = out.write_all(&text).and_then(|()| out.flush());
        // Nobody is left to tell if the reader has gone.
        let end = end.or(written.is_err().then_some(ExitCode::SUCCESS));
        end.map_or(ControlFlow::Continue(()), ControlFlow::Break)
    }

    fn line(&mut self, line: &LogLine, out: &mut Vec<u8>) {
        let time = UNIX_EPOCH + Duration::from_micros(line.time);
        if self.json {
            let mut stamp = Vec::new();
            self.clock.stamp(time, &mut stamp);
            let stamp = String::from_utf8_lossy(&stamp);
            let LogLine { time, unit, pid, stream, text } = line;
            let object =
                json!({ "time": stamp, "time_us": time, "unit": unit, "pid": pid, "stream": stream, "text": text });
            out.extend_from_slice(object.to_string().as_bytes());
        } else {
            self.clock.stamp(time, out);
            out.push(b' ');
            self.words(line, out);
        }
        out.push(b'\n');
    }

    /// As the daemon writes it on its stdout, without the stamp.
    fn words(&self, line: &LogLine, out: &mut Vec<u8>) {
        let (on, off) = match line.stream.as_str() {
            _ if !self.colours => ("", ""),
            OWN => ("\x1b[1m", "\x1b[0m"),
            "stderr" => ("\x1b[31m", "\x1b[0m"),
            _ => ("", ""),
        };
        let whose = match (&line.unit, line.pid) {
            (Some(unit), Some(pid)) => format!("{unit}[{pid}] {}: ", line.stream),
            (Some(unit), None) => format!("tenantd: {unit}: "),
            (None, _) => "tenantd: ".to_owned(),
        };
        [&whose, on, &line.text, off].iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: bool, colours: bool, line: (Option<&str>, Option<u32>, &str)) -> String {
        let (unit, pid, stream) = line;
        let (unit, stream) = (unit.map(str::to_owned), stream.to_owned());
        let line = LogLine { time: 1_795_324_905_123_456, unit, pid, stream, text: "say \"hi\"".to_owned() };
        let mut out = Vec::new();
        Form { json, colours, clock: Clock::default() }.line(&line, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_look_as_on_stdout() {
        let web = (Some("web@a"), Some(412));
        for (colours, line, expected) in [
            (false, (web.0, web.1, "stdout"), "web@a[412] stdout: say \"hi\"\n"),
            (true, (web.0, web.1, "stdout"), "web@a[412] stdout: say \"hi\"\n"),
            (false, (web.0, web.1, "stderr"), "web@a[412] stderr: say \"hi\"\n"),
            (true, (web.0, web.1, "stderr"), "web@a[412] stderr: \x1b[31msay \"hi\"\x1b[0m\n"),
            (false, (web.0, None, "tenantd"), "tenantd: web@a: say \"hi\"\n"),
            (true, (None, None, "tenantd"), "tenantd: \x1b[1msay \"hi\"\x1b[0m\n"),
        ] {
            assert_eq!(shown(false, colours, line), format!("2026-11-22T05:21:45.123Z {expected}"));
        }
    }

    #[test]
    fn json_is_one_object_a_line() {
        let expected = "{\"pid\":412,\"stream\":\"stdout\",\"text\":\"say \\\"hi\\\"\",\
                        \"time\":\"2026-11-22T05:21:45.123Z\",\"time_us\":1795324905123456,\"unit\":\"web@a\"}\n";
        assert_eq!(shown(true, true, (Some("web@a"), Some(412), "stdout")), expected);
    }

    #[test]
    fn lines_are_ten_to_follow_and_else_all() {
        let lines = |follow, lines: Option<&str>| {
            let options = Options { follow, lines: lines.map(str::to_owned), since: None };
            match request(&[], &options, UNIX_EPOCH) {
                Ok(Request::Logs { lines, .. }) => Ok(lines),
                other => Err(format!("{other:?}")),
            }
        };
        for (follow, text, expected) in [
            (false, None, None),
            (true, None, Some(10)),
            (true, Some("all"), None),
            (true, Some("0"), Some(0)),
            (false, Some("25"), Some(25)),
        ] {
            assert_eq!(lines(follow, text), Ok(expected), "{follow} {text:?}");
        }
        assert!(lines(false, Some("many")).unwrap_err().contains("write a number, or all"));
    }
}
