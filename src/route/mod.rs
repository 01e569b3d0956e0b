//! A pure decision: request head → who answers it. Never a socket, never a file.

mod front;
mod guard;
mod limit;
mod never_wake;
mod remote;
mod reroute;
mod rules;
mod script;
mod table;
mod trace;

pub use front::{Decision, Front, Request};
pub use guard::{Access, Guard, Realm};
pub use limit::{Asked, Exceeded, Guesses, Limits, Subject};
pub use never_wake::{below, is_listed};
pub use remote::put_target;
pub use reroute::{Elsewhere, Reroute};
pub use trace::Trace;
