//! The integration tests, one binary: real tenantd, real processes.

mod journal;
mod process;
