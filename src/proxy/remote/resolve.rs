//! Names become addresses in threads of their own, one a lookup: getaddrinfo(3) blocks for as long as a name server likes, and
//! one name must not wait for another. They answer through the poller's waker.

use std::collections::VecDeque;
use std::net::{SocketAddr, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use nix::sys::signal::SigSet;

use super::super::RemoteKey;
use crate::poller::Waker;

/// Most lookups at once; the others wait.
const MOST: usize = 16;

/// Whose name.
pub(super) type Asker = (RemoteKey, usize);
/// What came of it: addresses, or why there are none.
pub(super) type Found = Result<Vec<SocketAddr>, String>;

/// The lookups that are under way.
#[derive(Debug)]
pub(super) struct Resolver {
    waker: Arc<Waker>,
    sender: Sender<(Asker, Found)>,
    answers: Receiver<(Asker, Found)>,
    waiting: VecDeque<(Asker, String, u16)>,
    busy: usize,
}

impl Resolver {
    /// No thread yet.
    pub fn new(waker: Arc<Waker>) -> Self {
        let (sender, answers) = channel();
        Self { waker, sender, answers, waiting: VecDeque::new(), busy: 0 }
    }

    /// Looks a name up. The answer comes once.
    pub fn ask(&mut self, asker: Asker, host: &str, port: u16) {
        self.waiting.push_back((asker, host.to_owned(), port));
        self.begin();
    }

    fn begin(&mut self) {
        while self.busy < MOST
            && let Some((asker, host, port)) = self.waiting.pop_front()
        {
            let (sender, waker) = (self.sender.clone(), self.waker.clone());
            let work = move || {
                // A signal that the kernel gives to this thread would wake it for nothing.
                let _ = SigSet::all().thread_block();
                let found = catch_unwind(AssertUnwindSafe(|| look_up(&host, port)));
                let found = found.unwrap_or_else(|_| Err("the lookup failed".into()));
                // Nobody listens any more when all ends.
                let _ = sender.send((asker, found));
                let _ = waker.wake();
            };
            self.busy += 1;
            if let Err(error) = std::thread::Builder::new().name("resolve".into()).spawn(work) {
                let why = format!("cannot start the thread that looks names up: {error}");
                let _ = self.sender.send((asker, Err(why)));
                let _ = self.waker.wake();
            }
        }
    }

    /// The next answer.
    pub fn answer(&mut self) -> Option<(Asker, Found)> {
        let answer = self.answers.try_recv().ok()?;
        self.busy = self.busy.saturating_sub(1);
        self.begin();
        Some(answer)
    }
}

fn look_up(host: &str, port: u16) -> Found {
    let all = (host, port).to_socket_addrs().map_err(|error| error.to_string())?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in all {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err("it has no address".into()) } else { Ok(addresses) }
}
