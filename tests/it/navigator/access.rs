//! V44, V45 and what `[auth]` does (§1.3), with the security table again: without a password nothing but what is public.

use std::fs;

use super::refusals::refused;
use super::security::{Asker, decoded, has_one_reading, places, tricks};
use super::semantics::showcase;
use super::table::{check, row};
use crate::harness::{Init, eventually};
use crate::setup::Setup;

/// `{SHA}` of "secret".
const SECRET: &str = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";
/// `{SHA}` of "other".
const OTHER: &str = "{SHA}0JQeaNqPOBUf+Gph/Fn3xc+fyqI=";
const AMY: (&str, &str) = ("Authorization", "Basic YW15OnNlY3JldA==");
const BOB: (&str, &str) = ("Authorization", "Basic Ym9iOnNlY3JldA==");

/// With `[auth]` and these further lines of it; amy and bob may enter.
fn locked(setup: Setup, more: &str) -> Setup {
    let file = setup.path().join("htpasswd");
    fs::write(&file, format!("amy:{SECRET}\nbob:{SECRET}\n")).expect("htpasswd");
    setup.config(&format!("[auth]\nhtpasswd = \"{}\"\nrealm = \"Showcase\"\n{more}\n", file.display()))
}

#[track_caller]
fn status(init: &Init, who: (&str, &str)) -> u16 {
    init.request("GET", "/showcase", &[who], b"").status()
}

#[test]
fn v44_without_its_file_nobody_gets_in() {
    let said = refused(showcase().config("[auth]\nrealm = \"Showcase\""));
    assert!(said.contains("htpasswd"), "{said}");
    let missing = showcase().config("[auth]\nhtpasswd = \"/nowhere/htpasswd\"").start();
    for _ in 0..3 {
        assert!(matches!(status(&missing, AMY), 401 | 503), "it is open");
    }
    let init = locked(showcase(), "").start();
    assert_eq!(status(&init, AMY), 200);
    fs::remove_file(init.file("htpasswd")).expect("remove");
    init.verb(&["reload"]);
    eventually("nobody gets in", || matches!(status(&init, AMY), 401 | 503));
    for _ in 0..20 {
        assert_ne!(status(&init, AMY), 200);
    }
}

#[test]
fn v45_who_is_taken_out_of_the_file_is_out_though_nobody_fails() {
    let init = locked(showcase(), "").start();
    assert_eq!((status(&init, AMY), status(&init, BOB)), (200, 200));
    // Never a wrong password, which would make Navigator look.
    fs::write(init.file("htpasswd"), format!("bob:{SECRET}\n")).expect("htpasswd");
    eventually("amy is out", || status(&init, AMY) == 401);
    assert_eq!(status(&init, BOB), 200);
    fs::write(init.file("htpasswd"), format!("amy:{SECRET}\nbob:{OTHER}\n")).expect("htpasswd");
    eventually("bob's password has changed", || status(&init, BOB) == 401);
    eventually("amy is back", || status(&init, AMY) == 200);
}

#[test]
fn who_needs_a_password() {
    let public = "public = [\"/assets/\", \"*.js\", \"/as/*\", \"/showcase/public\"]\nexclude = [\"^/showcase/2025/(boston|nyc)/?$\"]";
    let init = locked(showcase(), public).start();
    let asks = |fact, request| {
        row(fact, request, 401).field("www-authenticate", "Basic realm=\"Showcase\", charset=\"UTF-8\"")
    };
    check(
        &init,
        &[
            asks("§2.5 401 with the realm", "GET /showcase").body("401"),
            asks("§2.5 every method", "POST /showcase"),
            asks("§2.5 also where nobody answers", "GET /nowhere"),
            asks("§1.3 a wrong password", "GET /showcase").with("Authorization", "Basic YW15Ondyb25n"),
            asks("§1.3 nobody of that name", "GET /showcase").with("Authorization", "Basic enp6OnNlY3JldA=="),
            asks("§1.3 not Basic", "GET /showcase").with("Authorization", "Bearer c2VjcmV0"),
            asks("§1.3 no Base64", "GET /showcase").with("Authorization", "Basic :::"),
            row("§1.3 the right one", "GET /showcase", 200).with(AMY.0, AMY.1).tenant("index"),
            row("§1.3 Authorization is passed on", "GET /showcase", 200)
                .with(AMY.0, AMY.1)
                .seen("authorization", AMY.1),
            row("§2.3 health comes before", "GET /up", 200).body("OK"),
            row("§1.3 an exact path", "GET /showcase/public", 200).tenant("index"),
            asks("§1.3 exact", "GET /showcase/public/x"),
            row("§1.3 a prefix", "GET /assets/a/b", 404),
            row("§1.3 a suffix", "GET /showcase/app.js", 200).tenant("index"),
            asks("§1.3 a suffix is at the end", "GET /showcase/app.js/x"),
            asks("§1.3 a suffix in the query", "GET /showcase/x?a.js"),
            row("§1.3 a glob", "GET /as/a", 404),
            asks("§1.3 a glob stops at a slash", "GET /as/a/b"),
            row("§1.3 auth_patterns", "GET /showcase/2025/boston", 200).tenant("event"),
            row("§1.3 auth_patterns", "GET /showcase/2025/nyc/", 200).tenant("year"),
            asks("§1.3 auth_patterns, anchored", "GET /showcase/2025/boston/heats"),
        ],
    );
}

/// The list of what is public, read again by the test: `/open/`, `*.css`, `/login`.
fn is_public(path: &str) -> bool {
    let plain = decoded(path);
    path.starts_with("/open/") || plain == b"/login" || plain.ends_with(b".css")
}

#[test]
fn without_a_password_no_trick_reaches_what_is_not_public() {
    let public = "public = [\"/open/\", \"*.css\", \"/login\"]";
    // Rewrites that lead out of what is public: the path that is served is judged too.
    let rewrites = "[[rewrite]]\nfrom = \"^/open/alias$\"\nto = \"/closed/x\"\n\
        [[rewrite]]\nfrom = \"^/open/to/(.*)$\"\nto = \"/$1\"\n";
    let init = locked(places(), public).config(rewrites).start();
    for place in ["/", "/open", "/closed"] {
        init.request("GET", place, &[AMY], b"").expect(200);
    }
    let mut asker = Asker::new(&init);
    let more =
        ["/LOGIN", "/Login", "/login/", "/login%20", "/Open/x", "/OPEN/x", "/open", "/closed.CSS", "/open/alias"];
    let led = tricks().into_iter().map(|raw| raw.replacen("/open", "/open/to", 1));
    let (mut denied, mut served) = (0, 0);
    for raw in tricks().into_iter().chain(led).chain(more.map(str::to_owned)) {
        match asker.ask(&raw) {
            (200, Some((tenant, target))) => {
                let path = target.split('?').next().unwrap_or_default();
                has_one_reading(path, &raw);
                assert!(is_public(path), "{raw}: {tenant} saw {target} without a password");
                served += 1;
            }
            (400 | 401 | 404, None) => denied += 1,
            other => panic!("{raw}: {other:?}"),
        }
    }
    assert!(denied > 1000 && served > 100, "{denied} denied, {served} served: the table is no longer what it was");
}
