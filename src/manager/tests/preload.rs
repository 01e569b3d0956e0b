//! Stories of templates: a tenant comes from its template, or by exec with nobody the wiser.

use std::time::Duration;

use super::{World, plain, tenant};
use crate::manager::{Event, Exit, Outcome};
use crate::unit::{Engine, Restart, ServiceType, Template, Unit};

const TEMPLATE: &str = "web@.preload";

/// The template of `web@…`, which is stopped after a minute without tenants.
fn template() -> Unit {
    template_of(&plain("web@a"), Restart::Always)
}

/// The template of this unit and its like.
pub(super) fn template_of(unit: &Unit, restart: Restart) -> Unit {
    let about = Template {
        engine: Engine::Rails,
        argv: vec!["puma".into()],
        warm: Vec::new(),
        hook: "/rails/config/tenant_fork.rb".into(),
        hook_required: false,
        declared: Vec::new(),
        idle_stop: Some(Duration::from_secs(60)),
    };
    let like = plain(unit.name.template().as_str()).kind(ServiceType::Notify).restart(restart);
    Unit { template: Some(Box::new(about)), ..like }
}

fn preloaded(name: &str) -> Unit {
    tenant(name).service(|service| service.preload = Some(Engine::Rails))
}

/// Two tenants, and a template that is up; what was done for that is not told.
fn ready() -> World {
    let mut world = World::booted([preloaded("web@a"), preloaded("web@b"), template()]);
    world.wanted("web@b");
    world.up("web@b");
    world.up(TEMPLATE);
    world.log();
    world
}

/// `web@a` has been asked of the template.
fn asked() -> World {
    let mut world = ready();
    assert_eq!(world.wanted("web@a"), ["web@a fork"]);
    assert_eq!(world.sub("web@a"), "start-fork");
    world
}

/// And its process is there.
fn forked() -> World {
    let mut world = asked();
    // Nothing is sent to a process that may have to go again.
    assert_eq!(world.forked("web@a"), [""; 0]);
    world
}

impl World {
    /// What was asked of the template says hello.
    fn forked(&mut self, name: &str) -> Vec<String> {
        let pid = self.newcomer(name);
        self.event(Event::Spawned(self.id(name), pid))
    }

    fn unforked(&mut self, name: &str, fault: bool) -> Vec<String> {
        self.event(Event::Unforked { unit: self.id(name), fault })
    }
}

#[test]
fn the_first_tenant_starts_by_exec_and_its_template_with_it() {
    let mut world = World::booted([preloaded("web@a"), preloaded("web@b"), template()]);
    assert_eq!(world.wanted("web@a"), ["web@a spawn", "web@.preload spawn", "web@a unwatch", "web@a open"]);
    // The template boots: nobody waits for it.
    assert_eq!(world.wanted("web@b"), ["web@b spawn", "web@b unwatch", "web@b open"]);
    assert!(!world.status("web@a").forked);
}

#[test]
fn a_forked_tenant_is_open_when_it_is_ready() {
    let mut world = forked();
    assert_eq!(world.ready("web@a"), ["web@a unwatch", "web@a open"]);
    assert_eq!((world.sub("web@a"), world.status("web@a").forked), ("running", true));
    assert_eq!(world.log(), ["web@a starting", "web@a started in 0us by its template, pid 103"]);
    // From now on it is as any other.
    assert_eq!(world.idled("web@a"), ["web@a hold"]);
    assert_eq!(world.drained("web@a"), ["web@a terminate"]);
    assert_eq!(world.die("web@a", libc::SIGTERM), ["web@a gone", "web@a watch"]);
    assert_eq!(world.status("web@a").outcome, Outcome::Success);
}

#[test]
fn an_exec_tenant_is_ready_when_it_is_bound() {
    let mut world = World::booted([preloaded("web@a").kind(ServiceType::Exec), template()]);
    world.start(1, TEMPLATE);
    world.up(TEMPLATE);
    assert_eq!(world.wanted("web@a"), ["web@a fork"]);
    world.forked("web@a");
    assert_eq!(world.executed("web@a"), ["web@a unwatch", "web@a open"]);
}

#[test]
fn what_cannot_be_forked_is_executed_in_the_same_turn() {
    let mut world = asked();
    assert_eq!(world.unforked("web@a", false), ["web@a spawn", "web@a unwatch", "web@a open"]);
    assert_eq!((world.sub("web@a"), world.status("web@a").forked), ("start", false));
    // A word that comes too late changes nothing.
    assert_eq!(world.unforked("web@a", false), [""; 0]);
    world.ready("web@a");
    assert_eq!(world.unforked("web@a", true), [""; 0]);
    assert_eq!(world.sub("web@a"), "running");
}

#[test]
fn what_was_forked_in_vain_goes_first() {
    let mut world = forked();
    assert_eq!(world.unforked("web@a", false), ["web@a kill"]);
    assert_eq!(world.sub("web@a"), "start-unfit");
    // It may still say what it likes.
    assert_eq!(world.ready("web@a"), [""; 0]);
    assert_eq!(world.die("web@a", libc::SIGKILL), ["web@a spawn", "web@a unwatch", "web@a open"]);
    let status = world.status("web@a");
    assert_eq!((status.failures, status.starts, status.outcome), (0, 1, Outcome::Success));
}

#[test]
fn a_forked_process_that_ends_before_it_is_ready_is_no_failure() {
    for code in [0, 1] {
        let mut world = forked();
        assert_eq!(world.exit("web@a", code), ["web@a spawn", "web@a unwatch", "web@a open"]);
        assert_eq!((world.status("web@a").failures, world.sub("web@a")), (0, "start"));
    }
}

#[test]
fn two_runs_never_overlap() {
    let mut world = forked();
    assert_eq!(world.exit_with_rest("web@a", 1), ["web@a kill"]);
    assert_eq!(world.sub("web@a"), "start-unfit");
    assert_eq!(world.emptied("web@a"), ["web@a spawn", "web@a unwatch", "web@a open"]);
}

#[test]
fn who_is_not_ready_in_15_seconds_is_replaced() {
    let mut world = forked();
    assert_eq!(world.ms(14_999), [""; 0]);
    assert_eq!(world.ms(1), ["web@a kill"]);
    assert_eq!(world.die("web@a", libc::SIGKILL), ["web@a spawn", "web@a unwatch", "web@a open"]);
    // The whole start has the time that it always had.
    assert_eq!(world.ms(74_999), [""; 0]);
    assert_eq!(world.ms(1), ["web@a hold", "web@a terminate"]);
}

#[test]
fn three_faults_in_a_row_are_the_templates_end() {
    let mut world = ready();
    for turn in 1..=3 {
        world.wanted("web@a");
        let done = world.unforked("web@a", true);
        assert_eq!(done.contains(&"web@.preload kill".to_owned()), turn == 3, "{turn}: {done:?}");
        world.ready("web@a");
        world.idled("web@a");
        world.drained("web@a");
        world.die("web@a", libc::SIGTERM);
    }
    world.die(TEMPLATE, libc::SIGKILL);
    assert_eq!(world.sub(TEMPLATE), "auto-restart");
    // Meanwhile, and without a word of it.
    assert_eq!(world.wanted("web@a"), ["web@a spawn", "web@a unwatch", "web@a open"]);
}

#[test]
fn faults_of_the_tenants_are_not_the_templates() {
    let mut world = ready();
    for turn in 0..12 {
        world.wanted("web@a");
        match turn % 4 {
            // By its own fault; by its template's.
            0 | 1 => drop(world.unforked("web@a", turn % 4 == 1)),
            // Of no fault that anybody told.
            2 => {
                world.forked("web@a");
                world.exit("web@a", 1);
            }
            _ => drop(world.forked("web@a")),
        }
        world.ready("web@a");
        world.idled("web@a");
        world.drained("web@a");
        let done = world.die("web@a", libc::SIGTERM);
        assert!(!done.contains(&"web@.preload kill".to_owned()), "{turn}");
    }
    assert_eq!(world.sub(TEMPLATE), "running");
}

#[test]
fn a_template_without_tenants_is_stopped() {
    let mut world = asked();
    world.forked("web@a");
    world.ready("web@a");
    for name in ["web@a", "web@b"] {
        // One tenant is enough to keep it.
        assert_eq!(world.ms(120_000), [""; 0]);
        world.idled(name);
        world.drained(name);
        world.die(name, libc::SIGTERM);
    }
    assert_eq!(world.ms(59_999), [""; 0]);
    assert_eq!(world.ms(1), ["web@.preload terminate"]);
    world.die(TEMPLATE, libc::SIGTERM);
    assert_eq!((world.sub(TEMPLATE), world.status(TEMPLATE).outcome), ("dead", Outcome::Success));
    // The next one starts it again.
    assert_eq!(world.wanted("web@a"), ["web@a spawn", "web@.preload spawn", "web@a unwatch", "web@a open"]);
}

#[test]
fn a_template_that_boots_longer_than_its_tenants_live_is_stopped_when_it_is_up() {
    let mut world = World::booted([preloaded("web@b"), template()]);
    world.wanted("web@b");
    world.up("web@b");
    world.idled("web@b");
    world.drained("web@b");
    world.die("web@b", libc::SIGTERM);
    assert_eq!(world.ms(70_000), [""; 0]);
    assert_eq!(world.sub(TEMPLATE), "start");
    world.up(TEMPLATE);
    assert_eq!(world.ms(59_999), [""; 0]);
    assert_eq!(world.ms(1), ["web@.preload terminate"]);
    world.die(TEMPLATE, libc::SIGTERM);
    assert_eq!(world.sub(TEMPLATE), "dead");
}

#[test]
fn a_tenant_that_comes_in_time_keeps_it() {
    let mut world = ready();
    world.idled("web@b");
    world.drained("web@b");
    world.die("web@b", libc::SIGTERM);
    world.ms(59_999);
    assert_eq!(world.wanted("web@a"), ["web@a fork"]);
    assert_eq!(world.ms(1), [""; 0]);
    assert_eq!(world.sub(TEMPLATE), "running");
}

#[test]
fn a_template_that_fails_is_tried_again_by_itself_and_keeps_nobody_waiting() {
    let mut world = World::booted([preloaded("web@a"), preloaded("web@b"), template()]);
    world.wanted("web@a");
    world.exit(TEMPLATE, 1);
    assert_eq!(world.sub(TEMPLATE), "auto-restart");
    assert_eq!(world.wanted("web@b"), ["web@b spawn", "web@b unwatch", "web@b open"]);
    assert_eq!(world.hold_ends(TEMPLATE), ["web@.preload spawn"]);
}

#[test]
fn a_start_that_is_stopped_waits_for_the_answer() {
    let mut world = asked();
    assert_eq!(world.stop(7, "web@a"), ["web@a hold", "web@a terminate"]);
    // The root takes the request back.
    assert_eq!(world.unforked("web@a", false), ["web@a gone", "job 7 done"]);
    assert_eq!(world.sub("web@a"), "dead");
}

#[test]
fn who_says_hello_too_late_is_killed() {
    let mut world = asked();
    world.unforked("web@a", true);
    let main = world.pid("web@a");
    assert_eq!(world.forked("web@a"), ["web@a SIGKILL to one"]);
    world.event(Event::Exited { pid: main, exit: Exit::Code(0), rest: false });
}

#[test]
fn nothing_is_forked_when_all_ends() {
    let mut world = ready();
    world.event(Event::Signalled);
    assert_eq!(world.wanted("web@a"), [""; 0]);
    assert_eq!(world.sub(TEMPLATE), "stop-sigterm");
}

#[test]
fn a_new_release_boots_beside_the_old_and_takes_its_place() {
    let mut world = asked();
    world.forked("web@a");
    world.ready("web@a");
    let old = world.pid(TEMPLATE);
    assert_eq!(world.event(Event::Outdated(world.id(TEMPLATE))), ["web@.preload spawn beside"]);
    assert_eq!(world.sub(TEMPLATE), "reload-replace");
    // Asked again, it is still the same.
    assert_eq!(world.event(Event::Outdated(world.id(TEMPLATE))), [""; 0]);
    assert_eq!(world.ready(TEMPLATE)[..2], ["web@a recycle", "web@b recycle"]);
    let new = world.pid(TEMPLATE);
    assert_eq!((world.sub(TEMPLATE), world.status(TEMPLATE).main), ("running", Some(new)));
    // The old one goes by itself, and nobody minds.
    assert_eq!(world.exit_of(old, 0), [""; 0]);
    assert_eq!(world.sub(TEMPLATE), "running");
}

#[test]
fn a_release_that_does_not_boot_leaves_the_old_template() {
    for code in [0, 1] {
        let mut world = ready();
        let old = world.pid(TEMPLATE);
        world.reload(1, TEMPLATE);
        let done = world.exit(TEMPLATE, code);
        assert!(done[0].starts_with("job 1 ") && done[0] != "job 1 done", "{done:?}");
        assert_eq!((world.sub(TEMPLATE), world.status(TEMPLATE).main), ("running", Some(old)));
        assert_eq!(world.wanted("web@a"), ["web@a fork"]);
    }
}

#[test]
fn a_reload_of_the_configuration_boots_the_template_anew_and_stops_nobody() {
    let mut world = ready();
    let changed = || template().service(|service| service.working_directory = Some("/rails/2".into()));
    let (_, done) = world.replace([preloaded("web@a"), preloaded("web@b"), changed()]);
    assert_eq!(done, ["web@.preload renew", "web@.preload spawn beside"]);
    assert_eq!(world.ready(TEMPLATE), ["web@b recycle"]);
    // One that was just booting is followed by another.
    let (_, done) = world.replace([preloaded("web@a"), preloaded("web@b"), template()]);
    assert_eq!(done, ["web@.preload renew", "web@.preload spawn beside"]);
    let (_, done) = world.replace([preloaded("web@a"), preloaded("web@b"), changed()]);
    assert_eq!(done, [""; 0]);
    assert_eq!(world.ready(TEMPLATE), ["web@b recycle", "web@.preload renew", "web@.preload spawn beside"]);
}
