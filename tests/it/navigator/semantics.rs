//! What Navigator's users rely on: the order of decisions, the fields, tenants and the files of their directories. One row a
//! fact, with a configuration of ours that means the same.

use std::fs;

use super::table::{check, row};
use crate::harness::Init;
use crate::setup::Setup;
use crate::web::{Web, web};

/// A tenant of this name at this path.
pub fn at(path: &str, name: &str) -> Web {
    web(&["x"]).set("TENANT", name).route(&format!("path = \"{path}\""))
}

/// An index tenant at a root path, and two events below it, as Showcase has them.
pub fn showcase() -> Setup {
    Init::new()
        .unit("index@.toml", &at("/showcase", "index").text())
        .unit("year@.toml", &at("/showcase/2025", "year").text())
        .unit("event@.toml", &at("/showcase/2025/boston", "event").text())
}

#[test]
fn who_answers() {
    check(
        &showcase().start(),
        &[
            row("§1.1 health_check.path is exact", "GET /up", 200)
                .body("OK")
                .field("content-type", "text/plain; charset=utf-8"),
            row("§1.1 for every method", "POST /up", 200),
            row("§1.1 for every method", "HEAD /up", 200).field("content-length", "3"),
            row("§1.1 and whatever the query", "GET /up?x=1", 200).body("OK"),
            row("§1.1 exact", "GET /up/", 404),
            row("§1.1 exact", "GET /upward", 404),
            row("§2.13 the longest prefix", "GET /showcase/2025/boston/heats/1", 200).tenant("event"),
            row("§2.13 the longest prefix", "GET /showcase/2025/raleigh", 200).tenant("year"),
            row("§2.13 the longest prefix", "GET /showcase/regions", 200).tenant("index"),
            row("§1.5 tenants[].path ends with a slash: whole segments", "GET /showcase/2025/bostonian", 200)
                .tenant("year"),
            row("§1.5 whole segments", "GET /showcased", 404),
            row("§1.1 root_path without its slash", "GET /showcase", 200)
                .tenant("index")
                .ours("the tenant answers its root itself; a redirect is a rule of its own"),
            row("§2.13 no tenant", "GET /", 404).ours("a page or a line, as Accept says").body("404"),
            row("§2.13 no tenant", "POST /nowhere", 404).content("body"),
            row("§2.13 the tenant sees the whole path and query", "GET /showcase/2025/boston/a?b=/c&d", 200)
                .target("/showcase/2025/boston/a?b=/c&d"),
            row("§2 paths are not cleaned", "GET /showcase//2025///boston", 200)
                .target("/showcase/2025/boston")
                .tenant("event")
                .ours("one form of a path, which all rules judge"),
            row("§2 paths are not cleaned", "GET /showcase/2025/../secret", 400).ours("a dot segment is refused"),
            row("§2.13 any method", "DELETE /showcase/2025/boston/1", 200).tenant("event"),
        ],
    );
}

#[test]
fn fields_on_the_way_to_the_tenant() {
    let stranger = showcase().start();
    let request = |fact| row(fact, "GET /showcase", 200);
    check(
        &stranger,
        &[
            request("§2 Host is preserved").with("Host", "intertwingly.net:8443").seen("host", "intertwingly.net:8443"),
            request("§2 X-Forwarded-Host is Host").with("Host", "a.example").seen("x-forwarded-host", "a.example"),
            request("§2 X-Forwarded-Host of a stranger")
                .with("X-Forwarded-Host", "evil")
                .seen("x-forwarded-host", "localhost"),
            request("§2 X-Forwarded-For").seen("x-forwarded-for", "127.0.0.1").ours("an address without its port"),
            request("§2 X-Forwarded-For is always trusted")
                .with("X-Forwarded-For", "203.0.113.1")
                .seen("x-forwarded-for", "127.0.0.1")
                .ours("only a trusted proxy's"),
            request("§2 X-Forwarded-Proto").seen("x-forwarded-proto", "http"),
            request("§2 X-Forwarded-Proto is always trusted")
                .with("X-Forwarded-Proto", "https")
                .seen("x-forwarded-proto", "http")
                .ours("only a trusted proxy's"),
            request("§2 hop-by-hop fields stay here")
                .with("Connection", "X-Hop")
                .with("X-Hop", "1")
                .with("Keep-Alive", "timeout=1")
                .with("Proxy-Authorization", "Basic eA==")
                .unseen("x-hop")
                .unseen("keep-alive"),
            request("§1.3 Authorization goes to tenants")
                .with("Authorization", "Basic dTpw")
                .seen("authorization", "Basic dTpw"),
            request("§2 cookies as they are").with("Cookie", "a=b; c=d").seen("cookie", "a=b; c=d"),
        ],
    );
    let trusting = showcase().http("trusted_proxies = [\"127.0.0.1\"]").start();
    check(
        &trusting,
        &[
            request("§2 X-Forwarded-For is appended")
                .with("X-Forwarded-For", "203.0.113.1")
                .seen("x-forwarded-for", "203.0.113.1, 127.0.0.1"),
            request("§2 X-Forwarded-Proto is kept")
                .with("X-Forwarded-Proto", "https")
                .seen("x-forwarded-proto", "https"),
            request("§1.1 trust_proxy: X-Forwarded-Host is kept")
                .with("X-Forwarded-Host", "a.example")
                .seen("x-forwarded-host", "a.example"),
            request("§2.1 X-Request-Id is kept")
                .with("X-Request-Id", "abc-123")
                .seen("x-request-id", "abc-123")
                .field("x-request-id", "abc-123")
                .ours("and returned to the client"),
        ],
    );
}

/// A tenant with a directory of files, as `server.static` means it for one tenant.
fn site() -> Init {
    let setup = Init::new().unit("site@.toml", &at("/showcase", "site").route("public = \"@DIR@/public\"").text());
    for directory in ["public/assets", "public/studios/boston", "public/docs", "public/.git"] {
        fs::create_dir_all(setup.path().join(directory)).expect("a directory");
    }
    for (name, contents) in [
        ("robots.txt", "User-agent: *"),
        ("studios/index.html", "all studios"),
        ("studios/boston.html", "boston"),
        ("studios/boston/list.html", "below boston"),
        ("assets/app-0123abcd.js", "js"),
        ("assets/font.woff2", "font"),
        ("docs/Upper.TXT", "upper"),
        (".env", "SECRET"),
        (".git/config", "SECRET"),
    ] {
        fs::write(setup.path().join("public").join(name), contents).expect("a file");
    }
    setup.start()
}

#[test]
fn files_of_a_tenants_directory() {
    let tenant = "the tenant's affair";
    check(
        &site(),
        &[
            row("§3.1 root_path is stripped", "GET /showcase/robots.txt", 200)
                .body("User-agent")
                .field("content-type", "text/plain; charset=utf-8"),
            row("§1.1 no cache_control, no field", "GET /showcase/robots.txt", 200)
                .field("cache-control", "public, max-age=0, must-revalidate")
                .no_field("content-encoding")
                .ours("who keeps it asks whether it has changed"),
            row("§8.2 assets with a hash in their name", "GET /showcase/assets/app-0123abcd.js", 200)
                .field("cache-control", "public, max-age=31536000, immutable"),
            row("§3.1 HEAD", "HEAD /showcase/robots.txt", 200).field("content-length", "13"),
            row("§3.1 Range", "GET /showcase/robots.txt", 206).with("Range", "bytes=0-3").body("User"),
            row("§3.1 Accept-Ranges", "GET /showcase/robots.txt", 200).field("accept-ranges", "bytes"),
            row("§3.1 If-Modified-Since", "GET /showcase/robots.txt", 304)
                .with("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
            row("§3.1 fonts have their type", "GET /showcase/assets/font.woff2", 200)
                .field("content-type", "font/woff2"),
            row("§3.1 try_files: index.html behind a slash", "GET /showcase/studios/", 200).body("all studios"),
            row("§3.1 try_files: .html", "GET /showcase/studios/boston", 200).body("boston"),
            row("§3.1 below a file's namesake", "GET /showcase/studios/boston/list", 200).body("below boston"),
            row("§3.1 extensions in any case of letters are files", "GET /showcase/docs/Upper.TXT", 200).body("upper"),
            row("§3.1 names are exact", "GET /showcase/docs/upper.txt", 200).tenant("site"),
            row("§3.1 no such file", "GET /showcase/studios/nyc", 200).tenant("site"),
            row("§2.10 any method", "POST /showcase/robots.txt", 200).tenant("site").ours(tenant),
            row("§2.10 dotfiles", "GET /showcase/.well-known/none", 200).tenant("site"),
            row("§2.10 dotfiles are served", "GET /showcase/.git/config", 200).tenant("site").ours(tenant),
            row("§2.10 dotfiles are served", "GET /showcase/%2eenv", 200).tenant("site").ours(tenant),
            row("§2 …/index.html is a redirect to ./", "GET /showcase/studios/index.html", 200)
                .body("all studios")
                .ours("the file itself"),
            row("§2 existence outside tells itself by 400", "GET /showcase/../site.toml", 400).ours("always 400"),
        ],
    );
}

#[test]
fn a_tenant_that_cannot_start() {
    let init = Init::new().web(&web(&["bad"]).set("CRASH_FILE", "@DIR@/crash")).touch("crash").start();
    let rows = [
        row("§2 start fails", "GET /bad", 503).field("retry-after", "1").ours("503 and when to come again, not 500"),
        row("§3.2 no-cache, and for machines a line", "GET /bad", 503).with("Accept", "application/json").body("503"),
        row("§3.2 a page for people", "GET /bad", 503)
            .with("Accept", "text/html")
            .field("content-type", "text/html; charset=utf-8")
            .field("cache-control", "no-store"),
    ];
    check(&init, &rows);
}
