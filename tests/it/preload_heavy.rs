//! A large Rails application with two databases a tenant, forked from a template: whoever answers, answers as himself only.

use std::collections::HashSet;
use std::fmt::Write;
use std::thread;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::Init;
use crate::heavy::heavy;
use crate::websocket::Cable;

/// Its status says that it was forked.
#[track_caller]
fn assert_forked(init: &Init, name: &str) {
    let status = init.status(&format!("heavy@{name}"));
    assert_eq!(status["preload"]["by"], "template", "{status}\n{}", init.log().tail(20));
}

#[track_caller]
fn whoami(init: &Init, name: &str) -> Value {
    init.get(&format!("/{name}/whoami.json")).expect(200).json()
}

/// Every part of the answer is the tenant's own: each pool's database as SQLite has opened it, rows, secret, files, addresses.
#[track_caller]
fn assert_itself(init: &Init, name: &str, who: &Value) {
    let directory = init.path().canonicalize().expect("the directory");
    let file = |end: &str| format!("{}/{name}{end}", directory.display());
    let secret = Sha256::digest(format!("the secret of {name}")).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let expected = json!({
        "databases": {
            "ActiveRecord::Base writing": file(".sqlite3"),
            "ArchiveRecord writing": file("-archive.sqlite3"),
            "ArchiveRecord reading": file("-archive.sqlite3"),
        },
        "event": name, "archive_event": name, "title": format!("Event {name}"), "secret": secret[..16],
        "storage": file(".storage"), "log": file(".log"), "cable": [format!("/{name}/cable"), format!("heavy-{name}")],
        "root": format!("/{name}/"), "cached": null,
        "pid": init.status(&format!("heavy@{name}"))["pid"], "ppid": 1,
    });
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(&who[key], value, "{key} of {name}: {who}");
    }
}

/// What may not be the same in two tenants.
fn own(who: &Value) -> Vec<String> {
    let random = who["random"].as_array().expect("numbers").iter();
    ["pid", "key", "verifier"].iter().map(|key| &who[key]).chain(random).map(Value::to_string).collect()
}

/// `ask` of all tenants at once.
fn at_once<T: Send>(names: &[&str], ask: impl Fn(&str) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let all: Vec<_> = names
            .iter()
            .map(|&name| {
                scope.spawn({
                    let ask = &ask;
                    move || ask(name)
                })
            })
            .collect();
        all.into_iter().map(|client| client.join().expect("a client")).collect()
    })
}

#[test]
fn fifty_large_tenants_at_once_answer_from_their_own_databases_only() {
    let names: Vec<String> = (0..50).map(|n| format!("event-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let init = heavy(&names).preload("").start();
    for round in ["first", "second"] {
        let answers = at_once(&names, |name| whoami(&init, name));
        let mut seen = HashSet::new();
        for (name, who) in names.iter().zip(&answers) {
            assert_itself(&init, name, who);
            assert_forked(&init, name);
            for value in own(who) {
                assert!(seen.insert(value.clone()), "{value} of {name} is another's too");
            }
        }
        let word = |name: &str| format!("{name}-{round}");
        at_once(&names, |name| init.post(&format!("/{name}/visit?word={}", word(name)), b"").expect(202));
        for name in &names {
            let words = wait_visited(&init, name, &word(name));
            assert!(words.iter().all(|word| word.starts_with(&format!("{name}-"))), "{name} has {words:?}");
            init.verb(&["stop", &format!("heavy@{name}")]).expect(0);
        }
    }
}

/// Waits for the job that leaves this word in both databases; all words in the first one.
#[track_caller]
fn wait_visited(init: &Init, name: &str, word: &str) -> Vec<String> {
    let visits = || init.get(&format!("/{name}/visits.json")).expect(200).json();
    crate::harness::eventually("the job is done", || visits()["archive_note"] == word);
    let visits = visits();
    let words = visits["visits"].as_array().expect("visits").iter();
    words.map(|visit| visit["word"].as_str().expect("a word").to_owned()).collect()
}

#[test]
fn a_forked_tenant_tells_the_same_as_one_that_was_executed() {
    let told = |init: &Init| {
        let mut who = whoami(init, "boston");
        for key in ["pid", "random", "verifier"] {
            who[key].take();
        }
        let page = init.get("/boston/bronze_orders").expect(200).text();
        // The token of a form is another one each time.
        let page: Vec<&str> = page.lines().filter(|line| !line.contains("csrf-token")).collect();
        let directory = init.path().display().to_string();
        (who.to_string().replace(&directory, "@DIR@"), page.join("\n"))
    };
    let executed = heavy(&["boston"]).start();
    let forked = heavy(&["boston"]).preload("").start();
    assert_eq!(told(&forked), told(&executed));
    assert_forked(&forked, "boston");
}

#[test]
fn the_cable_and_the_jobs_of_a_forked_large_tenant_work() {
    let init = heavy(&["boston", "nyc"]).preload("").start();
    let listen = |name: &str| {
        let fields = [("Sec-WebSocket-Protocol", "actioncable-v1-json"), ("Origin", "http://localhost")];
        let (mut cable, _) = Cable::open_with_head(&init, &format!("/{name}/cable"), &fields);
        cable.wait_for("\"welcome\"");
        cable.send(&json!({ "command": "subscribe", "identifier": "{\"channel\":\"EchoChannel\"}" }).to_string());
        cable.wait_for("confirm_subscription");
        cable
    };
    let mut cables: Vec<(&str, Cable)> = ["boston", "nyc"].into_iter().map(|name| (name, listen(name))).collect();
    for (name, cable) in &mut cables {
        let data = json!({ "action": "say", "word": format!("to {name}") }).to_string();
        cable.send(
            &json!({ "command": "message", "identifier": "{\"channel\":\"EchoChannel\"}", "data": data }).to_string(),
        );
    }
    for (name, cable) in &mut cables {
        let echo: Value = serde_json::from_str(&cable.wait_for("\"word\"")).expect("JSON");
        let pid = &init.status(&format!("heavy@{name}"))["pid"];
        assert_eq!(echo["message"], json!({ "word": format!("to {name}"), "event": name, "pid": pid }));
        init.post(&format!("/{name}/visit?word={name}"), b"").expect(202);
        assert_eq!(wait_visited(&init, name, name), [*name]);
        assert_forked(&init, name);
    }
}
