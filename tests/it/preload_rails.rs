//! Preloaded templates of real Rails in the real tenantd: who is forked, from which database he answers, and that he is a
//! service as any other from then on.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::client::Reply;
use crate::harness::{Init, eventually, ran};
use crate::preload_script::session;
use crate::preload_template::blank;
use crate::procfs;
use crate::setup::Setup;
use crate::showcase::{Showcase, post_score, scores, showcase};

pub const TEMPLATE: &str = "showcase@.preload";

const TITLES: &str = "
import sqlite3, sys
for name in sys.argv[2:]:
    with sqlite3.connect(f'{sys.argv[1]}/{name}.sqlite3') as database:
        database.execute('UPDATE events SET title = ?', (f'Event {name}',))";

/// Events that ask for a template, which boots when the first of them is wanted. Each has a secret of its own.
pub fn preloaded(events: &[&str], service: &str) -> Showcase {
    let declared = "preload = \"rails\"\npreload_env = [\"EVENT_TITLE\", \"RAILS_RELATIVE_URL_ROOT\"]";
    showcase(events).secret("the secret of %i").service(declared).service(service)
}

/// Makes their databases, as an ordinary start would.
#[track_caller]
pub fn prepare(setup: Setup, events: &[&str]) -> Setup {
    for event in events {
        fs::copy(blank(), setup.path().join(format!("{event}.sqlite3"))).expect("a database");
    }
    let titled = ran(Command::new("/usr/bin/python3").args(["-c", TITLES]).arg(setup.path()).args(events));
    assert_eq!(titled.code, 0, "{titled:?}");
    setup
}

/// Events with databases and a template that has booted.
#[track_caller]
pub fn booted(events: &[&str], service: &str) -> Init {
    let setup = preloaded(events, &format!("preload_start = \"boot\"\n{service}")).setup();
    let init = prepare(setup, events).start();
    init.wait_active(TEMPLATE, "active");
    init
}

/// What the event says of itself, checked: its own title, database and process.
#[track_caller]
pub fn who(init: &Init, event: &str) -> Value {
    let who = init.get(&format!("/{event}/whoami.json")).expect(200).json();
    let database = init.path().canonicalize().expect("a directory").join(format!("{event}.sqlite3"));
    assert_eq!((&who["event"], &who["database"]), (&json!(format!("Event {event}")), &json!(database)), "{who}");
    assert_eq!(who["pid"], init.status(&format!("showcase@{event}"))["pid"], "{who}");
    who
}

/// It answers, and its template has forked it.
#[track_caller]
pub fn assert_forked(init: &Init, event: &str) -> Value {
    let who = who(init, event);
    let told = init.status(&format!("showcase@{event}"))["preload"].clone();
    assert_eq!((&told["by"], &told["template"]), (&json!("template"), &json!(TEMPLATE)), "{told}");
    assert_eq!((&told["databases"], &told["why"]), (&json!([who["database"]]), &Value::Null), "{told}");
    who
}

/// It answers, and was started by exec for this reason.
#[track_caller]
pub fn assert_exec(init: &Init, event: &str, why: &str) -> Value {
    let who = who(init, event);
    let told = init.status(&format!("showcase@{event}"))["preload"].clone();
    assert!(told["by"] == "exec" && told["why"].as_str().is_some_and(|text| text.contains(why)), "{told}: {why}");
    who
}

/// Our pid of a unit's main process.
#[track_caller]
pub fn process(init: &Init, unit: &str) -> u32 {
    let inner = init.status(unit)["pid"].as_u64().expect("a pid");
    init.outer(inner as u32).expect("a process")
}

/// Waits until another process than `before` forks.
#[track_caller]
pub fn wait_another_template(init: &Init, before: u32) {
    eventually("another template forks", || {
        let status = init.status(TEMPLATE);
        let pid = status["pid"].as_u64().and_then(|pid| init.outer(pid as u32));
        status["active"] == "active" && pid.is_some_and(|pid| pid != before) && procfs::state(before).is_none()
    });
}

#[test]
fn the_first_start_is_by_exec_and_makes_the_database_and_the_next_is_by_template() {
    let init = preloaded(&["boston", "nyc"], "").start();
    assert_exec(&init, "boston", "showcase@.preload is not ready yet");
    init.wait_active(TEMPLATE, "active");
    assert!(!init.file("nyc.sqlite3").exists());
    assert_exec(&init, "nyc", "nyc.sqlite3 does not exist");
    for event in ["boston", "nyc"] {
        init.verb(&["stop", &format!("showcase@{event}")]).expect(0);
        let who = assert_forked(&init, event);
        init.get(&format!("/{event}")).expect(200);
        // What it logs is its own.
        init.wait_log(&[&format!("showcase@{event}[{}] stdout", who["pid"]), "Started GET"]);
        init.wait_log(&[&format!("tenantd: showcase@{event}: started in "), &format!("pid {}", who["pid"])]);
    }
    let text = init.verb(&["status", "showcase@nyc"]).expect(0).stdout;
    assert!(text.contains(TEMPLATE) && text.contains("nyc.sqlite3"), "{text}");
}

#[test]
fn forked_tenants_never_see_each_others_rows() {
    let events = ["boston", "nyc", "chicago"];
    let init = booted(&events, "");
    thread::scope(|scope| {
        for (number, event) in (1..).zip(&events) {
            let init = &init;
            scope.spawn(move || (1..=5).for_each(|heat| post_score(init, event, heat, number)));
        }
    });
    for (number, event) in (1..).zip(&events) {
        assert_forked(&init, event);
        assert_eq!(scores(&init, event), [number; 5]);
    }
    // And they are where they belong, whoever asks.
    init.verb(&["stop", TEMPLATE]).expect(0);
    init.verb(&["restart", "showcase@nyc"]).expect(0);
    assert_exec(&init, "nyc", "");
    assert_eq!(scores(&init, "nyc"), [2; 5]);
}

/// The session that this answer leaves.
#[track_caller]
fn session_id(event: &str, reply: &Reply) -> String {
    let cookie = reply.field("set-cookie").expect("a session");
    let opened = session(event, cookie);
    let (_, after) = opened.split_once("session_id").unwrap_or_else(|| panic!("no session: {opened:?} in {cookie}"));
    // Rails marshals it: 32 hexadecimal digits after a type and a length.
    let digits: String = after.chars().skip_while(|c| *c != '%').skip(1).take(32).collect();
    assert!(digits.len() == 32 && digits.chars().all(|c| c.is_ascii_hexdigit()), "{opened:?}");
    digits
}

#[test]
fn a_session_of_one_tenant_is_refused_by_another_and_taken_however_its_own_is_started() {
    let init = booted(&["boston", "nyc"], "");
    let first = init.get("/boston").expect(200);
    let boston = session_id("boston", &first);
    let cookie = first.field("set-cookie").and_then(|text| text.split(';').next()).expect("a cookie").to_owned();
    let ask = |event: &str, cookie: &str| {
        session_id(event, &init.request("GET", &format!("/{event}"), &[("Cookie", cookie)], b"").expect(200))
    };
    assert_eq!(ask("boston", &cookie), boston);
    assert_ne!(ask("nyc", &cookie.replace("_showcase_boston", "_showcase_nyc")), boston);
    assert_forked(&init, "boston");
    assert_forked(&init, "nyc");
    init.verb(&["stop", TEMPLATE]).expect(0);
    init.verb(&["restart", "showcase@boston"]).expect(0);
    assert_eq!(ask("boston", &cookie), boston);
    assert_exec(&init, "boston", "");
}

/// What an operator sees of a tenant that is stopped, signalled and killed, and what tenantd says of it.
#[track_caller]
fn life(init: &Init) -> Vec<String> {
    let unit = "showcase@boston";
    let mut seen = Vec::new();
    let mut note = |what: &str| {
        let status = init.status(unit);
        let kept = ["active", "sub", "result", "starts", "failures"].map(|key| format!("{key}={}", status[key]));
        seen.push(format!("{what}: {} {}", kept.join(" "), status["pid"].is_null()));
    };
    let gone = |pid: u32| {
        eventually("its process is gone", || procfs::state(pid).is_none() && init.status(unit)["pid"].is_null());
    };
    note("new");
    who(init, "boston");
    note("asked");
    init.verb(&["stop", unit]).expect(0);
    note("stopped");
    init.verb(&["start", unit]).expect(0);
    note("started");
    let pid = process(init, unit);
    init.verb(&["kill", unit]).expect(0);
    gone(pid);
    note("SIGTERM");
    who(init, "boston");
    let pid = process(init, unit);
    init.kill_unit(unit);
    gone(pid);
    note("SIGKILL");
    who(init, "boston");
    init.verb(&["restart", unit]).expect(0);
    note("restarted");
    who(init, "boston");
    init.verb(&["kill", "-s", "INT", unit]).expect(0);
    eventually("it is gone", || init.status(unit)["pid"].is_null());
    note("SIGINT");
    eventually("nobody is dead", || procfs::zombies(init.pid()) == 0);
    let said = init.log().with(&["tenantd: showcase@boston: "]);
    seen.extend(said.iter().map(|line| what_is_said(line)));
    seen
}

/// A line of tenantd without its times and pids, and without the way of a start.
fn what_is_said(line: &str) -> String {
    let (_, text) = line.split_once("tenantd: ").expect("a line of tenantd");
    let words = text.split(' ').filter(|word| !word.starts_with(|first: char| first.is_ascii_digit()));
    words.collect::<Vec<_>>().join(" ").replace(" by its template,", "")
}

#[test]
fn stop_kill_and_crash_are_those_of_an_exec_ed_tenant() {
    let forked = booted(&["boston"], "");
    let lived = life(&forked);
    assert_eq!(forked.status("showcase@boston")["preload"]["by"], "template");
    drop(forked);
    let setup = showcase(&["boston"]).secret("the secret of %i").setup();
    let init = prepare(setup, &["boston"]).start();
    assert_eq!(lived, life(&init));
}

#[test]
fn a_forked_tenant_is_stopped_when_idle_and_forked_again() {
    let init = booted(&["boston"], "idle_stop = \"200ms\"");
    for round in 1..=3 {
        post_score(&init, "boston", round, 7);
        let status = init.status("showcase@boston");
        assert_eq!((&status["preload"]["by"], &status["starts"]), (&json!("template"), &json!(round)), "{status}");
        init.wait_active("showcase@boston", "inactive");
    }
    assert_eq!(scores(&init, "boston"), [7, 7, 7]);
    let said = init.log().with(&["tenantd: showcase@boston: stopping: idle"]);
    assert!(said.len() >= 3, "{said:?}");
    eventually("the template only is left", || procfs::descendants(init.pid()).len() == 1);
}

#[test]
fn sigterm_ends_template_and_tenants_inside_the_budget() {
    let mut init = booted(&["boston", "nyc", "chicago"], "");
    for event in ["boston", "nyc", "chicago"] {
        assert_forked(&init, event);
    }
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait().code(), Some(0));
    for unit in ["showcase@boston", "showcase@nyc", "showcase@chicago", TEMPLATE] {
        assert_eq!(
            init.log().with(&[&format!("tenantd: {unit}: stopped")]).len(),
            1,
            "{unit}\n{}",
            init.log().tail(40)
        );
    }
    assert!(init.log().with(&["SIGKILL"]).is_empty(), "{}", init.log().tail(40));
}

#[test]
fn a_template_that_is_killed_takes_nobody_with_it_and_comes_back() {
    let init = booted(&["boston", "nyc", "chicago"], "");
    let pids = ["boston", "nyc"].map(|event| assert_forked(&init, event)["pid"].clone());
    let before = process(&init, TEMPLATE);
    assert!(init.kill_unit(TEMPLATE));
    assert_exec(&init, "chicago", "");
    assert_eq!(["boston", "nyc"].map(|event| assert_forked(&init, event)["pid"].clone()), pids);
    wait_another_template(&init, before);
    init.verb(&["stop", "showcase@chicago"]).expect(0);
    assert_forked(&init, "chicago");
    assert_eq!(["boston", "nyc"].map(|event| assert_forked(&init, event)["pid"].clone()), pids);
    eventually("nobody is dead", || procfs::zombies(init.pid()) == 0);
    assert_eq!(procfs::children(init.pid()).len(), 4);
}

#[test]
fn a_template_without_tenants_is_stopped_after_their_time_and_booted_again() {
    let init = preloaded(&["boston"], "idle_stop = \"300ms\"").start();
    assert_exec(&init, "boston", "showcase@.preload is not ready yet");
    let told = init.wait_log(&["tenantd: showcase@.preload: booted rails "]);
    assert!(told.contains(", / 200"), "{told}");
    init.wait_active("showcase@boston", "inactive");
    init.wait_active(TEMPLATE, "inactive");
    init.wait_log(&["tenantd: showcase@.preload: stopping: idle"]);
    eventually("nobody is left", || procfs::descendants(init.pid()).is_empty());
    assert_exec(&init, "boston", "showcase@.preload is not ready yet");
    eventually("it boots again", || init.status(TEMPLATE)["starts"] == 2);
    assert!(!Path::new(&init.file("run/preload/rails.new")).exists());
}
