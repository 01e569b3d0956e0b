//! The head before a file of a public directory, or in its place.

use std::io::Write;

use httpdate::HttpDate;

use super::super::framing::Version;
use super::super::put::{put, put_connection, put_decimal, put_field};
use super::super::reply::reason_phrase;
use super::coding::Coding;
use super::condition::Verdict;
use super::media::Media;
use super::tag::{Facts, Tag, http_date};

/// What is told of a file.
#[derive(Debug, Clone, Copy)]
pub struct FileHead<'a> {
    /// What is sent of it.
    pub verdict: &'a Verdict,
    /// What is known of it.
    pub facts: &'a Facts,
    /// Its entity tag.
    pub tag: &'a Tag,
    /// Its type; that of the original for a compressed sibling.
    pub media: Media,
    /// It is a compressed sibling.
    pub coding: Option<Coding>,
    /// Its name is that of one state of it, for ever.
    pub is_immutable: bool,
    /// Cache-Control: `None` as its name tells, `Some("")` none at all.
    pub cache_control: Option<&'a str>,
    /// Version of the request.
    pub version: Version,
    /// The connection is kept.
    pub keep_alive: bool,
    /// Returned as X-Request-Id.
    pub request_id: &'a str,
    /// Field lines of ours, each with its CRLF.
    pub added: &'a [u8],
    /// Unix seconds, for Date.
    pub now: u64,
}

impl Verdict {
    /// The status of a file that is there.
    pub fn status(&self) -> u16 {
        match self {
            Self::Whole => 200,
            Self::Part(_) => 206,
            Self::NotModified => 304,
            Self::Failed => 412,
            Self::Unsatisfiable => 416,
        }
    }
}

/// Appends the head, its empty line included. The caller owes the client the bytes of the verdict, unless it is a HEAD.
pub fn put_file_head(out: &mut Vec<u8>, head: &FileHead) {
    let status = head.verdict.status();
    out.reserve(512);
    out.extend_from_slice(b"HTTP/1.1 ");
    put_decimal(out, status.into());
    put(out, [b" ", reason_phrase(status).as_bytes(), b"\r\n"]);
    put_date(out, "Date", http_date(head.now));
    if matches!(head.verdict, Verdict::Whole | Verdict::Part(_)) {
        put_field(out, "Content-Type", head.media.content_type.as_bytes());
        if let Some(coding) = head.coding {
            put_field(out, "Content-Encoding", coding.name().as_bytes());
        }
    }
    put_extent(out, head.verdict, head.facts.len);
    if !matches!(head.verdict, Verdict::Failed | Verdict::Unsatisfiable) {
        if let Some(modified) = head.facts.last_modified(head.now) {
            put_date(out, "Last-Modified", modified);
        }
        put_field(out, "ETag", head.tag.as_bytes());
        put_field(out, "Accept-Ranges", b"bytes");
        match head.cache_control {
            None => put_field(out, "Cache-Control", cache_control(head.is_immutable)),
            Some("") => {}
            Some(value) => put_field(out, "Cache-Control", value.as_bytes()),
        }
    }
    if head.media.compressible {
        put_field(out, "Vary", b"Accept-Encoding");
    }
    put_field(out, "X-Content-Type-Options", b"nosniff");
    if !head.request_id.is_empty() {
        put_field(out, "X-Request-Id", head.request_id.as_bytes());
    }
    out.extend_from_slice(head.added);
    put_connection(out, head.version, !head.keep_alive);
    out.extend_from_slice(b"\r\n");
}

/// How much follows, and of how much: a 304 says neither (RFC 9110 §15.4.5).
pub(super) fn put_extent(out: &mut Vec<u8>, verdict: &Verdict, len: u64) {
    if *verdict == Verdict::NotModified {
        return;
    }
    let span = verdict.span(len);
    out.extend_from_slice(b"Content-Length: ");
    put_decimal(out, span.end - span.start);
    out.extend_from_slice(b"\r\n");
    match verdict {
        Verdict::Part(part) => {
            out.extend_from_slice(b"Content-Range: bytes ");
            put_decimal(out, part.start);
            out.push(b'-');
            put_decimal(out, part.end - 1);
        }
        Verdict::Unsatisfiable => out.extend_from_slice(b"Content-Range: bytes *"),
        Verdict::Whole | Verdict::NotModified | Verdict::Failed => return,
    }
    out.push(b'/');
    put_decimal(out, len);
    out.extend_from_slice(b"\r\n");
}

/// Appends a date.
pub(super) fn put_date(out: &mut Vec<u8>, name: &str, date: HttpDate) {
    // Writing to a Vec cannot fail.
    drop(write!(out, "{name}: {date}\r\n"));
}

/// A name with a fingerprint never means another state; any other file may change with the next release.
fn cache_control(is_immutable: bool) -> &'static [u8] {
    if is_immutable { b"public, max-age=31536000, immutable" } else { b"public, max-age=0, must-revalidate" }
}

impl FileHead<'_> {
    /// Is this the name of one state, for ever: `assets/app-0123abcd.css`, with eight hexadecimal digits or more?
    pub fn is_fingerprint(name: &[u8]) -> bool {
        let below = [&b"assets/"[..], b"packs/", b"vite/"].iter().any(|directory| name.starts_with(directory));
        let last = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let is_digest = |part: &[u8]| {
            let digits = part.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            digits >= 8 && part.get(digits) == Some(&b'.')
        };
        below && last.split(|&byte| byte == b'-').skip(1).any(is_digest)
    }
}
