//! The Rails application of examples/showcase as tenants, with Redis and Sidekiq beside it. Writes nothing into the source tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::harness::Init;
use crate::setup::{Setup, free_address};

/// What Debian installs; without it these tests fail, they are never skipped.
const NEEDED: &[&str] = &["/usr/bin/puma", "/usr/bin/bundle", "/usr/bin/redis-server", "/usr/bin/sidekiq"];

const SHOWCASE: &str = r#"
[service]
type = "notify"
exec_start = ["bundle", "exec", "puma", "-C", "config/puma.rb", "-b", "unix://%t/%n.sock", "config.ru"]
working_directory = "@APP@"
environment = { @SHARED@, DATABASE_URL = "sqlite3:@DIR@/%i.sqlite3", RAILS_RELATIVE_URL_ROOT = "/%i", EVENT_TITLE = "Event %i"@VARIABLES@ }
@SERVICE@
[socket]
listen = "unix:%t/%n.sock"
[route]
path = "/%i"
wait = "2m"
"#;

const REDIS: &str = r#"
[unit]
priority = "high"
[service]
type = "notify"
exec_start = ["redis-server", "--bind", "127.0.0.1", "--port", "@PORT@", "--supervised", "systemd", "--save", "", "--dir", "@DIR@"]
"#;

const SIDEKIQ: &str = r#"
[unit]
priority = "high"
after = ["redis"]
requires = ["redis"]
[service]
type = "notify"
exec_start = ["bundle", "exec", "sidekiq", "-c", "2", "-t", "2"]
working_directory = "@APP@"
environment = { @SHARED@, DATABASE_URL = "sqlite3:@DIR@/sidekiq.sqlite3" }
"#;

/// Tenants at `/EVENT`, each with its own database `EVENT.sqlite3` in the configuration directory.
pub struct Showcase {
    events: Vec<String>,
    service: String,
    variables: String,
    redis: Option<u16>,
}

/// Tenants of these names.
pub fn showcase(events: &[&str]) -> Showcase {
    let events = events.iter().map(|&name| name.to_owned()).collect();
    Showcase { events, service: String::new(), variables: String::new(), redis: None }
}

impl Showcase {
    /// Lines of `[service]`.
    pub fn service(mut self, text: &str) -> Self {
        self.service.push_str(text);
        self
    }

    /// A variable of the tenants.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push_str(&format!(", {name} = \"{value}\""));
        self
    }

    /// With the high-priority units `redis` and `sidekiq`, where jobs go.
    pub fn jobs(mut self) -> Self {
        self.redis = Some(free_address().port());
        self
    }

    /// The configuration with these units.
    pub fn setup(&self) -> Setup {
        let mut template = self.text(SHOWCASE);
        for event in &self.events {
            template.push_str(&format!("[[instance]]\nname = \"{event}\"\n"));
        }
        // Time for a busy machine: nothing here is about time.
        let setup = Init::new().http("timeout_response = \"2m\"").unit("showcase@.toml", &template);
        match self.redis {
            Some(port) => setup
                .unit("redis.toml", &REDIS.replace("@PORT@", &port.to_string()))
                .unit("sidekiq.toml", &self.text(SIDEKIQ)),
            None => setup,
        }
    }

    /// Starts tenantd.
    #[track_caller]
    pub fn start(&self) -> Init {
        self.setup().start()
    }

    fn text(&self, template: &str) -> String {
        let (application, cache) = (application(), cache());
        let mut shared = format!(
            "RAILS_ENV = \"production\", SHOWCASE_TEST = \"1\", SECRET_KEY_BASE = \"not a secret\", \
             BUNDLE_GEMFILE = \"{cache}/Gemfile\", BOOTSNAP_CACHE_DIR = \"{cache}\"",
            cache = cache.display()
        );
        if let Some(port) = self.redis {
            shared.push_str(&format!(", REDIS_URL = \"redis://127.0.0.1:{port}/0\""));
        }
        let template = template
            .replace("@SERVICE@", &self.service)
            .replace("@VARIABLES@", &self.variables)
            .replace("@SHARED@", &shared);
        template.replace("@APP@", &application.display().to_string())
    }
}

fn application() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/showcase");
    for needed in NEEDED.iter().map(Path::new).chain([path.join("config.ru").as_path()]) {
        assert!(needed.exists(), "{} is missing: run scripts/test, which installs it", needed.display());
    }
    path
}

/// Bootsnap's cache and the Gemfile with its lock. Locked once, before the first start: processes that boot side by side
/// would read what another is just writing.
fn cache() -> &'static Path {
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

/// Judge Ada gives couple 101 a score in this heat.
#[track_caller]
pub fn post_score(init: &Init, event: &str, heat: u32, value: u32) {
    let body = json!({ "heat": heat, "couple": 101, "judge": "Ada", "value": value }).to_string();
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
