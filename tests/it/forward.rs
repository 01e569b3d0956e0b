//! HTTP/1.1 through the forwarder: connections, framing, routes, and the fields that it adds.

use std::collections::BTreeMap;

use crate::client::{Reply, request_head};
use crate::harness::Init;
use crate::web::web;

/// The fields that the tenant saw, names in lower case; several of one name are joined.
pub fn seen(reply: &Reply) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::<String, String>::new();
    for pair in reply.json()["fields"].as_array().expect("fields") {
        let (name, value) = (pair[0].as_str().expect("a name"), pair[1].as_str().expect("a value"));
        let entry = seen.entry(name.to_ascii_lowercase()).or_default();
        if !entry.is_empty() {
            entry.push_str(", ");
        }
        entry.push_str(value);
    }
    seen
}

fn boston() -> Init {
    Init::new().web(&web(&["boston"])).start()
}

#[test]
fn health_is_answered_without_a_tenant() {
    let init = boston();
    init.get("/up").expect(200);
    init.request("HEAD", "/up", &[], b"").expect(200);
    assert_eq!(init.status("web@boston")["starts"], 0);
}

#[test]
fn what_has_no_route_is_404() {
    let init = boston();
    init.get("/nowhere").expect(404);
    init.get("/bostonian").expect(404);
    init.get("/").expect(404);
    assert_eq!(init.status("web@boston")["starts"], 0);
}

#[test]
fn a_connection_is_kept_on_both_sides() {
    let init = boston();
    let mut client = init.connect();
    for n in 0..50 {
        client.get(&format!("/boston?n={n}")).expect("an answer").expect(200);
    }
    let last = client.request("GET", "/boston", &[("Connection", "close")], b"").expect("an answer").expect(200);
    assert_eq!(last.field("connection"), Some("close"));
    assert!(client.is_closed());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let init = Init::new().web(&web(&["a", "b"])).start();
    let mut client = init.connect();
    let mut all = Vec::new();
    for n in 0..20 {
        let tenant = if n % 2 == 0 { "a" } else { "b" };
        all.extend(request_head("GET", &format!("/{tenant}?n={n}"), &[], 0));
    }
    client.send(&all).expect("send");
    for n in 0..20 {
        let echo = client.reply("GET").expect("an answer").expect(200).json();
        let tenant = if n % 2 == 0 { "a" } else { "b" };
        assert_eq!((&echo["tenant"], &echo["target"]), (&tenant.into(), &format!("/{tenant}?n={n}").into()));
    }
}

#[test]
fn a_head_may_arrive_byte_by_byte() {
    let init = boston();
    let mut client = init.connect();
    for byte in request_head("POST", "/boston", &[], 5) {
        client.send(&[byte]).expect("send");
    }
    client.send(b"he").expect("send");
    client.send(b"llo").expect("send");
    assert_eq!(client.reply("POST").expect("an answer").expect(200).json()["length"], 5);
}

#[test]
fn chunked_goes_both_ways() {
    let init = boston();
    let mut client = init.connect();
    client.send(&request_head("POST", "/boston", &[("Transfer-Encoding", "chunked")], 0)).expect("send");
    for chunk in ["5;x=y\r\nhello\r\n", "1\r\n \r\n", "5\r\nworld\r\n", "0\r\n\r\n"] {
        client.send(chunk.as_bytes()).expect("send");
    }
    assert_eq!(client.reply("POST").expect("an answer").expect(200).json()["length"], 11);
    let reply = client.get("/boston/chunked?n=100&bytes=1000").expect("an answer").expect(200);
    assert_eq!(reply.body.len(), 100_000);
    client.get("/boston").expect("the connection is kept").expect(200);
}

#[test]
fn an_answer_without_a_length_ends_with_its_connection() {
    let init = boston();
    assert_eq!(init.get("/boston/close?bytes=70000").expect(200).body.len(), 70_000);
    let mut old = init.connect();
    old.send(b"GET /boston/close?bytes=70000 HTTP/1.0\r\nHost: x\r\n\r\n").expect("send");
    assert_eq!(old.reply("GET").expect("an answer").expect(200).body.len(), 70_000);
}

#[test]
fn http_1_0_gets_no_chunks() {
    let init = boston();
    let mut client = init.connect();
    client.send(b"GET /boston/chunked?n=3&bytes=10 HTTP/1.0\r\nHost: x\r\n\r\n").expect("send");
    let answer = String::from_utf8_lossy(&client.rest()).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    assert_eq!(body, "abcdefghijabcdefghijabcdefghij");
}

#[test]
fn head_204_and_304_have_no_body() {
    let init = boston();
    let mut client = init.connect();
    let head = client.request("HEAD", "/boston/big?bytes=1000", &[], b"").expect("an answer").expect(200);
    assert_eq!(head.field("content-length"), Some("1000"));
    client.get("/boston/status?code=204").expect("an answer").expect(204);
    client.get("/boston/status?code=304").expect("an answer").expect(304);
    client.get("/boston").expect("the connection is kept").expect(200);
}

#[test]
fn a_short_answer_is_never_taken_for_a_whole_one() {
    let init = boston();
    let mut client = init.connect();
    client.get("/boston/short").expect_err("a truncated body");
    assert_eq!(client.rest(), b"short");
}

#[test]
fn a_client_that_has_said_all_is_still_answered() {
    let init = boston();
    init.get("/boston").expect(200);
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston/slow?ms=50", &[], 0)).expect("send");
    client.finish().expect("shutdown");
    client.reply("GET").expect("an answer").expect(200);
}

#[test]
fn early_hints_arrive_before_the_answer() {
    let init = boston();
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston/hints", &[], 0)).expect("send");
    assert_eq!(client.head().expect("a head").status, 103);
    assert_eq!(client.reply("GET").expect("an answer").expect(200).text(), "hinted");
}

#[test]
fn expect_100_continue_is_answered_before_the_body() {
    let init = boston();
    let mut client = init.connect();
    client.send(&request_head("POST", "/boston", &[("Expect", "100-continue")], 5)).expect("send");
    assert_eq!(client.head().expect("a head").status, 100);
    client.send(b"hello").expect("send");
    assert_eq!(client.reply("POST").expect("an answer").expect(200).json()["length"], 5);
}

#[test]
fn an_early_413_reaches_the_client() {
    let init = boston();
    let mut client = init.connect();
    client.send(&request_head("POST", "/boston/early", &[], 50_000_000)).expect("send");
    client.send(&[b'x'; 1000]).expect("send");
    client.reply("POST").expect("an answer").expect(413);
    init.get("/boston").expect(200);
}

#[test]
fn the_fields_that_rails_expects_are_added() {
    let init = boston();
    let reply = init.request("GET", "/boston", &[("Host", "scores.example.com")], b"").expect(200);
    let seen = seen(&reply);
    assert_eq!(seen["host"], "scores.example.com");
    assert_eq!(seen["x-forwarded-for"], "127.0.0.1");
    assert_eq!(seen["x-forwarded-proto"], "http");
    assert_eq!(seen["x-forwarded-host"], "scores.example.com");
    assert!(seen["x-request-id"].len() >= 16, "{seen:?}");
    assert!(seen["x-request-start"].starts_with("t="), "{seen:?}");
}

#[test]
fn only_a_trusted_proxy_is_believed() {
    let fields = [
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "scores.example.com"),
        ("X-Request-Id", "from-the-proxy"),
    ];
    let stranger = boston();
    let fooled = seen(&stranger.request("GET", "/boston", &fields, b"").expect(200));
    assert_eq!((&*fooled["x-forwarded-for"], &*fooled["x-forwarded-proto"]), ("127.0.0.1", "http"));
    assert_ne!(fooled["x-request-id"], "from-the-proxy");

    let init = Init::new().web(&web(&["boston"])).http("trusted_proxies = [\"127.0.0.0/8\"]").start();
    let reply = init.request("GET", "/boston", &fields, b"").expect(200);
    assert_eq!(reply.field("x-request-id"), Some("from-the-proxy"));
    let seen = seen(&reply);
    assert_eq!(seen["x-forwarded-for"], "203.0.113.9, 127.0.0.1");
    assert_eq!(seen["x-forwarded-proto"], "https");
    assert_eq!(seen["x-forwarded-host"], "scores.example.com");
    assert_eq!(seen["x-request-id"], "from-the-proxy");
    init.wait_log(&["access", "203.0.113.9", "id=from-the-proxy"]);
}

#[test]
fn request_ids_differ() {
    let init = boston();
    let first = seen(&init.get("/boston").expect(200));
    let second = seen(&init.get("/boston").expect(200));
    assert_ne!(first["x-request-id"], second["x-request-id"]);
}

#[test]
fn fields_of_one_hop_stay_there() {
    let init = boston();
    let fields = [
        ("Connection", "keep-alive, X-Private"),
        ("X-Private", "secret"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"),
        ("TE", "gzip"),
        ("X-Public", "kept"),
    ];
    let seen = seen(&init.request("GET", "/boston", &fields, b"").expect(200));
    assert_eq!(seen.get("x-public").map(String::as_str), Some("kept"));
    for name in ["x-private", "keep-alive", "proxy-connection", "te"] {
        assert!(!seen.contains_key(name), "{name} in {seen:?}");
    }
}

#[test]
fn the_longest_prefix_wins_and_hosts_are_told_apart() {
    let tenant = |route: &str, name: &str| web(&["x"]).set("TENANT", name).route(route).text();
    let init = Init::new()
        .unit("outer@.toml", &tenant("path = \"/show\"", "outer"))
        .unit("inner@.toml", &tenant("path = \"/show/2025\"", "inner"))
        .unit("host@.toml", &tenant("host = \"boston.example.com\"", "host"))
        .start();
    let at =
        |host: &str, path: &str| init.request("GET", path, &[("Host", host)], b"").expect(200).json()["tenant"].clone();
    assert_eq!(at("x", "/show"), "outer");
    assert_eq!(at("x", "/show/2024"), "outer");
    assert_eq!(at("x", "/show/20255"), "outer");
    assert_eq!(at("x", "/show/2025"), "inner");
    assert_eq!(at("x", "/show/2025/heats?x=1"), "inner");
    assert_eq!(at("boston.example.com", "/anything"), "host");
    assert_eq!(at("BOSTON.example.com:3000", "/"), "host");
}

#[test]
fn each_request_has_one_access_line() {
    let init = boston();
    init.get("/boston?n=1").expect(200);
    let line = init.wait_log(&["web@boston access:", "\"GET /boston?* HTTP/1.1\" 200"]);
    for word in ["127.0.0.1", "bytes=", "wait=", "boot=", "upstream=", "id="] {
        assert!(line.contains(word), "{word} in {line}");
    }
}
