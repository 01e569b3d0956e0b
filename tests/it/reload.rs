//! A new configuration while tenants serve: what it changes and when, and that nobody loses anything by it.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use nix::sys::signal::Signal;

use crate::harness::{Init, eventually};
use crate::setup::origin;
use crate::web::{Web, web};
use crate::websocket::Cable;

/// Writes `units/NAME` of a running tenantd, as `Setup::unit` does.
pub fn put(init: &Init, name: &str, text: &str) {
    let directory = init.path().display().to_string();
    let text = text.replace("@ORIGIN@", &origin().display().to_string()).replace("@DIR@", &directory);
    fs::write(init.file("units").join(name), text).expect("a unit file");
}

fn put_web(init: &Init, web: &Web) {
    put(init, "web@.toml", &web.text());
}

fn tenant(init: &Init) -> String {
    init.get("/boston").expect(200).json()["tenant"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn t80_a_reload_sees_every_change_and_what_runs_keeps_what_it_was_started_with() {
    let init = Init::new().web(&web(&["boston"])).start();
    assert_eq!(init.verb(&["reload"]).expect(0).stdout, "0 changed, 1 unchanged\n");
    assert_eq!(tenant(&init), "boston");
    let pid = init.status("web@boston")["pid"].clone();
    // As often as anybody can write: no time stamp is looked at.
    for n in 0..5 {
        put_web(&init, &web(&["boston"]).set("TENANT", &format!("new{n}")));
        let said = init.verb(&["reload"]).expect(0).stdout;
        assert!(said.contains("web@boston  at next start  environment\n1 changed, 0 unchanged\n"), "{said}");
    }
    assert_eq!((tenant(&init).as_str(), &init.status("web@boston")["pid"]), ("boston", &pid));
    init.verb(&["restart", "web@boston"]).expect(0);
    assert_eq!(tenant(&init), "new4");
    // A symbolic link in the place of the file.
    init.verb(&["stop", "web@boston"]).expect(0);
    let file = init.file("units/web@.toml");
    let text = fs::read_to_string(&file).expect("a unit file").replace("new4", "linked");
    fs::write(init.file("elsewhere.toml"), text).expect("a file");
    fs::remove_file(&file).expect("remove");
    symlink(init.file("elsewhere.toml"), &file).expect("a link");
    let said = init.verb(&["reload"]).expect(0).stdout;
    assert!(said.contains("web@boston  applied live   environment\n"), "{said}");
    assert_eq!(tenant(&init), "linked");
    fs::remove_file(&file).expect("remove");
    init.verb(&["reload"]).expect(0);
    init.get("/boston").expect(404);
    eventually("it is no more", || init.list().is_empty());
}

#[test]
fn a_broken_configuration_changes_nothing_and_every_mistake_is_told() {
    let init = Init::new().web(&web(&["boston"])).start();
    assert_eq!(tenant(&init), "boston");
    put_web(&init, &web(&["boston", "nyc"]).set("TENANT", "new"));
    put(&init, "one.toml", "[service]\nexec_strat = 'x'\n");
    put(&init, "two.toml", "this is no TOML");
    let ran = init.verb(&["reload"]).expect(78);
    let told = init.verb(&["check"]).expect(78).stderr;
    for line in told.lines().filter(|line| line.starts_with("units/")) {
        assert!(ran.stderr.contains(line), "{line} is not in {ran:?}");
    }
    assert!(ran.stderr.ends_with("the configuration is refused; nothing has changed\n"), "{ran:?}");
    assert_eq!(init.verb(&["reload", "--json"]).expect(78).json()["answer"], "broken");
    init.signal(Signal::SIGHUP);
    init.wait_log(&["reload: the new configuration is refused"]);
    assert_eq!(init.list().len(), 1);
    init.get("/nyc").expect(404);
    init.verb(&["restart", "web@boston"]).expect(0);
    assert_eq!(tenant(&init), "boston");
    fs::write(init.file("tenantd.toml"), "[htp]\n").expect("tenantd.toml");
    init.verb(&["reload"]).expect(78);
    assert_eq!(tenant(&init), "boston");
}

#[test]
fn a_removed_tenant_answers_404_at_once_and_ends_after_its_requests() {
    let init = Init::new().web(&web(&["boston", "nyc"])).start();
    assert_eq!(tenant(&init), "boston");
    init.get("/nyc").expect(200);
    let kept = fs::metadata(init.file("run/web@nyc.sock")).expect("a socket").ino();
    let mut cable = Cable::open(&init, "/nyc/cable", &[]);
    thread::scope(|scope| {
        let slow = scope.spawn(|| init.get("/boston/slow?ms=1500"));
        eventually("it is in flight", || init.status("web@boston")["requests"]["in_flight"] == 1);
        put_web(&init, &web(&["nyc", "dallas"]));
        let said = init.verb(&["reload"]).expect(0).stdout;
        assert!(said.contains("web@boston  removed\n") && said.contains("web@dallas  added\n"), "{said}");
        init.get("/boston").expect(404);
        init.get("/dallas").expect(200);
        slow.join().expect("a client").expect(200);
    });
    eventually("it is no more", || init.list().len() == 2);
    eventually("so is its socket", || !init.file("run/web@boston.sock").exists());
    assert_eq!(fs::metadata(init.file("run/web@nyc.sock")).expect("a socket").ino(), kept);
    assert!(cable.try_echo("still there"));
    put_web(&init, &web(&["boston", "nyc"]));
    init.verb(&["reload"]).expect(0);
    assert_eq!(tenant(&init), "boston");
}

#[test]
fn twenty_reloads_lose_none_of_500_requests() {
    let init = Init::new().web(&web(&["boston"])).start();
    assert_eq!(tenant(&init), "boston");
    let (served, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..10)
            .map(|client| {
                let (init, served, over) = (&init, &served, &over);
                scope.spawn(move || {
                    let mut connection = init.connect();
                    let mut n = 0;
                    while n < 50 || !over.load(Ordering::Relaxed) {
                        let target = format!("/boston/slow?ms=3&token={client}-{n}");
                        connection.get(&target).expect("an answer").expect(200);
                        served.fetch_add(1, Ordering::Relaxed);
                        n += 1;
                    }
                    n
                })
            })
            .collect();
        for round in 0..20 {
            let names: &[&str] = if round % 2 == 0 { &["boston", "nyc"] } else { &["boston"] };
            put_web(&init, &web(names).set("ROUND", &round.to_string()));
            let before = served.load(Ordering::Relaxed);
            init.verb(&["reload"]).expect(0);
            init.get("/nyc").expect(if round % 2 == 0 { 200 } else { 404 });
            eventually("requests go on", || served.load(Ordering::Relaxed) > before);
        }
        over.store(true, Ordering::Relaxed);
        let sent: usize = clients.into_iter().map(|client| client.join().expect("a client")).sum();
        assert!(sent >= 500 && sent == served.load(Ordering::Relaxed), "{sent}");
    });
    assert_eq!(init.status("web@boston")["starts"], 1);
}

#[test]
fn a_route_and_limits_change_for_the_next_request() {
    let init = Init::new().web(&web(&["boston"])).start();
    assert_eq!(tenant(&init), "boston");
    put_web(&init, &web(&["boston"]).route("path = \"/moved\""));
    let said = init.verb(&["reload"]).expect(0).stdout;
    assert!(said.contains("web@boston  applied live   path\n"), "{said}");
    init.get("/boston").expect(404);
    assert_eq!(init.get("/moved").expect(200).json()["tenant"], "boston");
    assert_eq!(init.status("web@boston")["starts"], 1);
    put_web(&init, &web(&["boston"]).route("path = \"/moved\"").service("idle_stop = \"50ms\""));
    init.verb(&["reload"]).expect(0);
    init.wait_active("web@boston", "inactive");
}

#[test]
fn keys_of_tenantd_toml_count_at_once_or_are_named() {
    let init = Init::new().web(&web(&["boston"])).start();
    let file = init.file("tenantd.toml");
    let text = fs::read_to_string(&file).expect("tenantd.toml");
    let listen = text.replace("listen = [", "listen = [\"127.0.0.1:0\", ");
    fs::write(&file, format!("{listen}[health]\npath = \"/well\"\n[log]\ntimestamps = false\n")).expect("tenantd.toml");
    init.get("/well").expect(404);
    let said = init.verb(&["reload"]).expect(0).stdout;
    assert!(said.contains("tenantd.toml  applied live: [health] path, [log] timestamps\n"), "{said}");
    assert!(said.contains("tenantd.toml  needs a restart of tenantd: [http] listen\n"), "{said}");
    init.get("/well").expect(200);
    init.get("/up").expect(404);
    assert_eq!(tenant(&init), "boston");
}

#[test]
fn a_changed_socket_is_bound_when_its_unit_is_down() {
    let init = Init::new().web(&web(&["boston"])).start();
    assert_eq!(tenant(&init), "boston");
    let file = init.file("units/web@.toml");
    let text = fs::read_to_string(&file).expect("a unit file");
    fs::write(&file, text.replace("%t/%n.sock", "%t/other-%i.sock")).expect("a unit file");
    let said = init.verb(&["reload"]).expect(0).stdout;
    assert!(said.contains("web@boston  at next start  listen\n"), "{said}");
    assert_eq!(tenant(&init), "boston");
    let (old, new) = (init.file("run/web@boston.sock"), init.file("run/other-boston.sock"));
    assert!(old.exists() && !new.exists());
    init.verb(&["stop", "web@boston"]).expect(0);
    eventually("it listens elsewhere", || new.exists() && !old.exists());
    assert_eq!(tenant(&init), "boston");
    init.verb(&["stop", "web@boston"]).expect(0);
    // The same path again, with another mode: the path is never missing for long, and is not taken away.
    let text = fs::read_to_string(&file).expect("a unit file");
    fs::write(&file, text.replace("[socket]", "[socket]\nmode = \"0600\"")).expect("a unit file");
    init.verb(&["reload"]).expect(0);
    assert_eq!(fs::metadata(&new).expect("a socket").mode() & 0o777, 0o600);
    assert_eq!(tenant(&init), "boston");
}

#[test]
fn a_socket_that_cannot_be_made_is_named_and_tried_again_by_the_next_reload() {
    let init = Init::new().web(&web(&["boston"])).start();
    assert_eq!(tenant(&init), "boston");
    fs::create_dir(init.file("run/web@nyc.sock")).expect("something in the way");
    put_web(&init, &web(&["boston", "nyc"]));
    let ran = init.verb(&["reload"]).expect(1);
    assert!(ran.stderr.contains("web@nyc: cannot make its socket: the path exists and is no socket"), "{ran:?}");
    init.get("/nyc").expect(404);
    assert_eq!(tenant(&init), "boston");
    fs::remove_dir(init.file("run/web@nyc.sock")).expect("remove");
    init.verb(&["reload"]).expect(0);
    init.get("/nyc").expect(200);
}

#[test]
fn two_units_exchange_their_sockets_and_routes() {
    let unit = |name: &str, at: &str| {
        let text = web(&[]).set("TENANT", name).route(&format!("path = \"/{at}\"")).text();
        text.replace("%t/%n.sock", &format!("%t/{at}.sock"))
    };
    let init = Init::new().unit("a.toml", &unit("a", "one")).unit("b.toml", &unit("b", "two")).start();
    let named = |path: &str| init.get(path).expect(200).json()["tenant"].as_str().unwrap_or_default().to_owned();
    assert_eq!((named("/one").as_str(), named("/two").as_str()), ("a", "b"));
    put(&init, "a.toml", &unit("a", "two"));
    put(&init, "b.toml", &unit("b", "one"));
    init.verb(&["reload"]).expect(0);
    assert_eq!((named("/one").as_str(), named("/two").as_str()), ("b", "a"));
    init.verb(&["restart", "a"]).expect(0);
    assert_eq!((named("/one").as_str(), named("/two").as_str()), ("b", "a"));
    init.verb(&["restart", "b"]).expect(0);
    assert_eq!((named("/one").as_str(), named("/two").as_str()), ("b", "a"));
    assert!(init.file("run/one.sock").exists() && init.file("run/two.sock").exists());
}

#[test]
fn a_running_high_unit_restarts_only_when_asked() {
    let vector =
        |seconds: u32| format!("[unit]\npriority = \"high\"\n[service]\nexec_start = [\"sleep\", \"{seconds}\"]\n");
    let init = Init::new().unit("vector.toml", &vector(1000)).start();
    init.wait_active("vector", "active");
    let pid = init.status("vector")["pid"].clone();
    put(&init, "vector.toml", &vector(2000));
    let said = init.verb(&["reload"]).expect(0).stdout;
    assert!(said.contains("vector  needs restart  exec_start: tenantd restart vector\n"), "{said}");
    assert_eq!(init.status("vector")["pid"], pid);
    init.verb(&["restart", "vector"]).expect(0);
    assert_ne!(init.status("vector")["pid"], pid);
    assert_eq!(init.verb(&["reload"]).expect(0).stdout, "0 changed, 1 unchanged\n");
    // A new one is started at once, as at boot.
    put(&init, "redis.toml", &vector(3000));
    init.signal(Signal::SIGHUP);
    init.wait_log(&["redis: reload: added"]);
    init.wait_active("redis", "active");
}

#[test]
fn reload_of_a_unit_runs_its_own_commands() {
    let unit = "[service]\nexec_start = [\"sleep\", \"1000\"]\nexec_reload = [[\"touch\", \"@DIR@/reloaded\"]]\n";
    let init =
        Init::new().unit("a.toml", unit).unit("b.toml", "[service]\nexec_start = [\"sleep\", \"1000\"]\n").start();
    init.verb(&["start", "a", "b"]).expect(0);
    init.verb(&["reload", "a"]).expect(0);
    assert!(init.file("reloaded").exists());
    let ran = init.verb(&["reload", "b"]).expect(1);
    assert!(ran.stderr.contains("reload b: invalid"), "{ran:?}");
    init.verb(&["reload", "none"]).expect(4);
}

#[test]
fn t12_a_stop_does_not_wait_for_a_reload() {
    let names: Vec<String> = (0..300).map(|n| format!("t{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut init = Init::new().web(&web(&names)).start();
    thread::scope(|scope| {
        let verbs: Vec<_> = (0..8).map(|_| scope.spawn(|| init.verb(&["reload"]))).collect();
        eventually("a reload has ended", || !init.log().with(&["reloaded: "]).is_empty());
        (0..50).for_each(|_| init.signal(Signal::SIGHUP));
        init.signal(Signal::SIGTERM);
        // Each has an answer: done, refused, or nobody there any more.
        for verb in verbs {
            let ran = verb.join().expect("a verb");
            assert!(matches!(ran.code, 0 | 1), "{ran:?}");
        }
    });
    assert_eq!(init.wait().code(), Some(0));
}
