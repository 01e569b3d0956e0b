//! The protocol that a client has asked for (RFC 9110 §7.8), to be compared with the one that the tenant agrees to.

use super::control::MAX_PROTOCOL;

/// A protocol's name (`websocket`), kept without allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocol {
    name: [u8; MAX_PROTOCOL],
    len: u8,
}

impl Protocol {
    /// `None` for a name that is longer than any that [`super::RequestHead`] accepts.
    pub fn new(name: &str) -> Option<Protocol> {
        let mut protocol = Protocol { name: [0; MAX_PROTOCOL], len: u8::try_from(name.len()).ok()? };
        protocol.name.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(protocol)
    }

    /// The same protocol, in any case (`WebSocket`).
    pub fn is(&self, name: &str) -> bool {
        self.name[..usize::from(self.len)].eq_ignore_ascii_case(name.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_whole_and_in_any_case() {
        let protocol = Protocol::new("websocket").unwrap();
        assert!(protocol.is("WebSocket"));
        assert!(!protocol.is("websocke") && !protocol.is("websockets") && !protocol.is(""));
        let longest = "x".repeat(MAX_PROTOCOL);
        assert!(Protocol::new(&longest).unwrap().is(&longest));
        assert_eq!(Protocol::new(&"x".repeat(MAX_PROTOCOL + 1)), None);
        assert_eq!(Protocol::new(&"x".repeat(300)), None);
    }
}
