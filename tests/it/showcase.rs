//! The Rails application of examples/showcase under the ready-made units: tenants, Redis and Sidekiq. Writes nothing into the source tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::harness::Init;
use crate::setup::Setup;

/// What Debian installs; without it these tests fail, they are never skipped.
const NEEDED: &[&str] = &["/usr/bin/puma", "/usr/bin/bundle", "/usr/bin/redis-server", "/usr/bin/sidekiq"];

/// What the tests want different from the ready-made units/rails@.toml.
const SHOWCASE: &str = r#"
[service]
working_directory = "@APP@"
@SERVICE@
[service.environment]
@SHARED@
DATABASE_URL = "sqlite3:@DIR@/%i.sqlite3"
EVENT_TITLE = "Event %i"
@VARIABLES@
[route]
# Time for a busy machine.
wait = "2m"
"#;

/// The same of units/redis.toml.
const REDIS: &str = r#"
[service]
working_directory = "@DIR@"
"#;

/// The same of units/sidekiq.toml.
const SIDEKIQ: &str = r#"
[service]
working_directory = "@APP@"
[service.environment]
@SHARED@
DATABASE_URL = "sqlite3:@DIR@/sidekiq.sqlite3"
"#;

/// Tenants at `/EVENT`, each with its own database `EVENT.sqlite3` in the configuration directory.
pub struct Showcase {
    events: Vec<String>,
    service: String,
    variables: String,
    secret: String,
    jobs: bool,
}

/// Tenants of these names.
pub fn showcase(events: &[&str]) -> Showcase {
    let events = events.iter().map(|&name| name.to_owned()).collect();
    Showcase { events, service: String::new(), variables: String::new(), secret: "not a secret".into(), jobs: false }
}

impl Showcase {
    /// Lines of `[service]`.
    pub fn service(mut self, text: &str) -> Self {
        self.service.push_str(text);
        self.service.push('\n');
        self
    }

    /// A variable of the tenants.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push_str(&format!("{name} = \"{value}\"\n"));
        self
    }

    /// Their key, instead of one for all: `the secret of %i`.
    pub fn secret(mut self, text: &str) -> Self {
        text.clone_into(&mut self.secret);
        self
    }

    /// With the high-priority units `redis` and `sidekiq`, where jobs go.
    pub fn jobs(mut self) -> Self {
        self.jobs = true;
        self
    }

    /// The configuration with these units.
    pub fn setup(&self) -> Setup {
        let instances = self.events.iter().map(|event| format!("[[instance]]\nname = \"{event}\"\n"));
        let template = ready_made("rails@.toml") + &instances.collect::<String>();
        let setup = Init::new().http("timeout_response = \"2m\"");
        let setup = setup.unit("showcase@.toml", &template).drop_in("showcase@.toml", &self.text(SHOWCASE));
        if !self.jobs {
            return setup;
        }
        let setup = setup.unit("redis.toml", &ready_made("redis.toml")).drop_in("redis.toml", REDIS);
        setup.unit("sidekiq.toml", &ready_made("sidekiq.toml")).drop_in("sidekiq.toml", &self.text(SIDEKIQ))
    }

    /// Starts tenantd.
    #[track_caller]
    pub fn start(&self) -> Init {
        self.setup().start()
    }

    fn text(&self, template: &str) -> String {
        let (cache, secret) = (cache().display(), &self.secret);
        let mut shared = format!(
            "SHOWCASE_TEST = \"1\"\nSECRET_KEY_BASE = \"{secret}\"\n\
             BUNDLE_GEMFILE = \"{cache}/Gemfile\"\nBOOTSNAP_CACHE_DIR = \"{cache}\"\n"
        );
        if self.jobs {
            shared.push_str("REDIS_URL = \"unix://%t/redis.sock\"\n");
        }
        let template = template.replace("@SERVICE@", &self.service).replace("@VARIABLES@", &self.variables);
        template.replace("@SHARED@", &shared).replace("@APP@", &application().display().to_string())
    }
}

/// One of the units that are delivered with tenantd.
fn ready_made(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("units").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The application, where it lies.
pub fn application() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/showcase");
    for needed in NEEDED.iter().map(Path::new).chain([path.join("config.ru").as_path()]) {
        assert!(needed.exists(), "{} is missing: run scripts/test, which installs it", needed.display());
    }
    path
}

/// Bootsnap's cache and the Gemfile with its lock. Locked once, before the first start: processes that boot side by side
/// would read what another is just writing.
pub fn cache() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE.get_or_init(|| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("showcase");
        fs::create_dir_all(&cache).expect("a directory for the cache");
        let own = tempfile::tempdir_in(&cache).expect("a temporary directory");
        fs::copy(application().join("Gemfile"), own.path().join("Gemfile")).expect("the Gemfile");
        let lock = Command::new("bundle").args(["lock", "--local"]).current_dir(own.path()).output().expect("bundle");
        assert!(lock.status.success(), "bundle lock: {lock:?}: run scripts/test, which installs what it needs");
        for name in ["Gemfile.lock", "Gemfile"] {
            fs::rename(own.path().join(name), cache.join(name)).expect("a file moves");
        }
        cache
    })
}

/// Judge A gives couple 101 a score in this heat.
#[track_caller]
pub fn post_score(init: &Init, event: &str, heat: u32, value: u32) {
    let body = json!({ "heat": heat, "couple": 101, "judge": "A", "value": value }).to_string();
    let fields = [("Content-Type", "application/json"), ("Accept", "application/json")];
    init.request("POST", &format!("/{event}/scores.json"), &fields, body.as_bytes()).expect(201);
}

/// The values of all scores of an event, oldest first.
#[track_caller]
pub fn scores(init: &Init, event: &str) -> Vec<u64> {
    match init.get(&format!("/{event}/scores.json")).expect(200).json() {
        Value::Array(scores) => scores.iter().filter_map(|score| score["value"].as_u64()).collect(),
        other => panic!("scores: {other}"),
    }
}
