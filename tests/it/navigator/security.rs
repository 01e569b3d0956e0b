//! No way of writing a path leads to where it does not say: what was judged is what the tenant sees, or it is refused.

use crate::client::Connection;
use crate::harness::Init;
use crate::setup::Setup;
use crate::web::web;

/// What may divide segments for somebody.
const DIVIDERS: &[&str] =
    &["/", "//", "/./", "%2f", "%2F", "\\", "%5c", "/%2e/", ";/", "%252f", "/.;/", "/%00/", "/x/"];

/// What may lead up for somebody.
const UPS: &[&str] = &[
    "..",
    "%2e%2e",
    ".%2e",
    "%2E.",
    "..;",
    "..%00",
    "..%20",
    "..%09",
    "...",
    "%252e%252e",
    "%c0%ae%c0%ae",
    "%u002e%u002e",
    "%2",
    "%zz",
    "x",
    "",
];

/// What may make a path look like another.
const TAILS: &[&str] = &[
    "",
    "/",
    "//",
    "/.",
    "/..",
    ".css",
    "%00.css",
    "%0a.css",
    "%0d%0aX: y",
    ";.css",
    ";x=.css",
    "?.css",
    "%3f.css",
    "%23.css",
    "/.css",
    "%2ecss",
    "%2e%63ss",
    "/%2e%2e/open/a.css",
    "%20",
    "%",
];

/// Paths from `/open` to `/closed`, in every way that is known to have fooled somebody.
pub fn tricks() -> Vec<String> {
    let mut all = Vec::new();
    for divider in DIVIDERS {
        for up in UPS {
            let begin = format!("/open{divider}{up}{divider}");
            all.extend(TAILS.iter().map(|tail| format!("{begin}closed{tail}")));
        }
    }
    for written in
        ["closed", "CLOSED", "Closed", "%63losed", "%43losed", "c%6cosed", "clo%73ed", "closed%2f", "/closed"]
    {
        all.extend(TAILS.iter().map(|tail| format!("/{written}{tail}")));
    }
    for host in ["http://x", "HTTP://x", "http://x/", "http://user@x", "//x", "http:///"] {
        all.extend(["/closed", "/open/../closed"].map(|path| format!("{host}{path}")));
    }
    all
}

/// A tenant for the whole host, and one for each of two places below.
pub fn places() -> Setup {
    let tenant = |path: &str, name: &str| web(&["x"]).set("TENANT", name).route(&format!("path = \"{path}\"")).text();
    Init::new()
        .unit("root@.toml", &tenant("/", "root"))
        .unit("open@.toml", &tenant("/open", "open"))
        .unit("closed@.toml", &tenant("/closed", "closed"))
}

/// Who should have answered a path, read as it is.
fn owner(path: &str) -> &'static str {
    let below = |place: &str| path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if below("/open") {
        "open"
    } else if below("/closed") {
        "closed"
    } else {
        "root"
    }
}

/// One percent-decoding, as a tenant may do it.
pub fn decoded(path: &str) -> Vec<u8> {
    let digits = |at: usize| path.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let (mut plain, mut at) = (Vec::new(), 0);
    while at < path.len() {
        let byte = path.as_bytes()[at];
        let value = digits(at).filter(|_| byte == b'%');
        plain.push(value.unwrap_or(byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    plain
}

/// Fails the test if whoever decodes this path could be led elsewhere by it.
pub fn has_one_reading(path: &str, raw: &str) {
    assert!(!path.contains("//"), "{raw}: {path} has an empty segment");
    let plain = decoded(path);
    let leads = |segment: &[u8]| matches!(segment, b"." | b"..");
    assert!(!plain.split(|byte| matches!(byte, b'/' | b'\\')).any(leads), "{raw}: {path} leads up");
    assert!(!plain.contains(&0), "{raw}: {path} has a NUL");
}

/// Asks for paths exactly as they are written; a connection that ends is made anew.
pub struct Asker<'i> {
    init: &'i Init,
    connection: Connection,
}

impl<'i> Asker<'i> {
    pub fn new(init: &'i Init) -> Self {
        Self { init, connection: init.connect() }
    }

    /// The status, and what the tenant saw: its name and the target.
    pub fn ask(&mut self, raw: &str) -> (u16, Option<(String, String)>) {
        let reply = self.connection.get(raw).unwrap_or_else(|error| panic!("{raw}: {error}"));
        if reply.field("connection") == Some("close") {
            self.connection = self.init.connect();
        }
        let echo: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let word = |name: &str| echo[name].as_str().map(str::to_owned);
        (reply.status(), word("tenant").zip(word("target")))
    }
}

#[test]
fn every_trick_is_refused_or_reaches_whom_its_path_names() {
    let init = places().start();
    for place in ["/", "/open", "/closed"] {
        init.get(place).expect(200);
    }
    let mut asker = Asker::new(&init);
    let (mut refused, mut served) = (0, 0);
    for raw in tricks() {
        match asker.ask(&raw) {
            (200, Some((tenant, target))) => {
                let path = target.split('?').next().unwrap_or_default();
                has_one_reading(path, &raw);
                assert_eq!(tenant, owner(path), "{raw}: seen as {target}");
                served += 1;
            }
            (400 | 404, None) => refused += 1,
            other => panic!("{raw}: {other:?}"),
        }
    }
    assert!(refused > 1000 && served > 500, "{refused} refused, {served} served: the table is no longer what it was");
}

#[test]
fn what_the_tenant_sees_is_written_in_one_way() {
    let init = places().start();
    init.get("/").expect(200);
    init.get("/open").expect(200);
    let mut asker = Asker::new(&init);
    for (raw, seen) in [
        ("/open//a", "/open/a"),
        ("///open/a//", "/open/a/"),
        ("/%6fpen/%61", "/open/a"),
        ("/open/a%2fb", "/open/a%2Fb"),
        ("/open%2fa", "/open%2Fa"),
        ("/open/%7euser/%2dx", "/open/~user/-x"),
        ("/open/a%20b?c=%2e%2e//d", "/open/a%20b?c=%2e%2e//d"),
        ("/open/%252e%252e/a", "/open/%252e%252e/a"),
        ("http://x//open/a", "/open/a"),
        ("/open?/../closed", "/open?/../closed"),
    ] {
        let path = seen.split('?').next().unwrap_or_default();
        assert_eq!(asker.ask(raw), (200, Some((owner(path).into(), seen.into()))), "{raw}");
    }
}
