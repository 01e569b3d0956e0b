//! A WebSocket client through the forwarder: tungstenite over the test's own connection.

pub mod frames;

use std::net::TcpStream;
use std::time::Duration;

use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

use crate::client::Head;
use crate::harness::Init;

/// What asks for a WebSocket.
pub const UPGRADE: &[(&str, &str)] = &[
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// An open WebSocket.
pub struct Cable(WebSocket<TcpStream>);

impl Cable {
    /// Upgrades a connection; the test fails if the answer is not 101.
    #[track_caller]
    pub fn open(init: &Init, path: &str, fields: &[(&str, &str)]) -> Self {
        Self::open_with_head(init, path, fields).0
    }

    /// The same, with the head of the answer.
    #[track_caller]
    pub fn open_with_head(init: &Init, path: &str, fields: &[(&str, &str)]) -> (Self, Head) {
        let mut connection = init.connect();
        let all = [UPGRADE, fields].concat();
        connection.send(&crate::client::request_head("GET", path, &all, 0)).expect("send");
        let head = connection.head().expect("a head");
        assert_eq!(head.status, 101, "{head:?}");
        // The key of RFC 6455 §1.3 and its answer.
        assert_eq!(head.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        let (stream, early) = connection.into_parts();
        (Self(WebSocket::from_partially_read(stream, early, Role::Client, None)), head)
    }

    /// Upgrades a connection, if the tenant and everybody between agree.
    pub fn try_open(init: &Init, path: &str) -> Option<Self> {
        let mut connection = init.connect();
        connection.send(&crate::client::request_head("GET", path, UPGRADE, 0)).ok()?;
        let head = connection.head().ok()?;
        let (stream, early) = connection.into_parts();
        (head.status == 101).then(|| Self(WebSocket::from_partially_read(stream, early, Role::Client, None)))
    }

    /// Whether a text comes back.
    pub fn try_echo(&mut self, text: &str) -> bool {
        self.0.send(Message::text(text)).is_ok() && self.receive().as_deref() == Some(text)
    }

    /// Sends a text.
    #[track_caller]
    pub fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).expect("send");
    }

    /// The next text; the end of the connection is `None`.
    pub fn receive(&mut self) -> Option<String> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Waits for a text that contains `words`.
    #[track_caller]
    pub fn wait_for(&mut self, words: &str) -> String {
        loop {
            let text = self.receive().unwrap_or_else(|| panic!("closed before {words:?}"));
            if text.contains(words) {
                return text;
            }
        }
    }

    /// Sends a text and gives back what comes.
    #[track_caller]
    pub fn echo(&mut self, text: &str) -> String {
        self.send(text);
        self.receive().expect("an echo")
    }

    /// A binary message there and back.
    #[track_caller]
    pub fn echo_binary(&mut self, bytes: &[u8]) {
        self.0.send(Message::binary(bytes.to_vec())).expect("send");
        assert_eq!(self.0.read().expect("an echo").into_data(), bytes);
    }

    /// Whether the server ends the connection within the read's deadline.
    pub fn ends(mut self) -> bool {
        let _ = self.0.get_mut().set_read_timeout(Some(Duration::from_secs(40)));
        loop {
            match self.0.read() {
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) => {
                    return !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
                }
                Err(_) => return true,
            }
        }
    }
}
