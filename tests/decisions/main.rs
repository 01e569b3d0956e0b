//! How long the front door takes to decide, and how much memory it asks for, with 371 tenants, 50 rules and 13 patterns of
//! what is public: prints a Markdown table. Parsing the head is not part of it, reading its path is.

#![allow(missing_docs)]

// The tests use the rest of it.
#[allow(dead_code)]
#[path = "../it/route_world.rs"]
mod route_world;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use slotmap::SlotMap;
use tenantd::config;
use tenantd::http::{Path, RequestHead};
use tenantd::route::{Decision, Front, Request, Reroute};
use tenantd::unit::UnitId;

/// Others work on this machine, too: the fastest of so many batches counts.
const BATCHES: u32 = 20;
const ROUNDS: u32 = 20_000;
const BROWSER: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";

#[global_allocator]
static COUNTED: Counted = Counted(AtomicU64::new(0));

struct Counted(AtomicU64);

// SAFETY: all is done by the system's allocator; counting allocates nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.fetch_add(1, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(old, layout) }
    }
}

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = route_world::world();
    world.write(directory.path());
    let loaded = config::load(directory.path(), &|_| None).unwrap_or_else(|all| panic!("{all:#?}"));
    let (mut front, mut ids) = (Front::new(&loaded.config), SlotMap::<UnitId, ()>::with_key());
    loaded.units.iter().filter_map(|unit| unit.route.as_ref()).for_each(|route| front.insert(route, ids.insert(())));
    println!("| request | decision | ns | allocations |\n|---|---|--:|--:|");
    for (what, target) in [
        ("a tenant", "/showcase/2026/aaton/heats/1?page=2"),
        ("a deep tenant", "/showcase/2023/aaton/spring/people/12/edit"),
        ("the index", "/showcase/assets/application-0123456789abcdef.js"),
        ("nobody", "/nowhere/at/all"),
        ("a proxy", "/api/v1/events"),
        ("a path in another spelling", "/showcase//2026/%61aton/heats"),
        ("a rewrite", "/s/2026/aaton/heats/1"),
        ("the last redirect", "/studio-39/about"),
    ] {
        let text = format!("GET {target} HTTP/1.1\r\nHost: example.com\r\nUser-Agent: {BROWSER}\r\n\r\n");
        let head = RequestHead::parse(text.as_bytes()).expect("a head").expect("all of it");
        let decision = decide(&front, &head);
        let (before, mut nanos) = (COUNTED.0.load(Relaxed), u128::MAX);
        for _ in 0..BATCHES {
            let start = Instant::now();
            for _ in 0..ROUNDS {
                black_box(decide(&front, black_box(&head)));
            }
            nanos = nanos.min(start.elapsed().as_nanos() / u128::from(ROUNDS));
        }
        let allocations = (COUNTED.0.load(Relaxed) - before) / u64::from(BATCHES * ROUNDS);
        println!("| {what} | {} | {nanos} | {allocations} |", word(&decision));
    }
    println!(
        "\nns: the fastest of {BATCHES} batches. Allocations: the text of a redirect, of a rewritten path, or of one in another"
    );
    println!("spelling, and what its pattern has caught; any other decision makes none.");
}

/// All steps in the order of the forwarder; whoever asks has a name and the right password.
fn decide(front: &Front, head: &RequestHead<'_>) -> Decision {
    let Ok(mut path) = Path::parse(head.target) else { return Decision::NotFound };
    if front.is_health(path.path()) {
        return Decision::NotFound;
    }
    let request = Request::of(head);
    black_box(front.access(request.host, &path));
    match front.reroute(&request, &mut path, &mut ()) {
        Reroute::Elsewhere(elsewhere) => return Decision::Elsewhere(elsewhere),
        Reroute::Rewritten => drop(black_box(front.access(request.host, &path))),
        Reroute::Stays | Reroute::Refused(_) => {}
    }
    front.decide(&request, &path, &mut ())
}

fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Elsewhere(_) => "redirect",
        Decision::Tenant(_) => "tenant",
        Decision::Remote(_) => "proxy",
        Decision::NotFound => "404",
        _ => "another",
    }
}
