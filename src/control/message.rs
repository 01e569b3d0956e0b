//! The words of the control socket. Pure.

use serde::{Deserialize, Serialize};

use super::maintenance::{MaintenanceStatus, MaintenanceWord};
use crate::unit::Diagnostic;

/// Longest question in bytes.
pub(super) const MAX_REQUEST: usize = 4096;

/// A question: `{"verb":"status","unit":"showcase@2025-boston"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// All units.
    List,
    /// The daemon itself.
    System,
    /// One unit, with its last lines.
    Status {
        /// Its name.
        unit: String,
    },
    /// Make it active; answered when it is, or has failed.
    Start {
        /// Its name.
        unit: String,
    },
    /// Make it inactive; the next request starts it again.
    Stop {
        /// Its name.
        unit: String,
    },
    /// Read the configuration again, and use it if all of it is right.
    Reload,
    /// Have the unit's process read its own configuration again (`exec_reload`, or SIGHUP).
    #[serde(rename = "reload-unit")]
    ReloadUnit {
        /// Its name.
        unit: String,
    },
    /// Last lines, each an answer of its own.
    Logs {
        /// Names or patterns (`web@*`); all if there is none.
        units: Vec<String>,
        /// At most so many of those that are kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<usize>,
        /// From this time on: microseconds since 1970.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<u64>,
        /// And those to come, until either side ends.
        #[serde(default)]
        follow: bool,
    },
    /// Every property of a unit, or of the daemon, in systemd's words.
    Show {
        /// Its name; none is the daemon.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
    },
    /// Signal its processes.
    Kill {
        /// Its name.
        unit: String,
        /// The number of the signal.
        signal: i32,
        /// Which of them.
        whom: KillWhom,
    },
    /// Forget its failures.
    Reset {
        /// Its name; none is all units.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
    },
    /// Show the maintenance page in the place of tenants, or no longer.
    Maintenance {
        /// What to do.
        word: MaintenanceWord,
        /// Names or patterns (`web@*`); all tenants if there is none.
        units: Vec<String>,
    },
    /// A defect on purpose, to see that it is contained. Debug builds only.
    #[cfg(debug_assertions)]
    Panic,
    /// Stop it, if it is up, and start it. Its requests wait meanwhile.
    Restart {
        /// Its name.
        unit: String,
    },
}

impl Request {
    /// It changes nothing: whoever can connect may ask it.
    pub fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::List
                | Self::System
                | Self::Status { .. }
                | Self::Show { .. }
                | Self::Logs { .. }
                | Self::Maintenance { word: MaintenanceWord::Status, .. }
        )
    }
}

/// Whom `kill` signals (systemctl(1), --kill-whom).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KillWhom {
    /// The main process.
    Main,
    /// The command at hand.
    Control,
    /// Every process of the unit.
    All,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// To `list`.
    Units {
        /// In the order of their names.
        units: Vec<UnitStatus>,
    },
    /// To `status`.
    Unit {
        /// The unit.
        unit: Box<UnitStatus>,
    },
    /// To `system`.
    System {
        /// The daemon.
        system: SystemStatus,
    },
    /// A job has ended.
    Job {
        /// `done`, `failed`, `dependency`, `canceled`.
        result: String,
        /// What failed, for people; empty when done.
        detail: String,
    },
    /// To `show`.
    Properties {
        /// Names and values, each of one line.
        properties: Vec<(String, String)>,
    },
    /// To `kill` and `reset`: done.
    Done,
    /// To `maintenance`.
    Maintenance {
        /// What is so now.
        maintenance: MaintenanceStatus,
    },
    /// To `reload`: the new configuration is used.
    Reloaded {
        /// What has changed.
        reload: Reload,
    },
    /// To `reload`: it is wrong, and nothing has changed.
    Broken {
        /// All mistakes, and the warnings.
        mistakes: Vec<Diagnostic>,
    },
    /// To `logs`: a line.
    Line {
        /// The line.
        line: LogLine,
    },
    /// To `logs`: lines that were lost before the next one, since the operator reads too slowly.
    Missed {
        /// How many.
        lines: u64,
    },
    /// To `logs`: that was all.
    End,
    /// No unit has this name.
    NoSuchUnit {
        /// The name asked for.
        unit: String,
    },
    /// This user may not do that.
    Denied {
        /// Who may.
        reason: String,
    },
    /// The question is not understood.
    Refused {
        /// Why.
        reason: String,
    },
}

impl Answer {
    /// Appends the answer and its newline.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        // Our own types always serialise; an empty line would say that it was not so.
        let _ = serde_json::to_writer(&mut *out, self);
        out.push(b'\n');
    }
}

/// What a reload has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// Units that are not as they were, in the order of their names.
    pub units: Vec<UnitChange>,
    /// How many are as they were.
    pub unchanged: usize,
    /// Keys of tenantd.toml that have changed and count from now on: `[log] access`.
    pub live: Vec<String>,
    /// Keys of tenantd.toml that have changed and count when tenantd is started again.
    pub restart: Vec<String>,
    /// Sockets that could not be made, for people.
    pub failed: Vec<String>,
    /// Doubts about the new configuration.
    pub warnings: Vec<Diagnostic>,
}

/// A unit that a reload has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitChange {
    /// Full name.
    pub name: String,
    /// `applied live`, `at next start`, `needs restart`, `added` or `removed`.
    pub change: String,
    /// Keys that have changed.
    pub keys: Vec<String>,
}

/// A unit, as `list` and `status` show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitStatus {
    /// Full name.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// `high` or `normal`.
    pub priority: String,
    /// The file that defines it.
    pub source: String,
    /// `boot`, `ready`, …: what starts it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wanted_by: Vec<String>,
    /// The units that it starts: requires, binds_to, wants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// What it answers: `example.com/path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// ActiveState.
    pub active: String,
    /// SubState.
    pub sub: String,
    /// Result of the last run: `success`, `exit-code, status=203/EXEC`.
    pub result: String,
    /// The main process.
    pub pid: Option<u32>,
    /// STATUS= of the process.
    pub status: String,
    /// Starts since tenantd started.
    pub starts: u64,
    /// Failures in a row.
    pub failures: u32,
    /// Milliseconds since it entered this state.
    pub since_ms: Option<u64>,
    /// Milliseconds of the last start.
    pub boot_ms: Option<u64>,
    /// Milliseconds until it will be tried again.
    pub retry_ms: Option<u64>,
    /// Its requests.
    pub requests: Requests,
    /// How a tenant with a template was started the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preload: Option<PreloadStatus>,
    /// Its clients get the maintenance page.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub maintenance: bool,
    /// Its last lines; only in `status`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<String>,
}

/// How a tenant with a template was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreloadStatus {
    /// `template` or `exec`.
    pub by: String,
    /// The unit of its template.
    pub template: String,
    /// Why by exec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The databases it was bound to by its template.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<String>,
}

/// A line of the journal: escaped, without its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Microseconds since 1970.
    pub time: u64,
    /// Whose it is, or whom tenantd tells of; none is tenantd itself.
    pub unit: Option<String>,
    /// The process; none is tenantd.
    pub pid: Option<u32>,
    /// `stdout`, `stderr`, or `tenantd` for its own words.
    pub stream: String,
    /// What it says.
    pub text: String,
}

/// A tenant's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Requests {
    /// Sent to it.
    pub in_flight: usize,
    /// Waiting for it.
    pub waiting: usize,
    /// Open WebSockets.
    pub tunnels: usize,
    /// None is sent for a while: too many in a row failed.
    #[serde(default)]
    pub breaker_open: bool,
}

/// The daemon, as `status` without a unit shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemStatus {
    /// Version of tenantd.
    pub version: String,
    /// Its pid.
    pub pid: u32,
    /// Milliseconds since its start.
    pub up_ms: u64,
    /// `running` or `stopping`.
    pub state: String,
    /// `ready`, `not ready: waits for …`, or `stopping`: what the readiness check knows.
    #[serde(default)]
    pub readiness: String,
    /// For whom the maintenance page is on; empty: for nobody.
    #[serde(default)]
    pub maintenance: String,
    /// Addresses of the front door.
    pub listen: Vec<String>,
    /// Units.
    pub units: usize,
    /// Units that are active.
    pub active: usize,
    /// Units that failed.
    pub failed: usize,
    /// Features that a missing privilege lowered.
    pub notes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_one_line_of_json() {
        let cases = [
            (r#"{"verb":"list"}"#, Request::List),
            (r#"{"verb":"reload"}"#, Request::Reload),
            (r#"{"verb":"reload-unit","unit":"a@b"}"#, Request::ReloadUnit { unit: "a@b".to_owned() }),
            (r#"{"verb":"restart","unit":"a@b"}"#, Request::Restart { unit: "a@b".to_owned() }),
        ];
        let logs = |lines, since, follow| Request::Logs { units: vec!["a@*".to_owned()], lines, since, follow };
        let cases = cases.into_iter().chain([
            (r#"{"verb":"logs","units":["a@*"],"follow":false}"#, logs(None, None, false)),
            (r#"{"verb":"logs","units":["a@*"],"lines":10,"since":5,"follow":true}"#, logs(Some(10), Some(5), true)),
        ]);
        for (text, request) in cases {
            assert_eq!(serde_json::from_str::<Request>(text).unwrap(), request);
            assert_eq!(serde_json::to_string(&request).unwrap(), text);
        }
        for bad in [
            "",
            "{}",
            "list",
            r#"{"verb":"status"}"#,
            r#"{"verb":"rm","unit":"x"}"#,
            r#"{"verb":"stop","unit":"a","x":1}"#,
            r#"{"verb":"logs","units":[],"lines":-1}"#,
        ] {
            assert!(serde_json::from_str::<Request>(bad).is_err(), "{bad}");
        }
    }
}
