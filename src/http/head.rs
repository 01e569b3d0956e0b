//! Request and answer heads: httparse, and every check that httparse leaves to us.

use super::framing::{Framing, Version};

/// Most bytes of a head; beyond it 431.
pub const MAX_HEAD: usize = 32 * 1024;
/// Most fields of a head; beyond it 431.
pub const MAX_FIELDS: usize = 100;

/// Why a message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Status code of the answer: 400, 405, 414, 417, 431, 501, 505.
    pub status: u16,
    /// For the log and the body of the answer: `duplicate Content-Length`.
    pub reason: &'static str,
}

/// A field line: name as sent, value without outer white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'b> {
    /// Name, a token.
    pub name: &'b str,
    /// Value; no CR, LF, NUL.
    pub value: &'b [u8],
}

/// A request head that is safe to act on and to forward.
#[derive(Debug)]
pub struct RequestHead<'b> {
    /// Method, a token; never CONNECT or TRACE.
    pub method: &'b str,
    /// Origin-form target (`/path?query`) or `*` for OPTIONS; absolute-form is reduced to it.
    pub target: &'b str,
    /// Exactly one valid host (`uri-host [":" port]`), from absolute-form or Host; as sent. Empty only for HTTP/1.0 without Host.
    pub host: &'b str,
    /// HTTP version.
    pub version: Version,
    /// Framing of the body; never `UntilClose`.
    pub framing: Framing,
    /// The client wants the connection kept (RFC 9112 §9.3).
    pub keep_alive: bool,
    /// Upgrade protocol asked for (`websocket`), if Connection names it and the request is HTTP/1.1; never `h2c`.
    pub upgrade: Option<&'b str>,
    /// Expect: 100-continue on a request with a body (HTTP/1.1).
    pub expect_continue: bool,
    /// Bytes of the head in the input, its empty line included.
    pub len: usize,
    /// The field lines, in order.
    pub fields: Fields<'b>,
}

/// The head of an answer.
#[derive(Debug)]
pub struct ResponseHead<'b> {
    /// 100 … 599.
    pub status: u16,
    /// Reason phrase; may be empty.
    pub reason: &'b str,
    /// HTTP version of the upstream.
    pub version: Version,
    /// Framing of the body that follows, the request's method considered (HEAD, 1xx, 204, 304 have none).
    pub framing: Framing,
    /// The upstream keeps its connection.
    pub keep_alive: bool,
    /// Protocol of a 101.
    pub upgrade: Option<&'b str>,
    /// Bytes of the head in the input.
    pub len: usize,
    /// The field lines, in order.
    pub fields: Fields<'b>,
}

/// The field lines of a head, without allocation.
#[derive(Debug)]
pub struct Fields<'b> {
    lines: [Field<'b>; MAX_FIELDS],
    count: usize,
}
