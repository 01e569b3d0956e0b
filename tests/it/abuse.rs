//! Clients and tenants that cost: slow ones, silent ones, ones that never read. Good ones are served all the while, and
//! memory stays what it was.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::client::{Connection, request_head};
use crate::faults::Fault;
use crate::forward_upstream::at_rest;
use crate::harness::{Init, eventually};
use crate::procfs;
use crate::puppet::{Puppet, Upstream};
use crate::web::web;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
/// Bodies that must not be held in memory.
const LARGE: usize = 64 * MIB as usize;
/// A part of them.
const PIECE: &[u8] = &[b'x'; 64 * 1024];

fn boston() -> (Init, Puppet) {
    Init::new().puppet(web(&["boston"]))
}

/// A client that has sent this, and whose tenant has got the head.
fn asked(init: &Init, puppet: &mut Puppet, request: &[u8]) -> (Connection, Upstream) {
    let mut client = init.connect();
    client.send(request).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    (client, tenant)
}

/// The tenant has answered once: from now on it is up.
fn warm(init: &Init, puppet: &mut Puppet) {
    let (mut client, mut tenant) = asked(init, puppet, &get("/boston"));
    tenant.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    client.reply("GET").expect("an answer").expect(200);
}

fn get(target: &str) -> Vec<u8> {
    request_head("GET", target, &[], 0)
}

/// Answers with so many bytes; false if tenantd does not take them all.
fn pour(tenant: &mut Upstream, length: usize) -> bool {
    let pieces = length / PIECE.len();
    tenant.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", pieces * PIECE.len()));
    (0..pieces).all(|_| tenant.send(PIECE))
}

/// The most memory of tenantd's own while `busy` runs, beyond what it had before.
fn growth(init: &Init, busy: impl FnOnce(&mut dyn FnMut())) -> u64 {
    let before = procfs::anonymous(init.pid());
    let mut most = before;
    busy(&mut || most = most.max(procfs::anonymous(init.pid())));
    println!("from {} KiB by {} KiB", before / KIB, (most - before) / KIB);
    most - before
}

#[test]
fn hundreds_of_slow_heads_hold_nobody_up() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    let request = get("/boston?slow");
    let mut slow: Vec<_> = (0..400).map(|_| init.connect()).collect();
    let (last, trickle) = request.split_last().expect("bytes");
    for (turn, byte) in trickle.iter().enumerate() {
        for client in &mut slow {
            client.send(&[*byte]).expect("send");
        }
        // None of the four hundred is whole, and each round of them costs no good one its answer.
        if turn % 8 == 0 {
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        let mut good = init.connect();
                        (0..5).for_each(|_| drop(good.get("/boston").expect("an answer").expect(200)));
                    });
                }
            });
        }
    }
    for client in &mut slow {
        client.send(&[*last]).expect("send");
        client.reply("GET").expect("an answer").expect(200);
    }
    at_rest(&init);
}

#[test]
fn clients_that_never_read_cost_no_memory_and_end() {
    const CLIENTS: u64 = 16;
    let (init, mut puppet) =
        Init::new().http("timeout_body = \"1500ms\"").puppet(web(&["boston"]).route("connections = 16"));
    warm(&init, &mut puppet);
    let grown = growth(&init, |look| {
        let mut clients = Vec::new();
        let tenants: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (client, mut tenant) = asked(&init, &mut puppet, &get("/boston"));
                clients.push(client);
                thread::spawn(move || pour(&mut tenant, LARGE))
            })
            .collect();
        eventually("nobody waits any longer for those who do not read", || {
            look();
            tenants.iter().all(|tenant| tenant.is_finished())
        });
        let sent = tenants.into_iter().any(|tenant| tenant.join().expect("a tenant"));
        assert!(!sent, "somewhere there is room for all of it");
    });
    // One share more for what they have in common.
    assert!(grown <= (CLIENTS + 1) * 128 * KIB, "{CLIENTS} clients cost {} KiB", grown / KIB);
    at_rest(&init);
}

#[test]
fn a_slow_reader_of_100_mb_costs_half_a_megabyte() {
    const BODY: usize = 1600 * PIECE.len();
    let (init, mut puppet) = boston();
    warm(&init, &mut puppet);
    // What all readers share has been used before, and the memory of one is in use.
    let (mut first, sending_first) = reader(&init, &mut puppet, BODY);
    (0..100).for_each(|_| drop(first.exactly(PIECE.len()).expect("a piece")));
    let grown = growth(&init, |look| {
        let (mut client, sending) = reader(&init, &mut puppet, BODY);
        for _ in 0..BODY / PIECE.len() {
            client.exactly(PIECE.len()).expect("a piece");
            look();
        }
        assert!(sending.join().expect("a tenant"));
    });
    assert!(grown <= 512 * KIB, "{} KiB", grown / KIB);
    drop(first);
    assert!(!sending_first.join().expect("a tenant"));
}

/// A client that has the head of an answer of so many bytes, and a tenant that sends them.
fn reader(init: &Init, puppet: &mut Puppet, length: usize) -> (Connection, thread::JoinHandle<bool>) {
    let (mut client, mut tenant) = asked(init, puppet, &get("/boston"));
    let sending = thread::spawn(move || pour(&mut tenant, length));
    client.head().expect("a head");
    (client, sending)
}

#[test]
fn an_upload_costs_half_a_megabyte_whatever_its_length() {
    let (init, mut puppet) = boston();
    warm(&init, &mut puppet);
    let grown = growth(&init, |look| {
        let head = request_head("POST", "/boston", &[], LARGE);
        let (mut client, mut tenant) = asked(&init, &mut puppet, &head);
        let reading = thread::spawn(move || {
            (0..LARGE / PIECE.len()).for_each(|_| drop(tenant.exactly(PIECE.len())));
            tenant.ok("all of it")
        });
        for _ in 0..LARGE / PIECE.len() {
            client.send(PIECE).expect("send");
            look();
        }
        assert_eq!(client.reply("POST").expect("an answer").expect(200).text(), "all of it");
        assert!(reading.join().expect("a tenant"));
    });
    assert!(grown <= 512 * KIB, "{} KiB", grown / KIB);
}

#[test]
fn an_upload_to_a_tenant_that_does_not_read_waits_in_bounded_memory() {
    let (init, mut puppet) =
        Init::new().http("timeout_body = \"1500ms\"\ntimeout_response = \"1500ms\"").puppet(web(&["boston"]));
    warm(&init, &mut puppet);
    let grown = growth(&init, |look| {
        let head = request_head("POST", "/boston", &[], LARGE);
        let (mut client, tenant) = asked(&init, &mut puppet, &head);
        let mut writer = client.writer();
        let sending = thread::spawn(move || (0..LARGE / PIECE.len()).all(|_| writer.write_all(PIECE).is_ok()));
        eventually("the tenant's place is free again", || {
            look();
            init.list()[0]["requests"]["in_flight"] == 0
        });
        client.reply("POST").expect("an answer").expect(504);
        sending.join().expect("a client");
        drop(tenant);
    });
    assert!(grown <= 512 * KIB, "{} KiB", grown / KIB);
    at_rest(&init);
}

#[test]
fn tenants_that_never_answer_are_504_and_their_places_are_free_again() {
    let (init, mut puppet) = Init::new().http("timeout_response = \"300ms\"").puppet(web(&["boston"]));
    warm(&init, &mut puppet);
    for round in 0..2 {
        let mut silent: Vec<_> = (0..5).map(|_| asked(&init, &mut puppet, &get("/boston?silent"))).collect();
        for (client, tenant) in &mut silent {
            client.reply("GET").unwrap_or_else(|error| panic!("round {round}: {error}")).expect(504);
            assert_eq!(tenant.rest(), b"");
        }
    }
    let (mut client, mut tenant) = asked(&init, &mut puppet, &get("/boston?next"));
    tenant.ok("served");
    assert_eq!(client.reply("GET").expect("an answer").expect(200).text(), "served");
    at_rest(&init);
}

#[test]
fn a_tenant_that_is_killed_in_the_middle_of_an_answer_ends_its_clients_answer_short() {
    let init = Init::new().web(&web(&["boston"])).start();
    for target in ["/boston/big?bytes=300000000", "/boston/chunked?n=300000&bytes=1000"] {
        let mut client = init.connect();
        client.send(&get(target)).expect("send");
        let head = client.head().expect("a head");
        client.exactly(1_000_000).expect("its begin");
        assert!(init.kill_unit("web@boston"));
        let rest = client.rest();
        let whole = head.field("content-length").is_some_and(|length| length == (rest.len() + 1_000_000).to_string());
        assert!(!whole && !rest.ends_with(b"0\r\n\r\n"), "{target}: {} bytes look whole", rest.len());
        init.get("/boston").expect(200);
    }
    at_rest(&init);
}

#[test]
fn who_leaves_before_the_answer_is_499() {
    let (init, mut puppet) = boston();
    let (client, mut tenant) = asked(&init, &mut puppet, &get("/boston/left"));
    client.reset();
    assert_eq!(tenant.rest(), b"");
    init.wait_log(&["GET /boston/left", " 499 "]);
    at_rest(&init);
}

#[test]
fn without_descriptors_accepting_pauses_and_goes_on_by_itself() {
    let init = Init::new().web(&web(&["boston"])).start();
    let mut inside = init.connect();
    inside.get("/boston").expect("an answer").expect(200);
    let fault = Fault::begin(&init, "accept4:error=EMFILE");
    let mut outside = TcpStream::connect(init.address()).expect("the kernel's queue");
    outside.write_all(b"GET /up HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("send");
    eventually("accepting was tried again and again", || {
        inside.get("/boston").expect("who is inside is served").expect(200);
        fault.injected() >= 4
    });
    // Nobody else comes: only a timer can see that there is room again. The end of the fault says that nothing spun.
    assert!(fault.end() >= 4);
    let mut answer = String::new();
    outside.set_read_timeout(Some(Duration::from_secs(40))).expect("a timeout");
    outside.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

/// Five of them would hold all places of the tenant.
#[test]
fn slow_bodies_leave_the_tenants_places_to_others() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    let mut slow: Vec<_> = (0..20).map(|_| init.connect()).collect();
    for client in &mut slow {
        client.send(&request_head("POST", "/boston", &[], 100)).expect("send");
        client.send(b"x").expect("send");
    }
    init.get("/boston").expect(200);
    for client in &mut slow {
        client.send(&[b'x'; 99]).expect("send");
        client.reply("POST").expect("an answer").expect(200);
    }
    at_rest(&init);
}
