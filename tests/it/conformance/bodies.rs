//! The chunked coding of requests (RFC 9112 §7.1): what is broken never reaches the tenant as a whole request.

use super::row::{Row, Tenant, arrives, page, request};

/// Broken: name, section, body, reason.
const BROKEN: &[(&str, &str, &str, &str)] = &[
    ("an empty line is no chunk", "9112 §7.1", "\r\n\r\n", MISSING),
    ("an empty line behind a chunk", "9112 §7.1", "5\r\nhello\r\n\r\n0\r\n\r\n", MISSING),
    ("size with a minus", "9112 §7.1", "-5\r\nhello\r\n0\r\n\r\n", MISSING),
    ("size with a plus", "9112 §7.1", "+5\r\nhello\r\n0\r\n\r\n", MISSING),
    ("size behind a space", "9112 §7.1", " 5\r\nhello\r\n0\r\n\r\n", MISSING),
    ("size behind an extension", "9112 §7.1", ";a=b\r\nhello\r\n0\r\n\r\n", MISSING),
    ("size with 0x", "9112 §7.1", "0x5\r\nhello\r\n0\r\n\r\n", SIZE),
    ("size with an underscore", "9112 §7.1", "1_0\r\nhellohellohello!\r\n0\r\n\r\n", SIZE),
    ("size with a comma", "9112 §7.1", "5,5\r\nhello\r\n0\r\n\r\n", SIZE),
    ("size of no digits", "9112 §7.1", "g\r\nhello\r\n0\r\n\r\n", MISSING),
    ("size of 17 digits", "9112 §7.1", "00000000000000005\r\nhello\r\n0\r\n\r\n", "chunk size too large"),
    ("size of more than 64 bits", "9112 §7.1", "10000000000000005\r\nhello\r\n0\r\n\r\n", "chunk size too large"),
    ("size ends in bare LF", "9112 §7.1", "5\nhello\r\n0\r\n\r\n", SIZE),
    ("all ends in bare LF", "9112 §7.1", "5\nhello\n0\n\n", SIZE),
    ("size ends in bare CR", "9112 §7.1", "5\rhello\r\n0\r\n\r\n", BARE_CR),
    ("size ends in CR CR LF", "9112 §7.1", "5\r\r\nhello\r\n0\r\n\r\n", BARE_CR),
    ("size and a space", "9112 §7.1.1", "5 \r\nhello\r\n0\r\n\r\n", EXTENSION),
    ("size and NUL", "9112 §7.1", "5\0\r\nhello\r\n0\r\n\r\n", SIZE),
    ("extension with bare LF", "9112 §7.1.1", "5;a\nb\r\nhello\r\n0\r\n\r\n", EXTENSION),
    ("extension with bare CR", "9112 §7.1.1", "5;a\rb\r\nhello\r\n0\r\n\r\n", BARE_CR),
    ("extension with NUL", "9112 §7.1.1", "5;a\0\r\nhello\r\n0\r\n\r\n", EXTENSION),
    ("extension with DEL", "9112 §7.1.1", "5;a\x7f\r\nhello\r\n0\r\n\r\n", EXTENSION),
    ("extension with UTF-8", "9112 §7.1.1", "5;é\r\nhello\r\n0\r\n\r\n", EXTENSION),
    ("line end in the quotes of an extension", "9112 §7.1.1", "5;a=\"\nb\"\r\nhello\r\n0\r\n\r\n", EXTENSION),
    ("extension without a semicolon", "9112 §7.1.1", "5 a\r\nhello\r\n0\r\n\r\n", EXTENSION),
    ("chunk longer than its size", "9112 §7.1", "4\r\nhello\r\n0\r\n\r\n", LONGER),
    ("chunk without an end", "9112 §7.1", "5\r\nhello0\r\n\r\n", LONGER),
    ("chunk ends in bare LF", "9112 §7.1", "5\r\nhello\n0\r\n\r\n", LONGER),
    ("chunk ends in bare CR", "9112 §7.1", "5\r\nhello\r0\r\n\r\n", LONGER),
    ("last chunk ends in bare LF", "9112 §7.1", "5\r\nhello\r\n0\n\r\n", SIZE),
    ("empty line is bare LF", "9112 §7.1", "5\r\nhello\r\n0\r\n\n", "invalid trailer"),
    ("empty line is bare CR", "9112 §7.1", "5\r\nhello\r\n0\r\n\rGET /t?smuggled HTTP/1.1\r\nHost: x\r\n\r\n", BARE_CR),
];

/// Passed as they are: name, section, body.
const PASSED: &[(&str, &str, &str)] = &[
    ("no chunk but the last", "9112 §7.1", "0\r\n\r\n"),
    ("several chunks", "9112 §7.1", "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n"),
    ("digits in any case", "9112 §7.1", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"),
    ("leading noughts in a size", "9112 §7.1", "0000000000000005\r\nhello\r\n000\r\n\r\n"),
    ("extensions", "9112 §7.1.1", "5;a=b;c=\"d ; e\"\r\nhello\r\n0;f\r\n\r\n"),
    ("white space before an extension", "9112 §7.1.1", "5 \t;a\r\nhello\r\n0\r\n\r\n"),
    ("line ends inside a chunk", "9112 §7.1", "6\r\n\r\n\r\n\r\n\r\n0\r\n\r\n"),
    ("a last chunk inside a chunk", "9112 §7.1", "5\r\n0\r\n\r\n\r\n0\r\n\r\n"),
];

const MISSING: &str = "missing chunk size";
const SIZE: &str = "invalid chunk size";
const BARE_CR: &str = "bare CR in the chunked coding";
const EXTENSION: &str = "invalid chunk extension";
const LONGER: &str = "chunk longer than its size";
const LARGE: &str = "chunk extension or trailers too large";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

pub fn rows() -> Vec<Row> {
    let mut rows: Vec<_> = BROKEN.iter().map(|(name, rfc, body, reason)| broken(name, rfc, body, reason)).collect();
    rows.extend(PASSED.iter().map(|(name, rfc, body)| passed(name, rfc, body)));
    let with_extension = |length: usize| format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(length));
    rows.push(passed("an extension of a kilobyte", "9112 §7.1.1", &with_extension(1023)));
    rows.push(broken("an extension of more", "9112 §7.1.1", &with_extension(1024), LARGE));
    rows.push(broken("an extension without an end", "9112 §7.1.1", &format!("5;{}", "a".repeat(70_000)), LARGE));
    rows.push(broken("size behind noughts without an end", "9112 §7.1", &"0".repeat(70_000), "chunk size too large"));
    rows.extend(cut());
    rows
}

fn broken(name: &str, rfc: &'static str, body: &str, reason: &str) -> Row {
    let row = Row::new(&format!("chunks: {name}"), rfc).send(request("POST /t", CHUNKED, body));
    row.got(page("400 Bad Request", reason, true)).ends().tenant(Tenant::NeverWhole)
}

fn passed(name: &str, rfc: &'static str, body: &str) -> Row {
    let row = Row::new(&format!("chunks: {name}"), rfc).send(request("POST /t", CHUNKED, body));
    row.asked(arrives("POST /t", "", &format!("{CHUNKED}\r\n{body}"))).ok()
}

/// Clients that leave in the middle of a body get no answer, and the tenant no whole request.
fn cut() -> Vec<Row> {
    let chunked =
        ["5", "5\r\nhel", "5\r\nhello\r\n", "5\r\nhello\r\n0", "5\r\nhello\r\n0\r\n", "ffffffffffffffff\r\nhello"];
    let chunked = chunked.iter().map(|body| (CHUNKED, *body));
    let length = ["", "hell"].iter().map(|body| ("Content-Length: 5\r\n", *body));
    let cut = |(fields, body): (&str, &str)| {
        let row = Row::new(&format!("body cut behind {fields:?} {body:?}"), "9112 §8");
        row.send(request("POST /t", fields, body)).finish().ends().tenant(Tenant::NeverWhole)
    };
    chunked.chain(length).map(cut).collect()
}
