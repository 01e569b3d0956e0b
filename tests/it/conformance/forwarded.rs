//! Which fields of a request pass (RFC 9110 §7.6.1), and which words of proxies are believed (nobody's, here).

use super::row::{OK, Row, arrives, request};

/// Name, section, fields, fields as they arrive.
const FIELDS: &[(&str, &str, &str, &str)] = &[
    ("Connection goes", "9110 §7.6.1", "Connection: keep-alive\r\nA: b\r\n", "A: b\r\n"),
    ("named fields go", "9110 §7.6.1", "Connection: A, c\r\nA: b\r\nC: d\r\nE: f\r\n", "E: f\r\n"),
    (
        "named fields go, wherever they are named",
        "9110 §7.6.1",
        "A: b\r\nC: d\r\nConnection: c\r\nConnection: , A ,\r\n",
        "",
    ),
    ("fields of one hop go", "9110 §7.6.1", HOP, "A: b\r\n"),
    ("Host cannot be named away", "9110 §7.6.1", "Connection: Host\r\n", ""),
    ("Cookie cannot be named away", "9110 §7.6.1", "Connection: Cookie\r\nCookie: a=b\r\n", "Cookie: a=b\r\n"),
    (
        "Authorization cannot be named away",
        "9110 §7.6.1",
        "Connection: Authorization\r\nAuthorization: Basic YTpi\r\n",
        "Authorization: Basic YTpi\r\n",
    ),
    (
        "X-Forwarded-For cannot be named away",
        "9110 §7.6.1",
        "Connection: X-Forwarded-For, X-Real-IP, X-Request-Id\r\n",
        "",
    ),
    ("close is no name", "9110 §7.6.1", "Connection: keep-alive, close-not\r\nClose: a\r\n", "Close: a\r\n"),
    ("TE of codings goes", "9110 §10.1.4", "TE: gzip\r\nConnection: TE\r\n", ""),
    ("an upgrade that Connection does not name goes", "9110 §7.8", "Upgrade: websocket\r\n", ""),
    (
        "h2c goes",
        "9113 §3.1",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n",
        "",
    ),
    ("a list of upgrades goes", "9110 §7.8", "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n", ""),
    ("an expectation without a body goes", "9110 §10.1.1", "Expect: 100-continue\r\n", ""),
    ("words of unknown proxies go", "7239 §8.1", PROXIES, "A: b\r\n"),
    ("orders to file servers go", "9110 §16.3", "X-Sendfile-Type: X-Accel-Redirect\r\nX-Accel-Mapping: /=/\r\n", ""),
    ("twins with underscores go", "3875 §4.1.18", "X_Forwarded_For: 6.6.6.6\r\nX_Request_Id: a\r\nHost_: y\r\n", ""),
    ("twins in mixed case go", "9110 §5.1", "x-FORWARDED-for: 6.6.6.6\r\nX-REAL-ip: 6.6.6.6\r\n", ""),
    (
        "Via and Max-Forwards pass",
        "9110 §7.6.3",
        "Via: 1.1 a\r\nMax-Forwards: 5\r\n",
        "Via: 1.1 a\r\nMax-Forwards: 5\r\n",
    ),
    ("Trailer goes with the trailers", "9110 §6.6.2", "Trailer: A\r\n", ""),
];

const HOP: &str = "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic YTpi\r\n\
                   Proxy-Authenticate: Basic\r\nProxy: http://a\r\nA: b\r\n";
const PROXIES: &str = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\
                       X-Forwarded-Port: 1\r\nX-Forwarded-Ssl: on\r\nX-Forwarded-Anything: a\r\nForwarded: for=6.6.6.6\r\n\
                       X-Real-IP: 6.6.6.6\r\nClient-IP: 6.6.6.6\r\nX-Request-Start: t=1\r\nX-Request-Id: evil\r\nA: b\r\n";

pub fn rows() -> Vec<Row> {
    let row = |(name, rfc, fields, arrived): &(&str, &'static str, &str, &str)| {
        Row::new(name, rfc).send(request("GET /t", fields, "")).asked(arrives("GET /t", arrived, "\r\n")).ok()
    };
    let mut rows: Vec<_> = FIELDS.iter().map(row).collect();
    rows.extend(framing_cannot_be_named_away());
    rows.push(no_host());
    rows
}

fn framing_cannot_be_named_away() -> [Row; 2] {
    let row = |name: &str, fields: &str, tail: &str| {
        let body = tail.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let row = Row::new(name, "9110 §7.6.1").send(request("POST /t", fields, body));
        row.asked(arrives("POST /t", "", tail)).ok()
    };
    [
        row(
            "Content-Length cannot be named away",
            "Connection: Content-Length\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\n\r\nhello",
        ),
        row(
            "Transfer-Encoding cannot be named away",
            "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ),
    ]
}

/// HTTP/1.0 may come without a Host; what is sent on as HTTP/1.1 may not.
fn no_host() -> Row {
    Row::new("1.0 without a Host", "9112 §3.2")
        .send("GET /t HTTP/1.0\r\n\r\n")
        .asked(super::row::arrives_for("localhost", "GET /t", "", "\r\n"))
        .answer(OK)
        .got("HTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        .ends()
}
