//! Long bodies, event streams and WebSockets: constant memory, nothing held back.

use std::fs;

use crate::client::request_head;
use crate::harness::{Init, eventually};
use crate::procfs;
use crate::web::web;
use crate::websocket::Cable;

const MIB: u64 = 1024 * 1024;

/// FNV-1a, 64 bits, as the origin computes it.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[test]
fn an_upload_of_200_mb_passes_in_constant_memory() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    let before = procfs::resident(init.pid());
    let block: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
    let mut client = init.connect();
    client.send(&request_head("POST", "/boston", &[], 200 * block.len())).expect("send");
    let (mut hash, mut most) = (0xcbf2_9ce4_8422_2325, 0);
    for _ in 0..200 {
        client.send(&block).expect("send");
        hash = fnv(hash, &block);
        most = most.max(procfs::resident(init.pid()));
    }
    let echo = client.reply("POST").expect("an answer").expect(200).json();
    assert_eq!((&echo["length"], &echo["hash"]), (&200_000_000.into(), &format!("{hash:016x}").into()));
    assert!(most < before + 8 * MIB, "memory grew from {before} to {most}");
}

#[test]
fn a_slow_reader_of_100_mb_costs_no_memory() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    let before = procfs::resident(init.pid());
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston/big?bytes=100000000", &[], 0)).expect("send");
    client.head().expect("a head");
    let mut most = 0;
    for _ in 0..100 {
        client.exactly(1_000_000).expect("the body");
        most = most.max(procfs::resident(init.pid()));
    }
    assert!(most < before + 8 * MIB, "memory grew from {before} to {most}");
}

#[test]
fn an_upload_waits_for_a_cold_tenant_in_bounded_memory() {
    let init = Init::new().web(&web(&["boston"]).set("GATE", "@DIR@/gate")).start();
    let before = procfs::resident(init.pid());
    std::thread::scope(|scope| {
        let upload = scope.spawn(|| init.post("/boston", &vec![b'x'; 50_000_000]).expect(200).json());
        init.wait_active("web@boston", "active");
        let during = procfs::resident(init.pid());
        fs::write(init.file("gate"), "").expect("gate");
        assert_eq!(upload.join().expect("a client")["length"], 50_000_000);
        assert!(during < before + 8 * MIB, "memory grew from {before} to {during}");
    });
}

#[test]
fn server_sent_events_arrive_one_by_one() {
    let init = Init::new().web(&web(&["boston"])).start();
    let mut client = init.connect();
    let gate = init.file("event");
    client.send(&request_head("GET", &format!("/boston/sse?n=5&gate={}", gate.display()), &[], 0)).expect("send");
    assert_eq!(client.head().expect("a head").field("content-type"), Some("text/event-stream"));
    for n in 0..5 {
        // The next event does not exist before its gate opens: nothing can be held back for company.
        fs::write(format!("{}-{n}", gate.display()), "").expect("gate");
        let event = client.chunk().expect("a chunk").expect("an event");
        assert_eq!(String::from_utf8_lossy(&event), format!("data: {n}\n\n"));
    }
    assert_eq!(client.chunk().expect("the end"), None);
}

#[test]
fn a_reader_who_leaves_a_silent_event_stream_is_noticed() {
    let init = Init::new().web(&web(&["boston"])).start();
    let mut client = init.connect();
    let gate = init.file("never");
    client.send(&request_head("GET", &format!("/boston/sse?gate={}", gate.display()), &[], 0)).expect("send");
    assert_eq!(client.head().expect("a head").status, 200);
    drop(client);
    eventually("nothing is in flight", || init.status("web@boston")["requests"]["in_flight"] == 0);
}

#[test]
fn a_websocket_is_a_tunnel() {
    let init = Init::new().web(&web(&["boston"]).set("BOOT_MS", "100")).start();
    let mut cable = Cable::open(&init, "/boston/cable", &[]);
    for n in 0..100 {
        assert_eq!(cable.echo(&format!("message {n}")), format!("message {n}"));
    }
    cable.echo_binary(&vec![7; 1_000_000]);
    assert_eq!(init.status("web@boston")["requests"]["tunnels"], 1);
}

#[test]
fn websockets_do_not_take_the_places_of_requests() {
    let init = Init::new().web(&web(&["boston"]).route("connections = 2")).start();
    let mut cables: Vec<_> = (0..10).map(|_| Cable::open(&init, "/boston/cable", &[])).collect();
    init.get("/boston").expect(200);
    for (n, cable) in cables.iter_mut().enumerate() {
        assert_eq!(cable.echo(&n.to_string()), n.to_string());
    }
}

#[test]
fn a_websocket_ends_with_its_tenant() {
    let init = Init::new().web(&web(&["boston"])).start();
    let mut cable = Cable::open(&init, "/boston/cable", &[]);
    assert_eq!(cable.echo("hello"), "hello");
    assert!(init.kill_unit("web@boston"));
    assert!(cable.ends());
    init.get("/boston").expect(200);
}
