//! The notify socket: whose word counts, and what it means to the manager (sd_notify(3)).

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::Init;
use crate::manager::{Event, Notice};
use crate::poller::Source;
use crate::process::{Message, Notification, Watchdog};
use crate::unit::{Sender, UnitId};

/// Notify messages read before the others have their turn.
const NOTIFY_BATCH: usize = 256;

impl Init {
    /// What processes say of themselves.
    pub(super) fn hear(&mut self) {
        for _ in 0..NOTIFY_BATCH {
            let Some(Notification { sender, message, barrier }) = self.notify.next() else {
                if self.notify.failed() {
                    self.again.add(self.now, Source::Notify);
                }
                return;
            };
            if barrier.is_some() {
                // It closes when what came before is carried out.
                self.settle();
                continue;
            }
            let Some((unit, role)) = self.speaker(sender) else { continue };
            if !self.manager.access(unit).permits(role) {
                self.unheard(unit, sender);
                continue;
            }
            if !self.is_bound(unit) {
                continue;
            }
            for notice in self.notices(unit, message) {
                self.dispatch(Event::Notified(unit, notice));
            }
            self.follow(unit);
        }
        self.unread.push(Source::Notify);
    }

    /// Which unit's process it is, and what it is to the unit.
    fn speaker(&self, pid: u32) -> Option<(UnitId, Sender)> {
        if let Some(unit) = self.manager.owner(pid) {
            let main = self.manager.main(unit) == Some(pid);
            return Some((unit, if main { Sender::Main } else { Sender::Control }));
        }
        self.tracker.owner(pid).map(|unit| (unit, Sender::Other))
    }

    /// A main process that MAINPID= named is followed from now on.
    fn follow(&mut self, unit: UnitId) {
        if let Some(main) = self.manager.main(unit).filter(|main| self.tracker.leads(*main).is_none()) {
            self.tracker.add(unit, main);
        }
    }

    /// Said once a start: else a chatty child would fill the log.
    fn unheard(&mut self, id: UnitId, pid: u32) {
        let Some(starts) = self.manager.status(id).map(|status| status.starts) else { return };
        if self.unheard.insert(id, starts) == Some(starts) {
            return;
        }
        if let Some(unit) = self.manager.unit(id) {
            let advice = "not heard: it is not the main process; write notify_access = \"all\" if it may speak";
            self.journal.say(Some(&unit.name), format_args!("a notify message of pid {pid} was {advice}"));
        }
    }

    /// In systemd's order: who it is, where it stands, how long it takes, whether it lives.
    fn notices(&self, unit: UnitId, message: Message) -> Vec<Notice> {
        let own = |pid: &u32| self.tracker.owner(*pid) == Some(unit);
        let mut notices = Vec::new();
        notices.extend(message.notify_access.map(Notice::Access));
        notices.extend(message.main_pid.filter(own).map(Notice::MainPid));
        notices.extend(message.stopping.then_some(Notice::Stopping));
        notices.extend(message.ready.then_some(Notice::Ready));
        notices.extend(message.reloading.then(|| Notice::Reloading(message.monotonic_usec.and_then(self::instant))));
        notices.extend(message.status.map(Notice::Status));
        notices.extend(message.extend_timeout.map(Notice::Extend));
        notices.extend(message.watchdog.map(|word| match word {
            Watchdog::Ping => Notice::Watchdog,
            Watchdog::Trigger => Notice::Trigger,
        }));
        let interval = |usec| Duration::from_micros(if usec == u64::MAX { 0 } else { usec });
        notices.extend(message.watchdog_usec.map(interval).map(Notice::WatchdogInterval));
        notices
    }
}

/// The instant of a CLOCK_MONOTONIC time in microseconds; `None` if it is out of reach.
fn instant(usec: u64) -> Option<Instant> {
    let now = clock_gettime(ClockId::Monotonic);
    let now = Duration::new(u64::try_from(now.tv_sec).ok()?, u32::try_from(now.tv_nsec).ok()?);
    let (told, here) = (Duration::from_micros(usec), Instant::now());
    if told > now { here.checked_add(told - now) } else { here.checked_sub(now - told) }
}
