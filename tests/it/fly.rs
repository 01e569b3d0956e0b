//! fly-replay and sticky clients: several tenantd, and a stand-in for Fly's proxy.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::client::{Connection, Reply};
use crate::forward::seen;
use crate::harness::Init;
use crate::web::web;

/// Stands in for Fly's proxy: sends a request to a machine, and again to another where the answer asks for that. It knows
/// what tenantd says to it (`application/vnd.fly.replay+json`), and nothing else of Fly.io.
struct FlyStandIn {
    /// Machine → its region and address. Nobody listens at that of one that is gone.
    machines: BTreeMap<&'static str, (&'static str, SocketAddr)>,
}

impl FlyStandIn {
    /// The answer that the client gets, and the machine that gave it.
    #[track_caller]
    fn send(&self, first: &str, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> (String, Reply) {
        let mut at = first.to_owned();
        let mut fields: Vec<(String, String)> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        for _ in 0..4 {
            let reply = self.ask(&at, method, target, &fields, body).expect("the first machine answers");
            if reply.field("content-type") != Some("application/vnd.fly.replay+json") {
                return (at, reply);
            }
            let wanted = reply.json();
            for header in wanted["transform"]["set_headers"].as_array().into_iter().flatten() {
                let (name, value) =
                    (header["name"].as_str().expect("a name"), header["value"].as_str().expect("a value"));
                fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
                fields.push((name.to_owned(), value.to_owned()));
            }
            let next = self.target(&wanted);
            if let Some(reply) = self.ask(&next, method, target, &fields, body)
                && reply.field("content-type") != Some("application/vnd.fly.replay+json")
            {
                return (next, reply);
            }
            match wanted["fallback"].as_str() {
                Some("force_self") => fields.push(("fly-replay-failed".into(), format!("instance={next}"))),
                _ => at = next,
            }
        }
        panic!("{method} {target} goes round in circles");
    }

    fn target(&self, wanted: &serde_json::Value) -> String {
        if let Some(instance) = wanted["instance"].as_str().or(wanted["prefer_instance"].as_str()) {
            return instance.to_owned();
        }
        let regions = wanted["region"].as_str().expect("a region or an instance");
        let mut found = regions.split(',').filter_map(|region| {
            self.machines
                .iter()
                .find(|(_, (known, _))| [*known, "any"].contains(&region))
                .map(|(machine, _)| (*machine).to_owned())
        });
        found.next().unwrap_or_else(|| "nowhere".to_owned())
    }

    fn ask(
        &self,
        machine: &str,
        method: &str,
        target: &str,
        fields: &[(String, String)],
        body: &[u8],
    ) -> Option<Reply> {
        let (_, address) = self.machines.get(machine)?;
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Connection::open(*address).ok()?.request(method, target, &fields, body).ok()
    }
}

const REGIONS: &str = r#"
[[replay]]
path = "/eu"
region = "ams"

[[replay]]
path = "/us"
region = "iad"

[[replay]]
pattern = '^/reports/.*\.pdf$'
app = "pdf"

[[replay]]
path = "/soft"
region = "syd"
prefer = true

[[replay]]
path = "/one"
machine = "m-iad"
status = 200
methods = ["GET"]
"#;

/// A machine of the app in this region, with the tenants `eu` and `us`.
fn machine(id: &str, region: &str, config: &str) -> Init {
    Init::new()
        .environment("FLY_MACHINE_ID", id)
        .environment("FLY_REGION", region)
        .environment("FLY_APP_NAME", "showcase")
        .http("trusted_proxies = [\"127.0.0.1\"]")
        .config(config)
        .web(&web(&["eu", "us", "soft", "one", "reports"]).set("TENANT", &format!("%i in {region}")))
        .start()
}

fn tenant(reply: Reply) -> String {
    reply.expect(200).json()["tenant"].as_str().expect("a tenant").to_owned()
}

#[test]
fn a_request_is_replayed_where_it_belongs() {
    let (iad, ams) = (machine("m-iad", "iad", REGIONS), machine("m-ams", "ams", REGIONS));
    let machines = [("m-iad", ("iad", iad.address())), ("m-ams", ("ams", ams.address()))].into();
    let fly = FlyStandIn { machines };
    for (first, path, machine, expected) in [
        ("m-iad", "/eu/x", "m-ams", "eu in ams"),
        ("m-ams", "/eu/x", "m-ams", "eu in ams"),
        ("m-iad", "/us", "m-iad", "us in iad"),
        ("m-ams", "/us", "m-iad", "us in iad"),
        // The rule is for GET.
        ("m-ams", "/one", "m-ams", "one in ams"),
        // Nobody is there: any machine will do, this one too.
        ("m-ams", "/soft", "m-ams", "soft in ams"),
    ] {
        let (answered, reply) = fly.send(first, "POST", path, &[("Authorization", "Basic x")], b"body");
        assert_eq!(seen(&reply)["authorization"], "Basic x");
        assert_eq!((answered.as_str(), tenant(reply).as_str()), (machine, expected), "{first} {path}");
    }
    let (answered, reply) = fly.send("m-ams", "GET", "/one", &[], b"");
    assert_eq!((answered.as_str(), tenant(reply).as_str()), ("m-iad", "one in iad"));
    let line = iad.wait_log(&["POST /eu/x", " 307 "]);
    assert!(line.contains(" by=replay") && line.contains("to=region:ams"), "{line}");
}

#[test]
fn what_flys_proxy_is_told_is_what_it_understands() {
    let iad = machine("m-iad", "iad", REGIONS);
    let told = |method: &str, path: &str, fields: &[(&str, &str)]| {
        let reply = iad.request(method, path, fields, b"");
        assert_eq!(reply.field("content-type"), Some("application/vnd.fly.replay+json"), "{path}: {reply:?}");
        (reply.status(), reply.text())
    };
    let upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "x")];
    let ams = r#"{"region":"ams","timeout":"30s","fallback":"force_self","transform":{"set_headers":[{"name":"X-Navigator-Retry","value":"true"}]}}"#;
    assert_eq!(told("GET", "/eu", &[]), (307, ams.to_owned()));
    assert_eq!(told("GET", "/eu/cable", &upgrade), (307, ams.to_owned()));
    assert_eq!(told("DELETE", "/eu/%61?b=/us", &[]), (307, ams.to_owned()));
    let kept = ams.replace("\"true\"}", "\"true\"},{\"name\":\"Authorization\",\"value\":\"Basic eDp5\"}");
    assert_eq!(told("GET", "/eu", &[("Authorization", "Basic eDp5")]), (307, kept));
    // Another app gets nothing of ours.
    assert_eq!(told("GET", "/reports/a.pdf", &[("Authorization", "Basic x")]), (307, r#"{"app":"pdf"}"#.to_owned()));
    let syd = r#"{"region":"syd,any","transform":{"set_headers":[{"name":"X-Navigator-Retry","value":"true"}]}}"#;
    assert_eq!(told("GET", "/soft", &[("fly-prefer-region", "lax")]), (307, syd.to_owned()));
    assert_eq!(tenant(iad.request("GET", "/soft", &[("fly-prefer-region", "lax,iad")], b"")), "soft in iad");
    let here = machine("m-ams", "ams", REGIONS);
    let one = r#"{"app":"showcase","instance":"m-iad","timeout":"30s","fallback":"force_self","transform":{"set_headers":[{"name":"X-Navigator-Retry","value":"machine"}]}}"#;
    let reply = here.get("/one").expect(200);
    assert_eq!(reply.text(), one);
}

#[test]
fn a_replay_that_failed_is_told_and_can_be_searched_for() {
    let iad = machine("m-iad", "iad", REGIONS);
    let fly = FlyStandIn { machines: [("m-iad", ("iad", iad.address()))].into() };
    let (answered, reply) = fly.send("m-iad", "GET", "/eu/heats", &[("Accept", "text/html")], b"");
    assert_eq!(answered, "m-iad");
    let reply = reply.expect(503);
    assert!(
        reply.field("retry-after").is_some()
            && reply.field("cache-control").is_some_and(|value| value.contains("no-store")),
        "{reply:?}"
    );
    iad.wait_log(&["replay failed", "GET /eu/heats", "region ams"]);
    // Nobody else is believed, and no tenant hears of it.
    for (name, value) in [("fly-replay-failed", "x"), ("X-Navigator-Retry", "true")] {
        let mut stranger = Connection::open_from([127, 0, 0, 7].into(), iad.address()).expect("connect");
        stranger.request("GET", "/eu", &[(name, value)], b"").expect("an answer").expect(307);
        let reply = stranger.request("GET", "/us", &[(name, value)], b"").expect("an answer").expect(200);
        assert!(!seen(&reply).contains_key(&name.to_lowercase()), "{name}");
    }
}

#[test]
fn what_cannot_be_replayed_never_reaches_the_wrong_tenant() {
    // The name of the other region does not resolve here.
    let iad = machine("m-iad", "iad", REGIONS);
    let large = vec![b'x'; 1 << 20];
    let under = iad.request("POST", "/eu", &[], &large[1..]);
    assert_eq!(under.status(), 307, "{under:?}");
    let status = iad.request("POST", "/eu/upload", &[], &large).status();
    assert!((500..=504).contains(&status), "{status}");
    let chunked = "POST /eu/upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n0\r\n\r\n";
    let answer = iad.raw(chunked.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 50"), "{answer}");
    assert_eq!(iad.status("web@eu")["active"], "inactive");
    // Without an app there is no name of the other region at all.
    let nowhere = Init::new()
        .config("[machine]\nregion = \"iad\"\n[[replay]]\npath = \"/eu\"\nregion = \"ams\"")
        .web(&web(&["eu"]))
        .start();
    let reply = nowhere.request("POST", "/eu", &[], &large).expect(413);
    assert!(reply.text().contains("another machine"), "{}", reply.text());
}

/// The cookie of an answer, as the next request says it.
fn cookie(reply: &Reply) -> Option<String> {
    reply.field("set-cookie").map(|field| field.split(';').next().unwrap_or_default().to_owned())
}

const STICKY: &str = "[sticky]\nsecret_env = \"STICKY_SECRET\"\nsecure = false";

#[test]
fn a_client_stays_with_its_machine_as_long_as_that_is_there() {
    let start = |id: &str| {
        Init::new()
            .environment("FLY_MACHINE_ID", id)
            .environment("STICKY_SECRET", "0123456789abcdef0123456789abcdef")
            .http("trusted_proxies = [\"127.0.0.1\"]")
            .config(STICKY)
            .web(&web(&["eu"]).set("TENANT", &format!("%i on {id}")))
            .start()
    };
    let (one, two) = (start("m-one"), start("m-two"));
    let both = [("m-one", ("iad", one.address())), ("m-two", ("iad", two.address()))];
    let fly = FlyStandIn { machines: both.into() };
    let (_, reply) = fly.send("m-one", "GET", "/eu", &[], b"");
    let cookie_of_one = cookie(&reply).expect("a cookie");
    assert!(reply.field("set-cookie").is_some_and(|field| field.contains("Max-Age=86400; SameSite=Lax; HttpOnly")));
    for first in ["m-one", "m-two"] {
        let (answered, reply) = fly.send(first, "POST", "/eu", &[("Cookie", &cookie_of_one)], b"body");
        assert_eq!((answered.as_str(), reply.field("set-cookie")), ("m-one", None), "{first}");
        assert_eq!(tenant(reply), "eu on m-one");
    }
    // A cookie that somebody wrote himself is worth nothing.
    let forged = cookie_of_one.replace("m-one", "m-two");
    let reply = one.request("GET", "/eu", &[("Cookie", &forged)], b"").expect(200);
    assert_eq!(cookie(&reply).as_ref(), Some(&cookie_of_one));
    drop(one);
    let (answered, reply) = fly.send("m-two", "GET", "/eu", &[("Cookie", &cookie_of_one)], b"");
    let cookie_of_two = cookie(&reply).expect("another cookie");
    assert_eq!((answered.as_str(), tenant(reply).as_str()), ("m-two", "eu on m-two"));
    let (_, reply) = fly.send("m-two", "GET", "/eu", &[("Cookie", &cookie_of_two)], b"");
    assert_eq!((reply.status(), reply.field("set-cookie")), (200, None));
    // The key is nowhere to be seen.
    let shown = two.verb(&["show", "web@eu"]).stdout + &two.verb(&["status", "--json"]).stdout + &two.log().tail(1000);
    assert!(!shown.contains("0123456789abcdef"), "{shown}");
}
