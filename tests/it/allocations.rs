//! In steady state a request costs no allocation: the `counted` example is tenantd with an allocator that counts.

use std::fs;

use crate::client::Connection;
use crate::harness::Init;
use crate::setup::example;
use crate::web::web;

/// Requests of which none may allocate, once buffers, connections and tables have their size.
const STEADY: usize = 500;
/// How many times as many it may take until they have: on a machine that is busy bytes come in other pieces, and a connection to
/// the tenant serves 990 requests. What a request costs, it costs each time.
const TRIES: usize = 20;

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

    /// How many allocations `STEADY` requests make at the least.
    fn of(&self, connection: &mut Connection, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> u64 {
        let mut least = u64::MAX;
        for _ in 0..TRIES {
            let before = self.allocations();
            for _ in 0..STEADY {
                connection.request(method, target, fields, body).expect("an answer").expect(200);
            }
            least = least.min(self.allocations() - before);
            if least == 0 {
                break;
            }
        }
        least
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
        assert_eq!(counted.of(&mut connection, method, target, &[], body), 0, "{method} {target}");
    }
}

#[test]
fn a_password_that_is_known_and_a_path_that_is_public_cost_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("htpasswd");
    fs::write(&file, "anna:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").expect("a file of passwords");
    let public = (0..13).map(|n| format!("\"/a/{n}/*/x\", \"*.x{n}\"")).collect::<Vec<_>>().join(", ");
    let auth = format!("[auth]\nhtpasswd = \"{}\"\npublic = [{public}]\n", file.display());
    let counted = Counted::start(&format!("[log]\naccess = false\n{auth}"));
    let mut connection = counted.init.connect();
    let fields = [("Authorization", "Basic YW5uYTpzZWNyZXQ=")];
    assert_eq!(counted.of(&mut connection, "GET", "/a/secret", &fields, b""), 0);
    assert_eq!(counted.of(&mut connection, "GET", "/a/b.x12", &[], b""), 0);
}

#[test]
fn the_counter_counts() {
    let counted = Counted::start("");
    let before = counted.allocations();
    counted.init.get("/a").expect(200);
    assert!(counted.allocations() > before);
}
