//! Tenants that lie (RFC 9112 §6.3, §11): 502 while nothing was sent, else an end that nobody takes for a whole answer.

use super::row::{OK, Row, Tenant, arrives, own_page, request};

/// 502, and only the tenant's connection ends: name, section, answer, reason.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("CL.TE", "9112 §6.3", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BOTH),
    ("TE.CL", "9112 §6.3", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", BOTH),
    ("the same length twice", "9112 §6.3", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", TWO),
    ("two lengths", "9112 §6.3", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", TWO),
    ("list of lengths", "9112 §6.3", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", LENGTH),
    ("length with a sign", "9112 §6.3", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", LENGTH),
    ("empty length", "9112 §6.3", "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nok", LENGTH),
    ("two lengths with 204", "9112 §6.3", "HTTP/1.1 204 No\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", TWO),
    ("another coding", "9112 §6.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok", KNOWN),
    ("gzip, chunked", "9112 §6.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", KNOWN),
    (
        "chunked, identity",
        "9112 §6.1",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        CODING,
    ),
    ("chunked twice", "9112 §6.1", TWICE_CHUNKED, "duplicate Transfer-Encoding"),
    ("1.0 with chunked", "9112 §6.1", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", OLD_CHUNKED),
    ("HTTP/0.9", "9112 §4", "<html>hello</html>", NOT_HTTP),
    ("garbage", "9112 §4", "\x01\x02\x03", NOT_HTTP),
    ("a request", "9112 §4", "GET / HTTP/1.1\r\n\r\n", NOT_HTTP),
    ("HTTP/2", "9112 §4", "HTTP/2.0 200 OK\r\n\r\n", NOT_HTTP),
    ("version in lower case", "9112 §4", "http/1.1 200 OK\r\n\r\n", NOT_HTTP),
    ("an empty line before", "9112 §4", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", NOT_HTTP),
    ("version 1.2", "9112 §4", "HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok", "invalid version"),
    ("status of two digits", "9112 §4", "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok", STATUS_LINE),
    ("status of four digits", "9112 §4", "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok", STATUS_LINE),
    ("status below 100", "9110 §15", "HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok", "invalid status"),
    ("status above 599", "9110 §15", "HTTP/1.1 600 OK\r\nContent-Length: 2\r\n\r\nok", "invalid status"),
    ("status of letters", "9112 §4", "HTTP/1.1 2OO OK\r\nContent-Length: 2\r\n\r\nok", STATUS_LINE),
    ("bare LF", "9112 §2.2", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", BARE_LF),
    ("bare LF in the fields", "9112 §2.2", "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 2\r\n\r\nok", BARE_LF),
    ("bare CR in a value", "9112 §2.2", "HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 2\r\n\r\nok", VALUE),
    ("NUL in a value", "9110 §5.5", "HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 2\r\n\r\nok", VALUE),
    ("folded line", "9112 §5.2", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\nok", NAME),
    ("folded length", "9112 §5.2", "HTTP/1.1 200 OK\r\nContent-Length:\r\n 2\r\n\r\nok", NAME),
    ("space before the colon", "9112 §5.1", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", NAME),
    ("no colon", "9112 §5", "HTTP/1.1 200 OK\r\nabc\r\nContent-Length: 2\r\n\r\nok", NAME),
    ("101 unasked", "9110 §7.8", UNASKED, "the application switched protocols without being asked"),
    ("101 to nothing", "9110 §7.8", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "101 without one Upgrade"),
];

/// Cut or broken in the middle of a body: name, section, framing, body.
const BROKEN: &[(&str, &str, &str, &str)] = &[
    ("a size of no digits", "9112 §7.1", CHUNKED, "x\r\nok\r\n0\r\n\r\n"),
    ("an empty line is no chunk", "9112 §7.1", CHUNKED, "2\r\nok\r\n\r\n0\r\n\r\n"),
    ("a size with bare LF", "9112 §7.1", CHUNKED, "2\nok\r\n0\r\n\r\n"),
    ("a chunk longer than its size", "9112 §7.1", CHUNKED, "1\r\nok\r\n0\r\n\r\n"),
    ("a size of more than 64 bits", "9112 §7.1", CHUNKED, "10000000000000002\r\nok\r\n0\r\n\r\n"),
    ("an extension with bare LF", "9112 §7.1.1", CHUNKED, "2;a\nb\r\nok\r\n0\r\n\r\n"),
    ("an end of bare LF", "9112 §7.1", CHUNKED, "2\r\nok\r\n0\r\n\n"),
];

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
const BOTH: &str = "Content-Length beside Transfer-Encoding";
const TWO: &str = "duplicate Content-Length";
const LENGTH: &str = "invalid Content-Length";
const KNOWN: &str = "transfer coding not supported";
const CODING: &str = "invalid Transfer-Encoding";
const OLD_CHUNKED: &str = "Transfer-Encoding in HTTP/1.0";
const NOT_HTTP: &str = "not an HTTP/1 answer";
const STATUS_LINE: &str = "invalid status line";
const BARE_LF: &str = "bare LF in the head";
const VALUE: &str = "invalid field value";
const NAME: &str = "invalid field name";
const TWICE_CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
const UNASKED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
/// What a client gets of [`OK`].
const GOT: &str = "HTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\n";

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, rfc, answer, reason) in REFUSED {
        rows.push(refused(name, rfc, answer, reason));
    }
    rows.extend(endless());
    for (name, rfc, framing, body) in BROKEN {
        let row = asked(name, rfc).answer(format!("HTTP/1.1 200 OK\r\n{framing}\r\n{body}"));
        let before = body.strip_suffix("0\r\n\r\n").unwrap_or(body);
        rows.push(row.got_part(format!("{GOT}{framing}\r\n{before}")).tenant(Tenant::Ends));
    }
    rows.extend(cut());
    rows.extend(too_much());
    rows.extend(gone());
    rows
}

fn asked(name: &str, rfc: &'static str) -> Row {
    Row::new(&format!("lie: {name}"), rfc).send(request("GET /t", "", "")).asked(arrives("GET /t", "", "\r\n"))
}

fn refused(name: &str, rfc: &'static str, answer: &str, reason: &str) -> Row {
    let page = own_page("502 Bad Gateway", reason, "X-Request-Id: @ID\r\n");
    asked(name, rfc).answer(answer).got(page).tenant(Tenant::Ends)
}

/// Heads without an end, and interim answers without one.
fn endless() -> Vec<Row> {
    let head = format!("HTTP/1.1 200 OK\r\nA: {}", "b".repeat(70_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(101));
    let flood = "HTTP/1.1 100 Continue\r\n\r\n".repeat(17);
    let page = own_page(
        "502 Bad Gateway",
        "the application sent too many interim answers",
        "X-Request-Id: @ID\r\nConnection: close\r\n",
    );
    vec![
        refused("a head without an end", "9110 §5.4", &head, "head too large"),
        refused(
            "a line without an end",
            "9112 §4",
            &format!("HTTP/1.1 200 {}", "a".repeat(9000)),
            "start line too long",
        ),
        refused("too many fields", "9110 §5.4", &many, "too many fields"),
        // Of HTTP/1.0, for which interim answers are dropped: how many of them pass before the end depends on the pieces.
        Row::new("lie: a flood of interim answers", "9110 §15.2")
            .send("GET /t HTTP/1.0\r\nHost: x\r\n\r\n")
            .asked(arrives("GET /t", "", "\r\n"))
            .answer(flood)
            .got(page)
            .ends()
            .tenant(Tenant::Ends),
    ]
}

/// The tenant closes in the middle of its answer.
fn cut() -> Vec<Row> {
    let cut = |name: &str, head: &str, body: &str| {
        let row = asked(name, "9112 §8").answer(format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}")).hangup();
        row.got(format!("{GOT}{head}\r\n{body}")).ends()
    };
    vec![
        cut("a short body", "Content-Length: 5\r\n", "hell"),
        cut("no body", "Content-Length: 5\r\n", ""),
        cut("a short chunk", CHUNKED, "5\r\nhell"),
        cut("no last chunk", CHUNKED, "5\r\nhello\r\n"),
        cut("no empty line", CHUNKED, "5\r\nhello\r\n0\r\n"),
    ]
}

/// More than an answer: the rest reaches nobody.
fn too_much() -> Vec<Row> {
    let much = |name: &str, line: &str, answer: &str, got: &str| {
        let row = Row::new(&format!("lie: {name}"), "9112 §9.5").send(request(line, "", ""));
        let row = row.asked(arrives(line, "", "\r\n")).answer(format!("HTTP/1.1 {answer}"));
        row.got(format!("HTTP/1.1 {got}")).tenant(Tenant::Ends)
    };
    vec![
        much("answers twice", "GET /t", &format!("200 OK\r\nContent-Length: 2\r\n\r\nok{OK}"), GOT_TWO),
        much("more than its length", "GET /t", "200 OK\r\nContent-Length: 2\r\n\r\nokay", GOT_TWO),
        much(
            "more than its last chunk",
            "GET /t",
            "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n0\r\n\r\n",
            "200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        much(
            "a body to HEAD",
            "HEAD /t",
            "200 OK\r\nContent-Length: 2\r\n\r\nok",
            "200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\n\r\n",
        ),
        much(
            "a body of 204",
            "GET /t",
            "204 No\r\nContent-Length: 2\r\n\r\nok",
            "204 No\r\nDate: @DATE\r\nX-Request-Id: @ID\r\n\r\n",
        ),
        much(
            "a body of 304",
            "GET /t",
            "304 No\r\nContent-Length: 2\r\n\r\nok",
            "304 No\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\n\r\n",
        ),
        much(
            "a body of 205 without a length",
            "GET /t",
            "205 No\r\n\r\nok",
            "205 No\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 0\r\n\r\n",
        ),
        asked("an answer to nobody", "9112 §9.2").ok().answer(OK).tenant(Tenant::Ends),
        asked("a 408 to nobody", "9112 §9.5")
            .ok()
            .answer("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
            .hangup(),
    ]
}

const GOT_TWO: &str = "200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\n\r\nok";

/// Tenants that answer before they have the whole request: the rest of it goes nowhere.
fn gone() -> Vec<Row> {
    let early = |name: &str| {
        Row::new(&format!("early: {name}"), "9112 §9.3")
            .send(request("POST /t", "Content-Length: 5\r\n", "hel"))
            .asked(arrives("POST /t", "", "Content-Length: 5\r\n\r\nhel"))
    };
    let large = "e".repeat(1_000_000);
    let got_large = "HTTP/1.1 413 Content Too Large\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 1000000\r\nConnection: close\r\n\r\n";
    vec![
        early("an answer before the end of the body")
            .answer(OK)
            .got(format!("{GOT}Content-Length: 2\r\nConnection: close\r\n\r\nok"))
            .ends()
            .tenant(Tenant::Ends),
        early("413 with chunks")
            .answer("HTTP/1.1 413 Content Too Large\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n")
            .got("HTTP/1.1 413 Content Too Large\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nno\r\n0\r\n\r\n")
            .ends()
            .tenant(Tenant::Ends),
        early("a lie").answer("no\r\n").got(own_page("502 Bad Gateway", NOT_HTTP, "X-Request-Id: @ID\r\nConnection: close\r\n")).ends().tenant(Tenant::Ends),
        // More than the client's window holds: a close with bytes unread would take the rest of it away.
        Row::new("early: a large answer while a megabyte is sent", "9112 §9.6")
            .send(request("POST /t", "Content-Length: 1000000\r\n", &"x".repeat(1_000_000)))
            .asked(arrives("POST /t", "", "Content-Length: 1000000\r\n\r\n"))
            .answer(format!("HTTP/1.1 413 Content Too Large\r\nContent-Length: 1000000\r\n\r\n{large}"))
            .sent()
            .got(format!("{got_large}{large}"))
            .hangup()
            .ends(),
    ]
}
