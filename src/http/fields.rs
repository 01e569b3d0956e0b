//! The field lines of a head that has been checked: no more than the slice they stand in, read again where needed.

/// A field line: name as sent, value without outer white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'b> {
    /// Name, a token.
    pub name: &'b str,
    /// Value; no CR, LF, NUL.
    pub value: &'b [u8],
}

/// The field lines of a head, without allocation.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'b> {
    /// The lines, each with its CRLF; the empty line is not among them.
    raw: &'b [u8],
    /// A Connection field names more than `close`, `keep-alive`, `upgrade` and `te`.
    nominates: bool,
}

/// A field line as it stands in the head.
#[derive(Clone, Copy)]
pub(super) struct Line<'b> {
    pub name: &'b [u8],
    pub value: &'b [u8],
    /// The whole line with its CRLF.
    pub raw: &'b [u8],
}

impl<'b> Fields<'b> {
    /// `raw` has been through httparse: each line is `name ":" OWS value OWS CRLF`.
    pub(super) fn new(raw: &'b [u8], nominates: bool) -> Self {
        Fields { raw, nominates }
    }

    /// The fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = Field<'b>> + use<'b> {
        self.lines().filter_map(|line| Some(Field { name: str::from_utf8(line.name).ok()?, value: line.value }))
    }

    /// The value of the first field of that name, in any case.
    pub fn find(&self, name: &str) -> Option<&'b [u8]> {
        self.lines().find(|line| line.name.eq_ignore_ascii_case(name.as_bytes())).map(|line| line.value)
    }

    /// Does a Connection field list this name, as a field to drop or as an option (RFC 9110 §7.6.1)?
    pub fn connection_names(&self, name: &[u8]) -> bool {
        let mut connection = self.lines().filter(|line| line.name.eq_ignore_ascii_case(b"connection"));
        connection.any(|line| list(line.value).any(|option| option.eq_ignore_ascii_case(name)))
    }

    /// The same for the name of a field that is none of the usual options; quick when there are only those.
    pub(super) fn ends_here(&self, name: &[u8]) -> bool {
        self.nominates && self.connection_names(name)
    }

    /// The lines, without a check for UTF-8.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'b>> + use<'b> {
        lines_of(self.raw)
    }
}

/// Field lines, each with its CRLF.
pub(super) fn lines_of<'b>(mut rest: &'b [u8]) -> impl Iterator<Item = Line<'b>> + use<'b> {
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest)? + 1;
        let (raw, after) = rest.split_at(end);
        let colon = raw.iter().position(|&b| b == b':')?; // names are short: quicker than memchr
        rest = after;
        Some(Line { name: &raw[..colon], value: raw[colon + 1..].trim_ascii(), raw })
    })
}

/// One of these field lines, each with its CRLF, has this name.
pub(super) fn names(lines: &[u8], name: &[u8]) -> bool {
    !lines.is_empty() && lines_of(lines).any(|line| line.name.eq_ignore_ascii_case(name))
}

/// The elements of a comma-separated list (RFC 9110 §5.6.1), without the empty ones.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}
