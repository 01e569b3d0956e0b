//! The head of an answer, checked as strictly as a request: a tenant that lies gets 502.

use std::mem::MaybeUninit;

use super::control::Control;
use super::extent::{MAX_FIELDS, find_head};
use super::fields::Fields;
use super::framing::{Framing, Version};
use super::refusal::Refusal;

/// Most bytes of the head of an answer.
pub const MAX_RESPONSE_HEAD: usize = 64 * 1024;

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
    /// Protocol of a 101; always there with 101, never without.
    pub upgrade: Option<&'b str>,
    /// Bytes of the head in the input.
    pub len: usize,
    /// The field lines, in order.
    pub fields: Fields<'b>,
}

impl<'b> ResponseHead<'b> {
    /// Reads the head at the start of `bytes`. `None`: more bytes are needed, and there are fewer than
    /// [`MAX_RESPONSE_HEAD`]. A refusal always says 502.
    pub fn parse(bytes: &'b [u8], request_method_is_head: bool) -> Result<Option<Self>, Refusal> {
        parse(bytes, request_method_is_head).map_err(|refusal| Refusal::new(502, refusal.reason))
    }
}

fn parse(bytes: &[u8], to_head: bool) -> Result<Option<ResponseHead<'_>>, Refusal> {
    const OPENING: &[u8] = b"HTTP/1.";
    if !OPENING.starts_with(&bytes[..bytes.len().min(OPENING.len())]) {
        return Err(Refusal::bad("not an HTTP/1 answer"));
    }
    let Some(extent) = find_head(bytes, 0, MAX_RESPONSE_HEAD, |_| Ok(()))? else { return Ok(None) };

    let mut lines = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut parsed,
        &bytes[..extent.end],
        &mut lines,
    )?;
    let (Some(status), Some(reason), Some(minor)) = (parsed.code, parsed.reason, parsed.version) else {
        return Err(Refusal::bad("invalid status line"));
    };
    if !(100..600).contains(&status) {
        return Err(Refusal::bad("invalid status"));
    }
    let version = Version::from_minor(minor);
    let mut control = Control::default();
    for field in parsed.headers.iter() {
        control.note(field.name, field.value)?;
    }
    control.check(version)?;
    let upgrade = if status == 101 { control.protocol() } else { None };
    if status == 101 && upgrade.is_none() {
        return Err(Refusal::bad("101 without one Upgrade"));
    }
    let framing = body_framing(status, to_head, &control);
    // A body where none may be would be taken for the next answer: one that is announced ends the connection.
    let lies = matches!(status, 100..200 | 204) && (control.chunked || control.length.is_some_and(|length| length > 0));
    Ok(Some(ResponseHead {
        status,
        reason,
        version,
        framing,
        keep_alive: control.persists(version) && framing != Framing::UntilClose && status != 101 && !lies,
        upgrade,
        len: extent.end,
        fields: Fields::new(&bytes[extent.fields..extent.end - 2], control.nominates),
    }))
}

/// RFC 9112 §6.3. A 205 that says nothing has no body either (RFC 9110 §15.3.6), and Puma sends it that way.
fn body_framing(status: u16, to_head: bool, control: &Control) -> Framing {
    match control.length {
        _ if to_head || matches!(status, 100..200 | 204 | 304) => Framing::None,
        _ if control.chunked => Framing::Chunked,
        Some(length) => Framing::Length(length),
        None if status == 205 => Framing::Length(0),
        None => Framing::UntilClose,
    }
}
