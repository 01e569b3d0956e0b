//! The integration tests, one binary: real tenantd, real processes.

mod given;
mod journal;
mod notify;
mod process;
mod reap;
