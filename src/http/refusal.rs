//! Why a message is refused, and the status that says so.

use std::fmt;

/// Why a message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Status code of the answer: 400, 405, 414, 417, 431, 501, 505; always 502 for the head of an answer.
    pub status: u16,
    /// For the log and the body of the answer: `duplicate Content-Length`.
    pub reason: &'static str,
}

impl Refusal {
    /// A refusal with its status and its reason.
    pub(super) const fn new(status: u16, reason: &'static str) -> Refusal {
        Refusal { status, reason }
    }

    /// The most common one: the message is not HTTP/1.1, or could be read in two ways.
    pub(super) const fn bad(reason: &'static str) -> Refusal {
        Refusal::new(400, reason)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.status)
    }
}

impl From<httparse::Error> for Refusal {
    fn from(error: httparse::Error) -> Refusal {
        match error {
            httparse::Error::TooManyHeaders => Refusal::new(431, "too many fields"),
            httparse::Error::HeaderName => Refusal::bad("invalid field name"),
            httparse::Error::HeaderValue => Refusal::bad("invalid field value"),
            httparse::Error::NewLine => Refusal::bad("invalid line end"),
            httparse::Error::Status => Refusal::bad("invalid status line"),
            httparse::Error::Token => Refusal::bad("invalid request line"),
            httparse::Error::Version => Refusal::bad("invalid version"),
        }
    }
}
