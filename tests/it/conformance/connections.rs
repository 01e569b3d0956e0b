//! Connections (RFC 9112 §9): what stands in one segment, who closes, half a close, expectations, answers of our own.

use super::row::{GOT_OK, OK, Row, Tenant, arrives, own_page, page, request};

const CLOSED_OK: &str =
    "HTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
const UP: &str = "HTTP/1.1 200 OK\r\nDate: @DATE\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n\
                  X-Request-Id: @ID\r\n\r\nOK\n";
const LENGTH: &str = "Content-Length: 5\r\n";
const EXPECTS: &str = "Expect: 100-continue\r\nContent-Length: 5\r\n";
/// What the tenant gets of the fields of [`EXPECTS`].
const EXPECTED: &str = "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

pub fn rows() -> Vec<Row> {
    [pipelines(), closes(), half_closes(), expectations(), own_answers(), streams()].into_iter().flatten().collect()
}

fn get(target: &str) -> String {
    request(&format!("GET {target}"), "", "")
}

fn got_get(target: &str) -> String {
    arrives(&format!("GET {target}"), "", "\r\n")
}

/// One segment, several requests: each is routed, and each has the fields that tenantd makes.
fn pipelines() -> Vec<Row> {
    let post = request("POST /t?b", LENGTH, "hello");
    let got_post = arrives("POST /t?b", "", "Content-Length: 5\r\n\r\nhello");
    let chunked = request("POST /t?b", CHUNKED, "5\r\nhello\r\n0\r\n\r\n");
    let got_chunked = arrives("POST /t?b", "", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    let row = |name: &str| Row::new(&format!("pipeline: {name}"), "9112 §9.3.2");
    let (a, c) = (get("/t?a"), get("/t?c"));
    vec![
        row("GET, GET")
            .send(format!("{a}{c}"))
            .asked(got_get("/t?a"))
            .answer(OK)
            .asked(got_get("/t?c"))
            .answer(OK)
            .got([GOT_OK, GOT_OK].concat()),
        row("GET, POST, GET")
            .send(format!("{a}{post}{c}"))
            .asked(got_get("/t?a"))
            .answer(OK)
            .asked(&got_post)
            .answer(OK)
            .asked(got_get("/t?c"))
            .answer(OK)
            .got([GOT_OK, GOT_OK, GOT_OK].concat()),
        row("POST with chunks, GET")
            .send(format!("{chunked}{c}"))
            .asked(got_chunked)
            .answer(OK)
            .asked(got_get("/t?c"))
            .answer(OK)
            .got([GOT_OK, GOT_OK].concat()),
        row("an empty line between")
            .send(format!("{post}\r\n{c}"))
            .asked(&got_post)
            .answer(OK)
            .asked(got_get("/t?c"))
            .answer(OK)
            .got([GOT_OK, GOT_OK].concat()),
        row("answers keep their order")
            .send(format!("{a}{}{c}", get("/up")))
            .asked(got_get("/t?a"))
            .answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
            .answer("k")
            .asked(got_get("/t?c"))
            .answer(OK)
            .got([GOT_OK, UP, GOT_OK].concat()),
        row("HEAD between GETs")
            .send(format!("{a}{}{c}", request("HEAD /t", "", "")))
            .asked(got_get("/t?a"))
            .answer(OK)
            .asked(arrives("HEAD /t", "", "\r\n"))
            .answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
            .asked(got_get("/t?c"))
            .answer(OK)
            .got(
                [GOT_OK, "HTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 9\r\n\r\n", GOT_OK]
                    .concat(),
            ),
        row("one that nobody answers")
            .send(format!("{}{a}", get("/nowhere")))
            .asked(got_get("/t?a"))
            .answer(OK)
            .got(not_found("X-Request-Id: @ID\r\n") + GOT_OK),
        row("one that is refused is the last")
            .send(format!("{a}GET /t\nHost: x\r\n\r\n{c}"))
            .asked(got_get("/t?a"))
            .answer(OK)
            .got([GOT_OK, &page("400 Bad Request", "bare LF in the head", false)].concat())
            .ends(),
        row("broken chunks are the last")
            .send(format!("{a}{}{c}", request("POST /t", CHUNKED, "x\r\n")))
            .asked(got_get("/t?a"))
            .answer(OK)
            .got([GOT_OK, &page("400 Bad Request", "missing chunk size", true)].concat())
            .ends()
            .tenant(Tenant::NeverWhole),
        row("what stands behind close is dropped")
            .send(format!("{}{c}", request("GET /t?a", "Connection: close\r\n", "")))
            .asked(got_get("/t?a"))
            .answer(OK)
            .got(CLOSED_OK)
            .ends(),
        row("a lie of the tenant costs one answer")
            .send(format!("{a}{c}"))
            .asked(got_get("/t?a"))
            .answer("no\r\n")
            .ended_anew()
            .asked(got_get("/t?c"))
            .answer(OK)
            .got(own_page("502 Bad Gateway", "not an HTTP/1 answer", "X-Request-Id: @ID\r\n") + GOT_OK),
    ]
}

/// Who wants the connection closed.
fn closes() -> Vec<Row> {
    let row = |name: &str, version: &str, fields: &str| {
        let row = Row::new(&format!("persistence: {name}"), "9112 §9.3");
        row.send(format!("GET /t HTTP/{version}\r\nHost: x\r\n{fields}\r\n")).asked(got_get("/t")).answer(OK)
    };
    let old_alive =
        "HTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok";
    vec![
        row("1.1", "1.1", "").got(GOT_OK),
        row("1.1 close", "1.1", "Connection: close\r\n").got(CLOSED_OK).ends(),
        row("1.1 close in capitals", "1.1", "Connection: CLOSE\r\n").got(CLOSED_OK).ends(),
        row("1.1 close among others", "1.1", "Connection: a,, close ,keep-alive\r\n").got(CLOSED_OK).ends(),
        row("1.1 close in a second field", "1.1", "Connection: keep-alive\r\nConnection: close\r\n")
            .got(CLOSED_OK)
            .ends(),
        row("1.0", "1.0", "").got(CLOSED_OK).ends(),
        row("1.0 keep-alive", "1.0", "Connection: keep-alive\r\n").got(old_alive),
        row("1.0 keep-alive and close", "1.0", "Connection: keep-alive, close\r\n").got(CLOSED_OK).ends(),
        row("1.0 Proxy-Connection", "1.0", "Proxy-Connection: keep-alive\r\n").got(CLOSED_OK).ends(),
    ]
}

/// Clients that have said all, or will never.
fn half_closes() -> Vec<Row> {
    let row = |name: &str| Row::new(&format!("half close: {name}"), "9112 §9.6");
    let (a, c) = (get("/t?a"), get("/t?c"));
    vec![
        row("behind a request").send(&a).finish().asked(got_get("/t?a")).answer(OK).got(GOT_OK).ends(),
        row("while the answer comes")
            .send(&a)
            .asked(got_get("/t?a"))
            .answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
            .finish()
            .answer("ok")
            .got(GOT_OK)
            .ends(),
        row("behind a pipeline")
            .send(format!("{a}{c}"))
            .finish()
            .asked(got_get("/t?a"))
            .answer(OK)
            .asked(got_get("/t?c"))
            .answer(OK)
            .got([GOT_OK, GOT_OK].concat())
            .ends(),
        row("behind a body")
            .send(request("POST /t", LENGTH, "hello"))
            .finish()
            .asked(arrives("POST /t", "", "Content-Length: 5\r\n\r\nhello"))
            .answer(OK)
            .got(GOT_OK)
            .ends(),
        row("before an answer until close")
            .send(&a)
            .finish()
            .asked(got_get("/t?a"))
            .answer("HTTP/1.1 200 OK\r\n\r\nok")
            .hangup()
            .got("HTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nConnection: close\r\n\r\nok")
            .ends(),
        row("in a head").send("GET /t HTTP/1.1\r\nHo").finish().ends(),
        row("before a head").finish().ends(),
    ]
}

/// Expect: 100-continue, end to end.
fn expectations() -> Vec<Row> {
    let row = |name: &str| Row::new(&format!("expect: {name}"), "9110 §10.1.1");
    let asks = |name: &str| row(name).send(request("POST /t", EXPECTS, "")).asked(arrives("POST /t", "", EXPECTED));
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    let refused = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
    let got_refused = "HTTP/1.1 403 Forbidden\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
    vec![
        asks("the tenant says when").answer(go_on).got(go_on).send("hello").asked("hello").answer(OK).got(GOT_OK),
        asks("other interim answers do not mean it")
            .answer("HTTP/1.1 103 Early Hints\r\n\r\n")
            .got("HTTP/1.1 103 Early Hints\r\n\r\n")
            .answer(go_on)
            .got(go_on)
            .send("hello")
            .asked("hello")
            .answer(OK)
            .got(GOT_OK),
        asks("a client that does not wait").send("hello").asked("hello").answer(OK).got(GOT_OK),
        asks("a client that does not wait, and a 100")
            .send("hello")
            .asked("hello")
            .answer(go_on)
            .answer(OK)
            .got([go_on, GOT_OK].concat()),
        asks("refused, and the body stays away").answer(refused).got(got_refused).ends().tenant(Tenant::Ends),
        asks("refused while the body comes").answer(refused).got(got_refused).send("hello").ends().tenant(Tenant::Ends),
        row("of chunks")
            .send(request("POST /t", "Expect: 100-CONTINUE\r\nTransfer-Encoding: chunked\r\n", ""))
            .asked(arrives("POST /t", "", "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"))
            .answer(go_on)
            .got(go_on)
            .send("0\r\n\r\n")
            .asked("0\r\n\r\n")
            .answer(OK)
            .got(GOT_OK),
        row("of HTTP/1.0 is dropped")
            .send("POST /t HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
            .asked(arrives("POST /t", "", "Content-Length: 5\r\n\r\nhello"))
            .answer(OK)
            .got(CLOSED_OK)
            .ends(),
        row("of nobody")
            .send(request("POST /nowhere", EXPECTS, ""))
            .got(not_found("X-Request-Id: @ID\r\nConnection: close\r\n"))
            .ends(),
    ]
}

fn not_found(last: &str) -> String {
    own_page("404 Not Found", "no application answers here", last)
}

/// What tenantd answers by itself, whatever the client goes on to send.
fn own_answers() -> Vec<Row> {
    let row = |name: &str| Row::new(&format!("own answer: {name}"), "9110 §15.5");
    let large = "x".repeat(1_000_000);
    let gone = not_found("X-Request-Id: @ID\r\nConnection: close\r\n");
    let line = "invalid request line";
    vec![
        row("health").send(get("/up")).got(UP),
        row("health to HEAD").send(request("HEAD /up", "", "")).got(UP.strip_suffix("OK\n").unwrap_or_default()),
        row("nobody").send(get("/nowhere")).got(not_found("X-Request-Id: @ID\r\n")),
        row("nobody, with a body").send(request("POST /nowhere", LENGTH, "hello")).got(&gone).ends(),
        row("nobody, with a body that goes on")
            .send(request("POST /nowhere", "Content-Length: 1000000\r\n", &large))
            .sent()
            .got(&gone)
            .ends(),
        row("refused, with a body that goes on")
            .send(format!(" {large}"))
            .sent()
            .got(page("400 Bad Request", line, false))
            .ends(),
    ]
}

/// Events are passed on byte for byte, at once: the next one is written when the one before has arrived.
fn streams() -> Vec<Row> {
    let row = |name: &str| Row::new(&format!("stream: {name}"), "9112 §7.1").send(get("/t")).asked(got_get("/t"));
    let head = |framing: &str| format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n");
    let got = |framing: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nDate: @DATE\r\nX-Request-Id: @ID\r\n{framing}\r\n"
        )
    };
    let events = "8\r\ndata: 1\n\r\n8\r\ndata: 2\n\r\n";
    let by_bytes = |row: Row, bytes: &str| {
        let each = bytes.char_indices().map(|(at, c)| &bytes[at..at + c.len_utf8()]);
        each.fold(row, |row, byte| row.answer(byte).got(byte))
    };
    let chunked = row("chunks of events").answer(head(CHUNKED)).got(got(CHUNKED));
    let length =
        row("a body of known length").answer(head("Content-Length: 16\r\n")).got(got("Content-Length: 16\r\n"));
    let close = row("until close").answer(head("")).got(got("Connection: close\r\n"));
    vec![
        by_bytes(chunked, events).answer("0\r\n\r\n").got("0\r\n\r\n"),
        by_bytes(length, "data: 1\ndata: 2\n"),
        by_bytes(close, "data: 1\n").hangup().ends(),
    ]
}
