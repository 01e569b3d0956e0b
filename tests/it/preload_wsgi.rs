//! src/preload/wsgi.py with Debian's gunicorn, Flask and Django: what a forked tenant is, and what is refused instead of served wrongly.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::client::{Connection, request_head};
use crate::harness::{eventually, signal};
use crate::preload_driver::{PYTHON, Template, Tenant};
use crate::procfs;

/// What a process is, for both applications.
const ABOUT: &str = include_str!("preload_wsgi/about.py");
const FLASK: &str = include_str!("preload_wsgi/flask_app.py");
const FLASK_HOOK: &str = include_str!("preload_wsgi/flask_hook.py");
const DJANGO: &str = include_str!("preload_wsgi/django_app.py");
const DJANGO_SETTINGS: &str = include_str!("preload_wsgi/django_settings.py");
const DJANGO_HOOK: &str = include_str!("preload_wsgi/django_hook.py");

/// An application in a directory of its own, and its template.
struct World {
    directory: tempfile::TempDir,
    template: Template,
}

impl World {
    /// Writes these files and starts the template; it is not booted.
    #[track_caller]
    fn new(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::Builder::new().prefix("it-").tempdir().expect("a temporary directory");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("for any user");
        for (name, text) in files.iter().chain(&[("about.py", ABOUT)]) {
            fs::write(directory.path().join(name), text).expect("a file");
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/preload/wsgi.py");
        let template = Template::start(&[PYTHON, script], directory.path(), variables);
        Self { directory, template }
    }

    /// Flask with its hook, booted.
    #[track_caller]
    fn flask(declared: &[&str]) -> Self {
        let world = Self::new(&[("app.py", FLASK), ("tenant_fork.py", FLASK_HOOK)], &[("ONLY_TEMPLATE", "1")]);
        world.boot(declared);
        world
    }

    #[track_caller]
    fn boot(&self, declared: &[&str]) -> Value {
        self.template.boot(self.booting(&["/"], declared))
    }

    fn booting(&self, warm: &[&str], declared: &[&str]) -> Value {
        let hook = self.file("tenant_fork.py");
        json!({ "argv": argv(), "warm": warm, "hook": hook, "hook_required": false, "declared": declared })
    }

    /// What to send for a tenant of this name: its title, its database and its secret differ from the others'.
    fn order(&self, name: &str, more: &[(&str, &str)]) -> Value {
        let (database, path) = (self.database(name), std::env::var("PATH").expect("PATH"));
        let own = [("TITLE", name), ("DATABASE", &database), ("SECRET_KEY", name), ("PATH", path.as_str())];
        let home = [("HOME", "/nonexistent"), ("LISTEN_FDNAMES", "app")];
        let env: BTreeMap<_, _> = own.iter().chain(&home).chain(more).copied().collect();
        json!({ "id": name, "argv": argv(), "env": env, "cwd": self.directory.path(), "umask": 0o27, "user": null })
    }

    #[track_caller]
    fn fork(&self, name: &str) -> Tenant {
        self.template.fork(self.order(name, &[]))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().expect("a directory").join(name)
    }

    fn database(&self, name: &str) -> String {
        self.file(&format!("{name}.sqlite3")).to_str().expect("UTF-8").to_owned()
    }
}

fn argv() -> Value {
    json!(["gunicorn", "-b", "unix:/nonexistent/app.sock", "app:app"])
}

#[test]
fn flask_answers_the_queued_request_from_its_own_database_and_environment() {
    let world = World::flask(&["TITLE", "DATABASE"]);
    let mut tenants = ["boston", "nyc"].map(|name| (name, world.fork(name)));
    for (name, tenant) in &mut tenants {
        let pid = tenant.hello();
        let mut client = Connection::open(tenant.address()).expect("the queue");
        client.send(&request_head("GET", "/", &[], 0)).expect("a request");
        tenant.go();
        let bound = tenant.next().expect("bound");
        assert_eq!(bound["bound"]["databases"], json!([world.database(name)]), "{bound}");
        let about = client.reply("GET").expect("an answer").json();
        let facts = (&about["database"], &about["title"], &about["umask"], &about["worker_of"]);
        assert_eq!(facts, (&world.database(name).into(), &(*name).into(), &0o27.into(), &pid.into()), "{about}");
        assert_eq!(about["directory"], json!(world.file("").to_str().map(|path| path.trim_end_matches('/'))));
        // Replaced whole; what the application itself did to it stays done, as after an exec.
        let keys = [
            "BOOTED",
            "DATABASE",
            "HOME",
            "LC_CTYPE",
            "LISTEN_FDNAMES",
            "PATH",
            "SECRET_KEY",
            "SERVER_SOFTWARE",
            "TITLE",
        ];
        assert_eq!(about["keys"], json!(keys), "{about}");
        assert_eq!(procfs::parent(pid), Some(world.template.init()));
        assert_eq!(fs::read_to_string(format!("/proc/{pid}/comm")).expect("its name"), "gunicorn\n");
        assert_eq!(tenant.next(), None, "the reply socket is closed");
        eventually("its output is its own", || !tenant.log().with(&["Booting worker"]).is_empty());
    }
    assert!(world.template.log().with(&["Booting worker"]).is_empty());
}

#[test]
fn django_answers_from_its_own_database_with_its_own_secret_and_no_cache_of_the_template() {
    let files = [("app.py", DJANGO), ("settings.py", DJANGO_SETTINGS), ("tenant_fork.py", DJANGO_HOOK)];
    let world = World::new(&files, &[]);
    let ready = world.boot(&["TITLE", "DATABASE", "SECRET_KEY"]);
    assert_eq!((&ready["warmed"], &ready["databases_open"]), (&json!([["/", 200]]), &0.into()), "{ready}");
    assert!(ready["engine"].as_str().is_some_and(|engine| engine.starts_with("django ")), "{ready}");
    for name in ["boston", "nyc"] {
        let mut tenant = world.fork(name);
        let (_, bound) = tenant.bound();
        let (database, about) = (world.database(name), tenant.get("/").expect(200).json());
        assert_eq!(bound["databases"], json!([database]));
        assert_eq!(about["secrets"], json!([name, name]), "{about}");
        assert_eq!((&about["database"], &about["cached"]), (&json!(database), &json!(database)), "{about}");
        assert!(
            about["keys"].as_array().is_some_and(|keys| keys.contains(&"DJANGO_SETTINGS_MODULE".into())),
            "{about}"
        );
    }
}

#[test]
fn gunicorn_says_that_it_is_ready_to_the_socket_of_the_tenant() {
    let world = World::flask(&["TITLE", "DATABASE"]);
    let path = world.file("notify");
    let notify = UnixDatagram::bind(&path).expect("a socket");
    notify.set_read_timeout(Some(std::time::Duration::from_secs(60))).expect("a timeout");
    let mut tenant = world.template.fork(world.order("boston", &[("NOTIFY_SOCKET", path.to_str().expect("UTF-8"))]));
    tenant.bound();
    let mut said = [0; 200];
    let length = notify.recv(&mut said).expect("READY=1");
    assert!(said[..length].starts_with(b"READY=1"));
}

#[test]
fn what_is_read_of_the_environment_is_listed_with_its_place_and_refused_when_it_differs() {
    let world = World::new(&[("app.py", FLASK), ("tenant_fork.py", FLASK_HOOK)], &[]);
    let ready = world.boot(&["TITLE"]);
    let line = |words| FLASK.lines().position(|line| line.contains(words)).expect("a line") + 1;
    let place = json!([format!("app.py:{}", line("\"DATABASE\","))]);
    assert_eq!(ready["env"]["DATABASE"], place, "{ready}");
    assert!(ready["env"]["TITLE"][0].as_str().is_some_and(|place| place.starts_with("about.py:")), "{ready}");
    assert_eq!(ready["env"].get("NOTIFY_SOCKET"), None);
    assert_eq!(ready["env"].get("*"), None, "{ready}");
    let error = world.fork("boston").refused();
    assert_eq!(error["what"], "env");
    let text = error["text"].as_str().expect("a text");
    assert!(text.starts_with("DATABASE differs") && text.contains("preload_env"), "{text}");
}

#[test]
fn whoever_lists_the_whole_environment_depends_on_every_key() {
    let world = World::new(&[("app.py", FLASK), ("tenant_fork.py", FLASK_HOOK)], &[]);
    let ready = world.template.boot(world.booting(&["/whole"], &["TITLE", "DATABASE", "SECRET_KEY"]));
    assert!(ready["env"]["*"].is_array(), "{ready}");
    world.fork("boston").bound();
    let error = world.template.fork(world.order("nyc", &[("UNHEARD_OF", "1")])).refused();
    assert!(error["text"].as_str().is_some_and(|text| text.starts_with("UNHEARD_OF differs")), "{error}");
}

#[test]
fn no_tenant_of_flask_is_served_from_the_database_of_the_template() {
    let world = World::new(&[("app.py", FLASK)], &[]);
    world.boot(&["TITLE", "DATABASE"]);
    let error = world.fork("boston").refused();
    assert_eq!(error["what"], "hook", "nothing binds what was read when it booted: {error}");
    assert!(error["text"].as_str().is_some_and(|text| text.starts_with("DATABASE was read at app.py:")), "{error}");
    // A hook that forgets it: only the file that is opened shows it.
    fs::write(world.file("tenant_fork.py"), "").expect("a hook");
    let mut tenant = world.fork("boston");
    tenant.bound();
    tenant.get("/").expect(500);
    eventually("it is said why", || !tenant.log().with(&["template.sqlite3 is the template's database"]).is_empty());
    fs::write(world.file("tenant_fork.py"), "shared_databases = ['template.sqlite3']").expect("a hook");
    let mut tenant = world.fork("boston");
    tenant.bound();
    tenant.get("/").expect(200);
}

#[test]
fn no_tenant_of_django_is_served_from_the_database_of_the_template() {
    let files = [("app.py", DJANGO), ("settings.py", DJANGO_SETTINGS), ("tenant_fork.py", "")];
    let world = World::new(&files, &[]);
    // Not even if the template has never opened it.
    world.template.boot(world.booting(&[], &["TITLE", "DATABASE", "SECRET_KEY"]));
    let error = world.fork("boston").refused();
    assert_eq!(error["what"], "database", "{error}");
    assert!(error["text"].as_str().is_some_and(|text| text.contains("template.sqlite3")), "{error}");
    // As if a setting were changed, and the connections not.
    let hook =
        "from django.conf import settings\nsettings.DATABASES = {'default': {'NAME': '/nonexistent/other.sqlite3'}}\n";
    fs::write(world.file("tenant_fork.py"), hook).expect("a hook");
    let error = world.fork("boston").refused();
    assert!(error["text"].as_str().is_some_and(|text| text.contains("settings.DATABASES")), "{error}");
}

#[test]
fn a_hook_that_fails_is_named() {
    let world = World::flask(&["TITLE", "DATABASE"]);
    fs::write(world.file("tenant_fork.py"), "raise ValueError('no such event')").expect("a hook");
    let mut tenant = world.fork("boston");
    let error = tenant.refused();
    assert_eq!(error["what"], "hook");
    assert!(error["text"].as_str().is_some_and(|text| text.contains("no such event")), "{error}");
    assert_eq!(world.template.ended(tenant.pid()).code(), Some(1));
}

#[test]
fn malformed_messages_are_answered_and_never_end_the_template() {
    let world = World::flask(&["TITLE", "DATABASE"]);
    let whole = world.order("boston", &[]);
    let without = |key: &str| {
        let mut order = whole.clone();
        order.as_object_mut().expect("an object").remove(key);
        json!({ "v": 1, "fork": order }).to_string()
    };
    let deep = "[".repeat(60_000);
    let (second, boot) = (json!({ "v": 2, "fork": whole }).to_string(), json!({ "v": 1, "boot": {} }).to_string());
    let bad = ["{", "[]", "7", "\u{0}", "", "{\"v\":1}", "{\"v\":1,\"fork\":7}", &deep, &second, &boot];
    let bad = bad.iter().map(|&text| text.to_owned()).chain(["argv", "env", "cwd"].map(without));
    let descriptors = procfs::descriptors(world.template.pid());
    for text in bad {
        assert_eq!(world.template.ask(text.as_bytes()).error()["what"], "message", "{text}");
        // And without descriptors: there is nowhere to answer.
        world.template.send(text.as_bytes());
    }
    world.template.send(json!({ "v": 1, "fork": whole }).to_string().as_bytes());
    let mut tenant = world.fork("boston");
    tenant.bound();
    assert_eq!(tenant.get("/").expect(200).json()["title"], "boston");
    eventually("nothing is left open", || procfs::descriptors(world.template.pid()) == descriptors);
    let parents = [world.template.pid(), world.template.init()];
    eventually("no zombie", || parents.into_iter().all(|pid| procfs::zombies(pid) == 0));
}

#[test]
fn sigterm_ends_the_template_by_the_signal_and_a_tenant_as_an_exec_would() {
    let world = World::flask(&["TITLE", "DATABASE"]);
    let mut running = world.fork("boston");
    let (boston, _) = running.bound();
    running.get("/").expect(200);
    let mut second = world.fork("nyc");
    let waiting = second.hello();
    assert!(signal(waiting, Signal::SIGTERM));
    assert_eq!(world.template.ended(waiting).signal(), Some(15));
    world.template.signal(Signal::SIGTERM);
    assert_eq!(world.template.ended(world.template.pid()).signal(), Some(15));
    assert_eq!(running.get("/").expect(200).json()["title"], "boston");
    // gunicorn takes the signal as its order to stop.
    assert!(signal(boston, Signal::SIGTERM));
    assert_eq!(world.template.ended(boston).code(), Some(0));
}

#[test]
fn the_template_ends_with_its_init_and_its_tenants_go_on() {
    let mut world = World::flask(&["TITLE", "DATABASE"]);
    let mut tenant = world.fork("boston");
    tenant.bound();
    world.template.hang_up();
    assert_eq!(world.template.ended(world.template.pid()).code(), Some(0));
    assert_eq!(tenant.get("/").expect(200).json()["title"], "boston");
}

#[test]
fn a_tenant_that_is_not_let_go_ends_silently() {
    let world = World::flask(&["TITLE", "DATABASE"]);
    let mut tenant = world.fork("boston");
    let (pid, log) = (tenant.hello(), tenant.log().clone());
    drop(tenant);
    assert_eq!(world.template.ended(pid).code(), Some(1));
    assert_eq!(log.lines(), Vec::<String>::new());
    eventually("no zombie", || procfs::zombies(world.template.pid()) == 0);
}

#[test]
fn a_tenant_is_who_the_unit_says_or_is_refused() {
    let world = World::flask(&["TITLE", "DATABASE"]);
    let mut order = world.order("boston", &[]);
    order["user"] = json!({ "uid": 65534, "gid": 65533, "groups": [65532, 65533] });
    let mut tenant = world.template.fork(order);
    if !nix::unistd::geteuid().is_root() {
        assert_eq!(tenant.refused()["what"], "user");
        return;
    }
    tenant.bound();
    let about = tenant.get("/").expect(200).json();
    assert_eq!((&about["uids"], &about["groups"]), (&json!([65534, 65534, 65534]), &json!([65532, 65533])), "{about}");
    assert_eq!(about["effective"], "0000000000000000");
}

#[test]
fn a_database_that_stays_open_is_counted() {
    let world = World::new(&[("app.py", FLASK)], &[("KEPT", "kept.sqlite3")]);
    assert_eq!(world.boot(&[])["databases_open"], 1);
    // Whoever opened it.
    let text = "import shutil, sqlite3\nsqlite3.connect('a').execute('create table t (n)')\nshutil.copy('a', 'b')\n\
                kept = open('b')\napp = lambda environ, start: start('200 OK', []) or []";
    assert_eq!(World::new(&[("app.py", text)], &[]).boot(&[])["databases_open"], 1);
}

#[test]
fn an_application_that_does_not_boot_says_why_and_ends() {
    let cases = [
        ("import about\nraise LookupError('no such event')", "LookupError: no such event"),
        ("app = None", "AppImportError: Failed to find application object"),
        ("import sys\nsys.exit('not today')", "SystemExit: not today"),
    ];
    for (text, reason) in cases {
        let world = World::new(&[("app.py", text)], &[]);
        world.template.send(json!({ "v": 1, "boot": world.booting(&[], &[]) }).to_string().as_bytes());
        assert_eq!(world.template.next(), None);
        assert_eq!(world.template.ended(world.template.pid()).code(), Some(1), "{text}");
        eventually("the reason", || !world.template.log().with(&[reason]).is_empty());
    }
}
