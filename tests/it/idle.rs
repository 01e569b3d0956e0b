//! A tenant stops when nobody needs it, and no instant of that stop costs a request.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::client::request_head;
use crate::harness::{Init, eventually};
use crate::random::Random;
use crate::web::web;
use crate::websocket::Cable;

/// How often each token was served.
pub fn served(count: &Path) -> HashMap<String, usize> {
    let mut served = HashMap::new();
    for token in fs::read_to_string(count).unwrap_or_default().lines() {
        *served.entry(token.to_owned()).or_default() += 1;
    }
    served
}

#[test]
fn an_idle_tenant_is_stopped_and_starts_again() {
    let init = Init::new().web(&web(&["boston"]).service("idle_stop = \"100ms\"")).start();
    let first: u32 = init.get("/boston/pid").expect(200).text().parse().expect("a pid");
    let outer = init.outer(first).expect("its process");
    init.wait_active("web@boston", "inactive");
    assert!(!Path::new(&format!("/proc/{outer}")).exists(), "the process is still there");
    let second: u32 = init.get("/boston/pid").expect(200).text().parse().expect("a pid");
    assert_ne!(first, second);
    assert_eq!(init.status("web@boston")["starts"], 2);
}

#[test]
fn a_tenant_without_idle_stop_stays() {
    let init = Init::new()
        .web(&web(&["boston"]))
        .unit("clock@.toml", &web(&["x"]).route("path = \"/clock\"").service("idle_stop = \"100ms\"").text())
        .start();
    init.get("/boston").expect(200);
    init.get("/clock").expect(200);
    init.wait_active("clock@x", "inactive");
    assert_eq!(init.status("web@boston")["active"], "active");
}

#[test]
fn t88_an_open_websocket_is_not_idle() {
    let init = Init::new().web(&web(&["boston", "clock"]).service("idle_stop = \"100ms\"")).start();
    let mut cable = Cable::open(&init, "/boston/cable", &[]);
    // The neighbour's idle stops tell the time.
    for _ in 0..3 {
        init.get("/clock").expect(200);
        init.wait_active("web@clock", "inactive");
    }
    let status = init.status("web@boston");
    assert_eq!((&status["active"], &status["requests"]["tunnels"]), (&"active".into(), &1.into()), "{status}");
    assert_eq!(cable.echo("still here"), "still here");
    drop(cable);
    init.wait_active("web@boston", "inactive");
}

#[test]
fn a_request_in_flight_is_not_idle() {
    let init = Init::new().web(&web(&["boston", "clock"]).service("idle_stop = \"50ms\"")).start();
    let mut client = init.connect();
    client
        .send(&request_head("GET", &format!("/boston/sse?n=1&gate={}", init.file("go").display()), &[], 0))
        .expect("send");
    client.head().expect("a head");
    for _ in 0..3 {
        init.get("/clock").expect(200);
        init.wait_active("web@clock", "inactive");
    }
    assert_eq!(init.status("web@boston")["active"], "active");
    fs::write(init.file("go-0"), "").expect("gate");
    assert_eq!(client.chunk().expect("a chunk").as_deref(), Some(&b"data: 0\n\n"[..]));
}

#[test]
fn t83_a_request_at_any_instant_of_the_stop_is_served_exactly_once() {
    let init = Init::new().web(&web(&["boston"]).service("idle_stop = \"10ms\"")).start();
    let mut random = Random::new(83);
    let mut client = init.connect();
    for n in 0..200 {
        let method = if n % 2 == 0 { "GET" } else { "POST" };
        let reply = client.request(method, &format!("/boston?token={n}"), &[], &vec![b'x'; n * 10]);
        reply.unwrap_or_else(|error| panic!("{n}: {error}")).expect(200);
        random.jitter(Duration::from_millis(25));
    }
    let served = served(&init.file("count"));
    for n in 0..200 {
        assert_eq!(served.get(&n.to_string()), Some(&1), "request {n}");
    }
    let starts = init.status("web@boston")["starts"].as_u64();
    assert!(starts > Some(10), "the stops were hardly tried: {starts:?} starts");
}

#[test]
fn a_tenant_that_ignores_sigterm_is_killed_and_the_next_request_starts_it() {
    let tenant = web(&["boston"]).set("IGNORE_TERM", "1").service("idle_stop = \"50ms\"\ntimeout_stop = \"200ms\"");
    let init = Init::new().web(&tenant).start();
    init.get("/boston").expect(200);
    init.wait_log(&["web@boston", "SIGKILL"]);
    init.get("/boston").expect(200);
    assert!(init.status("web@boston")["starts"].as_u64() >= Some(2));
}

#[test]
fn a_killed_tenant_is_started_by_the_next_request() {
    let init = Init::new().web(&web(&["boston"])).start();
    for _ in 0..20 {
        init.get("/boston").expect(200);
        assert!(init.kill_unit("web@boston"));
        init.get("/boston").expect(200);
    }
}

#[test]
fn a_crash_is_noticed_at_once() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    assert!(init.kill_unit("web@boston"));
    eventually("its process is gone from the status", || init.status("web@boston")["pid"].is_null());
    init.get("/boston").expect(200);
}

#[test]
fn a_tenant_that_dies_in_the_middle_of_an_answer_cuts_it_short() {
    let init = Init::new().web(&web(&["boston"])).start();
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston/die", &[], 0)).expect("send");
    // Never a whole answer out of half a one: 502, or a connection that is reset.
    match client.reply("GET") {
        Ok(reply) => assert_eq!(reply.status(), 502),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
    init.get("/boston").expect(200);
}
