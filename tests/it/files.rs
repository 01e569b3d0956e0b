//! Files of a public directory: answered without the tenant, and never one that lies outside.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use nix::sys::signal::Signal;

use crate::client::request_head;
use crate::harness::{Init, eventually};
use crate::procfs;
use crate::setup::Setup;
use crate::web::web;

const MIB: u64 = 1024 * 1024;

/// A tenant at `/boston` with the directory `public` beside its configuration.
fn site() -> Setup {
    let setup = Init::new().web(&web(&["boston"]).route("public = \"@DIR@/public\""));
    for directory in ["public/assets", "public/sub", "public/.well-known", "public/.git", "outside"] {
        fs::create_dir_all(setup.path().join(directory)).expect("a directory");
    }
    for (name, contents) in [
        ("public/a.txt", "hello, file"),
        ("public/404.html", "<h1>404</h1>"),
        ("public/index.html", "the index"),
        ("public/sub/index.html", "sub index"),
        ("public/sub/a b.txt", "blank"),
        ("public/assets/app-0123abcd.css", "plain css"),
        ("public/assets/app-0123abcd.css.br", "brotli"),
        ("public/assets/app-0123abcd.css.gz", "gzip"),
        ("public/.well-known/acme", "acme"),
        ("public/.env", "SECRET"),
        ("public/.git/config", "SECRET"),
        ("secret.txt", "SECRET"),
        ("outside/secret.txt", "SECRET"),
    ] {
        fs::write(setup.path().join(name), contents).expect("a file");
    }
    for (target, name) in
        [("a.txt", "inside"), ("../secret.txt", "leak"), ("../outside", "out"), ("/etc/hostname", "etc")]
    {
        symlink(target, setup.path().join("public").join(name)).expect("a link");
    }
    nix::unistd::mkfifo(&setup.path().join("public/fifo"), nix::sys::stat::Mode::S_IRWXU).expect("a fifo");
    setup
}

#[track_caller]
fn is_asleep(init: &Init) {
    assert_eq!(init.status("web@boston")["starts"], 0, "the tenant was started");
}

#[test]
fn files_are_answered_while_the_tenant_sleeps() {
    let init = site().start();
    let mut client = init.connect();
    for (target, contents) in [
        ("/boston/a.txt", "hello, file"),
        ("/boston/a.txt?query=../x", "hello, file"),
        ("/boston/404", "<h1>404</h1>"),
        ("/boston", "the index"),
        ("/boston/", "the index"),
        ("/boston/sub/", "sub index"),
        ("/boston/sub/a%20b.txt", "blank"),
        ("/boston/%61.txt", "hello, file"),
        ("/boston/inside", "hello, file"),
        ("/boston/.well-known/acme", "acme"),
    ] {
        let reply = client.get(target).expect("an answer").expect(200);
        assert_eq!(reply.text(), contents, "{target}");
        assert_eq!(reply.field("x-content-type-options"), Some("nosniff"), "{target}");
    }
    let head = client.request("HEAD", "/boston/a.txt", &[], b"").expect("an answer").expect(200);
    assert_eq!(
        (head.field("content-length"), head.field("content-type")),
        (Some("11"), Some("text/plain; charset=utf-8"))
    );
    is_asleep(&init);
    let line = init.wait_log(&["web@boston access:", "\"GET /boston/a.txt HTTP/1.1\" 200"]);
    assert!(!line.contains("bytes=0 "), "{line}");
    assert_eq!(client.get("/boston/b.txt").expect("an answer").expect(200).json()["tenant"], "boston");
    assert_eq!(client.request("POST", "/boston/a.txt", &[], b"x").expect("an answer").json()["tenant"], "boston");
}

#[test]
fn no_path_leaves_the_directory() {
    let init = site().start();
    let mut client = init.connect();
    for path in [
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/.%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "/..%5csecret.txt",
        "/sub/%2e%2e/%2e%2e/secret.txt",
        "/./a.txt",
        "/sub/./index.html",
        "//secret.txt",
        "/a.txt%00",
        "/a.txt%00.html",
        "/a.txt/",
        "/a.txt/index.html",
        "/sub%2findex.html",
        "/.env",
        "/%2eenv",
        "//.env",
        "/.git/config",
        "/leak",
        "/out/secret.txt",
        "/etc",
        "/fifo",
        "/sub",
        "/assets/",
        "/A.TXT",
        "/a.txt%",
        "/a.txt.gz",
    ] {
        let reply = client.get(&format!("/boston{path}")).expect("an answer");
        // What could be another path for somebody is refused; the rest is the tenant's affair.
        if reply.status() != 400 {
            assert_eq!(reply.expect(200).json()["tenant"], "boston", "{path} is a file");
        }
    }
}

#[test]
fn ranges_and_conditions_hold_on_the_wire() {
    let init = site().start();
    let mut client = init.connect();
    let whole = client.get("/boston/a.txt").expect("an answer").expect(200);
    let tag = whole.field("etag").expect("a tag").to_owned();
    let date = whole.field("last-modified").expect("a date").to_owned();
    assert_eq!(whole.field("accept-ranges"), Some("bytes"));
    let mut ask = |fields: &[(&str, &str)]| client.request("GET", "/boston/a.txt", fields, b"").expect("an answer");
    let part = ask(&[("Range", "bytes=7-")]).expect(206);
    assert_eq!((part.text(), part.field("content-range")), ("file".into(), Some("bytes 7-10/11")));
    assert_eq!(ask(&[("Range", "bytes=-4"), ("If-Range", &tag)]).expect(206).text(), "file");
    assert_eq!(ask(&[("Range", "bytes=0-1"), ("If-Range", "\"other\"")]).expect(200).text(), "hello, file");
    assert_eq!(ask(&[("Range", "bytes=0-1,3-4")]).expect(200).text(), "hello, file");
    assert_eq!(ask(&[("Range", "bytes=11-")]).expect(416).field("content-range"), Some("bytes */11"));
    for fields in [("If-None-Match", &*tag), ("If-Modified-Since", &*date)] {
        let unchanged = ask(&[fields]).expect(304);
        assert_eq!((unchanged.field("etag"), unchanged.field("content-length")), (Some(&*tag), None));
    }
    ask(&[("If-Match", "\"other\"")]).expect(412);
    is_asleep(&init);
    fs::write(init.file("public/a.txt"), "another file").expect("a file");
    let changed = ask(&[("If-None-Match", &tag)]).expect(200);
    assert_eq!(changed.text(), "another file");
    assert_ne!(changed.field("etag"), Some(&*tag));
}

#[test]
fn a_compressed_sibling_goes_to_those_who_take_it() {
    let init = site().start();
    let mut client = init.connect();
    let mut tags = std::collections::BTreeSet::new();
    for (accepts, coding, contents) in [
        ("gzip, br", Some("br"), "brotli"),
        ("gzip", Some("gzip"), "gzip"),
        ("br;q=0, gzip;q=0", None, "plain css"),
        ("identity", None, "plain css"),
    ] {
        let fields = [("Accept-Encoding", accepts)];
        let reply =
            client.request("GET", "/boston/assets/app-0123abcd.css", &fields, b"").expect("an answer").expect(200);
        assert_eq!((reply.field("content-encoding"), &*reply.text()), (coding, contents), "{accepts}");
        assert_eq!(reply.field("content-type"), Some("text/css; charset=utf-8"));
        assert_eq!(reply.field("vary"), Some("Accept-Encoding"));
        assert_eq!(reply.field("cache-control"), Some("public, max-age=31536000, immutable"));
        tags.insert(reply.field("etag").expect("a tag").to_owned());
    }
    assert_eq!(tags.len(), 3, "{tags:?}");
}

#[test]
fn requests_behind_a_file_are_answered_in_order() {
    let setup = site();
    let large: Vec<u8> = (0..2_000_000_u32).map(|n| (n / 11) as u8).collect();
    fs::write(setup.path().join("public/large.bin"), &large).expect("a file");
    let init = setup.start();
    let mut client = init.connect();
    let targets = ["/boston/a.txt", "/boston/large.bin", "/boston/echo", "/boston/large.bin", "/boston/a.txt", "/up"];
    client.send(&targets.map(|target| request_head("GET", target, &[], 0)).concat()).expect("send");
    for target in targets {
        let reply = client.reply("GET").expect("an answer").expect(200);
        match target {
            "/boston/a.txt" => assert_eq!(reply.text(), "hello, file"),
            "/boston/large.bin" => assert!(reply.body == large),
            "/boston/echo" => assert_eq!(reply.json()["target"], "/boston/echo"),
            _ => {}
        }
    }
    let range = [("Range", "bytes=1000000-1499999")];
    let part = client.request("GET", "/boston/large.bin", &range, b"").expect("an answer").expect(206);
    assert!(part.body == large[1_000_000..1_500_000]);
    // A body that nobody wants ends the connection, as everywhere.
    let reply = client.request("GET", "/boston/a.txt", &[], b"body").expect("an answer").expect(200);
    assert_eq!((reply.field("connection"), client.is_closed()), (Some("close"), true));
    let mut old = init.connect();
    old.send(b"GET /boston/a.txt HTTP/1.0\r\n\r\n").expect("send");
    assert!(old.rest().ends_with(b"hello, file"));
}

#[test]
fn a_slow_reader_of_a_100_mb_file_costs_no_memory() {
    let setup = site();
    let file = File::create(setup.path().join("public/huge.bin")).expect("a file");
    file.set_len(100_000_000).expect("a length");
    let init = setup.start();
    init.get("/boston/a.txt").expect(200);
    let before = procfs::resident(init.pid());
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston/huge.bin", &[], 0)).expect("send");
    assert_eq!(client.head().expect("a head").field("content-length"), Some("100000000"));
    let mut most = 0;
    for _ in 0..100 {
        client.exactly(1_000_000).expect("the body");
        most = most.max(procfs::resident(init.pid()));
    }
    assert!(most < before + 4 * MIB, "memory grew from {before} to {most}");
    client.get("/boston/a.txt").expect("the connection is kept").expect(200);
    is_asleep(&init);
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_the_connection() {
    let setup = site();
    let path = setup.path().join("public/huge.bin");
    let file = File::create(&path).expect("a file");
    file.set_len(100_000_000).expect("a length");
    let init = setup.start();
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston/huge.bin", &[], 0)).expect("send");
    client.head().expect("a head");
    client.exactly(1000).expect("the beginning");
    file.set_len(2000).expect("a length");
    let rest = client.rest();
    assert!(rest.len() < 99_999_000, "{} bytes", rest.len());
    init.get("/boston/a.txt").expect(200);
    init.wait_log(&["web@boston access:", "/boston/huge.bin HTTP/1.1\" 200"]);
}

#[test]
fn descriptors_go_with_their_files() {
    let setup = site();
    let large = vec![b'x'; 3_000_000];
    fs::write(setup.path().join("public/large.bin"), &large).expect("a file");
    let init = setup.start();
    init.get("/boston/a.txt").expect(200);
    let quiet = || procfs::descriptors(init.pid());
    eventually("the first client is gone", || quiet() > 0 && init.log().with(&["a.txt"]).len() == 1);
    let before = quiet();
    for n in 0..100 {
        let mut client = init.connect();
        client.send(&request_head("GET", "/boston/large.bin", &[], 0)).expect("send");
        client.head().expect("a head");
        // They leave in the middle, politely or not.
        if n % 2 == 0 {
            client.reset();
        }
        init.get("/boston/a.txt").expect(200);
        init.get("/boston/large.bin").expect(200);
        init.request("GET", "/boston/large.bin", &[("Range", "bytes=9999999-")], b"").expect(416);
    }
    eventually("as many descriptors as before", || quiet() <= before);
    is_asleep(&init);
}

#[test]
fn a_cold_file_arrives_whole() {
    let setup = site();
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 13) as u8).collect();
    let path = setup.path().join("public/large.bin");
    fs::write(&path, &large).expect("a file");
    let init = setup.start();
    for _ in 0..5 {
        let file = File::open(&path).expect("the file");
        file.sync_all().expect("sync");
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("fadvise");
        assert!(init.get("/boston/large.bin").expect(200).body == large);
    }
    is_asleep(&init);
    // The thread that reads ends with its work.
    let threads = || fs::read_dir(format!("/proc/{}/task", init.pid())).map_or(0, Iterator::count);
    eventually("two threads: the loop and the journal", || threads() == 2);
}

#[test]
fn a_file_on_its_way_arrives_before_the_end() {
    let setup = site();
    File::create(setup.path().join("public/huge.bin")).and_then(|file| file.set_len(50_000_000)).expect("a file");
    let mut init = setup.start();
    let begin = |init: &Init| {
        let mut client = init.connect();
        client.send(&request_head("GET", "/boston/huge.bin", &[], 0)).expect("send");
        client.head().expect("a head");
        client
    };
    let (mut client, mut never) = (begin(&init), begin(&init));
    init.signal(Signal::SIGTERM);
    assert_eq!(client.exactly(50_000_000).expect("the file").len(), 50_000_000);
    // Nobody waits for the other one after a second signal.
    assert_eq!(init.ended(), None);
    init.signal(Signal::SIGTERM);
    assert!(init.wait().success());
    assert!(client.is_closed());
    assert!(never.rest().len() < 50_000_000);
}

#[test]
fn files_are_served_where_there_is_no_openat2() {
    for errno in [libc::ENOSYS, libc::EPERM] {
        let init = site().refuse(&[libc::SYS_openat2], errno).start();
        let mut client = init.connect();
        assert_eq!(client.get("/boston/a.txt").expect("an answer").expect(200).text(), "hello, file");
        assert_eq!(client.get("/boston/sub/").expect("an answer").expect(200).text(), "sub index");
        is_asleep(&init);
        // Without it no link is followed: one might lead out.
        for path in ["leak", "out/secret.txt", "inside", "fifo", "sub", "missing"] {
            let reply = client.get(&format!("/boston/{path}")).expect("an answer").expect(200);
            assert_eq!(reply.json()["tenant"], "boston", "{path}");
        }
    }
}

#[test]
fn a_directory_that_is_missing_is_told_of_and_found_later() {
    let init = Init::new().web(&web(&["boston"]).route("public = \"@DIR@/public\"")).start();
    init.wait_log(&["web@boston", "[route] public: there is no directory"]);
    assert_eq!(init.get("/boston/a.txt").expect(200).json()["tenant"], "boston");
    fs::create_dir(init.file("public")).expect("a directory");
    fs::write(init.file("public/a.txt"), "hello").expect("a file");
    init.verb(&["restart", "web@boston"]).expect(0);
    assert_eq!(init.get("/boston/a.txt").expect(200).text(), "hello");
}

#[test]
fn a_reload_brings_and_takes_the_directory() {
    let init = site().start();
    assert_eq!(init.get("/boston/a.txt").expect(200).text(), "hello, file");
    let path = init.file("units/web@.toml");
    let with = fs::read_to_string(&path).expect("the unit");
    let without: String =
        with.lines().filter(|line| !line.starts_with("public")).map(|line| format!("{line}\n")).collect();
    fs::write(&path, without).expect("the unit");
    init.verb(&["reload"]).expect(0);
    assert_eq!(init.get("/boston/a.txt").expect(200).json()["tenant"], "boston");
    fs::write(&path, with).expect("the unit");
    init.verb(&["reload"]).expect(0);
    assert_eq!(init.get("/boston/a.txt").expect(200).text(), "hello, file");
}
