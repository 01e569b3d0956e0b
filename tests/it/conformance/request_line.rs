//! The request line (RFC 9112 §3) and what stands before it.

use super::row::{Row, arrives, arrives_for, own_page, page};

/// Refused at the line: name, section, the line and all before it with its end, status, reason.
const REFUSED: &[(&str, &str, &str, &str, &str)] = &[
    ("two empty lines before", "9112 §2.2", "\r\n\r\nGET /t HTTP/1.1\r\n", BAD, LINE),
    ("bare LF before", "9112 §2.2", "\nGET /t HTTP/1.1\r\n", BAD, LINE),
    ("white space before", "9112 §2.2", " GET /t HTTP/1.1\r\n", BAD, LINE),
    ("NUL before", "9112 §2.2", "\0GET /t HTTP/1.1\r\n", BAD, LINE),
    ("a record of TLS", "9112 §3", "\x16\x03\x01\x02\r\n", BAD, LINE),
    ("line ends in bare LF", "9112 §2.2", "GET /t HTTP/1.1\n", BAD, BARE_LF),
    ("line ends in CR CR LF", "9112 §2.2", "GET /t HTTP/1.1\r\r\n", BAD, LINE),
    ("bare CR in the line", "9112 §2.2", "GET /t\rHTTP/1.1\r\n", BAD, LINE),
    ("bare CR as the only space", "9112 §3", "GET /t\r HTTP/1.1\r\n", BAD, LINE),
    ("two spaces behind the method", "9112 §3", "GET  /t HTTP/1.1\r\n", BAD, LINE),
    ("two spaces behind the target", "9112 §3", "GET /t  HTTP/1.1\r\n", BAD, "invalid version"),
    ("a space behind the version", "9112 §3", "GET /t HTTP/1.1 \r\n", BAD, LINE),
    ("tab behind the method", "9112 §3", "GET\t/t HTTP/1.1\r\n", BAD, LINE),
    ("tab behind the target", "9112 §3", "GET /t\tHTTP/1.1\r\n", BAD, LINE),
    ("space in the target", "9112 §3.2", "GET /t a HTTP/1.1\r\n", BAD, "invalid version"),
    ("HTTP/0.9", "9112 §3", "GET /t\r\n", BAD, LINE),
    ("no target", "9112 §3", "GET HTTP/1.1\r\n", BAD, LINE),
    ("no method", "9112 §3", "/t HTTP/1.1\r\n", BAD, LINE),
    ("method is no token", "9110 §9.1", "G@T /t HTTP/1.1\r\n", BAD, LINE),
    ("method in quotes", "9110 §9.1", "\"GET\" /t HTTP/1.1\r\n", BAD, LINE),
    ("method with a colon", "9110 §9.1", "GET: /t HTTP/1.1\r\n", BAD, LINE),
    ("version in lower case", "9112 §2.3", "GET /t http/1.1\r\n", BAD, LINE),
    ("version of two digits", "9112 §2.3", "GET /t HTTP/1.10\r\n", BAD, LINE),
    ("version with a leading zero", "9112 §2.3", "GET /t HTTP/01.1\r\n", BAD, LINE),
    ("version without a minor", "9112 §2.3", "GET /t HTTP/1\r\n", BAD, LINE),
    ("version of another protocol", "9112 §2.3", "GET /t ICAP/1.0\r\n", BAD, LINE),
    ("version 0.9", "9110 §15.6.6", "GET /t HTTP/0.9\r\n", UNSUPPORTED, VERSION),
    ("version 1.2", "9110 §15.6.6", "GET /t HTTP/1.2\r\n", UNSUPPORTED, VERSION),
    ("version 2.0", "9110 §15.6.6", "GET /t HTTP/2.0\r\n", UNSUPPORTED, VERSION),
    ("version 3.0", "9110 §15.6.6", "GET /t HTTP/3.0\r\n", UNSUPPORTED, VERSION),
];

/// Refused once the head is whole: name, section, line, status, reason.
const TARGETS: &[(&str, &str, &str, &str, &str)] = &[
    ("target without a slash", "9112 §3.2.1", "GET t HTTP/1.1", BAD, "invalid target"),
    ("asterisk for GET", "9112 §3.2.4", "GET * HTTP/1.1", BAD, "invalid target"),
    ("asterisk with a path", "9112 §3.2.4", "OPTIONS */t HTTP/1.1", BAD, "invalid target"),
    ("fragment in the target", "9112 §3.2", "GET /t#a HTTP/1.1", BAD, "invalid byte in the target"),
    ("authority-form for GET", "9112 §3.2.3", "GET x:80 HTTP/1.1", BAD, "invalid target"),
    ("scheme of another protocol", "9112 §3.2.2", "GET ftp://x/t HTTP/1.1", BAD, "invalid target"),
    ("absolute without an authority", "9110 §4.2.1", "GET http:///t HTTP/1.1", BAD, AUTHORITY),
    ("absolute with a user", "9110 §4.2.4", "GET http://a@x/t HTTP/1.1", BAD, AUTHORITY),
    ("absolute with a bad port", "9110 §4.2.1", "GET http://x:y/t HTTP/1.1", BAD, AUTHORITY),
    ("absolute with a backslash", "9110 §4.2.1", "GET http://x\\/t HTTP/1.1", BAD, AUTHORITY),
    ("absolute with a query and no path", "9112 §3.2.1", "GET http://x?t HTTP/1.1", BAD, "target without a path"),
];

/// Passed: name, section, line, line as it arrives.
const PASSED: &[(&str, &str, &str, &str)] = &[
    ("an empty line before", "9112 §2.2", "\r\nGET /t", "GET /t"),
    ("any token is a method", "9110 §9.1", "M-SEARCH /t", "M-SEARCH /t"),
    ("a method keeps its case", "9110 §9.1", "get /t", "get /t"),
    ("escapes are undone where they need not be", "3986 §6.2.2", "GET /t/%7e%2fb%c3?a=%7e", "GET /t/~%2Fb%C3?a=%7e"),
    ("several slashes are one", "3986 §6.2.3", "GET //t///a//?//", "GET /t/a/?//"),
    ("odd characters of browsers stay", "3986 §2", "GET /t?a={b}|[c]^`\"<>\\", "GET /t?a={b}|[c]^`\"<>\\"),
    ("absolute-form is reduced", "9112 §3.2.2", "GET http://x/t?a", "GET /t?a"),
    ("absolute-form of https is reduced", "9112 §3.2.2", "GET HTTPS://x/t", "GET /t"),
    ("OPTIONS of a path", "9110 §9.3.7", "OPTIONS /t", "OPTIONS /t"),
];

const BAD: &str = "400 Bad Request";
const UNSUPPORTED: &str = "505 HTTP Version Not Supported";
const LINE: &str = "invalid request line";
const VERSION: &str = "version not supported";
const BARE_LF: &str = "bare LF in the head";
const AUTHORITY: &str = "invalid authority in the target";
const ALLOW: &str = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\nConnection: close\r\n";

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, rfc, line, status, reason) in REFUSED {
        let all = format!("{line}Host: x\r\n\r\n");
        rows.push(Row::new(name, rfc).send(all).got(page(status, reason, false)).ends());
    }
    for (name, rfc, line, status, reason) in TARGETS {
        let all = format!("{line}\r\nHost: x\r\n\r\n");
        rows.push(Row::new(name, rfc).send(all).got(page(status, reason, false)).ends());
    }
    for (name, rfc, line, arrived) in PASSED {
        let all = format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n");
        rows.push(Row::new(name, rfc).send(all).asked(arrives(arrived, "", "\r\n")).ok());
    }
    for method in ["CONNECT", "TRACE"] {
        let all = format!("{method} /t HTTP/1.1\r\nHost: x\r\n\r\n");
        let refused = own_page("405 Method Not Allowed", "method not allowed", ALLOW);
        rows.push(Row::new(method, "9110 §9.3").send(all).got(refused).ends());
    }
    rows.extend(hosts());
    rows.extend(sizes());
    rows
}

/// Absolute-form against Host.
fn hosts() -> [Row; 3] {
    [
        Row::new("absolute-form replaces Host", "9112 §3.2.2")
            .send("GET http://b:81/t HTTP/1.1\r\nHost: a\r\n\r\n")
            .asked(arrives_for("b:81", "GET /t", "", "\r\n"))
            .ok(),
        Row::new("absolute-form needs a Host all the same", "9112 §3.2")
            .send("GET http://b/t HTTP/1.1\r\n\r\n")
            .got(page(BAD, "missing Host", false))
            .ends(),
        Row::new("absolute-form does not hide a bad Host", "9112 §3.2")
            .send("GET http://b/t HTTP/1.1\r\nHost: a b\r\n\r\n")
            .got(page(BAD, "invalid Host", false))
            .ends(),
    ]
}

/// Lines of every length.
fn sizes() -> [Row; 3] {
    let line = |length: usize| format!("GET /t?{}", "a".repeat(length - "GET /t? HTTP/1.1".len()));
    [
        Row::new("a line of 8 KiB", "9112 §3")
            .send(format!("{} HTTP/1.1\r\nHost: x\r\n\r\n", line(8192)))
            .asked(arrives(&line(8192), "", "\r\n"))
            .ok(),
        Row::new("a line of more", "9110 §15.5.15")
            .send(format!("{} HTTP/1.1\r\nHost: x\r\n\r\n", line(8193)))
            .got(page("414 URI Too Long", "start line too long", false))
            .ends(),
        Row::new("a line without an end", "9110 §15.5.15")
            .send(line(9000))
            .got(page("414 URI Too Long", "start line too long", false))
            .ends(),
    ]
}
