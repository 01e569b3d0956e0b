//! `[[variant]]`: another unit in the place of a tenant, for some of its clients.

use crate::client::Reply;
use crate::harness::Init;
use crate::web::web;

/// The tenants /a and /b, and a beta of each.
fn init(variant: &str) -> Init {
    let beta = web(&["a", "b"]).set("TENANT", "beta of %i").route("host = \"%i.beta.invalid\"");
    Init::new()
        .config(&format!("[[variant]]\nname = \"beta\"\nunits = [\"web@*\"]\nto = \"beta@%i\"\n{variant}"))
        .web(&web(&["a", "b"]))
        .unit("beta@.toml", &beta.text())
        .start()
}

fn tenant(reply: &Reply) -> String {
    reply.json()["tenant"].as_str().expect("a tenant").to_owned()
}

#[test]
fn who_asks_for_it_gets_it_and_stays() {
    let init = init("cookie = \"side=b\"\nheader = \"X-Beta: 1\"\nquery = \"beta=1\"");
    for (target, fields, expected, set) in [
        ("/a/x", &[][..], "a", None),
        ("/a/x", &[("X-Beta", "1")], "beta of a", None),
        ("/b/x", &[("x-beta", "1")], "beta of b", None),
        ("/a/x", &[("X-Beta", "0")], "a", None),
        ("/a/x?beta=1", &[], "beta of a", Some("side=b; Path=/; Max-Age=2592000; SameSite=Lax; HttpOnly")),
        ("/a/x", &[("Cookie", "x=y; side=b")], "beta of a", None),
        ("/a/x?beta=1", &[("Cookie", "side=b")], "beta of a", None),
        ("/a/x", &[("Cookie", "side=off")], "a", None),
    ] {
        let reply = init.request("GET", target, fields, b"").expect(200);
        assert_eq!((tenant(&reply).as_str(), reply.field("set-cookie")), (expected, set), "{target} {fields:?}");
        // The path is the tenant's own, whoever answers.
        assert_eq!(reply.json()["target"], target);
    }
    let line = init.wait_log(&["GET /b/x", "variant=beta"]);
    assert!(line.contains("beta@b"), "{line}");
    assert_eq!(init.get("/c").status(), 404);
}

#[test]
fn a_share_is_everybody_or_nobody_and_a_cookie_is_stronger() {
    let all = init("share = 100");
    let reply = all.get("/a").expect(200);
    let set = reply.field("set-cookie").expect("a cookie").to_owned();
    assert_eq!((tenant(&reply).as_str(), set.starts_with("variant-beta=on; ")), ("beta of a", true), "{set}");
    let reply = all.request("GET", "/a", &[("Cookie", "variant-beta=off")], b"").expect(200);
    assert_eq!((tenant(&reply).as_str(), reply.field("set-cookie")), ("a", None));
    let nobody = init("share = 0");
    let reply = nobody.get("/a").expect(200);
    let set = reply.field("set-cookie").expect("a cookie");
    assert_eq!((tenant(&reply).as_str(), set.starts_with("variant-beta=off; ")), ("a", true), "{set}");
    let reply = nobody.request("GET", "/a", &[("Cookie", "variant-beta=on")], b"").expect(200);
    assert_eq!(tenant(&reply), "beta of a");
}

#[test]
fn a_variant_comes_and_goes_with_a_reload() {
    let init = init("share = 100");
    assert_eq!(tenant(&init.get("/a").expect(200)), "beta of a");
    let toml = std::fs::read_to_string(init.file("tenantd.toml")).expect("tenantd.toml");
    std::fs::write(init.file("tenantd.toml"), toml.replace("share = 100", "share = 0")).expect("write");
    let told = init.verb(&["reload"]).expect(0).stdout;
    assert!(told.contains("[[variant]]"), "{told}");
    assert_eq!(tenant(&init.get("/a").expect(200)), "a");
}
