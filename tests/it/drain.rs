//! SIGTERM while clients are in the middle of something: each is answered, and nobody keeps tenantd from ending.

use nix::sys::signal::Signal;

use crate::client::request_head;
use crate::harness::{Init, eventually};
use crate::web::web;

fn get(target: &str) -> Vec<u8> {
    request_head("GET", target, &[], 0)
}

#[test]
fn the_request_in_flight_is_answered_and_closes_its_connection() {
    let (init, mut puppet) = Init::new().puppet(web(&["boston"]));
    let mut client = init.connect();
    client.send(&get("/boston")).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    let mut idle = init.connect();
    idle.get("/up").expect("an answer").expect(200);
    let mut half = init.connect();
    half.send(b"GET /up HT").expect("send");
    init.signal(Signal::SIGTERM);
    init.wait_log(&["web@boston: stopping"]);
    // A kept connection is told that it was the last one; a new request to a tenant would come too late.
    let reply = idle.get("/boston").expect("an answer").expect(503);
    assert_eq!(reply.field("connection"), Some("close"));
    tenant.ok("answered");
    let reply = client.reply("GET").expect("an answer").expect(200);
    assert_eq!((reply.text().as_str(), reply.field("connection")), ("answered", Some("close")));
    assert!(client.is_closed());
    drop(tenant);
    assert!(init.stop().success());
}

#[test]
fn requests_that_wait_are_told_so_before_the_end() {
    let init = Init::new().web(&web(&["boston"]).set("GATE", "@DIR@/gate").route("connections = 1")).start();
    let mut sent = init.connect();
    sent.send(&get("/boston?sent")).expect("send");
    eventually("it is sent", || init.list()[0]["requests"]["in_flight"] == 1);
    let mut waits = init.connect();
    waits.send(&get("/boston?waits")).expect("send");
    eventually("it waits", || init.list()[0]["requests"]["waiting"] == 1);
    init.signal(Signal::SIGTERM);
    sent.reply("GET").expect("an answer").expect(503);
    waits.reply("GET").expect("an answer").expect(503);
}

#[test]
fn a_slow_reader_gets_all_of_its_answer() {
    let init = Init::new().web(&web(&["boston"])).start();
    let mut client = init.connect();
    client.send(&get("/boston/big?bytes=3000000")).expect("send");
    client.head().expect("a head");
    init.signal(Signal::SIGTERM);
    init.wait_log(&["web@boston: stopping"]);
    assert_eq!(client.exactly(3_000_000).expect("all of it").len(), 3_000_000);
}
