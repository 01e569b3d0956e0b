//! What passes, what is made anew and what is refused where the RFCs leave no choice, with the tenant in the test's hands.

use std::io::ErrorKind;

use crate::client::request_head;
use crate::forward_upstream::at_rest;
use crate::harness::{Init, eventually};
use crate::puppet::Puppet;
use crate::web::web;

fn boston() -> (Init, Puppet) {
    Init::new().puppet(web(&["boston"]))
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";

#[test]
fn a_cut_answer_ends_in_a_reset_whatever_its_framing() {
    let answers = [
        ("HTTP/1.0", format!("{CHUNKED}\r\n5\r\nshort\r\n")),
        ("HTTP/1.1", format!("{CHUNKED}\r\n5\r\nshort\r\n")),
        ("HTTP/1.1", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort".to_owned()),
    ];
    for (version, answer) in answers {
        let (init, mut puppet) = boston();
        let mut client = init.connect();
        client.send(format!("GET /boston {version}\r\nHost: x\r\n\r\n").as_bytes()).expect("send");
        let mut tenant = puppet.accept();
        tenant.head();
        tenant.send(&answer);
        assert_eq!(client.head().expect("a head").status, 200);
        drop(tenant);
        let error = client.exactly(1000).expect_err("a cut body");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{version} {answer:?}");
        at_rest(&init);
    }
}

#[test]
fn trailers_go_to_clients_that_take_them() {
    let (init, mut puppet) = boston();
    let mut client = init.connect();
    let mut tenant = None;
    for (fields, takes) in [(&[][..], false), (&[("TE", "trailers"), ("Connection", "TE")], true), (&[], false)] {
        client.send(&request_head("GET", "/boston", fields, 0)).expect("send");
        let tenant = tenant.get_or_insert_with(|| puppet.accept());
        assert_eq!(tenant.head().contains("TE: trailers\r\nConnection: TE\r\n"), takes);
        for piece in [CHUNKED, "Trailer: A, B\r\n\r\n3\r\nabc\r\n0\r\nA", ": b\r\nB: c\r", "\n\r", "\n"] {
            tenant.send(piece);
        }
        let head = client.head().expect("a head");
        assert_eq!(head.field("trailer"), takes.then_some("A, B"));
        let wanted = if takes { "3\r\nabc\r\n0\r\nA: b\r\nB: c\r\n\r\n" } else { "3\r\nabc\r\n0\r\n\r\n" };
        assert_eq!(String::from_utf8_lossy(&client.exactly(wanted.len()).expect("a body")), wanted);
    }
}

#[test]
fn trailers_of_a_request_stay_here() {
    let (init, mut puppet) = boston();
    let mut client = init.connect();
    let head = request_head("POST", "/boston", &[("Transfer-Encoding", "chunked"), ("Trailer", "A")], 0);
    client.send(&head).expect("send");
    for piece in ["3\r\nabc\r\n0\r\nA", ": b\r\nB: c\r\n", "\r", "\n"] {
        client.send(piece.as_bytes()).expect("send");
    }
    let mut tenant = puppet.accept();
    assert!(!tenant.head().contains("Trailer"));
    assert_eq!(tenant.exactly(13), b"3\r\nabc\r\n0\r\n\r\n");
    tenant.ok("taken");
    assert_eq!(client.reply("POST").expect("an answer").text(), "taken");
    client.send(&request_head("GET", "/boston?next", &[], 0)).expect("send");
    assert!(tenant.head().starts_with("GET /boston?next "));
}

#[test]
fn a_switch_to_another_protocol_is_502() {
    for switch in [
        "Connection: Upgrade\r\nUpgrade: raw\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, raw\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket/13\r\n",
        "Upgrade: websocket\r\n",
    ] {
        let (init, mut puppet) = boston();
        let mut client = init.connect();
        let asks = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
        client.send(&request_head("GET", "/boston", &asks, 0)).expect("send");
        let mut tenant = puppet.accept();
        tenant.head();
        tenant.send(format!("HTTP/1.1 101 Switching Protocols\r\n{switch}\r\nfree bytes"));
        client.reply("GET").expect("an answer").expect(502);
        assert_eq!(tenant.rest(), b"", "{switch:?}");
        at_rest(&init);
    }
}

#[test]
fn a_refused_upgrade_is_an_answer_like_others() {
    let (init, mut puppet) = boston();
    let mut client = init.connect();
    let asks = [("Connection", "Upgrade"), ("Upgrade", "WebSocket")];
    client.send(&request_head("GET", "/boston", &asks, 0)).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    tenant.send("HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: foo\r\nContent-Length: 2\r\n\r\nno");
    assert_eq!(client.reply("GET").expect("an answer").expect(426).text(), "no");
    client.send(&request_head("GET", "/boston", &asks, 0)).expect("send");
    assert!(tenant.head().ends_with("Connection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n"));
    tenant.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello");
    assert_eq!(client.head().expect("a head").field("upgrade"), Some("websocket"));
    assert_eq!(client.exactly(5).expect("bytes"), b"hello");
}

#[test]
fn a_body_that_204_announces_never_reaches_the_next_client() {
    let (init, mut puppet) = boston();
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        let mut client = init.connect();
        client.send(&request_head("GET", "/boston", &[], 0)).expect("send");
        let mut tenant = puppet.accept();
        tenant.head();
        tenant.send(format!("HTTP/1.1 204 No Content\r\n{framing}\r\n\r\n"));
        let reply = client.reply("GET").expect("an answer").expect(204);
        assert_eq!((reply.field("content-length"), reply.field("transfer-encoding")), (None, None));
        assert_eq!(tenant.rest(), b"", "its connection ends with it");
    }
    at_rest(&init);
}

#[test]
fn an_answer_without_a_date_gets_one() {
    let (init, mut puppet) = boston();
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston", &[], 0)).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    tenant.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.head().expect("a head").field("date"), None);
    let date = client.reply("GET").expect("an answer").field("date").map(str::to_owned).expect("a Date");
    assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
    client.send(&request_head("GET", "/boston", &[], 0)).expect("send");
    tenant.head();
    tenant.send("HTTP/1.1 200 OK\r\ndate: long ago\r\nContent-Length: 0\r\n\r\n");
    let head = client.head().expect("a head");
    let dates: Vec<_> = head.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("date")).collect();
    assert_eq!(dates, [&("date".to_owned(), "long ago".to_owned())]);
}

#[test]
fn options_of_the_server_wakes_nobody() {
    let tenant = web(&["root"]).route("path = \"/\"");
    let init = Init::new().web(&tenant).start();
    let mut client = init.connect();
    for (target, fields) in [("*", &[][..]), ("http://x", &[]), ("/any", &[("Max-Forwards", "0")])] {
        let reply = client.request("OPTIONS", target, fields, b"").expect("an answer").expect(204);
        assert!(reply.field("allow").is_some_and(|allow| allow.contains("PATCH")), "{reply:?}");
    }
    assert_eq!(init.status("web@root")["starts"], 0);
    let reply = client.request("OPTIONS", "/any", &[("Max-Forwards", "1")], b"").expect("an answer").expect(200);
    assert_eq!(crate::forward::seen(&reply)["max-forwards"], "0");
}

#[test]
fn other_versions_and_protocols_are_told_so_and_closed() {
    let init = Init::new().web(&web(&["boston"])).start();
    for (bytes, status) in [
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0", "505"),
        ("GET /boston\r\n", "400"),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}", "400"),
        ("POST /boston HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 200-ok\r\n\r\n", "417"),
    ] {
        let answer = init.raw(bytes.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes:?}: {answer:?}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer:?}");
    }
    assert_eq!(init.status("web@boston")["starts"], 0);
}

#[test]
fn expect_is_held_while_the_tenant_boots() {
    let init = Init::new().web(&web(&["boston"]).set("GATE", "@DIR@/gate")).start();
    let mut client = init.connect();
    client.send(&request_head("POST", "/boston", &[("Expect", "100-continue")], 5)).expect("send");
    eventually("it boots", || init.status("web@boston")["starts"] == 1);
    std::fs::write(init.file("gate"), "").expect("a file");
    assert_eq!(client.head().expect("a head").status, 100);
    client.send(b"hello").expect("send");
    assert_eq!(client.reply("POST").expect("an answer").expect(200).json()["length"], 5);
    let mut old = init.connect();
    old.send(b"POST /boston HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
        .expect("send");
    let answer = String::from_utf8_lossy(&old.rest()).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("100 Continue"), "{answer}");
}
