//! `[health]`: liveness and readiness apart, synthetic or a tenant's, and nobody's activity.

use nix::sys::signal::Signal;

use crate::harness::{Init, eventually};
use crate::setup::Setup;
use crate::web::web;

const READY: &str = "[health]\nready = \"/ready\"\n";

/// A oneshot that ends when the file `NAME.go` is there, and not before.
fn gated(setup: Setup, name: &str, target: &str) -> Setup {
    let script = format!("until [ -e @DIR@/{name}.go ]; do sleep 0.01; done");
    let unit = format!(
        "[unit]\nwanted_by = [\"{target}\"]\n[service]\ntype = \"oneshot\"\nexec_start = [\"sh\", \"-c\", \"{script}\"]\n"
    );
    setup.unit(&format!("{name}.toml"), &unit)
}

fn open(init: &Init, name: &str) {
    std::fs::write(init.file(&format!("{name}.go")), "").expect("a file");
}

#[test]
fn the_answer_is_what_the_section_says() {
    let init = Init::new().start();
    let reply = init.get("/up").expect(200);
    assert_eq!((&*reply.text(), reply.field("content-type")), ("OK\n", Some("text/plain; charset=utf-8")));
    let text = "[health]\npath = \"/alive\"\nstatus = 299\nbody = '{\"ok\":true}'\ncontent_type = \"application/json\"";
    let init = Init::new().config(text).start();
    for method in ["GET", "HEAD"] {
        let reply = init.request(method, "//alive?x", &[("Host", "0123456789ab:3000")], b"").expect(299);
        assert_eq!(reply.field("content-type"), Some("application/json"));
        assert_eq!(reply.text(), if method == "GET" { "{\"ok\":true}" } else { "" });
        assert_eq!((reply.field("location"), reply.field("content-length")), (None, Some("11")));
    }
    init.get("/up").expect(404);
    init.get("/alive/").expect(404);
    init.get("/gone").expect(404);
    init.wait_log(&["/gone"]);
    assert_eq!(init.log().with(&["/alive HTTP/1.1"]), Vec::<String>::new(), "a good check is no line");
}

#[test]
fn ready_comes_with_the_last_hook_of_boot_and_ready() {
    let setup = gated(gated(Init::new().config(READY), "migrate", "boot"), "warm", "ready");
    let init = setup.web(&web(&["boston"])).start();
    let refused = init.get("/ready").expect(503);
    assert!(refused.field("retry-after").is_some() && refused.text().contains("tenantd is starting"));
    init.get("/up").expect(200);
    assert_eq!(init.get("/boston/x").expect(200).json()["tenant"], "boston", "a tenant waits for no readiness");
    let readiness = || init.verb(&["status", "--json"]).json()["readiness"].as_str().unwrap_or_default().to_owned();
    assert_eq!(readiness(), "not ready: waits for migrate, warm");
    open(&init, "migrate");
    eventually("boot is over", || readiness() == "not ready: waits for warm");
    init.get("/ready").expect(503);
    open(&init, "warm");
    eventually("all is done", || init.get("/ready").status() == 200);
    assert_eq!((readiness().as_str(), &*init.get("/ready").text()), ("ready", "OK\n"));
    assert!(init.verb(&["status"]).expect(0).stdout.contains("Readiness: ready"));
    init.wait_log(&["\"GET /ready HTTP/1.1\" 503", "by=health"]);
}

#[test]
fn nothing_to_wait_for_is_ready_at_once_and_a_failure_holds_nobody() {
    Init::new().config(READY).start().get("/ready").expect(200);
    let fails = "[unit]\nwanted_by = [\"boot\"]\n[service]\ntype = \"oneshot\"\nexec_start = [\"false\"]\n";
    let init = Init::new().config(READY).unit("fails.toml", fails).start();
    eventually("it has failed", || init.get("/ready").status() == 200);
}

#[test]
fn one_path_may_be_both() {
    let init = gated(Init::new().config("[health]\nready = \"/up\"\n"), "migrate", "boot").start();
    init.get("/up").expect(503);
    open(&init, "migrate");
    eventually("ready", || init.get("/up").status() == 200);
}

#[test]
fn from_sigterm_on_it_is_not_ready_and_still_alive() {
    let slow = "[unit]\nwanted_by = [\"boot\"]\n[service]\nexec_start = [\"sh\", \"-c\", \"trap '' TERM; until [ -e @DIR@/end ]; do sleep 0.01; done\"]\n";
    let mut init = Init::new().config(READY).unit("slow.toml", slow).start();
    eventually("ready", || init.get("/ready").status() == 200);
    let (mut one, mut other) = (init.connect(), init.connect());
    one.get("/ready").expect("an answer").expect(200);
    other.get("/up").expect("an answer").expect(200);
    init.signal(Signal::SIGTERM);
    eventually("it is stopping", || init.verb(&["status", "--json"]).json()["readiness"] == "stopping");
    let refused = one.get("/ready").expect("an answer").expect(503);
    assert!(refused.text().contains("stopping") && refused.field("connection") == Some("close"));
    other.get("/up").expect("an answer").expect(200);
    std::fs::write(init.file("end"), "").expect("a file");
    init.wait();
}

#[test]
fn a_tenant_may_answer_in_our_place_and_is_started_for_it() {
    let text = "[health]\nunit = \"web@index\"\nready = \"/ready\"\n";
    let setup = Init::new().config(text).unit(
        "web@.toml",
        &web(&["index", "boston"])
            .service("idle_stop = \"1h\"")
            .text()
            .replace("path = \"/%i\"", "path = \"/${p}\"")
            .replace("name = \"index\"", "name = \"index\"\nvars = { p = \"showcase\" }")
            .replace("name = \"boston\"", "name = \"boston\"\nvars = { p = \"boston\" }"),
    );
    let init = setup.start();
    init.get("/ready").expect(200);
    assert_eq!(init.status("web@index")["starts"], 0, "readiness is ours");
    let reply = init.get("/up").expect(200).json();
    assert_eq!((&reply["tenant"], &reply["target"]), (&"index".into(), &"/up".into()));
    init.wait_log(&["web@index access:", "\"GET /up HTTP/1.1\" 200", "by=health"]);
    init.verb(&["maintenance", "on"]).expect(0);
    assert_eq!(init.get("/up").expect(200).json()["tenant"], "index", "health comes before maintenance");
    assert_eq!(init.status("web@boston")["starts"], 0);
}

#[test]
fn a_check_each_moment_keeps_no_tenant_up() {
    let init = Init::new().web(&web(&["boston"]).service("idle_stop = \"300ms\"")).start();
    init.get("/boston/x").expect(200);
    eventually("it is idle, whoever asks for health", || {
        init.get("/up").expect(200);
        init.status("web@boston")["active"] == "inactive"
    });
}
