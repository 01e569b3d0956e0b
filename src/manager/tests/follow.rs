//! What stops and restarts with another unit: `requires`, `binds_to`, `part_of`; `before`, and the order of stops.

use super::{World, plain, tenant};
use crate::unit::{Restart, ServiceType, Unit};

const NONE: [&str; 0] = [];

#[test]
fn before_is_after_seen_from_the_other_side() {
    let mut w = World::booted([plain("a").before("b"), plain("b").wants("a").kind(ServiceType::Notify)]);
    assert_eq!(w.start(1, "b"), ["a spawn"]);
    assert_eq!(w.executed("a"), ["b spawn"]);
    w.ready("b");
    assert_eq!(w.event(crate::manager::Event::Signalled), ["b terminate"]);
    assert_eq!(w.exit("b", 0), ["a terminate"]);
}

/// A world in which `a` and `b` are up; `a` follows `b`.
fn two(a: Unit, b: Unit) -> World {
    let mut w = World::booted([a, b]);
    w.up("b");
    w.up("a");
    w
}

#[test]
fn a_stop_stops_what_follows_first() {
    for a in [plain("a").requires("b"), plain("a").binds_to("b"), plain("a").part_of("b")] {
        let mut w = two(a.after("b"), plain("b"));
        assert_eq!(w.stop(1, "b"), ["a terminate"]);
        assert_eq!(w.exit("a", 0), ["b terminate"]);
        assert_eq!(w.exit("b", 0), ["job 1 done"]);
        assert_eq!((w.sub("a"), w.sub("b")), ("dead", "dead"));
        assert_eq!(w.ms(100_000), NONE);
    }
}

#[test]
fn without_an_order_both_stop_at_once() {
    let mut w = two(plain("a").requires("b"), plain("b"));
    assert_eq!(w.stop(1, "b"), ["b terminate", "a terminate"]);
}

#[test]
fn a_stop_is_passed_on_through_a_chain() {
    let (c, b) = (plain("c").requires("b").after("b"), plain("b").part_of("a").after("a"));
    let mut w = World::booted([plain("a"), b, c]);
    for name in ["a", "b", "c"] {
        w.up(name);
    }
    assert_eq!(w.stop(1, "a"), ["c terminate"]);
    assert_eq!(w.exit("c", 0), ["b terminate"]);
    assert_eq!(w.exit("b", 0), ["a terminate"]);
}

#[test]
fn a_restart_brings_back_what_was_up_and_nothing_else() {
    for a in [plain("a").requires("b"), plain("a").binds_to("b"), plain("a").part_of("b")] {
        let mut w = World::booted([a.after("b"), plain("b"), plain("c").part_of("b")]);
        w.up("b");
        w.up("a");
        assert_eq!(w.restart(1, "b"), ["a terminate"]);
        assert_eq!(w.exit("a", 0), ["b terminate"]);
        assert_eq!(w.exit("b", 0), ["b spawn"]);
        assert_eq!(w.executed("b"), ["job 1 done", "a spawn"]);
        w.executed("a");
        assert_eq!((w.sub("a"), w.sub("c")), ("running", "dead"));
    }
}

#[test]
fn an_unexpected_end_stops_what_is_bound_and_nothing_else() {
    let units = [plain("a").binds_to("b"), plain("b"), plain("c").requires("b"), plain("d").part_of("b")];
    let mut w = World::booted(units);
    for name in ["b", "a", "c", "d"] {
        w.up(name);
    }
    assert_eq!(w.exit("b", 1), ["a terminate"]);
    w.exit("a", 0);
    assert_eq!((w.sub("a"), w.sub("c"), w.sub("d")), ("dead", "running", "running"));
}

#[test]
fn what_is_bound_stops_even_though_the_other_comes_back() {
    let mut w = two(plain("a").binds_to("b").restart(Restart::Always), plain("b").restart(Restart::Always));
    assert_eq!(w.exit("b", 1), ["a terminate"]);
    assert_eq!(w.exit("a", 0), NONE);
    assert_eq!(w.hold_ends("b"), ["b spawn"]);
    assert_eq!(w.sub("a"), "dead");
}

#[test]
fn what_is_bound_stops_when_the_other_is_idle() {
    let mut w = two(plain("a").binds_to("b"), tenant("b"));
    assert_eq!(w.idled("b"), ["b hold", "a terminate"]);
}

#[test]
fn what_is_bound_and_after_needs_the_other_up() {
    let once = || plain("b").kind(ServiceType::Oneshot);
    for (a, says) in [
        (plain("a").requires("b"), vec!["a spawn"]),
        (plain("a").binds_to("b"), vec!["job 1 dependency: requires b, which failed"]),
    ] {
        let mut w = World::booted([a.after("b"), once()]);
        w.start(1, "a");
        assert_eq!(w.exit("b", 0), says);
    }
}

#[test]
fn a_stop_gives_an_automatic_restart_up() {
    let mut w = two(plain("a").part_of("b").restart(Restart::Always), plain("b"));
    w.exit("a", 1);
    assert_eq!(w.sub("a"), "auto-restart");
    assert_eq!(w.stop(1, "b"), ["b terminate"]);
    assert_eq!(w.sub("a"), "failed");
}

#[test]
fn a_crash_before_its_turn_to_stop_is_no_restart() {
    let mut w = two(plain("a").part_of("b").after("b"), plain("b").restart(Restart::Always));
    assert_eq!(w.stop(1, "b"), ["a terminate"]);
    assert_eq!(w.exit("b", 1), ["job 1 done"]);
    assert_eq!(w.sub("b"), "failed");
}

#[test]
fn a_start_takes_back_a_stop_that_has_not_begun() {
    let mut w = two(plain("a").part_of("b").after("b"), plain("b"));
    assert_eq!(w.stop(1, "b"), ["a terminate"]);
    assert_eq!(w.start(2, "b"), ["job 1 canceled", "job 2 done"]);
    assert_eq!(w.exit("a", 0), NONE);
    assert_eq!(w.sub("b"), "running");
}

#[test]
fn a_request_during_a_stop_waits_for_its_end_and_starts_both_again() {
    let mut w = World::booted([tenant("a").requires("redis").after("redis"), plain("redis")]);
    w.up("redis");
    w.up("a");
    assert_eq!(w.stop(1, "redis"), ["a hold"]);
    assert_eq!(w.wanted("a"), NONE);
    w.drained("a");
    assert_eq!(w.exit("a", 0), ["a gone", "a watch", "redis terminate"]);
    assert_eq!(w.exit("redis", 0), ["job 1 done", "redis spawn"], "the stop is done, not lost");
    assert_eq!(w.executed("redis"), ["a spawn", "a unwatch", "a open"]);
}
