//! Whose word about a request counts, in what the tenant sees, in the log and in the answer.

use crate::client::{Connection, request_head};
use crate::forward::seen;
use crate::harness::Init;
use crate::web::web;

fn trusting(http: &str) -> Init {
    Init::new()
        .web(&web(&["boston"]))
        .http(&format!("trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\n{http}"))
        .start()
}

#[test]
fn who_asks_is_the_last_address_that_is_not_trusted() {
    let init = trusting("");
    for (fors, client) in [
        ("203.0.113.1", "203.0.113.1"),
        ("198.51.100.1, 203.0.113.2, 10.1.2.3", "203.0.113.2"),
        ("198.51.100.1, nobody, 10.1.2.4", "10.1.2.4"),
        ("nobody", "127.0.0.1"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
    ] {
        let seen = seen(&init.request("GET", "/boston", &[("X-Forwarded-For", fors)], b"").expect(200));
        assert_eq!((&*seen["x-forwarded-for"], &*seen["x-real-ip"]), (&*format!("{fors}, 127.0.0.1"), client));
        let id = seen["x-request-id"].clone();
        let line = init.wait_log(&[&format!("id={id}")]);
        assert!(line.contains(&format!("access: {client} ")), "{line}");
    }
    // A stranger behind the same words is himself.
    let mut stranger = Connection::open_from([127, 0, 0, 7].into(), init.address()).expect("connect");
    let fields = [("X-Forwarded-For", "203.0.113.1"), ("Forwarded", "for=203.0.113.1"), ("X-Forwarded-Port", "443")];
    let seen = seen(&stranger.request("GET", "/boston", &fields, b"").expect("an answer").expect(200));
    assert_eq!((&*seen["x-forwarded-for"], &*seen["x-real-ip"]), ("127.0.0.7", "127.0.0.7"));
    assert!(!seen.contains_key("forwarded") && !seen.contains_key("x-forwarded-port"), "{seen:?}");
}

#[test]
fn an_id_is_kept_if_it_is_fit_and_returned() {
    let init = trusting("");
    for (id, kept) in [("Root=1-67891233-abcdef012345678912345678", true), ("a b", false), ("<b>", false)] {
        let reply = init.request("GET", "/boston", &[("X-Request-Id", id)], b"").expect(200);
        let seen = seen(&reply)["x-request-id"].clone();
        assert_eq!(seen == id, kept, "{seen}");
        assert_eq!(reply.field("x-request-id"), Some(&*seen));
    }
    let long = "x".repeat(129);
    let reply = init.request("GET", "/up", &[("X-Request-Id", &long)], b"").expect(200);
    assert_eq!(reply.field("x-request-id").map(str::len), Some(32));
}

#[test]
fn the_tenants_own_id_is_the_one_that_is_returned() {
    let (init, mut puppet) = Init::new().puppet(web(&["boston"]));
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston", &[], 0)).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    tenant.send("HTTP/1.1 200 OK\r\nx-request-id: rails-7\r\nContent-Length: 0\r\n\r\n");
    let head = client.head().expect("a head");
    let ids: Vec<_> = head.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-request-id")).collect();
    assert_eq!(ids, [&("x-request-id".to_owned(), "rails-7".to_owned())]);
}

#[test]
fn a_trace_is_passed_or_begun() {
    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let init = Init::new().web(&web(&["boston"])).start();
    let seen_with = |fields: &[(&str, &str)]| seen(&init.request("GET", "/boston", fields, b"").expect(200));
    let passed = seen_with(&[("Tracestate", "a=1"), ("Traceparent", GOOD)]);
    assert_eq!((&*passed["traceparent"], &*passed["tracestate"]), (GOOD, "a=1"));
    for fields in [
        &[("tracestate", "a=1")][..],
        &[("traceparent", "00-xyz"), ("tracestate", "a=1")],
        &[("traceparent", GOOD), ("traceparent", GOOD), ("tracestate", "a=1")],
    ] {
        let begun = seen_with(fields);
        let id = &begun["x-request-id"];
        assert_eq!(begun["traceparent"], format!("00-{id}-{}-01", &id[..16]));
        assert!(!begun.contains_key("tracestate"), "{begun:?}");
    }
    let init = trusting("traceparent = false");
    let seen_with = |fields: &[(&str, &str)]| seen(&init.request("GET", "/boston", fields, b"").expect(200));
    assert!(!seen_with(&[]).contains_key("traceparent"));
    assert_eq!(seen_with(&[("traceparent", GOOD)])["traceparent"], GOOD);
}

#[test]
fn the_trace_of_a_kept_id_is_our_own() {
    let init = trusting("");
    let seen = seen(&init.request("GET", "/boston", &[("X-Request-Id", "theirs")], b"").expect(200));
    assert_eq!(seen["x-request-id"], "theirs");
    assert_eq!(seen["traceparent"].len(), 55);
}
