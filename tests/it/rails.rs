//! Real Rails on real Puma, with Redis and Sidekiq: the example application of examples/showcase behind tenantd.

use std::path::{Path, PathBuf};
use std::thread;

use serde_json::{Value, json};

use crate::harness::{Init, eventually};
use crate::setup::{Setup, free_address};
use crate::websocket::Cable;

/// What Debian installs; without it these tests fail, they are never skipped.
const NEEDED: &[&str] = &["/usr/bin/puma", "/usr/bin/bundle", "/usr/bin/redis-server", "/usr/bin/sidekiq"];

const SHOWCASE: &str = r#"
[service]
exec_start = ["bundle", "exec", "puma", "-C", "config/puma.rb", "-b", "unix://%t/%n.sock", "config.ru"]
working_directory = "@APP@"
environment = { RAILS_ENV = "production", SHOWCASE_TEST = "1", SECRET_KEY_BASE = "not a secret", DATABASE_URL = "sqlite3:@DIR@/%i.sqlite3", RAILS_RELATIVE_URL_ROOT = "/%i", REDIS_URL = "@REDIS@", EVENT = "%i" }
timeout_start = "60s"
@SERVICE@
[socket]
listen = "unix:%t/%n.sock"
[route]
path = "/%i"
"#;

const REDIS: &str = r#"
[unit]
priority = "high"
[service]
type = "notify"
exec_start = ["redis-server", "--bind", "127.0.0.1", "--port", "@PORT@", "--supervised", "systemd", "--save", "", "--dir", "@DIR@"]
"#;

const SIDEKIQ: &str = r#"
[unit]
priority = "high"
after = ["redis"]
requires = ["redis"]
[service]
type = "notify"
exec_start = ["bundle", "exec", "sidekiq", "-c", "2", "-t", "2"]
working_directory = "@APP@"
environment = { RAILS_ENV = "production", SHOWCASE_TEST = "1", SECRET_KEY_BASE = "not a secret", DATABASE_URL = "sqlite3:@DIR@/sidekiq.sqlite3", REDIS_URL = "@REDIS@" }
"#;

fn application() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/showcase");
    for needed in NEEDED.iter().map(Path::new).chain([path.join("config.ru").as_path()]) {
        assert!(needed.exists(), "{} is missing: run scripts/test, which installs it", needed.display());
    }
    path
}

/// The showcase with these events; `service` is added to its `[service]`.
fn showcase(events: &[&str], service: &str, redis: &str) -> Setup {
    let mut text = SHOWCASE.replace("@SERVICE@", service).replace("@REDIS@", redis);
    text = text.replace("@APP@", application().to_str().expect("a path in UTF-8"));
    for event in events {
        text.push_str(&format!("[[instance]]\nname = \"{event}\"\n"));
    }
    Init::new().unit("showcase@.toml", &text)
}

fn start(events: &[&str], service: &str) -> Init {
    showcase(events, service, "redis://127.0.0.1:1/0").start()
}

fn post_score(init: &Init, event: &str, score: u32) {
    let body = json!({ "score": { "heat": 1, "judge": "A", "couple": 101, "value": score } }).to_string();
    let fields = [("Content-Type", "application/json"), ("Accept", "application/json")];
    let reply = init.request("POST", &format!("/{event}/scores.json"), &fields, body.as_bytes());
    assert!(matches!(reply.status(), 200 | 201), "{:?} {}", reply.head, reply.text());
}

fn scores(init: &Init, event: &str) -> Vec<Value> {
    match init.get(&format!("/{event}/scores.json")).expect(200).json() {
        Value::Array(scores) => scores,
        other => panic!("scores: {other}"),
    }
}

#[test]
fn a_request_before_the_first_start_is_answered_from_its_own_database() {
    let init = start(&["boston"], "");
    let who = init.get("/boston/whoami.json").expect(200).json();
    assert!(who["database"].as_str().is_some_and(|path| path.contains("boston")), "{who}");
    assert_eq!(who["pid"], init.status("showcase@boston")["pid"]);
}

#[test]
fn twelve_events_at_once_all_answer() {
    let events: Vec<String> = (0..12).map(|n| format!("event-{n}")).collect();
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let init = showcase(&events, "", "redis://127.0.0.1:1/0").config("[pool]\nboots = 2").start();
    thread::scope(|scope| {
        let init = &init;
        let all: Vec<_> = events
            .iter()
            .map(|event| (event, scope.spawn(move || init.get(&format!("/{event}/whoami.json")))))
            .collect();
        for (event, reply) in all {
            let who = reply.join().expect("a client").expect(200).json();
            assert!(who["database"].as_str().is_some_and(|path| path.contains(event)), "{event}: {who}");
        }
    });
}

#[test]
fn scores_of_one_event_never_appear_in_another() {
    let init = start(&["boston", "nyc"], "");
    for score in 1..=5 {
        post_score(&init, "boston", score);
    }
    assert_eq!(scores(&init, "boston").len(), 5);
    assert!(scores(&init, "nyc").is_empty());
    post_score(&init, "nyc", 9);
    assert_eq!((scores(&init, "boston").len(), scores(&init, "nyc").len()), (5, 1));
}

#[test]
fn the_cable_connects_subscribes_and_receives_a_broadcast() {
    let init = start(&["boston"], "");
    let fields = [("Sec-WebSocket-Protocol", "actioncable-v1-json"), ("Origin", "http://localhost")];
    let mut cable = Cable::open(&init, "/boston/cable", &fields);
    cable.wait_for("\"welcome\"");
    cable.send(&json!({ "command": "subscribe", "identifier": "{\"channel\":\"DisplayChannel\"}" }).to_string());
    cable.wait_for("confirm_subscription");
    post_score(&init, "boston", 7);
    let broadcast = cable.wait_for("\"message\":");
    assert!(broadcast.contains("DisplayChannel"), "{broadcast}");
}

#[test]
fn an_idle_puma_is_stopped_and_the_next_request_starts_it() {
    let init = start(&["boston"], "idle_stop = \"200ms\"");
    post_score(&init, "boston", 7);
    let first = init.status("showcase@boston")["pid"].as_u64().expect("a pid");
    let outer = init.outer(first as u32).expect("its process");
    init.wait_active("showcase@boston", "inactive");
    assert!(!Path::new(&format!("/proc/{outer}")).exists(), "Puma is still there");
    assert_eq!(scores(&init, "boston").len(), 1);
    assert_eq!(init.status("showcase@boston")["starts"], 2);
}

#[test]
fn a_killed_puma_is_started_by_the_next_request() {
    let init = start(&["boston"], "");
    post_score(&init, "boston", 7);
    assert!(init.kill_unit("showcase@boston"));
    assert_eq!(scores(&init, "boston").len(), 1);
}

#[test]
fn redis_and_sidekiq_are_up_before_the_first_event_and_stop_after_the_last() {
    let port = free_address().port().to_string();
    let redis = format!("redis://127.0.0.1:{port}/0");
    let app = application();
    let sidekiq = SIDEKIQ.replace("@APP@", app.to_str().expect("a path in UTF-8")).replace("@REDIS@", &redis);
    let mut init = showcase(&["boston"], "", &redis)
        .unit("redis.toml", &REDIS.replace("@PORT@", &port))
        .unit("sidekiq.toml", &sidekiq)
        .start();
    // The first request comes at once: it waits for the high units too.
    init.get("/boston/whoami.json").expect(200);
    assert_eq!(
        (&init.status("redis")["active"], &init.status("sidekiq")["active"]),
        (&"active".into(), &"active".into())
    );
    post_score(&init, "boston", 7);
    eventually(
        "the job has run",
        || matches!(init.get("/boston/tallies.json").expect(200).json(), Value::Array(tallies) if !tallies.is_empty()),
    );
    init.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(init.wait().code(), Some(0));
    let line = |words: &[&str]| init.log().lines().iter().position(|line| words.iter().all(|word| line.contains(word)));
    let order = [
        "redis: started",
        "sidekiq: started",
        "showcase@boston: started",
        "showcase@boston: stopped",
        "sidekiq: stopped",
        "redis: stopped",
    ];
    let places: Vec<_> = order.iter().map(|words| line(&["tenantd: ", words])).collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{order:?} at {places:?}\n{}",
        init.log().tail(60)
    );
}
