//! Tenants: activation, idle stop, crash, hold, boot slots.

use std::time::Duration;

use super::{World, high, plain, tenant};
use crate::manager::{ActiveState, Event, Notice, Outcome};
use crate::unit::{Restart, ServiceType};

const NONE: [&str; 0] = [];

#[test]
fn a_request_starts_a_tenant_and_is_sent_while_it_boots() {
    let mut w = World::new([tenant("a")]);
    assert_eq!(w.event(Event::Booted), ["a watch"]);
    assert_eq!(w.wanted("a"), ["a spawn", "a unwatch", "a open"]);
    assert_eq!(w.sub("a"), "start");
    assert_eq!(w.executed("a"), NONE);
    w.ms(1020);
    assert_eq!(w.ready("a"), NONE);
    assert_eq!(w.status("a").active, ActiveState::Active);
    assert_eq!(w.status("a").boot, Some(Duration::from_millis(1020)));
    assert_eq!(w.log(), ["a starting", "a started in 1.02s, pid 101"]);
}

#[test]
fn wanted_is_ignored_while_it_is_up_or_coming() {
    let mut w = World::booted([tenant("a").pre(1)]);
    assert_eq!(w.wanted("a"), ["a spawn pre 0"]);
    assert_eq!(w.wanted("a"), NONE);
    assert_eq!(w.exit("a", 0), ["a spawn", "a unwatch", "a open"]);
    assert_eq!(w.wanted("a"), NONE);
    w.ready("a");
    assert_eq!(w.wanted("a"), NONE);
}

#[test]
fn a_port_tenant_is_probed_and_opened_when_it_answers() {
    let mut w = World::new([tenant("a").port()]);
    assert_eq!(w.event(Event::Booted), NONE);
    assert_eq!(w.wanted("a"), ["a spawn"]);
    assert_eq!(w.executed("a"), ["a probe"]);
    assert_eq!(w.sub("a"), "start");
    let reached = Event::Reached(w.id("a"));
    assert_eq!(w.event(reached), ["a open"]);
    assert_eq!(w.sub("a"), "running");
    w.idled("a");
    w.drained("a");
    assert_eq!(w.exit("a", 0), ["a gone"]);
}

#[test]
fn an_idle_tenant_drains_and_stops_and_its_listener_is_watched() {
    let mut w = World::booted([tenant("a")]);
    w.up("a");
    assert_eq!(w.idled("a"), ["a hold"]);
    assert_eq!(w.sub("a"), "stop");
    assert_eq!(w.idled("a"), NONE);
    assert_eq!(w.drained("a"), ["a terminate"]);
    assert_eq!(w.sub("a"), "stop-sigterm");
    assert_eq!(w.die("a", libc::SIGTERM), ["a gone", "a watch"]);
    assert_eq!((w.sub("a"), w.status("a").outcome), ("dead", Outcome::Success));
    assert_eq!(w.log(), ["a stopping: idle", "a stopped"]);
}

#[test]
fn idle_counts_only_in_running() {
    let mut w = World::booted([tenant("a")]);
    assert_eq!(w.idled("a"), NONE);
    w.wanted("a");
    assert_eq!(w.idled("a"), NONE);
    assert_eq!(w.sub("a"), "start");
}

#[test]
fn a_stop_goes_from_drain_to_sigterm_to_sigkill_by_time() {
    let mut w = World::booted([tenant("a")]);
    w.up("a");
    w.idled("a");
    assert_eq!(w.ms(1_999), NONE);
    assert_eq!(w.ms(1), ["a terminate"]);
    assert_eq!(w.ms(5_999), NONE);
    assert_eq!(w.ms(1), ["a kill"]);
    assert_eq!(w.sub("a"), "stop-sigkill");
    assert_eq!(w.die("a", libc::SIGKILL), ["a gone", "a watch"]);
    assert_eq!((w.sub("a"), w.status("a").outcome), ("failed", Outcome::Timeout));
    assert_eq!(w.log(), ["a stopping: idle", "a did not stop in 6s: SIGKILL", "a failed: timeout"]);
    assert_eq!(w.wanted("a"), ["a spawn", "a unwatch", "a open"], "it starts again at the next request");
}

#[test]
fn t21_sigkill_is_said_again_until_the_group_is_gone() {
    let mut w = World::booted([plain("a")]);
    w.up("a");
    w.stop(1, "a");
    assert_eq!(w.ms(6_000), ["a kill"]);
    assert_eq!(w.ms(6_000), ["a kill"]);
    assert_eq!(w.die("a", libc::SIGKILL), ["job 1 done"]);
}

#[test]
fn t83_a_request_at_any_instant_of_a_stop_waits_for_the_next_start() {
    for at in ["stop", "stop-sigterm", "stop-sigkill"] {
        let mut w = World::booted([tenant("a")]);
        w.up("a");
        w.idled("a");
        match at {
            "stop" => {}
            "stop-sigterm" => drop(w.drained("a")),
            _ => drop(w.ms(8_000)),
        }
        assert_eq!(w.sub("a"), at);
        assert_eq!(w.wanted("a"), NONE);
        assert_eq!(w.wanted("a"), NONE);
        w.drained("a");
        assert_eq!(w.exit("a", 0), ["a gone", "a watch", "a spawn", "a unwatch", "a open"], "{at}");
        w.ready("a");
        w.idled("a");
        w.drained("a");
        assert_eq!(w.exit("a", 0), ["a gone", "a watch"], "it is remembered once");
    }
}

#[test]
fn the_first_crash_has_no_hold_and_the_next_request_starts_it_at_once() {
    let mut w = World::booted([tenant("a")]);
    w.up("a");
    assert_eq!(w.die("a", libc::SIGKILL), ["a gone", "a watch"]);
    assert_eq!((w.status("a").active, w.hold("a")), (ActiveState::Failed, None));
    assert_eq!(w.log(), ["a failed: signal, status=9/KILL"]);
    assert_eq!(w.wanted("a"), ["a spawn", "a unwatch", "a open"]);
}

#[test]
fn a_second_failure_without_an_answer_is_told_to_the_clients() {
    let mut w = World::booted([tenant("a")]);
    w.up("a");
    w.exit("a", 1);
    w.wanted("a");
    w.ready("a");
    assert_eq!(w.exit("a", 1), ["a gone", "a refuse"]);
    assert!(w.hold("a").is_some_and(|hold| hold < Duration::from_millis(230)));
    assert_eq!(w.wanted("a"), ["a refuse"]);
    assert_eq!(w.hold_ends("a"), ["a watch"]);
    assert_eq!((w.sub("a"), w.manager.deadline()), ("failed", None));
    assert_eq!(w.wanted("a"), ["a spawn", "a unwatch", "a open"]);
}

#[test]
fn an_answer_counts_as_ready() {
    let mut w = World::booted([tenant("a").kind(ServiceType::Notify)]);
    w.wanted("a");
    assert_eq!(w.sub("a"), "start");
    let id = w.id("a");
    w.event(Event::Served(id));
    assert_eq!(w.sub("a"), "running");
}

#[test]
fn a_tenant_that_answers_is_never_held_back() {
    let mut w = World::booted([tenant("a")]);
    for _ in 0..5 {
        w.wanted("a");
        w.ready("a");
        let id = w.id("a");
        w.event(Event::Served(id));
        assert_eq!(w.die("a", libc::SIGKILL), ["a gone", "a watch"]);
        assert_eq!((w.hold("a"), w.status("a").failures), (None, 1));
    }
}

/// Crashes the tenant until its requests are refused.
fn crash_until_refused(w: &mut World) {
    for _ in 0..5 {
        if w.hold("a").is_some() {
            w.hold_ends("a");
        }
        w.wanted("a");
        w.ready("a");
        assert_eq!(w.sub("a"), "running");
        w.exit("a", 1);
    }
    assert_eq!(w.status("a").failures, 5);
    assert!(w.hold("a").is_some_and(|hold| hold > Duration::from_secs(1)));
}

#[test]
fn a_long_hold_is_told_to_the_clients() {
    let mut w = World::booted([tenant("a")]);
    crash_until_refused(&mut w);
    assert_eq!(w.wanted("a"), ["a refuse"]);
    assert_eq!(w.hold_ends("a"), ["a watch"], "the request was refused, so nothing starts");
    assert_eq!(w.wanted("a"), ["a spawn", "a unwatch", "a open"]);
}

#[test]
fn thirty_seconds_of_health_forget_the_failures() {
    for (up, failures) in [(29_999, 5), (30_000, 0)] {
        let mut w = World::booted([tenant("a")]);
        crash_until_refused(&mut w);
        w.hold_ends("a");
        w.wanted("a");
        w.ready("a");
        w.ms(up);
        assert_eq!(w.status("a").failures, failures);
        w.exit("a", 1);
        assert_eq!(w.status("a").failures, failures + 1);
        assert_eq!(w.hold("a").is_none(), failures == 0);
    }
}

#[test]
fn a_clean_exit_by_itself_is_no_failure() {
    let mut w = World::booted([tenant("a")]);
    w.up("a");
    w.ms(1_000);
    assert_eq!(w.die("a", libc::SIGTERM), ["a gone", "a watch"]);
    assert_eq!((w.sub("a"), w.status("a").failures), ("dead", 0));
}

#[test]
fn t89_a_tenant_that_exits_at_once_with_success_makes_no_loop() {
    let mut w = World::booted([tenant("a").kind(ServiceType::Exec)]);
    for n in 1..=5 {
        if w.hold("a").is_some() {
            w.hold_ends("a");
        }
        w.wanted("a");
        w.executed("a");
        w.exit("a", 0);
        assert_eq!((w.status("a").outcome, w.status("a").failures), (Outcome::Protocol, n));
    }
    assert_eq!(w.wanted("a"), ["a refuse"]);
}

#[test]
fn t85_a_tenant_that_fails_to_start_refuses_until_its_hold_ends() {
    for (code, outcome) in [(1, Outcome::ExitCode(1)), (203, Outcome::ExitCode(203)), (0, Outcome::Protocol)] {
        let mut w = World::booted([tenant("a")]);
        w.wanted("a");
        assert_eq!(w.exit("a", code), ["a gone", "a refuse"]);
        assert_eq!((w.sub("a"), w.status("a").outcome), ("failed", outcome));
        assert_eq!(w.log(), ["a starting".to_owned(), format!("a failed: {outcome}; next try")]);
        assert_eq!(w.wanted("a"), ["a refuse"]);
        assert_eq!(w.hold_ends("a"), ["a watch"]);
        assert_eq!(w.wanted("a"), ["a spawn", "a unwatch", "a open"], "it is never dead for ever");
        assert_eq!(w.exit("a", code), ["a gone", "a refuse"]);
        assert_eq!(w.status("a").failures, 2);
    }
}

#[test]
fn a_pre_command_that_fails_ends_the_start() {
    let mut w = World::booted([tenant("a").pre(2)]);
    assert_eq!(w.wanted("a"), ["a spawn pre 0"]);
    assert_eq!(w.exit("a", 0), ["a spawn pre 1"]);
    assert_eq!(w.sub("a"), "start-pre");
    assert_eq!(w.exit("a", 7), ["a unwatch", "a gone", "a refuse"]);
}

#[test]
fn no_process_at_all_is_a_failed_start() {
    let mut w = World::booted([tenant("a")]);
    w.broken.push("a");
    assert_eq!(w.wanted("a"), ["a spawn", "a unwatch", "a gone", "a refuse"]);
    assert_eq!(w.status("a").outcome, Outcome::Resources);
}

#[test]
fn a_tenant_that_is_not_ready_in_time_is_stopped_and_refused() {
    let mut w = World::booted([tenant("a").pre(1)]);
    w.wanted("a");
    w.ms(60_000);
    w.exit("a", 0);
    assert_eq!(w.ms(29_999), NONE, "the pre-commands count");
    assert_eq!(w.ms(1), ["a hold", "a terminate"]);
    assert_eq!(w.ms(6_000), ["a kill"]);
    assert_eq!(w.die("a", libc::SIGKILL), ["a gone", "a refuse"]);
    assert_eq!(w.status("a").outcome, Outcome::Timeout);
}

#[test]
fn with_restart_a_tenant_tries_again_by_itself() {
    let mut w = World::booted([tenant("a").restart(Restart::OnFailure)]);
    w.wanted("a");
    assert_eq!(w.exit("a", 1), ["a gone", "a refuse"]);
    assert_eq!(w.sub("a"), "auto-restart");
    assert_eq!(w.wanted("a"), ["a refuse"]);
    assert_eq!(w.hold_ends("a"), ["a spawn", "a open"]);
    w.ready("a");
    assert_eq!(w.exit("a", 1), ["a gone"], "a short hold after a crash: requests wait");
    assert_eq!(w.wanted("a"), NONE);
    assert_eq!(w.hold_ends("a"), ["a spawn", "a open"]);
}

#[test]
fn a_stop_in_a_short_back_off_tells_the_requests_that_wait_for_its_end() {
    let mut w = World::booted([tenant("a").restart(Restart::OnFailure)]);
    w.up("a");
    assert_eq!(w.exit("a", 1), ["a gone"]);
    assert_eq!(w.sub("a"), "auto-restart");
    assert_eq!(w.stop(1, "a"), ["a gone", "a watch", "job 1 done"]);
    // What waits wants it again, and it comes when its hold is over.
    assert_eq!(w.wanted("a"), NONE);
    assert_eq!(w.hold_ends("a"), ["a spawn", "a unwatch", "a open"]);
}

#[test]
fn t26_ready_counts_even_when_the_exit_follows_in_the_same_batch() {
    let mut w = World::booted([tenant("a")]);
    w.wanted("a");
    w.ready("a");
    w.exit("a", 1);
    assert_eq!(w.log(), ["a starting", "a started in 0us, pid 101", "a failed: exit-code, status=1/FAILURE"]);
}

#[test]
fn stopping_said_by_the_process_drains_it_and_the_next_request_starts_it() {
    let mut w = World::booted([tenant("a")]);
    w.up("a");
    let stopping = Event::Notified(w.id("a"), Notice::Stopping);
    assert_eq!(w.event(stopping), ["a hold"]);
    assert_eq!(w.exit("a", 0), ["a gone", "a watch"]);
    assert_eq!(w.sub("a"), "dead");
}

#[test]
fn stale_pids_are_ignored() {
    let mut w = World::booted([tenant("a").kind(ServiceType::Exec)]);
    w.wanted("a");
    let old = w.pid("a");
    w.exit("a", 1);
    w.hold_ends("a");
    w.wanted("a");
    let id = w.id("a");
    assert_eq!(w.event(Event::Executed(id, old)), NONE);
    assert_eq!(w.event(Event::Exited { pid: old, exit: crate::manager::Exit::Code(1), rest: false }), NONE);
    assert_eq!(w.sub("a"), "start");
    assert_eq!((w.manager.owner(old), w.manager.owner(w.pid("a"))), (None, Some(id)));
}

#[test]
fn boot_slots_are_given_in_the_order_of_the_requests() {
    let mut w = World::booted(["a", "b", "c", "d"].map(tenant));
    w.wanted("c");
    w.wanted("a");
    assert_eq!(w.wanted("d"), NONE);
    assert_eq!(w.wanted("b"), NONE);
    assert_eq!((w.sub("d"), w.status("d").active), ("waiting", ActiveState::Activating));
    assert_eq!(w.exit("a", 1), ["a gone", "a refuse", "d spawn", "d unwatch", "d open"], "a failure frees the slot");
    assert_eq!(w.ready("c"), ["b spawn", "b unwatch", "b open"]);
    assert_eq!(w.idled("c"), ["c hold"], "up is no boot");
}

#[test]
fn no_deadline_runs_while_a_tenant_waits_for_a_slot() {
    let mut w = World::booted(["a", "b", "c"].map(tenant));
    for name in ["a", "b", "c"] {
        w.wanted(name);
    }
    w.ms(60_000);
    w.ready("a");
    assert_eq!(w.sub("c"), "start");
    w.ms(89_999);
    assert_eq!((w.sub("b"), w.sub("c")), ("stop-sigkill", "start"), "its 90 s began with its own spawn");
    w.die("b", libc::SIGKILL);
    assert_eq!(w.ms(1), ["c hold", "c terminate"]);
}

#[test]
fn tenants_wait_for_the_high_units_but_not_for_a_failed_one() {
    let mut w = World::new([tenant("a"), high("vector"), high("redis").kind(ServiceType::Notify)]);
    assert_eq!(w.event(Event::Booted), ["a watch", "vector spawn", "redis spawn"]);
    assert_eq!(w.wanted("a"), NONE);
    assert_eq!(w.executed("vector"), NONE);
    assert_eq!(w.exit("redis", 1), ["a spawn", "a unwatch", "a open"]);
}

#[test]
fn a_flapping_high_unit_holds_nobody_back() {
    let mut w = World::new([tenant("a"), high("redis").kind(ServiceType::Notify).restart(Restart::Always)]);
    w.event(Event::Booted);
    w.exit("redis", 1);
    assert_eq!(w.hold_ends("redis"), ["redis spawn"]);
    assert_eq!(w.wanted("a"), ["a spawn", "a unwatch", "a open"]);
}

#[test]
fn what_a_high_unit_waits_for_does_not_wait_for_the_high_units() {
    let mut w = World::new([high("redis").requires("mount").after("mount"), plain("mount").kind(ServiceType::Oneshot)]);
    assert_eq!(w.event(Event::Booted), ["mount spawn"]);
    assert_eq!(w.exit("mount", 0), ["redis spawn"]);
}
