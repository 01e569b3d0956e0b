//! WebSockets through the tunnel: whatever frames a client sends, right or wrong, in whatever pieces, the server's verdict
//! and every byte that comes back are those of a direct connection.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role};
use tungstenite::{Error, Message, WebSocket};

use crate::conformance::Split;
use crate::harness::Init;
use crate::puppet::Upstream;
use crate::random::Random;
use crate::web::web;
use crate::websocket::frames::{self, Case};

/// Longest silence that is not a hang.
const SILENCE: Duration = Duration::from_secs(40);
const ASK: &[u8] = b"GET /t HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// What came of a connection.
#[derive(Debug, PartialEq)]
struct Verdict {
    /// What the server understood, and why it ended.
    server: Vec<String>,
    /// Every byte behind the 101 that reached the client.
    client: Vec<u8>,
    /// The client saw an end, not a reset.
    clean: bool,
}

#[test]
fn every_verdict_is_that_of_a_direct_connection() {
    let mut random = Random::new(6455);
    let (init, mut puppet) = Init::new().puppet(web(&["t"]));
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("an address");
    let cases = frames::cases();
    assert!(cases.len() > 60);
    for case in &cases {
        let client = TcpStream::connect(address).expect("connect");
        let direct =
            judge(client, || Upstream::direct(listener.accept().expect("accept").0), case, Split::Whole, false);
        assert_eq!(close_code(&direct.client), case.code, "{}: {direct:?}", case.name);
        let seed = random.below(1 << 32);
        for (split, early) in
            [(Split::Whole, false), (Split::Whole, true), (Split::Bytes, false), (Split::Random(seed), true)]
        {
            let client = TcpStream::connect(init.address()).expect("connect");
            let through = judge(client, || puppet.accept(), case, split, early);
            let (server, clean) = (through.server == direct.server, through.clean == direct.clean);
            assert!(server && clean, "{}, {split:?}: {:?}, not {:?}", case.name, through.server, direct.server);
            let (got, wanted) = (through.client, &direct.client);
            assert!(got == *wanted, "{}, {split:?}: {} bytes, not {}", case.name, got.len(), wanted.len());
        }
    }
}

/// Sends the frames of a case, behind the head in the same piece if `early`, and tells what comes of them.
fn judge(mut client: TcpStream, server: impl FnOnce() -> Upstream, case: &Case, split: Split, early: bool) -> Verdict {
    client.set_read_timeout(Some(SILENCE)).expect("a timeout");
    client.set_nodelay(true).expect("nodelay");
    let first = if early { [ASK, &case.bytes].concat() } else { ASK.to_vec() };
    let mut writer = client.try_clone().expect("a duplicate");
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || {
            split.pieces(&first).into_iter().try_for_each(|piece| writer.write_all(piece)).map(|()| writer)
        });
        let mut server = server();
        server.head();
        server.send(SWITCH);
        let serving = scope.spawn(|| serve(server));
        let mut head = vec![0; SWITCH.len()];
        client.read_exact(&mut head).expect("101");
        assert_eq!(String::from_utf8_lossy(&head), SWITCH);
        let mut writer = asking.join().expect("a sender").expect("the frames are sent");
        let rest = if early { &[][..] } else { &case.bytes };
        scope.spawn(move || {
            let sent = split.pieces(rest).into_iter().try_for_each(|piece| writer.write_all(piece));
            if case.leaves && sent.is_ok() {
                let _ = writer.shutdown(std::net::Shutdown::Write);
            }
        });
        let mut got = Vec::new();
        let clean =
            client.read_to_end(&mut got).map_err(|error| assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock));
        drop(client.shutdown(std::net::Shutdown::Both));
        Verdict { server: serving.join().expect("a server"), client: got, clean: clean.is_ok() }
    })
}

/// An echo server: what it understood, and the error that ended it.
fn serve(stream: Upstream) -> Vec<String> {
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
    let mut said = Vec::new();
    let end = loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                said.push(format!("{:.80} ({})", message.to_string().escape_debug().to_string(), message.len()));
                if let Err(error) = socket.send(message) {
                    break error;
                }
            }
            Ok(message) => said.push(format!("{message:?}")),
            Err(error) => break error,
        }
    };
    said.push(format!("{end:?}"));
    let code = match end {
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Protocol(_) => Some(CloseCode::Protocol),
        Error::Capacity(_) => Some(CloseCode::Size),
        _ => None,
    };
    if let Some(code) = code {
        let _ = socket.close(Some(CloseFrame { code, reason: "".into() }));
        let _ = socket.flush();
    }
    // Closing with bytes unread would reset the connection and take the last frame with it.
    let stream = socket.get_mut();
    stream.finish();
    drop(stream.rest());
    said
}

/// The code of a close frame at the end of what a server sent; 0 if there is none, 1005 if it says none.
fn close_code(bytes: &[u8]) -> u16 {
    let (mut rest, mut code) = (bytes, 0);
    while let [first, length, ..] = *rest {
        let (length, head) = match length {
            126 => (usize::from(u16::from_be_bytes([rest[2], rest[3]])), 4),
            127 => (rest[2..10].iter().fold(0, |n, &byte| n << 8 | usize::from(byte)), 10),
            short => (usize::from(short), 2),
        };
        let payload = &rest[head..head + length];
        if first == 0x88 {
            code = payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
        }
        rest = &rest[head + length..];
    }
    code
}
