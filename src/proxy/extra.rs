//! What few requests have: fields that their answer gets from us, and words for their log line.

use std::fmt::Write;

use super::exchange::Exchange;
use super::files::{Found, Miss};
use super::remote::Leg;

/// Both, with their memory, which a connection keeps once it has needed it.
#[derive(Debug, Default)]
pub(super) struct Extra {
    added: Vec<u8>,
    noted: String,
    /// Where the request is sent, if not to a tenant.
    leg: Option<Leg>,
    user: String,
    /// What the thread has found, where a request is read again for it.
    looked: Option<Result<Found, Miss>>,
}

/// Who answered, for the log, where it is not the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum By {
    /// The tenant, or tenantd in its place.
    #[default]
    Tenant,
    /// A file.
    File,
    /// The maintenance page.
    Maintenance,
    /// The health check.
    Health,
    /// Fly's proxy, which is asked to replay the request.
    Replay,
    /// Another machine, or none that could be reached.
    Machine,
    /// A target of a `[[proxy]]`, or tenantd in its place.
    Proxy,
    /// A CGI script.
    Cgi,
    /// A redirect.
    Redirect,
    /// Whoever turns robots away.
    Bot,
    /// Whoever asks for a name and a password.
    Auth,
}

impl By {
    /// As the log calls it.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Tenant => None,
            Self::File => Some("file"),
            Self::Maintenance => Some("maintenance"),
            Self::Health => Some("health"),
            Self::Replay => Some("replay"),
            Self::Machine => Some("machine"),
            Self::Proxy => Some("proxy"),
            Self::Cgi => Some("cgi"),
            Self::Redirect => Some("redirect"),
            Self::Bot => Some("bot"),
            Self::Auth => Some("auth"),
        }
    }
}

impl Exchange {
    /// Adds a field line to the final answer, whoever gives it. Both parts have been checked: no line break is in them.
    pub fn add_field(&mut self, name: &str, value: &[u8]) {
        let added = &mut self.extra.get_or_insert_default().added;
        [name.as_bytes(), b": ", value, b"\r\n"].into_iter().for_each(|part| added.extend_from_slice(part));
    }

    /// The lines that were added, each with its CRLF.
    pub fn added(&self) -> &[u8] {
        self.extra.as_deref().map_or(b"", |extra| &extra.added)
    }

    /// Adds `key=value` to the log line. What could break the line is escaped.
    pub fn note(&mut self, key: &str, value: &str) {
        let noted = &mut self.extra.get_or_insert_default().noted;
        // Writing to a String cannot fail.
        let _ = write!(noted, " {key}={}", value.escape_debug());
    }

    /// What was noted, each word behind a space.
    pub fn noted(&self) -> &str {
        self.extra.as_deref().map_or("", |extra| &extra.noted)
    }

    /// The request goes there.
    pub fn set_leg(&mut self, leg: Leg) {
        self.extra.get_or_insert_default().leg = Some(leg);
    }

    /// Where the request goes, if not to a tenant.
    pub fn leg(&self) -> Option<Leg> {
        self.extra.as_deref().and_then(|extra| extra.leg)
    }

    /// Whoever asks has said this name and its password.
    pub fn know(&mut self, name: &str) {
        name.clone_into(&mut self.extra.get_or_insert_default().user);
    }

    /// The name whose password was right; `None` where none was asked for.
    pub fn user(&self) -> Option<&str> {
        self.extra.as_deref().map(|extra| extra.user.as_str()).filter(|user| !user.is_empty())
    }

    /// A file was looked for, and the request is read again.
    pub fn keep_looked(&mut self, looked: Result<Found, Miss>) {
        self.extra.get_or_insert_default().looked = Some(looked);
    }

    /// What came of it.
    pub fn take_looked(&mut self) -> Option<Result<Found, Miss>> {
        self.extra.as_mut()?.looked.take()
    }

    /// Nothing any more.
    pub fn clear_extra(&mut self) {
        if let Some(extra) = &mut self.extra {
            extra.added.clear();
            extra.noted.clear();
            extra.leg = None;
            extra.user.clear();
            extra.looked = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn fields_and_words_come_in_order_and_go() {
        let mut exchange = Exchange::idle(Instant::now());
        assert_eq!((exchange.added(), exchange.noted()), (&b""[..], ""));
        exchange.add_field("Location", b"/a");
        exchange.add_field("Vary", b"Cookie");
        exchange.note("user", "a \"b\"\n");
        exchange.note("by", "x");
        assert_eq!(exchange.added(), b"Location: /a\r\nVary: Cookie\r\n");
        assert_eq!(exchange.noted(), " user=a \\\"b\\\"\\n by=x");
        exchange.clear_extra();
        assert_eq!((exchange.added(), exchange.noted()), (&b""[..], ""));
    }
}
