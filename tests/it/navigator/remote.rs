//! V37, S03, and what requests to other servers are (§3.4, and the fields of §2).

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread;

use super::security::{Asker, has_one_reading, tricks};
use super::table::{check, row};
use crate::client::request_head;
use crate::harness::Init;
use crate::puppet::Upstream;
use crate::web::web;

/// A server that answers each request with what it has seen, as the test tenant does.
fn echo(listener: TcpListener) -> SocketAddr {
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut client = Upstream::direct(stream);
            thread::spawn(move || {
                while let Ok(head) = client.head_or_end() {
                    let mut lines = head.trim_end().split("\r\n");
                    let target = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
                    let fields: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
                    client.ok(&serde_json::json!({ "tenant": "api", "target": target, "fields": fields }).to_string());
                }
            });
        }
    });
    address
}

fn local() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port")
}

#[test]
fn requests_to_other_servers() {
    let api = echo(local());
    let config = format!(
        "[[proxy]]\nname = \"captures\"\npattern = \"^/password(/.*)\"\ntarget = \"http://{api}/secret$1\"\n\
         headers = {{ \"X-Forwarded-Host\" = \"$host\", \"X-Scheme\" = \"$scheme\", \"X-Client\" = \"$remote_addr\" }}\n\
         [[proxy]]\nname = \"strip\"\npath = \"/api\"\nstrip = true\ntarget = \"http://{api}/v1\"\n\
         response_headers = {{ \"X-Served-By\" = \"api\" }}\n\
         [[proxy]]\nname = \"whole\"\npath = \"/whole\"\ntarget = \"http://{api}\"\npreserve_host = true\n\
         [[proxy]]\nname = \"gone\"\npath = \"/gone\"\ntarget = \"http://127.0.0.1:1\"\n"
    );
    let init = Init::new().web(&web(&["root"]).route("path = \"/\"")).config(&config).start();
    check(
        &init,
        &[
            row("§3.4 captures make the path", "GET /password/reset?t=1", 200).target("/secret/reset?t=1"),
            row("§3.4 $host $scheme $remote_addr", "GET /password/x", 200)
                .with("Host", "a.example:81")
                .seen("x-forwarded-host", "a.example:81")
                .seen("x-scheme", "http")
                .seen("x-client", "127.0.0.1"),
            row("§3.4 strip_path with a path in the target", "GET /api/users?x", 200)
                .target("/v1/users?x")
                .tenant("api"),
            row("§3.4 response_headers", "GET /api/users", 200).field("x-served-by", "api"),
            row("§3.4 no strip_path", "GET /whole/a", 200).target("/whole/a"),
            row("§2 Host is preserved", "GET /whole/a", 200).with("Host", "a.example").seen("host", "a.example"),
            row("§2 no X-Forwarded-Proto", "GET /whole/a", 200)
                .seen("x-forwarded-proto", "http")
                .seen("x-forwarded-for", "127.0.0.1")
                .ours("the same fields as to a tenant"),
            row("§1.3 Authorization is passed on", "GET /whole/a", 200)
                .with("Authorization", "Basic dTpw")
                .seen("authorization", "Basic dTpw"),
            row("§2 the target fails", "GET /gone/x", 502),
            row("§1.4 whole segments", "GET /apiary", 200).tenant("root").ours("Navigator's prefix is any text"),
            row("§2.9 before tenants", "GET /other", 200).tenant("root"),
        ],
    );
}

#[test]
fn s03_authorization_stays_here_unless_it_is_asked_for() {
    // An address of this machine that is not loopback counts as foreign; no packet is sent to find it.
    let route = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect("192.0.2.1:9").map(|()| socket));
    let foreign = route.and_then(|socket| socket.local_addr()).expect("an address that is not loopback").ip();
    let api = echo(TcpListener::bind((foreign, 0)).expect("a port"));
    let config = format!(
        "[[proxy]]\nname = \"foreign\"\npath = \"/foreign\"\ntarget = \"http://{api}\"\n\
         [[proxy]]\nname = \"trusted\"\npath = \"/trusted\"\ntarget = \"http://{api}\"\nauthorization = true\n"
    );
    let init = Init::new().config(&config).start();
    let ask = |request| row("S03", request, 200).with("Authorization", "Basic dTpw");
    let rows =
        [ask("GET /foreign/x").unseen("authorization"), ask("GET /trusted/x").seen("authorization", "Basic dTpw")];
    check(&init, &rows);
}

const UPGRADE: &[(&str, &str)] = &[
    ("Connection", "keep-alive, Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Protocol", "actioncable-v1-json"),
    ("Origin", "https://a.example"),
];

#[test]
fn v37_a_websocket_passes_with_its_fields_refusals_and_close_codes() {
    const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: actioncable-v1-json\r\n\r\n";
    /// Close 4001, from a server: unmasked (RFC 6455 §5.5.1).
    const CLOSE_4001: &[u8] = &[0x88, 0x02, 0x0f, 0xa1];
    let listener = local();
    let target = listener.local_addr().expect("an address");
    let config = format!("[[proxy]]\nname = \"cable\"\npath = \"/cable\"\ntarget = \"http://{target}\"\n");
    let init = Init::new().config(&config).start();
    let open = || {
        let mut client = init.connect();
        client.send(&request_head("GET", "/cable", UPGRADE, 0)).expect("send");
        let mut server = Upstream::direct(listener.accept().expect("a connection of tenantd").0);
        let head = server.head().to_ascii_lowercase();
        (client, server, head)
    };
    let (mut client, mut server, head) = open();
    for field in [
        "x-forwarded-for: 127.0.0.1\r\n",
        "x-forwarded-proto: http\r\n",
        "x-forwarded-host: localhost\r\n",
        "sec-websocket-protocol: actioncable-v1-json\r\n",
        "origin: https://a.example\r\n",
        "upgrade: websocket\r\n",
    ] {
        assert!(head.contains(field), "{field:?} in {head}");
    }
    server.send(AGREED);
    server.send(CLOSE_4001);
    let agreed = client.head().expect("a head");
    assert_eq!((agreed.status, agreed.field("sec-websocket-protocol")), (101, Some("actioncable-v1-json")));
    assert_eq!(client.exactly(4).expect("a frame"), CLOSE_4001);
    drop((client, server));
    let (mut client, mut server, _) = open();
    server.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    assert_eq!(client.reply("GET").expect("an answer").expect(403).text(), "no");
}

#[test]
fn what_another_server_sees_has_one_reading() {
    let api = echo(local());
    let config = format!(
        "[[proxy]]\nname = \"captures\"\npattern = \"^/open/caught/(.*)$\"\ntarget = \"http://{api}/v1/$1\"\n\
         [[proxy]]\nname = \"slashes\"\npattern = \"^/open/slash(.*)$\"\ntarget = \"http://{api}/v1/$1\"\n\
         [[proxy]]\nname = \"strip\"\npath = \"/open\"\nstrip = true\ntarget = \"http://{api}/v1\"\n"
    );
    let init = Init::new().config(&config).start();
    check(
        &init,
        &[
            row("encoded twice", "GET /open/caught/%252e%252e/closed", 200).target("/v1/%252e%252e/closed"),
            row("an encoded slash", "GET /open/caught/a%2fb", 200).target("/v1/a%2Fb"),
            row("what would be a query", "GET /open/caught/a%3fb?c", 200).target("/v1/a%3Fb?c"),
            row("what would be a fragment", "GET /open/caught/a%23b", 200).target("/v1/a%23b"),
            row("a blank", "GET /open/caught/a%20b", 200).target("/v1/a%20b"),
            row("encoded twice, stripped", "GET /open/%252e%252e/closed", 200).target("/v1/%252e%252e/closed"),
        ],
    );
    let mut asker = Asker::new(&init);
    let mut served = 0;
    for raw in tricks() {
        for raw in [raw.clone(), raw.replacen("/open", "/open/caught", 1), raw.replacen("/open", "/open/slash", 1)] {
            match asker.ask(&raw) {
                (200, Some((_, target))) => {
                    has_one_reading(target.split('?').next().unwrap_or_default(), &raw);
                    assert!(target.starts_with("/v1"), "{raw}: seen as {target}");
                    served += 1;
                }
                (400 | 404, None) => {}
                other => panic!("{raw}: {other:?}"),
            }
        }
    }
    assert!(served > 500, "{served} served: the table is no longer what it was");
}
