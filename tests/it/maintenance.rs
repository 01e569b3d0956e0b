//! Maintenance: as configuration, as boot phase, as command; who gets the page and who does not.

use std::fs;

use crate::harness::{Init, eventually};
use crate::setup::Setup;
use crate::web::web;
use crate::websocket::{Cable, UPGRADE};

const HTML: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const KEPT: &str = "no-cache, no-store, must-revalidate";

/// `[maintenance]` with these keys, and the tenants boston and nyc.
fn maintained(keys: &str) -> Setup {
    let setup = Init::new();
    let text = format!("[maintenance]\n{keys}\n").replace("@DIR@", setup.path().to_str().expect("UTF-8"));
    setup.config(&text).web(&web(&["boston", "nyc"]))
}

#[test]
fn our_page_is_for_people_and_the_rest_get_what_they_accept() {
    let init = maintained("enabled = true").start();
    let page = init.request("GET", "/boston/x", &[HTML], b"").expect(503);
    assert_eq!((page.field("retry-after"), page.field("cache-control")), (Some("5"), Some(KEPT)));
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("<meta http-equiv=refresh content=5>"), "{}", page.text());
    let posted = init.request("POST", "/boston/x", &[HTML], b"a=b").expect(503);
    assert!(!posted.text().contains("refresh"), "a form is not sent again");
    let json = init.request("GET", "/boston/x", &[("Accept", "application/json")], b"").expect(503);
    assert_eq!((&json.json()["status"], json.field("cache-control")), (&503.into(), Some(KEPT)));
    let text = init.get("/boston/x").expect(503);
    assert!(text.text().starts_with("503 Service Unavailable: down for maintenance"));
    let head = init.request("HEAD", "/boston/x", &[HTML], b"").expect(503);
    assert_eq!((head.body.len(), head.field("retry-after")), (0, Some("5")));
    init.request("GET", "/boston/x", UPGRADE, b"").expect(503);
    init.get("/nobody").expect(503);
    init.get("/up").expect(200);
    assert_eq!(init.status("web@boston")["starts"], 0);
    init.wait_log(&["web@boston access:", "503", "by=maintenance"]);
}

#[test]
fn the_page_may_be_a_file_that_is_read_when_it_is_shown() {
    let setup = maintained("enabled = true\nretry_after = \"9s\"\npage = \"@DIR@/503.html\"");
    fs::write(setup.path().join("503.html"), "<h1>first</h1>").expect("a page");
    let init = setup.start();
    let asked = |accept: &str| init.request("GET", "/boston/", &[("Accept", accept)], b"").expect(503);
    let page = asked(HTML.1);
    assert_eq!((&*page.text(), page.field("content-type")), ("<h1>first</h1>", Some("text/html; charset=utf-8")));
    assert_eq!((page.field("retry-after"), page.field("cache-control")), (Some("9"), Some(KEPT)));
    assert_eq!(asked("*/*").text(), "<h1>first</h1>");
    assert_eq!(asked("application/json").json()["status"], 503);
    fs::write(init.file("503.html"), "<h1>second</h1>").expect("a page");
    assert_eq!(asked(HTML.1).text(), "<h1>second</h1>");
    let file = fs::File::open(init.file("503.html")).expect("the page");
    file.sync_all().expect("sync");
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("fadvise");
    assert_eq!(asked(HTML.1).text(), "<h1>second</h1>");
    // Too long, or gone: ours, and one word about it.
    for broken in [true, false] {
        match broken {
            true => fs::write(init.file("503.html"), vec![b'x'; 200_000]).expect("a page"),
            false => fs::remove_file(init.file("503.html")).expect("gone"),
        }
        for _ in 0..3 {
            assert!(asked(HTML.1).text().contains("Back in a moment"));
        }
    }
    init.wait_log(&["[maintenance] page: cannot show", "503.html"]);
    assert_eq!(init.log().with(&["[maintenance] page: cannot show"]).len(), 1);
}

#[test]
fn a_page_is_found_where_there_is_no_openat2() {
    let setup = maintained("enabled = true\npage = \"@DIR@/503.html\"").refuse(&[libc::SYS_openat2], libc::ENOSYS);
    fs::write(setup.path().join("503.html"), "<h1>page</h1>").expect("a page");
    let init = setup.start();
    let mut client = init.connect();
    for _ in 0..3 {
        let page = client.request("GET", "/boston/", &[HTML], b"").expect("an answer").expect(503);
        assert_eq!(page.text(), "<h1>page</h1>");
    }
    let ours = client.request("GET", "/boston/", &[("Accept", "text/plain")], b"").expect("an answer").expect(503);
    assert!(ours.text().starts_with("503 "));
}

#[test]
fn the_last_word_of_the_operator_counts() {
    let init = maintained("").start();
    let statuses = || ["/boston/x", "/nyc/x", "/nobody"].map(|target| init.get(target).status());
    let said = |words: &[&str]| init.verb(&[&["maintenance"], words].concat()).expect(0).stdout;
    assert_eq!((statuses(), &*said(&["status"])), ([200, 200, 404], "off\n"));
    assert_eq!(said(&["on"]), "on for all tenants (command)\n");
    assert_eq!(statuses(), [503, 503, 503]);
    assert_eq!(said(&["off", "web@nyc"]), "on for all tenants (command)\noff for web@nyc\n");
    assert_eq!(statuses(), [503, 200, 503]);
    assert_eq!((said(&["off"]).as_str(), statuses()), ("off\n", [200, 200, 404]));
    assert_eq!(said(&["on", "web@b*"]), "on for web@b*\n");
    assert_eq!(statuses(), [503, 200, 404]);
    let json = init.verb(&["maintenance", "--json"]).expect(0).json();
    assert_eq!((&json["all"], &json["units"]), (&serde_json::Value::Null, &serde_json::json!(["web@boston"])));
    assert_eq!(init.status("web@boston")["maintenance"], true);
    assert_eq!(init.status("web@nyc")["maintenance"], serde_json::Value::Null);
    assert!(init.verb(&["list"]).expect(0).stdout.contains("(maintenance)"));
    assert!(init.verb(&["status"]).expect(0).stdout.contains("Maintenance: web@b*"));
    // A reload changes no word.
    fs::write(
        init.file("tenantd.toml"),
        fs::read_to_string(init.file("tenantd.toml")).expect("it") + "enabled = true\n",
    )
    .expect("tenantd.toml");
    init.verb(&["reload"]).expect(0);
    assert_eq!((said(&["off"]).as_str(), statuses()), ("off\n", [200, 200, 404]));
    init.verb(&["reload"]).expect(0);
    assert_eq!(statuses(), [200, 200, 404]);
    for (words, code) in [(&["on", "web@none"][..], 4), (&["on", "x*"], 4), (&["begin"], 64)] {
        init.verb(&[&["maintenance"], words].concat()).expect(code);
    }
    init.wait_log(&["maintenance is on for web@b*"]);
}

#[test]
fn what_is_in_flight_ends() {
    let init = maintained("").start();
    let mut socket = Cable::open(&init, "/boston/cable", &[]);
    let mut slow = init.connect();
    let target = format!("/boston/sse?n=2&gate={}", init.file("gate").display());
    slow.send(&crate::client::request_head("GET", &target, &[], 0)).expect("send");
    slow.head().expect("a head");
    init.verb(&["maintenance", "on"]).expect(0);
    init.get("/boston/x").expect(503);
    assert!(socket.try_echo("still here"));
    for n in 0..2 {
        fs::write(init.file(&format!("gate-{n}")), "").expect("a gate");
    }
    while slow.chunk().expect("the stream").is_some() {}
    assert!(Cable::try_open(&init, "/boston/cable").is_none());
}

#[test]
fn until_ready_is_the_boot_phase() {
    let script = "until [ -e @DIR@/go ]; do sleep 0.01; done";
    let hook = format!(
        "[unit]\nwanted_by = [\"ready\"]\n[service]\ntype = \"oneshot\"\nexec_start = [\"sh\", \"-c\", \"{script}\"]\n"
    );
    let init = maintained("until_ready = true").unit("fetch.toml", &hook).start();
    init.get("/boston/x").expect(503);
    assert_eq!(init.verb(&["maintenance"]).expect(0).stdout, "on for all tenants (boot)\n");
    fs::write(init.file("go"), "").expect("a file");
    eventually("boot is over", || init.get("/boston/x").status() == 200);
    assert_eq!(init.verb(&["maintenance"]).expect(0).stdout, "off\n");
}
