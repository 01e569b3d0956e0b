//! What few requests have: fields that their answer gets from us, and words for their log line.

use std::fmt::Write;

use super::exchange::Exchange;

/// Both, with their memory, which a connection keeps once it has needed it.
#[derive(Debug, Default)]
pub(super) struct Extra {
    added: Vec<u8>,
    noted: String,
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
}

impl By {
    /// As the log calls it.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Tenant => None,
            Self::File => Some("file"),
            Self::Maintenance => Some("maintenance"),
            Self::Health => Some("health"),
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

    #[allow(dead_code)]
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

    /// Nothing any more.
    pub fn clear_extra(&mut self) {
        if let Some(extra) = &mut self.extra {
            extra.added.clear();
            extra.noted.clear();
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
