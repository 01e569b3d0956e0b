//! Honest answers of tenants (RFC 9110 §15, RFC 9112 §6.3): what of them reaches the client, in which framing.

use super::row::{Row, Tenant, arrives, request};

/// Both connections live on: name, section, method, answer, what the client gets.
const KEPT: &[(&str, &str, &str, &str, &str)] = &[
    (
        "a length",
        "9112 §6.2",
        "GET",
        "200 OK\r\nContent-Length: 2\r\n\r\nok",
        "200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\n\r\nok",
    ),
    (
        "length nought",
        "9112 §6.2",
        "GET",
        "200 OK\r\nContent-Length: 0\r\n\r\n",
        "200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "a length is written anew",
        "9112 §6.2",
        "GET",
        "200 OK\r\ncontent-length:\t002 \r\n\r\nok",
        "200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\n\r\nok",
    ),
    (
        "chunks",
        "9112 §7.1",
        "GET",
        "200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n1\r\no\r\n01;a=b\r\nk\r\n0\r\n\r\n",
        "200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n01;a=b\r\nk\r\n0\r\n\r\n",
    ),
    (
        "fields pass, in order",
        "9110 §5.3",
        "GET",
        "200 OK\r\nSet-Cookie: a=b\r\nServer:puma\r\nset-cookie: c=d\r\nX_Y: é\r\nEmpty:\r\nContent-Length: 0\r\n\r\n",
        "200 OK\r\nSet-Cookie: a=b\r\nServer: puma\r\nset-cookie: c=d\r\nX_Y: é\r\nEmpty: \r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "fields of one hop go",
        "9110 §7.6.1",
        "GET",
        "200 OK\r\nConnection: keep-alive, A\r\nA: b\r\nKeep-Alive: timeout=5\r\nProxy-Connection: a\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n",
        "200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "a tenant's own id stays",
        "9110 §5.1",
        "GET",
        "200 OK\r\nx-request-id: mine\r\nContent-Length: 0\r\n\r\n",
        "200 OK\r\nx-request-id: mine\r\nDate: @DATE\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "no reason",
        "9112 §4",
        "GET",
        "200 \r\nContent-Length: 0\r\n\r\n",
        "200 \r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "no reason and no space",
        "9112 §4",
        "GET",
        "200\r\nContent-Length: 0\r\n\r\n",
        "200 \r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "a reason of many words",
        "9112 §4",
        "GET",
        "599 What ever, (it) is\r\nContent-Length: 0\r\n\r\n",
        "599 What ever, (it) is\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "HEAD with a length",
        "9110 §9.3.2",
        "HEAD",
        "200 OK\r\nContent-Length: 1000\r\n\r\n",
        "200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 1000\r\n\r\n",
    ),
    (
        "HEAD with chunks",
        "9110 §9.3.2",
        "HEAD",
        "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\n\r\n",
    ),
    (
        "HEAD without framing",
        "9110 §9.3.2",
        "HEAD",
        "404 Not Found\r\n\r\n",
        "404 Not Found\r\nDate: @DATE\r\nX-Request-Id: @ID\r\n\r\n",
    ),
    (
        "204",
        "9110 §15.3.5",
        "GET",
        "204 No Content\r\n\r\n",
        "204 No Content\r\nDate: @DATE\r\nX-Request-Id: @ID\r\n\r\n",
    ),
    (
        "204 with a length",
        "9110 §8.6",
        "GET",
        "204 No Content\r\nContent-Length: 0\r\n\r\n",
        "204 No Content\r\nDate: @DATE\r\nX-Request-Id: @ID\r\n\r\n",
    ),
    (
        "205",
        "9110 §15.3.6",
        "GET",
        "205 Reset Content\r\n\r\n",
        "205 Reset Content\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "205 with length nought",
        "9110 §15.3.6",
        "GET",
        "205 Reset Content\r\nContent-Length: 0\r\n\r\n",
        "205 Reset Content\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "304",
        "9110 §15.4.5",
        "GET",
        "304 Not Modified\r\nETag: \"a\"\r\n\r\n",
        "304 Not Modified\r\nETag: \"a\"\r\nDate: @DATE\r\nX-Request-Id: @ID\r\n\r\n",
    ),
    (
        "304 with the length of a 200",
        "9110 §8.6",
        "GET",
        "304 Not Modified\r\nContent-Length: 1000\r\n\r\n",
        "304 Not Modified\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 1000\r\n\r\n",
    ),
    (
        "304 with a coding",
        "9112 §6.1",
        "GET",
        "304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
        "304 Not Modified\r\nDate: @DATE\r\nX-Request-Id: @ID\r\n\r\n",
    ),
    (
        "interim answers pass",
        "9110 §15.2",
        "GET",
        "102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 104 New\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 104 New\r\n\r\nHTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\n\r\nok",
    ),
];

/// The tenant's connection ends, as it says, and the client's lives: name, section, answer with its version, what is got.
const TENANT_CLOSES: &[(&str, &str, &str)] = &[
    ("Connection: close", "9112 §9.6", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
    (
        "Connection: Close among others",
        "9112 §9.6",
        "HTTP/1.1 200 OK\r\nConnection: a, Close\r\nContent-Length: 2\r\n\r\nok",
    ),
    ("an answer of 1.0", "9112 §9.3", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
];

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, rfc, method, answer, got) in KEPT {
        let line = format!("{method} /t");
        let row =
            Row::new(&format!("answer: {name}"), rfc).send(request(&line, "", "")).asked(arrives(&line, "", "\r\n"));
        rows.push(row.answer(format!("HTTP/1.1 {answer}")).got(format!("HTTP/1.1 {got}")));
    }
    for (name, rfc, answer) in TENANT_CLOSES {
        let row = got_request(&format!("answer: {name}"), rfc).answer(answer);
        rows.push(
            row.got("HTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\n\r\nok")
                .tenant(Tenant::Ends),
        );
    }
    rows.push(
        got_request("answer: of 1.0 kept alive", "9112 §9.3")
            .answer("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok")
            .got("HTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\n\r\nok"),
    );
    rows.extend(until_close());
    rows.extend(large());
    rows.extend(to_old_clients());
    rows
}

/// A plain GET that has arrived.
fn got_request(name: &str, rfc: &'static str) -> Row {
    Row::new(name, rfc).send(request("GET /t", "", "")).asked(arrives("GET /t", "", "\r\n"))
}

/// Answers that end with their connection end the client's, and say so.
fn until_close() -> Vec<Row> {
    let row =
        |name: &str, answer: &str, got: &str| got_request(name, "9112 §6.3").answer(answer).hangup().got(got).ends();
    vec![
        row(
            "until close",
            "HTTP/1.1 200 OK\r\nA: b\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nA: b\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nConnection: close\r\n\r\nok",
        ),
        row(
            "until close, of 1.0",
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        ),
        row(
            "until close, empty",
            "HTTP/1.1 500 No\r\n\r\n",
            "HTTP/1.1 500 No\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nConnection: close\r\n\r\n",
        ),
    ]
}

/// Heads and bodies larger than any one read.
fn large() -> [Row; 2] {
    let field = format!("A: {}\r\n", "b".repeat(60_000));
    let body = "0123456789".repeat(10_000);
    [
        got_request("answer: a head of 60 kB", "9110 §5.4")
            .answer(format!("HTTP/1.1 200 OK\r\n{field}Content-Length: 0\r\n\r\n"))
            .got(format!("HTTP/1.1 200 OK\r\n{field}Date: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 0\r\n\r\n")),
        got_request("answer: a body of 100 kB", "9112 §6.2")
            .answer(format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{body}"))
            .got(format!(
                "HTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 100000\r\n\r\n{body}"
            )),
    ]
}

/// A client of HTTP/1.0 sees no chunks and no interim answers.
fn to_old_clients() -> Vec<Row> {
    let old = |name: &str, rfc: &'static str, fields: &str, answer: &str, got: &str| {
        let row = Row::new(&format!("to 1.0: {name}"), rfc).send(format!("GET /t HTTP/1.0\r\nHost: x\r\n{fields}\r\n"));
        row.asked(arrives("GET /t", "", "\r\n"))
            .answer(answer)
            .got(format!("HTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\n{got}"))
    };
    let alive = "Connection: Keep-Alive\r\n";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a\r\no\r\n1\r\nk\r\n0\r\n\r\n";
    let plain = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    vec![
        old("a length", "9112 §9.3", "", plain, "Content-Length: 2\r\nConnection: close\r\n\r\nok").ends(),
        old("kept alive", "9112 §9.3", alive, plain, "Content-Length: 2\r\nConnection: keep-alive\r\n\r\nok"),
        old("chunks", "9112 §7", "", chunked, "Connection: close\r\n\r\nok").ends(),
        old("chunks to one that is kept alive", "9112 §7", alive, chunked, "Connection: close\r\n\r\nok").ends(),
        old(
            "interim answers",
            "9110 §15.2",
            alive,
            &format!("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n{plain}"),
            "Content-Length: 2\r\nConnection: keep-alive\r\n\r\nok",
        ),
    ]
}
