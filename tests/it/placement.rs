//! Tenants on several machines: one answers, whichever is asked. The machines are tenantd on addresses of the loopback
//! network, which are also their names.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::client::{Connection, Reply};
use crate::harness::{Init, verb};
use crate::setup::free_address;
use crate::web::web;

const TENANTS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// The address of the `n`th machine.
fn name(n: u8) -> String {
    format!("127.0.0.{}", 40 + n)
}

fn config(n: u8, machines: &[u8], via: &str, port: u16) -> String {
    let names: Vec<String> = machines.iter().map(|n| format!("\"{}\"", name(*n))).collect();
    format!(
        "[machine]\nid = \"{}\"\n[placement]\nmachines = [{}]\nvia = \"{via}\"\ntarget = \"http://${{machine}}:{port}\"\n",
        name(n),
        names.join(", ")
    )
}

/// The `n`th machine, which knows of `machines`.
fn machine(n: u8, machines: &[u8], via: &str, port: u16) -> Init {
    let mut init = Init::new()
        .http("trusted_proxies = [\"127.0.0.0/8\"]")
        .config(&config(n, machines, via, port))
        .web(&web(&TENANTS).set("TENANT", &format!("%i on {n}")))
        .launch(SocketAddr::new(name(n).parse().expect("an address"), port));
    init.wait_listening();
    init
}

fn ask(init: &Init, tenant: &str) -> Reply {
    init.get(&format!("/{tenant}/path?query"))
}

/// Tenant → the machine that answers for it, asked through this one.
fn homes(through: &Init) -> BTreeMap<&'static str, u8> {
    let home = |tenant: &&'static str| {
        let answered = ask(through, tenant).expect(200).json()["tenant"].as_str().expect("a tenant").to_owned();
        let (who, machine) = answered.split_once(" on ").expect("a machine");
        assert_eq!(who, *tenant);
        (*tenant, machine.parse().expect("a number"))
    };
    TENANTS.iter().map(home).collect()
}

#[test]
fn whichever_machine_is_asked_one_answers() {
    let port = free_address().port();
    let all: Vec<Init> = (1..=3).map(|n| machine(n, &[1, 2, 3], "proxy", port)).collect();
    let expected = homes(&all[0]);
    assert_eq!((homes(&all[1]), homes(&all[2])), (expected.clone(), expected.clone()));
    for (n, init) in (1..).zip(&all) {
        assert!(expected.values().any(|home| *home == n), "{expected:?}");
        for (tenant, home) in &expected {
            let active = init.status(&format!("web@{tenant}"))["active"] == "active";
            assert_eq!(active, *home == n, "{tenant} on {n}");
        }
        // What the operator is told is what is done.
        let told = verb(init.path(), &["placement", "--json"]).expect(0).json();
        for row in told["tenants"].as_array().expect("tenants") {
            let tenant = row["unit"].as_str().and_then(|unit| unit.strip_prefix("web@")).expect("a unit");
            assert_eq!(row["machine"], name(expected[tenant]));
        }
    }
    // The client is known behind the other machine.
    let (tenant, _) = expected.iter().find(|(_, home)| **home == 2).expect("one on 2");
    let reply = ask(&all[0], tenant).expect(200).json();
    assert_eq!(reply["target"], format!("/{tenant}/path?query"));
    let fields = reply["fields"].to_string();
    assert!(fields.contains("127.0.0.1, 127.0.0.1"), "{fields}");
}

#[test]
fn a_machine_more_takes_its_share_and_one_less_is_told() {
    let port = free_address().port();
    let (one, two) = (machine(1, &[1, 2], "proxy", port), machine(2, &[1, 2], "proxy", port));
    let before = homes(&one);
    let asked = one.verb(&["placement", "--add", &name(3), "--json"]).expect(0).json();
    let three = machine(3, &[1, 2, 3], "proxy", port);
    for (n, init) in [(1, &one), (2, &two)] {
        let toml = std::fs::read_to_string(init.file("tenantd.toml")).expect("tenantd.toml");
        let listed = |machines| config(n, machines, "proxy", port);
        std::fs::write(init.file("tenantd.toml"), toml.replace(&listed(&[1, 2]), &listed(&[1, 2, 3]))).expect("write");
        init.verb(&["reload"]).expect(0);
    }
    let after = homes(&one);
    let moved: Vec<_> = TENANTS.iter().filter(|tenant| before[*tenant] != after[*tenant]).collect();
    assert!(!moved.is_empty() && moved.len() < TENANTS.len() / 2 + 1, "{moved:?}");
    assert!(moved.iter().all(|tenant| after[**tenant] == 3), "{before:?} {after:?}");
    let told = asked["moves"].as_array().expect("moves");
    let told: Vec<&str> = told.iter().filter_map(|row| row["unit"].as_str()?.strip_prefix("web@")).collect();
    assert_eq!(told, moved.iter().map(|tenant| **tenant).collect::<Vec<_>>());
    assert_eq!(homes(&two), after);
    // One is killed: its tenants are gone, the others answer as before.
    drop(three);
    for (tenant, home) in &after {
        let status = ask(&one, tenant).status();
        assert_eq!(status, if *home == 3 { 502 } else { 200 }, "{tenant} on {home}");
    }
}

#[test]
fn machines_that_do_not_agree_send_nobody_round_in_circles() {
    let port = free_address().port();
    // Each takes the other for the only one with tenants.
    let place = |machine| format!("[[place]]\nunits = [\"web@*\"]\nmachine = \"{}\"\n", name(machine));
    let start = |n: u8, other: u8, via: &str| {
        let mut init = Init::new()
            .config(&(config(n, &[1, 2], via, port) + &place(other)))
            .web(&web(&TENANTS))
            .launch(SocketAddr::new(name(n).parse().expect("an address"), port));
        init.wait_listening();
        init
    };
    let (one, two) = (start(1, 2, "proxy"), start(2, 1, "proxy"));
    let reply = ask(&one, "a").expect(508);
    assert!(reply.text().contains("do not agree"), "{}", reply.text());
    two.wait_log(&["sent in circles", "GET /a/path", &name(1)]);
    drop((one, two));
    let (one, two) = (start(1, 2, "redirect"), start(2, 1, "redirect"));
    let location = ask(&one, "a").expect(307).field("location").expect("Location").to_owned();
    let path = location.strip_prefix(&format!("http://{}:{port}", name(2))).expect("the other machine");
    assert!(path.starts_with("/a/path?query&tenantd_hop="), "{path}");
    two.get(path).expect(508);
}

#[test]
fn a_client_is_redirected_once_and_the_tenant_sees_nothing_of_it() {
    let port = free_address().port();
    let (one, two) = (machine(1, &[1, 2], "redirect", port), machine(2, &[1, 2], "redirect", port));
    let mut here = 0;
    for tenant in TENANTS {
        let reply = ask(&one, tenant);
        if reply.status() == 200 {
            here += 1;
            continue;
        }
        let location = reply.expect(307).field("location").expect("Location").to_owned();
        let path = location.strip_prefix(&format!("http://{}:{port}", name(2))).expect("the other machine");
        let mut there = Connection::open(two.address()).expect("connect");
        let reply = there.get(path).expect("an answer").expect(200).json();
        assert_eq!(
            (&reply["tenant"], &reply["target"]),
            (&format!("{tenant} on 2").into(), &format!("/{tenant}/path?query").into())
        );
    }
    assert!(here > 0 && here < TENANTS.len());
}

#[test]
fn large_requests_go_to_the_machine_that_fly_would_not_replay_them_to() {
    let port = free_address().port();
    let (one, _two) = (machine(1, &[1, 2], "replay", port), machine(2, &[1, 2], "replay", port));
    let away = TENANTS.iter().find(|tenant| ask(&one, tenant).status() == 307).expect("one on 2");
    let told = ask(&one, away).json();
    assert_eq!((&told["instance"], &told["fallback"]), (&name(2).into(), &"force_self".into()));
    let large = vec![b'x'; 3 << 20];
    let reply = one.request("POST", &format!("/{away}/upload"), &[], &large).expect(200).json();
    assert_eq!((&reply["tenant"], reply["length"].as_u64()), (&format!("{away} on 2").into(), Some(3 << 20)));
    let failed = one.request("GET", &format!("/{away}/x"), &[("fly-replay-failed", "gone")], b"");
    assert_eq!(failed.status(), 503);
    one.wait_log(&["replay failed", &name(2)]);
}

#[test]
fn a_share_is_printed_for_people() {
    let init = Init::new().config(&config(1, &[1, 2], "proxy", 80)).web(&web(&TENANTS)).start();
    let told = init.verb(&["placement"]).expect(0).stdout;
    assert!(told.starts_with("MACHINE") && told.contains("this machine"), "{told}");
    assert_eq!(told.lines().filter(|line| line.contains("web@")).count(), TENANTS.len());
    let told = init.verb(&["placement", "--add", "new"]).expect(0).stdout;
    assert!(told.contains("of 12 tenants") && told.trim_end().ends_with("move to new; all others stay"), "{told}");
    let alone = Init::new().start();
    assert!(alone.verb(&["placement"]).expect(78).stderr.contains("no [placement]"));
}
