//! Lifecycle targets: ready, idle, resume.

use super::{World, high, plain, tenant};
use crate::manager::Event;
use crate::unit::{ServiceType, Target, Unit};

const NONE: [&str; 0] = [];

fn hook(name: &str, target: Target) -> Unit {
    plain(name).kind(ServiceType::Oneshot).wanted_by(target)
}

#[test]
fn ready_comes_when_boot_is_up_or_has_failed_once() {
    let units = [high("vector"), plain("web").wanted_by(Target::Boot), hook("tell", Target::Ready)];
    let mut w = World::new(units);
    assert_eq!(w.event(Event::Booted), ["vector spawn"]);
    assert_eq!(w.executed("vector"), ["web spawn"]);
    assert!(!w.manager.is_ready());
    assert_eq!(w.exit("web", 203), ["tell spawn"]);
    assert!(w.manager.is_ready());
    w.exit("tell", 0);
    w.start(1, "web");
    assert_eq!(w.executed("web"), ["job 1 done"], "it is reached once");
}

#[test]
fn nothing_to_boot_is_ready_at_once() {
    let mut w = World::new([hook("tell", Target::Ready)]);
    assert!(!w.manager.is_ready());
    assert_eq!(w.event(Event::Booted), ["tell spawn"]);
}

#[test]
fn idle_comes_with_the_last_tenant_and_resume_with_the_first() {
    let units = [tenant("a").after("wake"), tenant("b"), hook("sleep", Target::Idle), hook("wake", Target::Resume)];
    let mut w = World::booted(units);
    assert_eq!(w.sub("sleep"), "dead", "no tenant was up yet");
    for name in ["a", "b"] {
        w.wanted(name);
        w.ready(name);
    }
    for name in ["a", "b"] {
        w.idled(name);
        w.drained(name);
    }
    assert_eq!(w.exit("a", 0), ["a gone", "a watch"]);
    assert_eq!(w.exit("b", 0), ["b gone", "b watch", "sleep spawn"]);
    w.exit("sleep", 0);
    assert_eq!(w.wanted("a"), ["wake spawn"], "a waits for it");
    assert_eq!(w.wanted("b"), ["b spawn", "b unwatch", "b open"], "b does not, and the hook runs once");
    assert_eq!(w.exit("wake", 0), ["a spawn", "a unwatch", "a open"]);
}

#[test]
fn a_tenant_that_comes_back_is_no_lull() {
    let mut w = World::booted([tenant("a"), hook("sleep", Target::Idle)]);
    w.up("a");
    w.restart(1, "a");
    w.drained("a");
    assert_eq!(w.exit("a", 0), ["a gone", "a watch", "a spawn", "a unwatch", "a open"]);
    assert_eq!(w.sub("sleep"), "dead");
}

#[test]
fn a_high_unit_without_boot_holds_nobody_up() {
    let mut late = high("late");
    late.wanted_by = vec![Target::Ready];
    let mut w = World::new([late, plain("web").wanted_by(Target::Boot)]);
    assert_eq!(w.event(Event::Booted), ["web spawn"]);
    assert_eq!(w.executed("web"), ["late spawn"]);
    assert_eq!(w.executed("late"), NONE);
}

#[test]
fn all_is_done_when_the_hooks_of_ready_have_ended() {
    let names = |w: &World| w.manager.awaited().iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let units =
        [high("vector"), hook("both", Target::Boot).wanted_by(Target::Ready), hook("a", Target::Ready), tenant("t")];
    let mut w = World::new(units);
    assert_eq!(names(&w), ["a", "both", "vector"]);
    w.event(Event::Booted);
    w.executed("vector");
    assert_eq!(names(&w), ["a", "both"]);
    assert_eq!(w.exit("both", 0), ["both spawn", "a spawn"], "and once more, as ready wants it");
    assert_eq!((names(&w), w.manager.is_done()), (vec!["a".into(), "both".into()], false));
    w.exit("both", 0);
    assert_eq!((names(&w), w.manager.is_done()), (vec!["a".into()], false));
    w.exit("a", 1);
    assert_eq!((names(&w), w.manager.is_done()), (vec![], true), "a failure is an end, too");
    w.start(1, "a");
    assert!(w.manager.is_done(), "once so, it stays so");
}
