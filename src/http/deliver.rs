//! The head of an answer as the client gets it: hop-by-hop fields gone, framing exactly once, and in words that the client's
//! version understands.

use super::fields::names;
use super::framing::{Framing, Version};
use super::kind::Kind;
use super::put::{put, put_connection, put_decimal, put_field, put_framing, put_line, put_valued};
use super::response::ResponseHead;

/// The client that an answer goes to.
#[derive(Debug, Clone, Copy)]
pub struct To<'a> {
    /// Version of its request.
    pub version: Version,
    /// Its request and we both want the connection kept.
    pub keep_alive: bool,
    /// Added as X-Request-Id unless the tenant sends one; empty: not added.
    pub request_id: &'a str,
    /// Date for an answer that has none (RFC 9110 §6.6.1: whoever has a clock must add it); empty: not added.
    pub date: &'a [u8],
    /// The client takes trailers: Trailer passes.
    pub trailers: bool,
    /// Field lines of ours, each with its CRLF, for a final answer: in the place of the upstream's of that name, but for
    /// Set-Cookie and Vary, which stand beside them. One without a value takes the upstream's away.
    pub added: &'a [u8],
}

/// What the caller owes the client after the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The upstream's body is chunked and the client cannot read that: send its payload only.
    pub dechunk: bool,
    /// Close the client's connection after this answer, as the head has told it.
    pub close: bool,
}

/// Appends the head as sent to the client, its empty line included.
///
/// An interim answer (1xx) says nothing of the connection. The caller withholds it from an HTTP/1.0 client (RFC 9110 §15.2).
pub fn forward_response(out: &mut Vec<u8>, head: &ResponseHead, to: &To) -> Delivery {
    out.reserve(head.len + 256);
    out.extend_from_slice(b"HTTP/1.1 ");
    put_decimal(out, head.status.into());
    put(out, [b" ", head.reason.as_bytes(), b"\r\n"]);
    let has = put_end_to_end(out, head, to);
    let interim = head.status < 200;
    let dechunk = head.framing == Framing::Chunked && to.version == Version::Http10;
    let close = !interim && (!to.keep_alive || dechunk || head.framing == Framing::UntilClose);
    if !interim {
        if !has.date && !to.date.is_empty() {
            put_field(out, "Date", to.date);
        }
        if !has.id && !to.request_id.is_empty() {
            put_field(out, "X-Request-Id", to.request_id.as_bytes());
        }
        put_valued(out, to.added);
        put_length(out, head, dechunk);
        put_connection(out, to.version, close);
    }
    if let Some(protocol) = head.upgrade {
        put_field(out, "Connection", b"Upgrade");
        put_field(out, "Upgrade", protocol.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    Delivery { dechunk, close }
}

/// What the tenant has said itself.
#[derive(Default)]
struct Has {
    id: bool,
    date: bool,
}

fn put_end_to_end(out: &mut Vec<u8>, head: &ResponseHead, to: &To) -> Has {
    let mut has = Has::default();
    for line in head.fields.lines() {
        let passes = match Kind::of(line.name) {
            Kind::Hop | Kind::Length | Kind::Coding | Kind::Te | Kind::Accel => false,
            Kind::Trailer => to.trailers,
            Kind::RequestId => {
                has.id = true;
                true
            }
            Kind::Date => {
                has.date = true;
                true
            }
            Kind::Plain => !head.fields.ends_here(line.name),
            _ => true,
        };
        if passes && !replaces(to.added, line.name, head.status) {
            put_line(out, &line);
        }
    }
    has
}

/// A field of ours takes the place of the upstream's, but where both can be said: each cookie is another, and what an answer
/// varies by adds up.
fn replaces(added: &[u8], name: &[u8], status: u16) -> bool {
    names(added, name)
        && status >= 200
        && !name.eq_ignore_ascii_case(b"set-cookie")
        && !name.eq_ignore_ascii_case(b"vary")
}

/// The length of an answer without a body (to HEAD, or 304) tells what a GET would get: it passes. 204 has none (RFC 9110 §8.6).
fn put_length(out: &mut Vec<u8>, head: &ResponseHead, dechunk: bool) {
    match head.framing {
        Framing::None if head.status != 204 => {
            if let Some(length) = head.fields.find("content-length") {
                put_field(out, "Content-Length", length);
            }
        }
        framing if !dechunk => put_framing(out, framing),
        _ => {}
    }
}
