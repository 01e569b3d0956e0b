//! `[static]` and `[[cache]]`: files of the whole front door, before maintenance and tenants.

use std::fs::{self, File};

use crate::harness::{Init, eventually};
use crate::setup::Setup;
use crate::web::web;
use crate::websocket::UPGRADE;

const RULES: &str = "[static]\nroot = \"@DIR@/public\"\nprefix = \"/showcase\"\ntrailing_slash = true\nmax_age = \"0s\"\n\
    [[cache]]\npath = \"/showcase/assets/\"\nmax_age = \"365d\"\nimmutable = true\n\
    [[cache]]\npath = \"/showcase/assets/live/\"\n[[cache]]\npath = \"/boston/\"\nmax_age = \"1h\"\n";

/// A directory with these files beside the configuration.
fn laid(setup: Setup, directory: &str, files: &[(&str, &str)]) -> Setup {
    for (name, contents) in files {
        let path = setup.path().join(directory).join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, contents).expect("a file");
    }
    setup
}

fn ruled(rules: &str) -> Setup {
    let setup = Init::new();
    let rules = rules.replace("@DIR@", setup.path().to_str().expect("UTF-8"));
    let files = [
        ("a.txt", "a file"),
        ("studios/index.html", "studios"),
        ("studios/boston.html", "boston"),
        ("regions/index.htm", "regions"),
        ("plain.htm", "plain"),
        ("assets/app.css", "plain css"),
        ("assets/app.css.gz", "gzip"),
        ("assets/app-0123abcd.js", "js"),
        ("assets/live/now.js", "now"),
        (".env", "SECRET"),
        ("studios/.git/config", "SECRET"),
        ("index.html", "the index"),
        ("2025/boston.v2/heats.html", "heats"),
    ];
    laid(setup.config(&rules), "public", &files)
}

#[test]
fn files_are_answered_where_no_tenant_is() {
    let init = ruled(RULES).start();
    let mut client = init.connect();
    for (target, contents) in [
        ("/showcase/a.txt", "a file"),
        ("/showcase/a.txt?x=/../y", "a file"),
        ("//showcase//a.txt", "a file"),
        ("/showcase/%61.txt", "a file"),
        ("/showcase/", "the index"),
        ("/showcase/studios/", "studios"),
        ("/showcase/studios/boston", "boston"),
        ("/showcase/plain", "plain"),
        ("/showcase/plain.htm", "plain"),
        ("/showcase/studios/index.html", "studios"),
        ("/showcase/2025/boston.v2/heats", "heats"),
    ] {
        assert_eq!(client.get(target).expect("an answer").expect(200).text(), contents, "{target}");
    }
    for target in [
        "/a.txt",
        "/showcase/b.txt",
        "/showcases/a.txt",
        "/showcase/regions/",
        "/showcase/.env",
        "/showcase/%2eenv",
        "/showcase/studios/.git/config",
        "/showcase/studios%2Findex.html",
    ] {
        client.get(target).expect("an answer").expect(404);
    }
    for target in ["/showcase/../secret", "/showcase/%2e%2e/secret", "/showcase/a.txt%00"] {
        init.get(target).expect(400);
    }
    init.post("/showcase/a.txt", b"").expect(404);
    init.request("DELETE", "/showcase/a.txt", &[], b"").expect(404);
    init.request("GET", "/showcase/a.txt", UPGRADE, b"").expect(404);
    let head = client.request("HEAD", "/showcase/studios/", &[], b"").expect("an answer").expect(200);
    assert_eq!((head.field("content-length"), head.text()), (Some("7"), String::new()));
    init.wait_log(&["\"GET /showcase/a.txt HTTP/1.1\" 200", " by=file"]);
}

#[test]
fn a_directory_has_a_slash_at_its_end_and_keeps_the_query() {
    let init = ruled(RULES).start();
    for (target, location) in [
        ("/showcase/studios", "/showcase/studios/"),
        ("/showcase/studios?a=b&c=%20", "/showcase/studios/?a=b&c=%20"),
        ("//showcase/studios?/", "/showcase/studios/?/"),
        ("/showcase?x", "/showcase/?x"),
    ] {
        let reply = init.get(target).expect(301);
        assert_eq!(reply.field("location"), Some(location), "{target}");
    }
    // Without an index it is no page.
    init.get("/showcase/regions").expect(404);
    let without = ruled("[static]\nroot = \"@DIR@/public\"").start();
    without.get("/studios").expect(404);
    assert_eq!(without.get("/").expect(200).text(), "the index");
}

#[test]
fn how_long_files_are_kept_is_said_by_path() {
    let setup = ruled(RULES).web(&web(&["boston"]).route("public = \"@DIR@/own\""));
    let init = laid(setup, "own", &[("assets/app-0123abcd.js", "own"), ("x.txt", "own")]).start();
    for (target, kept) in [
        ("/showcase/assets/app.css", Some("public, max-age=31536000, immutable")),
        ("/showcase/assets/live/now.js", None),
        ("/showcase/a.txt", Some("public, max-age=0")),
        ("/boston/assets/app-0123abcd.js", Some("public, max-age=3600")),
    ] {
        assert_eq!(init.get(target).expect(200).field("cache-control"), kept, "{target}");
    }
    assert_eq!(init.status("web@boston")["starts"], 0);
    // Without rules, what the name tells.
    let init = ruled("[static]\nroot = \"@DIR@/public\"").start();
    let year = Some("public, max-age=31536000, immutable");
    assert_eq!(init.get("/assets/app-0123abcd.js").expect(200).field("cache-control"), year);
    assert_eq!(init.get("/a.txt").expect(200).field("cache-control"), Some("public, max-age=0, must-revalidate"));
}

#[test]
fn conditions_ranges_and_siblings_hold() {
    let init = ruled(RULES).start();
    let gzip = [("Accept-Encoding", "gzip")];
    let reply = init.request("GET", "/showcase/assets/app.css", &gzip, b"").expect(200);
    assert_eq!((reply.field("content-encoding"), &*reply.text()), (Some("gzip"), "gzip"));
    let tag = reply.field("etag").expect("a tag");
    let unchanged =
        init.request("GET", "/showcase/assets/app.css", &[gzip[0], ("If-None-Match", tag)], b"").expect(304);
    assert_eq!(unchanged.field("cache-control"), Some("public, max-age=31536000, immutable"));
    let part = init.request("GET", "/showcase/a.txt", &[("Range", "bytes=2-")], b"").expect(206);
    assert_eq!(part.text(), "file");
    init.request("GET", "/showcase/a.txt", &[("Range", "bytes=9-")], b"").expect(416);
}

#[test]
fn only_listed_extensions_are_files() {
    let rules = "[static]\nroot = \"@DIR@/public\"\nextensions = [\"css\"]\ntry_files = [\".html\"]\n";
    let init = ruled(rules).start();
    assert_eq!(init.get("/assets/app.css").expect(200).text(), "plain css");
    assert_eq!(init.get("/studios/boston").expect(200).text(), "boston", "what we append is allowed");
    for target in ["/a.txt", "/assets/app.CSS", "/studios/", "/plain", "/studios/boston.html"] {
        init.get(target).expect(404);
    }
}

#[test]
fn files_come_before_tenants_and_wake_none() {
    let rules = "[static]\nroot = \"@DIR@/public\"";
    let setup = ruled(rules).web(&web(&["studios", "boston"]).route("public = \"@DIR@/own\""));
    let init = laid(setup, "own", &[("boston.html", "own"), ("own.txt", "own")]).start();
    assert_eq!(init.get("/studios/boston").expect(200).text(), "boston");
    assert_eq!(init.get("/studios/own.txt").expect(200).text(), "own", "the tenant's own come behind");
    assert_eq!(init.status("web@studios")["starts"], 0);
    // Whatever is no file goes on, with its query and its body.
    let reply = init.request("POST", "/studios/boston?token=1", &[], b"body").expect(200).json();
    assert_eq!((&reply["tenant"], &reply["target"]), (&"studios".into(), &"/studios/boston?token=1".into()));
    for n in 0..20 {
        let target = format!("/studios/never/seen/{n}?q");
        assert_eq!(init.get(&target).expect(200).json()["target"], *target);
    }
    assert_eq!(init.status("web@boston")["starts"], 0);
}

#[test]
fn what_is_not_in_memory_is_looked_for_by_the_thread_and_then_the_request_goes_on() {
    // Without openat2 every look is the thread's.
    for errno in [libc::ENOSYS, libc::EPERM] {
        let setup = ruled(RULES).refuse(&[libc::SYS_openat2], errno);
        let setup = setup.web(&web(&["boston"]).route("public = \"@DIR@/own\""));
        let init = laid(setup, "own", &[("x.txt", "own")]).start();
        let mut client = init.connect();
        assert_eq!(client.get("/showcase/a.txt").expect("an answer").expect(200).text(), "a file");
        let moved = client.get("/showcase/studios?q").expect("an answer").expect(301);
        assert_eq!(moved.field("location"), Some("/showcase/studios/?q"));
        client.get("/showcase/missing").expect("an answer").expect(404);
        assert_eq!(client.get("/boston/x.txt").expect("an answer").expect(200).text(), "own");
        assert_eq!(init.status("web@boston")["starts"], 0);
        let reply = client.get("/boston/echo?x=1").expect("an answer").expect(200).json();
        assert_eq!((&reply["tenant"], &reply["target"]), (&"boston".into(), &"/boston/echo?x=1".into()));
        assert_eq!(reply["fields"].to_string().matches("X-Forwarded-For").count(), 1, "{reply}");
        init.verb(&["maintenance", "on"]).expect(0);
        assert_eq!(client.get("/showcase/a.txt").expect("an answer").expect(200).text(), "a file");
        client.get("/showcase/missing").expect("an answer").expect(503);
        client.get("/boston/echo").expect("an answer").expect(503);
    }
}

#[test]
fn a_cold_file_arrives_whole() {
    let setup = ruled("[static]\nroot = \"@DIR@/public\"");
    let large: Vec<u8> = (0..1_500_000_u32).map(|n| (n / 13) as u8).collect();
    let path = setup.path().join("public/large.bin");
    fs::write(&path, &large).expect("a file");
    let init = setup.start();
    for _ in 0..3 {
        let file = File::open(&path).expect("the file");
        file.sync_all().expect("sync");
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("fadvise");
        assert!(init.get("/large.bin").expect(200).body == large);
    }
}

#[test]
fn a_directory_may_come_later_and_go_with_a_reload() {
    let setup = Init::new();
    let rules = format!("[static]\nroot = \"{}/later\"", setup.path().display());
    let init = setup.config(&rules).start();
    init.wait_log(&["[static] root: there is no directory"]);
    init.get("/a.txt").expect(404);
    fs::create_dir(init.file("later")).expect("a directory");
    fs::write(init.file("later/a.txt"), "here").expect("a file");
    eventually("the directory is found", || init.get("/a.txt").status() == 200);
    let path = init.file("tenantd.toml");
    let with = fs::read_to_string(&path).expect("tenantd.toml");
    fs::write(&path, with.replace("[static]", "[static]\nextensions = [\"css\"]")).expect("tenantd.toml");
    init.verb(&["reload"]).expect(0);
    init.get("/a.txt").expect(404);
    fs::write(&path, with).expect("tenantd.toml");
    init.verb(&["reload"]).expect(0);
    assert_eq!(init.get("/a.txt").expect(200).text(), "here");
}
