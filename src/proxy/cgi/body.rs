//! The body of a request on its way to a script. So that clients who send slowly hold no script, it is gathered before the
//! script is run: a small one whole, a large one in part, and a chunked one whole, since a script needs its length.

use super::super::client::{Client, Phase};
use super::super::exchange::WINDOW;
use super::super::session::Step;
use super::super::{ClientKey, Proxy, Shared};
use super::RunKey;
use super::run::Run;
use crate::http::Malformed;
use crate::wire::Read;

/// Most bytes of a chunked body; beyond it 411.
const MOST_CHUNKED: usize = 1024 * 1024;
/// Most bytes that are gathered, for all clients together.
const MOST: usize = 16 * 1024 * 1024;

impl Proxy {
    /// Takes what came with the head, and asks for the rest. Returns how much that was.
    pub(super) fn begin_body(&mut self, key: ClientKey, run_key: RunKey, rest: &[u8]) -> usize {
        let (Some(client), Some(run)) = (self.clients.get_mut(key), self.scripts.runs.get_mut(run_key)) else {
            return 0;
        };
        let taken = take(client, run, rest);
        self.shared.gathered += run.gathered();
        let Ok(taken) = taken else {
            client.exchange.keep_alive = false;
            self.give_up(run_key, 400, "the body is malformed");
            return rest.len();
        };
        if client.exchange.expects && !run.whole {
            client.output.push(b"HTTP/1.1 100 Continue\r\n\r\n", &mut self.shared.pool);
        }
        if run.whole {
            self.enqueue(run_key);
        } else {
            let after = client.exchange.body_time(&self.shared.limits, self.shared.now);
            self.set_alarm(key, after);
        }
        taken
    }

    /// Reads more of a body whose script does not run yet.
    pub(super) fn gather_input(&mut self, key: ClientKey, run_key: RunKey) -> Step {
        let (Some(client), Some(run)) = (self.clients.get_mut(key), self.scripts.runs.get_mut(run_key)) else {
            return Step::Close;
        };
        let before = run.gathered();
        let read = read(client, run, &mut self.shared);
        let count = run.gathered() - before;
        self.shared.gathered += count;
        match read {
            Ok(()) => {}
            Err(Ok(reason)) => {
                self.give_up(run_key, 400, reason);
                return Step::Again;
            }
            Err(Err(())) => return Step::Close,
        }
        let full = self.shared.gathered >= MOST;
        match run.chunked {
            _ if run.whole => self.enqueue(run_key),
            true if run.gathered() > MOST_CHUNKED => {
                self.give_up(run_key, 411, "a chunked body of this size is not taken here; send Content-Length");
            }
            true if full => self.give_up(run_key, 503, "the server has no memory for this request"),
            false if full || run.gathered() >= WINDOW => self.enqueue(run_key),
            _ if count == 0 => return Step::Wait,
            _ => {
                let after = client.exchange.body_time(&self.shared.limits, self.shared.now);
                self.set_alarm(key, after);
            }
        }
        Step::Again
    }
}

/// Reads more of a body, as far as the script takes it. True if some came. `Err(Ok(reason))`: it is malformed; `Err(Err)`:
/// the client left in the middle.
pub(super) fn read_on(
    client: &mut Client,
    run: &mut Run,
    shared: &mut Shared,
) -> Result<bool, Result<&'static str, ()>> {
    if run.whole || !run.listens() || run.unsent() >= WINDOW {
        return Ok(false);
    }
    let before = client.exchange.bytes_in;
    read(client, run, shared)?;
    Ok(client.exchange.bytes_in > before)
}

fn read(client: &mut Client, run: &mut Run, shared: &mut Shared) -> Result<(), Result<&'static str, ()>> {
    if !client.input.is_empty() {
        let taken = take_kept(client, run).map_err(|Malformed(reason)| Ok(reason))?;
        client.input.consume(taken, &mut shared.pool);
        return Ok(());
    }
    match client.wire.read(&mut shared.scratch) {
        Read::Some(count) => {
            shared.spent += count;
            client.exchange.upload.came(count, shared.limits.body_rate, shared.now);
            let bytes = &shared.scratch[..count];
            let taken = take(client, run, bytes).map_err(|Malformed(reason)| Ok(reason))?;
            client.input.push(&bytes[taken..], &mut shared.pool);
            Ok(())
        }
        Read::Blocked => {
            client.exchange.upload.wait(shared.now);
            Ok(())
        }
        Read::End | Read::Reset => Err(Err(())),
    }
}

fn take_kept(client: &mut Client, run: &mut Run) -> Result<usize, Malformed> {
    let input = std::mem::take(&mut client.input);
    let taken = take(client, run, input.bytes());
    client.input = input;
    taken
}

/// Adds the payload of these bytes. Returns how many belong to the body.
fn take(client: &mut Client, run: &mut Run, bytes: &[u8]) -> Result<usize, Malformed> {
    debug_assert!(client.phase == Phase::Script);
    let exchange = &mut client.exchange;
    let taken = exchange.body.feed(bytes, |data| run.input.extend_from_slice(data))?;
    run.whole = exchange.body.is_done();
    exchange.expects &= taken == 0;
    exchange.bytes_in += taken as u64;
    Ok(taken)
}
