//! The control socket: one question, one answer, a line of JSON each.

mod client;
mod message;
mod server;

pub use client::{NoAnswer, ask};
pub use message::{Answer, Request, Requests, SystemStatus, UnitStatus};
pub use server::{OperatorKey, Server};

/// Name of the socket in the runtime directory.
pub const SOCKET: &str = "control.sock";
