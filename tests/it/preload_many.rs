//! Many tenants of one template at once, and one template for many starts.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::harness::{Init, eventually};
use crate::preload_rails::{TEMPLATE, assert_forked, booted, process, who};
use crate::procfs;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("event-{n}")).collect()
}

#[test]
fn fifty_at_once_answer_each_from_its_own_database() {
    let names = names(50);
    let events: Vec<&str> = names.iter().map(String::as_str).collect();
    let init = booted(&events, "");
    let template = process(&init, TEMPLATE);
    let pids: HashSet<u64> = thread::scope(|scope| {
        let init = &init;
        let all: Vec<_> = events.iter().map(|event| scope.spawn(move || who(init, event)["pid"].as_u64())).collect();
        all.into_iter().map(|one| one.join().expect("a client").expect("a pid")).collect()
    });
    assert_eq!(pids.len(), 50);
    for event in &events {
        assert_forked(&init, event);
    }
    assert_eq!(process(&init, TEMPLATE), template);
    eventually("nobody is dead", || procfs::zombies(init.pid()) == 0 && procfs::zombies(template) == 0);
    assert_eq!(procfs::children(init.pid()).len(), 51);
}

/// Descriptors, and memory in bytes.
fn taken(pid: u32) -> (usize, u64) {
    (procfs::descriptors(pid), procfs::anonymous(pid))
}

/// Starts and stops these events by turns until there were `count` starts.
fn turn(init: &Init, events: &[&str], count: u64) {
    let done = AtomicU64::new(0);
    thread::scope(|scope| {
        for event in events {
            let done = &done;
            scope.spawn(move || {
                while done.fetch_add(1, Ordering::Relaxed) < count {
                    assert_forked(init, event);
                    init.verb(&["stop", &format!("showcase@{event}")]).expect(0);
                }
            });
        }
    });
    eventually("the template only is left", || procfs::descendants(init.pid()).len() == 1);
}

/// 200 starts; COUNT=1000 in the environment for more.
#[test]
fn many_starts_leave_descriptors_and_memory_of_tenantd_and_the_template_flat() {
    let count = std::env::var("COUNT").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let names = names(4);
    let events: Vec<&str> = names.iter().map(String::as_str).collect();
    let init = booted(&events, "");
    turn(&init, &events, 40);
    let (tenantd, template) = (init.pid(), process(&init, TEMPLATE));
    let before = [tenantd, template].map(taken);
    turn(&init, &events, count);
    assert_eq!(process(&init, TEMPLATE), template);
    let after = [tenantd, template].map(taken);
    // The template collects no garbage before some 900 forks, which are 13 MB of it; from then on it stays as it is.
    for ((before, after), most) in before.iter().zip(&after).zip([1 << 20, 20 << 20]) {
        assert_eq!(after.0, before.0, "descriptors");
        assert!(after.1 < before.1 + most, "{before:?} {after:?}");
    }
}
