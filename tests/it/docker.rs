//! tenantd as the ENTRYPOINT of an image that holds nothing else, in a real Docker engine.

use std::fs::File;
use std::io::Write;
use std::thread;

use nix::pty::openpty;
use nix::sys::signal::Signal;

use crate::engine::{Engine, IMAGE};
use crate::harness::{eventually, signal};
use crate::procfs;

/// The ways to run it: options of `docker run`, and what `tenantd status` must name as lowered.
const ENVIRONMENTS: &[(&[&str], &str)] = &[
    (&[], ""),
    (&["--init"], ""),
    (&["--interactive"], ""),
    (&["--tty"], ""),
    (&["--pid=host"], ""),
    (&["--memory=64m", "--pids-limit=40"], ""),
    (&["--ulimit=nofile=128:128"], ""),
    (&["--security-opt=seccomp=unconfined"], ""),
    (&["--read-only"], "sockets are in /dev/shm/tenantd: /run/tenantd cannot be written"),
    (&["--read-only", "--tmpfs=/run:noexec"], ""),
    (&["--user=12345"], "sockets are in /dev/shm/tenantd: /run/tenantd cannot be written"),
    (&["--user=12345:54321", "--tmpfs=/run"], ""),
    (&["--cap-drop=ALL"], ""),
    (&["--cap-drop=ALL", "--security-opt=no-new-privileges"], ""),
    (
        &["--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only", "--user=12345", "--init"],
        "sockets are in /dev/shm/tenantd: /run/tenantd cannot be written",
    ),
];

#[test]
fn t78_from_scratch_in_every_environment_it_starts_serves_and_stops() {
    let engine = Engine::shared();
    thread::scope(|scope| {
        for (options, lowered) in ENVIRONMENTS {
            let engine = &engine;
            scope.spawn(move || {
                let container = engine.run(options, &[]);
                let body = container.get("/boston").expect(200);
                assert!(body.text().contains("boston"), "{options:?}");
                let status = container.exec(&["tenantd", "status"]).expect(0).stdout;
                // Which cgroups a container has depends on the host of the engine.
                let notes = status.lines().filter(|line| line.contains("Lowered:"));
                let notes: Vec<_> = notes.filter(|line| !line.contains("process tracking: ")).collect();
                assert!(
                    if lowered.is_empty() { notes.is_empty() } else { notes[0].contains(lowered) },
                    "{options:?}: {status}"
                );
                container.exec(&["tenantd", "is-active", "web@boston"]).expect(0);
                assert_eq!(container.stop(), 0, "{options:?}");
                let broken = engine.run(&[*options, &["--env=TENANTD_CONFIG=/etc/broken"][..]].concat(), &[]);
                assert_eq!(broken.wait(), 78, "{options:?}: {}", broken.log());
                assert!(broken.log().contains("nonsense"), "{options:?}: {}", broken.log());
            });
        }
    });
}

#[test]
fn t07_a_process_of_docker_exec_is_nobodys_until_its_parent_dies() {
    let container = Engine::shared().run(&[], &[]);
    container.get("/boston").expect(200);
    let before = container.exec(&["tenantd", "status", "web@boston", "--json"]).expect(0).json();
    // A second tenantd in the same container, and its parent: both strangers.
    container.exec_detached(&["tenantd", "--", "tenantd", "--config", "/etc/other"]);
    eventually("the stranger listens", || container.exec(&["tenantd", "--config", "/etc/other", "list"]).code == 0);
    let other = container.exec(&["tenantd", "--config", "/etc/other", "status", "--json"]).expect(0).json();
    let first = container.pid();
    let orphan = stranger(first, other["pid"].as_u64());

    // Nothing of it is ours: a stop of our tenant leaves it alone.
    container.exec(&["tenantd", "restart", "web@boston"]).expect(0);
    assert!(procfs::state(orphan).is_some_and(|state| state != 'Z'));
    let parent = procfs::parent(orphan).expect("its parent");
    assert!(signal(parent, Signal::SIGKILL));
    eventually("the orphan is a child of PID 1", || procfs::children(first).contains(&orphan));
    assert!(signal(orphan, Signal::SIGKILL));
    eventually("it is reaped", || procfs::state(orphan).is_none());
    let after = container.exec(&["tenantd", "status", "web@boston", "--json"]).expect(0).json();
    assert_eq!((&before["failures"], before["starts"].as_u64()), (&after["failures"], Some(1)), "{after}");
    assert_eq!(container.stop(), 0);
}

/// Our pid of the process that the container of `first` knows as `inner`.
fn stranger(first: u32, inner: Option<u64>) -> u32 {
    let namespace = |pid: u32| procfs::namespace(pid, "pid");
    let all = std::fs::read_dir("/proc").expect("/proc").flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut inside = all.filter(|pid| namespace(*pid).is_some() && namespace(*pid) == namespace(first));
    inside.find(|pid| procfs::inner(*pid).map(u64::from) == inner).expect("the stranger")
}

#[test]
fn docker_kill_stops_it_by_every_signal_that_asks_for_that() {
    let engine = Engine::shared();
    thread::scope(|scope| {
        for name in ["TERM", "INT", "QUIT", "PWR", "RTMIN+3"] {
            let engine = &engine;
            scope.spawn(move || {
                let container = engine.run(&[], &[]);
                container.get("/boston").expect(200);
                for harmless in ["HUP", "USR1", "USR2", "WINCH", "RTMAX"] {
                    container.docker(&["kill", "--signal", harmless]).expect(0);
                }
                container.get("/boston").expect(200);
                container.docker(&["kill", "--signal", name]).expect(0);
                assert_eq!(container.wait(), 0, "{name}: {}", container.log());
            });
        }
    });
}

#[test]
fn t95_a_command_of_docker_run_is_the_main_process_and_gives_the_code() {
    let engine = Engine::shared();
    thread::scope(|scope| {
        for init in [&[][..], &["--init"]] {
            let engine = &engine;
            scope.spawn(move || {
                let serves = engine.run(&[init, &["--env=PORT=3000"]].concat(), &["/bin/origin"]);
                serves.get("/").expect(200);
                assert_eq!(serves.stop(), 128 + 15, "{init:?}: it dies by SIGTERM, as Puma does");
                let fails = engine.run(&[init, &["--env=CRASH_FILE=/bin/origin"]].concat(), &["/bin/origin"]);
                assert_eq!(fails.wait(), 3, "{init:?}: {}", fails.log());
                let missing = engine.run(init, &["/no/such/program"]);
                assert_eq!(missing.wait(), 127, "{init:?}: {}", missing.log());
            });
        }
    });
}

#[test]
fn t20_docker_stop_need_not_kill_for_a_tenant_that_ignores_sigterm() {
    let container = Engine::shared().run(&["--env=TENANTD_CONFIG=/etc/stubborn"], &[]);
    container.get("/boston").expect(200);
    // 137 after its ten seconds.
    assert_eq!(container.stop(), 0);
}

#[test]
fn a_container_that_is_killed_and_started_again_serves() {
    let container = Engine::shared().run(&[], &[]);
    container.get("/boston").expect(200);
    container.docker(&["kill"]).expect(0);
    assert_eq!(container.wait(), 137);
    // Its writable layer is kept: sockets of the former run lie in /run/tenantd.
    container.docker(&["start"]).expect(0);
    container.get("/boston").expect(200);
    assert_eq!(container.stop(), 0);
}

#[test]
fn t15_ctrl_c_on_the_terminal_of_docker_run_is_an_orderly_stop() {
    let engine = Engine::shared();
    let pty = openpty(None, None).expect("a pseudo terminal");
    let (mut ours, theirs) = (File::from(pty.master), pty.slave);
    let end = || theirs.try_clone().expect("a terminal");
    let mut command = engine.command(&["run", "--name=terminal", "--network=none", "--interactive", "--tty", IMAGE]);
    let mut client = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("docker");
    let container = engine.named("terminal");
    container.get("/boston").expect(200);
    // Raw on this side: the terminal inside makes a SIGINT of it, for whoever is its foreground group.
    ours.write_all(b"\x03").expect("a key");
    assert_eq!(client.wait().expect("docker").code(), Some(0), "{}", container.log());
    assert_eq!(container.wait(), 0);
}
