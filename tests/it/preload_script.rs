//! src/preload/rails.rb with real Rails: its protocol, and that a tenant is bound to nothing but its own.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::client::{Connection, request_head};
use crate::harness::{eventually, ran, signal};
use crate::preload_template::{Template, Tenant, open_files, receive, script, showcase_hook, sqlite};
use crate::procfs;

#[test]
fn a_template_says_what_it_read_and_holds_no_database() {
    let template = Template::showcase(&showcase_hook(), &[]);
    let ready = template.ready();
    assert_eq!((&ready["schema"], &ready["databases_open"]), (&json!({ "primary": "1" }), &json!(0)), "{ready}");
    assert_eq!((&ready["warmed"], &ready["threads"]), (&json!([["/", 200]]), &json!([])), "{ready}");
    assert_eq!(ready["notes"], json!([]), "{ready}");
    assert!(ready["engine"].as_str().is_some_and(|text| text.starts_with("rails 6.1")), "{ready}");
    let env = &ready["env"];
    assert_eq!(env["EVENT_TITLE"], json!(["db/seeds.rb:1"]), "{ready}");
    assert_eq!(env["SHOWCASE_TEST"], json!(["config/routes.rb:8"]), "{ready}");
    assert!(env["RAILS_ENV"].to_string().contains("gem railties-6.1"), "{ready}");
    assert!(env["RAILS_RELATIVE_URL_ROOT"].to_string().contains("config/application.rb:"), "{ready}");
    for rebound in ["DATABASE_URL", "SECRET_KEY_BASE", "NOTIFY_SOCKET", "LISTEN_FDS", "PORT"] {
        assert_eq!(env[rebound], Value::Null, "{ready}");
    }
    assert_eq!(fs::read_dir(template.path("tmp")).expect("tmp").count(), 0, "its scratch directory is left");
    let open = open_files(template.pid());
    assert!(!open.iter().any(|path| path.contains("sqlite") || path.contains("tenantd-preload")), "{open:?}");
}

#[test]
fn each_fork_answers_from_its_own_database_with_its_own_cookie() {
    let template = Template::showcase(&showcase_hook(), &[]);
    template.ready();
    let tenants = ["boston", "nyc"].map(|name| (name, template.event(name).bound()));
    for (name, tenant) in &tenants {
        let who = tenant.get(&format!("/{name}/whoami.json")).expect(200).json();
        let database = template.path(&format!("{name}.sqlite3"));
        assert_eq!((&who["event"], &who["database"]), (&json!(format!("Event {name}")), &json!(database)), "{who}");
        assert_eq!(who["pid"].as_u64(), procfs::inner(tenant.pid()).map(u64::from), "{who}");
        let page = tenant.get(&format!("/{name}")).expect(200);
        assert!(
            page.text().contains(&format!("name=\"action-cable-url\" content=\"/{name}/cable\"")),
            "{}",
            page.text()
        );
        let cookie = page.field("set-cookie").expect("a session").to_owned();
        assert!(
            cookie.starts_with(&format!("_showcase_{name}=")) && cookie.contains(&format!("path=/{name};")),
            "{cookie}"
        );
        assert!(session(name, &cookie).contains("_csrf_token"), "{cookie}");
        let open = open_files(tenant.pid());
        assert!(open.contains(&database.display().to_string()), "{open:?}");
        let title = fs::read_to_string(format!("/proc/{}/cmdline", tenant.pid())).expect("a title");
        assert!(title.starts_with("puma 5.") && title.contains("showcase"), "{title}");
    }
    assert_eq!(tenants.each_ref().map(|(_, tenant)| procfs::zombies(tenant.pid())), [0, 0]);
    assert!(procfs::children(template.pid()).is_empty());
}

/// The session in a cookie, opened with the secret of this event as an ordinary Rails would.
#[track_caller]
pub fn session(name: &str, cookie: &str) -> String {
    let open = "require 'active_support/all'; require 'cgi'
        key = ActiveSupport::KeyGenerator.new(ARGV[0], iterations: 1000).generate_key('authenticated encrypted cookie', 32)
        name, value = ARGV[1][/[^;]+/].split('=', 2)
        box = ActiveSupport::MessageEncryptor.new(key, cipher: 'aes-256-gcm', serializer: ActiveSupport::MessageEncryptor::NullSerializer)
        puts box.decrypt_and_verify(CGI.unescape(value), purpose: \"cookie.#{name}\")";
    ran(Command::new("ruby").args(["-e", open, &format!("the secret of {name}"), cookie])).stdout
}

#[test]
fn what_is_no_order_is_refused_and_the_template_lives_on() {
    let template = Template::showcase("", &[]);
    template.ready();
    let good = template.message(&[]);
    let long = good.replace("x@y", &"x".repeat(66_000));
    let cases = [
        ("{", 4, "not JSON"),
        ("[]", 4, "not an object"),
        (&good.replace("\"v\":1", "\"v\":2"), 4, "version 2"),
        (&good.replace("\"fork\"", "\"spoon\""), 4, "spoon"),
        (&good.replace("\"argv\"", "\"words\""), 4, "argv"),
        (&long, 4, "65536 bytes"),
        (&good, 3, "3 descriptors"),
        (&good, 5, "5 descriptors"),
        (&good, 1, "1 descriptors"),
    ];
    for (text, count, reason) in cases {
        let (what, said) = template.order(text, count).error();
        assert!(what == "message" && said.contains(reason), "{what}: {said}: {reason}");
    }
    let open = open_files(template.pid()).len();
    // Without a reply socket there is nobody to tell; without a go the child leaves.
    template.order(&good, 0);
    let ungranted = template.order(&good, 4);
    let (_, pid) = receive(&ungranted.reply).expect("hello");
    let inner = pid.and_then(procfs::inner).expect("a process");
    drop(ungranted);
    assert_eq!(template.wait_ended(inner), "exit 1");
    let boston = template.event("boston").bound();
    assert_eq!(boston.get("/boston/whoami.json").expect(200).json()["event"], "Event boston");
    assert_eq!(open_files(template.pid()).len(), open);
}

#[test]
fn a_database_that_is_missing_or_of_another_version_is_for_the_ordinary_start() {
    let template = Template::showcase("", &[]);
    template.ready();
    let missing = template.path("missing.sqlite3");
    let url = format!("sqlite3:{}", missing.display());
    let (what, text) = template.fork(&[("DATABASE_URL", &url), ("SECRET_KEY_BASE", "x")]).error();
    assert!(what == "schema" && text.contains("missing.sqlite3 does not exist"), "{what}: {text}");
    assert!(!missing.exists(), "an empty database was made");
    template.variables("old");
    sqlite(&template.path("old.sqlite3"), "UPDATE schema_migrations SET version = '0'");
    let (what, text) = template.event("old").error();
    assert!(what == "schema" && text.contains("version \"0\""), "{what}: {text}");
    let (what, text) = template.fork(&[("DATABASE_URL", "postgresql://localhost/x"), ("SECRET_KEY_BASE", "x")]).error();
    assert!(what == "database", "{what}: {text}");
}

#[test]
fn a_hook_that_raises_or_leaves_ends_the_child_with_its_line() {
    let template = Template::showcase("\nENV['EVENT_TITLE'] == 'Event exit' ? exit : raise('no such event')\n", &[]);
    template.ready();
    let (what, text) = template.event("boston").error();
    assert!(what == "hook" && text.contains("no such event"), "{what}: {text}");
    let (what, text) = template.event("exit").error();
    assert!(what == "hook" && text.contains("SystemExit"), "{what}: {text}");
}

#[test]
fn tenants_outlive_their_template_and_sigterm_ends_both_with_15() {
    let mut template = Template::showcase("", &[]);
    template.ready();
    let own = procfs::inner(template.pid()).expect("the template");
    let [boston, nyc] = ["boston", "nyc"].map(|name| template.event(name).bound());
    let inner = procfs::inner(boston.pid()).expect("a tenant");
    boston.get("/boston/whoami.json").expect(200);
    signal(boston.pid(), Signal::SIGTERM);
    assert_eq!(template.wait_ended(inner), "signal 15");
    template.control = None;
    assert_eq!(template.wait_ended(own), "exit 0");
    assert_eq!(nyc.get("/nyc/whoami.json").expect(200).json()["event"], "Event nyc");

    let template = Template::showcase("", &[]);
    template.ready();
    let own = procfs::inner(template.pid()).expect("the template");
    signal(template.pid(), Signal::SIGTERM);
    assert_eq!(template.wait_ended(own), "signal 15");
}

#[test]
fn a_template_that_is_ended_while_it_boots_leaves_no_scratch_directory() {
    let gate = ("config/initializers/gate.rb", "File.write(ENV['TMPDIR'] + '/gate', ''); sleep");
    let template = Template::zoo("", &[gate], &script());
    eventually("it boots", || template.path("tmp/gate").exists());
    let own = procfs::inner(template.pid()).expect("the template");
    assert_eq!(fs::read_dir(template.path("tmp")).expect("tmp").count(), 2);
    signal(template.pid(), Signal::SIGTERM);
    assert_eq!(template.wait_ended(own), "signal 15");
    assert_eq!(fs::read_dir(template.path("tmp")).expect("tmp").count(), 1);
}

/// A frame of a client, under a mask of zeros.
fn frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).ok().filter(|&length| length < 126).expect("a short text");
    [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()
}

/// Reads frames of a server until a text has this in it.
#[track_caller]
fn wait_for(cable: &mut Connection, wanted: &str) {
    loop {
        let head = cable.exactly(2).expect("a frame");
        let length = match head[1] {
            126 => cable.exactly(2).expect("a length").iter().fold(0, |all, &byte| all << 8 | usize::from(byte)),
            length => usize::from(length),
        };
        let text = cable.exactly(length).expect("a text");
        if String::from_utf8_lossy(&text).contains(wanted) {
            return;
        }
    }
}

#[test]
fn the_cable_and_the_jobs_of_a_fork_work_and_stay_its_own() {
    let template = Template::showcase(&showcase_hook(), &[]);
    template.ready();
    let [boston, nyc] = ["boston", "nyc"].map(|name| template.event(name).bound());
    let mut cable = boston.connect();
    let fields = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Origin", "http://localhost"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ];
    cable.send(&request_head("GET", "/boston/cable", &fields, 0)).expect("a request");
    assert_eq!(cable.head().expect("a head").status, 101);
    wait_for(&mut cable, "welcome");
    cable.send(&frame(r#"{"command":"subscribe","identifier":"{\"channel\":\"DisplayChannel\"}"}"#)).expect("a frame");
    wait_for(&mut cable, "confirm_subscription");
    let score = json!({ "heat": 1, "couple": 101, "judge": "A", "value": 7 }).to_string();
    let json = [("Content-Type", "application/json"), ("Accept", "application/json")];
    boston.connect().request("POST", "/boston/scores.json", &json, score.as_bytes()).expect("an answer").expect(201);
    wait_for(&mut cable, "\"score\"");
    wait_for(&mut cable, "\"totals\"");
    let tallies = |tenant: &Tenant, name: &str| tenant.get(&format!("/{name}/tallies.json")).expect(200).json();
    eventually("the job ran", || tallies(&boston, "boston").as_array().is_some_and(|all| all.len() == 1));
    assert_eq!(tallies(&nyc, "nyc"), json!([]));
}

#[test]
fn who_cannot_become_the_user_of_the_tenant_is_refused() {
    let template = Template::showcase("", &[]);
    template.ready();
    // The namespace has no such user.
    let order = template.message(&[]).replace("\"user\":null", r#""user":{"uid":4242,"gid":4242,"groups":[4242]}"#);
    let tenant = template.order(&order, 4);
    receive(&tenant.reply).expect("hello");
    tenant.go();
    let (what, text) = tenant.error();
    assert!(what == "user" && text.contains("Errno::"), "{what}: {text}");
}

/// What Rails signs with this secret: the three verifiers of the zoo's answer.
#[track_caller]
fn signed(secret: &str) -> Value {
    let sign = "require 'active_support/all'
        keys = ActiveSupport::KeyGenerator.new(ARGV[0], iterations: 1000)
        puts %w[ActiveStorage signed_global_ids x].map { |name| ActiveSupport::MessageVerifier.new(keys.generate_key(name)).generate(1) }.to_json";
    let ran = ran(Command::new("ruby").args(["-e", sign, secret]));
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[test]
fn every_pool_role_and_shard_is_the_tenants_and_so_is_all_else() {
    let template = Template::zoo("", &[], &script());
    let ready = template.ready();
    assert_eq!(ready["schema"], json!({ "primary": "1", "animals": "2", "night": "3" }), "{ready}");
    assert_eq!((&ready["databases_open"], &ready["warmed"]), (&json!(0), &json!([["/", 200]])), "{ready}");
    assert_eq!(ready["env"]["DATA"], json!(["app/controllers/zoo_controller.rb:8 (during a request)"]), "{ready}");
    assert_eq!(ready["env"]["SECRET_KEY_BASE"], Value::Null, "{ready}");
    for name in ["north", "south"] {
        let tenant = template.animals(name).bound();
        let data = template.path(name).display().to_string();
        let answer = tenant.get("/").expect(200).json();
        let animals = [format!("lion of {name}"), format!("lion of {name}"), format!("owl of {name}")];
        assert_eq!((&answer["keepers"], &answer["animals"]), (&json!([format!("keeper of {name}")]), &json!(animals)));
        assert_eq!((&answer["cached"], &answer["storage"]), (&json!(data), &json!(format!("{data}/storage"))));
        assert_eq!(answer["booted"], "a worker", "the hooks of Puma's workers did not run");
        assert_eq!(answer["signed"], signed(&format!("the secret of {name}")), "{answer}");
        let open = open_files(tenant.pid());
        let databases: Vec<_> = open.iter().filter(|path| path.contains(".sqlite3")).collect();
        assert!(databases.len() >= 3 && databases.iter().all(|path| path.starts_with(&data)), "{open:?}");
    }
}

/// The trap of every such template: one pool is left where it was, and each tenant answers 200 from a stranger's database.
#[test]
fn a_pool_that_points_elsewhere_is_noticed_before_a_request_is_answered() {
    let replace = "pools.each { |*where, old| Pools.replace(";
    for left_out in ["ActiveRecord::Base", "AnimalsRecord"] {
        let sabotaged = replace.replace("old| ", &format!("old| next if where[1].name == '{left_out}'; "));
        let script = script();
        assert!(script.contains(replace), "the script has changed: sabotage it anew");
        let template = Template::zoo("", &[], &script.replace(replace, &sabotaged));
        template.ready();
        let (what, text) = template.animals("north").error();
        assert!(what == "database" && text.contains("tenantd-preload"), "{left_out}: {what}: {text}");
    }
    // By the hook, in each way: the whole class, one shard, a class of its own, and a configuration that was changed in place.
    let elsewhere =
        "elsewhere = { adapter: 'sqlite3', database: File.dirname(ENV['DATA']) + '/south/animals.sqlite3' }";
    let sabotages = [
        "AnimalsRecord.establish_connection(elsewhere)",
        "ActiveRecord::Base.connected_to(role: :writing, shard: :night) { AnimalsRecord.establish_connection(elsewhere) }",
        "Keeper.establish_connection(elsewhere)",
        "config = AnimalsRecord.connection_pool.db_config; config.configuration_hash
           .then { |hash| config.instance_variable_set(:@configuration_hash, hash.merge(elsewhere)) }
         AnimalsRecord.connection_pool.disconnect!",
    ];
    let template = Template::zoo("", &[], &script());
    template.ready();
    template.animals("south").bound();
    for sabotage in sabotages {
        // Each child reads it anew.
        fs::write(template.path("hook.rb"), format!("{elsewhere}\n{sabotage}")).expect("the hook");
        let (what, text) = template.animals("north").error();
        assert_eq!(what, "database", "{sabotage}: {text}");
    }
}

#[test]
fn a_key_that_the_application_keeps_is_named_and_its_tenants_are_refused() {
    let constant = (
        "config/initializers/kept.rb",
        "Rails.application.config.after_initialize { KEPT = Rails.application.message_verifier('kept') }",
    );
    let template = Template::zoo("", &[constant], &script());
    let ready = template.ready();
    assert!(ready["env"]["SECRET_KEY_BASE"].to_string().contains("MessageVerifier 1"), "{ready}");
    let (what, text) = template.animals("north").error();
    assert!(what == "env" && text.contains("SECRET_KEY_BASE"), "{what}: {text}");
}

#[test]
fn a_secret_of_all_tenants_is_the_templates_too_and_another_one_is_refused() {
    let template = Template::showcase(&showcase_hook(), &[("SECRET_KEY_BASE", "the secret of boston")]);
    let ready = template.ready();
    assert!(ready["env"]["SECRET_KEY_BASE"].is_array(), "{ready}");
    let boston = template.event("boston").bound();
    let page = boston.get("/boston").expect(200);
    assert!(session("boston", page.field("set-cookie").expect("a session")).contains("_csrf_token"));
    let (what, text) = template.event("nyc").error();
    assert!(what == "env" && text.contains("SECRET_KEY_BASE"), "{what}: {text}");
}

#[test]
fn a_template_that_cannot_boot_says_why_and_leaves() {
    let postgres = ("config/database.yml", "production: { adapter: postgresql, database: zoo }\n");
    let raises = ("config/initializers/bad.rb", "\nraise 'a bad day'\n");
    for (file, reason) in [(postgres, "SQLite only"), (raises, "config/initializers/bad.rb:2")] {
        let template = Template::zoo("", &[file], &script());
        assert_eq!(receive(template.control.as_ref().expect("a socket")), None);
        eventually("it says why", || template.log().contains(reason));
        assert_eq!(fs::read_dir(template.path("tmp")).expect("tmp").count(), 0, "its scratch directory is left");
    }
}
