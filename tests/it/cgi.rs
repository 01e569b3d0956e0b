//! CGI scripts (RFC 3875): what they are told, what becomes of what they say, and that none outlives its time.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;

use crate::client::request_head;
use crate::harness::{Init, eventually};
use crate::procfs;
use crate::setup::Setup;

impl Setup {
    /// A script for the shell at `/NAME`, with more keys. `@DIR@` is the configuration directory.
    fn script(self, name: &str, keys: &str, text: &str) -> Self {
        self.script_at(&format!("/{name}"), name, keys, text)
    }

    fn script_at(self, path: &str, name: &str, keys: &str, text: &str) -> Self {
        let directory = self.path().to_str().expect("a path").to_owned();
        let file = self.path().join(format!("{name}.sh"));
        fs::write(&file, text.replace("@DIR@", &directory)).expect("a script");
        let keys = keys.replace("@DIR@", &directory);
        self.config(&format!("[[cgi]]\npath = \"{path}\"\nexec = [\"sh\", \"{}\"]\n{keys}", file.display()))
    }

    /// Where a script waits with `read x < @DIR@/gate`.
    fn gate(self) -> Self {
        nix::unistd::mkfifo(&self.path().join("gate"), Mode::S_IRWXU).expect("a fifo");
        self
    }
}

/// Lets a script go on that waits at the gate, or will.
fn open_gate(init: &Init) {
    fs::write(init.file("gate"), "go\n").expect("the gate");
}

const OK: &str = "echo 'Content-Type: text/plain'; echo; ";

/// Only tenantd is left.
fn is_alone(init: &Init) -> bool {
    procfs::descendants(init.pid()).is_empty()
}

#[test]
fn a_script_gets_the_variables_of_rfc_3875_and_nothing_of_pid_1() {
    let setup = Init::new().environment("SECRET", "s3cret").environment("PASSED", "p");
    let keys = "pass_environment = [\"PASSED\"]\nenvironment = { OWN = \"o\", REQUEST_METHOD = \"forged\" }";
    let setup = setup.script_at("/tools/*", "tools", keys, &format!("{OK} env"));
    let init = setup.start();
    let fields = [
        ("Host", "example.com:81"),
        ("Accept", "text/plain"),
        ("X-Odd", "a"),
        ("X-Odd", "b"),
        ("Proxy", "http://evil"),
        ("Authorization", "Basic YTpi"),
        ("X_Odd", "forged"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("Content-Type", "text/x"),
    ];
    let reply = init.request("POST", "//tools/a%20b/%63?q=%201&r", &fields, b"12345").expect(200);
    let text = reply.text();
    let lines: Vec<&str> = text.lines().collect();
    for line in [
        "GATEWAY_INTERFACE=CGI/1.1",
        "SERVER_PROTOCOL=HTTP/1.1",
        "SERVER_NAME=example.com",
        "SERVER_PORT=81",
        "REQUEST_METHOD=POST",
        "SCRIPT_NAME=/tools",
        "PATH_INFO=/a b/c",
        "QUERY_STRING=q=%201&r",
        "REMOTE_ADDR=127.0.0.1",
        "CONTENT_LENGTH=5",
        "CONTENT_TYPE=text/x",
        "HTTP_ACCEPT=text/plain",
        "HTTP_X_ODD=a, b",
        "HTTP_HOST=example.com:81",
        "OWN=o",
        "PASSED=p",
    ] {
        assert!(lines.contains(&line), "{line}:\n{text}");
    }
    assert!(text.contains("\nSERVER_SOFTWARE=tenantd/") && text.contains("\nPATH=/"), "{text}");
    let forbidden =
        ["SECRET", "HTTP_PROXY", "HTTP_AUTHORIZATION", "forged", "REMOTE_USER", "AUTH_TYPE", "HTTPS", "NOTIFY"];
    for word in forbidden.iter().chain(&["HTTP_X_FORWARDED_FOR", "HTTP_CONTENT", "LISTEN"]) {
        assert!(!text.contains(word), "{word}:\n{text}");
    }
    init.get("/tools").expect(200);
    init.get("/tool").expect(404);
    init.get("/toolsx").expect(404);
    init.get("/tools/../x").expect(400);
}

#[test]
fn a_body_goes_to_stdin_with_its_length() {
    let setup =
        Init::new().script("count", "", &format!("{OK} echo $CONTENT_LENGTH; wc -c; readlink /proc/self/fd/3 || true"));
    let init = setup.start();
    for size in [0, 1, 70_000, 5_000_000] {
        let reply = init.request("POST", "/count", &[], &vec![b'x'; size]).expect(200);
        let length = if size == 0 { String::new() } else { size.to_string() };
        assert_eq!(reply.text(), format!("{length}\n{size}\n"), "and no further descriptor");
    }
    let mut client = init.connect();
    client.send(b"POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").expect("send");
    client.send(b"2\r\nde\r\n0\r\nX-Trailer: y\r\n\r\n").expect("send");
    assert_eq!(client.reply("POST").expect("an answer").expect(200).text(), "5\n5\n");
    // Who waits for leave is given it.
    client.send(b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").expect("send");
    assert_eq!(client.head().expect("a head").status, 100);
    client.send(b"abc").expect("send");
    assert_eq!(client.reply("POST").expect("an answer").expect(200).text(), "3\n3\n");
    // A length that nobody knows is waited for in memory, up to a bound.
    client.send(b"POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n").expect("send");
    let _ = client.send(&vec![b'x'; 0x20_0000]);
    client.reply("POST").expect("an answer").expect(411);
    // Before a script is called, it is known whether its body is one.
    let reply = init.raw(b"POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
}

#[test]
fn a_script_may_leave_its_body_unread() {
    let init = Init::new().script("deaf", "", &format!("exec <&-; {OK} echo heard nothing")).start();
    for size in [100, 3_000_000] {
        let reply = init.request("POST", "/deaf", &[], &vec![b'x'; size]).expect(200);
        assert_eq!(reply.text(), "heard nothing\n");
    }
}

#[test]
fn what_a_script_says_is_the_answer() {
    let setup = Init::new()
        .script("cookies", "", "printf 'Set-Cookie: a=1\\nContent-Type: text/x\\nSet-Cookie: b=2\\n\\nbody'")
        .script("status", "", "printf 'Status: 404 No Such Thing\\r\\nContent-Type: text/plain\\r\\n\\r\\ngone'")
        .script("moved", "", "printf 'Location: /elsewhere\\n\\n'")
        .script("sized", "", "printf 'Content-Type: text/plain\\nContent-Length: 4\\n\\nbodyMORE'")
        .script("hop", "", "printf 'Content-Type: a/b\\nConnection: close\\nTransfer-Encoding: gzip\\n\\nbody'")
        .script("none", "", "printf 'Status: 204\\n\\nbody'");
    let init = setup.start();
    let mut client = init.connect();
    let mut get = |target: &str| client.get(target).expect("an answer");
    let reply = get("/cookies").expect(200);
    let cookies: Vec<_> = reply.head.fields.iter().filter(|(name, _)| name == "Set-Cookie").collect();
    assert_eq!((cookies.len(), reply.field("content-type"), reply.text().as_str()), (2, Some("text/x"), "body"));
    assert!(reply.field("date").is_some() && reply.field("x-request-id").is_some(), "{:?}", reply.head);
    assert_eq!(get("/status").expect(404).text(), "gone");
    assert_eq!(get("/moved").expect(302).field("location"), Some("/elsewhere"));
    let reply = get("/sized").expect(200);
    assert_eq!((reply.field("content-length"), reply.text().as_str()), (Some("4"), "body"));
    assert_eq!(get("/hop").expect(200).text(), "body");
    get("/none").expect(204);
    assert_eq!(get("/cookies").text(), "body", "one connection for all");
    let reply = client.request("HEAD", "/sized", &[], b"").expect("an answer").expect(200);
    assert_eq!(reply.field("content-length"), Some("4"));
    client.request("HEAD", "/cookies", &[], b"").expect("an answer").expect(200);
    assert_eq!(client.get("/cookies").expect("an answer").text(), "body", "nothing came behind the HEAD");
    let old = init.raw(b"GET /cookies HTTP/1.0\r\n\r\n");
    assert!(old.ends_with("\r\n\r\nbody") && !old.to_lowercase().contains("chunked"), "{old}");
    let line = init.wait_log(&["\"GET /status HTTP/1.1\" 404", "by=cgi"]);
    assert!(line.contains("script=cgi:status"), "{line}");
}

#[test]
fn a_script_that_fails_before_its_answer_is_a_502_with_the_reason_in_the_log() {
    let setup = Init::new()
        .script("exits", "", "echo oops >&2; exit 3")
        .script("late", "", &format!("{OK} exit 0"))
        .script("silent", "", "exit 0")
        .script("half", "", "echo 'Content-Type: text/plain'")
        .script("junk", "", "echo '<html>'; echo")
        .script("nph", "", "printf 'HTTP/1.1 200 OK\\r\\nContent-Type: a\\r\\n\\r\\n'")
        .script("killed", "", "kill -9 $$")
        .script("endless", "", "while :; do echo 'X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'; done")
        .script("nobody", "user = \"nobody-of-that-name\"", OK)
        .script("homeless", "working_directory = \"/no/such/place\"", OK)
        .config("[[cgi]]\npath = \"/missing\"\nexec = \"/no/such/program x\"");
    let checked = crate::harness::verb(setup.path(), &["check"]);
    let init = setup.start();
    for (path, words) in [
        ("exits", "exit code 3"),
        ("silent", "it has said nothing"),
        ("half", "not all of its fields"),
        ("junk", "a line before the empty one is no field"),
        ("nph", "it speaks HTTP itself"),
        ("killed", "killed by SIGKILL"),
        ("endless", "its fields are too large"),
        ("nobody", "nobody-of-that-name"),
        ("homeless", "cannot enter its working_directory /no/such/place"),
        ("missing", "cannot execute /no/such/program"),
    ] {
        let mut client = init.connect();
        client.get(&format!("/{path}")).unwrap_or_else(|error| panic!("{path}: {error}")).expect(502);
        init.wait_log(&[&format!("cgi:{path}: no good answer: "), words]);
        client.get("/late").expect("the connection is kept").expect(200);
    }
    init.wait_log(&["cgi:exits[", "stderr: oops"]);
    let told = init.verb(&["logs", "cgi:exits"]).expect(0).stdout;
    assert!(told.contains("oops"), "{told}");
    eventually("nothing of them is left", || is_alone(&init));
    // It was not there when the configuration was written either.
    assert!(checked.code == 78 || checked.stderr.is_empty(), "tenantd.toml is written at the start");
    let told = init.verb(&["check"]).expect(0).stderr;
    assert!(told.contains("/no/such/program is not there; requests will get 502"), "{told}");
}

#[test]
fn a_script_that_fails_after_its_answer_began_cuts_the_connection() {
    let setup = Init::new().script("chunked", "", &format!("{OK} echo part; exit 3")).script(
        "short",
        "",
        "printf 'Content-Type: text/plain\\nContent-Length: 9\\n\\npart'",
    );
    let init = setup.start();
    for path in ["chunked", "short"] {
        let mut client = init.connect();
        client.send(&request_head("GET", &format!("/{path}"), &[], 0)).expect("send");
        let rest = String::from_utf8_lossy(&client.rest()).into_owned();
        assert!(!rest.ends_with("0\r\n\r\n"), "no client takes it for all: {rest}");
        init.wait_log(&[&format!("cgi:{path}: no good answer")]);
    }
    let old = init.raw(b"GET /chunked HTTP/1.0\r\n\r\n");
    assert!(!old.contains("part\n") || old.starts_with("HTTP/1.1 200"), "{old}");
}

#[test]
fn the_first_line_arrives_before_the_script_ends() {
    let init =
        Init::new().gate().script("stream", "", &format!("{OK} echo first; read x < @DIR@/gate; echo $x")).start();
    let mut client = init.connect();
    client.send(&request_head("GET", "/stream", &[], 0)).expect("send");
    assert_eq!(client.head().expect("a head").status, 200);
    assert_eq!(client.chunk().expect("a chunk").as_deref(), Some(&b"first\n"[..]));
    open_gate(&init);
    assert_eq!(client.chunk().expect("a chunk").as_deref(), Some(&b"go\n"[..]));
    assert_eq!(client.chunk().expect("the end"), None);
}

#[test]
fn a_slow_reader_slows_its_script_and_fills_no_memory() {
    const SIZE: usize = 64 << 20;
    let init = Init::new().script("big", "", &format!("{OK} head -c {SIZE} /dev/zero; touch @DIR@/all")).start();
    init.get("/up").expect(200);
    let before = procfs::anonymous(init.pid());
    let mut client = init.connect();
    client.send(&request_head("GET", "/big", &[], 0)).expect("send");
    assert_eq!(client.head().expect("a head").status, 200);
    let mut count = 0;
    while let Some(chunk) = client.chunk().expect("a chunk") {
        if count == 0 {
            assert!(!init.file("all").exists(), "it waits for its reader");
        }
        count += chunk.len();
    }
    assert_eq!(count, SIZE);
    assert!(procfs::anonymous(init.pid()) < before + (8 << 20), "{}", procfs::anonymous(init.pid()));
}

#[test]
fn two_methods_of_one_path_are_two_scripts() {
    let setup = Init::new().script_at("/x", "reads", "methods = [\"GET\"]", &format!("{OK} echo read")).script_at(
        "/x",
        "writes",
        "methods = [\"POST\", \"PUT\"]",
        &format!("{OK} echo written"),
    );
    let init = setup.start();
    assert_eq!(init.get("/x").expect(200).text(), "read\n");
    assert_eq!(init.post("/x", b"a").expect(200).text(), "written\n");
    assert_eq!(init.request("PUT", "/x", &[], b"a").expect(200).text(), "written\n");
    init.request("DELETE", "/x", &[], b"").expect(404);
    init.request("HEAD", "/x", &[], b"").expect(404);
}

/// The tiers of finding processes: cgroups, marks, and both for a tenantd that is not PID 1.
fn tiers() -> [Setup; 3] {
    [Init::new(), Init::new().read_only_cgroups(), Init::new().ordinary(true)]
}

#[test]
fn at_the_timeout_all_that_a_script_has_started_is_killed() {
    for setup in tiers() {
        // Grandchildren hold both pipes, one of them in a session of its own.
        let children = "setsid sleep 600 & sleep 600 & ";
        let init = setup
            .script("hangs", "timeout = 1", &format!("{children} wait"))
            .script("begins", "timeout = 1", &format!("{OK} echo part; {children} wait"))
            .start();
        init.get("/hangs").expect(504);
        init.wait_log(&["cgi:hangs", "timeout"]);
        let mut client = init.connect();
        client.send(&request_head("GET", "/begins", &[], 0)).expect("send");
        assert_eq!(client.head().expect("a head").status, 200);
        assert!(!client.rest().ends_with(b"0\r\n\r\n"), "it is cut");
        eventually("all of it is gone", || is_alone(&init));
    }
}

#[test]
fn what_a_script_leaves_behind_ends_with_it() {
    for setup in tiers() {
        let init = setup.script("leaves", "", &format!("{OK} echo done; setsid sleep 600 & sleep 600 &")).start();
        assert_eq!(init.get("/leaves").expect(200).text(), "done\n", "although they hold its stdout");
        eventually("all of it is gone", || is_alone(&init));
    }
}

#[test]
fn a_script_is_at_home_and_runs_as_its_user() {
    let setup = Init::new();
    let home = setup.path().join("home");
    fs::create_dir(&home).expect("a directory");
    std::os::unix::fs::symlink("/bin/sh", home.join("shell")).expect("a link");
    let exec = |path: &str| format!("[[cgi]]\npath = \"/{path}\"\nexec = [\"{}/shell\", \"-c\", ", home.display());
    let setup = setup.config(&format!("{}\"{OK} pwd\"]", exec("home")));
    let id = "id -u; id -g; id -G; echo $HOME";
    let ids = format!(
        "user = \"54321\"\ngroup = \"54322\"\nworking_directory = \"/\"\nexec = [\"sh\", \"-c\", \"{OK} {id}\"]"
    );
    let setup = setup.config(&format!("[[cgi]]\npath = \"/id\"\n{ids}"));
    let init = setup.start();
    assert_eq!(init.get("/home").expect(200).text(), format!("{}\n", home.display()));
    if nix::unistd::geteuid().is_root() {
        assert_eq!(init.get("/id").expect(200).text(), "54321\n54322\n54322\n/\n");
    } else {
        // An ordinary user's namespace knows no other user.
        init.get("/id").expect(502);
    }
}

/// Waits until the script has written this file.
fn wait_file(init: &Init, name: &str) -> PathBuf {
    let file = init.file(name);
    eventually(name, || file.exists());
    file
}

#[test]
fn a_script_that_reads_is_killed_when_its_client_leaves_and_one_that_writes_goes_on() {
    let script = "touch @DIR@/begun-$REQUEST_METHOD; cat > @DIR@/body; read x < @DIR@/gate; yes | head -c 1000000; touch @DIR@/ended";
    let init = Init::new().gate().script("work", "", script).start();
    let mut client = init.connect();
    client.send(&request_head("GET", "/work", &[], 0)).expect("send");
    wait_file(&init, "begun-GET");
    drop(client);
    eventually("it is killed", || is_alone(&init));
    init.wait_log(&["GET /work", "499"]);
    // Without all of its body it would work on a part of it.
    let mut client = init.connect();
    client.send(&request_head("POST", "/work", &[], 1_000_000)).expect("send");
    client.send(&[b'x'; 200_000]).expect("send");
    fs::remove_file(wait_file(&init, "begun-POST")).expect("the file");
    drop(client);
    eventually("it is killed", || is_alone(&init));
    let mut client = init.connect();
    client.send(&request_head("POST", "/work", &[], 4)).expect("send");
    client.send(b"body").expect("send");
    wait_file(&init, "begun-POST");
    client.reset();
    init.wait_log(&["cgi:work: its client has left; it goes on"]);
    assert!(!init.file("ended").exists());
    eventually("it has all of its body", || fs::read(init.file("body")).is_ok_and(|body| body == b"body"));
    open_gate(&init);
    wait_file(&init, "ended");
    eventually("it has ended", || is_alone(&init));
}

#[test]
fn a_script_may_end_within_the_shutdown_and_nothing_waits_longer() {
    let script = format!("touch @DIR@/begun; read x < @DIR@/gate; {OK} echo $x");
    let init = Init::new().gate().script("work", "", &script).start();
    let mut client = init.connect();
    client.send(&request_head("POST", "/work", &[], 1)).expect("send");
    client.send(b"x").expect("send");
    wait_file(&init, "begun");
    init.signal(Signal::SIGTERM);
    init.wait_log(&["tenantd: stopping"]);
    open_gate(&init);
    let reply = client.reply("POST").expect("an answer").expect(200);
    assert_eq!((reply.text().as_str(), reply.field("connection")), ("go\n", Some("close")));
    drop(client);
    let mut init = init;
    assert!(init.wait().success());
    for setup in tiers() {
        let ordinary = setup.is_ordinary();
        let setup = setup.gate().config("[shutdown]\nbudget = \"2s\"").script("work", "", &script);
        let mut init = setup.start();
        let mut client = init.connect();
        client.send(&request_head("GET", "/work", &[], 0)).expect("send");
        wait_file(&init, "begun");
        let below = procfs::descendants(init.pid());
        init.signal(Signal::SIGTERM);
        assert!(init.wait().success());
        assert!(client.head().is_err(), "it is cut");
        let living = || below.iter().filter(|pid| procfs::state(**pid).is_some_and(|state| state != 'Z')).count();
        eventually(&format!("its script is gone (ordinary: {ordinary})"), || living() == 0);
    }
}

#[test]
fn a_script_that_changes_the_configuration_has_it_read_again() {
    let body =
        format!("printf '[[cgi]]\\npath = \"/new\"\\nexec = [\"sh\", \"-c\", \"{}\"]\\n'", "echo Status: 204; echo");
    let change = format!("cat > /dev/null; {body} >> @DIR@/tenantd.toml; ");
    let setup = Init::new().script("fails", "reload_config = true", &format!("{change} exit 1")).script(
        "changes",
        "reload_config = true",
        &format!("{OK} echo done"),
    );
    let init = setup.start();
    init.post("/fails", b"x").expect(502);
    init.get("/new").expect(404);
    assert_eq!(init.post("/changes", b"x").expect(200).text(), "done\n");
    init.wait_log(&["reloaded: "]);
    init.get("/new").expect(204);
    assert_eq!(init.log().with(&["reloaded: "]).len(), 1);
}

#[test]
fn a_name_without_a_password_opens_nothing() {
    let init = Init::new().script("secret", "allowed_users = [\"ann\"]", &format!("{OK} echo secret")).start();
    init.get("/secret").expect(403);
    // ann, and any password.
    let reply = init.request("GET", "/secret", &[("Authorization", "Basic YW5uOng=")], b"").expect(403);
    assert!(!reply.text().contains("secret\n"), "{}", reply.text());
    let told = init.verb(&["check"]).expect(0).stderr;
    assert!(told.contains("allowed_users: [auth] asks nobody for a password here"), "{told}");
}

#[test]
fn allowed_users_are_those_whose_password_was_right() {
    let text = format!("{OK} echo $AUTH_TYPE $REMOTE_USER; env | grep -c AUTHORIZATION || true");
    let setup = Init::new().script("some", "allowed_users = [\"ann\"]", &text).script("all", "", &text).script(
        "open",
        "allowed_users = [\"ann\"]",
        &text,
    );
    // Both have the password "secret".
    let users = "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nbob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n";
    fs::write(setup.path().join("htpasswd"), users).expect("a file");
    let file = setup.path().join("htpasswd").display().to_string();
    let init = setup.config(&format!("[auth]\nhtpasswd = \"{file}\"\npublic = [\"/open\"]")).start();
    let (ann, bob, wrong) = ("Basic YW5uOnNlY3JldA==", "Basic Ym9iOnNlY3JldA==", "Basic YW5uOng=");
    for (path, authorization, status, text) in [
        ("/some", ann, 200, "Basic ann\n0\n"),
        ("/some", bob, 403, ""),
        ("/some", wrong, 401, ""),
        ("/all", bob, 200, "Basic bob\n0\n"),
        ("/open", ann, 403, ""),
    ] {
        let reply = init.request("GET", path, &[("Authorization", authorization)], b"").expect(status);
        assert!(text.is_empty() || reply.text() == text, "{path}: {}", reply.text());
    }
    init.get("/some").expect(401);
    let told = init.verb(&["check"]).expect(0).stderr;
    assert_eq!(told.matches("allowed_users").count(), 1, "{told}");
}

#[test]
fn no_more_run_at_once_than_may_and_the_next_waits_for_its_turn() {
    let script = format!("echo x >> @DIR@/runs; read x < @DIR@/gate; {OK} echo $x");
    let init = Init::new().gate().script("one", "running = 1", &script).script("other", "", OK).start();
    let runs = |init: &Init| fs::read_to_string(init.file("runs")).unwrap_or_default().lines().count();
    let mut clients: Vec<_> = (0..3).map(|_| init.connect()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&request_head("GET", "/one", &[], 0)).expect("send");
        if n == 0 {
            eventually("it runs", || runs(&init) == 1);
        }
    }
    init.get("/other").expect(200);
    for (n, client) in clients[..2].iter_mut().enumerate() {
        assert_eq!(runs(&init), n + 1);
        open_gate(&init);
        client.reply("GET").expect("an answer").expect(200);
        eventually("the next runs", || runs(&init) == n + 2);
    }
    // Who waits at the end is told so.
    let mut waits = init.connect();
    waits.send(&request_head("GET", "/one", &[], 0)).expect("send");
    init.get("/other").expect(200);
    init.signal(Signal::SIGTERM);
    waits.reply("GET").expect("an answer").expect(503);
    open_gate(&init);
    clients[2].reply("GET").expect("an answer").expect(200);
    assert!(init.stop().success());
}

#[test]
fn nothing_of_a_run_is_left() {
    let setup = Init::new()
        .script("good", "", &format!("cat > /dev/null; {OK} echo good"))
        .script("bad", "", "exit 1")
        .config("[[cgi]]\npath = \"/missing\"\nexec = \"no-such-program-anywhere\"");
    let init = setup.start();
    let all = |init: &Init| {
        init.post("/good", b"x").expect(200);
        init.get("/bad").expect(502);
        init.get("/missing").expect(502);
    };
    all(&init);
    eventually("they are gone", || is_alone(&init));
    let before = procfs::descriptors(init.pid());
    (0..20).for_each(|_| all(&init));
    eventually("their descriptors are closed", || procfs::descriptors(init.pid()) <= before);
    eventually("they are reaped", || is_alone(&init) && procfs::zombies(init.pid()) == 0);
    if let Some(cgroup) = procfs::cgroup(&init.file("run")) {
        eventually("their cgroups are gone", || below(&cgroup).is_empty());
    }
}

fn below(directory: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    all.filter(|path| path.is_dir()).collect()
}

#[test]
fn a_ruby_script_of_showcases_shape() {
    let setup = Init::new();
    let file = setup.path().join("update.rb");
    let script = "body = $stdin.read\nwarn \"updating #{body.bytesize}\"\n\
        print \"Content-Type: text/event-stream\\r\\n\\r\\n\"\n$stdout.flush\nputs ENV.fetch('REQUEST_METHOD') + body\n";
    fs::write(&file, script).expect("a script");
    let keys = "methods = [\"POST\"]\ntimeout = \"5m\"";
    let setup =
        setup.config(&format!("[[cgi]]\npath = \"/update_config\"\nexec = [\"ruby\", \"{}\"]\n{keys}", file.display()));
    let init = setup.start();
    let reply = init.post("/update_config", b"{}").expect(200);
    assert_eq!((reply.text().as_str(), reply.field("content-type")), ("POST{}\n", Some("text/event-stream")));
    init.wait_log(&["cgi:update_config[", "stderr: updating 2"]);
    init.get("/update_config").expect(404);
}
