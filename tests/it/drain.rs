//! SIGTERM while clients are in the middle of something: each is answered, and nobody keeps tenantd from ending.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

use nix::sys::signal::Signal;

use crate::client::{Connection, request_head};
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

#[test]
fn who_has_connected_before_the_end_is_answered() {
    let mut init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    init.signal(Signal::SIGSTOP);
    let mut clients: Vec<_> = (0..200).map(|_| init.connect()).collect();
    for client in &mut clients {
        client.send(&get("/boston")).expect("send");
    }
    init.signal(Signal::SIGTERM);
    init.signal(Signal::SIGCONT);
    for client in &mut clients {
        let reply = client.reply("GET").expect("an answer");
        assert!(matches!(reply.status(), 200 | 503), "{reply:?}");
        assert_eq!(reply.field("connection"), Some("close"));
        assert!(client.is_closed());
    }
    assert!(init.wait().success());
}

#[test]
fn kept_connections_end_last_and_without_a_reset() {
    let (mut init, mut puppet) = Init::new().puppet(web(&["boston"]));
    let mut busy = init.connect();
    busy.send(&get("/boston")).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    let mut kept = init.connect();
    kept.get("/up").expect("an answer").expect(200);
    let mut half = init.connect();
    half.send(b"GET /up HT").expect("send");
    // Its answer has begun, and has not said that it is the last on this connection.
    let mut begun = init.connect();
    begun.send(&get("/boston?begun")).expect("send");
    let mut other = puppet.accept();
    other.head();
    other.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    assert_eq!(begun.head().expect("a head").field("connection"), None);
    init.signal(Signal::SIGTERM);
    init.wait_log(&["web@boston: stopping"]);
    other.send("llo");
    assert_eq!(begun.exactly(5).expect("a body"), b"hello");
    // As long as anything is left to be done, a request on a kept connection is answered.
    begun.get("/boston").expect("an answer").expect(503);
    tenant.ok("answered");
    assert_eq!(busy.reply("GET").expect("an answer").expect(200).text(), "answered");
    drop((tenant, other));
    assert_eq!(half.reply("GET").expect("an answer").expect(503).field("connection"), Some("close"));
    assert!(kept.is_closed());
    assert!(init.wait().success());
}

#[test]
fn a_reader_that_takes_its_time_gets_the_end_of_its_answer() {
    let (mut init, mut puppet) = Init::new().puppet(web(&["boston"]));
    let mut client = init.connect();
    client.send(&get("/boston")).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    let body = "e".repeat(20_000_000);
    thread::scope(|scope| {
        let tenant = scope.spawn(|| {
            tenant.ok(&body);
            drop(tenant);
        });
        client.head().expect("a head");
        init.signal(Signal::SIGTERM);
        init.wait_log(&["web@boston: stopping"]);
        assert_eq!(client.exactly(body.len()).expect("all of it").len(), body.len());
        tenant.join().expect("the tenant");
    });
    assert!(init.wait().success());
}

#[test]
fn tunnels_end_behind_the_last_word_of_their_tenant() {
    const UPGRADE: &[(&str, &str)] = &[("Connection", "Upgrade"), ("Upgrade", "raw")];
    let (mut init, mut puppet) = Init::new().puppet(web(&["boston"]));
    let mut open = || {
        let mut client = init.connect();
        client.send(&request_head("GET", "/boston", UPGRADE, 0)).expect("send");
        let mut tenant = puppet.accept();
        tenant.head();
        tenant.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n");
        assert_eq!(client.head().expect("a head").status, 101);
        (client, tenant)
    };
    let (mut told, mut tenant) = open();
    let (mut silent, _silent_tenant) = open();
    // Something in flight, so that the end takes as long as the test does.
    let mut busy = init.connect();
    busy.send(&get("/boston")).expect("send");
    let mut last = puppet.accept();
    last.head();
    init.signal(Signal::SIGTERM);
    init.wait_log(&["web@boston: stopping"]);
    tenant.send("its close frame");
    drop(tenant);
    assert_eq!(told.rest(), b"its close frame");
    last.ok("done");
    busy.reply("GET").expect("an answer").expect(200);
    // One whose tenant does not close is cut at the end.
    assert_eq!(silent.rest(), b"");
    assert!(init.wait().success());
}

/// Asks until the connection is said to end, or nobody takes a new one; counts complete answers.
fn client(init: &Init, keep: bool, answered: &AtomicUsize, over: &AtomicBool) {
    while let Ok(mut connection) = Connection::open(init.address()) {
        let mut fresh = true;
        loop {
            let reply = match connection.get("/boston/slow?ms=2") {
                Ok(reply) => reply,
                // It stood at the door in the very moment when that was closed: the kernel refused it.
                Err(error) if fresh && error.kind() == ErrorKind::ConnectionReset && over.load(SeqCst) => return,
                Err(error) => panic!("a request without an answer: {error}"),
            };
            let allowed: &[u16] = if over.load(SeqCst) { &[200, 503] } else { &[200] };
            assert!(allowed.contains(&reply.status()), "{reply:?}");
            answered.fetch_add(1, SeqCst);
            fresh = false;
            if !keep || reply.field("connection") == Some("close") {
                break;
            }
        }
    }
}

#[test]
fn no_request_is_without_an_answer_under_load() {
    let mut init = Init::new().web(&web(&["boston", "nyc"])).start();
    init.get("/boston").expect(200);
    let (answered, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        // As long as this one is in flight, everybody has his turn.
        let slow = scope.spawn(|| init.get("/nyc/slow?ms=1500").expect(200));
        eventually("it is in flight", || init.status("web@nyc")["requests"]["in_flight"] == 1);
        let clients: Vec<_> = (0..16)
            .map(|n| {
                scope.spawn({
                    let (init, answered, over) = (&init, &answered, &over);
                    move || client(init, n % 4 != 0, answered, over)
                })
            })
            .collect();
        eventually("they are served", || answered.load(SeqCst) > 200);
        over.store(true, SeqCst);
        init.signal(Signal::SIGTERM);
        for client in clients {
            client.join().expect("a client");
        }
        slow.join().expect("the slow one");
    });
    assert!(init.wait().success());
}
