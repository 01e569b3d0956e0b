//! Jobs: merging, order, dependencies.

use super::{World, plain, tenant};
use crate::manager::{Event, JobId, JobKind};
use crate::unit::{Restart, ServiceType, UnitId};

const NONE: [&str; 0] = [];

#[test]
fn start_of_an_active_unit_and_stop_of_a_dead_one_are_done() {
    let mut w = World::booted([plain("a")]);
    assert_eq!(w.stop(1, "a"), ["job 1 done"]);
    w.up("a");
    assert_eq!(w.start(2, "a"), ["job 2 done"]);
}

/// T82: every pairing of an old job and a new one, on a unit that is starting and one that is stopping.
#[test]
fn t82_jobs_merge_and_cancel() {
    let kinds = [JobKind::Start, JobKind::Stop, JobKind::Restart];
    let table = [
        (JobKind::Start, ["", "job 1 canceled", ""], "job 1 done job 2 done"),
        (JobKind::Stop, ["job 1 canceled", "", "job 1 canceled"], "job 1 done job 2 done"),
        (JobKind::Restart, ["", "job 1 canceled", ""], "job 1 done job 2 done"),
    ];
    for (old, at_once, both) in table {
        for (new, at_once) in kinds.into_iter().zip(at_once) {
            let mut w = World::booted([plain("a")]);
            if old != JobKind::Start {
                w.up("a");
            }
            let id = w.id("a");
            w.event(Event::Asked(JobId(1), id, old));
            let mut said = w.event(Event::Asked(JobId(2), id, new));
            said.retain(|said| said.starts_with("job"));
            assert_eq!(said.join(" "), at_once, "{old:?} then {new:?}");
            let mut said = Vec::new();
            while !matches!(w.sub("a"), "running" | "dead") {
                said.extend(if w.sub("a") == "start" { w.executed("a") } else { w.exit("a", 0) });
            }
            said.retain(|said| said.starts_with("job"));
            let rest = if at_once.is_empty() { both } else { "job 2 done" };
            assert_eq!(said.join(" "), rest, "{old:?} then {new:?}");
            let end = if new == JobKind::Stop { "dead" } else { "running" };
            assert_eq!(w.sub("a"), end, "{old:?} then {new:?}");
        }
    }
}

#[test]
fn restart_stops_then_starts() {
    let mut w = World::booted([tenant("a")]);
    w.up("a");
    assert_eq!(w.restart(1, "a"), ["a hold"]);
    assert_eq!(w.drained("a"), ["a terminate"]);
    assert_eq!(w.exit("a", 0), ["a gone", "a watch", "a spawn", "a unwatch", "a open"]);
    assert_eq!(w.ready("a"), ["job 1 done"]);
}

#[test]
fn a_stop_while_starting_terminates_at_once() {
    let mut w = World::booted([tenant("a").pre(1)]);
    w.start(1, "a");
    assert_eq!(w.stop(2, "a"), ["job 1 canceled", "a hold", "a terminate"]);
    assert_eq!(w.die("a", libc::SIGTERM), ["a gone", "job 2 done"], "its listener was never taken from the watch");
    assert_eq!(w.sub("a"), "dead");
}

#[test]
fn a_stopped_unit_stays_down_until_the_next_request() {
    let mut w = World::booted([tenant("a").restart(Restart::Always)]);
    w.up("a");
    w.stop(1, "a");
    w.drained("a");
    assert_eq!(w.exit("a", 1), ["a gone", "a watch", "job 1 done"], "a stop beats restart");
    assert_eq!(w.wanted("a"), ["a spawn", "a unwatch", "a open"]);
}

#[test]
fn requests_hear_that_a_waiting_start_is_off() {
    let mut w = World::booted(["a", "b", "c"].map(tenant));
    for name in ["a", "b", "c"] {
        w.wanted(name);
    }
    assert_eq!(w.sub("c"), "waiting");
    assert_eq!(w.stop(1, "c"), ["c gone", "job 1 done"]);
    assert_eq!(w.ready("a"), NONE, "it has left the queue");
}

#[test]
fn a_stop_beats_an_automatic_restart_and_a_start_does_not_wait_for_it() {
    let mut w = World::booted([plain("a").restart(Restart::Always)]);
    w.up("a");
    w.exit("a", 1);
    assert_eq!(w.stop(1, "a"), ["job 1 done"]);
    assert_eq!(w.sub("a"), "failed");
    assert_eq!(w.ms(1_000), NONE);
    w.start(0, "a");
    w.executed("a");
    w.exit("a", 1);
    assert_eq!(w.sub("a"), "auto-restart");
    assert_eq!(w.start(2, "a"), ["a spawn"]);
}

#[test]
fn a_failed_start_fails_its_job_and_a_person_need_not_wait_for_the_hold() {
    let mut w = World::booted([tenant("a")]);
    w.start(1, "a");
    assert_eq!(w.exit("a", 1), ["a gone", "a refuse", "job 1 failed: exit-code, status=1/FAILURE"]);
    assert_eq!(w.start(2, "a"), ["a spawn", "a open"]);
    assert_eq!(w.ready("a"), ["job 2 done"]);
}

#[test]
fn a_job_for_a_unit_that_is_gone_is_canceled() {
    let mut w = World::booted([plain("a")]);
    assert_eq!(w.event(Event::Asked(JobId(1), UnitId::default(), JobKind::Start)), ["job 1 canceled"]);
}

#[test]
fn after_waits_for_starts_and_stops_of_the_other() {
    let mut w = World::booted([plain("a").after("b").wants("b"), plain("b").kind(ServiceType::Notify)]);
    assert_eq!(w.start(1, "a"), ["b spawn"]);
    assert_eq!(w.ready("b"), ["a spawn"]);
    w.executed("a");
    w.stop(2, "a");
    w.exit("a", 0);
    w.stop(3, "b");
    assert_eq!(w.stop(4, "a"), ["job 4 done"]);
    assert_eq!(w.start(5, "a"), ["job 3 canceled"], "b is stopping: first the stop, then both again");
    assert_eq!(w.exit("b", 0), ["b spawn"]);
    assert_eq!(w.ready("b"), ["a spawn"]);
}

#[test]
fn after_alone_pulls_nothing_in() {
    let mut w = World::booted([plain("a").after("b"), plain("b")]);
    assert_eq!(w.start(1, "a"), ["a spawn"]);
    assert_eq!(w.sub("b"), "dead");
}

#[test]
fn wants_does_not_mind_a_failure_and_requires_does() {
    for (unit, says) in [
        (plain("a").after("b").wants("b"), vec!["a spawn"]),
        (plain("a").after("b").requires("b"), vec!["job 1 dependency: requires b, which failed"]),
    ] {
        let mut w = World::booted([unit, plain("b")]);
        w.start(1, "a");
        assert_eq!(w.exit("b", 1), says);
    }
}

#[test]
fn dependencies_fail_through_a_chain() {
    let c = plain("c").after("b").requires("b");
    let mut w = World::booted([c, plain("b").after("a").requires("a"), plain("a")]);
    assert_eq!(w.start(1, "c"), ["a spawn"]);
    assert_eq!(w.exit("a", 1), ["job 1 dependency: requires b, which failed"]);
    assert!(w.log().contains(&"c not started: requires b, which failed".to_owned()));
    assert_eq!((w.sub("b"), w.sub("c")), ("failed", "failed"));
}

#[test]
fn requires_without_after_starts_side_by_side() {
    let mut w = World::booted([plain("a").requires("b"), plain("b")]);
    assert_eq!(w.start(1, "a"), ["a spawn", "b spawn"]);
}

#[test]
fn a_oneshot_that_has_finished_satisfies_requires() {
    let mut w = World::booted([plain("a").after("b").requires("b"), plain("b").kind(ServiceType::Oneshot)]);
    assert_eq!(w.start(1, "a"), ["b spawn"]);
    assert_eq!(w.exit("b", 0), ["a spawn"]);
}

#[test]
fn a_tenant_whose_dependency_fails_is_refused_and_tried_again() {
    let mut w = World::booted([tenant("a").after("redis").requires("redis"), plain("redis")]);
    assert_eq!(w.wanted("a"), ["redis spawn"]);
    assert_eq!(w.exit("redis", 1), ["a unwatch", "a gone", "a refuse"]);
    assert_eq!(w.hold_ends("a"), ["a watch"]);
    assert_eq!(w.wanted("a"), ["redis spawn"]);
    assert_eq!(w.executed("redis"), ["a spawn", "a unwatch", "a open"]);
}

#[test]
fn a_tenant_waits_for_a_dependency_that_soon_tries_again() {
    let mut w = World::booted([tenant("a").after("redis").requires("redis"), plain("redis").restart(Restart::Always)]);
    w.up("redis");
    w.exit("redis", 1);
    assert_eq!(w.wanted("a"), NONE);
    assert_eq!(w.hold_ends("redis"), ["redis spawn"]);
    assert_eq!(w.executed("redis"), ["a spawn", "a unwatch", "a open"]);
}

#[test]
fn reset_forgets_a_failure_and_leaves_a_restart_alone() {
    let mut w = World::booted([plain("a"), plain("b")]);
    w.start(1, "a");
    w.executed("a");
    w.exit("a", 1);
    assert_eq!((w.sub("a"), w.status("a").failures), ("failed", 1));
    let id = w.id("a");
    assert_eq!(w.event(Event::Reset(id)), NONE);
    let status = w.status("a");
    assert_eq!((w.sub("a"), status.failures, status.outcome), ("dead", 0, crate::manager::Outcome::Success));

    let mut retried = plain("c");
    retried.service.restart = Restart::Always;
    let mut w = World::booted([retried]);
    w.up("c");
    w.exit("c", 1);
    assert_eq!(w.sub("c"), "auto-restart");
    let id = w.id("c");
    assert_eq!(w.event(Event::Reset(id)), NONE);
    let status = w.status("c");
    assert_eq!((w.sub("c"), status.failures, status.limited), ("auto-restart", 0, false));
    w.hold_ends("c");
    assert_eq!(w.status("c").restarts, 1);
}
