//! In steady state a request costs no allocation: the `counted` example is tenantd with an allocator that counts.

use std::fs;

use crate::client::Connection;
use crate::harness::Init;
use crate::setup::example;
use crate::web::web;

/// Requests until buffers, connections and tables have their size.
const WARM: usize = 500;
/// Requests of which none may allocate.
const STEADY: usize = 500;

/// A tenantd with one tenant, and what counts its allocations.
struct Counted {
    init: Init,
    file: std::path::PathBuf,
}

impl Counted {
    fn start(config: &str) -> Self {
        let counted = example("counted");
        // The word after the script takes the place of tenantd.
        let script = ["/bin/sh", "-c", "shift; exec \"$0\" \"$@\"", counted.to_str().expect("a path in UTF-8")];
        let setup = Init::new().config(config).wrapper(&script).web(&web(&["a"]));
        let file = setup.path().join("allocations");
        let init = setup.environment("ALLOCATIONS", file.to_str().expect("a path in UTF-8")).start();
        Self { init, file }
    }

    fn allocations(&self) -> u64 {
        let bytes = fs::read(&self.file).expect("the count");
        u64::from_ne_bytes(bytes.try_into().expect("eight bytes"))
    }

    /// How many allocations `STEADY` requests made.
    fn of(&self, connection: &mut Connection, method: &str, target: &str, body: &[u8]) -> u64 {
        let mut send = |count| {
            for _ in 0..count {
                connection.request(method, target, &[], body).expect("an answer").expect(200);
            }
        };
        send(WARM);
        let before = self.allocations();
        send(STEADY);
        self.allocations() - before
    }
}

#[test]
fn a_request_in_steady_state_allocates_nothing() {
    let counted = Counted::start("[log]\naccess = false");
    let mut connection = counted.init.connect();
    let body = vec![b'x'; 10_000];
    for (method, target, body) in [
        ("GET", "/a", &[][..]),
        ("GET", "/a/big?bytes=100000", &[]),
        ("GET", "/a/chunked", &[]),
        ("POST", "/a", &body),
        ("GET", "/up", &[]),
    ] {
        assert_eq!(counted.of(&mut connection, method, target, body), 0, "{method} {target}");
    }
}

#[test]
fn the_counter_counts() {
    let counted = Counted::start("");
    let before = counted.allocations();
    counted.init.get("/a").expect(200);
    assert!(counted.allocations() > before);
}
