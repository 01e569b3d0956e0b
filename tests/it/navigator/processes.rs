//! V15 to V26b: how processes end, what is left behind, and in what order.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;

use crate::client::request_head;
use crate::harness::{Init, eventually};
use crate::procfs;
use crate::reload::put;
use crate::setup::{Setup, free_address};
use crate::web::web;

/// A service that boot starts: a line of shell.
fn shell(script: &str, more: &str) -> String {
    format!("[unit]\nwanted_by = [\"boot\"]\n[service]\nexec_start = [\"sh\", \"-c\", \"{script}\"]\n{more}\n")
}

fn read(init: &Init, name: &str) -> String {
    fs::read_to_string(init.file(name)).unwrap_or_default()
}

#[test]
fn v15_an_idle_tenant_ends_by_sigterm_and_in_its_own_time() {
    let init = Init::new().web(&web(&["boston"]).service("idle_stop = \"50ms\"")).start();
    init.get("/boston").expect(200);
    init.wait_active("web@boston", "inactive");
    // It writes the second line when it hears SIGTERM and has answered everybody.
    assert_eq!(read(&init, "events"), "start boston\nstop boston\n");
}

#[test]
fn v17_a_pid_file_kills_nobody() {
    let stranger = shell("echo $$$$ > @DIR@/server.pid; exec sleep 1000", "");
    let init = Init::new().unit("stranger.toml", &stranger).web(&web(&["boston"]).set("PIDFILE", "@DIR@/server.pid"));
    let init = init.start();
    eventually("the file names a stranger", || !read(&init, "server.pid").is_empty());
    let pid = init.status("stranger")["pid"].clone();
    assert_eq!(read(&init, "server.pid").trim(), pid.to_string());
    for _ in 0..3 {
        init.get("/boston").expect(200);
        init.verb(&["stop", "web@boston"]).expect(0);
    }
    let status = init.status("stranger");
    assert_eq!((&status["active"], &status["pid"]), (&"active".into(), &pid), "{status}");
}

#[test]
fn v19_a_unit_that_was_removed_and_comes_again_starts() {
    let redis = "[unit]\npriority = \"high\"\n[service]\nexec_start = [\"sleep\", \"1000\"]\n";
    let init = Init::new().unit("redis.toml", redis).start();
    for _ in 0..3 {
        init.wait_active("redis", "active");
        fs::remove_file(init.file("units/redis.toml")).expect("remove");
        let said = init.verb(&["reload"]).expect(0).stdout;
        assert!(said.contains("redis  removed\n"), "{said}");
        eventually("it is gone", || init.list().is_empty() && procfs::living(init.pid()).is_empty());
        put(&init, "redis.toml", redis);
        init.verb(&["reload"]).expect(0);
    }
    init.wait_active("redis", "active");
}

#[test]
fn v20_nothing_is_started_again_once_the_end_has_begun() {
    let looping = shell(
        "exit 1",
        "restart = \"always\"\nrestart_sec = \"1ms\"\nrestart_max_delay_sec = \"5ms\"\nstart_limit_burst = 100000",
    );
    // It holds up the end until its SIGKILL.
    let stubborn = web(&["boston"]).set("IGNORE_TERM", "1").service("timeout_stop = \"500ms\"");
    let mut init = Init::new().unit("looping.toml", &looping).web(&stubborn).start();
    init.get("/boston").expect(200);
    eventually("it loops", || init.status("looping")["failures"].as_u64() > Some(3));
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait().code(), Some(0));
    let lines = init.log().lines();
    let end = lines.iter().position(|line| line.contains("web@boston: stopping")).expect("the end begins");
    let later: Vec<_> = lines[end..].iter().filter(|line| line.contains("looping: start")).collect();
    assert!(later.is_empty(), "{later:?}");
}

#[test]
fn v21_a_boot_that_fails_stops_what_it_started() {
    let main = shell("until [ -e @DIR@/pid ]; do sleep 0.01; done; exit 7", "essential = true");
    let other = shell("sleep 1000 & echo $! > @DIR@/pid.new; mv @DIR@/pid.new @DIR@/pid; wait", "");
    let mut init =
        Init::new().ordinary(true).unit("main.toml", &main).unit("other.toml", &other).launch(free_address());
    assert_eq!(init.wait().code(), Some(7));
    let pid = read(&init, "pid");
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "{pid} runs on");
    assert!(!init.file("run/control.sock").exists());
}

#[test]
fn v22_a_killed_pid_1_takes_all_with_it() {
    let mut init = Init::new().web(&web(&["boston"]).set("IGNORE_TERM", "1")).start();
    init.get("/boston").expect(200);
    let all = procfs::descendants(init.pid());
    assert!(!all.is_empty());
    init.signal(Signal::SIGKILL);
    init.wait();
    eventually("nobody is left", || all.iter().all(|&pid| matches!(procfs::state(pid), None | Some('Z' | 'X'))));
}

#[test]
fn v24_a_timeout_ends_the_whole_group() {
    let hook = "[service]\ntype = \"oneshot\"\ntimeout_start = \"200ms\"\n\
        exec_start = [\"sh\", \"-c\", \"sleep 1000 & (sleep 1000 & sleep 1000) & sleep 1000\"]\n";
    for ordinary in [false, true] {
        let init = Init::new().ordinary(ordinary).unit("hook.toml", hook).start();
        init.verb(&["start", "hook"]).expect(1);
        assert_eq!(init.status("hook")["result"], "timeout");
        eventually("nobody is left of it", || procfs::living(init.pid()).is_empty());
    }
}

/// A hook of the end, which says in `events` that it has run.
fn at_the_end(setup: Setup) -> Setup {
    let hook = "[unit]\nwanted_by = [\"shutdown\"]\n[service]\ntype = \"oneshot\"\n\
        exec_start = [\"sh\", \"-c\", \"echo hook >> @DIR@/events\"]\n";
    setup.unit("last.toml", hook)
}

#[test]
fn v25_the_hooks_of_the_end_run_after_the_tenants() {
    let mut init = at_the_end(Init::new().web(&web(&["boston"]))).start();
    init.get("/boston").expect(200);
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait().code(), Some(0));
    assert_eq!(read(&init, "events"), "start boston\nstop boston\nhook\n");
}

#[test]
fn v26_a_daemon_that_exits_0_and_one_that_cannot_start_are_tried_again() {
    let again =
        "restart = \"always\"\nrestart_sec = \"1ms\"\nrestart_max_delay_sec = \"20ms\"\nstart_limit_burst = 1000";
    let late = format!("[unit]\nwanted_by = [\"boot\"]\n[service]\nexec_start = [\"@DIR@/late\", \"1000\"]\n{again}\n");
    let init = Init::new().unit("zero.toml", &shell("exit 0", again)).unit("late.toml", &late).start();
    eventually("it runs again", || init.status("zero")["starts"].as_u64() > Some(3));
    eventually("it is tried again", || init.status("late")["failures"].as_u64() > Some(3));
    fs::copy("/bin/sleep", init.file("late.new")).expect("a program");
    fs::rename(init.file("late.new"), init.file("late")).expect("a program");
    init.wait_active("late", "active");
}

#[test]
fn v26b_no_request_holds_up_the_end() {
    for ordinary in [false, true] {
        let setup = at_the_end(Init::new().config("[shutdown]\nbudget = \"8s\"").web(&web(&["boston"])));
        let mut init = setup.ordinary(ordinary).start();
        let mut client = init.connect();
        let target = format!("/boston/sse?n=1&gate={}", init.file("never").display());
        client.send(&request_head("GET", &target, &[], 0)).expect("send");
        client.head().expect("a head");
        let all = procfs::descendants(init.pid());
        init.signal(Signal::SIGTERM);
        assert_eq!(init.wait().code(), Some(0));
        assert_eq!(read(&init, "events"), "start boston\nhook\n", "ordinary: {ordinary}");
        eventually("nobody is left", || all.iter().all(|&pid| matches!(procfs::state(pid), None | Some('Z' | 'X'))));
    }
}
