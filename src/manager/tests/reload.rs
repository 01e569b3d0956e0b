//! A new configuration while units run: who stays as it is, who changes when, who goes.

use std::time::Duration;

use super::{World, high, plain, tenant};
use crate::manager::Event;
use crate::unit::Listen;

/// Another command.
fn other(unit: crate::unit::Unit) -> crate::unit::Unit {
    unit.service(|service| service.exec_start = vec!["/bin/other".into()])
}

fn command(world: &World, name: &str) -> String {
    world.manager.unit(world.id(name)).map_or_else(String::new, |unit| unit.service.exec_start.concat())
}

#[test]
fn the_same_again_does_nothing() {
    let units = || [high("vector"), tenant("a"), tenant("b").after("vector")];
    let mut world = World::booted(units());
    world.up("vector");
    world.up("a");
    let ids: Vec<_> = world.manager.ids().collect();
    let (changed, done) = world.replace(units());
    assert_eq!(changed, ["a unchanged", "b unchanged", "vector unchanged"]);
    assert!(done.is_empty(), "{done:?}");
    assert_eq!(world.manager.ids().collect::<Vec<_>>(), ids);
}

#[test]
fn what_runs_keeps_what_it_was_started_with() {
    let mut world = World::booted([tenant("a"), plain("b"), high("vector")]);
    for name in ["vector", "a", "b"] {
        world.up(name);
    }
    let new = || [other(tenant("a")), other(plain("b")), other(high("vector"))];
    let words = ["a at next start exec_start", "b at next start exec_start", "vector needs restart exec_start"];
    assert_eq!(world.replace(new()), (words.map(str::to_owned).to_vec(), vec![]));
    // Still due.
    assert_eq!(world.replace(new()).0, words);
    assert_eq!(command(&world, "a"), "/bin/app");
    world.idled("a");
    world.drained("a");
    assert_eq!(world.exit("a", 0), ["a gone", "a watch", "a renew"]);
    assert_eq!(command(&world, "a"), "/bin/other");
    // The old configuration again: nothing is due any more.
    assert_eq!(
        world.replace([other(tenant("a")), plain("b"), high("vector")]).0,
        ["a unchanged", "b unchanged", "vector unchanged"]
    );
}

#[test]
fn what_is_down_changes_at_once() {
    let mut world = World::booted([tenant("a"), tenant("b")]);
    let socket = |path: &str| {
        let mut unit = other(tenant("a"));
        unit.socket.as_mut().unwrap().listen = Listen::Unix(path.into());
        unit
    };
    let (changed, done) = world.replace([socket("/run/y.sock"), tenant("b")]);
    assert_eq!(changed, ["a applied live exec_start listen", "b unchanged"]);
    assert_eq!(done, ["a renew"]);
    // A port is the process's own to listen at.
    let (_, done) = world.replace([tenant("a").port(), tenant("b")]);
    assert_eq!(done, ["a renew", "a unwatch"]);
    let (_, done) = world.replace([plain("a"), tenant("b")]);
    assert_eq!(done, ["a renew", "a renew"]);
    let (_, done) = world.replace([tenant("a"), tenant("b")]);
    assert_eq!(done, ["a renew", "a watch"]);
}

#[test]
fn a_route_is_another_at_once() {
    let mut world = World::booted([tenant("a")]);
    world.up("a");
    let mut new = tenant("a").service(|service| service.idle_stop = Some(Duration::from_secs(1)));
    new.route.as_mut().unwrap().path = "/b".into();
    assert_eq!(world.replace([new]), (vec!["a applied live idle_stop path".to_owned()], vec!["a renew".to_owned()]));
    assert_eq!(world.sub("a"), "running");
}

#[test]
fn the_new_are_started_if_boot_wants_them() {
    let mut world = World::booted([tenant("a")]);
    let (changed, done) = world.replace([tenant("a"), tenant("b"), plain("c"), high("vector")]);
    assert_eq!(changed, ["a unchanged", "b added", "c added", "vector added"]);
    assert_eq!(done, ["b renew", "b watch", "c renew", "vector renew", "vector spawn"]);
    assert_eq!(world.sub("b"), "dead");
}

#[test]
fn the_removed_end_as_by_a_stop_and_are_forgotten() {
    let mut world = World::booted([tenant("a"), tenant("b"), plain("c")]);
    world.up("a");
    let (a, pid) = (world.id("a"), world.pid("a"));
    let (changed, done) = world.replace([plain("c")]);
    assert_eq!(changed, ["a removed", "b removed", "c unchanged"]);
    assert!(done.contains(&"a hold".to_owned()) && !done.contains(&"a terminate".to_owned()), "{done:?}");
    assert_eq!(world.manager.find("a"), None);
    // Removed twice is told once; a request does not bring it back.
    assert_eq!(world.replace([plain("c")]).0, ["c unchanged"]);
    world.event(Event::Wanted(a));
    assert_eq!(world.event(Event::Drained(a)), ["a terminate"]);
    world.exit_of(pid, 0);
    assert_eq!(world.manager.unit(a), None);
    assert_eq!(world.manager.ids().count(), 1);
    assert_eq!(world.manager.deadline(), None);
}

#[test]
fn what_waits_to_be_tried_again_is_removed_with_its_deadline() {
    let mut world = World::booted([plain("a").restart(crate::unit::Restart::Always), plain("b")]);
    world.up("a");
    world.exit("a", 1);
    assert_eq!(world.sub("a"), "auto-restart");
    world.replace([plain("b")]);
    assert_eq!(world.manager.deadline(), None);
    assert!(world.ms(60_000).is_empty());
}

#[test]
fn one_that_comes_back_while_it_goes_is_itself_again() {
    let mut world = World::booted([high("vector")]);
    world.up("vector");
    let id = world.id("vector");
    assert_eq!(world.replace([]).1.last().map(String::as_str), Some("vector terminate"));
    assert_eq!(world.replace([high("vector")]).0, ["vector added wanted_by"]);
    assert_eq!(world.id("vector"), id);
    assert_eq!(world.exit("vector", 0), ["vector spawn"]);
}

#[test]
fn a_job_of_a_removed_unit_is_canceled() {
    let mut world = World::booted([tenant("a")]);
    world.start(7, "a");
    let (_, done) = world.replace([]);
    assert!(done.contains(&"job 7 canceled".to_owned()), "{done:?}");
}

#[test]
fn nothing_changes_during_the_shutdown() {
    let mut world = World::booted([plain("a")]);
    world.up("a");
    world.event(Event::Signalled);
    assert_eq!(world.replace([plain("b")]), (vec![], vec![]));
    assert_eq!(world.exit("a", 0), ["exit 0"]);
}
