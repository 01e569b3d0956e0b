//! New code and new settings while tenants of a template run: another template boots beside the old one, and nobody is interrupted.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::json;

use crate::client::{Connection, request_head};
use crate::harness::{Init, eventually, ran};
use crate::preload_rails::{TEMPLATE, assert_forked, preloaded, prepare, process, wait_another_template};
use crate::showcase::application;

const EVENTS: [&str; 3] = ["boston", "nyc", "chicago"];

/// The application lies in the configuration directory, where `current` points to.
pub const CURRENT: &str = "[service]\nworking_directory = \"@DIR@/current\"\n";

/// Copies the application; its answers say which release it is.
#[track_caller]
pub fn release(directory: &std::path::Path, name: &str) {
    let root = directory.join(name);
    let copied = ran(Command::new("cp").arg("-r").arg(application()).arg(&root));
    assert_eq!(copied.code, 0, "{copied:?}");
    mark(&root, name);
}

/// Changes the code of a release in its place.
fn mark(root: &std::path::Path, name: &str) {
    let whoami =
        fs::read_to_string(application().join("app/controllers/probes_controller.rb")).expect("the controller");
    let marked = whoami.replace("pid: Process.pid,", &format!("pid: Process.pid, release: \"{name}\","));
    assert_ne!(whoami, marked, "the controller has changed: mark it anew");
    fs::write(root.join("app/controllers/probes_controller.rb"), marked).expect("the controller");
}

/// Events of release `one`, their template booted.
#[track_caller]
fn deployed() -> Init {
    let setup = preloaded(&EVENTS, "preload_start = \"boot\"").setup();
    let setup = prepare(setup, &EVENTS);
    release(setup.path(), "one");
    symlink("one", setup.path().join("current")).expect("a link");
    let setup = setup.unit("showcase@.toml.d/where.toml", CURRENT);
    let init = setup.start();
    init.wait_active(TEMPLATE, "active");
    init
}

/// An answer of boston that does not end by itself: it is never idle.
#[track_caller]
fn hold(init: &Init) -> Connection {
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston/events?ms=20", &[], 0)).expect("a request");
    client.head().expect("a head");
    client
}

/// What the event says of its release, however it was started.
#[track_caller]
fn released(init: &Init, event: &str) -> (String, String) {
    let who = init.get(&format!("/{event}/whoami.json")).expect(200).json();
    assert_eq!(who["event"], json!(format!("Event {event}")));
    let by = init.status(&format!("showcase@{event}"))["preload"]["by"].clone();
    [&who["release"], &by].map(|text| text.as_str().unwrap_or_default().to_owned()).into()
}

fn of(release: &str, by: &str) -> (String, String) {
    (release.into(), by.into())
}

/// After `deploy`, tenants get the new code: at once by exec, then by the new template; boston when it is idle.
#[track_caller]
fn renewed(init: &Init, deploy: impl FnOnce(&Init)) {
    let mut stream = hold(init);
    assert_eq!(released(init, "boston"), of("one", "template"));
    let (template, boston) = (process(init, TEMPLATE), process(init, "showcase@boston"));
    deploy(init);
    assert_eq!(released(init, "nyc"), of("two", "exec"));
    let why = init.status("showcase@nyc")["preload"]["why"].as_str().unwrap_or_default().to_owned();
    assert_eq!(why, "a new release is there, and its template boots it now");
    // Nobody is interrupted.
    assert_eq!(released(init, "boston"), of("one", "template"));
    wait_another_template(init, template);
    assert_eq!(released(init, "chicago"), of("two", "template"));
    assert_eq!(process(init, "showcase@boston"), boston);
    assert!(stream.chunk().expect("a chunk").is_some());
    // By and by, it is idle: then its next request is answered by the new code.
    drop(stream);
    eventually("the old process is gone", || crate::procfs::state(boston).is_none());
    assert_eq!(released(init, "boston"), of("two", "template"));
    assert_eq!(init.log().with(&["tenantd: showcase@.preload: booted rails "]).len(), 2);
    let said = init.log().with(&["tenantd: showcase@boston: ", "SIGKILL"]);
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn a_link_to_another_release_is_a_new_template() {
    let init = deployed();
    renewed(&init, |init| {
        release(init.path(), "two");
        symlink("two", init.file("next")).expect("a link");
        fs::rename(init.file("next"), init.file("current")).expect("the switch");
    });
}

#[test]
fn another_revision_in_the_same_place_is_a_new_template() {
    let init = deployed();
    renewed(&init, |init| {
        mark(&init.file("one"), "two");
        fs::write(init.file("one/REVISION"), "two\n").expect("REVISION");
    });
}

/// The old template stays as long as the new code does not boot.
#[test]
fn a_release_that_does_not_boot_is_served_by_exec_or_not_at_all_and_what_runs_goes_on() {
    let init = deployed();
    assert_eq!(released(&init, "boston"), of("one", "template"));
    let boston = process(&init, "showcase@boston");
    release(init.path(), "two");
    fs::write(
        init.file("two/config/initializers/bad.rb"),
        "raise 'a bad day' if ENV['DATABASE_URL'].nil?\nraise 'worse'\n",
    )
    .expect("an initializer");
    symlink("two", init.file("next")).expect("a link");
    fs::rename(init.file("next"), init.file("current")).expect("the switch");
    // It fails as any deploy of such code does.
    let refused = init.get("/nyc/whoami.json").status();
    assert!(refused >= 500, "{refused}");
    init.wait_log(&["showcase@.preload[", "a bad day"]);
    assert_eq!(released(&init, "boston"), of("one", "template"));
    // Back to the one before: the template of that is still there.
    symlink("one", init.file("next")).expect("a link");
    fs::rename(init.file("next"), init.file("current")).expect("the switch");
    assert_eq!(released(&init, "chicago"), of("one", "template"));
    assert_eq!(process(&init, "showcase@boston"), boston);
}

#[test]
fn a_reload_with_another_environment_boots_the_template_anew() {
    let setup = preloaded(&EVENTS, "preload_start = \"boot\"").setup();
    let init = prepare(setup, &EVENTS).start();
    init.wait_active(TEMPLATE, "active");
    let mut stream = hold(&init);
    assert_forked(&init, "boston");
    let (template, boston) = (process(&init, TEMPLATE), process(&init, "showcase@boston"));
    let file = init.file("units/showcase@.toml.d/more.toml");
    fs::write(file, "[service.environment]\nLOG_LEVEL = \"debug\"\n").expect("a drop-in");
    init.verb(&["reload"]).expect(0);
    wait_another_template(&init, template);
    assert_forked(&init, "nyc");
    init.get("/nyc").expect(200);
    init.wait_log(&["showcase@nyc[", "stdout", "SELECT"]);
    assert!(stream.chunk().expect("a chunk").is_some());
    assert_eq!(process(&init, "showcase@boston"), boston);
    drop(stream);
    // It is started again with what is new.
    eventually("the old process is gone", || crate::procfs::state(boston).is_none());
    assert_forked(&init, "boston");
    init.get("/boston").expect(200);
    init.wait_log(&["showcase@boston[", "stdout", "SELECT"]);
}
