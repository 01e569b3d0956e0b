//! A pure decision: request head → who answers it. Never a socket, never a file.

mod front;
mod limit;
mod never_wake;
mod script;
mod table;

pub use front::{Decision, Front, Request};
pub use limit::{Asked, Exceeded, Limits, Subject};
pub use never_wake::{below, is_listed};
