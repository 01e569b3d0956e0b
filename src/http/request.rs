//! The head of a request: httparse, and every check that httparse leaves to us. Refuses what is ambiguous, never guesses.

use std::mem::MaybeUninit;

use super::control::{Control, is_tchar};
use super::extent::{MAX_FIELDS, find_head};
use super::fields::{Fields, list};
use super::framing::{Framing, Version};
use super::host::parse_host;
use super::refusal::Refusal;
use super::target::parse_target;

/// Most bytes of a request head; beyond it 431.
pub const MAX_HEAD: usize = 32 * 1024;

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
    /// Upgrade protocol asked for (`websocket`) by a GET of HTTP/1.1 without a body whose Connection names it; never `h2c`.
    pub upgrade: Option<&'b str>,
    /// The client takes trailers (TE: trailers, HTTP/1.1).
    pub trailers: bool,
    /// Expect: 100-continue on a request with a body (HTTP/1.1).
    pub expect_continue: bool,
    /// Bytes of the head in the input, its empty line (and a CRLF before it) included.
    pub len: usize,
    /// The field lines, in order.
    pub fields: Fields<'b>,
}

impl<'b> RequestHead<'b> {
    /// Reads the head at the start of `bytes`; one empty line before it is skipped (RFC 9112 §2.2).
    ///
    /// `None`: more bytes are needed, and there are fewer than [`MAX_HEAD`]. The answer does not depend on how the bytes
    /// arrive: a prefix is refused only for what the whole is refused for.
    pub fn parse(bytes: &'b [u8]) -> Result<Option<Self>, Refusal> {
        let start = match bytes {
            [] | [b'\r'] => return Ok(None),
            [b'\r', b'\n', ..] => 2,
            _ => 0,
        };
        if bytes.get(start).is_some_and(|&b| !is_tchar(b)) {
            return Err(Refusal::bad("invalid request line"));
        }
        let Some(extent) = find_head(bytes, start, MAX_HEAD, check_request_line)? else { return Ok(None) };

        let mut lines = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut parsed = httparse::Request::new(&mut []);
        parsed.parse_with_uninit_headers(&bytes[start..extent.end], &mut lines)?;
        let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(Refusal::bad("invalid request line"));
        };
        let version = Version::from_minor(minor);
        if matches!(method, "CONNECT" | "TRACE") {
            return Err(Refusal::new(405, "method not allowed"));
        }
        let target = parse_target(method, target)?;
        let seen = Seen::gather(parsed.headers, version)?;
        let framing = seen.framing();
        let has_body = !matches!(framing, Framing::None | Framing::Length(0));
        let upgradable = method == "GET" && version == Version::Http11 && framing == Framing::None;
        let control = &seen.control;
        Ok(Some(RequestHead {
            method,
            target: target.path,
            host: target.authority.or(seen.host).unwrap_or(""),
            version,
            framing,
            keep_alive: control.persists(version),
            upgrade: if upgradable { control.protocol() } else { None },
            trailers: seen.trailers && version == Version::Http11,
            expect_continue: seen.expects && has_body && version == Version::Http11,
            len: extent.end,
            fields: Fields::new(&bytes[extent.fields..extent.end - 2], control.nominates),
        }))
    }
}

impl RequestHead<'_> {
    /// OPTIONS about the server itself, or that may go no further (RFC 9110 §7.6.2, §9.3.7): ours to answer, whoever the
    /// tenant would be. It wakes none.
    pub fn ends_here(&self) -> bool {
        self.method == "OPTIONS" && (self.target == "*" || self.fields.find("max-forwards") == Some(b"0"))
    }
}

/// The version is checked as soon as the request line is complete: 505 for what looks like HTTP, 400 for the rest.
fn check_request_line(line: &[u8]) -> Result<(), Refusal> {
    let version = &line[line.len().saturating_sub(9)..];
    match version {
        b" HTTP/1.1" | b" HTTP/1.0" => Ok(()),
        [b' ', b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            Err(Refusal::new(505, "version not supported"))
        }
        _ => Err(Refusal::bad("invalid request line")),
    }
}

/// What the fields of one request say.
#[derive(Default)]
struct Seen<'b> {
    control: Control<'b>,
    host: Option<&'b str>,
    expects: bool,
    trailers: bool,
}

impl<'b> Seen<'b> {
    fn gather(fields: &[httparse::Header<'b>], version: Version) -> Result<Seen<'b>, Refusal> {
        let mut seen = Seen::default();
        for field in fields {
            match field.name.len() {
                2 if field.name.eq_ignore_ascii_case("te") => seen.trailers |= takes_trailers(field.value),
                4 if field.name.eq_ignore_ascii_case("host") => seen.note_host(field.value)?,
                6 if field.name.eq_ignore_ascii_case("expect") => seen.note_expect(field.value)?,
                _ => seen.control.note(field.name, field.value)?,
            }
        }
        seen.control.check(version)?;
        if seen.host.is_none() && version == Version::Http11 {
            return Err(Refusal::bad("missing Host"));
        }
        Ok(seen)
    }

    fn note_host(&mut self, value: &'b [u8]) -> Result<(), Refusal> {
        if self.host.is_some() {
            return Err(Refusal::bad("duplicate Host"));
        }
        self.host = Some(parse_host(value).ok_or(Refusal::bad("invalid Host"))?);
        Ok(())
    }

    fn note_expect(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if !value.eq_ignore_ascii_case(b"100-continue") {
            return Err(Refusal::new(417, "unknown expectation"));
        }
        self.expects = true;
        Ok(())
    }

    fn framing(&self) -> Framing {
        match self.control.length {
            _ if self.control.chunked => Framing::Chunked,
            Some(length) => Framing::Length(length),
            None => Framing::None,
        }
    }
}

/// TE lists `trailers` (RFC 9110 §10.1.4).
fn takes_trailers(value: &[u8]) -> bool {
    list(value).any(|coding| coding.eq_ignore_ascii_case(b"trailers"))
}
