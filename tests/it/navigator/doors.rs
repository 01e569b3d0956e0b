//! V33, V38, V39, and health, the front door's own files and maintenance (§1.1, §3.1, §3.2).

use std::fs;

use super::semantics::showcase;
use super::table::{check, row};
use crate::harness::{Init, eventually};
use crate::setup::Setup;

/// A public directory below `/showcase`, with tenants below the same path.
fn site(more: &str) -> Setup {
    let setup = showcase();
    for directory in ["public/assets", "public/studios", "public/2025/boston", "public/docs", "public/.git"] {
        fs::create_dir_all(setup.path().join(directory)).expect("a directory");
    }
    for (name, contents) in [
        ("robots.txt", "User-agent: *"),
        ("assets/app.js", "js"),
        ("docs/free.txt", "free"),
        ("studios/index.html", "all studios"),
        ("studios/boston.html", "boston"),
        ("studios/nyc.htm", "nyc"),
        ("studios/list.v2.html", "list"),
        ("2025/boston/results.html", "made ahead"),
        (".env", "SECRET"),
        (".git/config", "SECRET"),
    ] {
        fs::write(setup.path().join("public").join(name), contents).expect("a file");
    }
    let root = setup.path().join("public").display().to_string();
    setup.config(&format!(
        "[static]\nroot = \"{root}\"\nprefix = \"/showcase\"\n{more}\n\
         [[cache]]\npath = \"/showcase/assets/\"\nmax_age = \"365d\"\nimmutable = true\n\
         [[cache]]\npath = \"/showcase/docs/\"\n"
    ))
}

#[test]
fn v33_a_health_answer_needs_no_status() {
    let init = Init::new().config("[health]\npath = \"/alive\"\nbody = \"fine\"").start();
    check(&init, &[row("V33", "GET /alive", 200).body("fine"), row("V33", "GET /up", 404)]);
}

#[test]
fn v38_files_are_for_get_and_head_and_none_with_a_dot() {
    check(
        &site("").start(),
        &[
            row("V38 POST is no file's", "POST /showcase/docs/free.txt", 200).tenant("index"),
            row("V38 DELETE neither", "DELETE /showcase/assets/app.js", 200).tenant("index"),
            row("V38 GET", "GET /showcase/docs/free.txt", 200).body("free"),
            row("V38 HEAD", "HEAD /showcase/docs/free.txt", 200).field("content-length", "4"),
            row("V38 dotfiles", "GET /showcase/.env", 200).tenant("index"),
            row("V38 dotfiles", "GET /showcase/.git/config", 200).tenant("index"),
            row("V38 dotfiles, encoded", "GET /showcase/%2egit/config", 200).tenant("index"),
        ],
    );
}

#[test]
fn v39_try_files_needs_no_auth() {
    check(
        &site("").start(),
        &[
            row("V39 index.html behind a slash", "GET /showcase/studios/", 200).body("all studios"),
            row("V39 .html", "GET /showcase/studios/boston", 200).body("boston"),
            row("V39 .htm", "GET /showcase/studios/nyc", 200).body("nyc"),
        ],
    );
}

#[test]
fn files_of_the_front_door() {
    let init = site("trailing_slash = true\nmax_age = \"0s\"").start();
    check(
        &init,
        &[
            row("§1.1 default: 0 is a field too", "GET /showcase/robots.txt", 200)
                .field("cache-control", "public, max-age=0"),
            row("§1.1 overrides: the longest prefix", "GET /showcase/assets/app.js", 200)
                .field("cache-control", "public, max-age=31536000, immutable"),
            row("§1.1 an override without max_age takes the default away", "GET /showcase/docs/free.txt", 200)
                .no_field("cache-control"),
            row("§3.1 files come before tenants with the same prefix", "GET /showcase/2025/boston/results", 200)
                .body("made ahead"),
            row("§3.1 a name with an extension is not tried", "GET /showcase/studios/list.v2", 200).tenant("index"),
            row("§3.1 the slash at the end", "GET /showcase/studios?q=1", 301)
                .field("location", "/showcase/studios/?q=1")
                .ours("the query is kept"),
            row("§1.1 root_path is stripped once", "GET /robots.txt", 404),
            row("§3.1 no file", "GET /showcase/studios/raleigh", 200).tenant("index"),
            row("§2.3 health comes before", "GET /up", 200).body("OK"),
        ],
    );
    let some = site("extensions = [\"js\"]\ntry_files = []").start();
    check(
        &some,
        &[
            row("§1.1 allowed_extensions", "GET /showcase/assets/app.js", 200).body("js"),
            row("§1.1 another extension", "GET /showcase/docs/free.txt", 200).tenant("index"),
            row("§1.1 try_files off", "GET /showcase/studios/boston", 200).tenant("index"),
        ],
    );
}

#[test]
fn maintenance_is_for_tenants_alone() {
    let setup = site("").config("[maintenance]\nenabled = true\n[[redirect]]\nfrom = \"^/$\"\nto = \"/showcase/\"");
    let init = setup.start();
    check(
        &init,
        &[
            row("§3.2 503 and no-cache", "GET /showcase/2025/boston/", 503)
                .with("Accept", "text/html")
                .field("content-type", "text/html; charset=utf-8")
                .field("retry-after", "5")
                .field("cache-control", "no-cache, no-store, must-revalidate"),
            row("§3.2 the same page for programs", "GET /showcase", 503)
                .with("Accept", "application/json")
                .field("content-type", "application/json")
                .ours("who asks for JSON gets JSON"),
            row("§2.12 for every method", "POST /showcase", 503).content("x"),
            row("§2.12 files go on", "GET /showcase/robots.txt", 200).body("User-agent"),
            row("§2.12 health goes on", "GET /up", 200),
            row("§2.12 redirects go on", "GET /", 302),
            row("§2.12 where no tenant answers", "GET /nowhere", 503),
        ],
    );
    assert_eq!(init.status("index@x")["starts"], 0);
}

#[test]
fn the_page_of_maintenance_is_a_file() {
    let page = |path: &str| format!("[maintenance]\nenabled = true\npage = \"{path}\"");
    let setup = showcase();
    let file = setup.path().join("503.html");
    fs::write(&file, "<h1>Back at noon</h1>").expect("a page");
    let init = setup.config(&page(&file.display().to_string())).start();
    let browser = |fact| row(fact, "GET /showcase", 503).with("Accept", "text/html");
    check(&init, &[browser("§3.2 a file").body("Back at noon"), row("§3.2 HEAD", "HEAD /showcase", 503)]);
    fs::write(&file, "<h1>Back at one</h1>").expect("a page");
    check(&init, &[browser("§3.2 read for each request").body("Back at one")]);
    fs::remove_file(&file).expect("remove");
    check(&init, &[browser("§3.2 else one of its own").body("<html")]);
}

#[test]
fn a_tenant_may_answer_the_health_check() {
    let init = showcase().config("[health]\nunit = \"index@x\"").start();
    check(&init, &[row("§1.1 no response: the tenant's", "GET /up", 200).tenant("index").target("/up")]);
}

#[test]
fn alive_is_not_ready() {
    let unit = "[unit]\nwanted_by = [\"boot\"]\n[service]\ntype = \"oneshot\"\nexec_start = [\"sh\", \"-c\", \"until [ -e @DIR@/gate ]; do sleep 0.01; done\"]\n";
    let init = showcase().unit("first.toml", unit).config("[health]\nready = \"/ready\"").start();
    check(&init, &[row("§8.5 alive", "GET /up", 200), row("§8.5 not ready", "GET /ready", 503)]);
    fs::write(init.file("gate"), "").expect("gate");
    eventually("it is ready", || init.get("/ready").status() == 200);
}
