//! Upgrades (RFC 9110 §7.8): bytes behind the heads on either side, refusals, and how a tunnel ends.

use super::row::{GOT_OK, OK, Row, Tenant, arrives, own_page, page, request};

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const SWITCH: &str =
    "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: a=\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

pub fn rows() -> Vec<Row> {
    [tunnels(), refused(), ignored()].into_iter().flatten().collect()
}

fn asks(name: &str) -> Row {
    asks_and_sends(name, "")
}

/// An upgrade with bytes behind its head.
fn asks_and_sends(name: &str, early: &str) -> Row {
    let fields = format!("{UPGRADE}Sec-WebSocket-Key: a=\r\n");
    Row::new(&format!("upgrade: {name}"), "9110 §7.8").send(request("GET /t", &fields, early)).asked(arrives(
        "GET /t",
        "Sec-WebSocket-Key: a=\r\n",
        &format!("{UPGRADE}\r\n"),
    ))
}

fn tunnels() -> Vec<Row> {
    vec![
        asks("bytes both ways")
            .answer(SWITCH)
            .got(SWITCH)
            .send("ping")
            .asked("ping")
            .answer("pong")
            .got("pong")
            .hangup()
            .ends(),
        asks("the tenant's first bytes").answer(format!("{SWITCH}hello")).got(format!("{SWITCH}hello")).hangup().ends(),
        asks_and_sends("the client's first bytes", "early").answer(SWITCH).got(SWITCH).asked("early").hangup().ends(),
        asks_and_sends("first bytes of both", "early")
            .answer(format!("{SWITCH}hello"))
            .got(format!("{SWITCH}hello"))
            .asked("early")
            .send("more")
            .asked("more")
            .answer("still")
            .got("still")
            .hangup()
            .ends(),
        asks_and_sends("what looks like a request is none", "GET /t?smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
            .answer(SWITCH)
            .got(SWITCH)
            .asked("GET /t?smuggled HTTP/1.1\r\n")
            .asked("Host: x\r\n\r")
            .asked("\n")
            .hangup()
            .ends(),
        asks("what looks like an answer is none")
            .answer(format!("{SWITCH}HTTP/1.1 200 OK\r\nConnection: a\r\n\r\n"))
            .got(format!("{SWITCH}HTTP/1.1 200 OK\r\nConnection: a\r\n\r\n"))
            .hangup()
            .ends(),
        asks("the client's end is passed on")
            .answer(SWITCH)
            .got(SWITCH)
            .send("bye")
            .finish()
            .asked("bye")
            .ended()
            .answer("bye, too")
            .hangup()
            .got("bye, too")
            .ends(),
        asks("behind interim answers")
            .answer(format!("HTTP/1.1 103 Early Hints\r\n\r\n{SWITCH}x"))
            .got(format!("HTTP/1.1 103 Early Hints\r\n\r\n{SWITCH}x"))
            .hangup()
            .ends(),
    ]
}

/// The tenant does not want to, or lies.
fn refused() -> Vec<Row> {
    let next = request("GET /t?next", "", "");
    let refusal = "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno";
    let got_refusal =
        "HTTP/1.1 426 Upgrade Required\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\n\r\nno";
    vec![
        asks("refused").answer(refusal).got(got_refusal),
        asks("ignored by the tenant").answer(OK).got(GOT_OK),
        asks_and_sends("refused, with a request behind it", &next)
            .answer(refusal)
            .asked(arrives("GET /t?next", "", "\r\n"))
            .answer(OK)
            .got([got_refusal, GOT_OK].concat()),
        asks_and_sends("refused, with frames behind it", "\x01\x02")
            .answer(refusal)
            .got(got_refusal.to_owned() + &page("400 Bad Request", "invalid request line", false))
            .ends(),
        asks("101 without a protocol")
            .answer("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n")
            .got(own_page("502 Bad Gateway", "101 without one Upgrade", "X-Request-Id: @ID\r\n"))
            .tenant(Tenant::Ends),
    ]
}

/// Requests that cannot be upgraded: the tenant does not see the wish.
fn ignored() -> Vec<Row> {
    let row = |name: &str| Row::new(&format!("upgrade: {name}"), "9110 §7.8");
    vec![
        row("of a POST").send(request("POST /t", UPGRADE, "")).asked(arrives("POST /t", "", "\r\n")).ok(),
        row("of a GET with a body")
            .send(request("GET /t", &format!("{UPGRADE}Content-Length: 5\r\n"), "hello"))
            .asked(arrives("GET /t", "", "Content-Length: 5\r\n\r\nhello"))
            .ok(),
        row("two of them")
            .send(request("GET /t", &format!("{UPGRADE}Upgrade: h2c\r\n"), ""))
            .asked(arrives("GET /t", "", "\r\n"))
            .ok(),
        row("of HTTP/1.0")
            .send(format!("GET /t HTTP/1.0\r\nHost: x\r\n{UPGRADE}\r\n"))
            .asked(arrives("GET /t", "", "\r\n"))
            .answer(OK)
            .got("HTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            .ends(),
    ]
}
