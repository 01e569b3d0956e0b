//! `[[proxy]]`: requests that other servers answer, over TCP, a unix socket and TLS.

mod certificates;
mod server;
mod trouble;

use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

use crate::client::{Head, Reply, request_head};
use crate::harness::Init;
use certificates::Authority;
use server::{Server, field, pattern};

/// A `[[proxy]]` for `/NAME`.
fn proxy(name: &str, url: &str, more: &str) -> String {
    format!("[[proxy]]\nname = \"{name}\"\npath = \"/{name}\"\ntarget = \"{url}\"\n{more}")
}

fn started(config: &[String]) -> Init {
    Init::new().config(&config.join("\n")).start()
}

fn text(reply: &Reply) -> &str {
    std::str::from_utf8(&reply.body).expect("text")
}

/// The first line of what arrived.
fn asked(reply: &Reply) -> &str {
    assert_eq!(reply.head.status, 200, "{reply:?}");
    text(reply).lines().next().unwrap_or_default()
}

#[test]
fn a_request_arrives_at_its_target_and_the_answer_comes_back() {
    let server = Server::tcp();
    let init = started(&[proxy("api", &format!("http://{}/v1", server.address), "strip = true\n")]);
    let reply =
        init.request("POST", "/api/a%2Fb?q=/x&y", &[("Cookie", "c=1"), ("X-Forwarded-For", "6.6.6.6")], b"body");
    assert_eq!(asked(&reply), "POST /v1/a%2Fb?q=/x&y HTTP/1.1");
    let head = text(&reply);
    assert!(head.ends_with("\r\n\r\nbody"), "{head}");
    for (name, value) in [
        ("host", server.address.to_string().as_str()),
        ("x-forwarded-host", "localhost"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("via", "1.1 tenantd"),
        ("cookie", "c=1"),
        ("content-length", "4"),
    ] {
        assert_eq!(field(head, name), Some(value), "{name} in {head}");
    }
    assert!(field(head, "traceparent").is_some() && field(head, "x-request-id").is_some(), "{head}");
    assert_eq!(reply.head.field("server"), Some("test"));
    assert_eq!(reply.head.field("x-request-id"), field(head, "x-request-id"));
    init.wait_log(&["POST /api/a%2Fb?* HTTP/1.1\" 200", "by=proxy proxy=api"]);
}

#[test]
fn paths_go_where_the_rule_says() {
    let server = Server::tcp();
    let at = server.address;
    let config = format!(
        "[[proxy]]\nname = \"pw\"\npattern = '^/password(/.*)'\ntarget = \"http://{at}/new/$1\"\n\
         [[proxy]]\nname = \"ten\"\npattern = '^/t/(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)$'\ntarget = \"http://{at}/$10/${{1}}0\"\n\
         [[proxy]]\nname = \"dots\"\npattern = '^/d/(.*)x(.*)$'\ntarget = \"http://{at}/base/$1$2\"\n\
         [[proxy]]\nname = \"get\"\npath = \"/m\"\nmethods = [\"GET\"]\ntarget = \"http://{at}/get\"\n\
         [[proxy]]\nname = \"post\"\npath = \"/m\"\nmethods = [\"POST\", \"OPTIONS\"]\ntarget = \"http://{at}/post\"\n"
    );
    let init = started(&[config]);
    for (method, target, line) in [
        ("GET", "/password/x?a=$1", "GET /new/x?a=$1 HTTP/1.1"),
        ("GET", "//password//x", "GET /new/x HTTP/1.1"),
        ("GET", "/p%61ssword/http://evil.example/", "GET /new/http:/evil.example/ HTTP/1.1"),
        ("GET", "/password/%0d%0aX:y", "GET /new/%0D%0AX:y HTTP/1.1"),
        ("GET", "/t/abcdefghij", "GET /j/a0 HTTP/1.1"),
        ("GET", "/d/axb", "GET /base/ab HTTP/1.1"),
        ("HEAD", "/m/1", ""),
        ("GET", "/m/1", "GET /get/m/1 HTTP/1.1"),
        ("POST", "/m/1", "POST /post/m/1 HTTP/1.1"),
        ("OPTIONS", "/m/1", "OPTIONS /post/m/1 HTTP/1.1"),
    ] {
        let reply = init.request(method, target, &[], b"");
        assert_eq!(asked(&reply), line, "{method} {target}");
    }
    for (method, target, status) in
        [("GET", "/d/.x./etc", 400), ("PUT", "/m/1", 404), ("GET", "/password", 404), ("GET", "/d/../m", 400)]
    {
        assert_eq!(init.request(method, target, &[], b"").head.status, status, "{method} {target}");
    }
}

#[test]
fn fields_are_set_taken_away_and_kept_from_others() {
    let server = Server::tcp();
    let own = format!("http://{}", server.address);
    // The same server under a name that is not this machine's for sure.
    let foreign = format!("http://0.0.0.0:{}", server.address.port());
    let set = "headers = { X-Site = \"$scheme://$host for $remote_addr $$1\", Cookie = \"\", X-Forwarded-Proto = \"https\" }\n\
               response_headers = { X-Frame-Options = \"DENY\", Server = \"\", X-New = \"1\" }\n";
    let init = started(&[
        proxy("own", &own, set),
        proxy("foreign", &foreign, ""),
        proxy("asked", &foreign, "authorization = true\npreserve_host = true\n"),
        proxy("fixed", &foreign, "headers = { Authorization = \"Bearer ours\" }\n"),
        proxy("kept", &own, "authorization = false\n"),
    ]);
    let fields =
        [("Authorization", "Basic secret"), ("Cookie", "c=1"), ("X-Site", "mine"), ("X-Forwarded-Proto", "gopher")];
    let reply = |name: &str| init.request("GET", &format!("/{name}"), &fields, b"");
    let first = reply("own");
    let head = text(&first);
    assert_eq!(
        (field(head, "x-site"), field(head, "cookie")),
        (Some("http://localhost for 127.0.0.1 $1"), None),
        "{head}"
    );
    assert_eq!(head.matches("X-Site").count() + head.matches("X-Forwarded-Proto: ").count(), 2, "{head}");
    assert_eq!(field(head, "x-forwarded-proto"), Some("https"));
    let got = |name: &str| first.head.field(name);
    assert_eq!((got("x-frame-options"), got("server"), got("x-new")), (Some("DENY"), None, Some("1")));
    assert_eq!(first.head.fields.iter().filter(|(name, _)| name == "X-Frame-Options").count(), 1);
    let secret = Some("Basic secret");
    for (name, expected) in
        [("own", secret), ("foreign", None), ("asked", secret), ("fixed", Some("Bearer ours")), ("kept", None)]
    {
        assert_eq!(field(text(&reply(name)), "authorization"), expected, "{name}");
    }
    assert_eq!(field(text(&reply("asked")), "host"), Some("localhost"));
}

#[test]
fn preflights_are_answered_here_where_the_rule_can() {
    let server = Server::tcp();
    let url = format!("http://{}", server.address);
    let cors = "response_headers = { Access-Control-Allow-Origin = \"https://a.example\", Access-Control-Allow-Methods = \"PUT\" }\n";
    let init = started(&[proxy("cors", &url, cors), proxy("plain", &url, "")]);
    let preflight = [("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT")];
    let reply = init.request("OPTIONS", "/cors", &preflight, b"");
    let origin = Some("https://a.example");
    assert_eq!((reply.head.status, reply.head.field("access-control-allow-origin")), (204, origin));
    assert_eq!(server.requests(), 0);
    let reply = init.request("OPTIONS", "/cors", &preflight[..1], b"");
    assert_eq!((asked(&reply), reply.head.field("access-control-allow-origin")), ("OPTIONS /cors HTTP/1.1", origin));
    assert_eq!(asked(&init.request("OPTIONS", "/plain", &preflight, b"")), "OPTIONS /plain HTTP/1.1");
}

#[test]
fn a_unix_socket_is_a_target() {
    let setup = Init::new();
    let path = setup.path().join("api.sock");
    Server::unix(&path);
    let init = setup.config(&proxy("api", &format!("unix:{}:/base", path.display()), "")).start();
    let mut client = init.connect();
    for _ in 0..3 {
        let reply = client.request("GET", "/api/x", &[("Authorization", "Basic x")], b"").expect("an answer");
        assert_eq!(asked(&reply), "GET /base/api/x HTTP/1.1");
        assert_eq!(
            (field(text(&reply), "host"), field(text(&reply), "authorization")),
            (Some("localhost"), Some("Basic x"))
        );
    }
    std::fs::remove_file(&path).expect("the socket");
    let missing = init.get("/api/leave");
    assert_eq!(missing.head.status, 502, "the kept connection is left, and there is no other");
}

#[test]
fn tls_is_spoken_and_certificates_are_checked() {
    let authority = Authority::new();
    let other = Authority::new();
    let good = Server::tls(authority.server("DNS:localhost,IP:127.0.0.1", 9));
    let expired = Server::tls(authority.server("DNS:localhost,IP:127.0.0.1", -1));
    let misnamed = Server::tls(authority.server("DNS:elsewhere.example", 9));
    let strange = Server::tls(other.server("DNS:localhost,IP:127.0.0.1", 9));
    let plain = Server::tcp();
    let ours = format!("ca_file = \"{}\"\n", authority.file().display());
    let url = |server: &Server, host: &str| format!("https://{host}:{}", server.address.port());
    let init = started(&[
        proxy("name", &url(&good, "localhost"), &ours),
        proxy("address", &url(&good, "127.0.0.1"), &ours),
        proxy("public", &url(&good, "localhost"), ""),
        proxy("expired", &url(&expired, "localhost"), &ours),
        proxy("misnamed", &url(&misnamed, "localhost"), &ours),
        proxy("strange", &url(&strange, "localhost"), &ours),
        proxy("plain", &url(&plain, "localhost"), &format!("{ours}timeout_connect = \"300ms\"\n")),
    ]);
    for _ in 0..2 {
        let reply = init.request("POST", "/name/x", &[], b"sealed");
        assert_eq!(asked(&reply), "POST /name/x HTTP/1.1");
        assert!(text(&reply).ends_with("sealed"));
        assert_eq!(asked(&init.get("/address/x")), "GET /address/x HTTP/1.1");
    }
    assert_eq!(good.connections(), 2, "each rule keeps its connection");
    for (name, status, why) in [
        ("public", 502, "UnknownIssuer"),
        ("strange", 502, "invalid peer certificate"),
        ("expired", 502, "Expired"),
        ("misnamed", 502, "not valid for name"),
        // It waits for the rest of a head, and we for its part of the handshake.
        ("plain", 504, "no connection in time"),
    ] {
        let reply = init.request("POST", &format!("/{name}/x"), &[], b"secret");
        assert_eq!(reply.head.status, status, "{name}");
        init.wait_log(&[&format!("proxy {name}: cannot reach https://localhost"), why]);
    }
    assert_eq!(expired.requests() + misnamed.requests() + strange.requests(), 0);
}

#[test]
fn large_bodies_pass_over_tls_both_ways() {
    const SIZE: usize = 50 << 20;
    let authority = Authority::new();
    let server = Server::tls(authority.server("DNS:localhost", 9));
    let ca = format!("ca_file = \"{}\"\n", authority.file().display());
    let init = started(&[proxy("big", &format!("https://localhost:{}", server.address.port()), &ca)]);
    init.get("/big/x");
    let before = crate::procfs::resident(init.pid());
    let mut client = init.connect();
    client.send(&request_head("GET", &format!("/big/download?{SIZE}"), &[], 0)).expect("send");
    assert_eq!(client.head().expect("a head").status, 200);
    let mut most = 0;
    for from in (0..SIZE).step_by(1 << 20) {
        assert!(client.exactly(1 << 20).expect("the body") == pattern(from, 1 << 20), "at {from}");
        most = most.max(crate::procfs::resident(init.pid()));
    }
    client.send(&request_head("POST", "/big/upload", &[], SIZE)).expect("send");
    for from in (0..SIZE).step_by(1 << 20) {
        client.send(&pattern(from, 1 << 20)).expect("the body is taken");
        most = most.max(crate::procfs::resident(init.pid()));
    }
    let reply = client.reply("POST").expect("an answer");
    assert_eq!(text(&reply), format!("{SIZE} true"));
    let grown = most.saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes for bodies of {SIZE}");
}

#[test]
fn pieces_of_any_size_are_put_together() {
    let authority = Authority::new();
    let (plain, tls) = (Server::tcp(), Server::tls(authority.server("DNS:localhost", 9)));
    let ca = format!("ca_file = \"{}\"\n", authority.file().display());
    let init = started(&[
        proxy("plain", &format!("http://{}", plain.address), ""),
        proxy("tls", &format!("https://localhost:{}", tls.address.port()), &ca),
    ]);
    for name in ["plain", "tls"] {
        let mut client = init.connect();
        for byte in request_head("GET", &format!("/{name}/trickle"), &[], 0) {
            client.send(&[byte]).expect("send");
        }
        assert_eq!(text(&client.reply("GET").expect("an answer")), "hello world", "{name}");
    }
}

/// A WebSocket through `path`, or the head of the refusal.
fn open(init: &Init, path: &str, fields: &[(&str, &str)]) -> Result<(WebSocket<std::net::TcpStream>, Head), Reply> {
    let mut connection = init.connect();
    let all = [
        &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")],
        fields,
    ];
    connection.send(&request_head("GET", path, &all.concat(), 0)).expect("send");
    let head = connection.head().expect("a head");
    if head.status != 101 {
        let length = head.field("content-length").map_or(0, |length| length.parse().expect("a length"));
        let body = connection.exactly(length).expect("a body");
        return Err(Reply { head, body });
    }
    let (stream, early) = connection.into_parts();
    Ok((WebSocket::from_partially_read(stream, early, Role::Client, None), head))
}

#[test]
fn websockets_pass_with_their_close_codes_and_refusals() {
    let authority = Authority::new();
    let (plain, tls) = (Server::tcp(), Server::tls(authority.server("DNS:localhost", 9)));
    let ca = format!("ca_file = \"{}\"\n", authority.file().display());
    let init = started(&[
        proxy("plain", &format!("http://{}", plain.address), "connections = 1\n"),
        proxy("tls", &format!("https://localhost:{}", tls.address.port()), &ca),
        proxy("none", &format!("http://{}", plain.address), "websocket = false\n"),
    ]);
    for name in ["plain", "tls"] {
        for connection in ["Upgrade", "upgrade", "keep-alive, Upgrade"] {
            let path = format!("/{name}/cable");
            let fields = [("Connection", connection), ("Sec-WebSocket-Protocol", "actioncable-v1-json, other")];
            let (mut socket, head) = open(&init, &path, &fields).unwrap_or_else(|reply| panic!("{path}: {reply:?}"));
            assert_eq!(head.field("sec-websocket-protocol"), Some("actioncable-v1-json"));
            for message in ["hello", &"x".repeat(200_000)] {
                socket.send(Message::text(message)).expect("send");
                assert!(socket.read().expect("an echo").to_text().is_ok_and(|echo| echo == message), "{name}");
            }
            socket.send(Message::text("bye")).expect("send");
            let Message::Close(Some(frame)) = socket.read().expect("a close") else { panic!("no close frame") };
            assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4001, "tired"), "{name}");
        }
        let fields = [("Connection", "Upgrade")];
        let refusal = open(&init, &format!("/{name}/cable?refuse"), &fields).map(drop).expect_err("a refusal");
        assert_eq!((refusal.head.status, text(&refusal)), (403, "no!"), "{name}");
    }
    let plainly = open(&init, "/none/cable", &[("Connection", "Upgrade")]).map(drop).expect_err("no WebSocket");
    assert_eq!(field(text(&plainly), "upgrade"), None);
}
