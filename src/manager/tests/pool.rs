//! `[pool] running`: room is made for those who wait, in their order (T84).

use super::{World, tenant};
use crate::manager::Event;

const NONE: [&str; 0] = [];

fn pool(running: usize) -> World {
    let mut w = World::pooled(Some(running), ["a", "b", "c", "d", "e"].map(tenant));
    w.event(Event::Booted);
    w
}

fn idlest(w: &mut World, name: &str) -> Vec<String> {
    let event = Event::Idlest(w.id(name));
    w.event(event)
}

fn unwanted(w: &mut World, name: &str) -> Vec<String> {
    let event = Event::Unwanted(w.id(name));
    w.event(event)
}

fn up(w: &mut World, name: &str) {
    w.wanted(name);
    w.ready(name);
    assert_eq!(w.sub(name), "running");
}

#[test]
fn the_idlest_tenant_makes_room_for_the_one_that_waits() {
    let mut w = pool(2);
    up(&mut w, "a");
    up(&mut w, "b");
    assert_eq!(w.wanted("c"), ["make room true"]);
    assert_eq!(w.sub("c"), "waiting");
    assert_eq!(idlest(&mut w, "a"), ["a hold", "make room false"]);
    w.drained("a");
    assert_eq!(w.log().last().map(String::as_str), Some("a stopping: another tenant needs its place"));
    assert_eq!(w.exit("a", 0), ["a gone", "a watch", "c spawn", "c unwatch", "c open"]);
}

#[test]
fn t84_who_waits_comes_in_the_order_of_the_requests() {
    let mut w = pool(1);
    up(&mut w, "a");
    assert_eq!(w.wanted("c"), ["make room true"]);
    assert_eq!(w.wanted("b"), NONE, "it is asked for once");
    assert_eq!(idlest(&mut w, "a"), ["a hold", "make room true"], "one more waits");
    assert_eq!(w.wanted("a"), NONE);
    w.drained("a");
    assert_eq!(w.exit("a", 0), ["a gone", "a watch", "c spawn", "c unwatch", "c open"]);
    w.ready("c");
    idlest(&mut w, "c");
    w.drained("c");
    assert_eq!(w.exit("c", 0), ["c gone", "c watch", "b spawn", "b unwatch", "b open"], "a waits its turn again");
    assert_eq!(w.sub("a"), "waiting");
}

#[test]
fn nobody_is_evicted_for_a_place_that_comes_free() {
    let mut w = pool(2);
    up(&mut w, "a");
    up(&mut w, "b");
    w.idled("a");
    assert_eq!(w.wanted("c"), NONE);
    assert_eq!(w.wanted("d"), ["make room true"], "one is not enough for two");
    w.drained("a");
    w.exit("a", 0);
    assert_eq!(w.sub("c"), "start");
}

#[test]
fn room_is_not_asked_for_when_nobody_waits_any_more() {
    let mut w = pool(1);
    up(&mut w, "a");
    w.wanted("b");
    assert_eq!(w.stop(1, "b"), ["b gone", "job 1 done", "make room false"]);
    assert_eq!(idlest(&mut w, "a"), NONE, "too late");
    w.wanted("b");
    w.drained("a");
    assert_eq!(w.exit("a", 1), ["a gone", "a watch", "b spawn", "make room false", "b unwatch", "b open"]);
}

#[test]
fn one_that_still_boots_has_its_place() {
    let mut w = pool(1);
    w.wanted("a");
    assert_eq!(w.wanted("b"), ["make room true"]);
    assert_eq!(idlest(&mut w, "a"), NONE, "it is not up yet");
    w.ready("a");
    assert_eq!(idlest(&mut w, "a"), ["a hold", "make room false"]);
}

#[test]
fn the_shutdown_asks_for_no_room() {
    let mut w = pool(1);
    up(&mut w, "a");
    w.wanted("b");
    assert_eq!(w.event(Event::Signalled), ["b gone", "a hold", "make room false"]);
}

#[test]
fn a_start_that_has_not_begun_is_off_when_nobody_waits_for_it() {
    let mut w = pool(1);
    up(&mut w, "a");
    w.wanted("b");
    w.wanted("c");
    assert_eq!(unwanted(&mut w, "b"), ["b gone"]);
    assert_eq!(unwanted(&mut w, "c"), ["c gone", "make room false"]);
    assert_eq!((w.sub("b"), w.sub("c")), ("dead", "dead"));
    assert_eq!(unwanted(&mut w, "a"), NONE, "it runs");
    // While it stops it is wanted, and then no more.
    w.idled("a");
    w.wanted("a");
    unwanted(&mut w, "a");
    w.drained("a");
    assert_eq!(w.exit("a", 0), ["a gone", "a watch"]);
    // A start that has begun goes on.
    w.wanted("d");
    assert_eq!(unwanted(&mut w, "d"), NONE);
    assert_eq!(w.sub("d"), "start");
}

#[test]
fn a_start_goes_on_that_somebody_else_wants() {
    let mut w = World::pooled(Some(1), [tenant("a"), tenant("b"), tenant("c"), tenant("d").requires("c")]);
    w.event(Event::Booted);
    up(&mut w, "a");
    w.wanted("b");
    w.start(1, "b");
    assert_eq!(unwanted(&mut w, "b"), NONE, "a person has asked for it");
    w.wanted("d");
    w.wanted("c");
    assert_eq!(unwanted(&mut w, "c"), NONE, "d needs it");
    assert_eq!((w.sub("b"), w.sub("c"), w.sub("d")), ("waiting", "waiting", "waiting"));
}
