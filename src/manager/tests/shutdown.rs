//! The end: order, budget, the second signal, every phase of a unit (T10, T11).

use super::{World, high, plain, tenant};
use crate::manager::{Event, JobId, JobKind};
use crate::unit::{Restart, ServiceType, Target};

const NONE: [&str; 0] = [];

fn signal(w: &mut World) -> Vec<String> {
    w.event(Event::Signalled)
}

#[test]
fn nothing_is_up_and_so_we_exit_at_once() {
    let mut w = World::new([tenant("a"), high("vector")]);
    assert_eq!(signal(&mut w), ["exit 0"]);
    assert_eq!(w.event(Event::Booted), NONE);
    assert_eq!(w.manager.deadline(), None);
}

#[test]
fn normal_units_stop_side_by_side_and_high_units_last() {
    let mut w = World::booted([tenant("a"), tenant("b"), high("redis"), high("sidekiq").after("redis")]);
    for name in ["redis", "sidekiq", "a", "b"] {
        w.up(name);
    }
    assert_eq!(signal(&mut w), ["a hold", "b hold"]);
    assert_eq!(w.drained("a"), ["a terminate"]);
    assert_eq!(w.exit("a", 0), ["a gone"], "nothing is watched any more");
    w.drained("b");
    assert_eq!(w.exit("b", 0), ["b gone", "sidekiq terminate"]);
    assert_eq!(w.exit("sidekiq", 0), ["redis terminate"]);
    assert_eq!(w.exit("redis", 0), ["exit 0"]);
}

#[test]
fn normal_units_stop_against_their_order() {
    let mut w = World::booted([plain("a"), plain("b").after("a"), plain("c").after("b")]);
    for name in ["a", "b", "c"] {
        w.up(name);
    }
    assert_eq!(signal(&mut w), ["c terminate"]);
    assert_eq!(w.ms(2_000), ["c kill"], "three in a row have a third of the six seconds each");
    assert_eq!(w.die("c", libc::SIGKILL), ["b terminate"]);
    assert_eq!(w.exit("b", 0), ["a terminate"]);
    assert_eq!(w.ms(3_999), NONE);
    assert_eq!(w.ms(1), ["a kill"]);
    assert_eq!(w.die("a", libc::SIGKILL), ["exit 0"]);
}

#[test]
fn units_without_a_process_hold_up_nothing() {
    let oneshot = |name| {
        let mut unit = plain(name).kind(ServiceType::Oneshot);
        unit.service.remain_after_exit = true;
        unit
    };
    let mut w = World::booted([oneshot("a"), oneshot("b").after("a"), oneshot("c").after("b"), high("vector")]);
    w.up("vector");
    for name in ["a", "b", "c"] {
        w.start(0, name);
        w.exit(name, 0);
        assert_eq!(w.sub(name), "exited");
    }
    assert_eq!(signal(&mut w), ["vector terminate"]);
}

#[test]
fn the_budget_squeezes_every_stop() {
    let mut slow = plain("slow");
    slow.service.timeout_stop = std::time::Duration::from_secs(90);
    let mut vector = high("vector");
    vector.service.timeout_stop = std::time::Duration::from_secs(90);
    let mut w = World::booted([slow, vector]);
    w.up("vector");
    w.up("slow");
    signal(&mut w);
    assert_eq!(w.ms(5_999), NONE);
    assert_eq!(w.ms(1), ["slow kill"]);
    assert_eq!(w.die("slow", libc::SIGKILL), ["vector terminate"]);
    assert_eq!(w.ms(1_999), NONE);
    assert_eq!(w.ms(1), ["vector kill"]);
    assert_eq!(w.die("vector", libc::SIGKILL), ["exit 0"]);
}

#[test]
fn t25_an_unkillable_process_holds_up_nothing() {
    let mut w = World::booted([plain("d"), high("vector")]);
    w.up("vector");
    w.up("d");
    signal(&mut w);
    assert_eq!(w.ms(6_000), ["d kill"]);
    assert_eq!(w.ms(500), ["d kill", "vector terminate"]);
    assert_eq!(w.exit("vector", 0), NONE);
    assert_eq!(w.ms(1_749), NONE);
    assert_eq!(w.ms(1), ["exit 0"]);
}

#[test]
fn t11_the_second_signal_shortens_and_the_third_kills() {
    let mut w = World::booted([tenant("a"), high("vector")]);
    w.up("vector");
    w.up("a");
    assert_eq!(signal(&mut w), ["a hold"]);
    assert_eq!(signal(&mut w), ["a terminate", "vector terminate"], "in no order, and without a drain");
    assert_eq!(w.ms(999), NONE);
    assert_eq!(signal(&mut w), ["a kill", "vector kill"]);
    assert_eq!(w.die("a", libc::SIGKILL), ["a gone"]);
    assert_eq!(w.die("vector", libc::SIGKILL), ["exit 0"]);
    assert_eq!(signal(&mut w), NONE, "exit is said once");
}

#[test]
fn t11_a_second_after_the_second_signal_all_is_killed_and_soon_over() {
    let mut w = World::booted([tenant("a"), high("vector")]);
    w.up("vector");
    w.up("a");
    signal(&mut w);
    w.ms(500);
    signal(&mut w);
    assert_eq!(w.ms(1_000), ["a kill", "vector kill"]);
    assert_eq!(w.ms(250), ["exit 0"]);
}

#[test]
fn jobs_are_canceled_and_nothing_is_started_any_more() {
    let mut w = World::booted([tenant("a"), tenant("b"), plain("c")]);
    w.up("a");
    w.start(1, "c");
    assert_eq!(signal(&mut w), ["job 1 canceled", "c terminate", "a hold"]);
    assert_eq!(w.wanted("a"), NONE);
    assert_eq!(w.wanted("b"), NONE);
    let id = w.id("b");
    for (n, kind) in [JobKind::Start, JobKind::Stop, JobKind::Restart].into_iter().enumerate() {
        let job = JobId(10 + n as u64);
        assert_eq!(w.event(Event::Asked(job, id, kind)), [format!("job {} canceled", job.0)]);
    }
    w.exit("c", 1);
    assert_eq!(w.exit("a", 1), ["a gone", "exit 0"]);
}

#[test]
fn a_unit_that_is_already_stopping_is_squeezed_too() {
    let mut slow = plain("slow");
    slow.service.timeout_stop = std::time::Duration::from_secs(90);
    let mut w = World::booted([slow]);
    w.up("slow");
    w.stop(1, "slow");
    assert_eq!(signal(&mut w), ["job 1 canceled"]);
    assert_eq!(w.ms(6_000), ["slow kill"]);
}

#[test]
fn hooks_of_the_shutdown_run_between_the_normal_and_the_high_units() {
    let hook = plain("hook").kind(ServiceType::Oneshot).wanted_by(Target::Shutdown).after("vector").requires("vector");
    let mut w = World::booted([tenant("a"), high("vector"), hook]);
    w.up("vector");
    w.up("a");
    signal(&mut w);
    w.drained("a");
    assert_eq!(w.exit("a", 0), ["a gone", "hook spawn"]);
    assert_eq!(w.exit("hook", 0), ["vector terminate"]);
    assert_eq!(w.exit("vector", 0), ["exit 0"]);
}

#[test]
fn a_hook_that_does_not_end_has_a_quarter_of_the_budget() {
    let hook = |name| plain(name).kind(ServiceType::Oneshot).wanted_by(Target::Shutdown);
    let mut w = World::booted([hook("one"), hook("two").after("one"), high("vector")]);
    w.up("vector");
    assert_eq!(signal(&mut w), ["one spawn"]);
    assert_eq!(w.ms(5_999), NONE);
    assert_eq!(w.ms(1), ["one kill", "vector terminate"], "two is given up");
    w.die("one", libc::SIGKILL);
    assert_eq!(w.exit("vector", 0), ["exit 0"]);
}

#[test]
fn normal_units_have_less_time_where_there_are_hooks() {
    let mut w = World::booted([plain("a"), plain("hook").kind(ServiceType::Oneshot).wanted_by(Target::Shutdown)]);
    w.up("a");
    signal(&mut w);
    assert_eq!(w.ms(3_999), NONE);
    assert_eq!(w.ms(1), ["a kill"]);
    assert_eq!(w.ms(500), ["a kill", "hook spawn"]);
    w.die("a", libc::SIGKILL);
    assert_eq!(w.broken, NONE);
    assert_eq!(w.exit("hook", 1), ["exit 0"], "its failure changes nothing");
}

#[test]
fn the_second_signal_gives_the_hooks_up() {
    let mut w = World::booted([plain("a"), plain("hook").kind(ServiceType::Oneshot).wanted_by(Target::Shutdown)]);
    w.up("a");
    signal(&mut w);
    assert_eq!(signal(&mut w), NONE);
    assert_eq!(w.exit("a", 0), ["exit 0"]);
}

/// T10: SIGTERM at every phase of a unit ends with exit 0 when its process is gone.
#[test]
fn t10_sigterm_at_every_phase() {
    type Bring = fn(&mut World);
    let phases: [(&str, Bring); 10] = [
        ("dead", |_| {}),
        ("waiting", |w| drop((w.wanted("b"), w.wanted("c"), w.wanted("a")))),
        ("start-pre", |w| drop(w.wanted("a"))),
        ("start", |w| drop((w.wanted("a"), w.exit("a", 0)))),
        ("running", |w| drop((w.wanted("a"), w.exit("a", 0), w.ready("a")))),
        ("stop", |w| drop((w.wanted("a"), w.exit("a", 0), w.ready("a"), w.idled("a")))),
        ("stop-sigterm", |w| drop((w.wanted("a"), w.stop(1, "a")))),
        ("stop-sigkill", |w| drop((w.wanted("a"), w.stop(1, "a"), w.ms(6_000)))),
        ("failed", |w| {
            w.broken.push("a");
            w.wanted("a");
        }),
        ("auto-restart", |w| drop((w.wanted("o"), w.exit("o", 1)))),
    ];
    for (sub, bring) in phases {
        let oneshot = plain("o").kind(ServiceType::Oneshot).restart(Restart::OnFailure);
        let mut w = World::booted([tenant("a").pre(1), tenant("b"), tenant("c"), oneshot]);
        bring(&mut w);
        let name = if sub == "auto-restart" { "o" } else { "a" };
        assert_eq!(w.sub(name), sub);
        let mut said = signal(&mut w);
        for name in ["a", "b", "c", "o"] {
            if w.status(name).pid.is_some() {
                w.drained(name);
                said.extend(w.exit(name, 0));
            }
        }
        assert_eq!(said.iter().filter(|said| *said == "exit 0").count(), 1, "{sub}: {said:?}");
        assert!(!said.iter().any(|said| said.contains("spawn")), "{sub}: {said:?}");
    }
}
