//! The integration tests, one binary: real tenantd, real processes.

mod config_broken;
mod given;
mod journal;
mod notify;
mod process;
mod reap;
