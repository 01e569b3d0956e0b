//! What a night at three o'clock brings: a second tenantd, a killed one, a panic, broken outputs, odd environments.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::harness::{Init, TENANTD, eventually, signal};
use crate::procfs;
use crate::setup::free_address;
use crate::web::web;

/// Runs `tenantd run` again on the configuration of `init`; its code and what it said on stderr.
fn another(init: &Init) -> (Option<i32>, String) {
    let output = Command::new(TENANTD).arg("--config").arg(init.path()).output().expect("tenantd runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Asks the control socket without a process of its own.
fn ask(init: &Init, question: &str) -> String {
    let mut stream = UnixStream::connect(init.file("run/control.sock")).expect("the control socket");
    stream.write_all(question.as_bytes()).expect("a question");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn it_says_that_it_listens_before_anything_happens() {
    let init = Init::new().web(&web(&["boston"])).launch(free_address());
    init.wait_log(&["1 units, listening at"]);
}

#[cfg(debug_assertions)]
#[test]
fn t92_a_panic_is_contained_and_nothing_else_is_lost() {
    for ordinary in [false, true] {
        let init = Init::new().ordinary(ordinary).web(&web(&["boston"])).start();
        init.get("/boston").expect(200);
        for _ in 0..3 {
            // The operator that asked for it stays without an answer.
            let mut stream = UnixStream::connect(init.file("run/control.sock")).expect("the control socket");
            stream.write_all(b"{\"verb\":\"panic\"}\n").expect("a question");
            init.get("/boston").expect(200);
        }
        init.wait_log(&["panicked at src/init", "asked for"]);
        init.wait_log(&["contained"]);
        assert!(init.kill_unit("web@boston"));
        init.get("/boston").expect(200);
        assert_eq!(init.stop().code(), Some(0), "ordinary: {ordinary}");
    }
}

#[test]
fn a_second_tenantd_on_the_same_runtime_directory_is_refused_and_harms_nothing() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    let (code, said) = another(&init);
    assert_eq!(code, Some(71), "{said}");
    assert!(said.contains("another tenantd runs here; stop it first"), "{said}");
    init.get("/boston").expect(200);
    init.verb(&["list"]).expect(0);
}

#[test]
fn the_sockets_of_a_killed_tenantd_are_taken_over() {
    let mut init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    init.signal(Signal::SIGKILL);
    init.wait();
    for name in ["run/control.sock", "run/notify.sock", "run/web@boston.sock"] {
        assert!(init.file(name).exists(), "{name}");
    }
    let mut next = Command::new(TENANTD);
    let mut next = next.arg("--config").arg(init.path()).stdout(Stdio::null()).spawn().expect("tenantd runs");
    eventually("the next one listens", || std::net::TcpStream::connect(init.address()).is_ok());
    init.get("/boston").expect(200);
    init.verb(&["stop", "web@boston"]).expect(0);
    signal(next.id(), Signal::SIGTERM);
    assert_eq!(next.wait().expect("it ends").code(), Some(0));
}

#[test]
fn an_unusable_runtime_directory_is_named_with_a_way_out() {
    let init = Init::new().config("").launch(free_address());
    let directory = init.path().to_owned();
    drop(init);
    fs::create_dir_all(directory.join("units")).expect("a configuration");
    fs::write(directory.join("tenantd.toml"), "runtime_directory = \"/proc/nowhere\"\n").expect("a configuration");
    let ran = crate::harness::verb(&directory, &["run"]).expect(71);
    fs::remove_dir_all(&directory).expect("remove");
    assert!(ran.stderr.contains("cannot make the runtime directory /proc/nowhere: "), "{ran:?}");
    assert!(ran.stderr.contains("set runtime_directory in tenantd.toml"), "{ran:?}");
}

#[test]
fn operators_that_leave_do_not_keep_others_out() {
    let never = "[service]\ntype = \"notify\"\ntimeout_start = \"infinity\"\nexec_start = [\"sleep\", \"1000\"]\n";
    let init = Init::new().unit("never.toml", never).start();
    let descriptors = procfs::descriptors(init.pid());
    for _ in 0..200 {
        let mut stream = UnixStream::connect(init.file("run/control.sock")).expect("the control socket");
        stream.write_all(b"{\"verb\":\"start\",\"unit\":\"never\"}\n").expect("a question");
    }
    eventually("others have their turn", || init.verb(&["list"]).code == 0);
    // Its three pipes stay; nobody who asked does.
    eventually("they are forgotten", || procfs::descriptors(init.pid()) <= descriptors + 3);
}

#[test]
fn t13_signals_that_ask_for_nothing_end_nothing() {
    for ordinary in [false, true] {
        let init = Init::new().ordinary(ordinary).web(&web(&["boston"])).start();
        init.get("/boston").expect(200);
        let all = [libc::SIGUSR1, libc::SIGUSR2, libc::SIGALRM, libc::SIGPIPE, libc::SIGHUP, libc::SIGCHLD];
        // SIGRTMIN+3 asks an init to stop.
        let real_time = (libc::SIGRTMIN()..=libc::SIGRTMAX()).filter(|number| *number != libc::SIGRTMIN() + 3);
        for number in all.into_iter().chain(real_time) {
            let sent = Command::new("kill").arg(format!("-{number}")).arg(init.pid().to_string()).status();
            assert!(sent.is_ok_and(|status| status.success()), "{number}");
        }
        init.wait_log(&["reloaded: 0 units changed, 1 unchanged"]);
        init.get("/boston").expect(200);
        assert_eq!(init.stop().code(), Some(0), "ordinary: {ordinary}");
    }
}

#[test]
fn t12_a_storm_of_signals_is_one_orderly_stop() {
    let mut init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    let pid = init.pid();
    let storm = |which| (0..100).for_each(|_| assert!(signal(pid, which)));
    storm(Signal::SIGHUP);
    init.signal(Signal::SIGTERM);
    // It may be gone by now.
    (0..100).for_each(|_| _ = signal(pid, Signal::SIGHUP));
    assert_eq!(init.wait().code(), Some(0));
    assert_eq!(init.log().with(&["web@boston: stopping"]).len(), 1);
}

#[test]
fn a_reader_that_leaves_is_no_defect() {
    let init = Init::new().web(&web(&["boston"])).start();
    for words in [&["list"][..], &["status"], &["status", "--json"], &["help"], &["is-active", "web@boston"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(TENANTD);
        let output =
            command.arg("--config").arg(init.path()).args(words).stdout(writer).output().expect("tenantd runs");
        assert!(output.stderr.is_empty(), "{words:?}: {output:?}");
        assert!(matches!(output.status.code(), Some(0 | 3)), "{words:?}: {output:?}");
    }
}

#[test]
fn the_wrong_configuration_directory_is_named_by_every_verb() {
    let nowhere = std::path::Path::new("/nowhere/at/all");
    for words in [&["run"][..], &["check"], &["list"], &["status", "x"], &["stop", "x"]] {
        let ran = crate::harness::verb(nowhere, words).expect(78);
        assert!(ran.stderr.contains("/nowhere/at/all: cannot read the configuration directory"), "{words:?}: {ran:?}");
    }
}

#[test]
fn t60_a_full_pipe_as_stdout_blocks_nothing() {
    let noisy = "[unit]\nwanted_by = [\"boot\"]\n[service]\nexec_start = [\"yes\", \"a line that nobody reads\"]\n";
    for ordinary in [false, true] {
        // The shell's stdout is a pipe that nobody ever reads: the log of this test stays empty.
        let wrapper = ["/bin/sh", "-c", "exec >\"$0\" 2>&1 <>\"$0\"; exec \"$@\""];
        let setup = Init::new().ordinary(ordinary).unit("noisy.toml", noisy).web(&web(&["boston"]));
        let fifo = setup.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a fifo");
        let _reader = fs::OpenOptions::new().read(true).write(true).open(&fifo).expect("both ends");
        let fifo = fifo.to_str().expect("a path").to_owned();
        let init = setup.wrapper(&[wrapper[0], wrapper[1], wrapper[2], &fifo]).start();
        init.wait_active("noisy", "active");
        let before = procfs::resident(init.pid());
        for _ in 0..50 {
            init.get("/boston").expect(200);
            init.verb(&["status", "noisy"]).expect(0);
        }
        assert!(procfs::resident(init.pid()) < before + 8 * 1024 * 1024);
        assert_eq!(init.stop().code(), Some(0), "ordinary: {ordinary}");
    }
}

#[test]
fn t61_any_stdout_will_do() {
    for script in [
        "exec >/dev/null 2>&1; exec \"$@\"",
        "exec >&- 2>&-; exec \"$@\"",
        "exec >/dev/full 2>&1; exec \"$@\"",
        "exec >\"$0\" 2>&1; exec \"$@\"",
    ] {
        let setup = Init::new().web(&web(&["boston"]));
        let file = setup.path().join("log").to_str().expect("a path").to_owned();
        let init = setup.wrapper(&["/bin/sh", "-c", script, &file]).start();
        init.get("/boston").expect(200);
        if script.contains("$0") {
            eventually("it is in the file", || fs::read_to_string(&file).is_ok_and(|text| text.contains("access: ")));
        }
        assert_eq!(init.stop().code(), Some(0), "{script}");
    }
}

#[test]
fn t62_fifty_megabytes_without_a_newline_are_bounded() {
    let unit = "[service]\ntype = \"oneshot\"\nexec_start = [\"head\", \"-c\", \"50000000\", \"/dev/zero\"]\n";
    let init = Init::new().unit("zeros.toml", unit).start();
    let before = procfs::resident(init.pid());
    init.verb(&["start", "zeros"]).expect(0);
    let grown = procfs::resident(init.pid()).saturating_sub(before);
    assert!(grown < 16 * 1024 * 1024, "memory grew by {grown}");
    init.wait_log(&["zeros[", "[\u{2026}]"]);
}

#[test]
fn t64_a_daemon_that_keeps_the_pipe_ends_with_its_unit() {
    let script = "setsid sh -c 'touch @DIR@/out; exec sleep 100000' & \
                  until [ -e @DIR@/out ]; do sleep 0.01; done; echo done";
    let unit = format!("[service]\ntype = \"oneshot\"\nexec_start = [\"sh\", \"-c\", \"{script}\"]\n");
    for ordinary in [false, true] {
        let init = Init::new().ordinary(ordinary).unit("mother.toml", &unit).start();
        let descriptors = procfs::descriptors(init.pid());
        init.verb(&["start", "mother"]).expect(0);
        init.wait_log(&["mother[", "stdout: done"]);
        eventually("its pipes are closed", || procfs::descriptors(init.pid()) <= descriptors);
        eventually("nobody is left", || procfs::children(init.pid()).is_empty());
    }
}

#[test]
fn t30_a_flood_of_messages_starves_nobody() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    let descriptors = procfs::descriptors(init.pid());
    let socket = UnixDatagram::unbound().expect("a socket");
    socket.connect(init.file("run/notify.sock")).expect("the notify socket");
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let whole = [b'x'; 5000];
            for n in 0..100_000 {
                let message: &[u8] = match n % 4 {
                    0 => b"READY=1\nSTATUS=flood",
                    1 => b"\0\0STOPPING=1",
                    2 => &whole[..4200 + n % 800],
                    _ => b"",
                };
                socket.send(message).expect("a datagram");
            }
        });
        while !flood.is_finished() {
            init.verb(&["status"]).expect(0);
            init.get("/boston").expect(200);
        }
    });
    assert_eq!(init.status("web@boston")["status"], "");
    eventually("descriptors are back", || procfs::descriptors(init.pid()) <= descriptors);
}

#[test]
fn t46_cycles_of_start_and_stop_leave_memory_and_descriptors_flat() {
    // A soak asks for 10,000.
    let cycles = std::env::var("TENANTD_CYCLES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let init = Init::new().unit("cat.toml", "[service]\nexec_start = [\"sleep\", \"1000\"]\n").start();
    let cycle = |count: u32| {
        for n in 0..count {
            for verb in ["start", "stop"] {
                let answer = ask(&init, &format!("{{\"verb\":\"{verb}\",\"unit\":\"cat\"}}\n"));
                assert!(answer.contains("\"done\""), "{n} {verb}: {answer}");
            }
        }
    };
    cycle(100);
    let (memory, descriptors) = (procfs::resident(init.pid()), procfs::descriptors(init.pid()));
    cycle(cycles);
    let grown = procfs::resident(init.pid()).saturating_sub(memory);
    assert!(grown < 1024 * 1024, "memory grew by {grown}");
    eventually("descriptors are back", || procfs::descriptors(init.pid()) <= descriptors);
    assert_eq!(procfs::zombies(init.pid()), 0);
}

#[test]
fn t80_a_unit_file_that_changes_is_not_read_again() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    let file = init.file("units/web@.toml");
    fs::write(&file, "this is no TOML").expect("a unit file");
    init.verb(&["restart", "web@boston"]).expect(0);
    init.get("/boston").expect(200);
    fs::remove_file(&file).expect("remove");
    init.verb(&["stop", "web@boston"]).expect(0);
    init.get("/boston").expect(200);
}

#[test]
fn requests_that_wait_in_a_short_back_off_are_served_after_a_stop() {
    let tenant = web(&["boston"]).service("restart = \"always\"\nrestart_sec = \"900ms\"\nrestart_steps = 1");
    let init = Init::new().web(&tenant).start();
    init.get("/boston").expect(200);
    assert!(init.kill_unit("web@boston"));
    eventually("it waits for its restart", || init.status("web@boston")["sub"] == "auto-restart");
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| init.get("/boston"));
        eventually("a request waits", || init.status("web@boston")["requests"]["waiting"] == 1);
        init.verb(&["stop", "web@boston"]).expect(0);
        waits.join().expect("a client").expect(200);
    });
}

#[test]
fn a_restart_without_any_delay_does_not_spin() {
    let unit = "[unit]\nwanted_by = [\"boot\"]\n[service]\nexec_start = [\"false\"]\nrestart = \"always\"\nrestart_sec = \"0s\"\nstart_limit_burst = 1000\n";
    let init = Init::new().unit("spin.toml", unit).start();
    // The tenth failure comes after three seconds and more; with no growth there are thousands by then.
    eventually("it has failed nine times", || init.status("spin")["failures"].as_u64() >= Some(9));
    assert!(init.status("spin")["retry_ms"].as_u64() > Some(1_000), "{}", init.status("spin"));
}

#[test]
fn the_start_limit_pauses_and_says_when_the_next_try_is() {
    let unit = "[unit]\nwanted_by = [\"boot\"]\n[service]\nexec_start = [\"false\"]\nrestart = \"always\"\nrestart_sec = \"1ms\"\nrestart_max_delay_sec = \"2s\"\n";
    let init = Init::new().unit("limit.toml", unit).start();
    init.wait_log(&["limit: failed: exit-code, status=1/FAILURE; start limit hit, next try in"]);
    assert_eq!(init.status("limit")["failures"], 5);
    eventually("it goes on trying", || init.status("limit")["failures"].as_u64() > Some(5));
    let again = init.verb(&["reset-failed", "limit"]);
    again.expect(0);
}

#[test]
fn what_keeps_a_program_from_running_is_named() {
    let one = |text: &str| format!("[service]\ntype = \"oneshot\"\nexec_start = [\"true\"]\n{text}\n");
    let init = Init::new()
        .unit("program.toml", "[service]\nexec_start = [\"/no/such/program\"]\n")
        .unit("pre.toml", &one("exec_start_pre = [[\"/no/such/pre\"]]"))
        .unit("user.toml", &one("user = \"nosuchuser\""))
        .unit("directory.toml", &one("working_directory = \"/no/such/directory\""))
        .start();
    for (unit, result, words) in [
        ("program", "203/EXEC", "cannot execute /no/such/program: No such file"),
        ("pre", "203/EXEC", "cannot execute /no/such/pre: No such file"),
        ("user", "217/USER", "no user \"nosuchuser\" in /etc/passwd"),
        ("directory", "200/CHDIR", "cannot enter its working_directory /no/such/directory: No such file"),
    ] {
        let ran = init.verb(&["start", unit]).expect(1);
        let said = format!(
            "tenantd: start {unit}: failed: exit-code, status={result}\nsee: tenantd status {unit}; tenantd logs -n 20 {unit}\n"
        );
        assert_eq!(ran.stderr, said);
        init.wait_log(&[&format!("tenantd: {unit}: {words}")]);
    }
}
