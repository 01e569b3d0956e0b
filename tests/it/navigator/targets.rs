//! V49 to V51, as far as tenants go: hooks of `idle` and `resume`, and who waits for them.

use std::fs;

use crate::client::request_head;
use crate::harness::{Init, eventually};
use crate::setup::Setup;
use crate::web::web;

/// A tenant that waits for the hook of `resume`, which waits for the file `gate`; each hook says its name in `said`.
fn hooks() -> Setup {
    let hook = |target: &str, first: &str| {
        format!(
            "[unit]\nwanted_by = [\"{target}\"]\n[service]\ntype = \"oneshot\"\n\
             exec_start = [\"sh\", \"-c\", \"echo {target} >> @DIR@/said{first}\"]\n"
        )
    };
    let gated = "; until [ -e @DIR@/gate ]; do sleep 0.01; done";
    let tenants =
        format!("[unit]\nafter = [\"on-resume\"]\n{}", web(&["a", "b"]).service("idle_stop = \"50ms\"").text());
    let clock = web(&["x"]).route("path = \"/clock\"").service("idle_stop = \"50ms\"").text();
    let setup = Init::new().unit("web@.toml", &tenants).unit("clock@.toml", &clock);
    setup.unit("on-resume.toml", &hook("resume", gated)).unit("on-idle.toml", &hook("idle", ""))
}

fn said(init: &Init) -> String {
    fs::read_to_string(init.file("said")).unwrap_or_default()
}

/// Up once, and down again.
fn idle(init: &Init) {
    init.get("/a").expect(200);
    eventually("it is idle", || said(init) == "idle\n");
}

#[test]
fn v49_v51_the_first_request_is_held_like_the_others_and_counts_as_activity() {
    let init = hooks().start();
    idle(&init);
    let mut clients: Vec<_> = ["/a", "/b"]
        .into_iter()
        .map(|target| {
            let mut client = init.connect();
            client.send(&request_head("GET", target, &[], 0)).expect("send");
            client
        })
        .collect();
    for unit in ["web@a", "web@b"] {
        eventually("it waits", || init.status(unit)["requests"]["waiting"] == 1);
        assert!(init.status(unit)["pid"].is_null(), "{unit} did not wait for the hook");
    }
    // A neighbour that does not wait comes and goes: its idle stops tell the time.
    for _ in 0..2 {
        init.get("/clock").expect(200);
        init.wait_active("clock@x", "inactive");
    }
    assert_eq!(said(&init), "idle\nresume\n");
    fs::write(init.file("gate"), "").expect("gate");
    clients.iter_mut().for_each(|client| drop(client.reply("GET").expect("an answer").expect(200)));
    eventually("it is idle again", || said(&init) == "idle\nresume\nidle\n");
}

#[test]
fn v50_a_health_check_resumes_nothing_and_waits_for_nothing() {
    let mut init = hooks().start();
    idle(&init);
    for target in ["/up", "/a/up", "/a/robots.txt"] {
        init.get(target);
    }
    init.get("/up").expect(200);
    assert_eq!(init.status("web@a")["starts"], 1);
    init.signal(nix::sys::signal::Signal::SIGTERM);
    init.wait();
    assert_eq!(said(&init), "idle\n");
}
