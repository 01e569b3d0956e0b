//! The words of an answer of ours.

use crate::http::Content;

/// What an answer of ours says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Say<'a> {
    /// One sentence about the status, as a page, JSON or text.
    Detail(&'a str),
    /// A line of text.
    Text(&'a str),
    /// The application is being started; the page asks again by itself.
    Starting,
}

impl<'a> Say<'a> {
    /// The body, for a client that accepts this.
    pub fn content(self, accept: Option<&'a [u8]>) -> Content<'a> {
        match self {
            Self::Text(body) => Content::As { content_type: "text/plain; charset=utf-8", body },
            Self::Detail(detail) => Content::Page { detail, accept },
            Self::Starting => Content::Starting,
        }
    }
}
