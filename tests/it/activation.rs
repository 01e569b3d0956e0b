//! A tenant starts at its first request: who waits, who does not, and what happens when it cannot start.

use std::fs;
use std::thread;

use crate::client::request_head;
use crate::harness::{Init, eventually};
use crate::web::web;

#[test]
fn the_first_request_to_a_stopped_tenant_is_answered() {
    let init = Init::new().web(&web(&["boston"]).set("BOOT_MS", "200")).start();
    assert_eq!(init.status("web@boston")["active"], "inactive");
    assert_eq!(init.get("/boston").expect(200).json()["tenant"], "boston");
    let status = init.status("web@boston");
    assert_eq!((&status["active"], &status["starts"]), (&"active".into(), &1.into()), "{status}");
}

#[test]
fn the_first_body_of_a_stopped_tenant_arrives_whole() {
    let init = Init::new().web(&web(&["boston"]).set("BOOT_MS", "200")).start();
    let echo = init.post("/boston", &vec![b'x'; 300_000]).expect(200).json();
    assert_eq!((&echo["method"], &echo["length"]), (&"POST".into(), &300_000.into()));
}

#[test]
fn t84_a_herd_of_300_on_one_cold_tenant_is_answered_5_at_a_time() {
    let init = Init::new().web(&web(&["boston"]).set("GATE", "@DIR@/gate").set("THREADS", "64")).start();
    thread::scope(|scope| {
        let init = &init;
        let herd: Vec<_> = (0..300)
            .map(|n| {
                let client = move || init.connect().get(&format!("/boston/slow?ms=2&token={n}"));
                thread::Builder::new().stack_size(256 * 1024).spawn_scoped(scope, client).expect("a thread")
            })
            .collect();
        eventually("the herd waits", || init.status("web@boston")["requests"]["waiting"].as_u64() >= Some(290));
        fs::write(init.file("gate"), "").expect("gate");
        for client in herd {
            client.join().expect("a client").expect("an answer").expect(200);
        }
    });
    let peak: u64 = init.get("/boston/peak").text().parse().expect("a number");
    assert!((1..=5).contains(&peak), "{peak} requests upstream at once");
    assert_eq!(fs::read_to_string(init.file("count")).expect("count").lines().count(), 300);
}

#[test]
fn one_slow_boot_delays_neither_a_neighbour_nor_status_nor_sigterm() {
    let init = Init::new()
        .config("[pool]\nboots = 2")
        .web(&web(&["slow", "quick"]).set("GATE", "@DIR@/gate-%i"))
        .touch("gate-quick")
        .start();
    let mut waiting = init.connect();
    waiting.send(&request_head("GET", "/slow", &[], 0)).expect("send");
    eventually("slow boots", || init.status("web@slow")["pid"].is_u64());
    init.get("/quick").expect(200);
    assert_eq!(init.list().len(), 2);
    assert_eq!(init.stop().code(), Some(0));
}

#[test]
fn twelve_tenants_boot_through_a_pool_of_two() {
    let names: Vec<String> = (0..12).map(|n| format!("t{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let init = Init::new().config("[pool]\nboots = 2").web(&web(&names).set("BOOT_MS", "30")).start();
    thread::scope(|scope| {
        let init = &init;
        let all: Vec<_> = names.iter().map(|name| (name, scope.spawn(move || init.get(&format!("/{name}"))))).collect();
        for (name, reply) in all {
            assert_eq!(reply.join().expect("a client").expect(200).json()["tenant"], **name);
        }
    });
}

#[test]
fn t85_a_crash_at_boot_is_503_with_its_last_words_in_the_log_and_it_recovers() {
    let init = Init::new().web(&web(&["boston"]).set("CRASH_FILE", "@DIR@/crash")).touch("crash").start();
    let reply = init.get("/boston").expect(503);
    assert!(reply.field("retry-after").is_some_and(|value| value.parse::<u32>().is_ok()), "{:?}", reply.head);
    init.wait_log(&["web@boston", "stderr", "boot failed"]);
    init.wait_log(&["web@boston", "exit-code"]);
    let tail = init.status("web@boston")["tail"].to_string();
    assert!(tail.contains("boot failed"), "{tail}");
    fs::remove_file(init.file("crash")).expect("remove");
    eventually("it recovers", || init.get("/boston").status() == 200);
}

#[test]
fn the_delay_after_failures_grows() {
    let init = Init::new().web(&web(&["boston"]).set("CRASH_FILE", "@DIR@/crash")).touch("crash").start();
    let mut longest = 0;
    eventually("the delay is four times the first", || {
        init.get("/boston").expect(503);
        longest = longest.max(init.status("web@boston")["retry_ms"].as_u64().unwrap_or(0));
        longest > 400
    });
    assert!(init.status("web@boston")["failures"].as_u64() >= Some(3));
}

#[test]
fn a_missing_program_is_203_exec() {
    let init = Init::new().web(&web(&["boston"]).service("exec_start = [\"/nowhere/puma\"]")).start();
    init.get("/boston").expect(503);
    init.wait_log(&["web@boston", "203/EXEC"]);
    assert_eq!(init.status("web@boston")["active"], "failed");
}

#[test]
fn a_missing_user_is_217_user() {
    let init = Init::new().web(&web(&["boston"]).service("user = \"nobody-of-that-name\"")).start();
    init.get("/boston").expect(503);
    init.wait_log(&["web@boston", "217/USER"]);
}

#[test]
fn a_failed_tenant_leaves_its_neighbour_alone() {
    let tenants = web(&["bad", "good"]).set("CRASH_FILE", "@DIR@/crash-%i");
    let init = Init::new().web(&tenants).touch("crash-bad").start();
    init.get("/bad").expect(503);
    init.get("/good").expect(200);
    init.get("/bad").expect(503);
    init.get("/good").expect(200);
}

#[test]
fn a_tenant_that_takes_no_socket_gets_a_loopback_port() {
    let init = Init::new().web(&web(&["boston"]).by_port().set("BOOT_MS", "100")).start();
    init.get("/boston").expect(200);
    let environment = init.get("/boston/environment").text();
    assert!(environment.lines().any(|line| line.starts_with("PORT=")), "{environment}");
    assert!(!environment.contains("LISTEN_FDS"), "{environment}");
}

#[test]
fn t86_a_client_that_leaves_while_it_waits_is_forgotten() {
    let init = Init::new().web(&web(&["boston"]).set("GATE", "@DIR@/gate").route("connections = 1")).start();
    let mut first = init.connect();
    first.send(&request_head("GET", "/boston?token=first", &[], 0)).expect("send");
    eventually("the first is under way", || init.status("web@boston")["requests"]["in_flight"] == 1);
    let mut second = init.connect();
    second.send(&request_head("GET", "/boston?token=second", &[], 0)).expect("send");
    eventually("the second waits", || init.status("web@boston")["requests"]["waiting"] == 1);
    drop(second);
    eventually("it is forgotten", || init.status("web@boston")["requests"]["waiting"] == 0);
    fs::write(init.file("gate"), "").expect("gate");
    first.reply("GET").expect("an answer").expect(200);
    init.get("/boston?token=third").expect(200);
    assert_eq!(fs::read_to_string(init.file("count")).expect("count"), "first\nthird\n");
}

#[test]
fn a_start_that_never_ends_is_timed_out() {
    let init = Init::new().web(&web(&["boston"]).service("type = \"notify\"\ntimeout_start = \"300ms\"")).start();
    // The origin answers without READY=1; what it is not is started.
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston/slow?ms=60000", &[], 0)).expect("send");
    init.wait_log(&["web@boston: stopping: no READY=1 in 3", "add the gem sd_notify"]);
    init.wait_log(&["web@boston: failed: timeout"]);
    let status = client.reply("GET").expect("an answer").status();
    assert!(matches!(status, 502..=504), "{status}");
}

#[test]
fn a_notify_tenant_is_active_once_it_says_so() {
    let tenant = web(&["boston"]).service("type = \"notify\"").set("NOTIFY", "1").set("GATE", "@DIR@/gate");
    let init = Init::new().web(&tenant).start();
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston", &[], 0)).expect("send");
    init.wait_active("web@boston", "activating");
    fs::write(init.file("gate"), "").expect("gate");
    client.reply("GET").expect("an answer").expect(200);
    init.wait_active("web@boston", "active");
}

#[test]
fn a_wait_has_an_end() {
    let init = Init::new().web(&web(&["boston"]).set("GATE", "@DIR@/gate").route("wait = \"300ms\"")).start();
    let reply = init.get("/boston").expect(503);
    assert!(reply.field("retry-after").is_some(), "{:?}", reply.head);
    fs::write(init.file("gate"), "").expect("gate");
    init.get("/boston").expect(200);
}

#[test]
fn t87_a_queue_has_an_end() {
    let tenant = web(&["boston"]).set("GATE", "@DIR@/gate").route("connections = 1\nqueue = 2");
    let init = Init::new().web(&tenant).start();
    let ask = || {
        let mut client = init.connect();
        client.send(&request_head("GET", "/boston", &[], 0)).expect("send");
        client
    };
    let first = ask();
    eventually("one is sent", || init.status("web@boston")["requests"]["in_flight"] == 1);
    let mut held = [first, ask(), ask()];
    eventually("two wait", || init.status("web@boston")["requests"]["waiting"] == 2);
    let reply = init.get("/boston").expect(503);
    assert!(reply.field("retry-after").is_some(), "{:?}", reply.head);
    fs::write(init.file("gate"), "").expect("gate");
    for client in &mut held {
        client.reply("GET").expect("an answer").expect(200);
    }
}
