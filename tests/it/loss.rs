//! No request is lost or refused, and no POST served twice, while its tenant is restarted, stopped for idleness and killed at random.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use crate::client::Connection;
use crate::harness::{Init, eventually};
use crate::idle::served;
use crate::random::Random;
use crate::web::web;

const CONNECTIONS: usize = 8;
const REQUESTS: usize = 2000;

/// What the clients share with the one who makes trouble.
#[derive(Default)]
struct Load {
    next: AtomicUsize,
    paused: AtomicBool,
    resting: AtomicUsize,
    /// Requests answered with 200.
    answered: AtomicUsize,
    /// Tokens answered with 502.
    lost: Mutex<Vec<usize>>,
}

impl Load {
    fn client(&self, init: &Init) {
        let mut connection = init.connect();
        loop {
            let token = self.next.fetch_add(1, SeqCst);
            if token >= REQUESTS {
                return;
            }
            self.rest();
            self.request(init, &mut connection, token);
        }
    }

    /// Stands still while a pause is asked for, so that the tenant gets idle.
    fn rest(&self) {
        if self.paused.load(SeqCst) {
            self.resting.fetch_add(1, SeqCst);
            eventually("the pause ends", || !self.paused.load(SeqCst));
            self.resting.fetch_sub(1, SeqCst);
        }
    }

    fn request(&self, init: &Init, connection: &mut Connection, token: usize) {
        let method = if token.is_multiple_of(3) { "POST" } else { "GET" };
        let body = if method == "POST" { vec![b'x'; token] } else { Vec::new() };
        let path = if token.is_multiple_of(2) { "/boston/slow?ms=10&" } else { "/boston?" };
        let reply = connection.request(method, &format!("{path}token={token}"), &[], &body);
        // Cut in the middle of its answer: it was in flight inside a killed process.
        let Ok(reply) =
            reply.inspect_err(|error| assert!(error.to_string().contains("body"), "request {token}: {error}"))
        else {
            self.lost.lock().expect("no panic").push(token);
            *connection = init.connect();
            return;
        };
        match reply.status() {
            200 => drop(self.answered.fetch_add(1, SeqCst)),
            502 => {
                self.lost.lock().expect("no panic").push(token);
                if reply.field("connection") == Some("close") {
                    *connection = init.connect();
                }
            }
            other => panic!("request {token}: {other} {}", reply.text()),
        }
    }

    fn finished(&self) -> bool {
        self.next.load(SeqCst) >= REQUESTS
    }
}

/// Restarts, kills and idles the tenant until the clients are done; returns how often it killed.
fn trouble(init: &Init, load: &Load) -> usize {
    let mut random = Random::new(2000);
    let mut kills = 0;
    while !load.finished() {
        // The process of this moment has served somebody: one that dies before that is a failed start, which backs off.
        let before = load.answered.load(SeqCst);
        eventually("it serves", || load.finished() || load.answered.load(SeqCst) >= before + 2 * CONNECTIONS);
        random.jitter(Duration::from_millis(10));
        match random.below(3) {
            0 => drop(init.verb(&["restart", "web@boston"])),
            1 => kills += usize::from(init.kill_unit("web@boston")),
            _ => {
                load.paused.store(true, SeqCst);
                eventually("it is idle and stopped", || {
                    load.finished()
                        || matches!(init.status("web@boston")["active"].as_str(), Some("inactive" | "failed"))
                });
                load.paused.store(false, SeqCst);
                eventually("the clients go on", || load.resting.load(SeqCst) == 0);
            }
        }
    }
    kills
}

#[test]
fn two_thousand_requests_survive_restarts_idle_stops_and_kills() {
    let init = Init::new().web(&web(&["boston"]).service("idle_stop = \"30ms\"")).start();
    let load = Load::default();
    let kills = thread::scope(|scope| {
        let clients: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(|| load.client(&init))).collect();
        let kills = scope.spawn(|| trouble(&init, &load));
        for client in clients {
            if let Err(panic) = client.join() {
                load.next.store(REQUESTS, SeqCst);
                std::panic::resume_unwind(panic);
            }
        }
        kills.join().expect("trouble")
    });
    let served = served(&init.file("count"));
    let lost = load.lost.into_inner().expect("no panic");
    for token in 0..REQUESTS {
        let times = served.get(&token.to_string()).copied().unwrap_or(0);
        // A GET that a killed process had read is asked for once more.
        let most = if token.is_multiple_of(3) { 1 } else { 2 };
        let wanted = if lost.contains(&token) { 0..=most } else { 1..=most };
        assert!(wanted.contains(&times), "request {token} was served {times} times, 502: {}", lost.contains(&token));
    }
    // Only what was in flight inside a killed process: at most its connections, each time.
    assert!(lost.len() <= kills * 5, "{} times 502 after {kills} kills", lost.len());
    let starts = init.status("web@boston")["starts"].as_u64();
    println!("{starts:?} starts, {kills} kills, {} times 502", lost.len());
    assert!(starts > Some(20), "hardly any trouble was made: {starts:?} starts, {kills} kills");
}
