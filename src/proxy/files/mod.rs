//! Files of public directories and files that tenants lend: found and sent by the loop as far as they are in memory, read by
//! one thread where they are not. Never a file outside of its root.

mod find;
mod front_door;
mod lend;
mod page;
mod places;
mod public;
mod root;
mod sending;
mod task;

use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use slotmap::SecondaryMap;

use super::client::Phase;
use super::session::{Step, flush};
use super::worker::{Trade, Worker};
use super::{ClientKey, Proxy};
use crate::config::Config;
use crate::poller::Waker;
use crate::route::CacheRules;
use crate::wire::Write;

pub(super) use find::Found;
use front_door::FrontDoor;
pub(super) use lend::take_order;
use page::Page;
pub(super) use places::Places;
use places::Roots;
pub(super) use root::Miss;
use sending::{Next, Sending, read_small};
use task::{Done, Task};

/// Most tasks that wait for the thread.
const MOST: usize = 4096;
/// When to ask again after a lack of ours.
const SOON: Duration = Duration::from_secs(1);
/// Up to so many bytes go with their head in one call, through our memory.
const SMALL: u64 = 64 * 1024;

/// What the forwarder needs for files.
#[derive(Debug)]
pub(super) struct Files {
    worker: Worker<ClientKey, Task, Done>,
    roots: Roots,
    /// What clients in [`Phase::File`] wait for.
    waits: SecondaryMap<ClientKey, Wait>,
    /// The name that is looked for; its memory is kept.
    name: Vec<u8>,
    /// `[static]`.
    front_door: Option<FrontDoor>,
    /// How long files may be kept.
    cache: CacheRules,
    /// The page of `[maintenance]`.
    page: Option<Page>,
}

/// What a client waits for.
#[derive(Debug)]
enum Wait {
    /// The file, which the thread looks for.
    Finding(For),
    /// Room in its socket.
    Sending(Sending),
    /// The thread, which reads on.
    Warming(Sending),
}

/// What a file is looked for.
#[derive(Debug)]
enum For {
    /// The tenant has it in public, or has to be asked.
    Public,
    /// The front door has it, or the request goes on.
    FrontDoor,
    /// A tenant lends it: the head of its answer.
    Lent(Vec<u8>),
    /// The maintenance page.
    Page,
}

impl Files {
    /// Nothing is sent.
    pub fn new(waker: Arc<Waker>) -> Self {
        let trade = Trade { name: "files", nice: None, most: MOST, work: task::carry_out };
        Self {
            worker: Worker::new(trade, waker),
            roots: Roots::default(),
            waits: SecondaryMap::new(),
            name: Vec::new(),
            front_door: None,
            cache: CacheRules::default(),
            page: None,
        }
    }

    /// Other files of tenantd.toml from now on.
    pub fn configure(&mut self, config: &Config) {
        self.front_door = FrontDoor::open(&config.files, &mut self.roots);
        self.cache = CacheRules::new(config);
        self.page = config.maintenance.page.as_deref().and_then(|path| Page::open(path, &mut self.roots));
    }

    /// The client is gone.
    pub fn forget(&mut self, key: ClientKey) {
        self.waits.remove(key);
    }
}

impl Proxy {
    /// The thread that reads files has answers.
    pub fn worked(&mut self) {
        while let Some((key, done)) = self.files.worker.answer() {
            let done = done.unwrap_or(Done::Found(Err(Miss::Failed(Errno::IO))));
            match (self.files.waits.remove(key), done) {
                (Some(Wait::Warming(mut sending)), _) => {
                    sending.warmed();
                    self.files.waits.insert(key, Wait::Sending(sending));
                }
                (Some(Wait::Finding(what)), Done::Found(found)) => match what {
                    For::Public => self.found_public(key, found),
                    For::FrontDoor => self.found_static(key, found),
                    For::Lent(answer) => self.found_lent(key, answer, found),
                    For::Page => self.found_page(key, found, true),
                },
                // It answers each once, and what it was asked.
                (Some(Wait::Finding(_) | Wait::Sending(_)), _) => self.close(key),
                (None, _) => {}
            }
            self.later(key);
        }
    }

    /// Sends more of a file.
    pub(super) fn send_file(&mut self, key: ClientKey) -> Step {
        let Some(client) = self.clients.get_mut(key) else { return Step::Wait };
        let sending = match self.files.waits.get_mut(key) {
            _ if client.wire.is_broken() => return Step::Close,
            None => return Step::Close,
            Some(Wait::Finding(_) | Wait::Warming(_)) => return Step::Wait,
            Some(Wait::Sending(sending)) => sending,
        };
        match flush(client, &mut self.shared) {
            Write::Some(_) => {}
            Write::Blocked => return Step::Wait,
            Write::Broken => return Step::Close,
        }
        match sending.go_on(&mut client.wire) {
            Next::Sent(count) => {
                client.exchange.bytes_out += count;
                self.shared.spent += usize::try_from(count).unwrap_or(0);
                let share = sending.is_between_windows();
                self.set_alarm(key, self.shared.limits.timeout_body);
                if !share {
                    return Step::Again;
                }
                self.later(key);
                Step::Wait
            }
            Next::Full => Step::Wait,
            Next::Cold(file, bytes) => self.warm(key, file, bytes),
            Next::Complete => {
                self.files.forget(key);
                self.finish(key);
                Step::Again
            }
            // The length was told: only an early end tells that it was not true.
            Next::Broken => Step::Close,
        }
    }

    fn warm(&mut self, key: ClientKey, file: Arc<OwnedFd>, bytes: Range<u64>) -> Step {
        let task = Task::Warm { file, from: bytes.start, len: bytes.end - bytes.start };
        let asked = self.files.worker.ask(key, task);
        let Some(Wait::Sending(mut sending)) = self.files.waits.remove(key) else { return Step::Close };
        // Without the thread the loop reads: late is better than never.
        let (wait, step) = match asked {
            true => (Wait::Warming(sending), Step::Wait),
            false => {
                sending.warmed();
                (Wait::Sending(sending), Step::Again)
            }
        };
        self.files.waits.insert(key, wait);
        step
    }

    /// The thread looks for a file. False if it has too much to do.
    fn look_on(&mut self, key: ClientKey, task: Task, what: For) -> bool {
        let Some(client) = self.clients.get_mut(key) else { return true };
        if !self.files.worker.ask(key, task) {
            return false;
        }
        client.phase = Phase::File;
        self.files.waits.insert(key, Wait::Finding(what));
        self.set_alarm(key, self.shared.limits.timeout_body);
        true
    }

    /// Behind the head that was written: small bytes at once, others as the client takes them. `before` is where that head
    /// begins in the output.
    fn deliver(&mut self, key: ClientKey, file: OwnedFd, bytes: Range<u64>, before: usize) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let bytes = if client.exchange.head_only { 0..0 } else { bytes };
        let out = client.output.open(&mut self.shared.pool);
        let all = bytes.end - bytes.start <= SMALL && read_small(file.as_fd(), bytes.clone(), out);
        client.exchange.bytes_out += (out.len() - before) as u64;
        self.shared.spent += out.len() - before;
        if all {
            return self.finish(key);
        }
        client.phase = Phase::File;
        self.files.waits.insert(key, Wait::Sending(Sending::new(file, bytes)));
        self.set_alarm(key, self.shared.limits.timeout_body);
    }
}
