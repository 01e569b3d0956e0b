//! A preloaded template without tenantd: starts its command with the control socket as descriptor 3, and speaks the protocol as the init
//! does. Knows nothing of Ruby or Python.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rustix::net::sockopt::{Timeout, set_socket_passcred, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde_json::{Value, json};

use crate::client::{Connection, Reply};
use crate::harness::{eventually, signal};
use crate::log::Log;
use crate::procfs;

/// Longest silence that is not a hang: a template boots an application.
const SILENCE: Duration = Duration::from_secs(60);

/// Debian's Python, which has its packages: `scripts/packages python`.
pub const PYTHON: &str = "/usr/bin/python3";

/// Longest message of the protocol, in bytes.
const LONGEST: usize = 65_536;

/// Stands for PID 1: starts the command, its stdin as descriptor 3; is the parent of all orphans below; writes `PID STATUS` of each that ends.
const KEEPER: &str = r#"
import ctypes, os, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
pid = os.fork()
if pid == 0:
    os.dup2(0, 3)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(2, 1)
    os.environ.pop("LC_CTYPE", None)  # Python's own (PEP 538)
    os.execvp(sys.argv[1], sys.argv[1:])
os.close(0)
print("started", pid, flush=True)
while True:
    try:
        print(*os.wait(), flush=True)
    except ChildProcessError:
        break
"#;

/// A running template. It is killed with its tenants when it is dropped.
pub struct Template {
    keeper: Child,
    control: Option<OwnedFd>,
    reports: Log,
    log: Log,
    pid: u32,
}

/// One tenant that was asked for: our ends of its reply socket, its output, its listening socket.
pub struct Tenant {
    reply: OwnedFd,
    listener: TcpListener,
    log: Log,
    pid: Option<u32>,
}

impl Template {
    /// Runs `command` in `directory` with PATH, HOME and these variables only.
    #[track_caller]
    pub fn start(command: &[&str], directory: &Path, variables: &[(&str, &str)]) -> Self {
        let (control, theirs) = pair();
        let (reports, report) = std::io::pipe().expect("a pipe");
        let (errors, error) = std::io::pipe().expect("a pipe");
        let mut keeper = Command::new(PYTHON);
        keeper.args(["-c", KEEPER]).args(command).current_dir(directory).env_clear().env("HOME", "/nonexistent");
        keeper.env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs(variables.iter().copied());
        keeper.stdin(Stdio::from(theirs)).stdout(report).stderr(error);
        let child = keeper.spawn().expect("python3: scripts/packages python");
        // The command holds their ends, too.
        drop(keeper);
        let (reports, log) = (Log::collect(reports), Log::collect(errors));
        let mut pid = None;
        eventually("the template runs", || {
            pid = reports.with(&["started "]).first().and_then(|line| line["started ".len()..].parse().ok());
            pid.is_some()
        });
        Self { keeper: child, control: Some(control), reports, log, pid: pid.expect("its pid") }
    }

    /// Sends `boot` with this body and gives back the body of `ready`.
    #[track_caller]
    pub fn boot(&self, body: Value) -> Value {
        self.send(json!({ "v": 1, "boot": body }).to_string().as_bytes());
        let message = self.next().unwrap_or_else(|| panic!("ended before it was ready:\n{}", self.log.tail(40)));
        assert_eq!(message["v"], 1, "{message}");
        assert!(message["ready"].is_object(), "{message}");
        message["ready"].clone()
    }

    /// Sends `fork` with this body and all four descriptors; the answer is to be read from the tenant.
    #[track_caller]
    pub fn fork(&self, body: Value) -> Tenant {
        self.ask(json!({ "v": 1, "fork": body }).to_string().as_bytes())
    }

    /// Sends any bytes with the four descriptors of a fork.
    #[track_caller]
    pub fn ask(&self, bytes: &[u8]) -> Tenant {
        let (reply, theirs) = pair();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (output, writer) = std::io::pipe().expect("a pipe");
        self.send_with(bytes, &[theirs.as_fd(), writer.as_fd(), writer.as_fd(), listener.as_fd()]);
        Tenant { reply, listener, log: Log::collect(output), pid: None }
    }

    /// Sends any bytes as one message.
    #[track_caller]
    pub fn send(&self, bytes: &[u8]) {
        self.send_with(bytes, &[]);
    }

    #[track_caller]
    fn send_with(&self, bytes: &[u8], descriptors: &[std::os::fd::BorrowedFd<'_>]) {
        let control = self.control.as_ref().expect("not hung up");
        send(control, bytes, descriptors).unwrap_or_else(|error| panic!("{error}:\n{}", self.log.tail(40)));
    }

    /// Its next message; none when it is gone.
    #[track_caller]
    pub fn next(&self) -> Option<Value> {
        receive(self.control.as_ref().expect("not hung up")).map(|(message, _)| message)
    }

    /// Closes the control socket, as an init that retires it.
    pub fn hang_up(&mut self) {
        self.control = None;
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The process that stands for PID 1: the parent of the template and of its tenants.
    pub fn init(&self) -> u32 {
        self.keeper.id()
    }

    /// What it wrote on stdout and stderr.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Signals the template.
    pub fn signal(&self, which: Signal) {
        assert!(signal(self.pid, which), "the template is gone");
    }

    /// Waits until the process, the template or a tenant, has ended, and gives back its status.
    #[track_caller]
    pub fn ended(&self, pid: u32) -> ExitStatus {
        let mut status = None;
        eventually("the process ends", || {
            let lines = self.reports.lines();
            let words = lines.iter().filter_map(|line| line.split_once(' '));
            status = words.filter(|(who, _)| *who == pid.to_string()).find_map(|(_, status)| status.parse().ok());
            status.is_some()
        });
        ExitStatus::from_raw(status.expect("a status"))
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        for pid in procfs::descendants(self.keeper.id()) {
            signal(pid, Signal::SIGKILL);
        }
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the template\n{}\n---", self.log.tail(60));
        }
    }
}

impl Tenant {
    /// Reads `hello`; gives back the pid that the kernel says it comes from.
    #[track_caller]
    pub fn hello(&mut self) -> u32 {
        let (message, pid) = receive(&self.reply).unwrap_or_else(|| panic!("no hello:\n{}", self.log.tail(40)));
        assert_eq!(message, json!({ "v": 1, "hello": {} }));
        self.pid = pid;
        pid.expect("credentials")
    }

    /// Sends `go`.
    #[track_caller]
    pub fn go(&self) {
        send(&self.reply, br#"{"v":1,"go":{}}"#, &[]).expect("go");
    }

    /// `hello`, `go` and `bound`: the pid, and the body of `bound`.
    #[track_caller]
    pub fn bound(&mut self) -> (u32, Value) {
        let pid = self.hello();
        self.go();
        let message = self.next().unwrap_or_else(|| panic!("not bound:\n{}", self.log.tail(40)));
        assert!(message["bound"].is_object(), "{message}");
        (pid, message["bound"].clone())
    }

    /// `hello`, `go` and the body of `error` instead of `bound`.
    #[track_caller]
    pub fn refused(&mut self) -> Value {
        self.hello();
        self.go();
        self.error()
    }

    /// The body of `error`.
    #[track_caller]
    pub fn error(&self) -> Value {
        let message = self.next().unwrap_or_else(|| panic!("no answer:\n{}", self.log.tail(40)));
        assert!(message["error"]["what"].is_string() && message["error"]["text"].is_string(), "{message}");
        message["error"].clone()
    }

    /// The next message on the reply socket; none when the other side has closed it.
    #[track_caller]
    pub fn next(&self) -> Option<Value> {
        receive(&self.reply).map(|(message, _)| message)
    }

    /// The pid of `hello`.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.pid.expect("hello was read")
    }

    /// Where its clients connect.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    /// One request; it waits in the socket's queue until the tenant answers.
    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        let reply = Connection::open(self.address()).and_then(|mut client| client.request("GET", target, &[], b""));
        reply.unwrap_or_else(|error| panic!("GET {target}: {error}\n{}", self.log.tail(40)))
    }

    /// What it wrote on stdout and stderr.
    pub fn log(&self) -> &Log {
        &self.log
    }
}

/// A pair of message sockets; the first, ours, learns who sends and does not wait for ever.
fn pair() -> (OwnedFd, OwnedFd) {
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("a socket pair");
    set_socket_passcred(&ours, true).expect("credentials");
    set_socket_timeout(&ours, Timeout::Recv, Some(SILENCE)).expect("a timeout");
    set_socket_timeout(&ours, Timeout::Send, Some(SILENCE)).expect("a timeout");
    (ours, theirs)
}

fn send(socket: &OwnedFd, bytes: &[u8], descriptors: &[std::os::fd::BorrowedFd<'_>]) -> rustix::io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(descriptors)), "too many descriptors");
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)
}

/// One message and the pid of its sender; none at the end.
#[track_caller]
fn receive(socket: &OwnedFd) -> Option<(Value, Option<u32>)> {
    let mut bytes = vec![0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1), ScmCredentials(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let end = Instant::now() + SILENCE;
    let received = loop {
        match recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) if Instant::now() < end => {}
            Err(rustix::io::Errno::CONNRESET) => return None,
            other => break other.unwrap_or_else(|error| panic!("the other side says nothing: {error}")),
        }
    };
    if received.bytes == 0 {
        return None;
    }
    let pid = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmCredentials(sender) => u32::try_from(sender.pid.as_raw_nonzero().get()).ok(),
        _ => None,
    });
    let message = serde_json::from_slice(&bytes[..received.bytes]).expect("a JSON message");
    Some((message, pid))
}
