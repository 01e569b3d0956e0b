//! SIGTERM at every phase of a start: everything stops in order, and the exit code is 0.

use std::fs;
use std::process::ExitStatus;

use nix::sys::signal::Signal;

use crate::faults::Fault;
use crate::harness::{Init, eventually};
use crate::setup::Setup;
use crate::web::web;

/// Runs the same phase as PID 1 and as an ordinary process: `reach` brings it about.
fn sigterm_at(setup: impl Fn() -> Setup, reach: impl Fn(&Init)) {
    for ordinary in [false, true] {
        let init = setup().ordinary(ordinary).start();
        reach(&init);
        let pid = init.pid();
        let below = crate::procfs::descendants(pid);
        let status: ExitStatus = init.stop();
        assert_eq!(status.code(), Some(0), "ordinary: {ordinary}, {status}");
        let left: Vec<_> =
            below.iter().filter(|pid| crate::procfs::state(**pid).is_some_and(|state| state != 'Z')).collect();
        assert!(left.is_empty(), "ordinary: {ordinary}, left behind: {left:?}");
    }
}

#[test]
fn t10_before_the_first_unit() {
    sigterm_at(|| Init::new().web(&web(&["boston"])), |_| {});
}

#[test]
fn t10_in_start_pre() {
    let unit = "[unit]\nwanted_by = [\"boot\"]\n[service]\nexec_start_pre = [[\"sleep\", \"1000\"]]\nexec_start = [\"sleep\", \"1000\"]\n";
    sigterm_at(
        || Init::new().unit("pre.toml", unit),
        |init| {
            eventually("it is in start-pre", || {
                init.status("pre")["sub"] == "start-pre" && init.status("pre")["pid"].is_u64()
            })
        },
    );
}

#[test]
fn t10_in_a_oneshot() {
    let unit = "[unit]\nwanted_by = [\"boot\"]\n[service]\ntype = \"oneshot\"\nexec_start = [\"sleep\", \"1000\"]\n";
    sigterm_at(|| Init::new().unit("once.toml", unit), |init| init.wait_active("once", "activating"));
}

#[test]
fn t10_between_spawn_and_ready() {
    let unit = "[unit]\nwanted_by = [\"boot\"]\n[service]\ntype = \"notify\"\nexec_start = [\"sleep\", \"1000\"]\n";
    sigterm_at(|| Init::new().unit("never.toml", unit), |init| init.wait_active("never", "activating"));
}

#[test]
fn t10_between_fork_and_exec() {
    for ordinary in [false, true] {
        let unit = "[service]\nexec_start = [\"sleep\", \"1000\"]\n";
        let mut init = Init::new().ordinary(ordinary).unit("sleep.toml", unit).start();
        // The child is held at the door of execve.
        let _held = Fault::with(&init, "execve:delay_enter=2s", &["-f"]);
        std::thread::scope(|scope| {
            scope.spawn(|| init.verb(&["start", "sleep"]));
            let program = |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).ok();
            let own = program(init.pid());
            eventually("it is between fork and exec", || {
                crate::procfs::children(init.pid()).into_iter().any(|child| program(child) == own)
            });
            init.signal(Signal::SIGTERM);
        });
        assert_eq!(init.wait().code(), Some(0), "ordinary: {ordinary}");
    }
}

#[test]
fn t10_in_back_off() {
    let unit = "[unit]\nwanted_by = [\"boot\"]\n[service]\nexec_start = [\"false\"]\nrestart = \"always\"\nrestart_sec = \"1000s\"\nrestart_max_delay_sec = \"2000s\"\n";
    sigterm_at(
        || Init::new().unit("crashing.toml", unit),
        |init| eventually("it waits", || init.status("crashing")["sub"] == "auto-restart"),
    );
}

#[test]
fn t10_while_a_tenant_boots_and_a_request_waits() {
    let gated = web(&["boston"]).set("GATE", "@DIR@/gate");
    sigterm_at(
        || Init::new().web(&gated),
        |init| {
            let mut client = init.connect();
            client.send(&crate::client::request_head("GET", "/boston", &[], 0)).expect("send");
            eventually("it boots", || init.status("web@boston")["pid"].is_u64());
        },
    );
}

#[test]
fn t10_while_everything_runs() {
    sigterm_at(
        || Init::new().web(&web(&["boston", "nyc"])),
        |init| {
            init.get("/boston").expect(200);
            init.get("/nyc").expect(200);
        },
    );
}

#[test]
fn t20_what_ignores_sigterm_is_killed_inside_the_budget() {
    let stubborn = web(&["boston"]).set("IGNORE_TERM", "1").service("timeout_stop = \"60s\"");
    sigterm_at(
        || Init::new().config("[shutdown]\nbudget = \"1s\"").web(&stubborn),
        |init| drop(init.get("/boston").expect(200)),
    );
}

#[test]
fn t11_a_second_signal_is_immediate() {
    for ordinary in [false, true] {
        let stubborn = web(&["boston"]).set("IGNORE_TERM", "1").service("timeout_stop = \"1000s\"");
        let mut init = Init::new().config("[shutdown]\nbudget = \"1000s\"").ordinary(ordinary).web(&stubborn).start();
        init.get("/boston").expect(200);
        init.signal(Signal::SIGTERM);
        init.wait_log(&["web@boston", "stopping"]);
        init.signal(Signal::SIGINT);
        // Without it the wait would take 1,000 s; the harness gives up long before.
        assert_eq!(init.wait().code(), Some(0), "ordinary: {ordinary}");
    }
}

#[test]
fn requests_in_flight_are_finished_before_the_end() {
    let init = Init::new().web(&web(&["boston"])).start();
    let mut client = init.connect();
    let gate = init.file("go");
    let target = format!("/boston/sse?n=1&gate={}", gate.display());
    client.send(&crate::client::request_head("GET", &target, &[], 0)).expect("send");
    client.head().expect("a head");
    init.signal(Signal::SIGTERM);
    init.wait_log(&["web@boston", "stopping"]);
    fs::write(format!("{}-0", gate.display()), "").expect("gate");
    assert_eq!(client.chunk().expect("a chunk").as_deref(), Some(&b"data: 0\n\n"[..]));
    assert_eq!(client.chunk().expect("the end"), None);
}

#[test]
fn high_units_are_up_before_the_first_tenant_and_stop_after_the_last() {
    let high = "[unit]\npriority = \"high\"\n[service]\ntype = \"notify\"\nexec_start = [\"@ORIGIN@\"]\n\
        environment = { TENANT = \"high\", NOTIFY = \"1\", PORT = \"@PORT@\", EVENTS_FILE = \"@DIR@/events\", BOOT_MS = \"100\" }\n";
    let high = high.replace("@PORT@", &crate::setup::free_address().port().to_string());
    let init = Init::new().unit("high.toml", &high).web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    let events = init.file("events");
    assert_eq!(init.status("high")["priority"], "high");
    let all = |events: &std::path::Path| fs::read_to_string(events).expect("events");
    assert_eq!(all(&events), "start high\nstart boston\n");
    let kept = events.with_file_name("kept");
    fs::hard_link(&events, &kept).expect("a link");
    let copy = std::env::temp_dir().join(format!("it-events-{}", std::process::id()));
    fs::hard_link(&kept, &copy).expect("a link");
    let status = init.stop();
    let text = all(&copy);
    fs::remove_file(&copy).expect("remove");
    assert_eq!(status.code(), Some(0));
    assert_eq!(text, "start high\nstart boston\nstop boston\nstop high\n");
}
