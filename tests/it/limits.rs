//! What a client may not do too often, too slowly or too many times at once; and a tenant that does not answer.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::client::{Connection, Reply, request_head};
use crate::forward_upstream::at_rest;
use crate::harness::{Init, eventually};
use crate::procfs;
use crate::puppet::Puppet;
use crate::web::web;

const TRUSTED: &str = "trusted_proxies = [\"127.0.0.0/8\"]";

/// A limit of one in an hour: none comes back while a test runs.
fn limit(name: &str, keys: &str) -> String {
    format!("[[limit]]\nname = \"{name}\"\nrate = \"1/h\"\n{keys}\n")
}

fn get(target: &str) -> Vec<u8> {
    request_head("GET", target, &[], 0)
}

/// The seconds behind `;t=`.
fn reset(reply: &Reply) -> Option<u32> {
    reply.field("ratelimit")?.rsplit_once(";t=")?.1.parse().ok()
}

#[test]
fn one_request_too_many_is_told_when_to_come_again() {
    let login = limit("login", "burst = 2\npath = \"/login\"\nmethods = [\"POST\"]");
    let init = Init::new().web(&web(&["boston"])).config(&login).start();
    for _ in 0..2 {
        let reply = init.post("/boston/login", b"x").expect(200);
        assert_eq!((reply.field("ratelimit"), reply.field("ratelimit-policy")), (None, None));
    }
    for target in ["/boston/login", "/boston/%6cogin?x", "/boston//login.json", "/boston/login/again"] {
        let reply = init.post(target, b"x").expect(429);
        let after: u32 = reply.field("retry-after").expect("Retry-After").parse().expect("seconds");
        assert!((1..=3600).contains(&after), "{after}");
        assert_eq!(reply.field("ratelimit-policy"), Some("\"login\";q=1;w=3600"));
        assert_eq!(reply.field("ratelimit").and_then(|text| text.split(";t=").next()), Some("\"login\";r=0"));
        assert_eq!(reset(&reply), Some(after));
    }
    // Others are not meant.
    init.get("/boston/login").expect(200);
    init.post("/boston/logins", b"x").expect(200);
    init.wait_log(&["limit login: too many requests to web@boston", "127.0.0.1"]);
    assert_eq!(init.log().with(&["limit login:"]).len(), 1, "it is said once a minute");
}

#[test]
fn a_refused_request_costs_the_tenant_nothing_and_its_connection_lives() {
    let setup = Init::new().web(&web(&["boston", "nyc"]));
    let init = setup.config(&limit("all", "burst = 1\nunits = [\"web@*\"]")).start();
    let mut client = init.connect();
    client.get("/boston").expect("an answer").expect(200);
    for _ in 0..3 {
        client.get("/nyc").expect("the connection is kept").expect(429);
    }
    client.get("/up").expect("the connection is kept").expect(200);
    let status = init.status("web@nyc");
    assert_eq!((&status["active"], &status["starts"]), (&"inactive".into(), &0.into()), "{status}");
    // A body that nobody reads ends its connection, and the answer arrives all the same.
    client.request("POST", "/boston", &[], &[b'x'; 100_000]).expect("an answer").expect(429);
    assert!(client.is_closed());
}

#[test]
fn clients_are_counted_by_the_address_that_a_trusted_proxy_names() {
    let setup = Init::new().web(&web(&["boston"])).http(TRUSTED);
    let init = setup.config(&limit("all", "burst = 1")).start();
    for (address, status) in [
        ("203.0.113.1", 200),
        ("203.0.113.1", 429),
        ("203.0.113.2", 200),
        ("2001:db8::1", 200),
        ("2001:db8::2", 429),
        ("2001:db8:0:1::1", 200),
    ] {
        init.request("GET", "/boston", &[("X-Forwarded-For", address)], b"").expect(status);
    }
}

#[test]
fn a_tenants_limit_is_for_all_its_clients_together() {
    let setup = Init::new().web(&web(&["boston", "nyc"])).http(TRUSTED);
    let init = setup.config(&limit("each", "burst = 2\nby = \"tenant\"")).start();
    for (tenant, address, status) in [
        ("/boston", "203.0.113.1", 200),
        ("/boston", "203.0.113.2", 200),
        ("/boston", "203.0.113.3", 429),
        ("/nyc", "203.0.113.3", 200),
    ] {
        init.request("GET", tenant, &[("X-Forwarded-For", address)], b"").expect(status);
    }
}

#[test]
fn a_reload_changes_limits_at_once_and_forgets_nothing_of_those_that_stay() {
    let init = Init::new().web(&web(&["boston"])).config(&limit("a", "burst = 1")).start();
    init.get("/boston").expect(200);
    let file = init.file("tenantd.toml");
    let text = std::fs::read_to_string(&file).expect("tenantd.toml");
    std::fs::write(&file, format!("{text}{}", limit("b", "burst = 5"))).expect("tenantd.toml");
    assert!(init.verb(&["reload"]).expect(0).stdout.contains("[[limit]]"));
    assert_eq!(init.get("/boston").expect(429).field("ratelimit-policy"), Some("\"a\";q=1;w=3600"));
    std::fs::write(&file, text.split("[[limit]]").next().unwrap_or_default()).expect("tenantd.toml");
    init.verb(&["reload"]).expect(0);
    init.get("/boston").expect(200);
}

/// Whether the server has closed this connection, or answers on it.
fn is_refused(init: &Init) -> Option<Connection> {
    let mut client = init.connect();
    client.get("/up").is_ok().then_some(client)
}

#[test]
fn a_client_has_so_many_connections_and_a_trusted_proxy_as_many_as_it_likes() {
    let most = "connections_per_client = 2";
    let init = Init::new().http(most).start();
    // The harness has looked whether the door is open.
    let mut clients = Vec::new();
    eventually("two come in", || {
        clients.extend(is_refused(&init));
        clients.len() == 2
    });
    assert!(is_refused(&init).is_none());
    init.wait_log(&["127.0.0.1 has as many connections as one client may have"]);
    clients.iter_mut().for_each(|client| drop(client.get("/up").expect("served as before").expect(200)));
    clients.pop();
    eventually("one leaves and another comes", || {
        clients.extend(is_refused(&init));
        clients.len() == 2
    });
    assert_eq!(init.log().with(&["has as many connections"]).len(), 1, "it is said once a minute");
    let init = Init::new().http(most).http(TRUSTED).start();
    let clients: Vec<_> = (0..10).map(|_| is_refused(&init).expect("trusted")).collect();
    drop(clients);
}

#[test]
fn a_head_has_its_time_in_total_however_it_trickles() {
    let init = Init::new().http("timeout_head = \"300ms\"").start();
    let mut client = init.connect();
    client.send(b"GET /up HTTP/1.1\r\nHost: x\r\nX: ").expect("send");
    let mut writer = client.writer();
    let reply = thread::spawn(move || client.reply("GET"));
    eventually("it is answered", || {
        let _ = writer.write(b"a");
        reply.is_finished()
    });
    reply.join().expect("a thread").expect("an answer").expect(408);
}

#[test]
fn a_trusted_proxys_connection_outlives_the_time_of_others() {
    let short = "timeout_keep_alive = \"50ms\"";
    let (trusting, other) = (Init::new().http(short).http(TRUSTED).start(), Init::new().http(short).start());
    let mut proxy = trusting.connect();
    proxy.get("/up").expect("an answer").expect(200);
    let mut client = other.connect();
    client.get("/up").expect("an answer").expect(200);
    assert!(client.is_closed());
    proxy.get("/up").expect("the connection is kept").expect(200);
}

/// Half a minute is no hang here.
fn patient(stream: &TcpStream) {
    let long = Some(Duration::from_secs(120));
    stream.set_write_timeout(long).and_then(|()| stream.set_read_timeout(long)).expect("a timeout");
}

#[test]
fn a_body_that_trickles_ends_and_one_that_the_tenant_does_not_read_waits() {
    let setup = Init::new().http("timeout_body = \"10m\"\ntimeout_response = \"10m\"");
    let (init, mut puppet) = setup.puppet(web(&["boston"]));
    // From its first answer on it runs.
    let mut first = init.connect();
    first.send(&get("/boston")).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    tenant.send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    first.reply("GET").expect("an answer").expect(204);
    let length = 32 << 20;
    // Its tenant reads nothing, until the other one has been refused.
    let mut good = init.connect();
    good.send(&request_head("POST", "/boston?good", &[], length)).expect("send");
    let mut reader = puppet.accept();
    reader.head();
    let mut writer = good.writer();
    patient(&writer);
    let sender = thread::spawn(move || writer.write_all(&vec![b'x'; length]));
    let mut slow = init.connect();
    slow.send(&request_head("POST", "/boston?slow", &[], 1_000_000)).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    let mut writer = slow.writer();
    patient(&writer);
    let reply = thread::spawn(move || {
        let reply = slow.reply("POST");
        reply.map(|reply| (reply, slow.is_closed()))
    });
    // Some bytes a second are not enough.
    let mut turns = 0;
    eventually("it is answered", || {
        turns += 1;
        if turns % 30 == 0 {
            let _ = writer.write(b"x");
        }
        reply.is_finished()
    });
    let (reply, closed) = reply.join().expect("a thread").expect("an answer");
    assert!(reply.expect(408).text().contains("too slowly") && closed);
    assert!(!sender.is_finished(), "what nobody reads fills all buffers");
    reader.exactly(length);
    sender.join().expect("a thread").expect("all is taken");
    reader.ok("read");
    assert_eq!(good.reply("POST").expect("an answer").expect(200).text(), "read");
}

#[test]
fn a_client_that_never_reads_is_gone_after_the_time_of_a_body() {
    let (init, mut puppet) = Init::new().http("timeout_body = \"300ms\"").puppet(web(&["boston"]));
    // In the middle of an answer.
    let mut client = init.connect();
    client.send(&get("/boston")).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    while tenant.send([b'x'; 64 * 1024]) {}
    at_rest(&init);
    // Behind answers of ours that are complete.
    let before = procfs::descriptors(init.pid());
    let mut deaf = init.connect();
    deaf.flood_with(&get("/up").repeat(1000));
    eventually("it is closed", || procfs::descriptors(init.pid()) <= before);
    drop(client);
}

/// Requests that the tenant loses.
fn lose(init: &Init, puppet: &mut Puppet, count: usize) {
    for _ in 0..count {
        let mut client = init.connect();
        client.send(&get("/boston?lost")).expect("send");
        puppet.accept().head();
        client.reply("GET").expect("an answer").expect(502);
    }
}

#[test]
fn a_tenant_that_answers_nobody_is_asked_no_more() {
    let (init, mut puppet) = Init::new().puppet(web(&["boston"]).route("breaker_failures = 3\nbreaker_pause = \"1h\""));
    lose(&init, &mut puppet, 2);
    // One answer, and it begins anew.
    let mut client = init.connect();
    client.send(&get("/boston")).expect("send");
    let mut tenant = puppet.accept();
    tenant.head();
    tenant.send("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    client.reply("GET").expect("an answer").expect(500);
    lose(&init, &mut puppet, 2);
    assert!(init.verb(&["show", "web@boston"]).stdout.contains("CircuitBreaker=closed"));
    lose(&init, &mut puppet, 1);
    init.wait_log(&["web@boston", "3 requests in a row failed"]);
    assert_eq!(init.get("/boston").expect(503).field("retry-after"), Some("3600"));
    assert!(init.verb(&["show", "web@boston"]).stdout.contains("CircuitBreaker=open"));
    assert!(init.verb(&["status", "web@boston"]).stdout.contains("circuit breaker open"));
}

#[test]
fn one_request_finds_out_whether_a_tenant_answers_again() {
    let (init, mut puppet) =
        Init::new().puppet(web(&["boston"]).route("breaker_failures = 2\nbreaker_pause = \"50ms\""));
    lose(&init, &mut puppet, 2);
    let (mut tenant, probe) = loop {
        let mut client = init.connect();
        client.send(&get("/boston?probe")).expect("send");
        let reply = thread::spawn(move || (client.reply("GET").expect("an answer"), client));
        let mut tenant = None;
        eventually("it is sent or refused", || {
            tenant = puppet.try_accept(Duration::from_millis(1));
            tenant.is_some() || reply.is_finished()
        });
        match tenant {
            Some(tenant) => break (tenant, reply),
            None => drop(reply.join().expect("a thread").0.expect(503)),
        }
    };
    // However long that takes, nobody else is sent.
    for _ in 0..5 {
        init.get("/boston?another").expect(503);
    }
    assert!(tenant.head().starts_with("GET /boston?probe"));
    tenant.ok("well");
    let (reply, mut client) = probe.join().expect("a thread");
    assert_eq!(reply.expect(200).text(), "well");
    init.wait_log(&["web@boston", "it answers again"]);
    client.send(&get("/boston?next")).expect("send");
    assert!(tenant.head().starts_with("GET /boston?next"));
    tenant.ok("well");
    client.reply("GET").expect("an answer").expect(200);
}

#[test]
fn a_client_that_leaves_and_a_process_that_ends_are_no_failures_of_the_tenant() {
    let init = Init::new().web(&web(&["boston"]).route("breaker_failures = 2\nbreaker_pause = \"1h\"")).start();
    init.get("/boston").expect(200);
    let mut client = init.connect();
    client.send(&get("/boston/slow?ms=100000")).expect("send");
    eventually("it is sent", || init.list()[0]["requests"]["in_flight"] == 1);
    client.reset();
    at_rest(&init);
    init.get("/boston").expect(200);
    // All that it had in flight is one failure, and the next process begins without any.
    let mut clients: Vec<_> = (0..3).map(|_| init.connect()).collect();
    clients
        .iter_mut()
        .for_each(|client| client.send(&request_head("POST", "/boston/slow?ms=100000", &[], 0)).expect("send"));
    eventually("they are sent", || init.list()[0]["requests"]["in_flight"] == 3);
    assert!(init.kill_unit("web@boston"));
    clients.iter_mut().for_each(|client| drop(client.reply("GET").expect("an answer").expect(502)));
    init.get("/boston").expect(200);
    assert_eq!(init.log().with(&["requests in a row failed"]).len(), 0);
}

#[test]
fn a_full_house_serves_those_inside_starts_services_and_opens_again() {
    let few = ["sh", "-c", "ulimit -n 256; exec \"$@\"", "sh"];
    let unit = "[service]\ntype = \"oneshot\"\nexec_start = [\"true\"]\n";
    let init = Init::new().wrapper(&few).unit("true.toml", unit).start();
    let mut inside = init.connect();
    inside.get("/up").expect("an answer").expect(200);
    let mut waiting: Vec<Connection> = (0..300).map(|_| init.connect()).collect();
    waiting.iter_mut().for_each(|client| client.send(&get("/up")).expect("send"));
    init.wait_log(&["new connections wait", "ulimit -n"]);
    inside.get("/up").expect("served as before").expect(200);
    init.verb(&["start", "true"]).expect(0);
    assert!(procfs::descriptors(init.pid()) < 230);
    // Nobody was turned away: each is served as those before him leave.
    for mut client in waiting {
        client.reply("GET").expect("an answer").expect(200);
    }
    inside.get("/up").expect("served as before").expect(200);
    assert_eq!(init.log().with(&["new connections wait"]).len(), 1, "it is said once a minute");
}

#[test]
fn ten_thousand_idle_connections_hinder_nobody() {
    const IDLE: usize = 10_000;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("a limit");
    let init = Init::new().web(&web(&["boston"])).start();
    let before = procfs::descriptors(init.pid());
    let idle: Vec<TcpStream> = (0..IDLE).map(|_| TcpStream::connect(init.address()).expect("a connection")).collect();
    eventually("all are inside", || procfs::descriptors(init.pid()) >= before + IDLE);
    for _ in 0..10 {
        init.get("/boston").expect(200);
    }
    init.verb(&["status", "web@boston"]).expect(0);
    drop(idle);
    eventually("all have left", || procfs::descriptors(init.pid()) <= before + 10);
    init.get("/boston").expect(200);
}
