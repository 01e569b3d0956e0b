//! One run from its first command to its last: what follows what, who is signalled, and what comes of it.

use std::time::Duration;

use super::{World, plain, tenant};
use crate::manager::{Event, Exit, Notice, Outcome};
use crate::unit::{ExitStatus, KillMode, Restart, ServiceType, Signal, Unit};

const NOTHING: [&str; 0] = [];

fn commands(n: usize) -> Vec<Vec<String>> {
    vec![vec!["/bin/true".into()]; n]
}

fn every_hook() -> Unit {
    plain("a").pre(1).service(|service| {
        (service.exec_start_post, service.exec_reload) = (commands(2), commands(2));
        (service.exec_stop, service.exec_stop_post) = (commands(2), commands(2));
    })
}

#[test]
fn every_command_of_a_run_in_its_order() {
    let mut w = World::booted([every_hook()]);
    assert_eq!(w.start(1, "a"), ["a spawn pre 0"]);
    assert_eq!(w.exit("a", 0), ["a spawn"]);
    let main = w.pid("a");
    assert_eq!(w.executed("a"), ["a spawn post 0"]);
    assert_eq!(w.sub("a"), "start-post");
    assert_eq!(w.exit("a", 0), ["a spawn post 1"]);
    assert_eq!(w.exit("a", 0), ["job 1 done"]);
    assert_eq!((w.sub("a"), w.status("a").pid), ("running", Some(main)));
    assert_eq!(w.stop(2, "a"), ["a spawn stop 0"]);
    assert_eq!(w.sub("a"), "stop");
    assert_eq!(w.exit("a", 0), ["a spawn stop 1"]);
    assert_eq!(w.exit("a", 0), ["a terminate"]);
    assert_eq!(w.exit_of(main, 0), ["a spawn stop-post 0"]);
    assert_eq!(w.sub("a"), "stop-post");
    assert_eq!(w.exit("a", 0), ["a spawn stop-post 1"]);
    assert_eq!(w.exit("a", 0), ["job 2 done"]);
    assert_eq!((w.sub("a"), w.status("a").outcome), ("dead", Outcome::Success));
}

#[test]
fn what_finishes_before_its_start_post_has_finished() {
    let mut w = World::booted([every_hook()]);
    w.start(1, "a");
    w.exit("a", 0);
    let main = w.pid("a");
    w.executed("a");
    assert_eq!(w.exit_of(main, 0), NOTHING);
    w.exit("a", 0);
    assert_eq!(w.exit("a", 0), ["a spawn stop 0"]);
    w.exit("a", 0);
    w.exit("a", 0);
    w.exit("a", 0);
    assert_eq!(w.exit("a", 0), ["job 1 done"]);
    assert_eq!((w.sub("a"), w.status("a").outcome), ("dead", Outcome::Success));
}

#[test]
fn stop_post_runs_after_a_failed_start_too() {
    for (at, name) in ["pre", "main", "post"].into_iter().enumerate() {
        let mut w = World::booted([every_hook()]);
        w.start(1, "a");
        let mut main = None;
        if at > 0 {
            w.exit("a", 0);
            main = Some(w.pid("a"));
        }
        if at > 1 {
            w.executed("a");
        }
        let said = w.exit("a", 7);
        if at > 1 {
            assert_eq!(said, ["a terminate"], "{name}");
            assert_eq!(w.exit_of(main.unwrap_or_default(), 0), ["a spawn stop-post 0"]);
        } else {
            assert_eq!(said, ["a spawn stop-post 0"], "{name}");
        }
        w.exit("a", 0);
        assert_eq!(w.exit("a", 0), ["job 1 failed: exit-code, status=7/NOTRUNNING"], "{name}");
        assert_eq!(w.sub("a"), "failed", "{name}");
    }
}

#[test]
fn what_was_asked_for_before_a_death_is_not_taken_for_what_follows_it() {
    let mut w = World::booted([every_hook()]);
    w.start(1, "a");
    w.exit("a", 0);
    let (id, main) = (w.id("a"), w.pid("a"));
    // Both facts come in one turn: the spawn of the first is not done when the second is heard.
    w.manager.dispatch(w.now, Event::Executed(id, main));
    assert_eq!(
        w.event(Event::Exited { pid: main, exit: Exit::Code(9), rest: false }),
        ["a spawn post 0", "a terminate", "a SIGTERM to one"]
    );
    assert_eq!(w.exit("a", 0), ["a spawn stop-post 0"]);
    w.exit("a", 0);
    assert_eq!(w.exit("a", 0), ["job 1 failed: exit-code, status=9"]);
}

#[test]
fn a_process_that_could_not_be_made_is_followed_by_stop_post() {
    let mut w = World::booted([plain("a").service(|service| service.exec_stop_post = commands(1))]);
    w.broken.push("a");
    assert_eq!(w.start(1, "a"), ["a spawn", "a spawn stop-post 0", "job 1 failed: resources"]);
}

#[test]
fn the_first_failure_is_the_result() {
    let mut w = World::booted([every_hook()]);
    w.start(1, "a");
    w.exit("a", 0);
    let main = w.pid("a");
    w.executed("a");
    w.exit("a", 0);
    w.exit("a", 0);
    assert_eq!(w.exit_of(main, 3), ["a spawn stop-post 0"], "what fails is not asked to stop");
    w.exit("a", 4);
    w.exit("a", 5);
    assert_eq!(w.status("a").outcome, Outcome::ExitCode(3));
}

#[test]
fn a_stop_command_that_hangs_is_followed_by_the_signals() {
    let mut w = World::booted([plain("a").service(|service| service.exec_stop = commands(1))]);
    w.up("a");
    let main = w.pid("a");
    assert_eq!(w.stop(1, "a"), ["a spawn stop 0"]);
    let command = w.pid("a");
    assert_eq!(w.ms(6_000), ["a terminate"]);
    assert_eq!(w.exit_of(command, 0), NOTHING);
    assert_eq!(w.exit_of(main, 0), ["job 1 done"]);
    assert_eq!(w.status("a").outcome, Outcome::Timeout);
}

#[test]
fn the_main_process_may_end_while_its_stop_command_runs() {
    let mut w = World::booted([plain("a").service(|service| service.exec_stop = commands(1))]);
    w.up("a");
    let main = w.pid("a");
    w.stop(1, "a");
    assert_eq!(w.exit_of(main, 0), NOTHING);
    assert_eq!(w.exit("a", 0), ["job 1 done"]);
}

#[test]
fn whom_each_kill_mode_reaches() {
    for (mode, first, left, last) in [
        (KillMode::Group, "a SIGINT", &["a SIGKILL"][..], "final-sigterm"),
        (KillMode::Mixed, "a SIGINT to its own", &["a kill"][..], "final-sigkill"),
        (KillMode::Process, "a SIGINT to its own", &[][..], "dead"),
    ] {
        let mut w = World::booted([plain("a").service(|service| {
            (service.kill_mode, service.kill_signal) = (mode, Signal::new(libc::SIGINT).unwrap_or(Signal::TERM));
        })]);
        w.up("a");
        assert_eq!(w.stop(1, "a"), [first], "{mode:?}");
        let said = w.exit_with_rest("a", 0);
        assert_eq!(w.sub("a"), last, "{mode:?}");
        match mode {
            // All have been told: they have their time, once.
            KillMode::Group => {
                assert_eq!(said, NOTHING);
                assert_eq!(w.ms(6_000), ["a kill"]);
                assert_eq!(w.emptied("a"), ["job 1 done"]);
            }
            KillMode::Mixed => {
                assert_eq!(said, left);
                assert_eq!(w.emptied("a"), ["job 1 done"]);
            }
            KillMode::Process => assert_eq!(said, ["job 1 done"]),
        }
    }
}

#[test]
fn what_a_crash_leaves_behind_ends_before_the_next_start() {
    let mut w = World::booted([plain("a").restart(Restart::Always)]);
    w.up("a");
    assert_eq!(w.exit_with_rest("a", 1), ["a terminate"]);
    assert_eq!(w.sub("a"), "final-sigterm");
    assert_eq!(w.ms(5_999), NOTHING);
    assert_eq!(w.ms(1), ["a kill"]);
    assert_eq!(w.ms(6_000), ["a kill"], "and again, for ever: two runs never overlap");
    assert_eq!(w.emptied("a"), NOTHING);
    assert_eq!(w.sub("a"), "auto-restart");
    assert_eq!(w.hold_ends("a"), ["a spawn"]);
}

#[test]
fn a_reload_runs_its_commands_and_takes_nothing_away() {
    let mut w = World::booted([every_hook()]);
    w.start(1, "a");
    w.exit("a", 0);
    w.executed("a");
    w.exit("a", 0);
    w.exit("a", 0);
    assert_eq!(w.reload(2, "a"), ["a spawn reload 0"]);
    assert_eq!(w.sub("a"), "reload");
    assert_eq!(w.exit("a", 0), ["a spawn reload 1"]);
    assert_eq!(w.exit("a", 0), ["job 2 done"]);
    w.reload(3, "a");
    assert_eq!(w.exit("a", 9), ["job 3 failed: exit-code, status=9"]);
    assert_eq!((w.sub("a"), w.status("a").outcome), ("running", Outcome::Success));
    w.reload(4, "a");
    assert_eq!(w.ms(90_000), ["a SIGKILL to one"]);
    assert_eq!(w.die("a", libc::SIGKILL), ["job 4 failed: signal, status=9/KILL"]);
    assert_eq!(w.sub("a"), "running");
}

#[test]
fn a_notify_reload_is_over_when_it_is_ready_again() {
    let mut w = World::booted([plain("a").kind(ServiceType::NotifyReload)]);
    w.up("a");
    let before = w.now;
    w.ms(1);
    assert_eq!(w.reload(1, "a"), ["a SIGHUP to one"]);
    assert_eq!(w.sub("a"), "reload-signal");
    w.ready("a");
    w.notified("a", Notice::Reloading(Some(before)));
    assert_eq!(w.sub("a"), "reload-signal", "that was said before the signal");
    w.notified("a", Notice::Reloading(Some(w.now)));
    assert_eq!(w.sub("a"), "reload-notify");
    assert_eq!(w.ready("a"), ["job 1 done"]);
    assert_eq!(w.reload(2, "a"), ["a SIGHUP to one"]);
    assert_eq!(w.ms(90_000), ["job 2 failed: timeout"]);
    assert_eq!(w.sub("a"), "running");
}

#[test]
fn t28_a_death_leaves_the_reload() {
    let mut w = World::booted([plain("a").kind(ServiceType::Notify).restart(Restart::OnFailure)]);
    w.up("a");
    w.notified("a", Notice::Reloading(None));
    assert_eq!(w.sub("a"), "reload-notify");
    w.exit("a", 1);
    assert_eq!((w.sub("a"), w.status("a").outcome), ("auto-restart", Outcome::ExitCode(1)));
}

#[test]
fn a_reload_that_cannot_be_is_invalid() {
    let mut w = World::booted([plain("a")]);
    let invalid = ["job 1 invalid: it is not active, or has no exec_reload"];
    assert_eq!(w.reload(1, "a"), invalid);
    w.up("a");
    assert_eq!(w.reload(1, "a"), invalid);
}

#[test]
fn the_watchdog_aborts_what_hangs() {
    let watchdog = |service: &mut crate::unit::Service| service.watchdog = Some(Duration::from_secs(10));
    let mut w = World::booted([plain("a").restart(Restart::OnWatchdog).service(watchdog)]);
    w.up("a");
    for _ in 0..3 {
        assert_eq!(w.ms(9_000), NOTHING);
        w.notified("a", Notice::Watchdog);
    }
    w.notified("a", Notice::WatchdogInterval(Duration::from_secs(20)));
    assert_eq!(w.ms(19_999), NOTHING);
    assert_eq!(w.ms(1), ["a SIGABRT"]);
    assert_eq!(w.sub("a"), "stop-watchdog");
    assert_eq!(w.ms(6_000), ["a kill"]);
    w.die("a", libc::SIGKILL);
    assert_eq!((w.sub("a"), w.status("a").outcome), ("auto-restart", Outcome::Watchdog));
    w.hold_ends("a");
    w.executed("a");
    assert_eq!(w.notified("a", Notice::Trigger), ["a SIGABRT"]);
}

#[test]
fn t51_a_watchdog_that_we_slept_through_is_no_failure() {
    let mut w = World::booted([plain("a").service(|service| service.watchdog = Some(Duration::from_secs(10)))]);
    w.up("a");
    w.now += Duration::from_secs(70);
    w.manager.elapse(w.now);
    assert_eq!(w.sub("a"), "running");
    assert_eq!(w.ms(10_000), ["a SIGABRT"]);
}

#[test]
fn a_phase_is_extended_on_request() {
    let mut w = World::booted([plain("a").kind(ServiceType::Notify)]);
    w.start(1, "a");
    w.ms(89_000);
    w.notified("a", Notice::Extend(Duration::from_secs(30)));
    assert_eq!(w.ms(29_999), NOTHING);
    assert_eq!(w.ms(1), ["a terminate"]);
    w.notified("a", Notice::Extend(Duration::from_secs(60)));
    assert_eq!(w.ms(59_999), NOTHING);
    assert_eq!(w.ms(1), ["a kill"]);
}

#[test]
fn another_main_process_takes_over() {
    let mut w = World::booted([plain("a")]);
    w.up("a");
    let old = w.pid("a");
    w.notified("a", Notice::MainPid(7_000));
    assert_eq!(w.status("a").pid, Some(7_000));
    assert_eq!(w.exit_of(old, 1), NOTHING);
    assert_eq!(w.sub("a"), "running");
    w.exit_of(7_000, 0);
    assert_eq!(w.sub("a"), "dead");
}

#[test]
fn which_results_restart() {
    use Restart::{Always, No, OnAbnormal, OnFailure, OnSuccess, OnWatchdog};
    let (success, code, signal) = (Exit::Code(0), Exit::Code(1), Exit::Signal(libc::SIGSEGV, true));
    for (restart, restarts) in [
        (No, [false, false, false, false]),
        (Always, [true; 4]),
        (OnSuccess, [true, false, false, false]),
        (OnFailure, [false, true, true, true]),
        (OnAbnormal, [false, false, true, true]),
        (OnWatchdog, [false; 4]),
    ] {
        for (exit, restarts) in [success, code, signal, Exit::OutOfMemory].into_iter().zip(restarts) {
            let mut w = World::booted([plain("a").restart(restart)]);
            w.up("a");
            w.event(Event::Exited { pid: w.pid("a"), exit, rest: false });
            assert_eq!(w.sub("a") == "auto-restart", restarts, "{restart:?} {exit:?}");
        }
    }
}

#[test]
fn listed_ends_are_success_or_final() {
    let mut w = World::booted([plain("a").restart(Restart::OnFailure).service(|service| {
        service.success_exit_status = vec![ExitStatus::Code(75)];
        service.restart_prevent_exit_status = vec![ExitStatus::Code(23), ExitStatus::Signal(Signal::ABRT)];
    })]);
    for (exit, sub) in [
        (Exit::Code(75), "dead"),
        (Exit::Code(23), "failed"),
        (Exit::Signal(libc::SIGABRT, true), "failed"),
        (Exit::Code(24), "auto-restart"),
    ] {
        w.start(1, "a");
        w.executed("a");
        w.event(Event::Exited { pid: w.pid("a"), exit, rest: false });
        assert_eq!(w.sub("a"), sub, "{exit:?}");
    }
}

#[test]
fn the_start_limit_pauses_and_never_gives_up() {
    let mut w = World::booted([plain("a").restart(Restart::Always)]);
    w.start(1, "a");
    let mut holds = Vec::new();
    for _ in 0..12 {
        w.executed("a");
        w.exit("a", 1);
        holds.push(w.hold("a").unwrap_or_default().as_secs_f64());
        assert_eq!(w.status("a").limited, holds.len() > 4);
        w.hold_ends("a");
    }
    let about = |hold: f64, wanted: f64| (0.9 * wanted..=1.1 * wanted).contains(&hold);
    let wanted = [0.1, 0.204, 0.416, 0.849, 10.0, 10.0, 10.0, 14.7, 30.0, 30.0, 30.0, 30.0];
    assert!(holds.iter().zip(wanted).all(|(hold, wanted)| about(*hold, wanted)), "{holds:?}");
    w.executed("a");
    w.ms(30_000);
    w.exit("a", 1);
    assert!(w.hold("a").is_some_and(|hold| hold < Duration::from_millis(111)), "it was well");
    assert!(!w.status("a").limited);
}

#[test]
fn idle_stops_are_no_failures_and_hit_no_limit() {
    let mut w = World::booted([tenant("a")]);
    for _ in 0..50 {
        w.wanted("a");
        w.ready("a");
        w.idled("a");
        w.drained("a");
        w.exit("a", 0);
        assert_eq!(w.sub("a"), "dead");
    }
}

#[test]
fn a_kill_needs_no_commands_and_no_patience() {
    let mut w = World::booted([every_hook()]);
    w.start(1, "a");
    w.exit("a", 0);
    w.event(Event::Signalled);
    assert_eq!(w.sub("a"), "stop-sigterm");
    assert_eq!(w.event(Event::Signalled), NOTHING, "it is told already");
    assert_eq!(w.event(Event::Signalled), ["a kill"]);
    assert_eq!(w.exit_with_rest("a", 0), ["a kill"]);
    assert_eq!(w.emptied("a"), ["exit 0"]);
}
