//! Templates that do wrong: a stand-in for one (`preload/stand_in.py`) breaks each rule of the protocol, and the request that
//! waits is answered by exec all the same, with the reason in `status`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::client::request_head;
use crate::harness::{Init, eventually};
use crate::procfs;
use crate::setup::Setup;

/// Tenants of gunicorn, which is the test tenant's program. With `python3` of this PATH their template is the stand-in.
const UNIT: &str = r#"
[service]
type = "notify"
exec_start = ["gunicorn", "app:app"]
working_directory = "@DIR@"
preload = "wsgi"
preload_start = "boot"
[service.environment]
PATH = "@DIR@/bin:/usr/bin:/bin"
ORIGIN = "@ORIGIN@"
NOTIFY = "1"
TENANT = "%n by exec"
@SHARED@
[socket]
listen = "unix:%t/%n.sock"
[route]
path = "/%i"
"#;

const STAND_IN: &str = include_str!("preload/stand_in.py");
const PYTHON: &str = "#!/bin/sh\nexec /usr/bin/python3 @DIR@/stand_in.py\n";
const GUNICORN: &str = "#!/bin/sh\nexec \"$ORIGIN\"\n";

/// Tenants and what their template does wrong for each; for all of them, by `shared`.
fn setup(tenants: &[(&str, &str)], shared: &str) -> Setup {
    let instance = |(name, how): &(&str, &str)| {
        format!("[[instance]]\nname = \"{name}\"\nenvironment = {{ BEHAVE = \"{how}\" }}\n")
    };
    let instances: String = tenants.iter().map(instance).collect();
    let setup = Init::new().unit("web@.toml", &(UNIT.replace("@SHARED@", shared) + &instances));
    let directory = setup.path().display().to_string();
    fs::create_dir(setup.path().join("bin")).expect("bin");
    fs::write(setup.path().join("stand_in.py"), STAND_IN).expect("the stand-in");
    for (name, text) in [("bin/python3", PYTHON), ("bin/gunicorn", GUNICORN)] {
        let path = setup.path().join(name);
        fs::write(&path, text.replace("@DIR@", &directory)).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
    }
    setup
}

/// The template is there.
#[track_caller]
fn start(tenants: &[(&str, &str)]) -> Init {
    let init = setup(tenants, "").start();
    init.wait_active("web@.preload", "active");
    init
}

/// Who answers for the tenant.
#[track_caller]
fn answer(init: &Init, tenant: &str) -> String {
    init.get(&format!("/{tenant}")).expect(200).json()["tenant"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn assert_forked(init: &Init, tenant: &str) {
    assert_eq!(answer(init, tenant), format!("web@{tenant} by template"), "{}", init.status(&format!("web@{tenant}")));
    let told = init.status(&format!("web@{tenant}"))["preload"].clone();
    let expected = json!({ "by": "template", "template": "web@.preload", "databases": [format!("web@{tenant}")] });
    assert_eq!(without_null(told), expected);
}

fn without_null(mut told: Value) -> Value {
    if let Value::Object(members) = &mut told {
        members.retain(|_, value| !value.is_null());
    }
    told
}

/// It was started by exec, for one of these reasons; its start is no failure.
#[track_caller]
fn assert_exec(init: &Init, tenant: &str, reasons: &[&str]) {
    assert_eq!(answer(init, tenant), format!("web@{tenant} by exec"));
    let status = init.status(&format!("web@{tenant}"));
    let why = status["preload"]["why"].as_str().unwrap_or_default();
    assert!(status["preload"]["by"] == "exec" && reasons.iter().any(|reason| why.contains(reason)), "{status}");
    assert_eq!((&status["active"], &status["result"]), (&json!("active"), &json!("success")), "{status}");
    assert_eq!((&status["starts"], &status["failures"]), (&json!(1), &json!(0)), "{status}");
    init.wait_log(&[&format!("tenantd: web@{tenant}: not by its template: "), why]);
}

fn template(init: &Init) -> Value {
    init.status("web@.preload")["pid"].clone()
}

/// One fork that goes wrong: the template stays, and forks the next one.
#[track_caller]
fn faulty(how: &str, reasons: &[&str]) {
    let init = start(&[("boston", how), ("nyc", "")]);
    let before = template(&init);
    assert_exec(&init, "boston", reasons);
    assert_forked(&init, "nyc");
    assert_eq!(template(&init), before);
    assert_tidy(&init, 3);
}

/// Nobody is there but these many children of tenantd, and nobody is dead.
#[track_caller]
fn assert_tidy(init: &Init, count: usize) {
    let pid = init.pid();
    let all = || procfs::descendants(pid);
    eventually("only what is to run is there", || procfs::living(pid).len() == count && all().len() == count);
}

#[test]
fn a_template_forks_the_tenant_and_from_then_on_it_is_a_service() {
    let init = start(&[("boston", "")]);
    assert_forked(&init, "boston");
    let status = init.status("web@boston");
    let outer = status["pid"].as_u64().and_then(|pid| init.outer(pid as u32)).expect("its process");
    assert_eq!(procfs::parent(outer), Some(init.pid()));
    init.verb(&["stop", "web@boston"]).expect(0);
    assert!(procfs::state(outer).is_none(), "it is still there");
    let status = init.status("web@boston");
    assert_eq!((&status["active"], &status["result"]), (&json!("inactive"), &json!("success")), "{status}");
    assert_tidy(&init, 1);
}

#[test]
fn no_hello_in_2s() {
    faulty("silent", &["its template did not fork in 2s"]);
}

#[test]
fn a_template_that_sleeps_forks_again_when_it_wakes() {
    let init = start(&[("boston", "asleep"), ("nyc", "")]);
    assert_exec(&init, "boston", &["its template did not fork in 2s"]);
    fs::write(init.file("awake"), "").expect("a file");
    // What it forks now for the first one, nobody waits for.
    assert_forked(&init, "nyc");
    assert_eq!(answer(&init, "boston"), "web@boston by exec");
    assert_tidy(&init, 3);
}

/// A burst is no fault of the template: it forks as many as were asked of it, one after the other, and the rest go by exec.
#[test]
fn more_than_it_can_be_told_at_once_are_no_fault_of_the_template() {
    let names: Vec<String> = (0..200).map(|n| format!("t{n}")).collect();
    let tenants: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let init = start(&tenants);
    let before = template(&init);
    let ask = |name: &String| {
        let mut client = init.connect();
        client.send(&request_head("GET", &format!("/{name}"), &[], 0)).expect("a request");
        client
    };
    let clients: Vec<_> = names.iter().map(ask).collect();
    let mut forked = 0;
    for (mut client, name) in clients.into_iter().zip(&names) {
        let who = client.reply("GET").expect("an answer").expect(200).json()["tenant"].clone();
        forked += usize::from(who == format!("web@{name} by template"));
        assert!(who.as_str().is_some_and(|who| who.starts_with(&format!("web@{name} by "))), "{who}");
    }
    assert!(forked > 20, "{forked}");
    let why = init.log().with(&["not by its template"]);
    assert_eq!(template(&init), before, "{forked} were forked\n{}", why.join("\n"));
}

#[test]
fn an_end_after_hello() {
    faulty("hangs_up", &["what was forked ended without a word"]);
}

#[test]
fn an_end_without_an_answer() {
    faulty("closed", &["what was forked ended without a word"]);
}

#[test]
fn what_is_no_json() {
    faulty("no_json", &["no JSON object"]);
}

#[test]
fn another_version() {
    faulty("version", &["version 2; this tenantd speaks 1"]);
}

#[test]
fn a_message_that_is_too_long() {
    faulty("long", &["a message that is too long"]);
}

#[test]
fn bound_before_hello() {
    faulty("bound_first", &["a message out of its order"]);
}

#[test]
fn hello_twice() {
    faulty("hello_twice", &["a message out of its order"]);
}

/// Nobody has seen to it that its databases are its own.
#[test]
fn ready_before_bound_is_not_heard() {
    let init = start(&[("boston", "ready_first"), ("nyc", "")]);
    thread::scope(|scope| {
        let boston = scope.spawn(|| answer(&init, "boston"));
        eventually("it is forked", || init.status("web@boston")["pid"].is_u64());
        assert_forked(&init, "nyc");
        assert_eq!(init.status("web@boston")["active"], "activating");
        fs::write(init.file("gate"), "").expect("the gate");
        assert_eq!(boston.join().expect("a client"), "web@boston by exec");
    });
    assert_exec(&init, "boston", &["ready_first: the stand-in says so"]);
}

#[test]
fn a_death_between_hello_and_bound() {
    faulty(
        "ends_early",
        &["what was forked ended without a word", "what was forked ended before it had its databases"],
    );
}

#[test]
fn a_death_between_bound_and_ready() {
    faulty("ends_bound", &["what was forked ended, or was not ready in 15s"]);
}

/// The slow one: it takes these 15 seconds.
#[test]
fn no_ready_in_15s() {
    faulty("never_ready", &["what was forked ended, or was not ready in 15s"]);
}

#[test]
fn a_hello_of_the_template_itself() {
    faulty("hello_itself", &["no new process says hello"]);
}

/// Its end would be told to the template, and never to us.
#[test]
fn a_hello_of_a_child_of_the_template() {
    let init = start(&[("boston", "child"), ("nyc", "")]);
    assert_exec(&init, "boston", &["no new process says hello"]);
    assert_forked(&init, "nyc");
}

#[test]
fn an_error_of_the_tenants_own_is_told_and_never_the_templates_fault() {
    let names = ["a", "b", "c", "d", "e"];
    let mut tenants = names.map(|name| (name, "schema")).to_vec();
    tenants.push(("nyc", ""));
    let init = start(&tenants);
    let before = template(&init);
    for name in names {
        assert_exec(&init, name, &["schema: the stand-in says so"]);
    }
    assert_forked(&init, "nyc");
    assert_eq!(template(&init), before);
    assert_eq!(init.status("web@.preload")["starts"], 1);
}

#[test]
fn the_third_fault_in_a_row_drops_the_template() {
    let bad = ["a", "b", "c", "d", "e"];
    let mut tenants: Vec<_> = bad.into_iter().zip(["closed", "no_json", "strange", "hangs_up", "ends_bound"]).collect();
    tenants.extend([("fine", ""), ("nyc", "")]);
    let init = start(&tenants);
    let before = template(&init);
    for name in &bad[..2] {
        assert_eq!(answer(&init, name), format!("web@{name} by exec"));
    }
    // Not in a row: one that succeeds comes between.
    assert_forked(&init, "fine");
    for name in &bad[2..4] {
        assert_eq!(answer(&init, name), format!("web@{name} by exec"));
    }
    assert_eq!(template(&init), before);
    assert_eq!(answer(&init, "e"), "web@e by exec");
    eventually("another template boots", || {
        let status = init.status("web@.preload");
        status["active"] == "active" && status["pid"] != before
    });
    assert_forked(&init, "nyc");
    assert_tidy(&init, 8);
}

#[test]
fn a_template_that_is_killed_before_its_fork_says_hello_costs_no_request() {
    let init = start(&[("boston", "killed"), ("nyc", "")]);
    let before = template(&init);
    assert_eq!(answer(&init, "boston"), "web@boston by exec");
    eventually("another template boots", || {
        let status = init.status("web@.preload");
        status["active"] == "active" && status["pid"] != before
    });
    assert_forked(&init, "nyc");
}

#[test]
fn a_tenant_that_has_said_hello_outlives_its_template() {
    let init = start(&[("boston", "gate"), ("nyc", ""), ("chicago", "")]);
    assert_forked(&init, "nyc");
    let (before, nyc) = (template(&init), init.status("web@nyc")["pid"].clone());
    thread::scope(|scope| {
        let boston = scope.spawn(|| answer(&init, "boston"));
        eventually("it has said hello", || init.file("at_gate").exists());
        assert!(init.kill_unit("web@.preload"));
        eventually("the template is gone", || template(&init) != before);
        fs::write(init.file("gate"), "").expect("the gate");
        assert_eq!(boston.join().expect("a client"), "web@boston by template");
    });
    assert_eq!(answer(&init, "nyc"), "web@nyc by template");
    assert_eq!(init.status("web@nyc")["pid"], nyc);
    init.wait_active("web@.preload", "active");
    assert_forked(&init, "chicago");
    assert_tidy(&init, 4);
}

#[test]
fn a_tenant_that_is_being_forked_can_be_stopped() {
    let init = start(&[("boston", "gate"), ("nyc", "")]);
    let before = template(&init);
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston", &[], 0)).expect("a request");
    eventually("it has said hello", || init.file("at_gate").exists());
    init.verb(&["kill", "web@boston"]);
    fs::write(init.file("gate"), "").expect("the gate");
    assert_eq!(client.reply("GET").expect("an answer").status(), 200);
    init.verb(&["stop", "web@boston"]).expect(0);
    assert_forked(&init, "nyc");
    assert_eq!(template(&init), before);
    assert_tidy(&init, 2);
}

#[test]
fn a_template_with_a_database_open_is_refused_until_it_has_none() {
    let init = setup(&[("boston", ""), ("nyc", "")], "TEMPLATE = \"database\"").start();
    init.wait_log(&["tenantd: web@.preload: refused: 1 databases are open"]);
    assert_exec(&init, "boston", &["web@.preload is not ready yet", "web@.preload has failed"]);
    eventually("it is tried again", || init.status("web@.preload")["starts"].as_u64() >= Some(3));
    fs::write(init.file("well"), "").expect("a file");
    init.wait_active("web@.preload", "active");
    assert_forked(&init, "nyc");
}

#[test]
fn a_template_that_does_not_boot_is_tried_again_and_tenants_run_without() {
    let init = setup(&[("boston", ""), ("nyc", "")], "TEMPLATE = \"ends\"").start();
    init.wait_log(&["web@.preload", "the stand-in does not boot"]);
    assert_exec(&init, "boston", &["web@.preload is not ready yet", "web@.preload has failed"]);
    eventually("it is tried again", || init.status("web@.preload")["starts"].as_u64() >= Some(3));
    fs::write(init.file("well"), "").expect("a file");
    init.wait_active("web@.preload", "active");
    assert_forked(&init, "nyc");
}

#[test]
fn tenantd_stops_in_the_middle_of_everything() {
    // While a template boots; while it forks; while what it forked comes up.
    for (shared, how) in [("TEMPLATE = \"holds\"", ""), ("", "silent"), ("", "gate")] {
        let mut init = setup(&[("boston", how)], shared).start();
        let mut client = init.connect();
        if shared.is_empty() {
            init.wait_active("web@.preload", "active");
            client.send(&request_head("GET", "/boston", &[], 0)).expect("a request");
            eventually("it begins", || init.status("web@boston")["active"] == "activating");
        }
        init.signal(Signal::SIGTERM);
        assert_eq!(init.wait().code(), Some(0), "{how}");
    }
}

#[test]
fn a_template_in_the_hands_of_an_operator_is_a_unit_as_any_other() {
    let init = start(&[("boston", ""), ("nyc", "")]);
    assert_forked(&init, "boston");
    init.verb(&["stop", "web@.preload"]).expect(0);
    assert_exec(&init, "nyc", &["web@.preload is not ready yet"]);
    init.verb(&["start", "web@.preload"]).expect(0);
    init.verb(&["stop", "web@nyc"]).expect(0);
    assert_forked(&init, "nyc");
}
