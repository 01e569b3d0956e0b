//! Targets that fail, are slow, ill, changed or gone.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tungstenite::Message;

use super::certificates::Authority;
use super::server::{Server, field, pattern};
use super::{asked, open, proxy, started, text};
use crate::client::{Connection, request_head};
use crate::harness::{Init, eventually};
use crate::setup::free_address;

#[test]
fn a_name_that_does_not_resolve_is_502_and_others_go_on() {
    let server = Server::tcp();
    let init = started(&[
        proxy("nowhere", "http://nowhere.invalid", "timeout_connect = \"20s\"\n"),
        proxy("name", &format!("http://localhost:{}", server.address.port()), ""),
    ]);
    let mut waiting = init.connect();
    waiting.send(&request_head("GET", "/nowhere/x", &[], 0)).expect("send");
    assert_eq!(asked(&init.get("/name/x")), "GET /name/x HTTP/1.1");
    assert_eq!(init.get("/up").head.status, 200);
    let status = waiting.reply("GET").expect("an answer").head.status;
    assert!(matches!(status, 502 | 504), "{status}");
}

#[test]
fn nobody_there_is_502_and_a_silent_one_504() {
    let server = Server::tcp();
    let dead = free_address();
    let init = started(&[
        proxy("dead", &format!("http://{dead}"), ""),
        proxy("api", &format!("http://{}", server.address), "timeout_response = \"300ms\"\n"),
    ]);
    assert_eq!(init.get("/dead/x").head.status, 502);
    assert_eq!(init.get("/api/silent").head.status, 504);
    assert_eq!(init.get("/api/leave").head.status, 502);
    let mut client = init.connect();
    client.send(&request_head("GET", "/api/cut", &[], 0)).expect("send");
    assert_eq!(client.head().expect("a head").status, 200);
    assert!(client.exactly(100).is_err(), "the client sees that it was cut");
    assert_eq!(text(&init.get("/api/until-close")), "all of it");
    assert_eq!(asked(&init.get("/api/x")), "GET /api/x HTTP/1.1");
}

#[test]
fn an_answer_over_tls_that_ends_without_its_end_is_cut() {
    let authority = Authority::new();
    let server = Server::tls(authority.server("DNS:localhost", 9));
    let ca = format!("ca_file = \"{}\"\n", authority.file().display());
    let init = started(&[proxy("api", &format!("https://localhost:{}", server.address.port()), &ca)]);
    // The server closes the socket without close_notify: whoever stands between could have done that.
    let mut client = init.connect();
    client.send(&request_head("GET", "/api/until-close", &[], 0)).expect("send");
    assert_eq!(client.head().expect("a head").status, 200);
    let (mut stream, _) = client.into_parts();
    let end = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
    assert_eq!(end.map_err(|error| error.kind()), Err(std::io::ErrorKind::ConnectionReset));
}

#[test]
fn connections_are_kept_and_renewed() {
    let server = Server::tcp();
    let init = started(&[proxy("api", &format!("http://{}", server.address), "")]);
    for _ in 0..10 {
        assert_eq!(init.get("/api/x").head.status, 200);
    }
    assert_eq!(server.connections(), 1);
    // It says that it keeps the connection, and closes it: the next request needs another.
    for round in 0..5 {
        assert_eq!(init.get("/api/stale").head.status, 200);
        assert_eq!(init.get("/api/x").head.status, 200, "{round}");
    }
}

fn several(servers: &[SocketAddr], more: &str) -> String {
    let urls: Vec<String> = servers.iter().map(|address| format!("\"http://{address}\"")).collect();
    format!("[[proxy]]\nname = \"api\"\npath = \"/api\"\ntargets = [{}]\n{more}", urls.join(", "))
}

#[test]
fn several_targets_take_turns_and_the_dead_are_left_out() {
    let (one, two) = (Server::tcp(), Server::tcp());
    let dead = free_address();
    let init = started(&[several(&[one.address, dead, two.address], "")]);
    for n in 0..12 {
        let reply = init.request("POST", "/api/x", &[], b"body");
        assert_eq!(asked(&reply), "POST /api/x HTTP/1.1", "{n}");
        let host = field(text(&reply), "host").expect("Host").to_owned();
        assert!([one.address.to_string(), two.address.to_string()].contains(&host), "{host}");
    }
    assert!(one.requests() >= 4 && two.requests() >= 4, "{} {}", one.requests(), two.requests());
    init.wait_log(&["proxy api: http://", "fails: "]);
    let back = Server::at(dead);
    eventually("the dead one is used again", || {
        init.get("/api/x");
        back.requests() > 0
    });
}

#[test]
fn health_checks_tell_who_is_ill() {
    let (one, two) = (Server::tcp(), Server::tcp());
    one.fall_ill(true);
    let init =
        started(&[several(&[one.address, two.address], "health_path = \"/health\"\nhealth_interval = \"20ms\"\n")]);
    init.wait_log(&[&format!("proxy api: http://{} fails: its health check says 500", one.address)]);
    let before = one.requests();
    for _ in 0..6 {
        assert_eq!(field(text(&init.get("/api/x")), "host"), Some(two.address.to_string().as_str()));
    }
    one.fall_ill(false);
    init.wait_log(&["answers again"]);
    assert!(one.requests() > before);
    eventually("both are used", || field(text(&init.get("/api/x")), "host") == Some(one.address.to_string().as_str()));
    // All are ill: somebody is asked all the same.
    one.fall_ill(true);
    two.fall_ill(true);
    init.wait_log(&[&format!("proxy api: http://{} fails", two.address)]);
    assert_eq!(init.get("/api/x").head.status, 200);
}

#[test]
fn more_requests_than_may_be_are_told_to_come_again() {
    let server = Server::tcp();
    let init = started(&[proxy("api", &format!("http://{}", server.address), "connections = 1\n")]);
    let mut first = init.connect();
    first.send(&request_head("GET", "/api/silent", &[], 0)).expect("send");
    eventually("it has arrived", || server.requests() == 1);
    let reply = init.get("/api/x");
    assert_eq!((reply.head.status, reply.head.field("retry-after")), (503, Some("1")));
    // Its end of writing alone would not say that it has left.
    first.reset();
    eventually("its place is free again", || init.get("/api/x").head.status == 200);
}

#[test]
fn a_reload_changes_targets_and_leaves_what_is_in_flight() {
    let (one, two) = (Server::tcp(), Server::tcp());
    let setup = Init::new().config(&proxy("api", &format!("http://{}", one.address), ""));
    let init = setup.start();
    let (mut socket, _) = open(&init, "/api/cable", &[("Connection", "Upgrade")]).unwrap_or_else(|_| panic!("no 101"));
    let mut download = init.connect();
    download.send(&request_head("GET", "/api/download?30000000", &[], 0)).expect("send");
    assert_eq!(download.head().expect("a head").status, 200);
    let file = init.file("tenantd.toml");
    let text_of = |from: &str, to: &str| std::fs::read_to_string(&file).expect("tenantd.toml").replace(from, to);
    let changed = text_of(&one.address.to_string(), &two.address.to_string());
    std::fs::write(&file, changed).expect("tenantd.toml");
    assert!(init.verb(&["reload"]).expect(0).stdout.contains("[[proxy]]"));
    assert_eq!(field(text(&init.get("/api/x")), "host"), Some(two.address.to_string().as_str()));
    let gone =
        text_of("[[proxy]]", "[[limit]]\nname = \"x\"\nrate = \"9/s\"\n[[proxy]]").replace("\"/api\"", "\"/other\"");
    std::fs::write(&file, gone).expect("tenantd.toml");
    init.verb(&["reload"]).expect(0);
    assert_eq!(init.get("/api/x").head.status, 404);
    assert_eq!(asked(&init.get("/other/x")), "GET /other/x HTTP/1.1");
    assert!(download.exactly(30_000_000).expect("the body") == pattern(0, 30_000_000));
    socket.send(Message::text("still here")).expect("send");
    assert!(socket.read().expect("an echo").to_text().is_ok_and(|echo| echo == "still here"));
}

#[test]
fn a_shutdown_waits_for_an_answer_that_is_on_its_way() {
    let server = Server::tcp();
    let mut init = started(&[proxy("api", &format!("http://{}", server.address), "")]);
    let mut client = init.connect();
    client.send(&request_head("POST", "/api/upload", &[], 7)).expect("send");
    client.send(&pattern(0, 3)).expect("send");
    eventually("it has arrived", || server.requests() == 1);
    init.signal(nix::sys::signal::Signal::SIGTERM);
    eventually("the door is closed", || Connection::open(init.address()).is_err());
    client.send(&pattern(3, 4)).expect("send");
    assert_eq!(text(&client.reply("POST").expect("an answer")), "7 true");
    assert!(init.wait().success());
}

#[test]
fn a_slow_connect_is_given_up_in_time() {
    // A queue of one that is full: connect(2) is answered by nobody.
    let full = crowded();
    let address = full.local_addr().expect("an address");
    let _first: Vec<_> =
        (0..3).map(|_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100))).collect();
    let server = Server::tcp();
    let init = started(&[
        proxy("slow", &format!("http://{address}"), "timeout_connect = \"300ms\"\n"),
        several(&[address, server.address], "timeout_connect = \"300ms\"\n"),
    ]);
    assert_eq!(init.get("/slow/x").head.status, 504);
    assert_eq!(asked(&init.get("/api/x")), "GET /api/x HTTP/1.1");
    assert_eq!(asked(&init.get("/api/x")), "GET /api/x HTTP/1.1");
}

/// A listener with the smallest queue there is.
fn crowded() -> TcpListener {
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    let socket = socket.expect("a socket");
    rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    rustix::net::listen(&socket, 0).expect("a queue");
    socket.into()
}
