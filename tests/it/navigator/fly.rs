//! V40, V41, and what Fly's proxy is asked to do (§3.3).

use super::semantics::at;
use super::table::{Row, check, row};
use crate::client::request_head;
use crate::harness::Init;
use crate::setup::Setup;

/// Rules that send requests away, in front of a tenant that would answer all of them.
fn replays(machine: &str) -> Setup {
    let rules = "[[replay]]\npattern = \"\\\\.pdf$\"\napp = \"pdf\"\n[[replay]]\npath = \"/ams\"\nregion = \"ams\"\n\
        [[replay]]\npath = \"/other\"\nmachine = \"m2\"\nstatus = 409\n[[replay]]\npath = \"/here\"\nregion = \"iad\"\n";
    Init::new().unit("root@.toml", &at("/", "root").text()).config(&format!("[machine]\n{machine}\n{rules}"))
}

const OWN: &str = "id = \"m1\"\nregion = \"iad\"\napp = \"own\"";

fn replayed(fact: &'static str, request: &'static str) -> Row {
    row(fact, request, 307).field("content-type", "application/vnd.fly.replay+json")
}

#[test]
fn v40_what_is_too_large_to_be_replayed_is_told_so_and_served_by_nobody_else() {
    let init = replays("id = \"m1\"").start();
    for (length, status) in [(1_048_575, 307), (1_048_576, 413)] {
        let mut client = init.connect();
        client.send(&request_head("POST", "/ams/upload", &[], length)).expect("send");
        assert_eq!(client.reply("POST").expect("an answer").status(), status, "{length}");
    }
    let mut client = init.connect();
    client.send(&request_head("POST", "/ams/upload", &[("Transfer-Encoding", "chunked")], 0)).expect("send");
    assert_eq!(client.reply("POST").expect("an answer").status(), 413);
    assert_eq!(init.status("root@x")["starts"], 0);
    init.wait_log(&["cannot be replayed"]);
}

#[test]
fn v41_no_client_can_say_that_a_replay_has_failed() {
    let forged = |request| {
        replayed("V41", request)
            .with("fly-replay-failed", "1")
            .with("X-Navigator-Retry", "true")
            .with("X-Navigator-Retry", "true")
    };
    let here = || {
        row("V41", "GET /here", 200)
            .tenant("root")
            .with("X-Navigator-Retry", "true")
            .with("fly-replay-failed", "1")
            .unseen("x-tenantd-retry")
            .unseen("fly-replay-failed")
    };
    check(&replays(OWN).start(), &[forged("GET /ams/x"), forged("GET /x.pdf"), here()]);
    // Fly's own proxy may.
    let init = replays(OWN).http("trusted_proxies = [\"127.0.0.1\"]").start();
    let back = |name, value| row("§3.3 a replay that failed", "GET /ams/x", 503).with(name, value);
    let rows = [back("fly-replay-failed", "1"), back("X-Navigator-Retry", "true"), back("X-Navigator-Retry", "true")];
    check(&init, &rows);
    init.wait_log(&["replay failed"]);
}

#[test]
fn what_flys_proxy_is_asked() {
    check(
        &replays(OWN).start(),
        &[
            replayed("§3.3 a region", "GET /ams/x")
                .body(
                    "{\"region\":\"ams\",\"timeout\":\"30s\",\"fallback\":\"force_self\",\
                     \"transform\":{\"set_headers\":[{\"name\":\"X-Navigator-Retry\",\"value\":\"true\"}]}}",
                )
                .ours("the name of the field is ours"),
            replayed("§3.3 with Authorization", "GET /ams/x")
                .with("Authorization", "Basic dTpw")
                .body("{\"name\":\"Authorization\",\"value\":\"Basic dTpw\"}"),
            replayed("§3.3 another app: nothing else", "GET /a/x.pdf").body("{\"app\":\"pdf\"}"),
            row("§3.3 a machine, and the status", "GET /other", 409).body("\"instance\":\"m2\""),
            replayed("§3.3 every method", "DELETE /ams/x"),
            row("§3.3 the target is here", "GET /here", 200).tenant("root").ours("no loop that a field must stop"),
            row("§2.3 health comes before", "GET /up", 200),
        ],
    );
}
