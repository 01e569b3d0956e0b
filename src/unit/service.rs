//! `[service]`: the process of a unit (systemd.service(5), systemd.exec(5)).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::account::{group, groups, user};
use super::command::{command, commands};
use super::exit_status::ExitStatus;
use super::kind::Kind;
use super::layers::Node;
use super::limit::{Limit, byte_limit, count_limit, time_limit};
use super::mode::{mode, umask};
use super::notify_access::NotifyAccess;
use super::path_list::{EnvironmentFile, directories};
use super::preload::{Engine, PreloadStart, warm_paths};
use super::section::section;
use super::signal::Signal;
use super::value::{Cx, Value, between, check_variable, positive};

section! {
    /// How to run and stop a unit's process.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Service in "service" (fields) {
        /// When it counts as started: `exec` (default), `notify`, `notify-reload` or `oneshot`.
        kind in "type": ServiceType = ServiceType::Exec;
        /// The main command: an array of words, or a string split as a shell splits words, without a shell. The first word is
        /// an absolute path, or a name looked up in the service's `PATH`.
        exec_start: Vec<String> as command = fields.required("exec_start", "write exec_start = [\"program\", \"argument\"]");
        /// Run one after the other before `exec_start`; the first that fails ends the start. One string is one command; in an
        /// array each item is a command, a string or an array of words.
        exec_start_pre: Vec<Vec<String>> as commands = Vec::new();
        /// Run one after the other once the service is started, before what comes after it is; the first that fails ends it.
        exec_start_post: Vec<Vec<String>> as commands = Vec::new();
        /// Run one after the other by `tenantd reload UNIT`, with `MAINPID`: `"sh -c 'kill -HUP $MAINPID'"`. A failure leaves
        /// the service as it was.
        exec_reload: Vec<Vec<String>> as commands = Vec::new();
        /// Run one after the other to stop a started service, with `MAINPID`; what then still runs gets `kill_signal`.
        exec_stop: Vec<Vec<String>> as commands = Vec::new();
        /// Run one after the other when the service is down, also after a failed start, with `SERVICE_RESULT`, `EXIT_CODE`
        /// and `EXIT_STATUS`.
        exec_stop_post: Vec<Vec<String>> as commands = Vec::new();
        /// Its end is the container's end, with its exit code (128+n after signal n); default false.
        essential: bool = false;
        /// Working directory, an absolute path; default `/`.
        working_directory: Option<PathBuf> = None;
        /// User to run as: a name, or a number (`1000`, or `1000:1000` with the group). Default: tenantd's own.
        user: Option<String> as user = None;
        /// Primary group, by name or number; default: the user's.
        group: Option<String> as group = None;
        /// More groups, by name or number, beside those that /etc/group gives the user.
        supplementary_groups: Vec<String> as groups = Vec::new();
        /// Permission bits that new files do not get: "0027", or 0o027; default "0022".
        umask: Option<u32> as umask = None;
        /// Nice level, -20 (first) to 19 (last); default: tenantd's own. Below it needs CAP_SYS_NICE.
        nice: Option<i32> as nice = None;
        /// What the kernel kills first when memory is out, -1000 (never) to 1000 (first); default 100, and tenantd's own for
        /// high-priority units. Below tenantd's own needs CAP_SYS_RESOURCE.
        oom_score_adj: Option<i32> as points = None;
        /// Most open files, "soft:hard" or one for both; default: as tenantd was given. Raising a hard limit needs
        /// CAP_SYS_RESOURCE; this is so for all limits.
        limit_nofile: Option<Limit> as count_limit = None;
        /// Most processes and threads of the user, whoever started them.
        limit_nproc: Option<Limit> as count_limit = None;
        /// Largest core dump, in bytes ("64M", "soft:hard", "infinity").
        limit_core: Option<Limit> as byte_limit = None;
        /// Most locked memory, in bytes.
        limit_memlock: Option<Limit> as byte_limit = None;
        /// Largest stack, in bytes.
        limit_stack: Option<Limit> as byte_limit = None;
        /// Most address space, in bytes.
        limit_as: Option<Limit> as byte_limit = None;
        /// Largest file that it may write, in bytes.
        limit_fsize: Option<Limit> as byte_limit = None;
        /// Most processor time, in seconds or as a time span ("10m"), of each process.
        limit_cpu: Option<Limit> as time_limit = None;
        /// Most private memory, in bytes.
        limit_data: Option<Limit> as byte_limit = None;
        /// Directories made below /run (for an ordinary user below `$XDG_RUNTIME_DIR`) at each start, owned by the user, in
        /// `RUNTIME_DIRECTORY`. Removed when the unit is down.
        runtime_directory: Vec<PathBuf> as directories = Vec::new();
        /// Their permission bits; default "0755".
        runtime_directory_mode: u32 as mode = 0o755;
        /// Directories made below /var/lib (for an ordinary user below `$XDG_STATE_HOME`, or ~/.local/state) at each start,
        /// owned by the user, in `STATE_DIRECTORY`. Never removed.
        state_directory: Vec<PathBuf> as directories = Vec::new();
        /// Their permission bits; default "0755".
        state_directory_mode: u32 as mode = 0o755;
        /// Variables of the process. It inherits nothing else but `PATH`, `LANG`, `LC_ALL`, `TZ` and `TERM`.
        environment: BTreeMap<String, String> = BTreeMap::new();
        /// Names of variables passed on from tenantd's own environment.
        pass_environment: Vec<String> as variables = Vec::new();
        /// Files of NAME=value lines, read at each start; absolute paths, with "-" before one that may be missing. They win over
        /// `environment`.
        environment_file: Vec<EnvironmentFile> = Vec::new();
        /// Whether it is started again when it ends by itself: `no` (default), `always`, `on-success`, `on-failure`,
        /// `on-abnormal` (signal, timeout, watchdog) or `on-watchdog`.
        restart: Restart = Restart::No;
        /// First delay before a restart; default 100 ms.
        restart_sec: Duration = Duration::from_millis(100);
        /// Longest delay before a restart; default 30 s.
        restart_max_delay_sec: Duration = Duration::from_secs(30).max(restart_sec);
        /// Steps from the first to the longest delay; default 8.
        restart_steps: u32 as positive = 8;
        /// So many starts after a failure within `start_limit_interval` are allowed; the next one waits, each time longer, up to
        /// `restart_max_delay_sec`. Default 5.
        start_limit_burst: u32 as positive = 5;
        /// See `start_limit_burst`; default 10 s.
        start_limit_interval: Duration = Duration::from_secs(10);
        /// Exit codes and signals that count as success too: `[75, "SIGUSR1"]`.
        success_exit_status: Vec<ExitStatus> = Vec::new();
        /// Exit codes and signals after which it is not restarted.
        restart_prevent_exit_status: Vec<ExitStatus> = Vec::new();
        /// Whose words on `NOTIFY_SOCKET` count: `main` (default), `exec` (commands too), `all` (every process of the unit) or
        /// `none`.
        notify_access: NotifyAccess = NotifyAccess::Main;
        /// It is stopped (SIGABRT) and failed when it does not say WATCHDOG=1 for so long; default "infinity", never.
        watchdog: Option<Duration> = None;
        /// First signal of a stop; default SIGTERM. SIGCONT follows.
        kill_signal: Signal = Signal::TERM;
        /// Whom a stop signals: `group` (default) all processes of the unit, `mixed` the main one first and all at the end,
        /// `process` the main one alone.
        kill_mode: KillMode = KillMode::Group;
        /// Longest start, pre-commands included; default 90 s, `None` ("infinity") is no limit (the default for oneshot).
        timeout_start: Option<Duration> = (kind != ServiceType::Oneshot).then_some(Duration::from_secs(90));
        /// From SIGTERM to SIGKILL; default 5 s.
        timeout_stop: Duration = Duration::from_secs(5);
        /// Stop after so long without a request; `None` ("infinity", the default) is never. Tenants only.
        idle_stop: Option<Duration> = None;
        /// Tenants are forked from a template that has booted the application once, unit NAME@.preload: `rails` (on Puma) or
        /// `wsgi` (Python on gunicorn). Where that cannot be, a tenant is started by `exec_start` as ever, and `status` says why.
        preload: Option<Engine> = None;
        /// Paths that the template asks the application for before the first fork, so that their views are compiled once for
        /// all; default ["/"]. The database is an empty one, with what db/preload_seeds.rb puts into it, if there is one.
        preload_warm: Vec<String> as warm_paths = vec!["/".into()];
        /// A file below `working_directory` that each forked tenant runs before its first request, to make its own what the
        /// application has read from the environment; default "config/tenant_fork.rb" (for `wsgi` "tenant_fork.py"), if there is one.
        preload_hook: Option<String> = None;
        /// Variables that the application reads while it boots and in which tenants may differ all the same, because
        /// `preload_hook` takes care of them. `tenantd preload doctor UNIT` tells which.
        preload_env: Vec<String> as variables = Vec::new();
        /// When the template is started: `wanted` (default) with the first tenant, and stopped when none has run for
        /// `idle_stop`; `boot` with tenantd, and it stays.
        preload_start: PreloadStart = PreloadStart::Wanted;
        /// A oneshot stays active after it exited with success; default false.
        remain_after_exit: bool = false;
    }
}

impl Service {
    /// The limits that are set: key, resource of setrlimit(2), limit.
    #[allow(clippy::unnecessary_cast, reason = "the C libraries do not agree on the sign of these small numbers")]
    pub fn limits(&self) -> impl Iterator<Item = (&'static str, u32, Limit)> {
        let all = [
            ("limit_nofile", libc::RLIMIT_NOFILE, self.limit_nofile),
            ("limit_nproc", libc::RLIMIT_NPROC, self.limit_nproc),
            ("limit_core", libc::RLIMIT_CORE, self.limit_core),
            ("limit_memlock", libc::RLIMIT_MEMLOCK, self.limit_memlock),
            ("limit_stack", libc::RLIMIT_STACK, self.limit_stack),
            ("limit_as", libc::RLIMIT_AS, self.limit_as),
            ("limit_fsize", libc::RLIMIT_FSIZE, self.limit_fsize),
            ("limit_cpu", libc::RLIMIT_CPU, self.limit_cpu),
            ("limit_data", libc::RLIMIT_DATA, self.limit_data),
        ];
        all.into_iter().filter_map(|(key, resource, limit)| Some((key, resource as u32, limit?)))
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
    /// As `notify`, and reloaded by SIGHUP: it says RELOADING=1, then READY=1.
    NotifyReload,
    /// Started when it has exited with success.
    Oneshot,
}

impl ServiceType {
    /// Ready when it says READY=1.
    pub fn notifies(self) -> bool {
        matches!(self, Self::Notify | Self::NotifyReload)
    }
}

/// `[service] restart`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// Never. A tenant is started again by its next request all the same.
    #[default]
    No,
    /// Whatever the result.
    Always,
    /// After success alone.
    OnSuccess,
    /// After anything but success.
    OnFailure,
    /// After a signal, a timeout or a missed watchdog.
    OnAbnormal,
    /// After a missed watchdog alone.
    OnWatchdog,
}

/// `[service] kill_mode` (systemd.kill(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KillMode {
    /// Every process of the unit gets `kill_signal`, and SIGKILL what does not end in time. systemd's `control-group`.
    #[default]
    Group,
    /// The main process gets `kill_signal`; what is left when it has ended gets SIGKILL.
    Mixed,
    /// The main process alone; what it leaves behind runs on.
    Process,
}

impl Value for ServiceType {
    const KIND: Kind = Kind::Words(&["exec", "notify", "notify-reload", "oneshot"]);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let words = [("exec", Self::Exec), ("notify", Self::Notify), ("notify-reload", Self::NotifyReload)];
        cx.one_of(node, &[&words[..], &[("oneshot", Self::Oneshot)]].concat())
    }
}

impl Value for Restart {
    const KIND: Kind = Kind::Words(&["no", "always", "on-success", "on-failure", "on-abnormal", "on-watchdog"]);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let words = [("no", Self::No), ("always", Self::Always), ("on-success", Self::OnSuccess)];
        let more =
            [("on-failure", Self::OnFailure), ("on-abnormal", Self::OnAbnormal), ("on-watchdog", Self::OnWatchdog)];
        cx.one_of(node, &[words, more].concat())
    }
}

impl Value for KillMode {
    const KIND: Kind = Kind::Words(&["group", "mixed", "process", "control-group"]);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        // systemd's word for the group is understood too.
        let words = [("group", Self::Group), ("mixed", Self::Mixed), ("process", Self::Process)];
        if node.value.as_str() == Some("control-group") { Some(Self::Group) } else { cx.one_of(node, &words) }
    }
}

/// Nice level.
fn nice(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<i32>> {
    between(node, cx, -20, 19).map(Some)
}

/// Points of the OOM killer.
fn points(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<i32>> {
    between(node, cx, -1000, 1000).map(Some)
}

/// Names of environment variables.
pub(crate) fn variables(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<String>> {
    let names = Vec::<String>::read(node, cx)?;
    for (name, item) in names.iter().zip(node.items()) {
        cx.good(item.place, check_variable(name))?;
    }
    Some(names)
}
