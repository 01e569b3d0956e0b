//! The PROXY protocol on its own listener: written by hand, and by the real HAProxy.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::client::{Connection, Reply, request_head};
use crate::forward::seen;
use crate::harness::{Init, eventually};
use crate::setup::free_address;
use crate::web::web;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Trusted by nobody.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);

/// A tenantd that trusts 127.0.0.1, and its address for balancers.
fn behind_a_balancer(http: &str) -> (Init, SocketAddr) {
    let door = free_address();
    let http = format!("trusted_proxies = [\"127.0.0.1\"]\nlisten_proxy_protocol = \"{door}\"\n{http}");
    (Init::new().web(&web(&["boston"])).http(&http).start(), door)
}

/// A GET behind this header, in one piece or byte by byte.
fn ask(door: SocketAddr, header: &[u8], fields: &[(&str, &str)], trickle: bool) -> (Connection, Reply) {
    let mut client = Connection::open(door).expect("connect");
    let all = [header, &request_head("GET", "/boston", fields, 0)].concat();
    let size = if trickle { 1 } else { all.len() };
    all.chunks(size).for_each(|piece| client.send(piece).expect("send"));
    let reply = client.reply("GET").expect("an answer").expect(200);
    (client, reply)
}

/// A header of version 2 about client 203.0.113.9, with TLVs.
fn binary(tlvs: &[u8]) -> Vec<u8> {
    let body = [&[203, 0, 113, 9, 192, 0, 2, 1, 0x12, 0x34, 1, 0xbb], tlvs].concat();
    [SIGNATURE, &[0x21, 0x11], &u16::try_from(body.len()).expect("short").to_be_bytes(), &body].concat()
}

#[test]
fn the_header_says_who_asks() {
    let (init, door) = behind_a_balancer("");
    let tls = [0x20, 0, 5, 1, 0, 0, 0, 0];
    let local = [SIGNATURE, &[0x20, 0, 0, 0]].concat();
    let headers: [(&[u8], &str, &str); 6] = [
        (b"PROXY TCP4 203.0.113.9 192.0.2.1 4660 443\r\n", "203.0.113.9", "http"),
        (b"PROXY TCP6 2001:db8::9 2001:db8::1 4660 443\r\n", "2001:db8::9", "http"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1", "http"),
        (&binary(&[]), "203.0.113.9", "http"),
        (&binary(&tls), "203.0.113.9", "https"),
        (&local, "127.0.0.1", "http"),
    ];
    for (header, client, scheme) in headers {
        for trickle in [false, true] {
            // The balancer passes on what the client sent: not the balancer's words, whoever it speaks for.
            let fields = [("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-Proto", "ftp")];
            let (mut connection, reply) = ask(door, header, &fields, trickle);
            let first = seen(&reply);
            assert_eq!((&*first["x-forwarded-for"], &*first["x-real-ip"]), (client, client));
            assert_eq!(first["x-forwarded-proto"], scheme, "{}", header.escape_ascii());
            let second = seen(&connection.get("/boston").expect("the connection is kept").expect(200));
            assert_eq!(second["x-forwarded-for"], client);
            let line = init.wait_log(&[&format!("id={}", second["x-request-id"])]);
            assert!(line.contains(&format!("access: {client} ")), "{line}");
        }
    }
    let (_, reply) = ask(door, b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", &[("X-Forwarded-For", "203.0.113.8")], false);
    assert_eq!(seen(&reply)["x-forwarded-for"], "203.0.113.8, 127.0.0.1", "a proxy behind the balancer is trusted");
}

#[test]
fn without_a_header_nobody_is_served() {
    let (init, door) = behind_a_balancer("");
    let get = request_head("GET", "/up", &[], 0);
    for header in [&b""[..], b"PROXY TCP4 x y 1 2\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", &SIGNATURE[..11]] {
        let mut client = Connection::open(door).expect("connect");
        let _ = client.send(&[header, &get].concat());
        assert_eq!(client.rest(), b"", "{}", header.escape_ascii());
    }
    // And at the other door the header is no request.
    let answer = init.raw(&[b"PROXY TCP4 203.0.113.9 192.0.2.1 1 2\r\n", &get[..]].concat());
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    init.get("/up").expect(200);
}

#[test]
fn a_header_has_its_time() {
    let (init, door) = behind_a_balancer("timeout_head = \"200ms\"");
    let mut silent = Connection::open(door).expect("connect");
    let mut half = Connection::open(door).expect("connect");
    half.send(b"PROXY TCP4 203").expect("send");
    assert_eq!((silent.rest(), half.rest()), (vec![], vec![]));
    init.get("/up").expect(200);
}

#[test]
fn strangers_are_closed_out_and_it_is_said() {
    let (init, door) = behind_a_balancer("");
    let mut stranger = Connection::open_from(STRANGER, door).expect("connect");
    let _ = stranger.send(&[&binary(&[]), &request_head("GET", "/up", &[], 0)[..]].concat());
    assert_eq!(stranger.rest(), b"");
    init.wait_log(&["127.0.0.7", "trusted_proxies"]);
    let mut stranger = Connection::open_from(STRANGER, init.address()).expect("connect");
    stranger.get("/up").expect("the front door is everybody's").expect(200);
}

/// A HAProxy, killed at the end.
struct Balancer(Child);

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn haproxy_says_who_asks_in_both_versions() {
    let (init, door) = behind_a_balancer("");
    for (version, options) in
        [("send-proxy", ""), ("send-proxy-v2", ""), ("send-proxy-v2", "proxy-v2-options crc32c,unique-id")]
    {
        let front = free_address();
        let path = init.file(&format!("{version}.cfg"));
        let config = format!(
            "defaults\n mode tcp\n timeout connect 10s\n timeout client 10s\n timeout server 10s\n\
             listen one\n bind {front}\n unique-id-format %[uuid]\n server tenantd {door} {version} {options}\n"
        );
        fs::write(&path, config).expect("a file");
        let mut command = Command::new("/usr/sbin/haproxy");
        command.arg("-db").arg("-f").arg(&path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let _balancer = Balancer(command.spawn().expect("haproxy: scripts/packages test installs it"));
        eventually("haproxy listens", || TcpStream::connect(front).is_ok());
        let mut client = Connection::open_from(STRANGER, front).expect("connect");
        for _ in 0..3 {
            let fields = [("X-Forwarded-For", "198.51.100.1")];
            let reply = client.request("GET", "/boston", &fields, b"").expect("an answer").expect(200);
            assert_eq!(seen(&reply)["x-forwarded-for"], "127.0.0.7", "{version} {options}");
        }
    }
}
