//! `tenantd preload doctor`: templates that say what the test wants said, and a real one.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::harness::{Init, Ran, TENANTD, eventually, signal, verb};
use crate::procfs;
use crate::setup::{Setup, free_address};
use crate::showcase::showcase;

/// Tenants of an application that is a shell script.
const WEB: &str = r#"
[service]
type = "notify"
exec_start = ["sh", "@DIR@/app.sh", "puma", "-b", "unix:%t/%n.sock"]
working_directory = "@DIR@"
preload = "rails"
preload_env = ["LOGO"]
[service.environment]
TITLE = "hush %i"
[socket]
listen = "unix:%t/%n.sock"
[route]
path = "/%i"
[[instance]]
name = "boston"
environment = { TITLE = "hush" }
[[instance]]
name = "nyc"
environment = { LD_PRELOAD = "hush.so", LOGO = "hush" }
"#;

/// Says what it has read, and then waits until its control socket is closed.
const READY: &str = "echo booting >&2; printf %s '@READY@' >&3; cat <&3 >/dev/null; echo bye";

const READ: &str = r#"{"v":1,"ready":{"engine":"rails 6.1, ruby 3.1","schema":{"primary":"2026"},"env":{"TITLE":["config/initializers/title.rb:3","gem x-1.0: lib/x.rb:1"],"LOGO":["config/application.rb:9"],"PATH":[]},"threads":["reaper"],"databases_open":0,"warmed":[["/",200],["/events",503]],"notes":["one"],"seconds":4.23}}"#;

const TEXT: &str = r#"web@.preload: rails 6.1, ruby 3.1, ready in 4.2 s

UNIT        START  BECAUSE
web@boston  exec   TITLE
web@nyc     exec   LD_PRELOAD, TITLE

LD_PRELOAD differs in web@nyc
  fixed     in effect before the application runs: preload_env cannot change that
  cure      give all tenants the same value: write it in [service.environment] of web@.toml

TITLE differs in web@boston, web@nyc
  read at   config/initializers/title.rb:3
            gem x-1.0: lib/x.rb:1
  cure      read ENV["TITLE"] where it is needed, in a method that runs for a request, and not while booting
  or        write preload_env = ["TITLE"] below [service] of web@.toml, and in config/tenant_fork.rb: load "config/initializers/title.rb" (if it can run twice; else set anew what it makes of ENV["TITLE"])
  or        give all tenants the same value: write it in [service.environment] of web@.toml

  warm-up   / 200
            /events 503: FAILED, see what it says above; its view is not warm
  schema    primary 2026
  thread    reaper: no tenant has it
  declared  LOGO, but config/tenant_fork.rb is not there: all tenants have the template's value
  read      3 variables, 1 of them the same for all
  note      one

0 of 2 tenants can be forked
"#;

/// The configuration of [`WEB`] with this application.
fn web(app: &str) -> Setup {
    let setup = Init::new().unit("web@.toml", WEB);
    fs::write(setup.path().join("app.sh"), app).expect("the application");
    setup.write(free_address());
    setup
}

fn ready(message: &str) -> Setup {
    web(&READY.replace("@READY@", message))
}

fn doctor(setup: &Setup, words: &[&str]) -> Ran {
    let ran = verb(setup.path(), &[&["preload", "doctor"], words].concat());
    assert!(!(ran.stdout.clone() + &ran.stderr).contains("hush"), "a value is told: {ran:?}");
    ran
}

#[test]
fn the_report_names_every_key_its_places_and_the_cure() {
    let setup = ready(READ);
    let ran = doctor(&setup, &["web@"]).expect(1);
    assert_eq!(ran.stdout, TEXT);
    let told: Vec<_> = ran.stderr.lines().collect();
    assert!(told[0].starts_with("booting web@.preload: sh /"), "{told:?}");
    assert_eq!(told[1..], ["booting", "bye"]);
    for other in ["web", "web@.preload"] {
        assert_eq!(doctor(&setup, &[other]).expect(1).stdout, TEXT, "{other}");
    }
}

#[test]
fn one_tenant_is_asked_about_and_all_is_well() {
    let setup = ready(&READ.replace("\"TITLE\":", "\"X\":"));
    let ran = doctor(&setup, &["web@boston", "--json"]).expect(0).json();
    assert_eq!(ran["tenants"], json!([{ "unit": "web@boston", "start": "fork", "because": "", "keys": [] }]));
    assert_eq!(ran["warmed"], json!([{ "path": "/", "status": 200 }, { "path": "/events", "status": 503 }]));
    let told = [&ran["template"], &ran["engine"], &ran["forked"], &ran["read"], &ran["equal"], &ran["hook"]["exists"]];
    assert_eq!(
        told,
        [&json!("web@.preload"), &json!("rails 6.1, ruby 3.1"), &json!(1), &json!(3), &json!(3), &json!(false)]
    );
    assert_eq!((&ran["keys"], &ran["declared"], &ran["refused"]), (&json!([]), &json!([]), &json!(null)));
}

#[test]
fn a_key_in_json_has_places_tenants_and_cures() {
    let ran = doctor(&ready(READ), &["web@nyc", "--json"]).expect(1).json();
    let keys = ran["keys"].as_array().expect("keys");
    assert_eq!((&keys[0]["key"], &keys[0]["fixed"]), (&json!("LD_PRELOAD"), &json!(true)));
    assert_eq!(keys[1]["places"], json!(["config/initializers/title.rb:3", "gem x-1.0: lib/x.rb:1"]));
    assert_eq!((&keys[1]["tenants"], keys[1]["cures"].as_array().map(Vec::len)), (&json!(["web@nyc"]), Some(3)));
    assert_eq!(ran["declared"][0]["key"], "LOGO");
}

#[test]
fn a_template_with_a_database_is_refused_for_all() {
    let setup = ready(r#"{"v":1,"ready":{"env":{},"databases_open":2}}"#);
    let ran = doctor(&setup, &["web@boston"]).expect(1);
    for line in ["web@boston  exec   the template is refused", "refused   the template holds 2 open databases"] {
        assert!(ran.stdout.contains(line), "{ran:?}");
    }
}

#[test]
fn an_application_that_does_not_boot_tells_its_own_error() {
    for (app, code, expected) in [
        (
            "echo 'no such gem' >&2; exit 3",
            1,
            "no such gem\ntenantd: web@.preload: it exited with 3 before it was ready",
        ),
        ("kill -9 $$", 1, "it was ended by signal 9 before it was ready"),
        ("printf '{\"v\":2,\"ready\":{}}' >&3; cat <&3 >/dev/null", 1, "it is not understood: version 2"),
        // It closes its control socket, and says nothing.
        ("exec 3>&-; echo gone", 1, "gone\ntenantd: web@.preload: it exited with 0 before it was ready"),
    ] {
        let ran = doctor(&web(app), &["web"]).expect(code);
        assert!(ran.stderr.contains(expected) && ran.stdout.is_empty(), "{ran:?}");
    }
}

#[test]
fn what_cannot_be_examined_says_what_to_write() {
    let setup = ready(READ).unit("other@.toml", "[service]\nexec_start = 'true'\n[[instance]]\nname = 'a'\n");
    let setup = setup.unit("single.toml", "[service]\nexec_start = 'true'\n");
    for (words, code, expected) in [
        (vec!["other@"], 78, "has no preload; write preload = \"rails\" (or \"wsgi\") below [service]"),
        (vec!["single"], 78, "single is no tenant"),
        (vec!["web@paris"], 4, "no unit web@paris; see tenantd list"),
        (vec!["nothing@"], 4, "no unit nothing@"),
        (vec![], 64, "write tenantd preload doctor showcase@"),
        (vec!["web", "other"], 64, "write tenantd preload doctor showcase@"),
    ] {
        let ran = doctor(&setup, &words).expect(code);
        assert!(ran.stderr.contains(expected) && ran.stdout.is_empty(), "{words:?}: {ran:?}");
    }
    let setup = setup.unit("broken.toml", "[service]\nexec_strat = 'true'\n");
    assert!(doctor(&setup, &["web"]).expect(78).stderr.contains("broken.toml:2"));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let setup = ready(READ).drop_in("web@.toml", "[service]\nexec_start = ['no-such-program', 'puma']\n");
    let ran = doctor(&setup, &["web"]).expect(71);
    assert!(ran.stderr.contains("cannot execute no-such-program: No such file"), "{ran:?}");
}

#[test]
fn an_interrupt_leaves_nothing_behind() {
    // The second one does not want to go.
    for app in ["echo $$; exec sleep 1000", "trap '' TERM INT; sleep 1000 & echo $$; wait; sleep 1000; sleep 1000"] {
        let setup = web(app);
        let mut command = Command::new(TENANTD);
        command.arg("--config").arg(setup.path()).args(["preload", "doctor", "web"]);
        let mut doctor = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("tenantd");
        let mut lines = BufReader::new(doctor.stderr.take().expect("a pipe")).lines();
        let told = lines.find_map(|line| line.expect("a line").parse::<u32>().ok());
        let pid = told.expect("the pid of the application");
        let family = [vec![pid], procfs::descendants(pid)].concat();
        signal(doctor.id(), Signal::SIGINT);
        // The second counts when the first was heard.
        eventually("the doctor goes", || {
            signal(doctor.id(), Signal::SIGINT);
            doctor.try_wait().expect("a child").is_some()
        });
        assert_eq!(doctor.wait().expect("a child").code(), Some(130));
        eventually("all of it is gone", || {
            family.iter().all(|pid| procfs::state(*pid).is_none_or(|state| state == 'Z'))
        });
    }
}

#[test]
fn a_rails_application_is_examined_by_the_script_itself() {
    const READ: [&str; 2] = ["EVENT_TITLE", "RAILS_RELATIVE_URL_ROOT"];
    let examined = |lines: &str, code: i32| {
        let setup = showcase(&["boston", "nyc"]).service(lines).setup();
        setup.write(free_address());
        let ran = verb(setup.path(), &["preload", "doctor", "showcase", "--json"]).expect(code);
        assert!(!ran.stdout.contains("not a secret") && !ran.stdout.contains("/boston"), "a value is told: {ran:?}");
        ran.json()
    };
    let found = examined("preload = \"rails\"", 1);
    assert!(found["engine"].as_str().is_some_and(|engine| engine.starts_with("rails ")), "{found}");
    assert_eq!((&found["databases_open"], &found["warmed"][0]["status"]), (&json!(0), &json!(200)), "{found}");
    let keys = found["keys"].as_array().expect("keys");
    assert_eq!(keys.iter().map(|key| key["key"].as_str().unwrap_or_default()).collect::<Vec<_>>(), READ);
    assert_eq!(keys[0]["places"], json!(["db/seeds.rb:1"]));
    assert!(keys[1]["places"][0].as_str().is_some_and(|place| place.starts_with("config/application.rb:")), "{found}");

    let found = examined(&format!("preload = \"rails\"\npreload_env = {READ:?}"), 0);
    assert_eq!((&found["forked"], &found["keys"]), (&json!(2), &json!([])), "{found}");
    let declared = found["declared"].as_array().expect("declared");
    assert_eq!(declared.iter().map(|key| key["key"].as_str().unwrap_or_default()).collect::<Vec<_>>(), READ);
}
