//! V42, V43, V46, V24 and what CGI programs get (§3.9).

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::table::{check, row};
use crate::harness::{Init, eventually};
use crate::procfs;
use crate::setup::Setup;
use crate::web::web;

/// A script at `/NAME`, with further lines of its section.
fn script(setup: Setup, name: &str, more: &str, text: &str) -> Setup {
    let file = setup.path().join(name);
    fs::write(&file, format!("#!/bin/sh\n{text}\n")).expect("a script");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("chmod");
    let path = if more.contains("path =") { String::new() } else { format!("path = \"/{name}\"\n") };
    setup.config(&format!("[[cgi]]\n{path}exec = [\"{}\"]\n{more}\n", file.display()))
}

const TEXT: &str = "printf 'Content-Type: text/plain\\n\\n'";

#[test]
fn v42_a_script_is_heard_as_rfc_3875_has_it() {
    let setup = Init::new().web(&web(&["root"]).route("path = \"/\""));
    let setup =
        script(setup, "cookies", "", "printf 'Set-Cookie: a=1\\nSet-Cookie: b=2\\nContent-Type: text/plain\\n\\nbody'");
    let setup = script(setup, "away", "", "printf 'Location: https://example.com/x\\n\\n'");
    let setup = script(setup, "fails", "", "echo reason >&2; exit 1");
    let setup = script(setup, "silent", "", "exit 0");
    let setup = script(setup, "status", "", "printf 'Status: 404 Not Here\\nContent-Type: text/plain\\n\\nno'");
    let setup = script(setup, "environment", "", &format!("{TEXT}; env"));
    let setup = script(setup, "body", "", &format!("{TEXT}; cat"));
    let init = setup.start();
    let reply = init.get("/cookies").expect(200);
    let cookies: Vec<_> =
        reply.head.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")).collect();
    assert_eq!(cookies.len(), 2, "{:?}", reply.head);
    check(
        &init,
        &[
            row("V42 Location without Status", "GET /away", 302).field("location", "https://example.com/x"),
            row("V42 the exit code counts", "GET /fails", 502),
            row("V42 no answer at all", "GET /silent", 502),
            row("§3.9 Status", "GET /status", 404).body("no"),
            row("§3.9 the body is its stdin", "POST /body", 200).content("sent").body("sent"),
            row("§3.9 exact path", "GET /body/x", 200).tenant("root"),
            row("§3.9 a method that is not its own goes on", "DELETE /body", 200).tenant("root"),
        ],
    );
    let fields = [("Proxy", "http://evil.example"), ("X-Custom", "yes"), ("Host", "a.example:8080")];
    let environment = init.request("GET", "/environment?a=b", &fields, b"").expect(200).text();
    let has = |line: &str| environment.lines().any(|found| found == line);
    for line in [
        "GATEWAY_INTERFACE=CGI/1.1",
        "REQUEST_METHOD=GET",
        "QUERY_STRING=a=b",
        "SCRIPT_NAME=/environment",
        "SERVER_PROTOCOL=HTTP/1.1",
        "SERVER_NAME=a.example",
        "SERVER_PORT=8080",
        "REMOTE_ADDR=127.0.0.1",
        "HTTP_X_CUSTOM=yes",
    ] {
        assert!(has(line), "{line} in {environment}");
    }
    assert!(!environment.contains("HTTP_PROXY"), "{environment}");
    init.wait_log(&["cgi:fails", "reason"]);
}

#[test]
fn v43_one_path_has_a_script_for_each_method() {
    let setup = script(Init::new(), "get", "path = \"/tool\"\nmethods = [\"GET\"]", &format!("{TEXT}; echo got"));
    let init = script(setup, "post", "path = \"/tool\"\nmethods = [\"POST\"]", &format!("{TEXT}; echo posted")).start();
    check(
        &init,
        &[row("V43", "GET /tool", 200).body("got"), row("V43", "POST /tool", 200).content("x").body("posted")],
    );
}

#[test]
fn v24_a_script_that_is_late_ends_with_all_that_it_has_started() {
    let init =
        script(Init::new(), "late", "timeout = \"300ms\"", "sleep 1000 & (sleep 1000 & sleep 1000) & sleep 1000")
            .start();
    init.get("/late").expect(504);
    eventually("nobody is left of it", || procfs::living(init.pid()).is_empty());
}

#[test]
fn v46_whoever_may_run_a_script_has_shown_a_password() {
    let allowed = "allowed_users = [\"amy\"]";
    let claimed = [("Authorization", "Basic YW15Ondyb25n")];
    let open = script(Init::new(), "tool", allowed, &format!("{TEXT}; echo ran $REMOTE_USER")).start();
    assert_eq!(open.request("GET", "/tool", &claimed, b"").status(), 403, "no [auth] asks for a password");
    let setup = script(Init::new(), "tool", allowed, &format!("{TEXT}; echo ran $REMOTE_USER"));
    let setup = script(setup, "public", allowed, &format!("{TEXT}; echo ran"));
    let file = setup.path().join("htpasswd");
    let secret = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";
    fs::write(&file, format!("amy:{secret}\nbob:{secret}\n")).expect("htpasswd");
    let init = setup.config(&format!("[auth]\nhtpasswd = \"{}\"\npublic = [\"/public\"]", file.display())).start();
    check(
        &init,
        &[
            row("V46 a claimed name", "GET /tool", 401).with("Authorization", "Basic YW15Ondyb25n"),
            row("V46 another's own", "GET /tool", 403).with("Authorization", "Basic Ym9iOnNlY3JldA=="),
            row("V46 a public path", "GET /public", 403).with("Authorization", "Basic YW15Ondyb25n"),
            row("V46 the right one", "GET /tool", 200).with("Authorization", "Basic YW15OnNlY3JldA==").body("ran amy"),
        ],
    );
}
