//! What is broken or ambiguous is refused by the real binary, and the next client is served.

use crate::client::{Connection, request_head};
use crate::harness::Init;
use crate::web::web;

/// Requests that must not reach a tenant, and the status of the answer.
const REFUSED: &[(&str, u16)] = &[
    ("\0\u{1}\u{2}\u{3}garbage\r\n\r\n", 400),
    ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n", 400),
    ("GET\r\n\r\n", 400),
    ("GET /boston\r\n\r\n", 400),
    ("GET /boston HTTP/1.7\r\nHost: x\r\n\r\n", 505),
    ("GET  /boston HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("GET /boston HTTP/1.1\nHost: x\n\n", 400),
    ("GET /boston HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400),
    ("GET /boston HTTP/1.1\r\n\r\n", 400),
    ("GET /boston HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
    ("GET /boston HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("GET /boston HTTP/1.1\r\nHost: a,b\r\n\r\n", 400),
    ("GET /boston HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    ("GET /boston HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    ("GET /boston HTTP/1.1\r\n Host: x\r\n\r\n", 400),
    ("GET /boston HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", 400),
    ("GET /boston HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", 400),
    ("GET boston HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    ("TRACE /boston HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    ("POST /boston HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
    ("POST /boston HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello", 400),
    ("POST /boston HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello", 400),
    ("POST /boston HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello", 400),
    ("POST /boston HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello", 400),
    ("POST /boston HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\nhello", 400),
    ("POST /boston HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nhello", 400),
    ("POST /boston HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST /boston HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (
        "POST /boston HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
];

/// Transfer codings that are not exactly `chunked`: 400 or 501, whichever, but never a tenant.
const CODINGS: &[&str] = &[
    "gzip, chunked",
    "chunked, identity",
    "identity",
    "\"chunked\"",
    ",chunked",
    "chunked,",
    "xchunked",
    "chunked;q=1",
    "chunked chunked",
    "",
];

/// Chunked bodies that are broken after a good head: never a whole request for the tenant.
const CHUNKS: &[&str] = &[
    "\r\n\r\n",
    "5\nhello\n0\n\n",
    "5\r\nhello0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "5;a\nb\r\nhello\r\n0\r\n\r\n",
    "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
];

fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

#[test]
fn ambiguous_requests_are_refused_and_the_connection_ends() {
    let init = Init::new().web(&web(&["boston"])).start();
    for &(request, wanted) in REFUSED {
        let answer = init.raw(request.as_bytes());
        assert_eq!(status(&answer), Some(wanted), "{request:?}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "more than one answer to {request:?}: {answer:?}");
    }
    assert_eq!(init.status("web@boston")["starts"], 0, "one of them reached the tenant");
    init.get("/boston").expect(200);
}

#[test]
fn transfer_codings_other_than_chunked_are_refused() {
    let init = Init::new().web(&web(&["boston"])).start();
    for coding in CODINGS {
        let request =
            format!("POST /boston HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {coding}\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        let answer = init.raw(request.as_bytes());
        assert!(matches!(status(&answer), Some(400 | 501)), "{coding:?}: {answer:?}");
    }
    assert_eq!(init.status("web@boston")["starts"], 0, "one of them reached the tenant");
}

#[test]
fn broken_chunks_end_the_request() {
    let init = Init::new().web(&web(&["boston"])).start();
    for chunks in CHUNKS {
        let request = format!("POST /boston HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        let answer = init.raw(request.as_bytes());
        assert!(matches!(status(&answer), None | Some(400..)), "{chunks:?}: {answer:?}");
    }
    init.get("/boston").expect(200);
}

#[test]
fn oversized_heads_are_431_or_414() {
    let init = Init::new().web(&web(&["boston"])).start();
    let field = format!("GET /boston HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(40_000));
    assert_eq!(status(&init.raw(field.as_bytes())), Some(431));
    let many = format!("GET /boston HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(150));
    assert_eq!(status(&init.raw(many.as_bytes())), Some(431));
    let target = format!("GET /boston/{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(40_000));
    assert!(matches!(status(&init.raw(target.as_bytes())), Some(414 | 431)));
    assert_eq!(init.status("web@boston")["starts"], 0);
}

#[test]
fn half_a_head_is_408_after_its_time() {
    let init = Init::new().http("timeout_head = \"200ms\"").web(&web(&["boston"])).start();
    let mut client = init.connect();
    client.send(b"GET /boston HTT").expect("send");
    assert_eq!(client.head().expect("an answer").status, 408);
}

#[test]
fn a_head_that_drips_is_408_in_total() {
    let init = Init::new().http("timeout_head = \"200ms\"").web(&web(&["boston"])).start();
    let mut client = init.connect();
    client.send(b"GET /boston HTTP/1.1\r\nHost: x\r\n").expect("send");
    // Every byte is progress: only a limit on the whole head ends this.
    let dripping = (0..10_000).find(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        client.send(b"a").is_err()
    });
    assert!(dripping.is_some(), "it dripped for ever");
    init.get("/boston").expect(200);
}

#[test]
fn clients_that_leave_early_leave_nothing_behind() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    for cut in (0..60).chain([1000, 100_000]) {
        let mut client = Connection::open(init.address()).expect("connect");
        let mut request = request_head("POST", "/boston", &[], 1_000_000);
        request.resize(request.len().max(cut + 1), b'x');
        client.send(&request[..cut]).expect("send");
    }
    crate::harness::eventually("nothing is in flight", || {
        let requests = &init.status("web@boston")["requests"];
        requests["in_flight"] == 0 && requests["waiting"] == 0
    });
    init.get("/boston").expect(200);
}

#[test]
fn a_thousand_connections_leave_no_descriptors() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    let before = crate::procfs::descriptors(init.pid());
    for _ in 0..1000 {
        init.get("/up").expect(200);
    }
    crate::harness::eventually("descriptors are back", || crate::procfs::descriptors(init.pid()) <= before);
}
