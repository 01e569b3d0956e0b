//! A thread that does one kind of work for the loop, so that the loop never waits for it. It begins with a task, answers
//! through the poller's waker, and ends when nothing is left to do: as long as threads share a descriptor table, all system
//! calls cost more.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use nix::sys::signal::SigSet;
use rustix::process::setpriority_process;

use crate::poller::Waker;

/// The thread, while it is needed. Its tasks have tickets, by which their answers are known.
#[derive(Debug)]
pub(super) struct Worker<K, T, D> {
    trade: Trade<T, D>,
    waker: Arc<Waker>,
    thread: Option<Thread<K, T, D>>,
    waiting: usize,
}

/// What kind of work it is.
#[derive(Debug)]
pub(super) struct Trade<T, D> {
    /// The thread's name, of at most 15 bytes.
    pub name: &'static str,
    /// How far it steps back for others, 1 to 19; `None`: not at all.
    pub nice: Option<i32>,
    /// Most tasks that wait.
    pub most: usize,
    /// The work.
    pub work: fn(T) -> D,
}

/// Where tasks go, and where answers come from; `None` is that of a work that panicked.
type Thread<K, T, D> = (Sender<(K, T)>, Receiver<(K, Option<D>)>);

impl<K: Send + 'static, T: Send + 'static, D: Send + 'static> Worker<K, T, D> {
    /// No thread yet.
    pub fn new(trade: Trade<T, D>, waker: Arc<Waker>) -> Self {
        Self { trade, waker, thread: None, waiting: 0 }
    }

    /// Gives a task to the thread. False if there is no thread, or too much to do.
    pub fn ask(&mut self, ticket: K, task: T) -> bool {
        if self.waiting >= self.trade.most {
            return false;
        }
        if self.thread.is_none() {
            match self.begin() {
                Ok(thread) => (self.thread, self.waiting) = (Some(thread), 0),
                Err(error) => {
                    log::warn!("cannot start the thread {}: {error}; trying again", self.trade.name);
                    return false;
                }
            }
        }
        let asked = self.thread.as_ref().is_some_and(|(tasks, _)| tasks.send((ticket, task)).is_ok());
        match asked {
            true => self.waiting += 1,
            // It has ended before its time: the next task begins another.
            false => self.thread = None,
        }
        asked
    }

    /// The next answer.
    pub fn answer(&mut self) -> Option<(K, Option<D>)> {
        let answer = self.thread.as_ref()?.1.try_recv().ok()?;
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting == 0 {
            self.thread = None;
        }
        Some(answer)
    }

    fn begin(&self) -> io::Result<Thread<K, T, D>> {
        let (tasks, to_do) = channel::<(K, T)>();
        let (sender, answers) = channel();
        let (waker, nice, work) = (self.waker.clone(), self.trade.nice, self.trade.work);
        let labour = move || {
            // A signal that the kernel gives to this thread would wake it for nothing.
            let _ = SigSet::all().thread_block();
            if let Some(nice) = nice {
                // Linux does this to the thread alone. Nobody may forbid it.
                let _ = setpriority_process(None, nice);
            }
            for (ticket, task) in to_do {
                let done = catch_unwind(AssertUnwindSafe(|| work(task))).ok();
                if sender.send((ticket, done)).is_err() || waker.wake().is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name(self.trade.name.into()).spawn(labour)?;
        Ok((tasks, answers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poller::Poller;

    /// What comes of a task, after the loop was woken.
    fn await_answer(worker: &mut Worker<u8, u32, u32>, poller: &mut Poller) -> (u8, Option<u32>) {
        loop {
            if let Some(answer) = worker.answer() {
                return answer;
            }
            poller.wait(None).unwrap();
        }
    }

    #[test]
    fn each_task_has_one_answer_and_a_panic_is_one() {
        let mut poller = Poller::new().unwrap();
        let work = |n: u32| 100_u32.checked_div(n).unwrap();
        let trade = Trade { name: "test", nice: Some(19), most: 2, work };
        let mut worker = Worker::new(trade, Arc::new(poller.waker().unwrap()));
        assert!(worker.answer().is_none());
        for _ in 0..2 {
            assert!(worker.ask(1, 0) && worker.ask(2, 5));
            assert!(!worker.ask(3, 1), "two wait already");
            assert_eq!(await_answer(&mut worker, &mut poller), (1, None));
            assert!(worker.thread.is_some());
            assert_eq!(await_answer(&mut worker, &mut poller), (2, Some(20)));
            assert!(worker.thread.is_none() && worker.answer().is_none(), "nothing is left to do");
        }
    }
}
