//! Services without a socket: types, restart, notify.

use std::time::Duration;

use super::{World, high, plain};
use crate::manager::{ActiveState, Event, Notice, Outcome};
use crate::unit::{Restart, ServiceType, Target};

const NONE: [&str; 0] = [];

#[test]
fn an_exec_service_is_active_when_its_program_runs() {
    let mut w = World::booted([plain("a")]);
    assert_eq!(w.start(1, "a"), ["a spawn"]);
    assert_eq!(w.sub("a"), "start");
    assert_eq!(w.ready("a"), NONE, "it is not asked");
    assert_eq!(w.executed("a"), ["job 1 done"]);
    assert_eq!((w.sub("a"), w.status("a").pid), ("running", Some(101)));
}

#[test]
fn a_program_that_cannot_be_executed_fails_the_start() {
    let mut w = World::booted([plain("a")]);
    w.start(1, "a");
    assert_eq!(w.exit("a", 203), ["job 1 failed: exit-code, status=203/EXEC"]);
    assert_eq!(w.log(), ["a starting", "a failed: exit-code, status=203/EXEC"]);
    assert_eq!(w.manager.deadline(), None);
    assert_eq!(w.start(2, "a"), ["a spawn"]);
}

#[test]
fn an_exec_service_that_has_ended_before_it_was_seen_to_run_has_run() {
    let mut w = World::booted([plain("a")]);
    w.start(1, "a");
    assert_eq!(w.exit("a", 0), ["job 1 done"]);
    assert_eq!((w.sub("a"), w.status("a").outcome), ("dead", Outcome::Success));
}

#[test]
fn a_oneshot_is_started_when_it_has_exited() {
    for (remain, sub, active) in [(false, "dead", ActiveState::Inactive), (true, "exited", ActiveState::Active)] {
        let mut unit = plain("a").kind(ServiceType::Oneshot);
        unit.service.remain_after_exit = remain;
        let mut w = World::booted([unit]);
        w.start(1, "a");
        assert_eq!(w.executed("a"), NONE);
        assert_eq!(w.exit("a", 0), ["job 1 done"]);
        assert_eq!((w.sub("a"), w.status("a").active), (sub, active));
        assert_eq!(w.log(), ["a starting", "a finished in 0us"]);
        assert_eq!(w.stop(2, "a"), ["job 2 done"]);
        assert_eq!(w.sub("a"), "dead");
    }
}

#[test]
fn a_start_that_takes_too_long_says_what_it_did_not_do() {
    for (kind, why) in [
        (
            ServiceType::Notify,
            "a stopping: no READY=1 in 90s; add the gem sd_notify for Puma, or write type = \"exec\"",
        ),
        (ServiceType::Exec, "a stopping: its start did not end in 90s"),
        (ServiceType::Oneshot, "a stopping: its start did not end in 90s"),
    ] {
        let mut w = World::booted([plain("a").kind(kind)]);
        w.start(1, "a");
        w.pass(Duration::from_secs(90));
        assert_eq!(w.log(), ["a starting", why]);
    }
}

#[test]
fn a_oneshot_killed_by_a_signal_has_failed() {
    let mut w = World::booted([plain("a").kind(ServiceType::Oneshot)]);
    w.start(1, "a");
    assert_eq!(w.die("a", libc::SIGTERM), ["job 1 failed: signal, status=15/TERM"]);
}

#[test]
fn death_by_the_usual_signals_is_clean() {
    for (signal, sub) in [
        (libc::SIGHUP, "dead"),
        (libc::SIGINT, "dead"),
        (libc::SIGTERM, "dead"),
        (libc::SIGPIPE, "dead"),
        (libc::SIGKILL, "failed"),
        (libc::SIGSEGV, "failed"),
    ] {
        let mut w = World::booted([plain("a")]);
        w.up("a");
        w.die("a", signal);
        assert_eq!(w.sub("a"), sub, "{signal}");
    }
}

#[test]
fn restart_by_result() {
    for (restart, after_success, after_failure) in [
        (Restart::No, "dead", "failed"),
        (Restart::OnFailure, "dead", "auto-restart"),
        (Restart::Always, "auto-restart", "auto-restart"),
    ] {
        for (code, sub) in [(0, after_success), (1, after_failure)] {
            let mut w = World::booted([plain("a").restart(restart)]);
            w.up("a");
            w.exit("a", code);
            assert_eq!(w.sub("a"), sub, "{restart:?} {code}");
        }
    }
}

#[test]
fn the_delay_between_restarts_grows_along_the_curve() {
    let mut unit = plain("a").restart(Restart::Always);
    unit.service.start_limit_burst = 100;
    let mut w = World::booted([unit]);
    w.start(1, "a");
    for micros in
        [100_000, 204_004, 416_179, 849_024, 1_732_050, 3_533_464, 7_208_434, 14_705_544, 30_000_000, 30_000_000]
    {
        w.executed("a");
        w.exit("a", 1);
        let ratio = w.hold("a").map_or(0.0, |hold| hold.as_secs_f64() / Duration::from_micros(micros).as_secs_f64());
        assert!((0.899..=1.101).contains(&ratio), "{micros} {ratio}");
        assert_eq!(w.hold_ends("a"), ["a spawn"]);
    }
}

#[test]
fn high_units_and_what_boot_wants_start_at_boot() {
    let mut boot = plain("web");
    boot.wanted_by = vec![Target::Boot];
    let mut w = World::new([boot, plain("other"), high("vector")]);
    assert_eq!(w.event(Event::Booted), ["vector spawn"]);
    assert_eq!(w.executed("vector"), ["web spawn"]);
    assert_eq!(w.sub("other"), "dead");
}

#[test]
fn status_text_belongs_to_one_run() {
    let mut w = World::booted([plain("a")]);
    let status = Event::Notified(w.id("a"), Notice::Status("busy".into()));
    w.event(status.clone());
    assert_eq!(w.status("a").text, "", "nobody is there to say it");
    w.up("a");
    w.event(status);
    assert_eq!(w.status("a").text, "busy");
    w.exit("a", 0);
    w.up("a");
    assert_eq!(w.status("a").text, "");
    assert_eq!(w.status("a").starts, 2);
}

#[test]
fn stopping_said_by_itself_needs_no_signal_and_restart_applies() {
    let mut w = World::booted([plain("a").restart(Restart::Always)]);
    w.up("a");
    let stopping = Event::Notified(w.id("a"), Notice::Stopping);
    assert_eq!(w.event(stopping), Vec::<String>::new());
    assert_eq!(w.sub("a"), "stop-sigterm");
    w.exit("a", 0);
    assert_eq!(w.sub("a"), "auto-restart");
}
