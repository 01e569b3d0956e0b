//! The integration tests, one binary: real tenantd, real processes.

mod config_broken;
