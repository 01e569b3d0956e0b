//! V1 to V14: no tenant waits for another, and none is lost.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;

use crate::client::{Connection, request_head};
use crate::harness::{Init, eventually};
use crate::procfs;
use crate::puppet::Upstream;
use crate::setup::origin;
use crate::web::web;

/// Asks, and leaves the answer for later.
fn ask(init: &Init, target: &str, fields: &[(&str, &str)]) -> Connection {
    let mut client = init.connect();
    client.send(&request_head("GET", target, fields, 0)).expect("send");
    client
}

#[test]
fn v02_starts_run_side_by_side_under_a_cap() {
    let tenants = web(&["a", "b", "c"]).set("GATE", "@DIR@/gate-%i").set("NOTIFY", "1").service("type = \"notify\"");
    let init = Init::new().config("[pool]\nboots = 2").web(&tenants).start();
    let boots = |name: &str| init.status(&format!("web@{name}"))["pid"].is_u64();
    let mut clients = vec![ask(&init, "/a", &[]), ask(&init, "/b", &[])];
    eventually("two boot, and neither is up", || boots("a") && boots("b"));
    clients.push(ask(&init, "/c", &[]));
    eventually("the third waits", || init.status("web@c")["requests"]["waiting"] == 1);
    assert!(!boots("c"), "three boot at once");
    fs::write(init.file("gate-b"), "").expect("gate");
    clients[1].reply("GET").expect("an answer").expect(200);
    eventually("the third has its turn while the first still boots", || boots("c"));
    assert_eq!(init.status("web@a")["active"], "activating");
    for (name, client) in [("a", 0), ("c", 2)] {
        fs::write(init.file(&format!("gate-{name}")), "").expect("gate");
        clients[client].reply("GET").expect("an answer").expect(200);
    }
}

#[test]
fn v03_a_wait_ends_with_503_and_the_start_goes_on() {
    let init = Init::new().web(&web(&["boston"]).set("GATE", "@DIR@/gate").route("wait = \"200ms\"")).start();
    let reply = init.get("/boston").expect(503);
    assert!(reply.field("retry-after").is_some(), "{:?}", reply.head);
    let pid = init.status("web@boston")["pid"].clone();
    assert!(pid.is_u64(), "{pid}");
    fs::write(init.file("gate"), "").expect("gate");
    assert_eq!(init.get("/boston").expect(200).json()["pid"], pid);
    assert_eq!(init.status("web@boston")["starts"], 1);
}

#[test]
fn v04_a_crashed_tenant_is_reaped_and_started_by_its_policy() {
    let init = Init::new().web(&web(&["boston"]).service("restart = \"always\"\nrestart_sec = \"1ms\"")).start();
    init.get("/boston").expect(200);
    for n in 2..5 {
        assert!(init.kill_unit("web@boston"));
        // By itself: nobody asks.
        eventually("it is back", || {
            init.status("web@boston")["starts"] == n && init.status("web@boston")["pid"].is_u64()
        });
        init.get("/boston").expect(200);
    }
    eventually("no zombies", || procfs::zombies(init.pid()) == 0);
}

#[test]
fn v05_a_crash_at_boot_is_answered_because_it_is_seen() {
    // No time limit could answer here before the client of this test gives up.
    let tenant = web(&["boston"]).set("CRASH_FILE", "@DIR@/crash").route("wait = \"1h\"");
    let init = Init::new().web(&tenant.service("timeout_start = \"infinity\"")).touch("crash").start();
    init.get("/boston").expect(503);
    init.wait_log(&["web@boston: failed: exit-code, status=3"]);
}

#[test]
fn v06_the_first_that_a_tenant_hears_is_the_request_and_no_probe() {
    let (init, mut puppet) = Init::new().puppet(web(&["boston"]));
    let mut client = ask(&init, "/boston/first", &[]);
    let mut tenant = puppet.accept();
    assert!(tenant.head().starts_with("GET /boston/first HTTP/1.1\r\n"));
    tenant.ok("served");
    assert_eq!(client.reply("GET").expect("an answer").expect(200).text(), "served");
}

#[test]
fn v07_a_tenant_that_answers_late_is_up_all_the_same() {
    let (init, mut puppet) = Init::new().puppet(web(&["boston"]).service("timeout_start = \"50ms\""));
    let mut clients = [ask(&init, "/boston/slow", &[]), ask(&init, "/boston", &[])];
    let mut heard: Vec<Upstream> = (0..2).map(|_| puppet.accept()).collect();
    let heads: Vec<String> = heard.iter_mut().map(Upstream::head).collect();
    assert!(heads.iter().all(|head| head.starts_with("GET /boston")), "{heads:?}");
    let status = init.status("web@boston");
    assert_eq!((&status["active"], &status["starts"]), (&"active".into(), &1.into()), "{status}");
    heard.iter_mut().for_each(|tenant| assert!(tenant.ok("late")));
    clients.iter_mut().for_each(|client| drop(client.reply("GET").expect("an answer").expect(200)));
}

#[test]
fn v09_an_upgrade_that_ends_in_any_way_leaves_the_tenant_idle() {
    const ASKS: &[(&str, &str)] = &[
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    const ANSWERS: &[(&str, Option<u16>)] = &[
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", Some(403)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Some(200)),
        ("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n", Some(502)),
        ("no answer at all\r\n\r\n", Some(502)),
        ("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", Some(101)),
        ("", None),
    ];
    let (init, mut puppet) = Init::new().puppet(web(&["boston"]).service("idle_stop = \"50ms\""));
    for (answer, status) in ANSWERS {
        let mut client = ask(&init, "/boston/cable", ASKS);
        let mut tenant = puppet.accept();
        tenant.head();
        tenant.send(answer);
        if let Some(status) = *status {
            assert_eq!(client.head().expect("a head").status, status, "{answer}");
        }
        client.reset();
        // The end of a tunnel is the tenant's; else it keeps its connection.
        let _kept = (*status != Some(101)).then_some(tenant);
        init.wait_active("web@boston", "inactive");
        let requests = init.status("web@boston")["requests"].clone();
        assert_eq!((&requests["in_flight"], &requests["tunnels"]), (&0.into(), &0.into()), "{answer}");
    }
}

#[test]
fn v10_failed_starts_leak_nothing() {
    let quick = "restart_sec = \"1ms\"\nrestart_max_delay_sec = \"1ms\"\nstart_limit_burst = 1000";
    let tenants = web(&["late"]).by_port().service(&format!("exec_start = [\"@DIR@/late\"]\n{quick}"));
    let init = Init::new().web(&tenants).start();
    init.get("/late").expect(503);
    let descriptors = procfs::descriptors(init.pid());
    eventually("more failures than Navigator has ports", || {
        init.get("/late").expect(503);
        init.status("web@late")["failures"].as_u64() > Some(101)
    });
    eventually("its descriptors are closed", || procfs::descriptors(init.pid()) <= descriptors);
    symlink(origin(), init.file("late")).expect("a link");
    eventually("it starts", || init.get("/late").status() == 200);
}

#[test]
fn v11_whatever_kills_a_tenant_there_is_one_process_of_it() {
    let init = Init::new().web(&web(&["boston"]).service("restart = \"always\"\nrestart_sec = \"1ms\"")).start();
    for _ in 0..10 {
        init.get("/boston").expect(200);
        // As the OOM killer does.
        assert!(init.kill_unit("web@boston"));
        init.get("/boston").expect(200);
        eventually("one process", || procfs::living(init.pid()).len() == 1);
    }
}

#[test]
fn v14_connections_to_a_tenant_are_kept_for_all_its_requests() {
    const MANY: usize = 16;
    let (init, mut puppet) = Init::new().puppet(web(&["boston"]).route(&format!("connections = {MANY}")));
    let mut clients: Vec<_> = (0..MANY).map(|_| ask(&init, "/boston?n=1", &[])).collect();
    let mut tenant: Vec<Upstream> = (0..MANY).map(|_| puppet.accept()).collect();
    for round in 1..4 {
        for upstream in &mut tenant {
            // A pool of two would close the others here.
            assert!(upstream.head().starts_with(&format!("GET /boston?n={round} ")));
        }
        tenant.iter_mut().for_each(|upstream| assert!(upstream.ok("ok")));
        thread::scope(|scope| {
            let next = request_head("GET", &format!("/boston?n={}", round + 1), &[], 0);
            for client in &mut clients {
                let next = next.clone();
                scope.spawn(move || {
                    client.reply("GET").expect("an answer").expect(200);
                    client.send(&next).expect("send");
                });
            }
        });
    }
}
