//! `[service]`: the process of a unit (systemd.service(5), systemd.exec(5)).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::command::{command, commands};
use super::layers::Node;
use super::section::section;
use super::value::{Cx, Value, check_variable, positive};

section! {
    /// How to run and stop a unit's process.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Service in "service" (fields) {
        /// When it counts as started: `exec` (default), `notify` or `oneshot`.
        kind in "type": ServiceType = ServiceType::Exec;
        /// The main command: an array of words, or a string split as a shell splits words, without a shell. The first word is
        /// an absolute path, or a name looked up in the service's `PATH`.
        exec_start: Vec<String> as command = fields.required("exec_start", "write exec_start = [\"program\", \"argument\"]");
        /// Run one after the other before `exec_start`; the first that fails ends the start. One string is one command; in an
        /// array each item is a command, a string or an array of words.
        exec_start_pre: Vec<Vec<String>> as commands = Vec::new();
        /// Working directory, an absolute path; default `/`.
        working_directory: Option<PathBuf> = None;
        /// User to run as: a name, or a number (`1000`, or `1000:1000` with the group). Default: tenantd's own.
        user: Option<String> as user = None;
        /// Variables of the process. It inherits nothing else but `PATH`, `LANG`, `LC_ALL`, `TZ` and `TERM`.
        environment: BTreeMap<String, String> = BTreeMap::new();
        /// Names of variables passed on from tenantd's own environment.
        pass_environment: Vec<String> as variables = Vec::new();
        /// Whether it is started again when it ends by itself: `no` (default), `always` or `on-failure`.
        restart: Restart = Restart::No;
        /// First delay before a restart; default 100 ms.
        restart_sec: Duration = Duration::from_millis(100);
        /// Longest delay before a restart; default 30 s.
        restart_max_delay_sec: Duration = Duration::from_secs(30).max(restart_sec);
        /// Steps from the first to the longest delay; default 8.
        restart_steps: u32 as positive = 8;
        /// Longest start, pre-commands included; default 90 s, `None` ("infinity") is no limit (the default for oneshot).
        timeout_start: Option<Duration> = (kind != ServiceType::Oneshot).then_some(Duration::from_secs(90));
        /// From SIGTERM to SIGKILL; default 5 s.
        timeout_stop: Duration = Duration::from_secs(5);
        /// Stop after so long without a request; `None` ("infinity", the default) is never. Tenants only.
        idle_stop: Option<Duration> = None;
        /// A oneshot stays active after it exited with success; default false.
        remain_after_exit: bool = false;
    }
}

/// `[service] type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServiceType {
    /// Started when execve(2) succeeded. The default.
    #[default]
    Exec,
    /// Started when it says READY=1 on `NOTIFY_SOCKET` (sd_notify(3)), or answers a request without having said it.
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

impl Value for ServiceType {
    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.one_of(node, &[("exec", Self::Exec), ("notify", Self::Notify), ("oneshot", Self::Oneshot)])
    }
}

impl Value for Restart {
    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.one_of(node, &[("no", Self::No), ("always", Self::Always), ("on-failure", Self::OnFailure)])
    }
}

/// A user's name or number, with or without a group's number.
fn user(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<String>> {
    let text = String::read(node, cx)?;
    let number = |part: &str| part.parse::<u32>().is_ok_and(|id| id != u32::MAX);
    let numbers = text.split_once(':').map_or_else(|| number(&text), |(user, group)| number(user) && number(group));
    let letters = |b: u8| b.is_ascii_alphanumeric() || b"_.-$".contains(&b);
    let name = text.bytes().all(letters) && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !numbers && !name {
        cx.error(node.place, format!("\"{text}\" is no user; write a name, \"1000\" or \"1000:1000\""));
        return None;
    }
    Some(Some(text))
}

/// Names of environment variables.
fn variables(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<String>> {
    let names = Vec::<String>::read(node, cx)?;
    for (name, item) in names.iter().zip(node.items()) {
        cx.good(item.place, check_variable(name))?;
    }
    Some(names)
}
