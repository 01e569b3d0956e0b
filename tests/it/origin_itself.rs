//! The test tenant without tenantd: what the other tests rely on.

use std::net::SocketAddr;
use std::process::{Child, Command};

use nix::sys::signal::Signal;

use crate::client::{Connection, request_head};
use crate::harness::{eventually, signal};
use crate::setup::{free_address, origin};

struct Origin(Child, SocketAddr);

impl Origin {
    fn start() -> Self {
        let address = free_address();
        let child = Command::new(origin()).env("PORT", address.port().to_string()).spawn().expect("the origin");
        let this = Self(child, address);
        eventually("the origin listens", || Connection::open(address).is_ok());
        this
    }

    fn connect(&self) -> Connection {
        Connection::open(self.1).expect("connect")
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn it_keeps_connections_and_frames_bodies() {
    let origin = Origin::start();
    let mut client = origin.connect();
    let echo = client.request("POST", "/x/echo", &[("X-Y", "z")], b"hello").expect("an answer").expect(200).json();
    assert_eq!((&echo["length"], &echo["hash"]), (&5.into(), &"a430d84680aabd0b".into()));
    assert_eq!(client.get("/chunked?n=3&bytes=10").expect("an answer").body.len(), 30);
    assert_eq!(client.get("/sse?n=2").expect("an answer").text(), "data: 0\n\ndata: 1\n\n");
    client.get("/status?code=304").expect("an answer").expect(304);
    assert_eq!(client.request("HEAD", "/big?bytes=9", &[], b"").expect("an answer").field("content-length"), Some("9"));
    client.send(&request_head("POST", "/", &[("Transfer-Encoding", "chunked")], 0)).expect("send");
    client.send(b"5\r\nhello\r\n0\r\n\r\n").expect("send");
    assert_eq!(client.reply("POST").expect("an answer").json()["hash"], "a430d84680aabd0b");
    assert_eq!(client.get("/hints").expect("an answer").text(), "hinted");
    assert_eq!(client.get("/close?bytes=7").expect("an answer").text(), "abcdefg");
}

#[test]
fn it_finishes_what_it_began_and_dies_by_sigterm() {
    use std::os::unix::process::ExitStatusExt;
    let mut origin = Origin::start();
    let mut idle = origin.connect();
    idle.get("/").expect("an answer").expect(200);
    let mut busy = origin.connect();
    busy.send(&request_head("GET", "/sse?n=1&gate=/nonexistent/gate", &[], 0)).expect("send");
    busy.head().expect("a head");
    let mut slow = origin.connect();
    slow.send(&request_head("GET", "/slow?ms=300", &[], 0)).expect("send");
    eventually("two in flight", || {
        origin.connect().get("/peak").expect("an answer").text().parse::<u32>().expect("a number") >= 3
    });
    signal(origin.0.id(), Signal::SIGTERM);
    assert!(idle.is_closed());
    slow.reply("GET").expect("an answer").expect(200);
    drop(busy);
    assert!(origin.0.try_wait().expect("wait").is_none(), "it left a request behind");
    signal(origin.0.id(), Signal::SIGKILL);
    assert_eq!(origin.0.wait().expect("wait").signal(), Some(9));
}

#[test]
fn it_dies_by_sigterm_when_idle() {
    use std::os::unix::process::ExitStatusExt;
    let mut origin = Origin::start();
    origin.connect().get("/").expect("an answer").expect(200);
    signal(origin.0.id(), Signal::SIGTERM);
    assert_eq!(origin.0.wait().expect("wait").signal(), Some(15));
}
