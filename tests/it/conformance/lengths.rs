//! How long a request is (RFC 9112 §6): every ambiguity has its refusal, and no second reader sees another end.

use super::row::{Row, arrives, page, request};

/// Refused: name, section, fields, body, status, reason.
const REFUSED: &[(&str, &str, &str, &str, &str, &str)] = &[
    ("CL.TE", "9112 §6.1", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", LAST, BAD, BOTH),
    ("TE.CL", "9112 §6.1", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", LAST, BAD, BOTH),
    ("CL.0 and TE", "9112 §6.1", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", LAST, BAD, BOTH),
    ("TE.TE", "9112 §6.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", LAST, BAD, TWO_CODINGS),
    ("TE.TE of another", "9112 §6.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", LAST, BAD, TWO_CODINGS),
    (
        "TE.TE of another before",
        "9112 §6.1",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n",
        LAST,
        BAD,
        CODING,
    ),
    ("the same length twice", "9112 §6.3", "Content-Length: 5\r\nContent-Length: 5\r\n", "hello", BAD, TWO),
    ("two lengths", "9112 §6.3", "Content-Length: 5\r\ncontent-length: 6\r\n", "hello", BAD, TWO),
    ("list of one length", "9112 §6.3", "Content-Length: 5, 5\r\n", "hello", BAD, LENGTH),
    ("list of two lengths", "9112 §6.3", "Content-Length: 5, 6\r\n", "hello", BAD, LENGTH),
    ("list with an empty element", "9112 §6.3", "Content-Length: 5,\r\n", "hello", BAD, LENGTH),
    ("length with a plus", "9112 §6.2", "Content-Length: +5\r\n", "hello", BAD, LENGTH),
    ("length with a minus", "9112 §6.2", "Content-Length: -5\r\n", "hello", BAD, LENGTH),
    ("length in hexadecimal", "9112 §6.2", "Content-Length: 0x5\r\n", "hello", BAD, LENGTH),
    ("length with a point", "9112 §6.2", "Content-Length: 5.0\r\n", "hello", BAD, LENGTH),
    ("length with an underscore", "9112 §6.2", "Content-Length: 1_0\r\n", "hellohello", BAD, LENGTH),
    ("length in quotes", "9112 §6.2", "Content-Length: \"5\"\r\n", "hello", BAD, LENGTH),
    ("length in two words", "9112 §6.2", "Content-Length: 5 5\r\n", "hello", BAD, LENGTH),
    ("empty length", "9112 §6.2", "Content-Length:\r\n", "hello", BAD, LENGTH),
    ("length of 20 digits", "9112 §6.2", "Content-Length: 18446744073709551616\r\n", "hello", BAD, LENGTH),
    (
        "length of 20 digits that are nought",
        "9112 §6.2",
        "Content-Length: 00000000000000000005\r\n",
        "hello",
        BAD,
        LENGTH,
    ),
    ("length in full-width digits", "9112 §6.2", "Content-Length: ５\r\n", "hello", BAD, LENGTH),
    ("identity", "9112 §6.1", "Transfer-Encoding: identity\r\n", "hello", UNKNOWN, KNOWN),
    ("gzip", "9112 §6.1", "Transfer-Encoding: gzip\r\n", "hello", UNKNOWN, KNOWN),
    ("gzip, chunked", "9112 §6.1", "Transfer-Encoding: gzip, chunked\r\n", LAST, UNKNOWN, KNOWN),
    ("chunked, gzip", "9112 §6.3", "Transfer-Encoding: chunked, gzip\r\n", LAST, BAD, CODING),
    ("chunked, chunked", "9112 §6.1", "Transfer-Encoding: chunked, chunked\r\n", LAST, BAD, CODING),
    ("chunked, identity", "9112 §6.1", "Transfer-Encoding: chunked, identity\r\n", LAST, BAD, CODING),
    ("chunked and a comma", "9112 §6.1", "Transfer-Encoding: chunked,\r\n", LAST, BAD, CODING),
    ("a comma and chunked", "9112 §6.1", "Transfer-Encoding: ,chunked\r\n", LAST, BAD, CODING),
    ("chunked in quotes", "9112 §6.1", "Transfer-Encoding: \"chunked\"\r\n", LAST, BAD, CODING),
    ("chunked with a parameter", "9112 §7", "Transfer-Encoding: chunked;q=1\r\n", LAST, BAD, CODING),
    ("chunked twice without a comma", "9112 §6.1", "Transfer-Encoding: chunked chunked\r\n", LAST, BAD, CODING),
    ("xchunked", "9112 §6.1", "Transfer-Encoding: xchunked\r\n", LAST, BAD, CODING),
    (
        "chunked with a vertical tab",
        "9112 §6.1",
        "Transfer-Encoding: \x0bchunked\r\n",
        LAST,
        BAD,
        "invalid field value",
    ),
    ("empty coding", "9112 §6.1", "Transfer-Encoding:\r\n", LAST, BAD, CODING),
    (
        "a known coding beside a length",
        "9112 §6.1",
        "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n",
        "hello",
        UNKNOWN,
        KNOWN,
    ),
    ("another expectation", "9110 §10.1.1", "Expect: 200-ok\r\nContent-Length: 5\r\n", "hello", EXPECT, EXPECTATION),
    (
        "two expectations",
        "9110 §10.1.1",
        "Expect: 100-continue, a\r\nContent-Length: 5\r\n",
        "hello",
        EXPECT,
        EXPECTATION,
    ),
];

/// Passed: name, section, fields, body, tail of what arrives.
const PASSED: &[(&str, &str, &str, &str, &str)] = &[
    ("a length", "9112 §6.2", "Content-Length: 5\r\n", "hello", "Content-Length: 5\r\n\r\nhello"),
    ("length nought", "9112 §6.2", "Content-Length: 0\r\n", "", "Content-Length: 0\r\n\r\n"),
    ("length with leading noughts", "9112 §6.2", "Content-Length: 0005\r\n", "hello", "Content-Length: 5\r\n\r\nhello"),
    ("length behind white space", "9112 §5.1", "Content-Length: \t 5 \r\n", "hello", "Content-Length: 5\r\n\r\nhello"),
    ("chunked", "9112 §7.1", CHUNKED, ONE_CHUNK, "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    (
        "chunked in any case",
        "9112 §7",
        "TRANSFER-ENCODING:Chunked\r\n",
        ONE_CHUNK,
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ),
    ("neither is no body", "9112 §6.3", "", "", "\r\n"),
    (
        "a body that looks like a request",
        "9112 §6.3",
        "Content-Length: 34\r\n",
        SMUGGLED,
        "Content-Length: 34\r\n\r\nGET /t?b HTTP/1.1\r\nHost: x\r\nA: b\r\n",
    ),
];

const BAD: &str = "400 Bad Request";
const UNKNOWN: &str = "501 Not Implemented";
const EXPECT: &str = "417 Expectation Failed";
const BOTH: &str = "Content-Length beside Transfer-Encoding";
const TWO: &str = "duplicate Content-Length";
const TWO_CODINGS: &str = "duplicate Transfer-Encoding";
const LENGTH: &str = "invalid Content-Length";
const CODING: &str = "invalid Transfer-Encoding";
const KNOWN: &str = "transfer coding not supported";
const EXPECTATION: &str = "unknown expectation";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
const LAST: &str = "0\r\n\r\n";
const ONE_CHUNK: &str = "5\r\nhello\r\n0\r\n\r\n";
const SMUGGLED: &str = "GET /t?b HTTP/1.1\r\nHost: x\r\nA: b\r\n";

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, rfc, fields, body, status, reason) in REFUSED {
        let row = Row::new(name, rfc).send(request("POST /t", fields, body));
        rows.push(row.got(page(status, reason, false)).ends());
    }
    for (name, rfc, fields, body, arrived) in PASSED {
        let row = Row::new(name, rfc).send(request("POST /t", fields, body));
        rows.push(row.asked(arrives("POST /t", "", arrived)).ok());
    }
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "PROPFIND"] {
        let line = format!("{method} /t");
        let row = Row::new(&format!("{method} may have a body"), "9110 §9.3.1");
        let row = row.send(request(&line, "Content-Length: 5\r\n", "hello"));
        let row = row.asked(arrives(&line, "", "Content-Length: 5\r\n\r\nhello"));
        rows.push(match method {
            "HEAD" => row
                .answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
                .got("HTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\n\r\n"),
            _ => row.ok(),
        });
    }
    rows.extend(old());
    rows
}

/// HTTP/1.0.
fn old() -> [Row; 3] {
    let refused = |name: &str, fields: &str| {
        let all = format!("POST /t HTTP/1.0\r\nHost: x\r\n{fields}\r\n{LAST}");
        let reason = "Transfer-Encoding in HTTP/1.0";
        Row::new(name, "9112 §6.1").send(all).got(page(BAD, reason, false)).ends()
    };
    [
        refused("1.0 with chunked", CHUNKED),
        refused("1.0 kept alive with chunked", "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n"),
        Row::new("1.0 with a length", "9112 §6.2")
            .send("POST /t HTTP/1.0\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
            .asked(arrives("POST /t", "", "Content-Length: 5\r\n\r\nhello"))
            .answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .got("HTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            .ends(),
    ]
}
