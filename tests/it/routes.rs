//! Redirects, rewrites and the slash behind a tenant's path, through the real forwarder.

use crate::client::{Reply, request_head};
use crate::harness::Init;
use crate::web::web;

const RULES: &str = r#"
[[redirect]]
from = "^/old/(.*)$"
to = "/boston/$1"

[[redirect]]
from = "^/form$"
to = "/boston/form?from=old"
status = 308
methods = ["POST"]

[[redirect]]
from = "^/bye$"
to = "https://example.com/hello?"
status = 301
methods = ["GET"]

[[redirect]]
from = "^/"
to = "https://example.com/"
status = 301
host = "www.example.com"

[[redirect]]
from = "^/go(/.*)$"
to = "$1"
status = 307

[[rewrite]]
from = "^/api/"
to = "/boston/api/"

[[rewrite]]
from = "^/boston/api/v1(/.*)?$"
to = "/boston/v1$1?version=1"

[[rewrite]]
from = "^/boston/up/(?<rest>.*)$"
to = "/boston/./${rest}"

[[rewrite]]
from = "^/post/"
to = "/boston/posted/"
methods = ["POST"]
"#;

fn front() -> Init {
    Init::new().config(RULES).web(&web(&["boston"]).route("trailing_slash = true")).start()
}

/// Status and Location.
fn moved(reply: &Reply) -> (u16, &str) {
    (reply.head.status, reply.field("location").unwrap_or_default())
}

#[test]
fn redirects_send_clients_elsewhere_and_wake_nobody() {
    let init = front();
    for (method, target, fields, expected) in [
        ("GET", "/old/a/b?c=d", &[][..], (302, "/boston/a/b?c=d")),
        ("HEAD", "/old/", &[], (302, "/boston/")),
        ("DELETE", "/old/x", &[], (302, "/boston/x")),
        ("POST", "/form?a", &[], (308, "/boston/form?from=old&a")),
        ("GET", "/form", &[], (404, "")),
        ("HEAD", "/bye?secret", &[], (301, "https://example.com/hello")),
        ("POST", "/bye", &[], (404, "")),
        ("GET", "/any/where?x", &[("Host", "WWW.example.com:3000")], (301, "https://example.com/any/where?x")),
        ("GET", "/any/where", &[("Host", "example.com")], (404, "")),
        ("GET", "/go/evil.example", &[], (307, "/evil.example")),
        ("GET", "/go//evil.example", &[], (307, "/evil.example")),
        ("GET", "/go/%2Fevil.example", &[], (307, "/%2Fevil.example")),
        ("GET", "/go/%0dSet-Cookie:%20a=b", &[], (307, "/%0DSet-Cookie:%20a=b")),
        // A dot is no line feed.
        ("GET", "/go/%0d%0aSet-Cookie:%20a=b", &[], (404, "")),
        ("GET", "/go/%5Cevil.example", &[], (307, "/%5Cevil.example")),
    ] {
        let reply = init.request(method, target, fields, b"");
        assert_eq!(moved(&reply), expected, "{method} {target}");
        assert_eq!(reply.field("set-cookie"), None);
    }
    assert_eq!(init.status("web@boston")["starts"], 0);
    init.wait_log(&["GET /old/a/b?*", " 302 ", "by=redirect"]);
}

#[test]
fn a_redirected_client_keeps_its_connection() {
    let init = front();
    let mut client = init.connect();
    for _ in 0..3 {
        assert_eq!(moved(&client.get("/old/a").expect("an answer")), (302, "/boston/a"));
        let posted = client.request("POST", "/form", &[], b"a=b").expect("an answer");
        assert_eq!(moved(&posted), (308, "/boston/form?from=old"));
        client.get("/boston/x").expect("an answer").expect(200);
    }
    let mut all = Vec::new();
    for n in 0..10 {
        all.extend(request_head("GET", &format!("/old/{n}"), &[], 0));
        all.extend(request_head("POST", "/form", &[], 3));
        all.extend(b"a=b");
        all.extend(request_head("GET", &format!("/boston/x?n={n}"), &[], 0));
    }
    client.send(&all).expect("send");
    for n in 0..10 {
        assert_eq!(moved(&client.reply("GET").expect("an answer")), (302, &format!("/boston/{n}")[..]));
        assert_eq!(client.reply("POST").expect("an answer").head.status, 308);
        let echo = client.reply("GET").expect("an answer").expect(200).json();
        assert_eq!(echo["target"], format!("/boston/x?n={n}"));
    }
}

#[test]
fn a_body_that_nobody_reads_ends_the_connection() {
    let init = front();
    let mut client = init.connect();
    client.send(&request_head("POST", "/form", &[], 1 << 20)).expect("send");
    let reply = client.reply("POST").expect("an answer");
    assert_eq!((reply.head.status, reply.field("connection")), (308, Some("close")));
}

#[test]
fn rewrites_change_what_is_served_one_after_the_other() {
    let init = front();
    for (method, target, served) in [
        ("GET", "/api/x?y", "/boston/api/x?y"),
        ("GET", "/api/v1", "/boston/v1?version=1"),
        ("GET", "/api/v1/a%2fb?y", "/boston/v1/a%2Fb?version=1&y"),
        ("GET", "/boston/api/v1/z", "/boston/v1/z?version=1"),
        ("POST", "/post/a", "/boston/posted/a"),
    ] {
        let echo = init.request(method, target, &[], b"").expect(200).json();
        assert_eq!(echo["target"], served, "{method} {target}");
    }
    init.get("/post/a").expect(404);
    // What a rewrite makes is a path like any other.
    init.get("/boston/up/x").expect(400);
}

#[test]
fn a_tenants_own_path_gets_its_slash() {
    let init = front();
    assert_eq!(moved(&init.get("/boston?a=b")), (301, "/boston/?a=b"));
    assert_eq!(moved(&init.request("HEAD", "/boston", &[], b"")), (301, "/boston/"));
    assert_eq!(init.status("web@boston")["starts"], 0);
    init.get("/boston/").expect(200);
    init.post("/boston", b"x").expect(200);
    assert_eq!(Init::new().web(&web(&["a"])).start().get("/a").expect(200).json()["target"], "/a");
}

#[test]
fn a_rewrite_opens_nothing_that_is_locked() {
    let setup = Init::new();
    let file = setup.path().join("htpasswd");
    std::fs::write(&file, "ann:secret\n").expect("a file");
    let auth = "[auth]\nhtpasswd = \"FILE\"\npublic = [\"/open/\", \"/boston/public/\"]\nplain = true\n\
        [[rewrite]]\nfrom = \"^/open/\"\nto = \"/boston/\"\n[[rewrite]]\nfrom = \"^/old/\"\nto = \"/boston/public/\"\n";
    let auth = auth.replace("FILE", &file.display().to_string());
    let init = setup.config(&auth).web(&web(&["boston"])).start();
    let ann = [("Authorization", "Basic YW5uOnNlY3JldA==")];
    init.get("/boston/a").expect(401);
    // The path that is asked for is public, the one that is served is not; and the other way round.
    init.get("/open/a").expect(401);
    init.get("/old/a").expect(401);
    init.get("/open/public/a").expect(200);
    let echo = init.request("GET", "/open/a", &ann, b"").expect(200).json();
    assert_eq!(echo["target"], "/boston/a");
    assert_eq!(init.request("GET", "/old/a", &ann, b"").expect(200).json()["target"], "/boston/public/a");
    let line = init.wait_log(&["GET /old/a", " 200 "]);
    assert_eq!(line.matches("user=ann").count(), 1, "{line}");
}

const GOOGLE: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

#[test]
fn robots_get_what_the_configuration_says() {
    let setup = Init::new();
    let public = setup.path().join("public");
    std::fs::create_dir(&public).expect("a directory");
    std::fs::write(public.join("page.html"), "a page").expect("a file");
    let files = format!("bots = \"static-only\"\npublic = \"{}\"", public.display());
    let demo = web(&["demo"]).route("bots = \"ignore\"").text();
    let site = web(&["site"]).route(&files).text();
    let init = setup
        .config("[bots]\naction = \"reject\"\nagents = [\"^evil\"]\n[[redirect]]\nfrom = \"^/old\"\nto = \"/boston\"\n")
        .web(&web(&["boston"]))
        .unit("demo@.toml", &demo)
        .unit("site@.toml", &site)
        .start();
    let ask =
        |method: &str, target: &str, agent: &str| init.request(method, target, &[("User-Agent", agent)], b"").status();
    for (method, target, agent, status) in [
        ("GET", "/boston/", GOOGLE, 403),
        ("HEAD", "/boston/", GOOGLE, 403),
        ("POST", "/boston/", "EVIL/1.0", 403),
        ("GET", "/nowhere", GOOGLE, 403),
        ("GET", "/old", GOOGLE, 302),
        ("GET", "/up", GOOGLE, 200),
        ("GET", "/site/page", GOOGLE, 200),
        ("HEAD", "/site/page", GOOGLE, 200),
        ("GET", "/site/other", GOOGLE, 403),
        // Not even where the disk had to be asked, for the first time and again.
        ("GET", "/site/deep/in/the/disk", GOOGLE, 403),
        ("HEAD", "/site/deep/in/the/disk", GOOGLE, 403),
        ("GET", "/site/deep/other.css", GOOGLE, 403),
        ("GET", "/site/", GOOGLE, 403),
        ("POST", "/site/page", GOOGLE, 403),
    ] {
        assert_eq!(ask(method, target, agent), status, "{method} {target}");
    }
    for unit in ["web@boston", "site@site"] {
        assert_eq!(init.status(unit)["starts"], 0, "{unit}");
    }
    init.wait_log(&["GET /boston/ ", " 403 ", "by=bot"]);
    init.wait_log(&["GET /site/other ", " 403 ", "by=bot"]);
    assert_eq!(ask("GET", "/boston/", "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Firefox/121.0"), 200);
    assert_eq!(ask("GET", "/boston/robots.txt", GOOGLE), 200);
    assert_eq!(ask("GET", "/demo/", GOOGLE), 200);
}

#[test]
fn the_way_of_a_request_is_explained_without_a_daemon() {
    let setup = Init::new();
    let public = setup.path().join("public");
    std::fs::create_dir(&public).expect("a directory");
    std::fs::write(public.join("page.html"), "a page").expect("a file");
    let auth = "[auth]\nhtpasswd = \"/nowhere\"\nrealm = \"R\"\npublic = [\"/boston/\", \"/old/\", \"/go\"]\n";
    let rules = "[[redirect]]\nfrom = \"^/old/\"\nto = \"/new/\"\n[[rewrite]]\nfrom = \"^/go\"\nto = \"/locked\"\n\
        [bots]\naction = \"reject\"\n";
    let setup = setup
        .config(&format!("{auth}{rules}"))
        .web(&web(&["boston"]).route(&format!("public = \"{}\"", public.display())));
    setup.write("127.0.0.1:1".parse().expect("an address"));
    let run = |words: &[&str]| crate::harness::verb(setup.path(), &[&["route"], words].concat());
    for (words, code, lines) in [
        (&["GET", "/old/a?b"][..], 0, &["redirect       302 /new/a?b (tenantd.toml:8)", "→ 302 /new/a?b"][..]),
        (&["GET", "http://x/boston/%61"], 0, &["path           /boston/%61 is /boston/a", "→ web@boston /boston/a"]),
        (&["GET", "/boston/page"], 0, &["page.html is there", "→ 200 "]),
        (&["POST", "/boston/page"], 0, &["→ web@boston /boston/page"]),
        (&["GET", "/go"], 1, &["rewrite        /locked (tenantd.toml:11)", "locked by \"R\"", "→ 401 "]),
        (&["GET", "/go", "--user", "ann"], 1, &["→ 404 "]),
        (&["GET", "/up"], 0, &["→ 200 tenantd"]),
        (&["GET", "/a/../b"], 1, &["→ 400 "]),
        (&["GET", "/boston/", "-H", "User-Agent: Googlebot/2.1"], 1, &["bots", "→ 403 "]),
        (&["GET", "/boston/", "-H", "Host: "], 1, &["→ 400 "]),
        (&["GET"], 64, &[]),
        (&["GET", "boston"], 64, &[]),
        (&["GET", "/", "--from", "x"], 64, &[]),
    ] {
        let ran = run(words);
        assert_eq!(ran.code, code, "{words:?}\n{}{}", ran.stdout, ran.stderr);
        lines.iter().for_each(|line| assert!(ran.stdout.contains(line), "{words:?}: {line}\n{}", ran.stdout));
    }
    let json = run(&["GET", "/old/a", "--json"]).json();
    assert_eq!((&json["status"], &json["location"], &json["answered"]), (&302.into(), &"/new/a".into(), &true.into()));
}

const MACHINES: &str = r#"
[machine]
id = "one"
region = "iad"
app = "showcase"

[health]
ready = "/ready"
status = 299

[static]
root = "ROOT"
prefix = "/pages"
trailing_slash = true
extensions = ["css"]

[[replay]]
path = "/eu"
region = "ams"

[[replay]]
pattern = "^/stuck/"
app = "pdf"
status = 200

[bots]
action = "static-only"

[placement]
machines = ["one", "two"]
by = "list"
via = "redirect"
target = "http://${machine}.example.com"

[[place]]
units = ["web@far"]
machine = "two"

[[place]]
units = ["web@*"]
machine = "one"

[[variant]]
name = "beta"
units = ["web@boston"]
to = "web@b"
query = "beta=1"
"#;

#[test]
fn files_machines_and_variants_are_explained_in_the_order_of_the_front_door() {
    let setup = Init::new();
    let root = setup.path().join("pages");
    std::fs::create_dir_all(root.join("dir")).expect("a directory");
    for file in ["a.css", "a.rb", "dir/index.html"] {
        std::fs::write(root.join(file), "a file").expect("a file");
    }
    std::os::unix::fs::symlink("/etc/hostname", root.join("out.css")).expect("a link");
    let config = MACHINES.replace("ROOT", &root.display().to_string());
    let trusted = "trusted_proxies = [\"127.0.0.1\"]";
    let mut setup = setup.http(trusted).config(&config).web(&web(&["boston", "b", "far"]));
    setup.write("127.0.0.1:1".parse().expect("an address"));
    let run = |words: &[&str]| crate::harness::verb(setup.path(), &[&["route"], words].concat());
    let robot = ["-H", "User-Agent: Googlebot/2.1"];
    let large = ["-H", "Content-Length: 2000000", "-H", "fly-replay-failed: x"];
    for (words, code, lines) in [
        (&["OPTIONS", "*"][..], 0, &["→ 204 tenantd"][..]),
        (&["GET", "/up"], 0, &["is alive", "→ 299 tenantd"]),
        (&["GET", "/ready"], 0, &["503 until boot is over", "→ 299 tenantd"]),
        (&["GET", "/eu/x"], 0, &["replay         replay to region ams", "→ 307 replay region ams"]),
        (&["GET", "/stuck/x"], 0, &["→ 200 replay app pdf"]),
        (&["POST", "/eu", large[0], large[1]], 0, &["→ region ams http://ams.showcase.internal:"]),
        (&["GET", "/eu", large[2], large[3], "--from", "127.0.0.1"], 1, &["→ 503 the maintenance page"]),
        (&["GET", "/eu", "-H", "X-Tenantd-Hop: two"], 1, &["→ 508 "]),
        (&["GET", "/far/x?y"], 0, &["placement ", "→ 307 http://two.example.com/far/x?y&tenantd_hop="]),
        (&["GET", "/far/x", "-H", "X-Tenantd-Hop: two"], 1, &["→ 508 "]),
        (&["GET", "/boston/?beta=1"], 0, &["variant        beta: web@b", "cookie ", "→ web@b /boston/?beta=1"]),
        (&["GET", "/boston/"], 0, &["static         GET /boston/ asks for no file", "→ web@boston /boston/"]),
        (&["GET", "/boston/", robot[0], robot[1]], 1, &["bots           a robot: files only", "→ 403 "]),
        (&["GET", "/pages/a.css", robot[0], robot[1]], 0, &["static  ", "a.css is there (tenantd.toml:", "→ 200 /"]),
        (&["POST", "/pages/a.css"], 1, &["→ 404 "]),
        (&["GET", "/pages/a.rb"], 1, &["not one of its files", "→ 404 "]),
        (&["GET", "/pages/out.css"], 1, &["no out.css below", "→ 404 "]),
        (&["GET", "/pages/b"], 1, &["no b/index.html, b.html, b.htm below", "→ 404 "]),
        (&["GET", "/pages/dir?x"], 0, &["→ 301 /pages/dir/?x"]),
        (&["GET", "/pages/dir/"], 0, &["dir/index.html is there", "→ 200 /"]),
    ] {
        let ran = run(words);
        assert_eq!(ran.code, code, "{words:?}\n{}{}", ran.stdout, ran.stderr);
        lines.iter().for_each(|line| assert!(ran.stdout.contains(line), "{words:?}: {line}\n{}", ran.stdout));
    }
    let steps = |words: &[&str]| {
        let json = run(words).json();
        let names = json["steps"].as_array().expect("steps").iter().map(|step| step["step"].as_str().expect("a name"));
        names.collect::<Vec<_>>().join(" ")
    };
    let all = "health auth redirect rewrite static maintenance tenant variant cookie";
    assert_eq!(steps(&["GET", "/boston/?beta=1", "--json"]), all);
    assert_eq!(steps(&["GET", "/pages/a.css", "--json"]), "health auth redirect rewrite static");
    setup = setup.config("[maintenance]\nenabled = true\n");
    setup.write("127.0.0.1:1".parse().expect("an address"));
    for words in [["GET", "/boston/"], ["GET", "/nowhere"], ["GET", "/far/"]] {
        let ran = crate::harness::verb(setup.path(), &[&["route"], &words[..]].concat());
        assert!(ran.stdout.ends_with("→ 503 the maintenance page\n"), "{words:?}\n{}", ran.stdout);
    }
    let ran = crate::harness::verb(setup.path(), &["route", "GET", "/pages/a.css"]);
    assert_eq!(ran.code, 0, "files answer in maintenance, too\n{}", ran.stdout);
}
