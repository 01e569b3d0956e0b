//! Starts the real tenantd with a configuration of its own, and tells what it did.

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::client::{Connection, Reply};
use crate::log::Log;
use crate::procfs;
use crate::setup::Setup;

/// Longest time for anything that must happen.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running tenantd. Killed, with everything it started, when it is dropped.
pub struct Init {
    setup: Setup,
    address: SocketAddr,
    child: Child,
    log: Log,
}

/// What a verb of the command line did.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Init {
    /// An empty configuration.
    #[expect(clippy::new_ret_no_self, reason = "reads as Init::new().unit(…).start()")]
    pub fn new() -> Setup {
        Setup::new()
    }

    /// Runs `command`, whose configuration `setup` has written.
    pub(crate) fn launch(setup: Setup, address: SocketAddr, mut command: Command) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        command.stdin(Stdio::null()).stdout(writer.try_clone().expect("a pipe")).stderr(writer);
        let child = command.spawn().expect("setpriv and unshare of util-linux");
        // The command holds the pipe's write ends: without them here, the log ends with tenantd.
        drop(command);
        Self { setup, address, child, log: Log::collect(reader) }
    }

    /// Waits until the front door takes connections.
    #[track_caller]
    pub(crate) fn wait_listening(&mut self) {
        eventually("tenantd listens", || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("tenantd ended at once: {status}\n{}", self.log.tail(50));
            }
            TcpStream::connect(self.address).is_ok()
        });
    }
}

impl Init {
    /// The front door.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The configuration directory.
    pub fn path(&self) -> &Path {
        self.setup.path()
    }

    /// A file in the configuration directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// The log so far.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// A connection to the front door.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address).unwrap_or_else(|error| panic!("{error}\n{}", self.log.tail(20)))
    }

    /// One request on a connection of its own.
    #[track_caller]
    pub fn request(&self, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Reply {
        let reply = self.connect().request(method, target, fields, body);
        reply.unwrap_or_else(|error| panic!("{method} {target}: {error}\n{}", self.log.tail(20)))
    }

    /// GET.
    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        self.request("GET", target, &[], b"")
    }

    /// POST.
    #[track_caller]
    pub fn post(&self, target: &str, body: &[u8]) -> Reply {
        self.request("POST", target, &[], body)
    }

    /// Sends `bytes`, ends the sending side, and reads until the server closes.
    #[track_caller]
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut connection = self.connect();
        // A server that refuses early may close while we still write: its answer counts.
        let _ = connection.send(bytes).and_then(|()| connection.finish());
        String::from_utf8_lossy(&connection.rest()).into_owned()
    }

    /// Waits for a log line that contains every one of `words`.
    #[track_caller]
    pub fn wait_log(&self, words: &[&str]) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(line) = self.log.with(words).pop() {
                return line;
            }
            assert!(Instant::now() < end, "no line with {words:?} in\n{}", self.log.tail(60));
            thread::sleep(Duration::from_millis(3));
        }
    }

    /// Runs a verb: `init.verb(&["status", "web@boston"])`.
    pub fn verb(&self, words: &[&str]) -> Ran {
        verb(self.path(), words)
    }

    /// The same in tenantd's own namespaces, as `docker exec` would.
    pub fn inside(&self, words: &[&str]) -> Ran {
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(self.pid().to_string());
        // unshare's user namespace owns the others, unless we are root; nobody enters the one that he is in.
        let unshare = self.child.id();
        if procfs::namespace(unshare, "user") != procfs::namespace(std::process::id(), "user") {
            command.arg(format!("--user=/proc/{unshare}/ns/user")).arg("--preserve-credentials");
        }
        command.args(["--mount", "--pid", "--", TENANTD, "--config"]);
        ran(command.arg(self.path()).args(words).stdin(Stdio::null()))
    }

    /// `tenantd list --json`.
    #[track_caller]
    pub fn list(&self) -> Vec<Value> {
        match self.verb(&["list", "--json"]).json() {
            Value::Array(units) => units,
            other => panic!("list --json: {other}"),
        }
    }

    /// `tenantd status UNIT --json`.
    #[track_caller]
    pub fn status(&self, unit: &str) -> Value {
        self.verb(&["status", unit, "--json"]).json()
    }

    /// Waits until the unit is in this ActiveState.
    #[track_caller]
    pub fn wait_active(&self, unit: &str, active: &str) {
        let end = Instant::now() + DEADLINE;
        loop {
            let status = self.status(unit);
            if status["active"] == active {
                return;
            }
            assert!(Instant::now() < end, "{unit} is not {active}: {status}\n{}", self.log.tail(20));
            thread::sleep(Duration::from_millis(3));
        }
    }

    /// tenantd's pid as we see it.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        if self.setup.is_ordinary() {
            return self.child.id();
        }
        *procfs::children(self.child.id()).first().expect("tenantd in its namespace")
    }

    /// Our pid of a process that tenantd knows as `inner`.
    pub fn outer(&self, inner: u32) -> Option<u32> {
        procfs::descendants(self.pid()).into_iter().find(|&pid| procfs::inner(pid) == Some(inner))
    }

    /// Kills the main process of a unit, as `kill -9` would; false if it has none at the moment.
    pub fn kill_unit(&self, unit: &str) -> bool {
        let inner = self.status(unit)["pid"].as_u64();
        let outer = inner.and_then(|pid| self.outer(pid as u32));
        outer.is_some_and(|pid| signal(pid, Signal::SIGKILL))
    }

    /// Signals tenantd.
    pub fn signal(&self, which: Signal) {
        signal(self.pid(), which);
    }

    /// SIGTERM, and the status with which tenantd ends.
    #[track_caller]
    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    /// The code with which tenantd has ended, if it has.
    pub fn ended(&mut self) -> Option<i32> {
        self.child.try_wait().expect("wait").map(|status| status.code().unwrap_or(-1))
    }

    /// The status with which tenantd ends.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.child.try_wait().expect("wait") {
                Some(status) => return status,
                None => assert!(Instant::now() < end, "tenantd does not end\n{}", self.log.tail(60)),
            }
            thread::sleep(Duration::from_millis(3));
        }
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let below = procfs::descendants(self.child.id());
            let _ = self.child.kill();
            // A namespace ends with its PID 1; an ordinary tenantd leaves its children behind.
            for pid in below.into_iter().filter(|_| self.setup.is_ordinary()) {
                signal(pid, Signal::SIGKILL);
            }
            let _ = self.child.wait();
        }
        self.remove_cgroup();
        if thread::panicking() {
            eprintln!("--- log of tenantd\n{}\n---", self.log.tail(100));
        }
    }
}

impl Init {
    /// What a tenantd leaves that was killed; in a container it would go with it.
    fn remove_cgroup(&self) {
        let Some(cgroup) = procfs::cgroup(&self.file("run")) else { return };
        let _ = std::fs::write(cgroup.join("cgroup.kill"), "1");
        eventually("its cgroup is empty", || {
            let units = std::fs::read_dir(&cgroup).into_iter().flatten().flatten();
            units.for_each(|unit| drop(std::fs::remove_dir(unit.path())));
            std::fs::remove_dir(&cgroup).is_ok() || !cgroup.exists()
        });
    }
}

impl Ran {
    /// Fails the test unless the verb ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// Its stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The program under test.
pub const TENANTD: &str = env!("CARGO_BIN_EXE_tenantd");

/// Runs `tenantd --config directory WORDS`.
pub fn verb<S: AsRef<OsStr>>(directory: &Path, words: &[S]) -> Ran {
    ran(Command::new(TENANTD).arg("--config").arg(directory).args(words).stdin(Stdio::null()))
}

/// Runs a command to its end.
pub fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Ran {
        code: output.status.code().unwrap_or_else(|| -output.status.signal().unwrap_or(0)),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Waits until `condition` holds; fails the test after [`DEADLINE`].
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "never happened: {what}");
        thread::sleep(Duration::from_millis(3));
    }
}

/// Sends a signal; false if there is no such process.
pub fn signal(pid: u32, which: Signal) -> bool {
    kill(Pid::from_raw(pid as i32), which).is_ok()
}
