//! What is sent of a file, and the head before it: tables of requests.

use super::super::{Fields, ResponseHead, To, Version};
use super::tag::http_date;
use super::*;

/// Sun, 06 Nov 1994 08:49:37 GMT.
const CHANGED: i64 = 784_111_777;
const FACTS: Facts = Facts { len: 10, modified: CHANGED, nanos: 0 };
const NOW: u64 = 784_200_000;
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn verdict(lines: &str, is_get: bool, tag: &str) -> Verdict {
    let lines = lines.replace("DATE", DATE).replace("BEFORE", BEFORE).replace("AFTER", AFTER);
    let validators = Validators { tag: tag.as_bytes(), modified: FACTS.last_modified(NOW) };
    judge(&Fields::new(lines.as_bytes(), false), is_get, &validators, FACTS.len, NOW)
}

#[test]
fn conditions_are_looked_at_in_their_order() {
    use Verdict::{Failed, NotModified, Unsatisfiable, Whole};
    let part = |from, to| Verdict::Part(from..to);
    for (lines, expected) in [
        ("", Whole),
        // If-None-Match: weak comparison.
        ("If-None-Match: \"t\"\r\n", NotModified),
        ("If-None-Match: W/\"t\"\r\n", NotModified),
        ("If-None-Match: *\r\n", NotModified),
        ("If-None-Match: \"a\", \"b,c\",,W/\"t\"\r\n", NotModified),
        ("If-None-Match: \"a\"\r\nIf-None-Match: \"t\"\r\n", NotModified),
        ("If-None-Match: \"a\"\r\n", Whole),
        ("If-None-Match: \"T\"\r\n", Whole),
        ("If-None-Match: t\r\n", Whole),
        ("If-None-Match: \"t\r\n", Whole),
        ("If-None-Match: \r\n", Whole),
        // It comes before If-Modified-Since, whatever that says.
        ("If-None-Match: \"a\"\r\nIf-Modified-Since: DATE\r\n", Whole),
        ("If-None-Match: \"t\"\r\nIf-Modified-Since: BEFORE\r\n", NotModified),
        ("If-Modified-Since: DATE\r\n", NotModified),
        ("If-Modified-Since: AFTER\r\n", NotModified),
        ("If-Modified-Since: BEFORE\r\n", Whole),
        ("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", NotModified),
        ("If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n", NotModified),
        ("If-Modified-Since: yesterday\r\n", Whole),
        ("If-Modified-Since: DATE\r\nIf-Modified-Since: DATE\r\n", Whole),
        // If-Match: strong comparison.
        ("If-Match: \"t\"\r\n", Whole),
        ("If-Match: *\r\n", Whole),
        ("If-Match: \"a\", \"t\"\r\n", Whole),
        ("If-Match: W/\"t\"\r\n", Failed),
        ("If-Match: \"a\"\r\n", Failed),
        ("If-Match: \r\n", Failed),
        ("If-Match: \"t\"\r\nIf-Unmodified-Since: BEFORE\r\n", Whole),
        ("If-Match: \"a\"\r\nIf-None-Match: \"t\"\r\n", Failed),
        ("If-Match: \"t\"\r\nIf-None-Match: \"t\"\r\n", NotModified),
        ("If-Unmodified-Since: DATE\r\n", Whole),
        ("If-Unmodified-Since: AFTER\r\n", Whole),
        ("If-Unmodified-Since: BEFORE\r\n", Failed),
        ("If-Unmodified-Since: never\r\n", Whole),
        // Range comes last.
        ("Range: bytes=2-4\r\n", part(2, 5)),
        ("Range: bytes=99-\r\n", Unsatisfiable),
        ("Range: bytes=0-1,4-5\r\n", Whole),
        ("Range: bytes=2-4\r\nRange: bytes=2-4\r\n", Whole),
        ("Range: bytes=2-4\r\nIf-None-Match: \"t\"\r\n", NotModified),
        ("Range: bytes=99-\r\nIf-Match: \"a\"\r\n", Failed),
        ("Range: bytes=2-4\r\nIf-Match: \"t\"\r\n", part(2, 5)),
        // If-Range: strong, and exact.
        ("Range: bytes=2-4\r\nIf-Range: \"t\"\r\n", part(2, 5)),
        ("Range: bytes=2-4\r\nIf-Range: W/\"t\"\r\n", Whole),
        ("Range: bytes=2-4\r\nIf-Range: \"a\"\r\n", Whole),
        ("Range: bytes=2-4\r\nIf-Range: DATE\r\n", part(2, 5)),
        ("Range: bytes=2-4\r\nIf-Range: AFTER\r\n", Whole),
        ("Range: bytes=2-4\r\nIf-Range: BEFORE\r\n", Whole),
        ("Range: bytes=99-\r\nIf-Range: \"a\"\r\n", Whole),
        ("Range: bytes=2-4\r\nIf-Range: \"t\"\r\nIf-Range: \"t\"\r\n", Whole),
        ("Range: bytes=2-4\r\nIf-Range: soon\r\n", Whole),
    ] {
        assert_eq!(verdict(lines, true, "\"t\""), expected, "{lines}");
        let of_head = match expected {
            Verdict::Part(_) | Unsatisfiable => Whole,
            other => other,
        };
        assert_eq!(verdict(lines, false, "\"t\""), of_head, "HEAD {lines}");
    }
}

#[test]
fn a_weak_or_missing_tag_is_never_strong() {
    for (lines, tag, expected) in [
        ("If-None-Match: \"t\"\r\n", "W/\"t\"", Verdict::NotModified),
        ("If-Match: \"t\"\r\n", "W/\"t\"", Verdict::Failed),
        ("If-Match: *\r\n", "W/\"t\"", Verdict::Whole),
        ("Range: bytes=2-4\r\nIf-Range: W/\"t\"\r\n", "W/\"t\"", Verdict::Whole),
        ("If-None-Match: \"\"\r\n", "", Verdict::Whole),
    ] {
        assert_eq!(verdict(lines, true, tag), expected, "{lines} {tag}");
    }
}

#[test]
fn a_date_of_this_very_second_is_weak() {
    let fields = Fields::new(b"Range: bytes=2-4\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n", false);
    let validators = Validators { tag: b"\"t\"", modified: Some(http_date(784_111_777)) };
    assert_eq!(judge(&fields, true, &validators, 10, 784_111_777), Verdict::Whole);
    assert_eq!(judge(&fields, true, &validators, 10, 784_111_778), Verdict::Part(2..5));
    let unknown = Validators { modified: None, ..validators };
    assert_eq!(judge(&fields, true, &unknown, 10, NOW), Verdict::Whole);
}

fn file_head(verdict: &Verdict, name: &str, coding: Option<Coding>) -> String {
    let mut out = Vec::new();
    let head = FileHead {
        verdict,
        facts: &FACTS,
        tag: &FACTS.tag(coding),
        media: media(name.as_bytes()),
        coding,
        cache_control: None,
        is_immutable: FileHead::is_fingerprint(name.as_bytes()),
        version: Version::Http11,
        keep_alive: true,
        request_id: "i",
        added: b"",
        now: NOW,
    };
    put_file_head(&mut out, &head);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_head_tells_all_of_a_file() {
    assert_eq!(
        file_head(&Verdict::Whole, "assets/app-0123abcd.css", Some(Coding::Brotli)),
        "HTTP/1.1 200 OK\r\nDate: Mon, 07 Nov 1994 09:20:00 GMT\r\nContent-Type: text/css; charset=utf-8\r\n\
         Content-Encoding: br\r\nContent-Length: 10\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         ETag: \"2ebc98a1.0-a-br\"\r\nAccept-Ranges: bytes\r\nCache-Control: public, max-age=31536000, immutable\r\n\
         Vary: Accept-Encoding\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: i\r\n\r\n"
    );
    assert_eq!(
        file_head(&Verdict::Part(2..5), "a.png", None),
        "HTTP/1.1 206 Partial Content\r\nDate: Mon, 07 Nov 1994 09:20:00 GMT\r\nContent-Type: image/png\r\n\
         Content-Length: 3\r\nContent-Range: bytes 2-4/10\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         ETag: \"2ebc98a1.0-a\"\r\nAccept-Ranges: bytes\r\nCache-Control: public, max-age=0, must-revalidate\r\n\
         X-Content-Type-Options: nosniff\r\nX-Request-Id: i\r\n\r\n"
    );
    let unchanged = file_head(&Verdict::NotModified, "a.css", None);
    assert!(unchanged.starts_with("HTTP/1.1 304 Not Modified\r\n"), "{unchanged}");
    for (field, there) in
        [("Content-", false), ("ETag: ", true), ("Last-Modified: ", true), ("Cache-Control: ", true), ("Vary: ", true)]
    {
        assert_eq!(unchanged.contains(&format!("\r\n{field}")), there, "{field} {unchanged}");
    }
    let beyond = file_head(&Verdict::Unsatisfiable, "a.png", None);
    assert!(beyond.contains("Content-Length: 0\r\nContent-Range: bytes */10\r\n"), "{beyond}");
    assert!(file_head(&Verdict::Failed, "a.png", None).contains(" 412 Precondition Failed\r\n"));
}

#[test]
fn only_a_fingerprint_is_for_ever() {
    for (name, expected) in [
        ("assets/app-0123abcd.css", true),
        ("assets/app-0123ABCDEF.js.map", true),
        ("assets/a/b-app-01234567.js", true),
        ("packs/js/application-0123456789abcdef0123.js", true),
        ("vite/assets/main-89abcdef.js", true),
        ("assets/app-0123abc.css", false),
        ("assets/app-0123abcg.css", false),
        ("assets/app-0123abcd", false),
        ("assets/0123abcd.css", false),
        ("assets/app.0123abcd.css", false),
        ("assets/x-0123abcd.d/app.css", false),
        ("images/app-0123abcd.png", false),
        ("x/assets/app-0123abcd.css", false),
    ] {
        assert_eq!(FileHead::is_fingerprint(name.as_bytes()), expected, "{name}");
    }
}

/// The head that is sent for this answer of a tenant, to a request with these fields.
fn lent(answer: &str, asked: Option<(&str, bool)>) -> String {
    let head = ResponseHead::parse(answer.as_bytes(), false).unwrap().unwrap();
    let lent = Lent { head: &head, facts: &FACTS, tag: &FACTS.tag(None), now: NOW };
    let lines = Fields::new(asked.map_or("", |(lines, _)| lines).as_bytes(), false);
    let verdict = lent.judge(asked.map(|(_, is_get)| (&lines, is_get)));
    let mut out = Vec::new();
    put_lent_head(
        &mut out,
        &lent,
        &verdict,
        &To { version: Version::Http11, keep_alive: true, request_id: "i", date: b"", trailers: false, added: b"" },
    );
    String::from_utf8(out).unwrap()
}

#[test]
fn a_lent_file_has_the_fields_of_its_tenant() {
    let answer = "HTTP/1.1 201 Made\r\nContent-Type: text/x\r\nSet-Cookie: a=b\r\nX-Sendfile: /a\r\nContent-Length: 0\r\n\
                  ETag: W/\"t\"\r\nAccept-Ranges: none\r\nConnection: keep-alive\r\nX-Request-Id: own\r\n\r\n";
    assert_eq!(
        lent(answer, Some(("If-None-Match: \"t\"\r\n", true))),
        "HTTP/1.1 201 Made\r\nContent-Type: text/x\r\nSet-Cookie: a=b\r\nETag: W/\"t\"\r\nX-Request-Id: own\r\n\
         Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nAccept-Ranges: bytes\r\nContent-Length: 10\r\n\r\n"
    );
    let answer = "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /a\r\nTransfer-Encoding: chunked\r\nContent-Range: x\r\n\r\n";
    assert_eq!(
        lent(answer, None),
        "HTTP/1.1 200 OK\r\nETag: \"2ebc98a1.0-a\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Accept-Ranges: bytes\r\nX-Request-Id: i\r\nContent-Length: 10\r\n\r\n"
    );
}

#[test]
fn a_lent_file_is_asked_for_by_what_its_tenant_says_of_it() {
    let ok = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}X-Sendfile: /a\r\n\r\n");
    for (own, asked, status) in [
        ("", "If-None-Match: \"2ebc98a1.0-a\"\r\n", "304 Not Modified"),
        ("ETag: \"t\"\r\n", "If-None-Match: \"2ebc98a1.0-a\"\r\n", "200 OK"),
        ("ETag: \"t\"\r\n", "If-None-Match: \"t\"\r\n", "304 Not Modified"),
        ("Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT\r\n", "If-Modified-Since: DATE\r\n", "200 OK"),
        ("Last-Modified: unknown\r\n", "If-Modified-Since: DATE\r\n", "200 OK"),
        ("", "If-Modified-Since: DATE\r\n", "304 Not Modified"),
        ("", "Range: bytes=-1\r\n", "206 Partial Content"),
        ("", "Range: bytes=10-\r\n", "416 Range Not Satisfiable"),
    ] {
        let head = lent(&ok(own), Some((&asked.replace("DATE", DATE), true)));
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{own} {asked} {head}");
    }
}

#[test]
fn an_order_is_found_in_any_case() {
    let order = |lines: &'static str| Order::of(&Fields::new(lines.as_bytes(), false));
    assert_eq!(order("x-sendfile: /a\r\n"), Some(Order::Path(b"/a")));
    assert_eq!(order("A: b\r\nX-Accel-Redirect: /a\r\n"), Some(Order::Url(b"/a")));
    assert_eq!(order("X-Sendfile-Type: X-Sendfile\r\n"), None);
}
