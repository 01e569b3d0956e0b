//! Processes that turn against their neighbours, and limits that are no help.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::faults::Fault;
use crate::harness::{Init, eventually, signal};
use crate::procfs;
use crate::web::web;

/// A user that nobody else is; an ordinary user's namespace knows no other user.
fn other_user() -> &'static str {
    if nix::unistd::geteuid().is_root() { "user = \"54321\"\n" } else { "" }
}

#[test]
fn t23_a_unit_that_kills_its_group_its_session_or_everybody_harms_nobody_else() {
    // Only in a PID namespace: "everybody" ends at its border.
    let unit = |script: &str| {
        format!("[service]\ntype = \"oneshot\"\n{}exec_start = [\"sh\", \"-c\", \"{script}\"]\n", other_user())
    };
    let init = Init::new()
        .web(&web(&["boston"]))
        .unit("group.toml", &unit("sleep 1000 & kill -9 0"))
        .unit("session.toml", &unit("setsid sh -c 'sleep 1000 & kill -9 0'; exit 7"))
        .unit("all.toml", &unit("sleep 1000 & kill -9 -1; exit 9"))
        .start();
    init.get("/boston").expect(200);
    for (name, result) in [("group", "signal"), ("session", "exit-code"), ("all", "exit-code")] {
        init.verb(&["start", name]).expect(1);
        let status = init.status(name);
        let told = status["result"].as_str().is_some_and(|told| told.starts_with(result));
        assert!(status["active"] == "failed" && told, "{status}");
        init.get("/boston").expect(200);
    }
    let starts = init.status("web@boston")["starts"].as_u64();
    assert!(!nix::unistd::geteuid().is_root() || starts == Some(1), "{starts:?}");
    eventually("no zombies", || procfs::zombies(init.pid()) == 0);
    assert_eq!(init.stop().code(), Some(0));
}

#[test]
fn t24_a_fork_bomb_is_held_by_its_limit_and_can_be_stopped() {
    // Every process forks until it may not, for ever.
    let bomb = format!(
        "[service]\n{}exec_start = [\"prlimit\", \"--nproc=40\", \"perl\", \"-e\", \
         \"while (1) {{ defined(fork) or select(undef, undef, undef, 0.01) }}\"]\n",
        other_user()
    );
    let init = Init::new().unit("bomb.toml", &bomb).web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    init.verb(&["start", "bomb"]).expect(0);
    for _ in 0..20 {
        init.get("/boston").expect(200);
        init.verb(&["status", "bomb"]).expect(0);
    }
    init.verb(&["stop", "bomb"]).expect(0);
    eventually("nothing is left of it", || procfs::descendants(init.pid()).len() == 1);
    init.get("/boston").expect(200);
}

#[test]
fn t25_a_process_that_cannot_be_killed_holds_up_nothing() {
    // Nobody can have a process in state D at will: here no signal of ours arrives, which looks the same from outside.
    let unit = "[service]\ntimeout_stop = \"100ms\"\nexec_start = [\"sleep\", \"1000\"]\n";
    let config = "[shutdown]\nbudget = \"1s\"";
    let mut init = Init::new().config(config).unit("stuck.toml", unit).web(&web(&["boston"])).start();
    init.verb(&["start", "stuck"]).expect(0);
    let _fault = Fault::begin(&init, "kill:retval=0");
    std::thread::scope(|scope| {
        scope.spawn(|| init.verb(&["stop", "stuck"]));
        init.wait_log(&["stuck", "SIGKILL"]);
        let status = init.status("stuck");
        assert_eq!((&status["active"], &status["sub"]), (&"deactivating".into(), &"stop-sigkill".into()), "{status}");
        init.get("/boston").expect(200);
        // Whoever waits for the stop is answered, or finds the connection closed, when all ends.
        init.signal(Signal::SIGTERM);
    });
    assert_eq!(init.wait().code(), Some(0));
}

#[test]
fn t44_with_a_huge_limit_of_files_nobody_closes_them_one_by_one() {
    let most = fs::read_to_string("/proc/sys/fs/nr_open").expect("/proc/sys/fs/nr_open");
    let most = if nix::unistd::geteuid().is_root() { most.trim() } else { "$(ulimit -Hn)" };
    let script = format!("ulimit -n {most}; exec \"$@\"");
    let unit = "[service]\ntype = \"oneshot\"\nexec_start = [\"true\"]\n";
    let init = Init::new().wrapper(&["sh", "-c", &script, "sh"]).unit("true.toml", unit).start();
    let trace = init.file("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=close,close_range,fcntl", "-o"]).arg(&trace);
    let mut strace = strace.args(["-p", &init.pid().to_string()]).spawn().expect("strace: scripts/packages test");
    eventually("strace is there", || {
        let status = fs::read_to_string(format!("/proc/{}/status", init.pid())).unwrap_or_default();
        !status.contains("TracerPid:\t0\n")
    });
    init.verb(&["start", "true"]).expect(0);
    signal(strace.id(), Signal::SIGTERM);
    let _ = strace.wait();
    let calls = fs::read_to_string(&trace).expect("a trace").lines().count();
    assert!((1..200).contains(&calls), "{calls} calls to close");
}
