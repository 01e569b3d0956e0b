//! Tenants that misbehave, byte by byte: what reaches the client, and what becomes of the connections on both sides.

use crate::client::{Connection, request_head};
use crate::harness::{Init, eventually};
use crate::puppet::{Puppet, Upstream};
use crate::web::web;

fn boston() -> (Init, Puppet) {
    Init::new().puppet(web(&["boston"]))
}

/// A client whose GET has arrived at the tenant.
fn asked(init: &Init, puppet: &mut Puppet) -> (Connection, Upstream) {
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston", &[], 0)).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    (client, tenant)
}

/// Nothing is left behind.
#[track_caller]
pub fn at_rest(init: &Init) {
    eventually("nothing in flight, nothing waiting, no tunnel", || {
        init.list().iter().all(|unit| {
            let requests = &unit["requests"];
            [&requests["in_flight"], &requests["waiting"], &requests["tunnels"]].iter().all(|count| **count == 0)
        })
    });
}

#[test]
fn bytes_behind_an_answer_never_reach_the_next_client() {
    let (init, mut puppet) = boston();
    for body in [0, 100, 64 * 1024 - 100] {
        let (mut client, mut tenant) = asked(&init, &mut puppet);
        // One read of tenantd ends exactly where the answer ends, or in the middle of what nobody asked for.
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {body:05}\r\n\r\n");
        let fill = 64 * 1024 - head.len();
        let body = if body > 100 { fill } else { body };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {body:05}\r\n\r\n");
        let mut all = head.into_bytes();
        all.resize(all.len() + body, b'x');
        all.extend(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON");
        tenant.send(&all);
        assert_eq!(client.reply("GET").expect("an answer").expect(200).body.len(), body);
        client.send(&request_head("GET", "/boston?next", &[], 0)).expect("send");
        let mut fresh = puppet.accept();
        assert!(fresh.head().starts_with("GET /boston?next"));
        fresh.ok("clean");
        assert_eq!(client.reply("GET").expect("an answer").expect(200).text(), "clean");
        drop(fresh);
        at_rest(&init);
    }
}

#[test]
fn a_body_where_none_may_be_is_dropped_with_its_connection() {
    let (init, mut puppet) = boston();
    for (method, status) in [("GET", "204 No Content"), ("GET", "304 Not Modified"), ("HEAD", "200 OK")] {
        let mut client = init.connect();
        client.send(&request_head(method, "/boston", &[], 0)).expect("send");
        let mut tenant = puppet.accept();
        tenant.head();
        tenant.send(format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\nhello"));
        client.reply(method).expect("an answer");
        client.send(&request_head("GET", "/boston?next", &[], 0)).expect("send");
        let mut fresh = puppet.accept();
        fresh.head();
        fresh.ok("clean");
        assert_eq!(client.reply("GET").expect("an answer").text(), "clean");
    }
}

#[test]
fn stale_connections_of_the_pool_cost_no_request() {
    let (init, mut puppet) = Init::new().puppet(web(&["boston"]).route("connections = 12"));
    let mut clients = Vec::new();
    for _ in 0..12 {
        clients.push(asked(&init, &mut puppet));
    }
    let mut tenants = Vec::new();
    for (mut client, mut tenant) in clients {
        tenant.ok("first");
        client.reply("GET").expect("an answer").expect(200);
        tenants.push((client, tenant));
    }
    // While tenantd stands still a request comes, and then the tenant closes all that idle: one turn sees it all.
    init.signal(nix::sys::signal::Signal::SIGSTOP);
    let mut client = tenants.pop().expect("twelve").0;
    client.send(&request_head("POST", "/boston?next", &[], 4)).expect("send");
    client.send(b"body").expect("send");
    drop(tenants);
    init.signal(nix::sys::signal::Signal::SIGCONT);
    let mut fresh = puppet.accept();
    assert!(fresh.head().starts_with("POST /boston?next"));
    assert_eq!(fresh.exactly(4), b"body");
    fresh.ok("again");
    assert_eq!(client.reply("POST").expect("an answer").expect(200).text(), "again");
    drop(fresh);
    at_rest(&init);
}

#[test]
fn a_stale_connection_to_a_port_costs_no_request() {
    let (init, mut puppet) = Init::new().puppet(web(&["boston"]).by_port());
    let (mut client, mut tenant) = asked(&init, &mut puppet);
    tenant.ok("first");
    client.reply("GET").expect("an answer").expect(200);
    init.signal(nix::sys::signal::Signal::SIGSTOP);
    client.send(&request_head("POST", "/boston?next", &[], 4)).expect("send");
    client.send(b"body").expect("send");
    drop(tenant);
    init.signal(nix::sys::signal::Signal::SIGCONT);
    let mut fresh = puppet.accept();
    fresh.head();
    fresh.ok("again");
    assert_eq!(client.reply("POST").expect("an answer").expect(200).text(), "again");
}

#[test]
fn a_tenant_that_closes_without_reading_a_body_is_asked_again() {
    let (init, mut puppet) = boston();
    let (mut client, mut tenant) = asked(&init, &mut puppet);
    tenant.ok("first");
    client.reply("GET").expect("an answer").expect(200);
    // It closes the idle connection at the moment when the head of a POST is on its way.
    client.send(&request_head("POST", "/boston?next", &[], 4)).expect("send");
    eventually("the head is sent", || init.list()[0]["requests"]["in_flight"] == 1);
    drop(tenant);
    client.send(b"body").expect("send");
    let mut fresh = puppet.accept();
    assert!(fresh.head().starts_with("POST /boston?next"));
    assert_eq!(fresh.exactly(4), b"body");
    fresh.ok("again");
    assert_eq!(client.reply("POST").expect("an answer").expect(200).text(), "again");
}

#[test]
fn a_tenant_that_reads_a_request_and_closes_is_not_asked_again() {
    let (init, mut puppet) = boston();
    let (mut client, tenant) = asked(&init, &mut puppet);
    drop(tenant);
    client.reply("GET").expect("an answer").expect(502);
    assert_eq!(puppet.try_accept(std::time::Duration::from_millis(50)).map(|_| ()), None);
    client.send(&request_head("GET", "/boston?next", &[], 0)).expect("the connection is kept");
    let mut fresh = puppet.accept();
    fresh.head();
    fresh.ok("next");
    client.reply("GET").expect("an answer").expect(200);
}

#[test]
fn a_get_is_asked_again_once_after_a_kept_connection_that_ends_and_a_post_never() {
    for by_port in [false, true] {
        let tenants = web(&["boston"]);
        let (init, mut puppet) = Init::new().puppet(if by_port { tenants.by_port() } else { tenants });
        for (method, again) in [("GET", true), ("PUT", true), ("POST", false)] {
            let (mut client, mut tenant) = asked(&init, &mut puppet);
            tenant.ok("first");
            client.reply("GET").expect("an answer").expect(200);
            client.send(&request_head(method, "/boston?next", &[], 4)).expect("send");
            client.send(b"body").expect("send");
            tenant.until("body");
            drop(tenant);
            if again {
                let mut fresh = puppet.accept();
                assert!(fresh.head().starts_with(&format!("{method} /boston?next")));
                assert_eq!(fresh.exactly(4), b"body");
                // An application that dies of the request is not asked a third time.
                drop(fresh);
            }
            client.reply(method).expect("an answer").expect(502);
            assert_eq!(puppet.try_accept(std::time::Duration::from_millis(50)).map(|_| ()), None);
        }
    }
}

#[test]
fn a_connection_serves_fewer_requests_than_puma_allows() {
    let (init, mut puppet) = boston();
    let (mut client, mut tenant) = asked(&init, &mut puppet);
    for _ in 1..990 {
        tenant.ok("more");
        client.reply("GET").expect("an answer").expect(200);
        client.send(&request_head("GET", "/boston", &[], 0)).expect("send");
        tenant.head();
    }
    tenant.ok("last");
    client.reply("GET").expect("an answer").expect(200);
    assert_eq!(tenant.rest(), b"");
    client.send(&request_head("GET", "/boston", &[], 0)).expect("send");
    let mut fresh = puppet.accept();
    fresh.head();
    fresh.ok("fresh");
    assert_eq!(client.reply("GET").expect("an answer").expect(200).text(), "fresh");
}

#[test]
fn the_pool_is_empty_before_the_tenant_is_told_to_stop() {
    let (init, mut puppet) = boston();
    let (mut client, mut tenant) = asked(&init, &mut puppet);
    tenant.ok("first");
    client.reply("GET").expect("an answer").expect(200);
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| init.verb(&["stop", "web@boston"]).expect(0));
        // Only tenantd closes this connection: the process has not even seen it.
        assert_eq!(tenant.rest(), b"");
        stop.join().expect("stopped");
    });
}

#[test]
fn an_early_answer_arrives_whole_though_the_tenant_closes_with_the_body_unread() {
    for framing in ["Content-Length: 100000\r\n", ""] {
        let (init, mut puppet) = boston();
        let mut client = init.connect();
        client.send(&request_head("POST", "/boston", &[], 10_000_000)).expect("send");
        client.send(&[b'x'; 150_000]).expect("send");
        eventually("more is sent than will be read", || init.list()[0]["requests"]["in_flight"] == 1);
        let mut tenant = puppet.accept();
        tenant.until("xxxx");
        let body = "e".repeat(100_000);
        tenant.send(format!("HTTP/1.1 413 Content Too Large\r\n{framing}Connection: close\r\n\r\n{body}"));
        drop(tenant);
        // A client that goes on sending: the answer is not lost in a reset.
        let _ = client.send(&[b'x'; 1_000_000]);
        let reply = client.reply("POST").expect("an answer").expect(413);
        assert_eq!((reply.body.len(), reply.field("connection")), (100_000, Some("close")), "{framing:?}");
        at_rest(&init);
    }
}

#[test]
fn an_answer_before_the_request_was_sent_whole_ends_the_connections() {
    let (init, mut puppet) = boston();
    let mut client = init.connect();
    client.send(&request_head("POST", "/boston", &[], 1000)).expect("send");
    client.send(&[b'x'; 10]).expect("send");
    let mut tenant = puppet.accept();
    tenant.until("xxxxxxxxxx");
    tenant.ok("soon");
    let reply = client.reply("POST").expect("an answer").expect(200);
    assert_eq!((reply.text().as_str(), reply.field("connection")), ("soon", Some("close")));
    // What looks like a request is the rest of the body: it is dropped.
    let _ = client.send(&request_head("GET", "/boston?smuggled", &[], 0));
    assert_eq!(client.rest(), b"");
    assert_eq!(tenant.rest(), b"");
    at_rest(&init);
}

#[test]
fn a_101_that_nobody_asked_for_is_502() {
    let (init, mut puppet) = boston();
    let (mut client, mut tenant) = asked(&init, &mut puppet);
    tenant.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfree bytes");
    client.reply("GET").expect("an answer").expect(502);
    assert_eq!(tenant.rest(), b"");
    at_rest(&init);
}

#[test]
fn garbage_and_endless_heads_are_502() {
    let many = "HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
    let large = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    for answer in [
        "garbage",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        &many,
        &large,
    ] {
        let (init, mut puppet) = boston();
        let (mut client, mut tenant) = asked(&init, &mut puppet);
        tenant.send(answer);
        client.reply("GET").expect("an answer").expect(502);
        client.send(&request_head("GET", "/boston?next", &[], 0)).expect("the connection is kept");
        let mut fresh = puppet.accept();
        fresh.head();
        fresh.ok("clean");
        assert_eq!(client.reply("GET").expect("an answer").text(), "clean");
    }
}

#[test]
fn a_broken_or_cut_body_never_looks_whole() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nX\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nlonger\r\n0\r\n\r\n",
    ] {
        let (init, mut puppet) = boston();
        let (mut client, mut tenant) = asked(&init, &mut puppet);
        tenant.send(answer);
        drop(tenant);
        client.reply("GET").expect_err(answer);
        client.rest();
        at_rest(&init);
    }
}

#[test]
fn chunks_with_trailers_pass_and_keep_the_connections() {
    let (init, mut puppet) = boston();
    let (mut client, mut tenant) = asked(&init, &mut puppet);
    for n in 0..3 {
        for byte in "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3;a=b\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n".bytes() {
            tenant.send([byte]);
        }
        assert_eq!(client.reply("GET").expect("an answer").expect(200).text(), "abc", "{n}");
        client.send(&request_head("GET", "/boston", &[], 0)).expect("send");
        tenant.head();
    }
    tenant.ok("end");
    client.reply("GET").expect("an answer").expect(200);
}

#[test]
fn interim_answers_pass_in_any_company() {
    let (init, mut puppet) = boston();
    let (mut client, mut tenant) = asked(&init, &mut puppet);
    tenant.send("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 1");
    assert_eq!(client.head().expect("a head").status, 102);
    assert_eq!(client.head().expect("a head").field("link"), Some("<a>"));
    tenant.send("04 Upload Resumption\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(client.head().expect("a head").status, 104);
    assert_eq!(client.reply("GET").expect("an answer").expect(200).text(), "ok");
    let mut old = init.connect();
    old.send(b"GET /boston HTTP/1.0\r\nHost: x\r\n\r\n").expect("send");
    tenant.head();
    tenant.send("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    let answer = String::from_utf8_lossy(&old.rest()).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nok"), "{answer}");
}

#[test]
fn connection_close_of_the_tenant_is_its_own_affair() {
    let (init, mut puppet) = boston();
    let mut client = init.connect();
    for _ in 0..3 {
        client.send(&request_head("GET", "/boston", &[], 0)).expect("send");
        let mut tenant = puppet.accept();
        tenant.head();
        tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        let reply = client.reply("GET").expect("an answer").expect(200);
        assert_eq!(reply.field("connection"), None);
        assert_eq!(tenant.rest(), b"");
    }
}

#[test]
fn a_port_that_opens_late_is_found_after_a_restart_and_after_a_crash() {
    let init = Init::new().web(&web(&["boston"]).by_port().set("BOOT_MS", "50")).start();
    init.get("/boston").expect(200);
    init.verb(&["restart", "web@boston"]).expect(0);
    init.get("/boston").expect(200);
    assert!(init.kill_unit("web@boston"));
    // Before that a request may still reach the queue of the dying process, and on TCP nobody can tell what it read.
    eventually("its end is noticed", || init.status("web@boston")["active"] != "active");
    init.get("/boston").expect(200);
}

#[test]
fn a_port_that_is_closed_for_a_moment_costs_no_request() {
    let (init, mut puppet) = Init::new().puppet(web(&["boston"]).by_port());
    let (mut client, mut tenant) = asked(&init, &mut puppet);
    tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    client.reply("GET").expect("an answer").expect(200);
    let again = puppet.close();
    client.send(&request_head("POST", "/boston?next", &[], 4)).expect("send");
    client.send(b"body").expect("send");
    eventually("it waits", || init.list()[0]["requests"]["waiting"] == 1);
    puppet.open(again);
    let mut fresh = puppet.accept();
    fresh.head();
    fresh.ok("again");
    assert_eq!(client.reply("POST").expect("an answer").expect(200).text(), "again");
}

#[test]
fn a_warm_port_has_no_boot_time_in_its_access_lines() {
    let init = Init::new().web(&web(&["boston"]).by_port()).start();
    init.get("/boston").expect(200);
    init.get("/boston/slow?ms=30").expect(200);
    init.wait_log(&["/slow?*", " boot=0.0ms "]);
}
