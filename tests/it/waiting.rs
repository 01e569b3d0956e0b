//! The waiting room: whose turn it is, how many there may be, who gets a page, and who wakes nobody.

use std::fs;

use nix::sys::signal::Signal;

use crate::client::{Connection, request_head};
use crate::harness::{Init, eventually};
use crate::idle::served;
use crate::puppet::{Puppet, Upstream};
use crate::setup::Setup;
use crate::web::{Web, web};

/// Boots once the file `gate` exists, and holds its boot slot until then.
fn gated(names: &[&str]) -> Web {
    web(names).set("GATE", "@DIR@/gate").set("NOTIFY", "1").service("type = \"notify\"").route("connections = 1")
}

fn open_gate(init: &Init) {
    fs::write(init.file("gate"), "").expect("the gate");
}

fn count(init: &Init, unit: &str, what: &str) -> u64 {
    init.status(unit)["requests"][what].as_u64().expect("a number")
}

/// A client of this address has asked, and waits as the `nth` of `web@boston`.
fn waits(init: &Init, from: &str, target: &str, more: &[(&str, &str)], nth: u64) -> Connection {
    let mut client = init.connect();
    let fields = [&[("X-Forwarded-For", from)], more].concat();
    client.send(&request_head("GET", target, &fields, 0)).expect("send");
    eventually("it waits", || count(init, "web@boston", "waiting") == nth);
    client
}

/// A tenant with one connection, which the first request has.
fn taken() -> (Init, Puppet, Connection, Upstream) {
    let setup = Init::new().http("trusted_proxies = [\"127.0.0.0/8\"]");
    let (init, mut puppet) = setup.puppet(web(&["boston"]).route("connections = 1"));
    let mut first = init.connect();
    first.send(&request_head("GET", "/boston/first", &[], 0)).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    (init, puppet, first, tenant)
}

/// Answers the requests that come on this connection, one after the other; returns their paths' last words.
fn serve(tenant: &mut Upstream, many: usize) -> Vec<String> {
    let words = (0..many).map(|_| {
        tenant.ok("ok");
        let head = tenant.head();
        head.split(' ').nth(1).and_then(|target| target.rsplit('/').next()).unwrap_or_default().to_owned()
    });
    words.collect()
}

#[test]
fn one_client_with_many_connections_delays_another_by_one_request() {
    let (init, _puppet, mut first, mut tenant) = taken();
    let mut clients: Vec<_> = (1..=20).map(|n| waits(&init, "10.0.0.1", &format!("/boston/a{n}"), &[], n)).collect();
    clients.push(waits(&init, "10.0.0.2", "/boston/b1", &[], 21));
    clients.push(waits(&init, "10.0.0.2", "/boston/b2", &[], 22));
    assert_eq!(serve(&mut tenant, 5), ["a1", "b1", "a2", "b2", "a3"]);
    first.reply("GET").expect("an answer").expect(200);
    // Who leaves is not waited for.
    drop(clients.drain(3..20));
    eventually("they have left", || count(&init, "web@boston", "waiting") == 0);
    tenant.ok("ok");
    init.wait_log(&["GET /boston/a20 ", "\" 499 "]);
}

#[test]
fn an_upgrade_waits_behind_plain_requests_but_not_for_ever() {
    const UPGRADE: &[(&str, &str)] = &[("Connection", "Upgrade"), ("Upgrade", "raw")];
    let (init, _puppet, _first, mut tenant) = taken();
    let _cable = waits(&init, "10.0.0.1", "/boston/cable", UPGRADE, 1);
    let _clients: Vec<_> = (2..=6).map(|n| waits(&init, "10.0.0.2", &format!("/boston/p{n}"), &[], n)).collect();
    assert_eq!(serve(&mut tenant, 6), ["p2", "p3", "p4", "cable", "p5", "p6"]);
}

#[test]
fn a_boot_is_not_full_of_upgrades() {
    const UPGRADE: &[(&str, &str)] = &[("Connection", "Upgrade"), ("Upgrade", "raw")];
    let init = Init::new().web(&web(&["boston"]).set("GATE", "@DIR@/gate").route("connections = 4")).start();
    let cables: Vec<_> = (0..10)
        .map(|_| {
            let mut client = init.connect();
            client.send(&request_head("GET", "/boston/cable", UPGRADE, 0)).expect("send");
            client
        })
        .collect();
    eventually("two are sent", || {
        count(&init, "web@boston", "in_flight") == 2 && count(&init, "web@boston", "waiting") == 8
    });
    let mut page = init.connect();
    page.send(&request_head("GET", "/boston", &[], 0)).expect("send");
    eventually("it is sent too", || count(&init, "web@boston", "in_flight") == 3);
    open_gate(&init);
    page.reply("GET").expect("an answer").expect(200);
    drop(cables);
}

#[test]
fn all_rooms_together_are_bounded_and_every_tenant_keeps_one_place() {
    let init = Init::new().http("waiting = 3").config("[pool]\nboots = 1").web(&gated(&["a", "b", "c"])).start();
    let ask = |target: &str| {
        let mut client = init.connect();
        client.send(&request_head("GET", target, &[], 0)).expect("send");
        client
    };
    let mut clients = vec![ask("/a")];
    eventually("it is sent", || count(&init, "web@a", "in_flight") == 1);
    clients.extend((0..3).map(|_| ask("/a")));
    eventually("three wait", || count(&init, "web@a", "waiting") == 3);
    let refused = ask("/a").reply("GET").expect("an answer").expect(503);
    assert_eq!(refused.field("retry-after"), Some("1"));
    for tenant in ["b", "c"] {
        clients.push(ask(&format!("/{tenant}")));
        eventually("the first waits", || count(&init, &format!("web@{tenant}"), "waiting") == 1);
        ask(&format!("/{tenant}")).reply("GET").expect("an answer").expect(503);
    }
    open_gate(&init);
    for client in &mut clients {
        client.reply("GET").expect("an answer").expect(200);
    }
}

#[test]
fn a_flood_of_one_tenant_leaves_the_others_as_they_were() {
    let init = Init::new().web(&gated(&["a"])).unit("b@.toml", &web(&["b"]).text()).start();
    init.get("/b").expect(200);
    let mut flood: Vec<_> = (0..40).map(|_| init.connect()).collect();
    let piped: Vec<u8> = (0..50).flat_map(|_| request_head("GET", "/a", &[], 0)).collect();
    flood.iter_mut().for_each(|client| client.send(&piped).expect("send"));
    eventually("they wait", || count(&init, "web@a", "waiting") == 39);
    let mut other = init.connect();
    for _ in 0..50 {
        other.get("/b").expect("an answer").expect(200);
    }
    open_gate(&init);
    for client in &mut flood {
        client.reply("GET").expect("an answer").expect(200);
    }
}

#[test]
fn a_client_that_has_left_starts_nothing() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.signal(Signal::SIGSTOP);
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston", &[], 0)).expect("send");
    drop(client);
    init.signal(Signal::SIGCONT);
    init.wait_log(&["GET /boston ", "\" 499 "]);
    assert_eq!(init.status("web@boston")["starts"], 0);
    init.get("/boston").expect(200);
}

#[test]
fn who_leaves_is_499_and_gives_its_place_back() {
    let (init, mut puppet, first, _tenant) = taken();
    let gone = waits(&init, "10.0.0.1", "/boston/waits", &[], 1);
    let _next = waits(&init, "10.0.0.2", "/boston/next", &[], 2);
    drop(gone);
    init.wait_log(&["GET /boston/waits ", "\" 499 "]);
    first.reset();
    init.wait_log(&["GET /boston/first ", "\" 499 "]);
    assert!(puppet.accept().head().starts_with("GET /boston/next "));
}

#[test]
fn a_start_that_waits_for_its_turn_is_off_when_its_last_client_leaves() {
    let init = Init::new().config("[pool]\nboots = 1").web(&gated(&["a", "b"])).start();
    let mut first = init.connect();
    first.send(&request_head("GET", "/a", &[], 0)).expect("send");
    eventually("a boots", || init.status("web@a")["sub"] == "start");
    let mut clients = [init.connect(), init.connect()];
    for client in &mut clients {
        client.send(&request_head("GET", "/b", &[], 0)).expect("send");
    }
    eventually("b is to follow", || init.status("web@b")["sub"] == "waiting" && count(&init, "web@b", "waiting") == 2);
    let [one, other] = clients;
    drop(one);
    eventually("one is left", || count(&init, "web@b", "waiting") == 1);
    assert_eq!(init.status("web@b")["sub"], "waiting");
    drop(other);
    eventually("it is off", || init.status("web@b")["sub"] == "dead");
    open_gate(&init);
    first.reply("GET").expect("an answer").expect(200);
    assert_eq!(init.status("web@b")["starts"], 0);
    init.get("/b").expect(200);
}

/// A tenant that boots, with a page for those who wait.
fn paged() -> Setup {
    Init::new().web(&gated(&["boston"]).route("waiting_page_after = \"10ms\""))
}

#[test]
fn a_browser_that_waits_for_a_boot_gets_a_page_that_asks_again() {
    let init = paged().start();
    let browser = [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let page = init.request("GET", "/boston/heats?token=page", &browser, b"").expect(503);
    assert_eq!((page.field("retry-after"), page.field("cache-control")), (Some("2"), Some("no-store")));
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    let text = page.text();
    assert!(text.contains("http-equiv=refresh") && !text.contains("<script") && !text.contains("web@"), "{text}");
    // All else waits for the answer itself.
    let asked = [
        ("GET", "*/*", ""),
        ("GET", "application/json, text/html", ""),
        ("HEAD", browser[0].1, ""),
        ("POST", browser[0].1, "name=x"),
    ];
    let mut others: Vec<_> = asked
        .iter()
        .map(|(method, accept, body)| {
            let mut client = init.connect();
            client.send(&request_head(method, "/boston", &[("Accept", *accept)], body.len())).expect("send");
            client.send(body.as_bytes()).expect("send");
            (client, *method)
        })
        .collect();
    eventually("they wait", || count(&init, "web@boston", "waiting") + count(&init, "web@boston", "in_flight") == 4);
    for _ in 0..5 {
        init.request("GET", "/boston/heats?token=page", &browser, b"").expect(503);
    }
    assert_eq!(init.status("web@boston")["starts"], 1, "the boot goes on");
    open_gate(&init);
    for (client, method) in &mut others {
        client.reply(method).expect("an answer").expect(200);
    }
    init.request("GET", "/boston/heats?token=page", &browser, b"").expect(200);
    // Pages that ask again leave no requests behind for which nobody waits.
    assert_eq!(served(&init.file("count"))["page"], 2);
}

#[test]
fn probes_and_scans_wake_nobody_and_reach_a_tenant_that_runs() {
    let init = Init::new().web(&web(&["boston"])).start();
    let quiet = [
        "robots.txt",
        "favicon.ico",
        "apple-touch-icon-120x120.png",
        "wp-login/",
        "a/xmlrpc.php",
        ".env",
        ".git/config",
    ];
    for path in quiet {
        let reply = init.get(&format!("/boston/{path}?x")).expect(404);
        assert_eq!(reply.field("cache-control"), Some("no-store"), "{path}");
    }
    let up = init.get("/boston/up").expect(200);
    assert!(up.text().contains("asleep"), "{}", up.text());
    assert_eq!(init.status("web@boston")["starts"], 0);
    init.get("/boston").expect(200);
    for path in quiet.into_iter().chain(["up"]) {
        assert_eq!(init.get(&format!("/boston/{path}")).expect(200).json()["tenant"], "boston");
    }
}

#[test]
fn an_empty_list_lets_every_path_wake_a_tenant() {
    let init = Init::new().http("never_wake = []").web(&web(&["boston"])).start();
    assert_eq!(init.get("/boston/robots.txt").expect(200).json()["tenant"], "boston");
}

#[test]
fn the_health_of_a_tenant_that_fails_is_no_sleep() {
    let init = Init::new().web(&web(&["boston"]).set("CRASH_FILE", "@DIR@/crash")).touch("crash").start();
    init.get("/boston/up").expect(200);
    init.get("/boston").expect(503);
    init.get("/boston/up").expect(503);
}
