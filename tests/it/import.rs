//! `tenantd import`: Navigator's configurations as their users write them, on the command line and running.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::harness::{Init, Ran, TENANTD, eventually, ran, verb};
use crate::procfs;
use crate::setup::{free_address, origin};

/// Runs `tenantd import`.
fn import(source: &Path, out: &Path, more: &[&str]) -> Ran {
    let mut command = Command::new(TENANTD);
    command.arg("import").arg(source).arg("--out").arg(out).args(["--root", "/rails"]).args(more);
    ran(command.stdin(Stdio::null()))
}

/// What `tenantd check` says: nothing.
#[track_caller]
fn check(directory: &Path) {
    let checked = verb(directory, &["check", "--json"]);
    assert_eq!((checked.code, &checked.json()["errors"]), (0, &serde_json::json!([])), "{}", directory.display());
}

/// The text of every file below a directory, by its path.
fn files(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for path in fs::read_dir(directory).into_iter().flatten().map(|entry| entry.expect("an entry").path()) {
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.clone(), fs::read_to_string(&path).expect("a text"))),
        }
    }
    found.sort();
    found
}

fn below(directory: &Path) -> Vec<(PathBuf, String)> {
    let relative = |path: PathBuf| path.strip_prefix(directory).expect("below it").to_owned();
    files(directory).into_iter().map(|(path, text)| (relative(path), text)).collect()
}

#[test]
fn every_example_is_imported_as_it_is_checked_in_and_good() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/navigator");
    let update = std::env::var_os("UPDATE").is_some();
    let mut count = 0;
    for example in fs::read_dir(examples).expect("the examples").map(|entry| entry.expect("an entry").path()) {
        if !example.is_dir() {
            continue;
        }
        let out = tempfile::tempdir().expect("a directory");
        import(&example.join("navigator.yml"), out.path(), &[]).expect(0);
        if update {
            let _ = fs::remove_dir_all(example.join("tenantd"));
            import(&example.join("navigator.yml"), &example.join("tenantd"), &[]).expect(0);
        }
        assert_eq!(below(out.path()), below(&example.join("tenantd")), "{}; UPDATE=1 rewrites it", example.display());
        check(&example.join("tenantd"));
        count += 1;
    }
    assert_eq!(count, 10);
}

/// How the file of a showcase looks: what is the same in all of them, and what differs from test to test.
struct Showcase {
    listen: String,
    command: String,
    /// The text of all that needs a file or a user of the real machine.
    real: bool,
}

/// Events, their tenants' paths.
const TENANTS: usize = 371;

fn event(number: usize) -> (String, String) {
    const TOWNS: [&str; 9] =
        ["maple", "harbor", "alpenglow", "mesa", "juniper", "lakeside", "orchard", "summit", "prairie"];
    const DANCES: [&str; 7] = ["spring-fling", "autumn-ball", "gala", "medal", "tango-night", "cup", "finale"];
    let (year, town) = (2022 + number % 5, TOWNS[number / 5 % 9]);
    let dance = DANCES[number / 45 % 7];
    let last = number / 315;
    let name = if last == 0 { dance.to_owned() } else { format!("{dance}-{last}") };
    (format!("{year}/{town}/{name}"), format!("{year}-{town}-{name}"))
}

impl Showcase {
    /// 371 tenants, 50 rules, 13 patterns of auth.
    fn yaml(&self) -> String {
        let mut text = format!("server:\n  listen: {}\n  hostname: localhost\n  root_path: /showcase\n", self.listen);
        text.push_str(
            "  static:\n    public_dir: /rails/public\n    allowed_extensions: [html, htm, js, css, png, svg, ico]\n    \
             try_files: [index.html, .html, .htm]\n    normalize_trailing_slashes: true\n    cache_control:\n      default: '0'\n      \
             overrides:\n        - { path: /showcase/assets/, max_age: 1y, immutable: true }\n  \
             health_check:\n    path: /up\n    response: { status: 200, body: OK, headers: { Content-Type: text/plain } }\n  \
             idle: { action: suspend, timeout: 15m }\n",
        );
        text.push_str(&self.routes());
        if self.real {
            text.push_str(
                "  # what needs its files and its users\nauth:\n  enabled: true\n  realm: Showcase\n  htpasswd: /data/db/htpasswd\n  \
                 public_paths: [/showcase/, /up, /showcase/assets/, '*.js', '*.css']\n  auth_patterns:\n",
            );
            for year in 0..13 {
                text.push_str(&format!(
                    "    - {{ pattern: '^/showcase/20{:02}/(maple|harbor|mesa)/?$', action: 'off' }}\n",
                    14 + year
                ));
            }
        }
        text.push_str(&self.applications());
        text.push_str(
            "managed_processes: []\nhooks:\n  server:\n    start: [ { command: /bin/true, timeout: 10s } ]\n    \
             ready: [ { command: /bin/true, timeout: 10m } ]\n    stop: []\n  tenant: { stop: [] }\n\
             logging: { format: json }\nmaintenance: { page: /503.html }\n",
        );
        text
    }

    fn routes(&self) -> String {
        let mut text = String::from("routes:\n  redirects:\n    - { from: '^/$', to: /showcase/ }\n");
        for year in 2015..2022 {
            text.push_str(&format!("    - {{ from: '^/showcase/{year}/(.*)$', to: '/showcase/archive/{year}/$1' }}\n"));
        }
        text.push_str("  rewrites:\n    - { from: '^/showcase/assets/assets/(.*)$', to: '/showcase/assets/$1' }\n");
        text.push_str(
            "  reverse_proxies:\n    - { path: '^/showcase/password(/.*)', target: 'https://origin.example.com/password$1', \
             headers: { X-Forwarded-Host: $host } }\n  fly:\n    replay:\n      - { path: '^/showcase/.+[.]pdf$', app: printer }\n",
        );
        for rule in 0..40 {
            let region = ["ams", "gru", "nrt", "syd"][rule % 4];
            text.push_str(&format!(
                "      - {{ path: '^/showcase/region{rule}/.+$', region: {region}, status: 307 }}\n"
            ));
        }
        text
    }

    fn applications(&self) -> String {
        let pools = if self.real { ", user: rails, group: rails" } else { "" };
        let bots = if self.real { ", bot_detection: { enabled: true, action: ignore }" } else { "" };
        let mut text = format!(
            "applications:\n  framework: {{ command: {}, args: [server, -p, '${{port}}'] }}\n  env: {{ RAILS_ENV: production, \
             TENANT: '${{database}}', DATABASE_URL: 'sqlite3:///data/db/${{database}}.sqlite3' }}\n  health_check: /up\n  \
             startup_timeout: 5s\n  track_websockets: false\n  pools: {{ max_size: 8, timeout: 5m, start_port: 4000, \
             default_memory_limit: 768M{pools} }}\n  tenants:\n    - {{ path: /showcase/, var: {{ database: index }} }}\n    \
             - {{ path: /showcase/demo/, root: /, var: {{ database: demo }}{bots} }}\n",
            self.command
        );
        for number in 2..TENANTS {
            let (path, database) = event(number);
            text.push_str(&format!(
                "    - path: /showcase/{path}/\n      var: {{ database: {database} }}\n      \
                 env: {{ RAILS_APP_OWNER: 'Owner {number}', RAILS_APP_SCOPE: {path} }}\n"
            ));
        }
        text
    }
}

#[test]
fn a_showcase_of_371_tenants_is_imported_and_good() {
    let dir = tempfile::tempdir().expect("a directory");
    let source = dir.path().join("navigator.yml");
    let showcase = Showcase { listen: "9999".into(), command: "bin/rails".into(), real: true };
    fs::write(&source, showcase.yaml()).expect("a file");
    let out = dir.path().join("out");
    let ran = import(&source, &out, &["--json"]).expect(0).json();
    assert_eq!((&ran["tenants"], &ran["written"]), (&TENANTS.into(), &true.into()));
    check(&out);
    let written = fs::read_to_string(out.join("tenantd.toml")).expect("tenantd.toml");
    let count = |title: &str| written.matches(title).count();
    // With the redirect of the root path.
    assert_eq!([count("[[redirect]]"), count("[[rewrite]]"), count("[[replay]]"), count("[[proxy]]")], [9, 1, 41, 1]);
    assert_eq!(written.matches("(maple|harbor|mesa)").count(), 13);
    // Nothing is written again that is the same.
    let before = fs::metadata(out.join("tenantd.toml")).and_then(|about| about.modified()).expect("a time");
    import(&source, &out, &[]).expect(0);
    assert_eq!(fs::metadata(out.join("tenantd.toml")).and_then(|about| about.modified()).expect("a time"), before);
}

#[test]
fn a_showcase_of_371_tenants_boots_and_answers() {
    let dir = tempfile::tempdir().expect("a directory");
    let (source, out, address) = (dir.path().join("navigator.yml"), dir.path().join("out"), free_address());
    let command = origin().display().to_string();
    let showcase = Showcase { listen: address.to_string(), command, real: false };
    fs::write(&source, showcase.yaml()).expect("a file");
    let mut importing = Command::new(TENANTD);
    importing.arg("import").arg(&source).arg("--out").arg(&out).args(["--root", "/"]);
    ran(&mut importing).expect(0);
    let init = started(&out, address);
    let list = init.list();
    // Two hooks beside the tenants.
    assert_eq!(list.len(), TENANTS + 2);
    for number in [2, 3, 100, TENANTS - 1] {
        let (path, database) = event(number);
        assert_eq!(init.get(&format!("/showcase/{path}/")).expect(200).json()["tenant"], *database);
    }
    assert_eq!(init.get("/showcase/demo/x").expect(200).json()["tenant"], "demo");
    assert_eq!(init.get("/showcase/elsewhere").expect(200).json()["tenant"], "index");
    assert_eq!(init.get("/").status(), 302);
    init.wait_active("hook-start", "active");
    assert_eq!(init.stop().code(), Some(0));
}

/// A tenantd with the imported directory, but for what the harness says itself: the address and the runtime directory.
fn started(out: &Path, address: std::net::SocketAddr) -> Init {
    let setup = Init::new();
    for (path, text) in below(out) {
        fs::create_dir_all(setup.path().join(&path).parent().expect("a directory")).expect("a directory");
        fs::write(setup.path().join(path), text).expect("a file");
    }
    let written = fs::read_to_string(out.join("tenantd.toml")).expect("tenantd.toml");
    // The harness writes the address itself.
    let mut tables: toml::Table = toml::from_str(&written).expect("TOML");
    tables.remove("http").expect("[http]");
    let mut init = setup.config(&tables.to_string()).launch(address);
    init.wait_listening();
    init
}

/// /run is empty, and nobody else's.
fn own_run(setup: crate::setup::Setup) -> crate::setup::Setup {
    setup.wrapper(&["sh", "-c", "mount -t tmpfs none /run && exec \"$@\"", "sh"])
}

/// A command that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_file_that_changes_is_followed_and_the_daemon_reloads() {
    let address = free_address();
    let setup = own_run(Init::new().usual_runtime());
    let mut init = setup.launch(address);
    init.wait_listening();
    let source = init.file("navigator.yml");
    let yaml = |tenants: &[&str]| {
        let tenants = tenants.iter().map(|name| format!("    - {{ path: /{name}/, env: {{ TENANT: {name} }} }}\n"));
        format!(
            "server: {{ listen: '{address}' }}\napplications:\n  framework: {{ command: {}, args: [] }}\n  tenants:\n{}",
            origin().display(),
            tenants.collect::<String>()
        )
    };
    let said = init.file("said");
    let log = fs::File::create(&said).expect("a file");
    let mut command = Command::new("nsenter");
    command.arg("--target").arg(init.pid().to_string());
    if procfs::namespace(init.pid(), "user") != procfs::namespace(std::process::id(), "user") {
        command.args(["--user", "--preserve-credentials"]);
    }
    command.args(["--mount", "--pid", "--", TENANTD, "import"]).arg(&source).arg("--out").arg(init.path());
    command.args(["--watch", "--force", "--root", "/"]).stdin(Stdio::null());
    command.stdout(log.try_clone().expect("a file")).stderr(log);
    let _import = Running(command.spawn().expect("nsenter"));
    let says = |what: &str| fs::read_to_string(&said).is_ok_and(|text| text.contains(what));
    eventually("it cannot read what is not there", || says("cannot read"));
    fs::write(&source, yaml(&["a"])).expect("a file");
    eventually("the tenant is there", || init.get("/a/").status() == 200);
    // Half of a file, and then a file that is wrong: all stays as it is.
    fs::write(&source, "server: { listen: [").expect("a file");
    eventually("the half is told", || says("navigator.yml:1:"));
    assert_eq!(init.get("/a/").expect(200).json()["tenant"], "a");
    // Replaced as a whole this time.
    let beside = init.file("navigator.new");
    fs::write(&beside, yaml(&["a", "b"])).expect("a file");
    fs::rename(&beside, &source).expect("a rename");
    eventually("the second tenant is there", || init.get("/b/").status() == 200);
    assert_eq!(init.get("/b/").expect(200).json()["tenant"], "b");
    assert!(says("imported, 2 tenants; reloaded, 1 units changed"), "{:?}", fs::read_to_string(&said));
}

#[test]
fn the_command_line_of_an_import() {
    let dir = tempfile::tempdir().expect("a directory");
    let source = dir.path().join("navigator.yml");
    let out = dir.path().join("out");
    fs::write(&source, "server: { listen: 1 }\ncolour: red\n").expect("a file");
    let words = |words: &[&str]| ran(Command::new(TENANTD).arg("import").args(words));
    words(&[]).expect(64);
    words(&["x.yml"]).expect(64);
    words(&["x.yml", "y.yml", "--out", "z"]).expect(64);
    ran(Command::new(TENANTD).args(["list", "--out", "x"])).expect(64);
    let missing = words(&["/nowhere/x.yml", "--out", "/nowhere"]).expect(1);
    assert!(missing.stderr.contains("cannot read /nowhere/x.yml"), "{missing:?}");
    let table = import(&source, &out, &[]).expect(0).stdout;
    for line in ["server.listen", "mapped", "colour", "cannot be", "unknown key"] {
        assert!(table.contains(line) && !table.contains('\x1b'), "{line} in {table}");
    }
    import(&source, &out, &["--check"]).expect(1);
    // Somebody else's file is not overwritten, but for --force.
    fs::write(out.join("tenantd.toml"), "# mine\n").expect("a file");
    assert!(import(&source, &out, &[]).code != 0);
    assert_eq!(fs::read_to_string(out.join("tenantd.toml")).expect("a file"), "# mine\n");
    import(&source, &out, &["--force"]).expect(0);
    assert!(fs::read_to_string(out.join("tenantd.toml")).is_ok_and(|text| text.contains("0.0.0.0:1")));
    fs::write(&source, "a: [").expect("a file");
    assert!(import(&source, &out, &[]).expect(1).stderr.contains("navigator.yml:1:"));
}
