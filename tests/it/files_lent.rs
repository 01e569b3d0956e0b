//! Files that a tenant has sent by X-Sendfile or X-Accel-Redirect: its connection is free at once, and no other file goes.

use std::fs;

use crate::client::{Connection, Reply, request_head};
use crate::harness::Init;
use crate::puppet::{Puppet, Upstream};
use crate::showcase::showcase;
use crate::web::web;

const LARGE: usize = 50_000_000;

/// A tenant that may lend the files of `lent`, and by URL those of `more`.
fn lender() -> (Init, Puppet) {
    let route = "send_file = [\"@DIR@/lent\"]\naccel = { \"/internal/\" = \"@DIR@/more\" }";
    let setup = Init::new();
    for directory in ["lent/sub", "more"] {
        fs::create_dir_all(setup.path().join(directory)).expect("a directory");
    }
    for (name, contents) in
        [("lent/a.txt", "a lent file"), ("lent/sub/b c.txt", "b"), ("more/d e.txt", "d"), ("secret", "SECRET")]
    {
        fs::write(setup.path().join(name), contents).expect("a file");
    }
    std::os::unix::fs::symlink("../secret", setup.path().join("lent/leak")).expect("a link");
    fs::File::create(setup.path().join("lent/large.bin")).and_then(|file| file.set_len(LARGE as u64)).expect("a file");
    setup.puppet(web(&["boston"]).route(route))
}

/// A request that has arrived at the tenant, on the connection that it has already if it has one.
fn arrive(
    client: &mut Connection,
    fields: &[(&str, &str)],
    puppet: &mut Puppet,
    tenant: &mut Option<Upstream>,
) -> String {
    client.send(&request_head("GET", "/boston/download", fields, 0)).expect("send");
    tenant.get_or_insert_with(|| puppet.accept()).head()
}

/// What the client gets for this answer of the tenant.
fn lend(
    client: &mut Connection,
    fields: &[(&str, &str)],
    puppet: &mut Puppet,
    tenant: &mut Option<Upstream>,
    answer: &str,
) -> Reply {
    arrive(client, fields, puppet, tenant);
    assert!(tenant.as_mut().expect("a connection").send(answer));
    client.reply("GET").expect("an answer")
}

fn ok(fields: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn a_file_takes_the_place_of_the_body() {
    let (init, mut puppet) = lender();
    let (mut client, mut tenant) = (init.connect(), None);
    let head = arrive(&mut client, &[("X-Sendfile-Type", "X-Accel-Redirect")], &mut puppet, &mut tenant);
    assert!(head.contains("\r\nX-Sendfile-Type: X-Sendfile\r\n") && !head.contains("Accel"), "{head}");
    let path = init.file("lent/a.txt");
    let answer = ok(&format!("X-Sendfile: {}\r\nContent-Type: text/own\r\nSet-Cookie: a=b", path.display()));
    tenant.as_mut().expect("a connection").send(&answer);
    let reply = client.reply("GET").expect("an answer").expect(200);
    assert_eq!((reply.text(), reply.field("content-type")), ("a lent file".into(), Some("text/own")));
    assert_eq!((reply.field("set-cookie"), reply.field("x-sendfile")), (Some("a=b"), None));
    let tag = reply.field("etag").expect("a tag").to_owned();
    let mut again = |fields: &[(&str, &str)], answer: &str| lend(&mut client, fields, &mut puppet, &mut tenant, answer);
    let part = again(&[("Range", "bytes=2-5")], &answer).expect(206);
    assert_eq!((part.text(), part.field("content-range")), ("lent".into(), Some("bytes 2-5/11")));
    again(&[("If-None-Match", &tag)], &answer).expect(304);
    again(&[("Range", "bytes=99-")], &answer).expect(416);
    assert_eq!(
        again(&[], &ok(&format!("x-sendfile: {}", init.file("lent/sub/b c.txt").display()))).expect(200).text(),
        "b"
    );
    assert_eq!(again(&[], &ok("X-Accel-Redirect: /internal/d%20e.txt")).expect(200).text(), "d");
    init.wait_log(&["web@boston access:", "\"GET /boston/download HTTP/1.1\" 206"]);
}

#[test]
fn the_tenant_is_free_while_a_slow_reader_takes_the_file() {
    let (init, mut puppet) = lender();
    let (mut slow, mut quick, mut tenant) = (init.connect(), init.connect(), None);
    let answer = ok(&format!("X-Sendfile: {}", init.file("lent/large.bin").display()));
    arrive(&mut slow, &[], &mut puppet, &mut tenant);
    tenant.as_mut().expect("a connection").send(&answer);
    assert_eq!(slow.head().expect("a head").field("content-length"), Some("50000000"));
    // The same connection serves the next, and nobody has taken the file yet.
    let small = ok(&format!("X-Sendfile: {}", init.file("lent/a.txt").display()));
    for _ in 0..3 {
        assert_eq!(lend(&mut quick, &[], &mut puppet, &mut tenant, &small).expect(200).text(), "a lent file");
    }
    assert_eq!(init.status("web@boston")["requests"]["in_flight"], 0);
    assert_eq!(slow.exactly(LARGE).expect("the file").len(), LARGE);
    assert_eq!(lend(&mut slow, &[], &mut puppet, &mut tenant, &small).expect(200).text(), "a lent file");
}

#[test]
fn no_other_file_goes() {
    let (init, mut puppet) = lender();
    let (mut client, mut tenant) = (init.connect(), None);
    let path = |name: &str| init.file(name).display().to_string();
    for (order, status) in [
        (format!("X-Sendfile: {}", path("secret")), 502),
        (format!("X-Sendfile: {}", path("lent/../secret")), 502),
        (format!("X-Sendfile: {}", path("lentil")), 502),
        ("X-Sendfile: /etc/passwd".into(), 502),
        ("X-Sendfile: lent/a.txt".into(), 502),
        ("X-Sendfile: ".into(), 502),
        ("X-Accel-Redirect: /other/a".into(), 502),
        ("X-Accel-Redirect: /internal/../lent/a.txt".into(), 502),
        ("X-Accel-Redirect: /internal/%2e%2e/secret".into(), 502),
        (format!("X-Sendfile: {}", path("lent/leak")), 404),
        (format!("X-Sendfile: {}", path("lent/missing")), 404),
        (format!("X-Sendfile: {}", path("lent/sub")), 404),
        (format!("X-Sendfile: {}", path("lent/.hidden")), 404),
        ("X-Accel-Redirect: /internal/missing".into(), 404),
    ] {
        let reply = lend(&mut client, &[], &mut puppet, &mut tenant, &ok(&order));
        assert_eq!((reply.status(), reply.text().contains("SECRET")), (status, false), "{order}: {}", reply.text());
    }
    init.wait_log(&["web@boston", "/etc/passwd", "which it wants sent, is in none of the directories"]);
    init.wait_log(&["web@boston", "lent/missing", "which it wants sent, is no file"]);
}

#[test]
fn a_body_beside_the_file_is_dropped_with_its_connection() {
    let (init, mut puppet) = lender();
    let (mut client, mut tenant) = (init.connect(), None);
    let path = init.file("lent/a.txt");
    let head = format!("HTTP/1.1 200 OK\r\nX-Sendfile: {}\r\n", path.display());
    // All there: the connection is good.
    for body in ["Content-Length: 4\r\n\r\nbody", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"] {
        let reply = lend(&mut client, &[], &mut puppet, &mut tenant, &format!("{head}{body}")).expect(200);
        assert_eq!(reply.text(), "a lent file");
    }
    let reply =
        lend(&mut client, &[], &mut puppet, &mut tenant, &format!("{head}Content-Length: 99\r\n\r\nbody")).expect(200);
    assert_eq!(reply.text(), "a lent file");
    assert!(tenant.take().expect("a connection").rest().is_empty());
    // No body, no file.
    let empty = format!("HTTP/1.1 204 No Content\r\nX-Sendfile: {}\r\n\r\n", path.display());
    let reply = lend(&mut client, &[], &mut puppet, &mut tenant, &empty).expect(204);
    assert_eq!((reply.field("x-sendfile"), reply.field("content-length")), (None, None));
    let reply =
        lend(&mut client, &[], &mut puppet, &mut tenant, &format!("{head}Content-Length: 0\r\n\r\n")).expect(200);
    assert_eq!(reply.text(), "a lent file");
}

#[test]
fn who_may_not_lend_is_not_heard() {
    let (init, mut puppet) = Init::new().puppet(web(&["boston"]));
    let (mut client, mut tenant) = (init.connect(), None);
    fs::write(init.file("secret"), "SECRET").expect("a file");
    let fields = format!("X-Sendfile: {}\r\nX-Accel-Redirect: /a", init.file("secret").display());
    let head = arrive(&mut client, &[("X-Sendfile-Type", "X-Sendfile")], &mut puppet, &mut tenant);
    assert!(!head.contains("Sendfile"), "{head}");
    tenant.as_mut().expect("a connection").send(format!("HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: 3\r\n\r\nown"));
    let reply = client.reply("GET").expect("an answer").expect(200);
    assert_eq!((reply.text(), reply.field("x-sendfile"), reply.field("x-accel-redirect")), ("own".into(), None, None));
}

#[test]
fn rails_lends_what_it_sends() {
    let setup = showcase(&["boston"]).variable("SENDFILE_HEADER", "X-Sendfile").setup();
    let setup = setup.unit("showcase@.toml.d/z.toml", "[route]\nsend_file = [\"@DIR@/storage\"]\n");
    fs::create_dir(setup.path().join("storage")).expect("a directory");
    let contents: Vec<u8> = (0..1_000_000_u32).map(|n| (n / 3) as u8).collect();
    fs::write(setup.path().join("storage/report.bin"), &contents).expect("a file");
    let init = setup.start();
    let target = format!("/boston/download?path={}", init.file("storage/report.bin").display());
    let reply = init.get(&target).expect(200);
    assert!(reply.body == contents);
    assert_eq!(reply.field("content-type"), Some("text/x-probe"));
    assert!(reply.field("content-disposition").is_some_and(|value| value.contains("report.bin")), "{:?}", reply.head);
    assert!(reply.field("etag").is_some() && reply.field("x-sendfile").is_none(), "{:?}", reply.head);
    let part = init.request("GET", &target, &[("Range", "bytes=10-19")], b"").expect(206);
    assert!(part.body == contents[10..20]);
    let outside = format!("/boston/download?path={}", init.file("tenantd.toml").display());
    init.get(&outside).expect(502);
}
