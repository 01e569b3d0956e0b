//! Names and passwords at the front door: who gets in, who does not, and what it costs the others.

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::client::{Connection, Reply, request_head};
use crate::harness::{Init, eventually};
use crate::setup::Setup;
use crate::web::{Web, web};
use crate::websocket::Cable;

/// `secret`, as `htpasswd -s` hashes it: no time is lost with it.
const SECRET: &str = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";
/// The same as a bcrypt of cost 14: more than a second of work.
const SLOW: &str = "$2y$14$abcdefghijklmnopqrstuug2/T3netL3BPRcnafSaAr9lEfTNoLyC";
const TRUSTED: &str = "trusted_proxies = [\"127.0.0.0/8\"]";

/// The front door behind `DIR/htpasswd`, which holds this.
fn locked(setup: Setup, passwords: &str, keys: &str) -> Setup {
    fs::write(setup.path().join("htpasswd"), passwords).expect("a file of passwords");
    let section = format!("[auth]\nhtpasswd = \"{}/htpasswd\"\n{keys}", setup.path().display());
    setup.config(&section)
}

/// One tenant, and one name whose password is "secret".
fn boston(keys: &str) -> Init {
    locked(Init::new().web(&web(&["boston"])), &format!("anna:{SECRET}\n"), keys).start()
}

fn basic(name: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode([name.as_ref(), b":", password.as_ref()].concat()))
}

#[track_caller]
fn ask(init: &Init, target: &str, name: &str, password: &str) -> Reply {
    init.request("GET", target, &[("Authorization", &basic(name, password))], b"")
}

/// The last line that a program writes.
fn output(program: &str, words: &[&str]) -> String {
    let run = Command::new(program).args(words).stdin(Stdio::null()).output().expect(program);
    let text = String::from_utf8(run.stdout).expect("text");
    text.lines().rfind(|line| !line.is_empty()).unwrap_or_else(|| panic!("{program} {words:?}")).to_owned()
}

/// `NAME:HASH` of "se:cret" as the programs make it that people use.
fn made(name: &str) -> String {
    let hash = |text: String| format!("{name}:{}", text.split_once(':').map_or(&*text, |(_, hash)| hash));
    let crypt = |salt: &str| output("perl", &["-e", "print crypt('se:cret', $ARGV[0])", salt]);
    hash(match name {
        "apr1" => output("htpasswd", &["-nbm", "x", "se:cret"]),
        "bcrypt" => output("htpasswd", &["-nbB", "x", "se:cret"]),
        "bcrypt-b" => crypt("$2b$04$abcdefghijklmnopqrstuu"),
        "bcrypt-a" => crypt("$2a$04$abcdefghijklmnopqrstuu"),
        "sha" => output("htpasswd", &["-nbs", "x", "se:cret"]),
        "apr1-openssl" => output("openssl", &["passwd", "-apr1", "se:cret"]),
        "md5" => output("openssl", &["passwd", "-1", "se:cret"]),
        "sha256" => output("openssl", &["passwd", "-5", "se:cret"]),
        "sha512" => output("openssl", &["passwd", "-6", "se:cret"]),
        "sha512-rounds" => crypt("$6$rounds=1234$saltsalt"),
        "des" => output("htpasswd", &["-nbd", "x", "se:cret"]),
        "plain" => "se:cret".into(),
        other => panic!("{other}"),
    })
}

const SCHEMES: [&str; 10] =
    ["apr1", "bcrypt", "bcrypt-b", "bcrypt-a", "sha", "apr1-openssl", "md5", "sha256", "sha512", "sha512-rounds"];

#[test]
fn every_scheme_that_people_have_lets_them_in_and_nobody_else() {
    let lines: Vec<String> = SCHEMES.iter().chain(&["des", "plain"]).map(|name| made(name)).collect();
    let setup = Init::new().web(&web(&["boston"])).http(TRUSTED);
    let init = locked(setup, &format!("# names\r\n\r\n{}\r\n", lines.join("\r\n")), "").start();
    // Each from an address of its own: who fails too often has to wait.
    let tried = |name: &str, password: &str| {
        let address = format!("203.0.113.{}", name.len() * 7 + password.len());
        let fields = [("X-Forwarded-For", &*address), ("Authorization", &*basic(name, password))];
        init.request("GET", "/boston", &fields, b"").status()
    };
    for name in SCHEMES {
        assert_eq!((tried(name, "secret"), tried(name, "se:cret"), tried(name, "")), (401, 200, 401), "{name}");
    }
    for name in ["des", "plain", "nobody", ""] {
        assert_eq!(tried(name, "se:cret"), 401, "{name}");
    }
    init.wait_log(&["/htpasswd:13: ", "DES", "htpasswd -B"]);
    init.wait_log(&["/htpasswd:14: ", "plain = true"]);
    init.wait_log(&[" 200 ", " user=bcrypt-a"]);
    let told = init.log().with(&["se:cret"]);
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(init.log().with(&["/htpasswd:", "htpasswd -B"]).len(), 2, "each once");
}

#[test]
fn plain_text_counts_where_it_is_asked_for() {
    let init = locked(Init::new().web(&web(&["boston"])), "anna:hunter2\n", "plain = true").start();
    ask(&init, "/boston", "anna", "hunter2").expect(200);
    ask(&init, "/boston", "anna", "hunter").expect(401);
    let file = init.file("tenantd.toml");
    let text = fs::read_to_string(&file).expect("tenantd.toml");
    fs::write(&file, text.replace("plain = true", "plain = false")).expect("tenantd.toml");
    init.verb(&["reload"]).expect(0);
    eventually("it counts no longer", || ask(&init, "/boston", "anna", "hunter2").status() == 401);
}

#[test]
fn who_says_nothing_that_counts_is_asked() {
    let init = boston("realm = 'The \"Club\"'");
    let mut client = init.connect();
    let reply = client.get("/boston").expect("an answer").expect(401);
    assert_eq!(reply.field("www-authenticate"), Some(r#"Basic realm="The \"Club\"", charset="UTF-8""#));
    assert_eq!(reply.field("cache-control"), Some("no-store"));
    let right = basic("anna", "secret");
    for value in ["", "Basic", "Basic !", "Bearer abc", "Digest username=anna", &right[..right.len() - 6], &right[6..]]
    {
        let reply = client.request("GET", "/boston", &[("Authorization", value)], b"").expect("an answer").expect(401);
        assert!(reply.field("www-authenticate").is_some(), "{value}");
    }
    let twice = [("Authorization", &*right), ("authorization", "Basic YTpi")];
    client.request("GET", "/boston", &twice, b"").expect("an answer").expect(401);
    let head = client.request("HEAD", "/boston", &[], b"").expect("an answer").expect(401);
    assert!(head.body.is_empty() && head.field("www-authenticate").is_some());
    // What is nowhere is nobody's business either.
    client.get("/nowhere").expect("an answer").expect(401);
    client.get("/up").expect("an answer").expect(200);
    let value = right.replace("Basic", "bASIC");
    let reply = client.request("GET", "/boston", &[("Authorization", &value)], b"").expect("the same connection");
    let fields = reply.expect(200).json()["fields"].to_string();
    assert!(fields.contains(&value), "the tenant sees it, too: {fields}");
    client.request("GET", "/nowhere", &[("Authorization", &right)], b"").expect("an answer").expect(404);
    init.wait_log(&["\"GET /boston HTTP/1.1\" 401", "by=auth"]);
    // A body that nobody reads ends its connection, and the answer arrives all the same.
    let refused = client.request("POST", "/boston", &[], &[b'x'; 300_000]).expect("an answer").expect(401);
    assert!(refused.field("www-authenticate").is_some() && client.is_closed());
}

#[test]
fn a_tenant_is_not_started_for_who_has_no_password() {
    let init = boston("");
    init.get("/boston").expect(401);
    ask(&init, "/boston", "anna", "wrong").expect(401);
    init.post("/boston", b"x").expect(401);
    assert!(Cable::try_open(&init, "/boston/cable").is_none());
    let status = init.status("web@boston");
    assert_eq!((&status["active"], &status["starts"]), (&"inactive".into(), &0.into()), "{status}");
    ask(&init, "/boston", "anna", "secret").expect(200);
}

#[test]
fn a_path_is_judged_as_it_is_served() {
    let keys = "public = [\"/boston/assets/\", \"*.css\", \"/boston/docs/*\"]\nexclude = [\"^/boston/(a|b)/?$\"]";
    let init = boston(keys);
    for (target, served) in [
        ("/boston/assets/x?y", "/boston/assets/x?y"),
        ("/boston//assets///x", "/boston/assets/x"),
        ("/boston/%61ssets/x", "/boston/assets/x"),
        ("/boston/x%2ecss", "/boston/x.css"),
        ("/boston/docs/x", "/boston/docs/x"),
        ("/boston/a/", "/boston/a/"),
    ] {
        assert_eq!(init.get(target).expect(200).json()["target"], served, "{target}");
    }
    for target in [
        "/boston",
        "/boston/secret?x=.css",
        "/boston/secret%2fx.cs%73/",
        "/boston/assets",
        "/boston/assets%2fx",
        "/boston/Assets/x",
        "/BOSTON/assets/x",
        "/boston/x.CSS",
        "/boston/x.css/y",
        "/boston/x.css%0a",
        "/boston/docs/x/y",
        "/boston/a/b",
        "/boston/c",
        "/boston/a%0a",
        "/x/boston/assets/x",
    ] {
        init.get(target).expect(401);
    }
    for target in
        ["/boston/assets/../secret", "/boston/assets/%2e%2e/secret", "/boston/assets/..%2fsecret", "/boston/x%00.css"]
    {
        assert_eq!(init.connect().get(target).expect("an answer").status(), 400, "{target}");
    }
}

#[test]
fn a_route_may_have_its_own_realm_and_file() {
    let unit = |name: &str, keys: &str| {
        let text = format!(
            "[service]\nexec_start = [\"@ORIGIN@\"]\nenvironment = {{ TENANT = \"{name}\" }}\n[route]\npath = \"/{name}\"\n{keys}"
        );
        (format!("{name}.toml"), text)
    };
    let units = [
        unit("usual", ""),
        unit("open", "realm = \"off\""),
        unit("named", "realm = \"Named\""),
        unit("own", "realm = \"Own\"\nhtpasswd = \"@DIR@/own\""),
    ];
    let setup = units.iter().fold(Init::new(), |setup, (name, text)| setup.unit(name, text));
    fs::write(setup.path().join("own"), format!("berta:{SECRET}\n")).expect("a file of passwords");
    let init = locked(setup, &format!("anna:{SECRET}\n"), "realm = \"Usual\"").start();
    for (path, realm, anna, berta) in [
        ("/usual", Some("Usual"), 200, 401),
        ("/open", None, 200, 200),
        ("/named", Some("Named"), 200, 401),
        ("/own", Some("Own"), 401, 200),
        ("/own/open", Some("Own"), 401, 200),
        ("/", Some("Usual"), 404, 401),
    ] {
        let reply = init.get(path);
        let challenge = realm.map(|realm| format!("Basic realm=\"{realm}\", charset=\"UTF-8\""));
        assert_eq!(reply.field("www-authenticate"), challenge.as_deref(), "{path}");
        assert_eq!(reply.status(), if realm.is_some() { 401 } else { 200 });
        assert_eq!(ask(&init, path, "anna", "secret").status(), anna, "{path}");
        assert_eq!(ask(&init, path, "berta", "secret").status(), berta, "{path}");
    }
    // A file that is no more shuts its own tenant, and no other.
    fs::remove_file(init.file("own")).expect("remove");
    eventually("nobody gets in", || ask(&init, "/own", "berta", "secret").status() == 503);
    ask(&init, "/usual", "anna", "secret").expect(200);
}

#[test]
fn a_change_of_the_file_counts_at_once_and_without_it_nobody_gets_in() {
    let init = boston("");
    let file = init.file("htpasswd");
    let mut kept = init.connect();
    let mut stays = |status: u16| {
        let right = basic("anna", "secret");
        let mut reply = || kept.request("GET", "/boston", &[("Authorization", &right)], b"").expect("kept").status();
        eventually("it counts on a kept connection", || reply() == status);
    };
    stays(200);
    fs::write(&file, format!("berta:{SECRET}\n")).expect("a file of passwords");
    stays(401);
    ask(&init, "/boston", "berta", "secret").expect(200);
    // Another password for the same name, by a rename, as careful programs write.
    let hash = STANDARD.encode(Sha1::digest(b"other"));
    fs::write(init.file("new"), format!("anna:{SECRET}\nberta:{{SHA}}{hash}\n")).expect("a file of passwords");
    fs::rename(init.file("new"), &file).expect("rename");
    stays(200);
    ask(&init, "/boston", "berta", "secret").expect(401);
    ask(&init, "/boston", "berta", "other").expect(200);
    fs::remove_file(&file).expect("remove");
    stays(503);
    assert!(ask(&init, "/boston", "anna", "secret").expect(503).field("retry-after").is_some());
    init.get("/boston").expect(401);
    init.wait_log(&["cannot read ", "/htpasswd: ", "nobody who needs a password gets in"]);
    fs::write(&file, "no colon\nanna:\n").expect("a file of passwords");
    stays(401);
    init.wait_log(&["/htpasswd lets nobody in"]);
    fs::write(&file, format!("anna:{SECRET}")).expect("a file of passwords");
    stays(200);
    fs::remove_file(&file).expect("remove");
    fs::create_dir(&file).expect("a directory");
    stays(503);
    assert_eq!(init.log().with(&["cannot read ", "No such file"]).len(), 1, "it is said once");
}

#[test]
fn a_reload_never_opens_what_is_to_be_locked() {
    let init = Init::new().web(&web(&["boston"])).start();
    let file = init.file("tenantd.toml");
    let open = fs::read_to_string(&file).expect("tenantd.toml");
    let reload = |text: &str, code: i32| {
        fs::write(&file, text).expect("tenantd.toml");
        init.verb(&["reload"]).expect(code)
    };
    let path = init.file("htpasswd").display().to_string();
    init.get("/boston").expect(200);
    // The file is not there yet: what was open is shut.
    let said = reload(&format!("{open}[auth]\nhtpasswd = \"{path}\"\n"), 0);
    assert!(said.stdout.contains("[auth] htpasswd"), "{said:?}");
    init.get("/boston").expect(401);
    ask(&init, "/boston", "anna", "secret").expect(503);
    fs::write(&path, format!("anna:{SECRET}\n")).expect("a file of passwords");
    eventually("the file is there", || ask(&init, "/boston", "anna", "secret").status() == 200);
    // A section without a file is a mistake, and the old one counts.
    assert!(reload(&format!("{open}[auth]\nrealm = \"x\"\n"), 78).stderr.contains("[auth] has no htpasswd"));
    init.get("/boston").expect(401);
    reload(&format!("{open}[auth]\nhtpasswd = \"{path}\"\npublic = [\"/boston/\"]\n"), 0);
    init.get("/boston/x").expect(200);
    init.get("/boston").expect(401);
    reload(&open, 0);
    init.get("/boston").expect(200);
}

#[test]
fn who_guesses_waits_and_who_is_known_does_not() {
    let setup = Init::new().web(&web(&["boston"])).http(TRUSTED);
    let init = locked(setup, &format!("anna:{SECRET}\nberta:{SECRET}\n"), "").start();
    let from = |address: &str, name: &str, password: &str| {
        let fields = [("X-Forwarded-For", address), ("Authorization", &*basic(name, password))];
        init.request("GET", "/boston", &fields, b"")
    };
    from("2001:db8::1", "anna", "secret").expect(200);
    for n in 0..10 {
        // The same wrong one again is no further guess.
        from("2001:db8::1", "anna", &format!("guess{n}")).expect(401);
        from("2001:db8::1", "anna", &format!("guess{n}")).expect(401);
    }
    let after: u64 =
        from("2001:db8::2", "anna", "guess").expect(429).field("retry-after").expect("Retry-After").parse().unwrap();
    assert!((1..=30).contains(&after), "{after}");
    // Not even the right one is looked at, as long as nobody knows that it is right.
    from("2001:db8::3", "berta", "secret").expect(429);
    from("2001:db8::3", "anna", "secret").expect(200);
    from("2001:db8:0:1::1", "berta", "secret").expect(200);
    from("2001:db8::3", "berta", "secret").expect(200);
    init.wait_log(&["many wrong passwords", "anna"]);
    init.get("/boston").expect(401);
}

#[test]
fn names_and_passwords_of_every_kind() {
    let hash = |password: &[u8]| format!("{{SHA}}{}", STANDARD.encode(Sha1::digest(password)));
    let users: [(&[u8], &[u8]); 4] = [
        (b"anna", b"a:b:c"),
        ("j\u{f6}rg".as_bytes(), "\u{fc}ber".as_bytes()),
        (b"\xff", b"\xfe"),
        (b"two words", b" x "),
    ];
    let lines = users.iter().flat_map(|(name, password)| [name, &b":"[..], hash(password).as_bytes(), b"\n"].concat());
    let init = locked(Init::new().web(&web(&["boston"])), "", "").start();
    fs::write(init.file("htpasswd"), lines.collect::<Vec<_>>()).expect("a file of passwords");
    let status = |name: &[u8], password: &[u8]| {
        init.request("GET", "/boston", &[("Authorization", &basic(name, password))], b"").status()
    };
    for (name, password) in users {
        assert_eq!(status(name, password), 200, "{}", name.escape_ascii());
        let spaced = [&b" \t "[..], name, b"  "].concat();
        assert_eq!(status(&spaced, password), if spaced.contains(&b'\t') { 401 } else { 200 });
        assert_eq!(status(&[b"  ", name, b" "].concat(), password), 200, "white space around a name is not meant");
    }
    assert_eq!(status(b"anna", b"a:b"), 401);
    assert_eq!(status(b"two words", b"x"), 401, "white space around a password is");
    init.wait_log(&["user=j\u{f6}rg"]);
    init.wait_log(&["user=two words"]);
    // Nobody pays for these.
    assert_eq!(status(b"anna", &[b'x'; 10_000]), 401);
    let huge = format!("Basic {}", "A".repeat(40_000));
    let reply = init.connect().request("GET", "/boston", &[("Authorization", &huge)], b"");
    assert!(reply.is_ok_and(|reply| reply.status() == 431));
}

#[test]
fn a_request_waits_for_its_password_and_arrives_whole() {
    // Each file is another to those who look, so that nothing is known of any password.
    let fresh = || boston("");
    let right = basic("anna", "secret");
    let init = fresh();
    let body: Vec<u8> = (0..400_000_u32).map(|n| n as u8).collect();
    let reply = init.request("POST", "/boston/x", &[("Authorization", &right)], &body).expect(200).json();
    let again = init.request("POST", "/boston/x", &[("Authorization", &right)], &body).expect(200).json();
    assert_eq!((&reply["length"], &reply["hash"], &reply["method"]), (&400_000.into(), &again["hash"], &"POST".into()));

    let init = fresh();
    let mut client = init.connect();
    let fields = [("Authorization", &*right)];
    let all = [
        request_head("GET", "/boston/1", &fields, 0),
        [request_head("POST", "/boston/2", &fields, 3), b"abc".to_vec()].concat(),
        request_head("GET", "/boston/3", &[("Authorization", &basic("anna", "wrong"))], 0),
        request_head("HEAD", "/boston/4", &fields, 0),
        request_head("GET", "/boston/5", &fields, 0),
    ];
    client.send(&all.concat()).expect("send");
    for (method, target, status) in [
        ("GET", "/boston/1", 200),
        ("POST", "/boston/2", 200),
        ("GET", "", 401),
        ("HEAD", "", 200),
        ("GET", "/boston/5", 200),
    ] {
        let reply = client.reply(method).expect("an answer in its turn").expect(status);
        assert!(target.is_empty() || reply.json()["target"] == target, "{target}");
    }

    let init = fresh();
    let mut client = init.connect();
    let expects = [("Authorization", &*right), ("Expect", "100-continue"), ("Content-Length", "5")];
    client.send(&request_head("POST", "/boston", &expects, 0)).expect("send");
    client.send(b"hello").expect("send");
    assert_eq!(client.reply("POST").expect("an answer").expect(200).json()["length"], 5);

    let init = fresh();
    let mut client = init.connect();
    let chunked = [("Authorization", &*right), ("Transfer-Encoding", "chunked")];
    client.send(&request_head("POST", "/boston", &chunked, 0)).expect("send");
    client.send(b"5\r\nhello\r\n").expect("send");
    client.send(b"6\r\n world\r\n0\r\n\r\n").expect("send");
    assert_eq!(client.reply("POST").expect("an answer").expect(200).json()["length"], 11);

    let init = fresh();
    let mut cable = Cable::open(&init, "/boston/cable", &fields);
    assert_eq!(cable.echo("hello"), "hello");
}

/// Whether bytes of an answer are there.
fn is_answered(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a socket");
    let read = stream.read(&mut [0; 1]);
    stream.set_nonblocking(false).expect("a socket");
    read.is_ok()
}

/// Sends a request, and does not wait.
fn sent(init: &Init, password: &str) -> Connection {
    let mut client = init.connect();
    client.send(&request_head("GET", "/boston", &[("Authorization", &basic("anna", password))], 0)).expect("send");
    client
}

/// The nice value of the thread that computes hashes, while there is one.
fn nice(pid: u32) -> Option<i32> {
    let tasks = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("task")).ok()?;
    tasks.flatten().find_map(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        let (name, rest) = stat.rsplit_once(')')?;
        name.ends_with("(passwords").then_some(())?;
        rest.split_whitespace().nth(16)?.parse().ok()
    })
}

#[test]
fn the_loop_computes_no_hash() {
    let setup = Init::new().web(&web(&["boston"]));
    let init = locked(setup, &format!("anna:{SLOW}\n"), "public = [\"/boston/open\"]").start();
    init.get("/boston/open").expect(200);
    let right = sent(&init, "secret");
    let mut wrong: Vec<Connection> = (0..8).map(|n| sent(&init, &format!("wrong{n}"))).collect();
    // A thread of less weight than the loop, and the others are served meanwhile: the work takes many seconds.
    eventually("a thread computes", || nice(init.pid()) == Some(10));
    for _ in 0..20 {
        init.get("/boston/open").expect(200);
        init.get("/up").expect(200);
        init.get("/boston").expect(401);
    }
    let last = wrong.pop().expect("a connection");
    assert!(!is_answered(&mut last.writer()), "nobody waited for the hashes");
    let mut right = right;
    right.reply("GET").expect("an answer").expect(200);
    // What is known costs nothing, although others still wait for theirs.
    ask(&init, "/boston", "anna", "secret").expect(200);
    assert!(!is_answered(&mut last.writer()));
}

#[test]
fn who_waits_for_a_password_may_leave() {
    let init = locked(Init::new().web(&web(&["boston"])), &format!("anna:{SLOW}\n"), "").start();
    let (gone, stays) = (sent(&init, "secret"), sent(&init, "secret"));
    eventually("a thread computes", || nice(init.pid()).is_some());
    drop(gone);
    init.wait_log(&["\"GET /boston HTTP/1.1\" 499"]);
    let mut stays = stays;
    stays.reply("GET").expect("an answer").expect(200);
    eventually("the thread has ended", || nice(init.pid()).is_none());
    // The end of all is not held up by a hash.
    let mut waits = sent(&init, "another");
    eventually("a thread computes", || nice(init.pid()).is_some());
    assert!(init.stop().success());
    waits.reply("GET").expect("an answer").expect(503);
}

#[test]
fn a_web_of_tenants_shares_what_is_known() {
    let names: Vec<String> = (0..20).map(|n| format!("t{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let some: Web = web(&names).route("public = \"@DIR@\"");
    let init = locked(Init::new().web(&some), &format!("anna:{SLOW}\n"), "").start();
    // One hash for all of them: forty would take a minute.
    for name in names {
        ask(&init, &format!("/{name}/htpasswd"), "anna", "secret").expect(200);
        init.get(&format!("/{name}/htpasswd")).expect(401);
    }
}
