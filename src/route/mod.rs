//! A pure decision: request head → who answers it. Never a socket, never a file.

mod cache;
mod front;
mod limit;
mod maintenance;
mod never_wake;
mod static_files;
mod table;

pub use cache::{CacheRules, Owner};
pub use front::{Check, Decision, Front, Request};
pub use limit::{Asked, Exceeded, Limits, Subject};
pub use maintenance::{Maintained, MaintenanceRules};
pub use never_wake::{below, is_listed};
pub use static_files::{StaticRules, Try};
