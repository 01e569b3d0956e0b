//! Plays rows: a client and the tenant in the hands of the test, the real tenantd between them.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use super::masks::{expand, find, mask, without_ignored};
use super::row::{Client, OK, Row, Step, Tenant, arrives};
use super::split::Split;
use crate::harness::Init;
use crate::puppet::{Puppet, Upstream};
use crate::web::web;

/// Longest silence that is not a hang.
const SILENCE: Duration = Duration::from_secs(40);
/// What is asked when a row is over: it tells which connections live, and that nothing came before it.
const PROBE: &str = "GET /t?probe";

/// One tenantd with its tenant.
pub struct Stage {
    init: Init,
    puppet: Puppet,
    /// The connection of tenantd that is, or should be, in its pool.
    upstream: Option<Upstream>,
}

impl Stage {
    pub fn new() -> Self {
        let (init, puppet) = Init::new().http("timeout_head = \"60s\"").puppet(web(&["t"]));
        let mut stage = Self { init, puppet, upstream: None };
        stage.wake();
        stage
    }

    /// Starts the tenant, so that no row meets a cold one.
    fn wake(&mut self) {
        let mut end = End::open(&self.init);
        end.probe(self, false);
    }

    /// Plays a row; panics where it goes another way.
    pub fn play(&mut self, row: &Row, split: Split) {
        let mut end = End::open(&self.init);
        for step in &row.steps {
            match step {
                Step::Send(bytes) => end.send(split, bytes),
                Step::Sent => end.sent(),
                Step::Finish => end.finish(),
                Step::Asked(expected) => self.asked(expected),
                Step::Answer(bytes) => self.answer(split, bytes),
                Step::Hangup => self.upstream = None,
                Step::Ended => assert_eq!(text(&self.upstream().rest()), "", "what the tenant receives"),
                Step::Got(expected) => end.got(expected),
                Step::GotPart(expected) => end.got_part(expected),
            }
        }
        if row.client == Client::Ends {
            end.ends();
            end = End::open(&self.init);
        }
        if row.tenant == Tenant::Ends
            && let Some(mut upstream) = self.upstream.take()
        {
            assert_eq!(text(&upstream.rest()), "", "the tenant's connection is closed without a byte more");
        }
        end.probe(self, row.tenant == Tenant::NeverWhole);
    }

    fn upstream(&mut self) -> &mut Upstream {
        let puppet = &mut self.puppet;
        self.upstream.get_or_insert_with(|| puppet.accept())
    }

    /// The tenant receives this, and what it receives is a request of its own.
    fn asked(&mut self, expected: &[u8]) {
        let expected = expand(expected);
        let upstream = self.upstream();
        if !expected.ends_with(b"\r\n\r\n") && find(&expected, b"\r\n\r\n").is_none() {
            // No head: bytes of a body, or of a tunnel.
            assert_eq!(text(&upstream.exactly(expected.len())), text(&expected), "what the tenant receives");
            return;
        }
        let head = without_ignored(&upstream.head());
        let body = expected.len() - find(&expected, b"\r\n\r\n").map_or(0, |at| at + 4);
        let arrived = [mask(head.as_bytes()), upstream.exactly(body)].concat();
        assert_eq!(text(&arrived), text(&expected), "what the tenant receives");
    }

    fn answer(&mut self, split: Split, bytes: &[u8]) {
        let upstream = self.upstream();
        // tenantd may close in the middle of a lie.
        let _ = split.pieces(bytes).into_iter().all(|piece| upstream.send(piece));
    }

    /// The probe reaches the tenant; before it, at most a part of what it must not get.
    fn probed(&mut self, parts: bool) {
        let probe = String::from_utf8(expand(arrives(PROBE, "", "\r\n").as_bytes())).expect("ASCII");
        loop {
            let upstream = self.upstream();
            let part = match upstream.head_or_end() {
                Ok(head) => {
                    let head = without_ignored(&String::from_utf8_lossy(&mask(head.as_bytes())));
                    if head == probe {
                        return;
                    }
                    assert!(parts, "not the probe, but {head:?}");
                    // A request that begins and must not become whole.
                    [head.into_bytes(), upstream.rest()].concat()
                }
                Err(part) => part,
            };
            assert!(parts, "a connection of the pool is closed after {:?}", text(&part));
            assert!(!part.ends_with(b"0\r\n\r\n"), "a whole request: {:?}", text(&part));
            self.upstream = None;
        }
    }
}

/// The client's end of a connection.
struct End {
    stream: TcpStream,
    sending: Option<JoinHandle<()>>,
}

impl End {
    fn open(init: &Init) -> Self {
        let stream = TcpStream::connect(init.address()).expect("connect");
        stream.set_read_timeout(Some(SILENCE)).expect("a timeout");
        stream.set_write_timeout(Some(SILENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("nodelay");
        Self { stream, sending: None }
    }

    /// Sends beside all that follows: who reads nothing must not stop us.
    fn send(&mut self, split: Split, bytes: &[u8]) {
        self.sent();
        let (mut stream, bytes) = (self.stream.try_clone().expect("a duplicate"), bytes.to_vec());
        self.sending = Some(std::thread::spawn(move || {
            // tenantd may close before the end of what it refuses.
            let _ = split.pieces(&bytes).into_iter().all(|piece| stream.write_all(piece).is_ok());
        }));
    }

    fn sent(&mut self) {
        if let Some(sending) = self.sending.take() {
            sending.join().expect("a sender");
        }
    }

    fn finish(&mut self) {
        self.sent();
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Receives exactly this.
    fn got(&mut self, expected: &[u8]) {
        let expected = expand(expected);
        let mut arrived = Vec::new();
        while arrived.len() < expected.len() {
            let mut piece = vec![0; expected.len() - arrived.len()];
            match self.read(&mut piece) {
                Ok(count) if count > 0 => arrived.extend_from_slice(&piece[..count]),
                ended => panic!("the client gets {:?}, then {ended:?}; not {:?}", text(&arrived), text(&expected)),
            }
            let arrived = mask(&arrived);
            let wrong = arrived.iter().zip(&expected).position(|(a, b)| a != b && *b != b'#');
            assert!(wrong.is_none(), "the client gets {:?}; not {:?}", text(&arrived), text(&expected));
        }
        assert_eq!(text(&mask(&arrived)), text(&expected), "what the client gets");
    }

    /// Receives a part of this, and the end.
    fn got_part(&mut self, expected: &[u8]) {
        let (expected, mut arrived) = (expand(expected), Vec::new());
        let mut piece = [0; 4096];
        loop {
            match self.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => arrived.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("after {:?}: {error}", text(&arrived)),
            }
        }
        let arrived = mask(&arrived);
        assert!(expected.starts_with(&arrived), "the client gets {:?}; not {:?}", text(&arrived), text(&expected));
    }

    /// tenantd has closed, and sends nothing more; a reset is an end too.
    fn ends(&mut self) {
        let mut piece = [0; 4096];
        match self.read(&mut piece) {
            Ok(0) => {}
            Ok(count) => panic!("the client gets more: {:?}", text(&piece[..count])),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {}
            Err(error) => panic!("the client's connection is not closed: {error}"),
        }
        self.sent();
    }

    /// Asks once more, on this connection.
    fn probe(&mut self, stage: &mut Stage, parts: bool) {
        self.send(Split::Whole, format!("{PROBE} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        stage.probed(parts);
        stage.answer(Split::Whole, OK.as_bytes());
        self.got(super::row::GOT_OK.as_bytes());
        self.sent();
    }

    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match self.stream.read(into) {
                // Children of other tests die in the same process: SIGCHLD interrupts a read.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
