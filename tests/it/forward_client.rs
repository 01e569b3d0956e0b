//! Clients that do what few do: pipelining, half a close, leaving, silence; and what becomes of their counters.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::client::{Connection, request_head};
use crate::forward_upstream::at_rest;
use crate::harness::{Init, eventually};
use crate::puppet::{Puppet, Upstream};
use crate::web::web;

fn boston() -> (Init, Puppet) {
    Init::new().puppet(web(&["boston"]))
}

fn get(target: &str) -> Vec<u8> {
    request_head("GET", target, &[], 0)
}

const UPGRADE: &[(&str, &str)] = &[("Connection", "Upgrade"), ("Upgrade", "raw")];
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n";

fn tunnel(init: &Init, puppet: &mut Puppet) -> (Connection, Upstream) {
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston", UPGRADE, 0)).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    tenant.send(SWITCH);
    assert_eq!(client.head().expect("a head").status, 101);
    (client, tenant)
}

#[test]
fn pipelined_requests_that_need_no_tenant_are_all_answered() {
    let init = Init::new().web(&web(&["boston"])).start();
    let mut client = init.connect();
    let mut all = Vec::new();
    for n in 0..100 {
        all.extend(get(["/up", "/nowhere", "/boston"][n % 3]));
    }
    client.send(&all).expect("send");
    for n in 0..100 {
        client.reply("GET").expect("an answer").expect([200, 404, 200][n % 3]);
    }
    client.get("/up").expect("the connection is kept").expect(200);
}

#[test]
fn pipelined_bodies_stay_apart() {
    let init = Init::new().web(&web(&["boston"])).start();
    let mut client = init.connect();
    let mut all = Vec::new();
    for n in 0..30 {
        if n % 2 == 0 {
            all.extend(request_head("POST", "/boston", &[], 3000 * n + 1));
            all.extend(vec![b'x'; 3000 * n + 1]);
        } else {
            all.extend(request_head("POST", "/boston", &[("Transfer-Encoding", "chunked")], 0));
            all.extend(format!("{:x}\r\n{}\r\n0\r\nX-T: 1\r\n\r\n", 3000 * n + 1, "y".repeat(3000 * n + 1)).bytes());
        }
        all.extend(get("/up"));
    }
    let mut writer = client.writer();
    std::thread::scope(|scope| {
        scope.spawn(move || std::io::Write::write_all(&mut writer, &all).expect("send"));
        for n in 0..30 {
            let echo = client.reply("POST").expect("an answer").expect(200).json();
            assert_eq!(echo["length"], 3000 * n + 1);
            client.reply("GET").expect("an answer").expect(200);
        }
    });
}

#[test]
fn a_client_that_leaves_frees_its_place_at_every_moment() {
    let (init, mut puppet) = Init::new().puppet(web(&["boston"]).route("connections = 1"));
    // Its request has been sent; another waits behind it.
    let mut first = init.connect();
    first.send(&get("/boston?first")).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    let mut second = init.connect();
    second.send(&get("/boston?second")).expect("send");
    eventually("the second waits", || init.list()[0]["requests"]["waiting"] == 1);
    drop(second);
    eventually("who waited is forgotten", || init.list()[0]["requests"]["waiting"] == 0);
    first.reset();
    assert_eq!(tenant.rest(), b"");
    at_rest(&init);
    // In the middle of its body, of the answer's head, and of the answer's body.
    for moment in 0..3 {
        let mut client = init.connect();
        client.send(&request_head("POST", "/boston", &[], 10)).expect("send");
        client.send(if moment == 0 { b"half" } else { b"0123456789" }).expect("send");
        let mut tenant = puppet.accept();
        tenant.until(if moment == 0 { "half" } else { "0123456789" });
        if moment > 0 {
            tenant.send("HTTP/1.1 200 OK\r\nContent-Le");
        }
        if moment == 2 {
            tenant.send("ngth: 1000\r\n\r\nx");
            client.head().expect("a head");
        }
        client.reset();
        assert_eq!(tenant.rest(), b"");
        at_rest(&init);
    }
    let mut client = init.connect();
    client.send(&get("/boston?last")).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    tenant.ok("served");
    client.reply("GET").expect("an answer").expect(200);
}

#[test]
fn half_a_close_in_the_waiting_room_is_a_leave() {
    let init = Init::new().web(&web(&["boston"]).set("GATE", "@DIR@/gate").route("connections = 1")).start();
    let mut sent = init.connect();
    sent.send(&get("/boston?sent")).expect("send");
    eventually("it is sent", || init.list()[0]["requests"]["in_flight"] == 1);
    let mut waiting = init.connect();
    waiting.send(&get("/boston?waits")).expect("send");
    eventually("it waits", || init.list()[0]["requests"]["waiting"] == 1);
    sent.finish().expect("shutdown");
    waiting.finish().expect("shutdown");
    assert!(waiting.is_closed());
    std::fs::write(init.file("gate"), "").expect("gate");
    sent.reply("GET").expect("an answer").expect(200);
    at_rest(&init);
}

#[test]
fn half_a_close_behind_pipelined_requests_is_answered_to_the_end() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    let mut all = get("/boston?a");
    all.extend(get("/up"));
    all.extend(get("/boston?b"));
    let answers = init.raw(&all);
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
}

#[test]
fn expect_100_continue_to_a_tenant_that_never_answers_ends_with_an_answer() {
    let (init, mut puppet) = Init::new().puppet(web(&["boston"]).route("wait = \"200ms\""));
    let mut client = init.connect();
    client.send(&request_head("POST", "/boston", &[("Expect", "100-continue")], 5)).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    let reply = client.reply("POST").expect("an answer").expect(503);
    assert_eq!(reply.field("connection"), Some("close"));
    at_rest(&init);
}

#[test]
fn a_body_that_stops_is_408() {
    let (init, mut puppet) =
        Init::new().http("timeout_body = \"200ms\"\ntimeout_response = \"100ms\"").puppet(web(&["boston"]));
    let mut client = init.connect();
    client.send(&get("/boston")).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    tenant.ok("up");
    client.reply("GET").expect("an answer").expect(200);
    client.send(&request_head("POST", "/boston", &[], 5)).expect("send");
    client.send(b"he").expect("send");
    client.reply("POST").expect("an answer").expect(408);
    at_rest(&init);
}

#[test]
fn a_tunnel_passes_what_came_early_on_both_sides() {
    let (init, mut puppet) = boston();
    let mut client = init.connect();
    let mut early = request_head("GET", "/boston", UPGRADE, 0);
    early.extend(b"early bytes");
    client.send(&early).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    tenant.send(format!("{SWITCH}tenant's"));
    assert_eq!(client.head().expect("a head").status, 101);
    assert_eq!(client.exactly(8).expect("bytes"), b"tenant's");
    assert_eq!(tenant.exactly(11), b"early bytes");
    drop(client);
    assert_eq!(tenant.rest(), b"");
    drop(tenant);
    at_rest(&init);
}

#[test]
fn an_upgrade_that_is_refused_leaves_the_next_request() {
    let (init, mut puppet) = boston();
    let mut client = init.connect();
    let mut both = request_head("GET", "/boston?upgrade", UPGRADE, 0);
    both.extend(get("/boston?next"));
    client.send(&both).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    tenant.send("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno");
    assert!(tenant.head().starts_with("GET /boston?next"));
    tenant.ok("yes");
    client.reply("GET").expect("an answer").expect(426);
    client.reply("GET").expect("an answer").expect(200);
}

#[test]
fn a_tunnel_ends_one_way_at_a_time() {
    let (init, mut puppet) = boston();
    let (mut client, mut tenant) = tunnel(&init, &mut puppet);
    client.send(b"that is all").expect("send");
    client.finish().expect("shutdown");
    assert_eq!(tenant.rest(), b"that is all");
    let last = "x".repeat(3_000_000);
    tenant.send(&last);
    drop(tenant);
    assert!(client.rest() == last.as_bytes());
    at_rest(&init);
}

#[test]
fn the_last_words_of_a_tunnel_survive_a_client_that_goes_on_talking() {
    let (init, mut puppet) = boston();
    let (mut client, mut tenant) = tunnel(&init, &mut puppet);
    init.signal(Signal::SIGSTOP);
    client.send(b"more").expect("send");
    tenant.send("last words");
    drop(tenant);
    init.signal(Signal::SIGCONT);
    assert_eq!(client.rest(), b"last words");
    at_rest(&init);
}

#[test]
fn a_tunnel_whose_tenant_stands_still_ends_with_its_client() {
    let (init, mut puppet) = boston();
    let (mut client, tenant) = tunnel(&init, &mut puppet);
    // More than fits on the way: tenantd stops reading.
    client.flood(Duration::from_millis(300));
    client.reset();
    at_rest(&init);
    drop(tenant);
}

#[test]
fn a_slow_reader_does_not_start_a_stopped_tenant_again() {
    let (init, mut puppet) = Init::new().puppet(web(&["boston"]).service("timeout_stop = \"300ms\""));
    let mut client = init.connect();
    client.send(&get("/boston")).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    let writer = std::thread::spawn(move || {
        tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n");
        tenant.send(vec![b'x'; 20_000_000])
    });
    client.head().expect("a head");
    assert_eq!(init.verb(&["stop", "web@boston"]).code, 0);
    assert_eq!(
        (init.status("web@boston")["active"].as_str(), &init.status("web@boston")["starts"]),
        (Some("inactive"), &1.into())
    );
    client.exactly(20_000_000).expect("all of it");
    assert!(writer.join().expect("a tenant"));
    at_rest(&init);
    assert_eq!(init.status("web@boston")["starts"], 1);
}

#[test]
fn too_many_clients_leave_room_for_tenants_and_operators() {
    let init = Init::new().wrapper(&["prlimit", "--nofile=256:256", "--"]).web(&web(&["boston"])).start();
    let mut clients: Vec<_> = (0..400).map(|_| init.connect()).collect();
    for client in clients.iter_mut().take(20) {
        client.get("/boston").expect("an answer").expect(200);
    }
    assert_eq!(init.status("web@boston")["active"], "active");
    // Who could not come in waits, and is served when others have left.
    let mut last = clients.pop().expect("a client");
    clients.clear();
    last.get("/boston").expect("an answer").expect(200);
}

#[test]
fn silent_operators_do_not_lock_the_others_out() {
    let init = Init::new().web(&web(&["boston"])).start();
    let socket = init.file("run/control.sock");
    let silent: Vec<_> = (0..200).map(|_| std::os::unix::net::UnixStream::connect(&socket)).collect();
    for garbage in [&b"garbage\n"[..], b"\n", b"{\"verb\":", &[0xff; 100_000]] {
        let mut operator = std::os::unix::net::UnixStream::connect(&socket).expect("connect");
        let _ = std::io::Write::write_all(&mut operator, garbage);
    }
    assert_eq!(init.status("web@boston")["active"], "inactive");
    drop(silent);
}
