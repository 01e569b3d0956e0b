//! What good configurations mean: defaults, templates, and which layer wins.

mod daemon;
mod preload;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::unit::{
    self, Listen, Name, Pass, Priority, Restart, Route, Sandbox, Service, ServiceType, Socket, Target, Unit,
};

const DAEMON: (&str, &str) = ("tenantd.toml", "runtime_directory = \"/run/t\"");

fn loaded(files: &[(&str, &str)]) -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    load(dir.path(), &|name| (name == "XDG_RUNTIME_DIR").then(|| "/run/user/7".to_owned()))
        .unwrap_or_else(|all| panic!("{all:#?}"))
}

fn units(files: &[(&str, &str)]) -> Vec<Unit> {
    let loaded = loaded(files);
    assert_eq!(loaded.warnings, []);
    loaded.units
}

fn unit(text: &str) -> Unit {
    units(&[DAEMON, ("units/web.toml", text)]).remove(0)
}

fn service(keys: &str) -> Service {
    unit(&format!("[service]\nexec_start = \"true\"\n{keys}")).service
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

#[test]
fn an_empty_directory_is_the_smallest_configuration() {
    let Loaded { config, units, warnings, .. } = loaded(&[]);
    // Which of the places can be written is the machine's business.
    let runtime_directory = config.runtime_directory.clone();
    assert_eq!(runtime_directory.file_name().and_then(|name| name.to_str()), Some("tenantd"));
    // So is its name.
    let fleet = Fleet { machine: config.fleet.machine.clone(), ..Fleet::default() };
    assert_eq!((config, units, warnings), (Config { runtime_directory, fleet, ..Config::default() }, vec![], vec![]));
}

const SHOWCASE: &str = r#"
[unit]
description = "Showcase event %i"
after = ["vector"]
[service]
type = "notify"
exec_start = ["puma", "-b", "unix://%t/%n.sock"]
working_directory = "/rails"
user = "rails"
environment = { DATABASE_URL = "sqlite3:/data/${database}.sqlite3", LOGO = "usual.png" }
idle_stop = "5m"
[socket]
listen = "unix:%t/%n.sock"
[route]
path = "/showcase/${path}"
[[instance]]
name = "nyc"
vars = { path = "2025/%i", database = "n y c" }
environment = { LOGO = "nyc.png" }
"#;
const VECTOR: &str = "[unit]\npriority = 'high'\n[service]\nexec_start = 'vector --config x'\nrestart = 'always'";

#[test]
fn a_template_and_a_high_unit() {
    let all = units(&[DAEMON, ("units/showcase@.toml", SHOWCASE), ("units/vector.toml", VECTOR)]);
    let socket = PathBuf::from("/run/t/showcase@nyc.sock");
    let environment = [("DATABASE_URL", "sqlite3:/data/n y c.sqlite3"), ("LOGO", "nyc.png")];
    let tenant = Unit {
        name: Name::new("showcase@nyc").unwrap(),
        source: "units/showcase@.toml".into(),
        description: "Showcase event nyc".into(),
        priority: Priority::Normal,
        after: vec![Name::new("vector").unwrap()],
        before: vec![],
        requires: vec![],
        wants: vec![],
        binds_to: vec![],
        part_of: vec![],
        conflicts: vec![],
        wanted_by: vec![],
        service: Service {
            kind: ServiceType::Notify,
            exec_start: words(&["puma", "-b", "unix:///run/t/showcase@nyc.sock"]),
            working_directory: Some("/rails".into()),
            user: Some("rails".into()),
            environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            idle_stop: Some(Duration::from_secs(300)),
            ..Service::default()
        },
        sandbox: Sandbox::default(),
        socket: Some(Socket { listen: Listen::Unix(socket), pass: Pass::Fds, mode: 0o660 }),
        route: Some(Route { path: "/showcase/2025/nyc".into(), ..Route::default() }),
        template: None,
    };
    let high = Unit {
        name: Name::new("vector").unwrap(),
        source: "units/vector.toml".into(),
        description: "vector".into(),
        priority: Priority::High,
        after: vec![],
        wanted_by: vec![Target::Boot],
        service: Service {
            exec_start: words(&["vector", "--config", "x"]),
            restart: Restart::Always,
            ..Service::default()
        },
        socket: None,
        route: None,
        ..tenant.clone()
    };
    assert_eq!(all, [tenant, high]);
}

#[test]
fn the_highest_layer_wins_and_tables_merge() {
    let template = "[service]\nexec_start = 'a'\nuser = 'u1'\nrestart_steps = 1\ntimeout_stop = 1\n\
        environment = { A = '1', B = '1', C = '1', D = '1', E = '1' }\n[[instance]]\nname = 'x'\nenvironment = { C = '3' }\n\
        service = { timeout_stop = 3 }";
    let files = [
        DAEMON,
        ("units/a@.toml", template),
        (
            "units/a@.toml.d/10.toml",
            "[service]\nuser = 'u2'\nrestart_steps = 2\nenvironment.B = '2'\n[[instance]]\nname = 'y'",
        ),
        ("units/a@.toml.d/20.toml", "[service]\nrestart_steps = 3\nenvironment = { B = '%i' }"),
        ("units/a@x.toml", "environment = { D = '4' }\n[unit]\ndescription = 'file'"),
        ("units/a@x.toml.d/1.toml", "[service]\nenvironment = { E = '5' }\ntimeout_stop = 5"),
        ("units/a@z.toml", "vars = { v = 'z' }\n[service]\nexec_start = ['${v}']"),
    ];
    let all = units(&files);
    let names: Vec<&str> = all.iter().map(|unit| unit.name.as_str()).collect();
    assert_eq!(names, ["a@x", "a@y", "a@z"]);
    let environment = |unit: &Unit| unit.service.environment.values().cloned().collect::<Vec<_>>().join(" ");
    let [x, y, z] = &all[..] else { panic!() };
    assert_eq!([environment(x), environment(y), environment(z)], ["1 x 3 4 5", "1 y 1 1 1", "1 z 1 1 1"]);
    assert_eq!([x, y, z].map(|unit| unit.service.timeout_stop.as_secs()), [5, 1, 1]);
    assert_eq!([x, y, z].map(|unit| unit.service.restart_steps), [3, 3, 3]);
    assert_eq!([x, y, z].map(|unit| unit.service.exec_start[0].as_str()), ["a", "a", "z"]);
    assert_eq!([x, y, z].map(|unit| unit.service.user.as_deref()), [Some("u2"); 3]);
    assert_eq!([x, y, z].map(|unit| unit.description.as_str()), ["file", "a@y", "a@z"]);
    let sources = ["units/a@x.toml", "units/a@.toml.d/10.toml", "units/a@z.toml"].map(Path::new);
    assert_eq!([x, y, z].map(|unit| unit.source.as_path()), sources);
}

#[test]
fn a_hidden_value_is_not_read() {
    let template = "[service]\nexec_start = 'a'\nenvironment = { A = '${none}' }\n[[instance]]\nname = 'x'\nenvironment = { A = '' }";
    assert_eq!(units(&[DAEMON, ("units/a@.toml", template)]).len(), 1);
}

#[test]
fn pre_commands_are_strings_or_arrays_of_words() {
    for (value, expected) in [
        ("[]", &[] as &[&[&str]]),
        ("'a b'", &[&["a", "b"]]),
        ("['a b', 'c']", &[&["a", "b"], &["c"]]),
        ("[['a b', 'c'], 'd e']", &[&["a b", "c"], &["d", "e"]]),
        ("['echo %n']", &[&["echo", "web"]]),
    ] {
        let expected: Vec<Vec<String>> = expected.iter().map(|command| words(command)).collect();
        assert_eq!(service(&format!("exec_start_pre = {value}")).exec_start_pre, expected, "{value}");
    }
}

#[test]
fn timeouts_of_a_start() {
    for (keys, expected) in [
        ("", Some(90)),
        ("type = 'oneshot'", None),
        ("type = 'oneshot'\ntimeout_start = '1m'", Some(60)),
        ("timeout_start = 'infinity'", None),
        ("timeout_start = 5", Some(5)),
    ] {
        assert_eq!(service(keys).timeout_start, expected.map(Duration::from_secs), "{keys}");
    }
    assert_eq!(service("restart_sec = '1m'").restart_max_delay_sec, Duration::from_secs(60));
}

#[test]
fn sockets() {
    for (text, listen, pass, mode) in [
        ("[route]\npath = '/'", "unix:/run/t/web.sock", Pass::Fds, 0o660),
        ("[socket]", "unix:/run/t/web.sock", Pass::Fds, 0o660),
        ("[socket]\nmode = '0600'", "unix:/run/t/web.sock", Pass::Fds, 0o600),
        ("[socket]\nmode = 0o666", "unix:/run/t/web.sock", Pass::Fds, 0o666),
        ("[socket]\npass = 'port'", "tcp:127.0.0.1:0", Pass::Port, 0o660),
        ("[socket]\npass = 'port'\nlisten = 'tcp:[::1]:7000'", "tcp:[::1]:7000", Pass::Port, 0o660),
    ] {
        let socket = unit(&format!("[service]\nexec_start = 'true'\n{text}")).socket.unwrap();
        assert_eq!((socket.listen.to_string().as_str(), socket.pass, socket.mode), (listen, pass, mode), "{text}");
    }
}

#[test]
fn routes() {
    for (text, host, path) in [
        ("path = '/'", None, ""),
        ("path = '/a/b'", None, "/a/b"),
        ("host = 'Boston.Example.com'", Some("boston.example.com"), ""),
        ("host = 'b'\npath = '/%n'", Some("b"), "/web"),
    ] {
        let route = unit(&format!("[service]\nexec_start = 'true'\n[route]\n{text}")).route.unwrap();
        assert_eq!((route.host.as_deref(), route.path.as_str()), (host, path), "{text}");
    }
}

#[test]
fn hundreds_of_tenants_from_one_template() {
    let instance = |n: usize| format!("[[instance]]\nname = 't{n}'\nvars = {{ path = 't{n}', database = 't{n}' }}\n");
    let template: String = std::iter::once(SHOWCASE.to_owned()).chain((0..370).map(instance)).collect();
    let all = units(&[DAEMON, ("units/showcase@.toml", &template), ("units/vector.toml", VECTOR)]);
    assert_eq!(all.iter().filter(|unit| unit.route.is_some()).count(), 371);
}

/// Keys that mean much the same wherever they are.
const SHARED: [&str; 5] = ["path", "machines", "via", "target", "max_age"];

#[test]
fn every_key_is_documented_and_belongs_to_one_section() {
    for sections in [SECTIONS, unit::SECTIONS] {
        // What is written several times is looked up last.
        let once = sections.iter().filter(|section| !section.many);
        let mut keys: Vec<&str> = once
            .flat_map(|section| section.keys.iter().map(|key| key.name))
            .filter(|key| !SHARED.contains(key))
            .collect();
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), all, "a key of two sections cannot be told where it belongs");
        for section in sections {
            assert!(!section.doc.is_empty() && section.keys.iter().all(|key| !key.doc.is_empty()), "{}", section.name);
        }
    }
}

#[test]
fn limits_of_a_sandbox() {
    let text = "[service]\nexec_start = 'a'\n[sandbox]\nmemory_max = '1.5G'\nmemory_high = 4096\ntasks_max = 64\ncpu_weight = 10000\n\
                cpu_quota = '150%'";
    let sandbox = unit(text).sandbox;
    assert!(sandbox.is_set());
    assert_eq!((sandbox.memory_max, sandbox.memory_high), (Some(1536 << 20), Some(4096)));
    assert_eq!((sandbox.tasks_max, sandbox.cpu_weight), (Some(64), Some(10_000)));
    assert_eq!(sandbox.cpu_micros(), Some(150_000));
    let none = "[service]\nexec_start = 'a'\n[sandbox]\nmemory_max = 'infinity'\ntasks_max = 'infinity'\ncpu_quota = 'infinity'";
    assert!(!unit(none).sandbox.is_set());
}
