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
