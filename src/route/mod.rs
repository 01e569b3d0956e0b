//! A pure decision: request head → who answers it. Never a socket, never a file.

mod away;
mod cookie;
mod fleet;
mod front;
mod limit;
mod never_wake;
mod placement;
mod replay;
mod sticky;
mod table;
mod variant;

pub use away::{Away, Target};
pub use fleet::Chosen;
pub use front::{Decision, Front, Request};
pub use limit::{Asked, Exceeded, Limits, Subject};
pub use never_wake::{below, is_listed};
pub use placement::home;
