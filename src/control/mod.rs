//! The control socket: one question, one answer, a line of JSON each; to `logs` as many answers as there are lines.

mod client;
mod maintenance;
mod message;
mod server;

pub use client::{NoAnswer, Question, Stream, ask, listen};
pub use maintenance::{MaintenanceStatus, MaintenanceSwitch, MaintenanceWord};
pub use message::{
    Answer, KillWhom, LogLine, PreloadStatus, Reload, Request, Requests, SystemStatus, UnitChange, UnitStatus,
};
pub use server::{OperatorKey, Server};

/// Name of the socket in the runtime directory.
pub const SOCKET: &str = "control.sock";
