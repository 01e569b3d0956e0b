//! `[service]`: the process of a unit (systemd.service(5), systemd.exec(5)).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How to run and stop a unit's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// When it counts as started.
    pub kind: ServiceType,
    /// The main command; the first word is an absolute path, or a name looked up in the service's `PATH`.
    pub exec_start: Vec<String>,
    /// Run one after the other before `exec_start`; the first that fails ends the start.
    pub exec_start_pre: Vec<Vec<String>>,
    /// Working directory; default `/`.
    pub working_directory: Option<PathBuf>,
    /// User to run as: a name, or a number (`1000`, or `1000:1000` with the group). Default: tenantd's own.
    pub user: Option<String>,
    /// Variables of the process. It inherits nothing else but `PATH`, `LANG`, `LC_ALL`, `TZ` and `TERM`.
    pub environment: BTreeMap<String, String>,
    /// Names of variables passed on from tenantd's own environment.
    pub pass_environment: Vec<String>,
    /// Whether it is started again when it ends by itself.
    pub restart: Restart,
    /// First delay before a restart; default 100 ms.
    pub restart_sec: Duration,
    /// Longest delay before a restart; default 30 s.
    pub restart_max_delay_sec: Duration,
    /// Steps from the first to the longest delay; default 8.
    pub restart_steps: u32,
    /// Longest start, pre-commands included; default 90 s, `None` is no limit (the default for oneshot).
    pub timeout_start: Option<Duration>,
    /// From SIGTERM to SIGKILL; default 5 s.
    pub timeout_stop: Duration,
    /// Stop after so long without a request; `None` (the default) is never. Tenants only.
    pub idle_stop: Option<Duration>,
    /// A oneshot stays active after it exited with success.
    pub remain_after_exit: bool,
}

/// `[service] type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServiceType {
    /// Started when execve(2) succeeded. The default.
    #[default]
    Exec,
    /// Started when it says READY=1 on `NOTIFY_SOCKET` (sd_notify(3)).
    Notify,
    /// Started when it has exited with success.
    Oneshot,
}

/// `[service] restart`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// Never. A tenant is started again by its next request all the same.
    #[default]
    No,
    /// Whatever the result.
    Always,
    /// After anything but success.
    OnFailure,
}
