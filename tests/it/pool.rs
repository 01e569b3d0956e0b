//! `[pool] running`, lifecycle targets and essential units, with real tenants.

use std::fs;

use crate::harness::{Init, eventually};
use crate::web::web;

fn active(init: &Init) -> Vec<String> {
    let up = |unit: &serde_json::Value| (unit["active"] == "active").then(|| unit["name"].as_str().map(str::to_owned));
    init.list().iter().filter_map(|unit| up(unit).flatten()).collect()
}

#[test]
fn the_tenant_that_is_idle_longest_makes_room() {
    let config = "[pool]\nrunning = 2";
    let init = Init::new().config(config).web(&web(&["a", "b", "c", "d"])).start();
    for tenant in ["a", "b", "a", "c"] {
        assert_eq!(init.get(&format!("/{tenant}")).expect(200).json()["tenant"], tenant);
    }
    // b was used before a was used again.
    assert_eq!(active(&init), ["web@a", "web@c"]);
    init.wait_log(&["web@b: stopping: another tenant needs its place"]);
    for round in 0..3 {
        for tenant in ["a", "b", "c", "d"] {
            assert_eq!(init.get(&format!("/{tenant}")).expect(200).json()["tenant"], tenant, "{round}");
            assert!(active(&init).len() <= 2, "{:?}", active(&init));
        }
    }
}

#[test]
fn who_is_busy_keeps_its_place_and_the_others_wait() {
    let init = Init::new().config("[pool]\nrunning = 1").web(&web(&["a", "b"])).start();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| init.get("/a/slow?ms=300").expect(200));
        eventually("a is asked", || init.status("web@a")["requests"]["in_flight"] == 1);
        assert_eq!(init.get("/b").expect(200).json()["tenant"], "b");
        slow.join().expect("a answered");
    });
    assert_eq!(active(&init), ["web@b"]);
}

#[test]
fn hooks_of_every_target_run_in_their_time() {
    let hook = |target: &str| {
        format!(
            "[unit]\nwanted_by = [\"{target}\"]\n[service]\ntype = \"oneshot\"\n\
             exec_start = [\"sh\", \"-c\", \"echo {target} >> @DIR@/said\"]\n"
        )
    };
    let mut setup = Init::new().web(&web(&["a"]).service("idle_stop = \"100ms\""));
    for target in ["boot", "ready", "idle", "resume", "shutdown"] {
        setup = setup.unit(&format!("on-{target}.toml"), &hook(target));
    }
    let init = setup.start();
    let said = |init: &Init| fs::read_to_string(init.file("said")).unwrap_or_default();
    eventually("it is ready", || said(&init) == "boot\nready\n");
    init.get("/a").expect(200);
    eventually("it is idle", || said(&init) == "boot\nready\nidle\n");
    init.get("/a").expect(200);
    eventually("it comes again", || said(&init) == "boot\nready\nidle\nresume\nidle\n");
    let path = init.file("said");
    let directory = tempfile::tempdir().expect("a directory");
    let kept = directory.path().join("said");
    fs::hard_link(path, &kept).or_else(|_| fs::copy(init.file("said"), &kept).map(drop)).expect("a link");
    assert_eq!(init.stop().code(), Some(0));
    assert_eq!(fs::read_to_string(kept).expect("said"), "boot\nready\nidle\nresume\nidle\nshutdown\n");
}

#[test]
fn an_essential_unit_gives_the_container_its_code() {
    for ordinary in [false, true] {
        for (command, code) in [("exit 0", 0), ("exit 42", 42), ("exit 255", 255), ("kill -s ABRT $$$$", 134)] {
            let unit = format!(
                "[unit]\nwanted_by = [\"boot\"]\n[service]\nessential = true\nlimit_core = 0\nexec_start = [\"sh\", \"-c\", \"{command}\"]\n"
            );
            let other = "[unit]\nwanted_by = [\"boot\"]\n[service]\nexec_start = [\"sleep\", \"1000\"]\n";
            let setup = Init::new().ordinary(ordinary).unit("main.toml", &unit).unit("other.toml", other);
            let mut init = setup.launch(crate::setup::free_address());
            assert_eq!(init.wait().code(), Some(code), "ordinary: {ordinary}, {command}: {}", init.log().tail(20));
        }
    }
}

#[test]
fn a_requested_stop_is_0_whatever_the_essential_unit_says() {
    let unit = "[unit]\nwanted_by = [\"boot\"]\n[service]\nessential = true\nexec_start = [\"sh\", \"-c\", \"trap 'exit 9' TERM; while :; do sleep 1 & wait $!; done\"]\n";
    let init = Init::new().unit("main.toml", unit).start();
    init.wait_active("main", "active");
    assert_eq!(init.stop().code(), Some(0));
}
