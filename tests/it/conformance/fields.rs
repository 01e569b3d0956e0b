//! Field lines of a request (RFC 9112 §5) and Host (RFC 9112 §3.2).

use super::row::{Row, arrives, arrives_for, page, request};

/// Field lines that are refused: name, section, the lines behind Host, reason.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("space before the colon", "9112 §5.1", "A : b\r\n", NAME),
    ("tab before the colon", "9112 §5.1", "A\t: b\r\n", NAME),
    ("a framing field with a space", "9112 §5.1", "Transfer-Encoding : chunked\r\n", NAME),
    ("no colon", "9112 §5", "abc\r\n", NAME),
    ("no name", "9112 §5", ": b\r\n", NAME),
    ("a space in the name", "9112 §5", "A b: c\r\n", NAME),
    ("NUL in the name", "9112 §5", "A\0: b\r\n", NAME),
    ("UTF-8 in the name", "9112 §5", "é: b\r\n", NAME),
    ("brackets in the name", "9112 §5", "A[b]: c\r\n", NAME),
    ("folded line", "9112 §5.2", "A: b\r\n c\r\n", NAME),
    ("folded line of a tab", "9112 §5.2", "A: b\r\n\tc\r\n", NAME),
    ("folded framing", "9112 §5.2", "Transfer-Encoding:\r\n chunked\r\n", NAME),
    ("an empty folded line", "9112 §5.2", "A: b\r\n \r\n", NAME),
    ("NUL in the value", "9110 §5.5", "A: b\0c\r\n", VALUE),
    ("DEL in the value", "9110 §5.5", "A: b\x7fc\r\n", VALUE),
    ("ESC in the value", "9110 §5.5", "A: \x1b[1m\r\n", VALUE),
    ("bare CR in the value", "9112 §2.2", "A: b\rc\r\n", VALUE),
    ("bare CR and a framing field", "9112 §2.2", "A: b\rContent-Length: 5\r\n", VALUE),
    ("bare LF behind a value", "9112 §2.2", "A: b\nC: d\r\n", BARE_LF),
    ("bare LF as the empty line", "9112 §2.2", "A: b\r\n\n", BARE_LF),
    ("LF CR", "9112 §2.2", "A: b\n\r\n", BARE_LF),
    ("Connection of a kilobyte", "9110 §7.6.1", LONG_CONNECTION, "Connection too long"),
];

/// Field lines that pass: name, section, lines, lines as they arrive.
const PASSED: &[(&str, &str, &str, &str)] = &[
    ("white space around a value goes", "9112 §5.1", "A: \t b c \t\r\nD:e\r\n", "A: b c\r\nD: e\r\n"),
    ("an empty value stays", "9110 §5.5", "A:\r\nB: \r\n", "A: \r\nB: \r\n"),
    ("tab inside a value", "9110 §5.5", "A: b\tc\r\n", "A: b\tc\r\n"),
    ("UTF-8 in a value", "9110 §5.5", "A: é✓\r\n", "A: é✓\r\n"),
    ("every character of a token", "9110 §5.6.2", "a!#$%&'*+-.^`|~09: b\r\n", "a!#$%&'*+-.^`|~09: b\r\n"),
    ("several of one name, in order", "9110 §5.3", "A: 1\r\nB: 2\r\na: 3\r\n", "A: 1\r\nB: 2\r\na: 3\r\n"),
    ("colons in a value", "9112 §5", "A: b:c: d\r\n", "A: b:c: d\r\n"),
    ("names with underscores go", "3875 §4.1.18", "A_B: c\r\nContent_Length: 5\r\nD: e\r\n", "D: e\r\n"),
];

/// Hosts that are refused, whatever else is there.
const BAD_HOSTS: &[&str] = &[
    "", "a,b", "a@b", "a b", "a/b", "a:", "a:0", "a:65536", "a:80:80", ":80", "[::1", "[::1]x", "a#b", "a?b", "a\\b",
    "a%41", "é", "http://a",
];

/// Hosts that pass.
const GOOD_HOSTS: &[&str] = &["A.example", "a:80", "127.0.0.1:3000", "[::1]", "[::1]:80", "a.", "a_b", "xn--a"];

const BAD: &str = "400 Bad Request";
const NAME: &str = "invalid field name";
const VALUE: &str = "invalid field value";
const BARE_LF: &str = "bare LF in the head";
const LARGE: &str = "431 Request Header Fields Too Large";
const LONG_CONNECTION: &str = concat!(
    "Connection: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ",bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    ",ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
    ",ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
    ",eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\r\n"
);

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, rfc, lines, reason) in REFUSED {
        let row = Row::new(name, rfc).send(request("GET /t", lines, ""));
        rows.push(row.got(page(BAD, reason, false)).ends());
    }
    for (name, rfc, lines, arrived) in PASSED {
        rows.push(
            Row::new(name, rfc).send(request("GET /t", lines, "")).asked(arrives("GET /t", arrived, "\r\n")).ok(),
        );
    }
    for host in BAD_HOSTS {
        let row =
            Row::new(&format!("host {host:?}"), "9112 §3.2").send(format!("GET /t HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        rows.push(row.got(page(BAD, "invalid Host", false)).ends());
    }
    for host in GOOD_HOSTS {
        let row =
            Row::new(&format!("host {host:?}"), "9112 §3.2").send(format!("GET /t HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        rows.push(row.asked(arrives_for(host, "GET /t", "", "\r\n")).ok());
    }
    rows.extend(missing_and_double_hosts());
    rows.extend(sizes());
    rows
}

fn missing_and_double_hosts() -> [Row; 5] {
    let refused = |name: &str, fields: &str, reason: &str| {
        let row = Row::new(name, "9112 §3.2").send(format!("GET /t HTTP/1.1\r\n{fields}\r\n"));
        row.got(page(BAD, reason, false)).ends()
    };
    [
        refused("no Host", "", "missing Host"),
        refused("two Hosts", "Host: a\r\nHost: b\r\n", "duplicate Host"),
        refused("the same Host twice", "Host: a\r\nA: b\r\nhost: a\r\n", "duplicate Host"),
        refused("a first field that is folded", " Host: a\r\n", NAME),
        Row::new("Host may come last", "9112 §3.2")
            .send("GET /t HTTP/1.1\r\nA: b\r\nHost: x\r\n\r\n")
            .asked(arrives("GET /t", "A: b\r\n", "\r\n"))
            .ok(),
    ]
}

fn sizes() -> [Row; 5] {
    let many = |count: usize| "A: b\r\n".repeat(count);
    let large = |length: usize| format!("A: {}\r\n", "b".repeat(length));
    let frame = request("GET /t", "A: \r\n", "").len();
    [
        Row::new("a hundred fields", "9110 §5.4")
            .send(request("GET /t", &many(99), ""))
            .asked(arrives("GET /t", &many(99), "\r\n"))
            .ok(),
        Row::new("one field more", "6585 §5")
            .send(request("GET /t", &many(100), ""))
            .got(page(LARGE, "too many fields", false))
            .ends(),
        Row::new("a head of 32 KiB", "9110 §5.4")
            .send(request("GET /t", &large(32 * 1024 - frame), ""))
            .asked(arrives("GET /t", &large(32 * 1024 - frame), "\r\n"))
            .ok(),
        Row::new("a head of one byte more", "6585 §5")
            .send(request("GET /t", &large(32 * 1024 - frame + 1), ""))
            .got(page(LARGE, "head too large", false))
            .ends(),
        Row::new("a head without an end", "6585 §5")
            .send(format!("GET /t HTTP/1.1\r\nHost: x\r\nA: {}", "b".repeat(40_000)))
            .got(page(LARGE, "head too large", false))
            .ends(),
    ]
}
