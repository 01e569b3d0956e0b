//! The duties of PID 1: orphans, and what its children inherit. Each runs as PID 1 and as an ordinary process.

use std::net::TcpListener;
use std::thread;

use crate::harness::{Init, eventually};
use crate::procfs;
use crate::setup::free_address;
use crate::web::web;

/// Throws orphans at its init: the subshell ends at once, its child is nobody's.
const ORPHANS: &str = r#"
[service]
type = "oneshot"
exec_start = ["/bin/sh", "-c", "i=0; while [ $i -lt 2500 ]; do ( /bin/sh -c : & ); i=$((i+1)); done"]
[[instance]]
name = "1"
[[instance]]
name = "2"
[[instance]]
name = "3"
[[instance]]
name = "4"
"#;

#[test]
fn t01_ten_thousand_orphans_leave_no_zombies_and_status_answers_meanwhile() {
    for ordinary in [false, true] {
        let init = Init::new().ordinary(ordinary).unit("orphans@.toml", ORPHANS).web(&web(&["boston"])).start();
        thread::scope(|scope| {
            let init = &init;
            let floods: Vec<_> = (1..=4)
                .map(|n| scope.spawn(move || init.verb(&["start", &format!("orphans@{n}")]).expect(0)))
                .collect();
            let mut answers = 0;
            while floods.iter().any(|flood| !flood.is_finished()) {
                init.verb(&["status", "web@boston"]).expect(3);
                answers += 1;
            }
            assert!(answers > 10, "status answered {answers} times during the flood");
            floods.into_iter().for_each(|flood| drop(flood.join().expect("a flood")));
        });
        eventually("no zombies", || procfs::zombies(init.pid()) == 0);
        init.get("/boston").expect(200);
    }
}

#[test]
fn t03_an_unknown_child_that_dies_is_forgotten() {
    for ordinary in [false, true] {
        // `setsid -f` leaves a process that no unit has as its main process.
        let unit = "[service]\ntype = \"oneshot\"\nexec_start = [\"setsid\", \"-f\", \"sleep\", \"0.05\"]\n";
        let init = Init::new().ordinary(ordinary).unit("daemon.toml", unit).start();
        init.verb(&["start", "daemon"]).expect(0);
        eventually("it is reaped", || procfs::children(init.pid()).is_empty());
        assert_eq!(init.stop().code(), Some(0));
    }
}

#[test]
fn children_do_not_inherit_the_environment_of_pid_1() {
    let tenant = web(&["boston"]).service("pass_environment = [\"PASSED_ON\"]").set("OWN", "mine");
    let init = Init::new()
        .environment("RAILS_MASTER_KEY", "top-secret")
        .environment("PASSED_ON", "wanted")
        .web(&tenant)
        .start();
    let environment = init.get("/boston/environment").expect(200).text();
    assert!(!environment.contains("top-secret"), "{environment}");
    let lines: Vec<&str> = environment.lines().collect();
    assert!(lines.contains(&"OWN=mine") && lines.contains(&"PASSED_ON=wanted"), "{environment}");
    for name in ["LISTEN_FDS=1", "LISTEN_PID=", "LISTEN_FDNAMES=", "PATH="] {
        assert!(lines.iter().any(|line| line.starts_with(name)), "{name} in {environment}");
    }
}

#[test]
fn t14_children_have_no_signal_blocked_or_ignored() {
    let init = Init::new()
        .wrapper(&["env", "--ignore-signal=PIPE,HUP,USR2", "--block-signal=USR1,CHLD,TERM"])
        .web(&web(&["boston"]))
        .start();
    let status = init.get("/boston/signals").expect(200).text();
    let mask = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a mask");
        u64::from_str_radix(line.trim(), 16).expect("hexadecimal")
    };
    assert_eq!(mask("SigBlk:"), 0, "{status}");
    // The origin is a Rust program: its runtime ignores SIGPIPE (13), and nothing else.
    assert_eq!(mask("SigIgn:") & !(1 << 12), 0, "{status}");
    assert_eq!(init.stop().code(), Some(0));
}

#[test]
fn t14_a_shell_sees_the_default_of_sigpipe() {
    let unit = "[service]\ntype = \"oneshot\"\nexec_start = [\"grep\", \"Sig\", \"/proc/self/status\"]\n";
    let init = Init::new().unit("masks.toml", unit).start();
    init.verb(&["start", "masks"]).expect(0);
    for name in ["SigBlk:", "SigIgn:"] {
        let line = init.wait_log(&["masks", name]);
        assert!(line.ends_with("\t0000000000000000"), "{line}");
    }
}

#[test]
fn children_have_their_three_descriptors_and_the_socket_only() {
    let init = Init::new()
        .wrapper(&["/bin/sh", "-c", "exec 9</etc/passwd 8>/dev/null; exec \"$@\"", "sh"])
        .web(&web(&["boston", "nyc"]))
        .start();
    init.get("/nyc").expect(200);
    let descriptors = init.get("/boston/descriptors").expect(200).text();
    let has = |start: &str| descriptors.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((has("0 /dev/null"), has("1 pipe:"), has("2 pipe:"), has("3 socket:")), (1, 1, 1, 1), "{descriptors}");
    assert!(!descriptors.contains("/etc/passwd") && has("8 /dev/null") == 0, "{descriptors}");
}

#[test]
fn a_service_without_a_socket_has_three_descriptors() {
    // ls has the directory open as its fourth.
    let unit = "[service]\ntype = \"oneshot\"\nexec_start = [\"ls\", \"-1\", \"/proc/self/fd\"]\n";
    let init = Init::new()
        .wrapper(&["/bin/sh", "-c", "exec 9</etc/passwd 8>/dev/null; exec \"$@\"", "sh"])
        .unit("fds.toml", unit)
        .web(&web(&["boston"]))
        .start();
    init.get("/boston").expect(200);
    init.verb(&["start", "fds"]).expect(0);
    init.wait_log(&["fds[", "stdout: 3"]);
    let lines = init.log().with(&["fds[", "stdout: "]);
    let numbers: Vec<_> = lines.iter().filter_map(|line| line.split("stdout: ").nth(1)).collect();
    assert_eq!(numbers, ["0", "1", "2", "3"]);
}

#[test]
fn t17_standard_input_is_never_something_else() {
    let init = Init::new().wrapper(&["/bin/sh", "-c", "exec <&-; exec \"$@\"", "sh"]).web(&web(&["boston"])).start();
    let descriptors = init.get("/boston/descriptors").expect(200).text();
    assert!(descriptors.lines().any(|line| line == "0 /dev/null"), "{descriptors}");
    assert_eq!(init.stop().code(), Some(0));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let address = free_address();
    let _taken = TcpListener::bind(address).expect("bind");
    let mut init = Init::new().web(&web(&["boston"])).launch(address);
    let status = init.wait();
    assert!(!status.success(), "{status}");
    let text = init.log().tail(10);
    assert!(text.contains(&address.to_string()) && text.to_lowercase().contains("in use"), "{text}");
}

#[test]
fn t46_five_hundred_starts_leave_memory_and_descriptors_flat() {
    let init = Init::new().unit("true.toml", "[service]\ntype = \"oneshot\"\nexec_start = [\"true\"]\n").start();
    let cycle = |n: u32| (0..n).for_each(|_| drop(init.verb(&["start", "true"]).expect(0)));
    cycle(50);
    let (memory, descriptors) = (procfs::resident(init.pid()), procfs::descriptors(init.pid()));
    cycle(500);
    let grown = procfs::resident(init.pid()).saturating_sub(memory);
    assert!(grown < 1024 * 1024, "memory grew by {grown}");
    eventually("descriptors are back", || procfs::descriptors(init.pid()) <= descriptors);
}
