//! What a script says on its way to the client: its fields become a head, its body goes on as it comes and as the client takes
//! it, and its end says whether that was all.

use super::super::answer::forward_head;
use super::super::client::Client;
use super::super::session::{Step, flush};
use super::super::{ClientKey, Proxy, Shared};
use super::RunKey;
use super::body::read_on;
use super::run::{Run, Stage};
use crate::http::{ResponseHead, cgi_answer};
use crate::wire::{Read, Write};

impl Proxy {
    /// Does what can be done for a client that has called a script.
    pub(in crate::proxy) fn script(&mut self, key: ClientKey) -> Step {
        let Some(run_key) = self.scripts.calls.get(key).copied() else { return Step::Close };
        let (Some(client), Some(run)) = (self.clients.get_mut(key), self.scripts.runs.get_mut(run_key)) else {
            return Step::Close;
        };
        // Who could have sent another request and ends its side has left; nothing else tells of it while the script is silent.
        let ended = client.wire.is_read_closed() && run.whole && !client.exchange.last;
        let left = ended && (run.safe || run.stage == Stage::Queued);
        if client.wire.is_broken() || left {
            return Step::Close;
        }
        match run.stage {
            Stage::Gathering => match flush(client, &mut self.shared) {
                Write::Broken => Step::Close,
                Write::Some(_) | Write::Blocked => self.gather_input(key, run_key),
            },
            Stage::Queued => Step::Wait,
            Stage::Running | Stage::Ended => self.talk(key, run_key),
        }
    }

    /// The body to the script, its words to the client.
    fn talk(&mut self, key: ClientKey, run_key: RunKey) -> Step {
        let (Some(client), Some(run)) = (self.clients.get_mut(key), self.scripts.runs.get_mut(run_key)) else {
            return Step::Close;
        };
        let came = match read_on(client, run, &mut self.shared) {
            Ok(came) => came,
            Err(Ok(reason)) => {
                self.give_up(run_key, 400, reason);
                return Step::Again;
            }
            Err(Err(())) => return Step::Close,
        };
        let fed = run.feed();
        let moved = if came || fed { Step::Again } else { Step::Wait };
        match flush(client, &mut self.shared) {
            Write::Some(_) => {}
            Write::Blocked => return moved,
            Write::Broken => return Step::Close,
        }
        let mut scratch = std::mem::take(&mut self.shared.scratch);
        let read = run.read(&mut scratch);
        let passed = match read {
            Read::Some(count) => pass_on(client, run, &mut self.shared, &scratch[..count]),
            Read::Blocked | Read::End | Read::Reset => Ok(()),
        };
        self.shared.scratch = scratch;
        match (passed, read) {
            (Err(reason), _) => self.spoil(run_key, reason),
            (Ok(()), Read::Some(_)) => Step::Again,
            // Whoever still holds the pipe is none of the script's: that is dead.
            (Ok(()), _) if run.ended.is_some() => self.complete_script(key, run_key),
            (Ok(()), _) => moved,
        }
    }

    /// All that the script has said is on its way, and its process has ended.
    fn complete_script(&mut self, key: ClientKey, run_key: RunKey) -> Step {
        let (Some(client), Some(run)) = (self.clients.get_mut(key), self.scripts.runs.get_mut(run_key)) else {
            return Step::Close;
        };
        let begun = &client.exchange.answer;
        let short = begun.as_ref().and_then(|body| body.remaining_hint()).is_some_and(|left| left > 0);
        let reason = match run.ended.take() {
            Some(Err(reason)) => reason,
            _ if begun.is_none() => "it has said nothing, or not all of its fields".to_owned(),
            _ if short => "it has said less than its Content-Length".to_owned(),
            _ => return self.finish_script(key, run_key),
        };
        self.spoil(run_key, &reason)
    }

    fn finish_script(&mut self, key: ClientKey, run_key: RunKey) -> Step {
        let Some(client) = self.clients.get_mut(key) else { return Step::Close };
        let chunked = client.exchange.answer.as_ref().is_some_and(|body| body.remaining_hint().is_none());
        if chunked && !client.exchange.dechunk {
            client.output.push(LAST_CHUNK, &mut self.shared.pool);
            client.exchange.bytes_out += LAST_CHUNK.len() as u64;
        }
        self.scripts.calls.remove(key);
        self.bury(run_key);
        self.finish(key);
        Step::Again
    }

    /// What the script has done is no answer: 502, or a cut where one has begun.
    fn spoil(&mut self, run_key: RunKey, reason: &str) -> Step {
        if let Some(run) = self.scripts.runs.get(run_key) {
            log::warn!("{}: no good answer: {reason}", run.script.unit.name);
        }
        self.give_up(run_key, 502, "the script failed");
        Step::Again
    }
}

const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Passes on what the script has said. The error says why it is no answer.
fn pass_on(client: &mut Client, run: &mut Run, shared: &mut Shared, bytes: &[u8]) -> Result<(), &'static str> {
    shared.spent += bytes.len();
    if client.exchange.answer.is_some() {
        put_body(client, shared, bytes);
        return Ok(());
    }
    run.head.extend_from_slice(bytes);
    let mut made = shared.pool.take();
    let read = cgi_answer(&run.head, &mut made).map_err(|refusal| refusal.reason)?;
    let Some(len) = read else { return Ok(()) };
    let head = ResponseHead::parse(&made, client.exchange.head_only).map_err(|refusal| refusal.reason)?;
    let head = head.ok_or("its fields are too large")?;
    shared.head.clear();
    forward_head(client, shared, &head);
    client.output.push(&shared.head, &mut shared.pool);
    client.exchange.bytes_out += shared.head.len() as u64;
    shared.head.clear();
    shared.pool.give(made);
    let words = std::mem::take(&mut run.head);
    put_body(client, shared, &words[len..]);
    Ok(())
}

/// Writes a part of the body behind what waits for the client, framed as the head has said.
fn put_body(client: &mut Client, shared: &mut Shared, bytes: &[u8]) {
    let exchange = &mut client.exchange;
    let Some(body) = &mut exchange.answer else { return };
    let out = client.output.open(&mut shared.pool);
    let before = out.len();
    match body.remaining_hint() {
        // What is beyond the length, or behind an answer without a body, is nobody's.
        Some(_) => drop(body.feed(bytes, |data| out.extend_from_slice(data))),
        None if exchange.dechunk => out.extend_from_slice(bytes),
        None if bytes.is_empty() => {}
        None => {
            out.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
            out.extend_from_slice(bytes);
            out.extend_from_slice(b"\r\n");
        }
    }
    exchange.bytes_out += (out.len() - before) as u64;
}
