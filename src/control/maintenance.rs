//! The words of `maintenance` on the control socket. Pure.

use serde::{Deserialize, Serialize};

/// What to do about maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaintenanceWord {
    /// Begin it.
    On,
    /// End it.
    Off,
    /// Only tell.
    Status,
}

/// Where there is maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceStatus {
    /// Why all tenants are in it: `command`, `configuration` or `boot`; none: they are not.
    pub all: Option<String>,
    /// What was said of some, in order: the last one that matches counts.
    pub switches: Vec<MaintenanceSwitch>,
    /// The tenants that are in maintenance, of those asked for.
    pub units: Vec<String>,
}

/// What was said of some tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceSwitch {
    /// A name or a pattern.
    pub units: String,
    /// Whether it is on.
    pub on: bool,
}
