//! `tenantd logs`: what is kept, what comes, and readers that are slow, gone or many.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{Init, TENANTD, eventually};
use crate::log::Log;

/// Two tenants of a kind that say something at their start, and one that says nothing.
fn talkers() -> Init {
    let say = "echo out of $0; echo err of $0 >&2; exec sleep 1000";
    Init::new()
        .unit(
            "talk@.toml",
            &format!(
                "[service]\nexec_start = [\"sh\", \"-c\", \"{say}\", \"%i\"]\n\
                 [[instance]]\nname = \"a\"\n[[instance]]\nname = \"b\"\n"
            ),
        )
        .unit("mute.toml", "[service]\nexec_start = [\"sleep\", \"1000\"]\n")
        .start()
}

/// Waits until a unit's lines contain each of `words`.
#[track_caller]
fn wait_kept(init: &Init, unit: &str, words: &[&str]) {
    let kept = || init.verb(&["logs", unit]).expect(0).stdout;
    eventually("the lines are kept", || words.iter().all(|word| kept().contains(word)));
}

#[track_caller]
fn start(init: &Init, unit: &str) {
    init.verb(&["start", unit]).expect(0);
    let (_, name) = unit.split_once('@').expect("an instance");
    wait_kept(init, unit, &[&format!("out of {name}"), &format!("err of {name}")]);
}

/// `tenantd logs WORDS`, running.
struct Following {
    child: Child,
    log: Log,
}

fn follow(init: &Init, words: &[&str]) -> Following {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = Command::new(TENANTD);
    command.arg("--config").arg(init.path()).args(["logs", "-f"]).args(words).stdin(Stdio::null());
    command.stdout(writer.try_clone().expect("a pipe")).stderr(writer);
    let child = command.spawn().expect("tenantd runs");
    drop(command);
    Following { child, log: Log::collect(reader) }
}

impl Following {
    #[track_caller]
    fn wait(&self, words: &[&str]) {
        eventually(&format!("a line with {words:?}"), || !self.log.with(words).is_empty());
    }

    #[track_caller]
    fn code(mut self) -> Option<i32> {
        eventually("it ends", || matches!(self.child.try_wait(), Ok(Some(_))));
        self.child.wait().expect("wait").code()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A reader that asks for lines and reads none.
fn ask(init: &Init, question: &str) -> UnixStream {
    let mut stream = UnixStream::connect(init.file("run/control.sock")).expect("the control socket");
    stream.set_read_timeout(Some(Duration::from_secs(40))).expect("a timeout");
    stream.write_all(format!("{question}\n").as_bytes()).expect("the question");
    stream
}

fn answers(stream: UnixStream) -> impl Iterator<Item = Value> {
    let lines = BufReader::new(stream).lines();
    lines.map(|line| serde_json::from_str(&line.expect("an answer")).expect("JSON"))
}

#[test]
fn lines_are_kept_by_unit_with_stream_pid_and_time() {
    let init = talkers();
    start(&init, "talk@a");
    start(&init, "talk@b");
    let pid = init.status("talk@a")["pid"].to_string();
    let text = init.verb(&["logs", "talk@a"]).expect(0).stdout;
    let rest: Vec<_> = text.lines().filter_map(|line| line.split_once("Z ")).map(|(_, rest)| rest).collect();
    assert!(rest.contains(&format!("talk@a[{pid}] stdout: out of a").as_str()), "{text}");
    assert!(rest.contains(&format!("talk@a[{pid}] stderr: err of a").as_str()), "{text}");
    assert!(rest.iter().any(|line| line.starts_with("tenantd: talk@a: start")), "{text}");
    assert!(!text.contains("talk@b") && !text.contains('\x1b'), "{text}");
    // The stamp is the one of the line on stdout.
    let line = text.lines().find(|line| line.contains("out of a")).expect("the line");
    init.wait_log(&[line]);
}

#[test]
fn units_are_chosen_by_name_and_pattern() {
    let init = talkers();
    start(&init, "talk@a");
    start(&init, "talk@b");
    let of = |words: &[&str]| init.verb(&[&["logs"], words].concat()).expect(0).stdout;
    for (words, a, b, own) in [
        (&[][..], true, true, true),
        (&["talk@*"], true, true, false),
        (&["talk@a", "tenantd"], true, false, true),
        (&["*@b"], false, true, false),
        (&["mute"], false, false, false),
    ] {
        let text = of(words);
        let found = (text.contains("out of a"), text.contains("out of b"), text.contains("listening at"));
        assert_eq!(found, (a, b, own), "{words:?}: {text}");
    }
    for unit in ["nowhere", "nowhere@*"] {
        let ran = init.verb(&["logs", "talk@a", unit]).expect(4);
        assert!(ran.stdout.is_empty() && ran.stderr.contains(unit), "{ran:?}");
    }
}

#[test]
fn lines_are_chosen_by_number_and_time() {
    let init = talkers();
    start(&init, "talk@a");
    let lines = |words: &[&str]| init.verb(&[&["logs", "talk@a"], words].concat()).expect(0).stdout.lines().count();
    let all = lines(&[]);
    assert!(all >= 3);
    assert_eq!([lines(&["-n", "1"]), lines(&["-n2"]), lines(&["--lines=all"]), lines(&["-n", "0"])], [1, 2, all, 0]);
    assert_eq!([lines(&["--since", "-1h"]), lines(&["--since", "@99999999999"])], [all, 0]);
    assert_eq!(lines(&["--since", "1h ago", "-n", "1"]), 1);
    for words in [&["--since", "soon"], &["-n", "few"]] {
        let ran = init.verb(&[&["logs"], &words[..]].concat()).expect(64);
        assert!(ran.stderr.contains("write"), "{ran:?}");
    }
    init.verb(&["list", "-f"]).expect(64);
    let path = init.path().to_owned();
    init.signal(Signal::SIGKILL);
    eventually("it is gone", || crate::harness::verb(&path, &["logs"]).code == 1);
}

#[test]
fn json_is_one_object_a_line() {
    let init = talkers();
    start(&init, "talk@a");
    let text = init.verb(&["logs", "--json", "talk@a", "tenantd"]).expect(0).stdout;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let line = lines.iter().find(|line| line["text"] == "out of a").expect("the line");
    assert_eq!((&line["unit"], &line["stream"]), (&"talk@a".into(), &"stdout".into()));
    assert_eq!(line["pid"], init.status("talk@a")["pid"]);
    assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')) && line["time_us"].is_u64(), "{line}");
    let own: Vec<_> = lines.iter().filter(|line| line["stream"] == "tenantd").collect();
    assert!(own.iter().any(|line| line["unit"] == "talk@a") && own.iter().any(|line| line["unit"].is_null()), "{text}");
}

#[test]
fn who_follows_sees_what_comes_until_tenantd_ends() {
    let init = talkers();
    let mut all = follow(&init, &["-n", "all"]);
    let b = follow(&init, &["talk@b", "--json"]);
    all.wait(&["listening at"]);
    init.verb(&["start", "talk@a"]).expect(0);
    all.wait(&["talk@a[", "stdout: out of a"]);
    init.verb(&["start", "talk@b"]).expect(0);
    b.wait(&["\"text\":\"out of b\""]);
    assert!(b.log.with(&["talk@a"]).is_empty());
    assert!(matches!(all.child.try_wait(), Ok(None)));
    assert!(init.stop().success());
    all.wait(&["tenantd: exit 0"]);
    b.wait(&["tenantd: the daemon has ended"]);
    assert_eq!((all.code(), b.code()), (Some(0), Some(0)));
}

#[test]
fn who_follows_ends_with_its_own_reader_or_at_ctrl_c() {
    let init = talkers();
    let mut child = Command::new(TENANTD)
        .arg("--config")
        .arg(init.path())
        .args(["logs", "-f", "tenantd"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("tenantd runs");
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    reader.read_line(&mut line).expect("a line");
    // As head does; no line comes afterwards.
    drop(reader);
    eventually("it ends", || matches!(child.try_wait(), Ok(Some(status)) if status.success()));
    let mut other = follow(&init, &["-n", "all"]);
    other.wait(&["listening at"]);
    crate::harness::signal(other.child.id(), Signal::SIGINT);
    let status = other.child.wait().expect("wait");
    // A shell shows 130.
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(2));
}

#[test]
fn a_slow_reader_holds_nobody_up_and_is_told_what_it_missed() {
    let flood = "i=0; while [ $i -lt 40 ]; do seq 10000; i=$((i+1)); done; echo flood is over; exec sleep 1000";
    let unit = format!("[service]\nexec_start = [\"sh\", \"-c\", \"{flood}\"]\n");
    let init = Init::new().unit("flood.toml", &unit).start();
    let before = crate::procfs::resident(init.pid());
    let slow: Vec<_> = (0..8).map(|_| ask(&init, r#"{"verb":"logs","units":["flood"],"follow":true}"#)).collect();
    init.verb(&["start", "flood"]).expect(0);
    wait_kept(&init, "flood", &["flood is over"]);
    let grown = crate::procfs::resident(init.pid()).saturating_sub(before);
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes for 8 slow readers");
    for stream in slow {
        let (mut lines, mut missed) = (0, 0);
        for answer in answers(stream) {
            match answer["answer"].as_str() {
                Some("missed") => missed += answer["lines"].as_u64().expect("a number"),
                _ if answer["line"]["text"] == "flood is over" => break,
                _ if answer["line"]["stream"] == "stdout" => lines += 1,
                _ => {}
            }
        }
        assert!(missed > 0 && lines > 0, "{lines} lines, {missed} missed");
        // Beside the flood there are tenantd's own lines about it.
        assert!((400_000..400_010).contains(&(lines + missed)), "{lines} lines, {missed} missed");
    }
}

#[test]
fn there_are_only_so_many_readers_and_who_leaves_makes_room() {
    let init = talkers();
    let question = r#"{"verb":"logs","units":["tenantd"],"lines":1,"follow":true}"#;
    let first = |stream: &UnixStream| {
        let mut byte = String::new();
        BufReader::new(stream).read_line(&mut byte).expect("an answer");
        byte
    };
    let readers: Vec<_> = (0..32).map(|_| ask(&init, question)).collect();
    readers.iter().for_each(|stream| assert!(first(stream).contains("\"line\"")));
    let refused = init.verb(&["logs"]).expect(1);
    assert!(refused.stderr.contains("32 others"), "{refused:?}");
    init.verb(&["list"]).expect(0);
    drop(readers);
    eventually("there is room again", || init.verb(&["logs"]).code == 0);
    init.verb(&["logs", "-n", "1"]).expect(0);
}

#[test]
fn a_reader_gets_all_that_is_kept_whatever_its_size() {
    let init = Init::new()
        .unit(
            "long@.toml",
            "[service]\nexec_start = [\"sh\", \"-c\", \"seq -f '%%.0f of %i' 20000; echo end of $0; exec sleep 1000\", \"%i\"]\n\
             [[instance]]\nname = \"a\"\n[[instance]]\nname = \"b\"\n[[instance]]\nname = \"c\"\n",
        )
        .start();
    for unit in ["long@a", "long@b", "long@c"] {
        init.verb(&["start", unit]).expect(0);
        wait_kept(&init, unit, &["end of"]);
    }
    let text = init.verb(&["logs", "long@*"]).expect(0).stdout;
    for unit in ["a", "b", "c"] {
        let end = format!(" of {unit}");
        let numbers = text.lines().filter_map(|line| line.strip_suffix(&end)?.rsplit(' ').next()?.parse().ok());
        let numbers: Vec<u32> = numbers.collect();
        assert!(numbers.len() > 1000, "{unit}: {}", numbers.len());
        assert!(numbers.is_sorted() && numbers.last() == Some(&20_000), "{unit}");
        assert_eq!(numbers.len() as u32, 20_001 - numbers[0], "{unit}: a gap");
    }
}

#[test]
fn t63_a_prompt_without_an_end_appears_and_goes_on_in_the_next_line() {
    let unit = "[service]\nexec_start = [\"sh\", \"-c\", \"printf 'name? '; read x < @DIR@/gate; echo hello $x; exec sleep 1000\"]\n";
    let init = Init::new().unit("ask.toml", unit).start();
    nix::unistd::mkfifo(&init.file("gate"), nix::sys::stat::Mode::S_IRWXU).expect("a fifo");
    init.verb(&["start", "ask"]).expect(0);
    init.wait_log(&["ask[", "stdout: name?  [\u{2026}]"]);
    wait_kept(&init, "ask", &["stdout: name?"]);
    std::fs::write(init.file("gate"), "bob\n").expect("the gate");
    init.wait_log(&["ask[", "stdout: hello bob"]);
}

#[test]
fn half_a_question_and_one_that_leaves_harm_nobody() {
    let init = talkers();
    for question in [r#"{"verb":"logs","units":["*"],"follow":true}"#, r#"{"verb":"logs","units":[]}"#] {
        let stream = ask(&init, question);
        stream.shutdown(std::net::Shutdown::Write).expect("shutdown");
        let mut first = [0];
        (&stream).read_exact(&mut first).expect("an answer");
        drop(stream);
    }
    init.verb(&["logs"]).expect(0);
}
