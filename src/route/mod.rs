//! A pure decision: request head → who answers it. Never a socket, never a file.

mod away;
mod bots;
mod cache;
mod cookie;
mod fleet;
mod front;
mod guard;
mod limit;
mod maintenance;
mod never_wake;
mod peers;
mod placement;
mod remote;
mod replay;
mod reroute;
mod rules;
mod script;
mod static_files;
mod sticky;
mod table;
mod trace;
mod variant;

pub use away::{Away, Target};
pub use cache::{CacheRules, Owner};
pub use fleet::Chosen;
pub use front::{Check, Decision, Front, Request};
pub use guard::{Access, Guard, Realm};
pub use limit::{Asked, Exceeded, Guesses, Limits, Subject};
pub use maintenance::{Maintained, MaintenanceRules};
pub use never_wake::{below, is_listed};
pub use peers::remotes;
pub use placement::home;
pub use remote::put_target;
pub use reroute::{Elsewhere, Reroute};
pub use static_files::{StaticRules, Try};
pub use trace::Trace;
