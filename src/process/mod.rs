//! The only code that forks, signals and reaps. Decides nothing: who lives and who dies is the manager's word.
#![allow(unsafe_code)]

mod child;
pub mod directories;
pub mod environment;
pub mod environment_file;
pub mod foreground;
mod inherited;
mod leftovers;
mod message;
pub mod notify;
pub mod reap;
pub mod spawn;
mod step;
pub mod template;
mod track;
pub mod user;

pub use message::{Message, Watchdog};
pub use notify::{Notification, Receiver, ancestor_session};
pub use reap::{kill_group, peek, release};
pub use spawn::{Child, Executed, Plan, SpawnError, Third, hard_limit, input, pipe, read_executed, spawn};
pub use step::status_name;
pub use track::{Death, Place, Tracker};
pub use user::{Ids, NoUser};
