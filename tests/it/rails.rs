//! Real Rails on real Puma, with Redis and Sidekiq: the example application of examples/showcase behind tenantd.

use std::fs;
use std::path::Path;
use std::thread;

use serde_json::{Value, json};

use crate::client::request_head;
use crate::harness::{Init, eventually};
use crate::setup::free_address;
use crate::showcase::{post_score, scores, showcase};
use crate::web::web;
use crate::websocket::Cable;

/// What the client of Action Cable offers.
const PROTOCOLS: &str = "actioncable-v1-json, actioncable-unsupported";

/// Subscribes to the live display of an event.
#[track_caller]
fn watch_display(init: &Init, event: &str) -> Cable {
    let fields = [("Sec-WebSocket-Protocol", PROTOCOLS), ("Origin", "http://localhost")];
    let (mut cable, head) = Cable::open_with_head(init, &format!("/{event}/cable"), &fields);
    assert_eq!(head.field("sec-websocket-protocol"), Some("actioncable-v1-json"));
    cable.wait_for("\"welcome\"");
    cable.send(&json!({ "command": "subscribe", "identifier": "{\"channel\":\"DisplayChannel\"}" }).to_string());
    cable.wait_for("confirm_subscription");
    cable
}

#[test]
fn a_request_before_the_first_start_is_answered_from_its_own_database() {
    let init = showcase(&["boston", "nyc"]).start();
    let who = init.get("/boston/whoami.json").expect(200).json();
    let database = init.file("boston.sqlite3").canonicalize().expect("its database");
    assert_eq!((&who["database"], &who["event"]), (&database.to_str().into(), &"Event boston".into()), "{who}");
    assert_eq!(who["pid"], init.status("showcase@boston")["pid"]);
    assert!(init.get("/boston").expect(200).text().contains("Event boston"));
    assert!(!init.file("nyc.sqlite3").exists(), "nobody asked for it");
}

#[test]
fn twelve_events_at_once_all_answer() {
    let events: Vec<String> = (0..12).map(|n| format!("event-{n}")).collect();
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let init = showcase(&events).start();
    let pids = thread::scope(|scope| {
        let init = &init;
        let ask = |event: &&str| init.get(&format!("/{event}/whoami.json")).expect(200).json();
        let all: Vec<_> = events.iter().map(|event| (event, scope.spawn(move || ask(event)))).collect();
        let answers = all.into_iter().map(|(event, answer)| (event, answer.join().expect("a client")));
        let pids = answers.map(|(event, who)| {
            assert_eq!(who["event"], format!("Event {event}"), "{who}");
            who["pid"].as_u64()
        });
        pids.collect::<std::collections::HashSet<_>>()
    });
    assert_eq!(pids.len(), 12);
}

#[test]
fn scores_of_one_event_never_appear_in_another() {
    let init = showcase(&["boston", "nyc"]).start();
    for heat in 1..=5 {
        post_score(&init, "boston", heat, heat);
    }
    assert!(scores(&init, "nyc").is_empty());
    post_score(&init, "nyc", 1, 9);
    assert_eq!((scores(&init, "boston"), scores(&init, "nyc")), (vec![1, 2, 3, 4, 5], vec![9]));
}

#[test]
fn the_cable_connects_subscribes_and_receives_a_broadcast() {
    let init = showcase(&["boston", "nyc"]).start();
    // More than Puma has threads and the route has connections: an open cable takes up neither.
    let mut displays: Vec<_> = (0..8).map(|_| (watch_display(&init, "boston"), 7)).collect();
    displays.push((watch_display(&init, "nyc"), 3));
    post_score(&init, "boston", 1, 7);
    post_score(&init, "nyc", 1, 3);
    for (cable, value) in &mut displays {
        let broadcast: Value = serde_json::from_str(&cable.wait_for("\"score\"")).expect("JSON");
        assert_eq!(broadcast["identifier"], "{\"channel\":\"DisplayChannel\"}");
        assert_eq!(broadcast["message"]["score"]["value"], *value, "{broadcast}");
    }
}

#[test]
fn an_open_cable_keeps_the_event_up() {
    let init = showcase(&["boston"])
        .service("idle_stop = \"100ms\"")
        .setup()
        .web(&web(&["clock"]).service("idle_stop = \"100ms\""))
        .start();
    let mut cable = watch_display(&init, "boston");
    // The neighbour's idle stops tell the time.
    for _ in 0..3 {
        init.get("/clock").expect(200);
        init.wait_active("web@clock", "inactive");
    }
    let status = init.status("showcase@boston");
    assert_eq!((&status["active"], &status["requests"]["tunnels"]), (&"active".into(), &1.into()), "{status}");
    cable.wait_for("\"ping\"");
    drop(cable);
    init.wait_active("showcase@boston", "inactive");
}

#[test]
fn an_idle_puma_is_stopped_and_the_next_request_starts_it() {
    let init = showcase(&["boston"]).service("idle_stop = \"200ms\"").start();
    post_score(&init, "boston", 1, 7);
    let line = init.wait_log(&["tenantd: showcase@boston: started in", "pid "]);
    let inner = line.rsplit(' ').next().and_then(|pid| pid.parse().ok()).expect("a pid");
    let outer = init.outer(inner);
    init.wait_active("showcase@boston", "inactive");
    let gone = outer.is_none_or(|pid| !Path::new(&format!("/proc/{pid}")).exists());
    assert!(gone, "Puma is still there");
    init.wait_log(&["tenantd: showcase@boston: stopping: idle"]);
    assert_eq!(scores(&init, "boston"), [7]);
    assert_eq!(init.status("showcase@boston")["starts"], 2);
}

#[test]
fn a_killed_puma_is_started_by_the_next_request() {
    let init = showcase(&["boston"]).start();
    post_score(&init, "boston", 1, 7);
    assert!(init.kill_unit("showcase@boston"));
    assert_eq!(scores(&init, "boston"), [7]);
    init.wait_log(&["tenantd: showcase@boston: failed: signal, status=9/KILL"]);
    assert_eq!(init.status("showcase@boston")["starts"], 2);
}

#[test]
fn puma_is_active_when_it_says_so_and_not_before() {
    // Ruby begins to boot when the gate opens.
    let gate = "sleep 0.01 until File.exist?(ENV['GATE'])";
    let setup = showcase(&["boston"]).variable("RUBYOPT", "-r@DIR@/gate.rb").variable("GATE", "@DIR@/gate").setup();
    fs::write(setup.path().join("gate.rb"), gate).expect("gate.rb");
    let init = setup.start();
    thread::scope(|scope| {
        let reply = scope.spawn(|| init.get("/boston/whoami.json"));
        eventually("Ruby runs", || init.status("showcase@boston")["sub"] == "start");
        assert_eq!(init.status("showcase@boston")["active"], "activating");
        fs::write(init.file("gate"), "").expect("gate");
        assert_eq!(reply.join().expect("a client").expect(200).json()["event"], "Event boston");
    });
    init.wait_active("showcase@boston", "active");
    init.wait_log(&["showcase@boston", "Activated unix://", "showcase@boston.sock"]);
}

#[test]
fn rails_sees_the_client_the_address_and_the_request_id() {
    let init = showcase(&["boston"]).start();
    // What a stranger says of himself is not believed.
    let fields = [
        ("Host", "events.example.com"),
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example.com"),
        ("X-Request-Id", "forged"),
    ];
    let reply = init.request("GET", "/boston/whoami.json?a=1", &fields, b"").expect(200);
    let who = reply.json();
    assert_eq!(who["remote_ip"], "127.0.0.1");
    assert_eq!(who["url"], "http://events.example.com/boston/whoami.json?a=1");
    let id = who["request_id"].as_str().expect("an id");
    assert!(id.len() >= 16 && !id.contains("forged"), "{id}");
    // One id in the answer, in the access line, and in what Rails logs.
    assert_eq!(reply.field("x-request-id"), Some(id));
    init.wait_log(&[
        "showcase@boston access: 127.0.0.1 \"GET /boston/whoami.json?* HTTP/1.1\" 200",
        &format!("id={id}"),
    ]);
    init.wait_log(&["showcase@boston", "stdout", id, "Started GET", "for 127.0.0.1"]);
}

#[test]
fn rails_sees_what_a_trusted_proxy_says() {
    let init = showcase(&["boston"]).setup().http("trusted_proxies = [\"127.0.0.1\"]").start();
    let fields = [
        ("Host", "events.example.com"),
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Request-Id", "of-the-proxy"),
    ];
    let who = init.request("GET", "/boston/whoami.json", &fields, b"").expect(200).json();
    assert_eq!((&who["remote_ip"], &who["request_id"]), (&"203.0.113.9".into(), &"of-the-proxy".into()), "{who}");
    assert_eq!(who["url"], "https://events.example.com/boston/whoami.json");
}

#[test]
fn a_tenant_of_rails_has_no_secret_of_ours() {
    let setup = showcase(&["boston"]).setup().environment("AWS_SECRET_ACCESS_KEY", "ours");
    let who = setup.start().get("/boston/whoami.json").expect(200).json();
    let names = who["env"].as_array().expect("names");
    assert!(names.contains(&"DATABASE_URL".into()) && !names.contains(&"AWS_SECRET_ACCESS_KEY".into()), "{who}");
}

#[test]
fn an_upload_of_32_mib_reaches_a_cold_rails() {
    let init = showcase(&["boston"]).start();
    let body: Vec<u8> = (0..=255).cycle().take(32 * 1024 * 1024).collect();
    let echo = init.post("/boston/echo", &body).expect(200).json();
    // head -c 32M of the bytes 0 to 255, again and again | sha256sum
    let sum = "e09320c5b00b34bb704802136c599a95b3996332ba84d7c7f21112b6231b6bd0";
    assert_eq!(echo, json!({ "length": body.len(), "sha256": sum }));
}

#[test]
fn an_event_stream_is_not_held_back_and_ends_with_its_client() {
    let init = showcase(&["boston"]).start();
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston/events?ms=20", &[], 0)).expect("send");
    assert_eq!(client.head().expect("a head").field("content-type"), Some("text/event-stream"));
    for number in 0..3 {
        let chunk = client.chunk().expect("a chunk").expect("not the end");
        let text = String::from_utf8(chunk).expect("UTF-8");
        assert!(text.starts_with(&format!("data: {{\"number\":{number},")), "{text}");
    }
    assert_eq!(init.status("showcase@boston")["requests"]["in_flight"], 1);
    drop(client);
    init.wait_log(&["showcase@boston", "the client left the stream"]);
    eventually("nothing is in flight", || init.status("showcase@boston")["requests"]["in_flight"] == 0);
}

#[test]
fn redis_and_sidekiq_are_up_before_the_first_event_and_stop_after_the_last() {
    let setup = showcase(&["boston", "nyc"]).jobs().setup();
    let mut init = setup.launch(free_address());
    init.wait_listening();
    // The first request comes at once: it waits for the high units too.
    post_score(&init, "boston", 1, 7);
    let sidekiq = init.status("sidekiq");
    assert_eq!((&init.status("redis")["active"], &sidekiq["active"]), (&"active".into(), &"active".into()));
    let tallies = |event: &str| init.get(&format!("/{event}/tallies.json")).expect(200).json();
    eventually("the job has run", || tallies("boston")[0].is_object());
    let tally = tallies("boston");
    assert_eq!((&tally[0]["ran_in"], &tally[0]["pid"]), (&"sidekiq".into(), &sidekiq["pid"]), "{tally}");
    let display = init.get("/boston/display.json").expect(200).json();
    assert_eq!(
        (&display["totals"][0]["couple"], &display["totals"][0]["total"]),
        (&101.into(), &7.into()),
        "{display}"
    );
    assert_eq!(tallies("nyc"), json!([]));

    init.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(init.wait().code(), Some(0));
    assert_order(
        &init,
        &[
            "redis: started in",
            "sidekiq: starting",
            "sidekiq: started in",
            "showcase@boston: starting",
            "showcase@nyc: starting",
            "showcase@nyc: stopping: shutdown",
            "showcase@nyc: stopped",
            "sidekiq: stopping: shutdown",
            "sidekiq: stopped",
            "redis: stopping: shutdown",
            "redis: stopped",
        ],
    );
    assert_order(
        &init,
        &["showcase@boston: stopping: shutdown", "showcase@boston: stopped", "sidekiq: stopping: shutdown"],
    );
}

/// These are in the log of tenantd itself, in this order.
#[track_caller]
fn assert_order(init: &Init, order: &[&str]) {
    let lines = init.log().lines();
    let place = |words| lines.iter().position(|line| line.contains("tenantd: ") && line.contains(words));
    let places: Vec<_> = order.iter().map(place).collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{order:?} at {places:?}\n{}",
        init.log().tail(60)
    );
}
