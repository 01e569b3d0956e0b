//! The answer of a tenant on its way to the client: heads re-made, bodies checked and passed on as they come.

use super::Shared;
use super::client::Client;
use super::conn::Conn;
use super::exchange::{Loss, MAX_INTERIM};
use super::files::take_order;
use super::session::{flush, unix_ms};
use crate::http::{self, Body, ResponseHead, To, Version};
use crate::wire::{Read, Write};

/// What came of reading an answer.
pub(super) enum Answer {
    /// Bytes went on.
    Progress,
    /// Nothing to read, or nobody to take it.
    Blocked,
    /// Complete.
    Done,
    /// Its head, which says that a file shall be sent in the place of its body.
    File(Vec<u8>),
    /// The tenant agreed to another protocol.
    Switched,
    /// The connection ended before the answer's head.
    Lost(Loss),
    /// What came is no answer: 502.
    Bad(&'static str),
    /// It ended in the middle: the client must notice.
    Cut,
    /// The client is gone.
    Left,
}

/// Passes on what the tenant answers, as fast as the client takes it.
pub(super) fn read_answer(client: &mut Client, conn: &mut Conn, shared: &mut Shared) -> Answer {
    match flush(client, shared) {
        Write::Some(_) => {}
        Write::Blocked => return Answer::Blocked,
        Write::Broken => return Answer::Left,
    }
    let mut scratch = std::mem::take(&mut shared.scratch);
    let answer = match conn.wire.read(&mut scratch) {
        Read::Some(count) => {
            shared.spent += count;
            pass_on(client, conn, shared, &scratch[..count])
        }
        Read::Blocked => Answer::Blocked,
        end => ended(client, end, conn.unix),
    };
    shared.scratch = scratch;
    answer
}

/// The tenant's connection has ended. On a unix socket a reset, too, comes behind all that the tenant wrote: it says only
/// that the tenant did not read the whole request.
fn ended(client: &mut Client, end: Read, unix: bool) -> Answer {
    let reset = end == Read::Reset;
    match &client.exchange.answer {
        Some(body) if body.ends_by_close() && (unix || !reset) => {
            client.exchange.keep_alive = false;
            Answer::Done
        }
        Some(_) => Answer::Cut,
        None if reset => Answer::Lost(Loss::Reset),
        None => Answer::Lost(Loss::End),
    }
}

/// Bytes of an answer: heads first, then the body.
fn pass_on(client: &mut Client, conn: &mut Conn, shared: &mut Shared, bytes: &[u8]) -> Answer {
    shared.head.clear();
    if client.exchange.answer.is_some() {
        return pass_body(client, conn, shared, bytes);
    }
    if conn.input.is_empty() {
        return pass_heads(client, conn, shared, bytes);
    }
    let mut input = std::mem::take(&mut conn.input);
    input.push(bytes, &mut shared.pool);
    let answer = pass_heads(client, conn, shared, input.bytes());
    input.clear(&mut shared.pool);
    answer
}

fn pass_heads(client: &mut Client, conn: &mut Conn, shared: &mut Shared, mut bytes: &[u8]) -> Answer {
    loop {
        let head = match ResponseHead::parse(bytes, client.exchange.head_only) {
            Ok(Some(head)) => head,
            Ok(None) => {
                conn.input.push(bytes, &mut shared.pool);
                return write_out(client, shared, &[], Answer::Progress);
            }
            Err(refusal) => return Answer::Bad(refusal.reason),
        };
        let switched = head.status == 101;
        if client.exchange.lends
            && head.status >= 200
            && let Some(answer) = take_order(client, conn, shared, &head, bytes)
        {
            return Answer::File(answer);
        }
        bytes = &bytes[head.len..];
        let asked = head.upgrade.is_some_and(|protocol| client.exchange.words.asks_for(protocol));
        if switched && !asked {
            return Answer::Bad("the application switched protocols without being asked");
        }
        let interim = head.status < 200 && !switched;
        if interim {
            client.exchange.interim += 1;
            if client.exchange.interim > MAX_INTERIM {
                return Answer::Bad("the application sent too many interim answers");
            }
        }
        if !interim || client.exchange.version == Version::Http11 {
            forward_head(client, shared, &head);
            conn.reusable &= head.keep_alive || interim;
        }
        if switched {
            conn.input.push(bytes, &mut shared.pool);
            return write_out(client, shared, &[], Answer::Switched);
        }
        if !interim {
            return pass_body(client, conn, shared, bytes);
        }
    }
}

/// Makes the head of an answer as the client gets it, and remembers what it owes.
pub(super) fn forward_head(client: &mut Client, shared: &mut Shared, head: &ResponseHead<'_>) {
    let exchange = &mut client.exchange;
    let whole = exchange.is_sent();
    let to = To {
        version: exchange.version,
        keep_alive: exchange.keep_alive && whole && !shared.draining,
        request_id: exchange.words.id(),
        date: shared.date.at(unix_ms(shared.wall) / 1000),
        trailers: exchange.trailers,
        added: exchange.added(),
    };
    let delivery = http::forward_response(&mut shared.head, head, &to);
    if head.status < 200 && head.status != 101 {
        return;
    }
    exchange.status = head.status;
    exchange.answered = Some(shared.now);
    exchange.dechunk = delivery.dechunk;
    let content = head.fields.find("content-type").unwrap_or_default();
    exchange.event_stream = content.starts_with(b"text/event-stream");
    exchange.keep_alive = !delivery.close;
    exchange.answer = Some(Body::new(head.framing));
}

fn pass_body(client: &mut Client, conn: &mut Conn, shared: &mut Shared, bytes: &[u8]) -> Answer {
    let exchange = &mut client.exchange;
    let Some(body) = &mut exchange.answer else { return Answer::Cut };
    let (dechunk, head) = (exchange.dechunk, &mut shared.head);
    let fed = body.feed(bytes, |data| {
        if dechunk {
            head.extend_from_slice(data);
        }
    });
    let Ok(taken) = fed else {
        conn.reusable = false;
        return Answer::Cut;
    };
    // More than an answer: nobody asked for it, and nothing that follows can be trusted.
    conn.reusable &= taken == bytes.len();
    let after = if body.is_done() { Answer::Done } else { Answer::Progress };
    let trailers = if exchange.trailers { 0..0 } else { body.trailers() };
    let raw = match dechunk {
        true => &[][..],
        false if trailers.is_empty() => &bytes[..taken],
        false => {
            head.extend_from_slice(&bytes[..trailers.start]);
            &bytes[trailers.end..taken]
        }
    };
    write_out(client, shared, raw, after)
}

/// Copying so much into one piece is cheaper than a write of two pieces.
const COPY: usize = 8 * 1024;

/// Writes the head that was made and `raw` behind it; what the client does not take waits.
fn write_out(client: &mut Client, shared: &mut Shared, mut raw: &[u8], after: Answer) -> Answer {
    let Shared { head, pool, .. } = shared;
    if raw.len() <= COPY && !head.is_empty() {
        head.extend_from_slice(std::mem::take(&mut raw));
    }
    let total = head.len() + raw.len();
    if total == 0 {
        return after;
    }
    client.exchange.bytes_out += total as u64;
    if matches!(after, Answer::Done) && raw.is_empty() && client.output.is_empty() {
        client.output.push(head, pool);
        head.clear();
        return after;
    }
    let taken = match client.wire.write(head, raw) {
        Write::Some(count) => count,
        Write::Blocked => 0,
        Write::Broken => return Answer::Left,
    };
    client.output.push(head.get(taken..).unwrap_or_default(), pool);
    client.output.push(raw.get(taken.saturating_sub(head.len())..).unwrap_or_default(), pool);
    head.clear();
    after
}
