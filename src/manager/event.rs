//! The words that the manager hears and says.

use std::time::{Duration, Instant};

use crate::unit::{Name, NotifyAccess, Priority, Signal, UnitId};

/// What happened (past tense).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The machine is up: start what boot wants.
    Booted,
    /// Somebody asked for a job (control socket).
    Asked(JobId, UnitId, JobKind),
    /// A request waits for the tenant, or a connection lies in its listener's queue.
    Wanted(UnitId),
    /// All who waited for the tenant have left: a start that has not begun is off.
    Unwanted(UnitId),
    /// The tenant has had no request, no WebSocket and nothing waiting for its `idle_stop`.
    Idled(UnitId),
    /// The tenant has answered its first request since it was started: it works.
    Served(UnitId),
    /// After [`Action::Hold`]: no request is in flight any more.
    Drained(UnitId),
    /// After [`Action::Spawn`]: the process exists (it may not have executed its program yet).
    Spawned(UnitId, u32),
    /// After [`Action::Spawn`]: no process could be made (fork, pipes, user look-up …).
    SpawnFailed(UnitId),
    /// After [`Action::Fork`], until the unit is up: it cannot be forked, or what was forked is of no use.
    Unforked {
        /// The unit that was to be forked.
        unit: UnitId,
        /// It is the template's fault, and not the unit's.
        fault: bool,
    },
    /// execve(2) of the process succeeded.
    Executed(UnitId, u32),
    /// After [`Action::Probe`]: the port answers.
    Reached(UnitId),
    /// A process of the unit whose word counts has said this (sd_notify(3)).
    Notified(UnitId, Notice),
    /// A child of ours was reaped; pids that belong to no unit are ignored.
    Exited {
        /// Whose.
        pid: u32,
        /// How it ended.
        exit: Exit,
        /// Other processes of the unit, neither main nor command, are alive.
        rest: bool,
    },
    /// The last process of the unit that was neither main nor command has ended.
    Emptied(UnitId),
    /// The template has booted another release than the one that is there now.
    Outdated(UnitId),
    /// Somebody asked to forget the failures of the unit (control socket).
    Reset(UnitId),
    /// After [`Action::MakeRoom`]: of the tenants that run, this one is idle longest.
    Idlest(UnitId),
    /// SIGTERM or SIGINT: the first stops everything in order, the second at once.
    Signalled,
}

/// What is to be done (imperative).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Its template has another release: it is stopped as soon as it is idle, whatever its `idle_stop`.
    Recycle(UnitId),
    /// Make the process of this step. Answered by `Spawned` or `SpawnFailed`, in the same turn.
    Spawn(UnitId, Step),
    /// Have its main process forked by this template. Answered by `Spawned`, later, and by `Executed` when the process is
    /// the unit's own; or by `Unforked`, at any time until it is up. A `Spawn` or `Kill` takes it back.
    Fork(UnitId, UnitId),
    /// Signal processes of the unit; SIGCONT follows all but SIGKILL, so that stopped ones hear it.
    Kill(UnitId, Whom, Signal),
    /// A tenant waits for room (`[pool] running`): say `Idlest` of one that is idle, now or as soon as there is one. `false`
    /// takes that back.
    MakeRoom(bool),
    /// The unit is down: watch its listener, and say `Wanted` when a connection arrives.
    Watch(UnitId),
    /// Its listener is not watched any more: the unit is up or coming, or its requests are about to be refused.
    Unwatch(UnitId),
    /// Requests may be connected and sent: at once for a passed socket, even while the tenant boots.
    Open(UnitId),
    /// Requests wait from now on; empty the pool; say `Drained` when none is in flight.
    Hold(UnitId),
    /// The process is gone, or the start that was waited for is off. What was sent to it and is still open lies in the
    /// listener's queue; say `Wanted` again if something waits and no `Refuse` follows.
    Gone(UnitId),
    /// Answer what waits, and what comes before this instant, with 503 and Retry-After; drop the listener's queue.
    Refuse(UnitId, Instant),
    /// Connect to the unit's port until it answers (every 10 ms), then say `Reached`. Ends with the next `Hold`, `Gone`
    /// or `Refuse`.
    Probe(UnitId),
    /// The unit is another from now on: its route, its idle clock and, when it is down, its socket. A new unit is made known.
    Renew(UnitId),
    /// The unit is down and no more: unlink its socket, answer what still waits for it, forget it.
    Remove(UnitId),
    /// A job has ended.
    Finish(JobId, JobResult),
    /// Say this in the log, as tenantd, about this unit.
    Tell(UnitId, Line),
    /// All is down: exit with this code.
    Exit(u8),
}

/// Which processes of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// This one: the main process or a command, not reaped yet.
    Process(u32),
    /// The main process and the command at hand, not what they have forked.
    Own,
    /// Every one, whatever its parent, group or session.
    All,
}

/// What a process says of itself (sd_notify(3)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// READY=1.
    Ready,
    /// RELOADING=1, with the time that MONOTONIC_USEC= gave.
    Reloading(Option<Instant>),
    /// STOPPING=1.
    Stopping,
    /// STATUS=.
    Status(String),
    /// MAINPID=: a process of the unit.
    MainPid(u32),
    /// EXTEND_TIMEOUT_USEC=: the phase at hand may take so long from now.
    Extend(Duration),
    /// WATCHDOG=1.
    Watchdog,
    /// WATCHDOG=trigger.
    Trigger,
    /// WATCHDOG_USEC=; zero turns the watchdog off.
    WatchdogInterval(Duration),
    /// NOTIFYACCESS=.
    Access(NotifyAccess),
}

/// Which command of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// `exec_start_pre[n]`.
    StartPre(usize),
    /// `exec_start`.
    Start,
    /// `exec_start_post[n]`.
    StartPost(usize),
    /// `exec_start` of a template, beside the process that it replaces once it has booted.
    Replace,
    /// `exec_reload[n]`.
    Reload(usize),
    /// `exec_stop[n]`.
    Stop(usize),
    /// `exec_stop_post[n]`.
    StopPost(usize),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// exit(3) with this status.
    Code(u8),
    /// Killed by this signal; `true` with a core dump.
    Signal(i32, bool),
    /// Killed by the kernel, because the unit's memory was at its limit.
    OutOfMemory,
}

/// A job somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// Make it active.
    Start,
    /// Make it inactive; it stays so until the next request or start.
    Stop,
    /// Stop, if it is up, then start.
    Restart,
    /// `exec_reload`, or SIGHUP for `type = "notify-reload"`.
    Reload,
}

/// How a job ended (systemd's words).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobResult {
    /// As asked.
    Done,
    /// The unit failed to start.
    Failed(Outcome),
    /// A unit that it requires failed.
    Dependency(Name),
    /// Another job took its place.
    Canceled,
    /// It cannot do that: it is not active, or has nothing to reload with.
    Invalid,
}

/// ActiveState of systemd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActiveState {
    /// Down, and well.
    Inactive,
    /// Coming up.
    Activating,
    /// Up.
    Active,
    /// Up, and reading its configuration again.
    Reloading,
    /// Going down.
    Deactivating,
    /// Down after a failure.
    Failed,
}

/// Result of the last run (systemd's `Result=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Ended well, or never ran.
    Success,
    /// Exited with this code.
    ExitCode(u8),
    /// Killed by this signal; `true` with a core dump.
    Signal(i32, bool),
    /// Did not start or stop in time.
    Timeout,
    /// No process could be made.
    Resources,
    /// A notify unit exited before READY=1, or a tenant with success as soon as it was up.
    Protocol,
    /// Not started: a unit that it requires failed.
    Dependency,
    /// It did not say WATCHDOG=1 in time.
    Watchdog,
    /// The kernel killed one of its processes, because its memory was at its limit.
    OomKill,
}

/// One message about a unit, for the log and `tenantd status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// `starting`
    Starting,
    /// `started in 1.02s, pid 123`
    Started(u32, Duration),
    /// `started in 42ms by its template, pid 123`
    Forked(u32, Duration),
    /// `finished in 1.02s`: a oneshot, or a service that has exited with success as soon as it was started.
    Finished(Duration),
    /// `stopping: idle` …
    Stopping(Why),
    /// `stopping: no READY=1 in 90s …`: the start took too long.
    Overdue(Overdue, Duration),
    /// `stopped`
    Stopped,
    /// `failed: exit-code, status=203/EXEC; next try in 100ms`
    Failed(Outcome, Option<Duration>),
    /// `failed: exit-code, status=1/FAILURE; start limit hit, next try in 10s`
    Limited(Outcome, Duration),
    /// `did not stop in 5s: SIGKILL`
    Killing(Duration),
    /// `no WATCHDOG=1 in 30s: SIGABRT`
    Watchdog,
    /// `its main process ended: exit-code, status=1/FAILURE; exec_stop_post or processes that are left follow`
    Ended(Outcome),
    /// `reloading`
    Reloading,
    /// `reloaded`, or why not
    Reloaded(Outcome),
    /// `not started: requires redis, which failed`
    Dependency(Name),
}

/// Why a unit is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// No request for its `idle_stop`.
    Idle,
    /// Asked for.
    Asked,
    /// The configuration does not have it any more.
    Removed,
    /// The container ends.
    Shutdown,
    /// It said STOPPING=1.
    Itself,
    /// It did not get ready in time.
    Timeout,
    /// A command or its main process failed before it was up.
    Failed,
    /// Its main process has ended.
    Ended,
    /// Its main process has ended with success as soon as it was started.
    Finished,
    /// It did not say WATCHDOG=1 in time.
    Watchdog,
    /// Another tenant needs its place.
    Room,
    /// A unit that it is bound to, requires or is part of is stopped.
    Dependency,
    /// A unit that it conflicts with is started.
    Conflict,
}

/// What a start that took too long did not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// End a pre-command.
    Pre,
    /// Answer at its port.
    Port,
    /// Say READY=1.
    Ready,
    /// End a command that follows the start.
    Post,
    /// Anything else: a oneshot has to end, a program to be executed.
    Start,
}

/// What `tenantd status` shows of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The unit.
    pub name: Name,
    /// Its description.
    pub description: String,
    /// High or normal.
    pub priority: Priority,
    /// ActiveState.
    pub active: ActiveState,
    /// SubState, in systemd's words (`dead waiting start-pre start running exited stop stop-sigterm stop-sigkill failed
    /// auto-restart`; `waiting` is ours: a start that waits for its order or a boot slot).
    pub sub: &'static str,
    /// Result of the last run.
    pub outcome: Outcome,
    /// The main process, or the command at hand.
    pub pid: Option<u32>,
    /// The main process alone.
    pub main: Option<u32>,
    /// How the main process of the last run ended.
    pub last_exit: Option<Exit>,
    /// STATUS= of the process.
    pub text: String,
    /// Starts since tenantd started.
    pub starts: u64,
    /// Failures in a row.
    pub failures: u32,
    /// Restarts in a row that nobody asked for.
    pub restarts: u32,
    /// The start limit holds it back (StartLimitHit=).
    pub limited: bool,
    /// When it will be tried again (on request), for a unit that failed.
    pub retry: Option<Instant>,
    /// Since when it has been in this state.
    pub since: Option<Instant>,
    /// The main process of the last start was forked from the template.
    pub forked: bool,
    /// Time from spawn to ready of the last start.
    pub boot: Option<Duration>,
}
