//! Conflicts: never up together, the stop first, and nobody waits for ever.

use super::{World, plain, tenant};
use crate::unit::Restart;

const NONE: [&str; 0] = [];

#[test]
fn a_start_stops_the_other_and_waits_for_its_end_both_ways() {
    for [up, new] in [["a", "b"], ["b", "a"]] {
        let mut w = World::booted([plain("a").conflicts("b").after("b"), plain("b")]);
        w.up(up);
        assert_eq!(w.start(1, new), [format!("{up} terminate")]);
        assert_eq!(w.sub(new), "waiting");
        assert_eq!(w.exit(up, 0), [format!("{new} spawn")]);
        assert_eq!(w.executed(new), ["job 1 done"]);
        assert_eq!(w.sub(up), "dead");
    }
}

#[test]
fn a_persons_start_cancels_the_start_of_the_other() {
    let mut w = World::booted([plain("a").conflicts("b"), plain("b")]);
    w.start(1, "b");
    assert_eq!(w.start(2, "a"), ["job 1 canceled", "b terminate"]);
    assert_eq!(w.die("b", libc::SIGTERM), ["a spawn"]);
}

#[test]
fn an_automatic_restart_gives_way() {
    let mut w = World::booted([plain("a").conflicts("b"), plain("b").restart(Restart::Always)]);
    w.up("b");
    w.exit("b", 1);
    assert_eq!(w.start(1, "a"), ["a spawn"]);
    assert_eq!(w.sub("b"), "failed");
}

#[test]
fn two_tenants_that_are_both_wanted_serve_in_turns() {
    let mut w = World::booted([tenant("a").conflicts("b"), tenant("b")]);
    w.wanted("a");
    assert_eq!(w.wanted("b"), NONE, "who is coming may come");
    assert_eq!(w.ready("a"), ["a hold"]);
    assert_eq!(w.wanted("a"), NONE);
    w.drained("a");
    assert_eq!(w.exit("a", 0), ["a gone", "a watch", "b spawn", "b unwatch", "b open"]);
    assert_eq!(w.sub("a"), "waiting");
    assert_eq!(w.ready("b"), ["b hold"]);
}

#[test]
fn what_follows_the_other_stops_with_it() {
    let mut w = World::booted([plain("a").conflicts("b"), plain("b"), plain("c").requires("b").after("b")]);
    w.up("b");
    w.up("c");
    assert_eq!(w.start(1, "a"), ["c terminate"]);
    assert_eq!(w.exit("c", 0), ["b terminate"]);
    assert_eq!(w.exit("b", 0), ["a spawn"]);
}
