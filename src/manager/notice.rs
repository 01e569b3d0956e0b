//! What processes say of themselves, as inputs of the table. Whose word counts is decided before (`Manager::access`).

use super::Manager;
use super::event::Notice;
use super::service::Input;
use crate::unit::UnitId;

impl Manager {
    /// A process whose word counts has said this.
    pub(super) fn notified(&mut self, id: UnitId, notice: Notice) {
        match notice {
            Notice::Ready => self.step(id, Input::Ready),
            Notice::Reloading(said) => self.step(id, Input::Reloading(said)),
            Notice::Stopping => self.step(id, Input::Stopping),
            Notice::Status(text) => self.say_status(id, text),
            Notice::MainPid(pid) if self.owner(pid).is_none() => self.step(id, Input::MainPid(pid)),
            // A command of the unit, or another unit's process.
            Notice::MainPid(_) => {}
            Notice::Extend(time) => self.step(id, Input::Extend(time)),
            Notice::Watchdog => self.step(id, Input::Watchdog),
            Notice::Trigger => self.step(id, Input::Trigger),
            Notice::Access(access) => {
                if let Some(entry) = self.units.get_mut(id) {
                    entry.service.access = Some(access);
                }
            }
            Notice::WatchdogInterval(interval) => {
                if let Some(entry) = self.units.get_mut(id) {
                    entry.service.watchdog = Some(interval);
                }
                self.step(id, Input::Watchdog);
            }
        }
    }

    fn say_status(&mut self, id: UnitId, text: String) {
        if let Some(entry) = self.units.get_mut(id).filter(|entry| entry.service.state.pid().is_some()) {
            entry.text = text;
        }
    }
}
