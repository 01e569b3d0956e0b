//! The words of an answer of ours.

use crate::http::{Content, Quota};

/// What an answer of ours says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Say<'a> {
    /// One sentence about the status, as a page, JSON or text.
    Detail(&'a str),
    /// There have been more requests than this.
    Excess(Quota<'a>),
    /// A line of text.
    Text(&'a str),
    /// This.
    As { content_type: &'a str, body: &'a str },
    /// The maintenance page: this file, with its type, or ours.
    Maintenance(Option<(&'a str, &'a [u8])>),
    /// Instructions for Fly's proxy.
    Replay(&'a str),
    /// The application is being started; the page asks again by itself.
    Starting,
}

impl<'a> Say<'a> {
    /// The body, for a client that accepts this; `line`: its request line.
    pub fn content(self, accept: Option<&'a [u8]>, line: &[u8]) -> Content<'a> {
        match self {
            Self::As { content_type, body } => Content::As { content_type, body },
            Self::Maintenance(page) => Content::Maintenance { page, accept, again: line.starts_with(b"GET ") },
            Self::Text(body) => Content::As { content_type: "text/plain; charset=utf-8", body },
            Self::Replay(body) => Content::As { content_type: "application/vnd.fly.replay+json", body },
            Self::Detail(detail) => Content::Page { detail, accept },
            Self::Excess(_) => Content::Page { detail: "too many requests; please wait a moment", accept },
            Self::Starting => Content::Starting,
        }
    }

    /// The rate that was exceeded.
    pub fn quota(self) -> Option<Quota<'a>> {
        if let Self::Excess(quota) = self { Some(quota) } else { None }
    }
}
