//! The progress of one body through its framing, with every chunk checked (RFC 9112 §7.1).

use super::framing::Framing;

/// Where a body stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    framing: Framing,
}

/// The chunked coding is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);
