//! Essential units: the end of one is the end of all, with its code (T97 and the exit code contract).

use super::{World, plain, tenant};
use crate::manager::{Event, Exit};
use crate::unit::{Restart, ServiceType};

const NONE: [&str; 0] = [];

fn exit(w: &mut World, name: &str, exit: Exit) -> Vec<String> {
    let pid = w.pid(name);
    w.event(Event::Exited { pid, exit, rest: false })
}

#[test]
fn every_exit_code_and_every_signal_is_the_containers() {
    let codes = (0..=255).map(|code| (Exit::Code(code), code));
    let signals = (1..=31).map(|n| (Exit::Signal(n, n % 2 == 0), 128 + n as u8));
    for (end, code) in codes.chain(signals).chain([(Exit::OutOfMemory, 137)]) {
        let mut w = World::booted([plain("main").essential()]);
        w.up("main");
        assert_eq!(exit(&mut w, "main", end), [format!("exit {code}")], "{end:?}");
    }
}

#[test]
fn the_others_are_stopped_in_order_first() {
    let mut w = World::booted([plain("main").essential(), tenant("a"), super::high("vector")]);
    for name in ["vector", "main", "a"] {
        w.up(name);
    }
    assert_eq!(w.exit("main", 3), ["a hold"]);
    w.drained("a");
    assert_eq!(w.exit("a", 7), ["a gone", "vector terminate"]);
    assert_eq!(w.event(Event::Signalled), NONE, "the first signal asks for what is done already");
    assert_eq!(w.exit("vector", 0), ["exit 3"]);
}

#[test]
fn the_first_one_gives_its_code() {
    let mut w = World::booted([plain("one").essential(), plain("two").essential()]);
    w.up("one");
    w.up("two");
    assert_eq!(w.exit("two", 2), ["one terminate"]);
    assert_eq!(w.exit("one", 1), ["exit 2"]);
}

#[test]
fn t97_a_requested_end_is_0() {
    let mut w = World::booted([plain("main").essential()]);
    w.up("main");
    w.event(Event::Signalled);
    assert_eq!(w.exit("main", 9), ["exit 0"]);
    let mut w = World::booted([plain("main").essential()]);
    w.up("main");
    w.stop(1, "main");
    assert_eq!(w.exit("main", 9), ["job 1 done", "exit 0"]);
}

#[test]
fn a_restart_is_no_end() {
    let mut w = World::booted([plain("main").essential().restart(Restart::OnFailure)]);
    w.up("main");
    w.restart(1, "main");
    assert_eq!(w.exit("main", 0), ["main spawn"]);
    w.executed("main");
    assert_eq!(w.exit("main", 1), NONE);
    assert_eq!(w.hold_ends("main"), ["main spawn"]);
    w.executed("main");
    w.exit("main", 1);
    assert_eq!(w.stop(2, "main"), ["job 2 done", "exit 0"], "the automatic restart is given up");
}

#[test]
fn an_idle_tenant_is_no_end() {
    let mut w = World::booted([tenant("a").essential()]);
    w.up("a");
    w.idled("a");
    w.drained("a");
    assert_eq!(w.exit("a", 0), ["a gone", "a watch"]);
    w.up("a");
    assert!(w.exit("a", 4).contains(&"exit 4".to_owned()));
}

#[test]
fn a_oneshot_ends_all_unless_it_remains() {
    let once = || plain("main").essential().kind(ServiceType::Oneshot);
    for (remains, says) in [(false, "job 1 done, exit 0"), (true, "job 1 done")] {
        let mut unit = once();
        unit.service.remain_after_exit = remains;
        let mut w = World::booted([unit]);
        w.start(1, "main");
        assert_eq!(w.exit("main", 0).join(", "), says);
    }
}

#[test]
fn without_a_main_process_the_failure_gives_the_code() {
    let mut w = World::booted([plain("main").essential()]);
    w.broken.push("main");
    assert_eq!(w.start(1, "main"), ["main spawn", "job 1 failed: resources", "exit 71"]);

    let mut w = World::booted([plain("main").essential().requires("db").after("db"), plain("db"), plain("x")]);
    w.start(1, "main");
    w.start(2, "x");
    let says = ["job 1 dependency: requires db, which failed", "job 2 canceled", "x terminate"];
    assert_eq!(w.exit("db", 1), says, "others may still boot");
    assert_eq!(w.exit("x", 0), ["exit 69"]);

    let mut w = World::booted([plain("main").essential().pre(1)]);
    w.start(1, "main");
    assert_eq!(w.exit("main", 12).last().map(String::as_str), Some("exit 12"));
}

#[test]
fn a_start_that_takes_too_long_is_no_success() {
    for (end, code) in [(Exit::Code(0), 143), (Exit::Signal(15, false), 143), (Exit::Code(5), 5)] {
        let mut w = World::booted([plain("main").essential().kind(ServiceType::Notify)]);
        w.start(1, "main");
        w.ms(90_000);
        assert_eq!(exit(&mut w, "main", end).last(), Some(&format!("exit {code}")), "{end:?}");
    }
}
