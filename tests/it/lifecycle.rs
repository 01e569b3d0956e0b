//! Whole runs of real services: every command in its order, what each is told, and what the unit's result says.

use std::fs;

use crate::harness::{Init, eventually};
use crate::setup::Setup;

/// A service whose commands write their names and variables into `said`.
fn telling(service: &str) -> Setup {
    let tell = |name: &str, variables: &str| format!("[[\"sh\", \"-c\", \"echo {name} {variables} >> @DIR@/said\"]]");
    let ended = "$SERVICE_RESULT $EXIT_CODE $EXIT_STATUS";
    let unit = format!(
        "[service]\nexec_start_pre = {}\nexec_start_post = {}\nexec_reload = {}\nexec_stop = {}\nexec_stop_post = {}\n{service}\n",
        tell("pre", ""),
        tell("post", "$(kill -0 $MAINPID && echo alive)"),
        tell("reload", "$(kill -0 $MAINPID && echo alive)"),
        tell("stop", "$(kill -0 $MAINPID && echo alive)"),
        tell("stop-post", ended),
    );
    Init::new().unit("a.toml", &unit)
}

fn said(init: &Init) -> Vec<String> {
    let text = fs::read_to_string(init.file("said")).unwrap_or_default();
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

fn wait_sub(init: &Init, sub: &str) {
    eventually(sub, || init.status("a")["sub"] == sub);
}

#[test]
fn every_command_of_a_run_and_what_it_is_told() {
    let init = telling("exec_start = [\"sleep\", \"1000\"]").start();
    init.verb(&["start", "a"]).expect(0);
    assert_eq!(said(&init), ["pre", "post alive"]);
    init.verb(&["stop", "a"]).expect(0);
    assert_eq!(said(&init)[2..], ["stop alive", "stop-post success killed TERM"]);
    assert_eq!(init.status("a")["result"], "success");
}

#[test]
fn stop_post_runs_after_every_kind_of_end() {
    for (main, more, expected, result) in [
        ("exit 7", "", "stop-post exit-code exited 7", "exit-code, status=7/NOTRUNNING"),
        ("kill -s SEGV $$$$", "limits", "stop-post signal killed SEGV", "signal, status=11/SEGV"),
        ("exit 75", "success_exit_status = [75]", "stop-post success exited 75", "success"),
        ("exec sleep 1000", "type = \"notify\"\ntimeout_start = \"200ms\"", "stop-post timeout killed TERM", "timeout"),
        ("exec sleep 1000", "watchdog = \"200ms\"", "stop-post watchdog killed ABRT", "watchdog"),
    ] {
        let more = more.replace("limits", "");
        let service = format!("exec_start = [\"sh\", \"-c\", \"ulimit -c 0; {main}\"]\n{more}");
        let init = telling(&service).start();
        init.verb(&["start", "a"]);
        eventually(main, || said(&init).last().is_some_and(|line| line.starts_with("stop-post")));
        eventually(main, || ["failed", "dead"].map(Into::into).contains(&init.status("a")["sub"]));
        assert_eq!(said(&init).last().map(String::as_str), Some(expected), "{main}");
        assert_eq!(init.status("a")["result"], result, "{main}");
    }
}

#[test]
fn a_program_that_does_not_exist_is_followed_by_stop_post() {
    let init = telling("exec_start = [\"/nonexistent\"]").start();
    init.verb(&["start", "a"]).expect(1);
    assert_eq!(said(&init), ["pre", "stop-post exit-code exited 203"]);
}

#[test]
fn t28_a_death_leaves_the_reload_and_restart_applies() {
    let main = "systemd-notify --ready; systemd-notify RELOADING=1; read x < @DIR@/gate; exit 3";
    let service = format!(
        "[service]\ntype = \"notify\"\nnotify_access = \"all\"\nrestart = \"on-failure\"\nrestart_sec = \"1000s\"\n\
         restart_max_delay_sec = \"2000s\"\nexec_start = [\"sh\", \"-c\", \"{main}\"]\n"
    );
    let init = Init::new().unit("a.toml", &service).start();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        init.file("gate"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .expect("fifo");
    init.verb(&["start", "a"]).expect(0);
    wait_sub(&init, "reload-notify");
    fs::write(init.file("gate"), "\n").expect("gate");
    wait_sub(&init, "auto-restart");
    assert_eq!(init.status("a")["result"], "exit-code, status=3/NOTIMPLEMENTED");
}

#[test]
fn t29_a_foreign_main_pid_is_not_believed() {
    for pid in ["0", "1", "x", "99999999", "4294967297"] {
        let main = format!("printf 'MAINPID={pid}\\\\nREADY=1\\\\nSTATUS=said' > @DIR@/text; {SEND} & exec sleep 1000");
        let service = format!(
            "[service]\ntype = \"notify\"\nnotify_access = \"all\"\nexec_start = [\"sh\", \"-c\", \"{main}\"]\n"
        );
        let init = Init::new().unit("a.toml", &service).start();
        init.verb(&["start", "a"]).expect(0);
        let before = init.status("a")["pid"].clone();
        assert_eq!(init.status("a")["status"], "said", "{pid}");
        assert!(before.as_u64().is_some_and(|pid| pid > 1), "{pid}: {before}");
        init.verb(&["stop", "a"]).expect(0);
    }
}

/// Sends the file `text` as one datagram, and stays: a sender that is gone is nobody's.
const SEND: &str = "perl -MIO::Socket::UNIX -e 'open F, shift; local $/; $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => $ENV{NOTIFY_SOCKET}) or die; $s->send(<F>); sleep 1000' @DIR@/text";

#[test]
fn a_child_of_the_service_is_not_heard_unless_it_may_speak() {
    let main = format!("printf 'STATUS=child' > @DIR@/text; {SEND} & exec sleep 1000");
    for (access, heard) in [("main", false), ("all", true)] {
        let service = format!("[service]\nnotify_access = \"{access}\"\nexec_start = [\"sh\", \"-c\", \"{main}\"]\n");
        let init = Init::new().unit("a.toml", &service).start();
        init.verb(&["start", "a"]).expect(0);
        if heard {
            eventually("it is heard", || init.status("a")["status"] == "child");
        } else {
            init.wait_log(&["a: a notify message", "was not heard"]);
            assert_eq!(init.status("a")["status"], "");
        }
    }
}
