//! The head before a file that a tenant wants sent (X-Sendfile, X-Accel-Redirect): its own fields, our framing.

use super::super::deliver::To;
use super::super::fields::Fields;
use super::super::kind::Kind;
use super::super::put::{put, put_connection, put_decimal, put_field, put_line};
use super::super::reply::reason_phrase;
use super::super::response::ResponseHead;
use super::condition::{Validators, Verdict, judge};
use super::head::{put_date, put_extent};
use super::tag::{Facts, Tag, parse_date};

/// Which file a tenant wants sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order<'b> {
    /// X-Sendfile: an absolute path.
    Path(&'b [u8]),
    /// X-Accel-Redirect: a path of a URL.
    Url(&'b [u8]),
}

impl<'b> Order<'b> {
    /// What the head of an answer says.
    pub fn of(fields: &Fields<'b>) -> Option<Self> {
        fields.lines().find_map(|line| match line.name.len() {
            10 if line.name.eq_ignore_ascii_case(b"x-sendfile") => Some(Self::Path(line.value)),
            16 if line.name.eq_ignore_ascii_case(b"x-accel-redirect") => Some(Self::Url(line.value)),
            _ => None,
        })
    }
}

/// A file in the place of an answer's body.
#[derive(Debug)]
pub struct Lent<'a> {
    /// The tenant's answer.
    pub head: &'a ResponseHead<'a>,
    /// What is known of the file.
    pub facts: &'a Facts,
    /// Our entity tag, where the tenant names none.
    pub tag: &'a Tag,
    /// Unix seconds.
    pub now: u64,
}

impl Lent<'_> {
    /// What is sent. `asked`: the fields of a GET (`true`) or HEAD; without them, and unless the tenant says 200, the whole.
    pub fn judge(&self, asked: Option<(&Fields<'_>, bool)>) -> Verdict {
        let (Some((fields, is_get)), 200) = (asked, self.head.status) else { return Verdict::Whole };
        let own = self.head.fields.find("last-modified").map(parse_date);
        let validators = Validators {
            tag: self.head.fields.find("etag").unwrap_or(self.tag.as_bytes()),
            modified: own.unwrap_or_else(|| self.facts.last_modified(self.now)),
        };
        judge(fields, is_get, &validators, self.facts.len, self.now)
    }
}

/// Appends the head of the tenant's answer with the length of what is sent in the place of its body.
pub fn put_lent_head(out: &mut Vec<u8>, lent: &Lent, verdict: &Verdict, to: &To) {
    let status = if *verdict == Verdict::Whole { lent.head.status } else { verdict.status() };
    let reason = if *verdict == Verdict::Whole { lent.head.reason } else { reason_phrase(status) };
    out.reserve(lent.head.len + 512);
    out.extend_from_slice(b"HTTP/1.1 ");
    put_decimal(out, status.into());
    put(out, [b" ", reason.as_bytes(), b"\r\n"]);
    let told = put_told(out, &lent.head.fields);
    if !told.tag {
        put_field(out, "ETag", lent.tag.as_bytes());
    }
    if let (false, Some(modified)) = (told.modified, lent.facts.last_modified(lent.now)) {
        put_date(out, "Last-Modified", modified);
    }
    put_field(out, "Accept-Ranges", b"bytes");
    if !told.date && !to.date.is_empty() {
        put_field(out, "Date", to.date);
    }
    if !told.request_id && !to.request_id.is_empty() {
        put_field(out, "X-Request-Id", to.request_id.as_bytes());
    }
    put_extent(out, verdict, lent.facts.len);
    put_connection(out, to.version, !to.keep_alive);
    out.extend_from_slice(b"\r\n");
}

/// What the tenant says itself.
#[derive(Default)]
struct Told {
    tag: bool,
    modified: bool,
    request_id: bool,
    date: bool,
}

/// Appends the tenant's fields, all but those of its body's extent.
fn put_told(out: &mut Vec<u8>, fields: &Fields<'_>) -> Told {
    let mut told = Told::default();
    for line in fields.lines() {
        let is = |name: &[u8]| line.name.eq_ignore_ascii_case(name);
        let passes = match Kind::of(line.name) {
            Kind::Hop | Kind::Length | Kind::Coding | Kind::Te | Kind::Trailer | Kind::Accel => false,
            Kind::Plain => !fields.ends_here(line.name) && !is(b"accept-ranges") && !is(b"content-range"),
            _ => true,
        };
        if passes {
            told.tag |= is(b"etag");
            told.modified |= is(b"last-modified");
            told.request_id |= is(b"x-request-id");
            told.date |= is(b"date");
            put_line(out, &line);
        }
    }
    told
}
