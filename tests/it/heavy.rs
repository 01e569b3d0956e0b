//! The large Rails application of tests/heavy under the ready-made unit: tenants with two databases each. Generated once a test run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::harness::{Init, eventually, ran};
use crate::setup::Setup;

/// What the tests want different from the ready-made units/rails@.toml.
const HEAVY: &str = r#"
[service]
working_directory = "@APP@"
@SERVICE@
[service.environment]
SECRET_KEY_BASE = "the secret of %i"
DATABASE_URL = "sqlite3:@DIR@/%i.sqlite3"
EVENT_TITLE = "Event %i"
LOG_FILE = "@DIR@/%i.log"
STORAGE_ROOT = "@DIR@/%i.storage"
CABLE_PREFIX = "heavy-%i"
[route]
# Time for a busy machine.
wait = "5m"
"#;

/// What its hook takes care of.
const PRELOAD: &str = r#"
preload = "rails"
preload_start = "boot"
preload_env = ["RAILS_RELATIVE_URL_ROOT", "EVENT_TITLE", "LOG_FILE"]
"#;

/// Tenants at `/NAME`, each with the databases `NAME.sqlite3` and `NAME-archive.sqlite3` in the configuration directory.
pub struct Heavy {
    names: Vec<String>,
    service: String,
}

/// Tenants of these names, of the unit `heavy@`.
pub fn heavy(names: &[&str]) -> Heavy {
    Heavy { names: names.iter().map(|&name| name.to_owned()).collect(), service: String::new() }
}

impl Heavy {
    /// Lines of `[service]`.
    pub fn service(mut self, text: &str) -> Self {
        self.service.push_str(text);
        self.service.push('\n');
        self
    }

    /// Forked from a template that is booted at once, with these lines of `[service]`.
    pub fn preload(self, text: &str) -> Self {
        self.service(PRELOAD).service(text)
    }

    /// The configuration, and the databases of all tenants.
    pub fn setup(&self) -> Setup {
        let ready_made = Path::new(env!("CARGO_MANIFEST_DIR")).join("units/rails@.toml");
        let instances = self.names.iter().map(|name| format!("[[instance]]\nname = \"{name}\"\n"));
        let template = fs::read_to_string(ready_made).expect("units/rails@.toml") + &instances.collect::<String>();
        let app = application();
        let text = HEAVY.replace("@SERVICE@", &self.service).replace("@APP@", &app.display().to_string());
        let setup = Init::new().http("timeout_response = \"5m\"").unit("heavy@.toml", &template);
        let setup = setup.drop_in("heavy@.toml", &text);
        let mut prepare = Command::new("ruby");
        ran(prepare.arg(app.join("db/prepare.rb")).arg(setup.path()).args(&self.names)).expect(0);
        setup
    }

    /// Starts tenantd; returns when the template is ready, if there is one.
    #[track_caller]
    pub fn start(&self) -> Init {
        let init = self.setup().start();
        if self.service.contains("preload") {
            eventually("the template is ready", || init.status("heavy@.preload")["active"] == "active");
        }
        init
    }
}

/// The application, with the Gemfile's lock.
fn application() -> &'static Path {
    static APPLICATION: OnceLock<PathBuf> = OnceLock::new();
    APPLICATION.get_or_init(|| {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let new = tempfile::tempdir_in(parent).expect("a temporary directory");
        let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/heavy/generate.rb");
        ran(Command::new("ruby").arg(generator).arg(new.path().join("heavy"))).expect(0);
        ran(Command::new("bundle").args(["lock", "--local"]).current_dir(new.path().join("heavy"))).expect(0);
        let application = parent.join("heavy");
        if application.exists() {
            fs::remove_dir_all(&application).expect("the one of the last run goes");
        }
        fs::rename(new.path().join("heavy"), &application).expect("a directory moves");
        application
    })
}
