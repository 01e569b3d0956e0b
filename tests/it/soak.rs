//! Random clients against a tenant to whom random things happen: afterwards nothing is left, neither counters, nor
//! descriptors, nor memory.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::client::request_head;
use crate::forward_upstream::at_rest;
use crate::harness::{Init, eventually};
use crate::procfs;
use crate::random::Random;
use crate::web::web;
use crate::websocket::Cable;

const TENANTS: [&str; 2] = ["boston", "nyc"];
const CLIENTS: u64 = 12;
/// How long the trouble lasts.
const TIME: Duration = Duration::from_secs(8);

/// One connection of one random kind. What it gets may be anything: it must only end.
fn visit(init: &Init, random: &mut Random) {
    let tenant = TENANTS[random.below(2) as usize];
    let path = |rest: &str| format!("/{tenant}{rest}");
    let mut client = init.connect();
    match random.below(8) {
        0 => (0..10).all(|_| client.get(&path("/slow?ms=3")).is_ok_and(|r| r.field("connection") != Some("close"))),
        1 => {
            let mut all = Vec::new();
            for n in 0..8 {
                let (target, length) = if n % 3 == 2 { ("/up".to_owned(), 0) } else { (path(""), n * 1000) };
                all.extend(request_head("POST", &target, &[], length));
                all.resize(all.len() + length, b'x');
            }
            client.send(&all).is_ok() && (0..8).all(|_| client.reply("POST").is_ok())
        }
        2 => {
            let _ = client.send(&request_head("POST", &path(""), &[], 300_000));
            random.jitter(Duration::from_millis(5));
            let _ = client.send(&vec![b'x'; random.below(300_000) as usize]);
            client.reset();
            true
        }
        3 => client.request("POST", &path(""), &[], &vec![b'x'; 700_000]).is_ok(),
        4 => client.send(&request_head("GET", &path("/big?bytes=3000000"), &[], 0)).is_ok() && client.head().is_ok(),
        5 => client.get(&path("/close?bytes=90000")).is_ok(),
        6 => {
            let _ = client.send(&request_head("GET", &path("/slow?ms=20"), &[], 0));
            client.finish().is_ok() && client.reply("GET").is_ok()
        }
        _ => {
            let Some(mut cable) = Cable::try_open(init, &path("/cable")) else { return };
            let echoes = random.below(20);
            (0..echoes).all(|n| cable.try_echo(&n.to_string()))
        }
    };
}

fn trouble(init: &Init, random: &mut Random) {
    let unit = format!("web@{}", TENANTS[random.below(2) as usize]);
    match random.below(5) {
        0 => drop(init.verb(&["restart", &unit])),
        1 => drop(init.verb(&["stop", &unit])),
        2 => drop(init.kill_unit(&unit)),
        // Everything that happens meanwhile is seen in one turn.
        3 => {
            init.signal(Signal::SIGSTOP);
            random.jitter(Duration::from_millis(20));
            init.signal(Signal::SIGCONT);
        }
        _ => random.jitter(Duration::from_millis(100)),
    }
    random.jitter(Duration::from_millis(60));
}

fn soak(by_port: bool) {
    let mut web = web(&TENANTS).service("idle_stop = \"40ms\"\ntimeout_stop = \"400ms\"").route("wait = \"3s\"");
    if by_port {
        web = web.by_port();
    }
    let init = Init::new().web(&web).start();
    for tenant in TENANTS {
        init.get(&format!("/{tenant}")).expect(200);
    }
    let stopped = || TENANTS.iter().all(|tenant| init.status(&format!("web@{tenant}"))["active"] == "inactive");
    eventually("both are idle", stopped);
    let (files, memory) = (procfs::descriptors(init.pid()), procfs::resident(init.pid()));
    let over = AtomicBool::new(false);
    let seed = Random::new(7).below(u64::from(u32::MAX));
    thread::scope(|scope| {
        for n in 0..CLIENTS {
            let (init, over) = (&init, &over);
            scope.spawn(move || {
                let mut random = Random::with(seed + n);
                while !over.load(SeqCst) {
                    visit(init, &mut random);
                }
            });
        }
        let mut random = Random::with(seed ^ 0x5eed);
        let end = Instant::now() + TIME;
        while Instant::now() < end {
            trouble(&init, &mut random);
        }
        over.store(true, SeqCst);
    });
    at_rest(&init);
    for tenant in TENANTS {
        // A tenant that was killed before it served anybody backs off.
        init.verb(&["start", &format!("web@{tenant}")]).expect(0);
        init.get(&format!("/{tenant}")).expect(200);
    }
    eventually("both are idle again", stopped);
    eventually("no descriptor is left", || procfs::descriptors(init.pid()) <= files);
    let after = procfs::resident(init.pid());
    assert!(after < memory + 24 * 1024 * 1024, "memory grew from {memory} to {after}");
}

#[test]
fn random_clients_and_random_trouble_leave_nothing_behind() {
    soak(false);
}

#[test]
fn random_trouble_with_a_port_leaves_nothing_behind() {
    soak(true);
}
