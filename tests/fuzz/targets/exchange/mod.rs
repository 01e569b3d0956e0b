//! Whole exchanges: the real forwarder between clients and a tenant that send, split, finish, leave, stall and lie as the
//! input says. Whatever they do, nothing panics or spins, the tenant reads nothing but whole requests, clients read nothing
//! but whole answers to what they asked, and in the end nothing is left.

mod client;
mod templates;
mod tenant;
mod world;

use std::net::Shutdown;
use std::time::Duration;

use world::World;

/// Most operations of one run.
const OPERATIONS: usize = 64;

/// Runs the operations that `data` says.
pub fn exchange(data: &[u8]) {
    let mut world = World::new();
    let mut script = Script(data);
    for _ in 0..OPERATIONS {
        let Some(word) = script.byte() else { break };
        operate(&mut world, word & 0x1f, &mut script);
        // With the high bit the next operation follows at once: both are seen in one turn.
        if word & 0x80 == 0 {
            world.pump();
        }
    }
    world.pump();
    world.end();
}

fn operate(world: &mut World, operation: u8, script: &mut Script) {
    match operation {
        0 => world.connect(),
        1..=6 => {
            let (who, what) = script.pair();
            world.client_asks(who, what, None);
        }
        7 | 8 => {
            let ((who, what), split) = (script.pair(), script.byte().unwrap_or(0));
            world.client_asks(who, what, Some(split.into()));
        }
        9 => {
            let (who, count) = script.pair();
            world.client_sends(who, script.bytes(count));
        }
        10 => world.client(script.byte().unwrap_or(0), |client| client.finish()),
        11 => world.leave(script.byte().unwrap_or(0)),
        12 => world.client(script.byte().unwrap_or(0), |client| client.lazy = !client.lazy),
        13..=18 => {
            let (who, what) = script.pair();
            world.tenant_answers(who, what);
        }
        19 => {
            let (who, count) = script.pair();
            world.tenant_sends(who, script.bytes(count));
        }
        20 => world.tenant(script.byte().unwrap_or(0), |conn| conn.shutdown(Shutdown::Write)),
        21 => world.tenant(script.byte().unwrap_or(0), |conn| conn.close()),
        22 => world.tenant(script.byte().unwrap_or(0), |conn| conn.lazy = !conn.lazy),
        23 => world.boot(),
        24 => world.hold(),
        25 => world.die(),
        26 => world.refuse(),
        27 => {
            const STEPS: [u64; 8] = [1, 5, 11, 26, 31, 61, 301, 3601];
            world.pass(Duration::from_secs(STEPS[usize::from(script.byte().unwrap_or(0)) % STEPS.len()]));
        }
        _ => world.pump(),
    }
}

/// The rest of the input.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn pair(&mut self) -> (u8, u8) {
        (self.byte().unwrap_or(0), self.byte().unwrap_or(0))
    }

    fn bytes(&mut self, count: u8) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(usize::from(count).min(self.0.len()));
        self.0 = rest;
        bytes
    }
}
