//! The receiver of sd_notify(3): one datagram socket for all units; who speaks is told by the kernel's credentials.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SocketAddrUnix, SocketFlags,
    SocketType, bind, recvmsg, socket_with, sockopt,
};
use rustix::process::Pid;

/// Longest message in bytes (PIPE_BUF, as in systemd).
const MAX: usize = 4096;

/// The socket that `NOTIFY_SOCKET` names.
#[derive(Debug)]
pub struct Receiver {
    socket: OwnedFd,
    buffer: Box<[u8; MAX + 1]>,
}

/// What a process says of itself. The default says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// `READY=1`.
    pub ready: bool,
    /// `STOPPING=1`; then `ready` and `reloading` are false.
    pub stopping: bool,
    /// `RELOADING=1`; false beside `ready`.
    pub reloading: bool,
    /// `STATUS=`; an empty one clears. Dropped if it is not UTF-8.
    pub status: Option<String>,
    /// `MAINPID=`; 0, 1 and nonsense are dropped.
    pub main_pid: Option<u32>,
}

impl Receiver {
    /// Binds a filesystem path (an abstract name crashes Puma at boot), over a stale one.
    ///
    /// Mode 0666, because services write to it as their own users; the directories above need no more than their
    /// search bit. It gives nobody power: the kernel tells the sender's pid, and the caller looks it up.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
        sockopt::set_socket_passcred(&socket, true)?;
        bind(&socket, &SocketAddrUnix::new(path)?)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
        Ok(Self { socket, buffer: Box::new([0; MAX + 1]) })
    }

    /// The next message and its sender, or `None` when the queue is empty. A datagram that breaks the rules is an
    /// empty message, so that whoever bounds a batch counts garbage too.
    pub fn receive(&mut self) -> Option<(u32, Message)> {
        // There is room for credentials and for nothing else: the kernel gives us no descriptor that somebody sends.
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut self.buffer[..])];
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let received = rustix::io::retry_on_intr(|| recvmsg(&self.socket, &mut parts, &mut control, flags)).ok()?;
        let sender = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmCredentials(credentials) => Some(credentials.pid.as_raw_nonzero().get()),
            _ => None,
        });
        let whole = received.bytes <= MAX && !received.flags.contains(ReturnFlags::TRUNC);
        let sender = sender.and_then(|pid| u32::try_from(pid).ok()).filter(|_| whole);
        Some(sender.map_or((0, Message::default()), |pid| (pid, parse(&self.buffer[..received.bytes]))))
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Reads the lines of a datagram. A NUL anywhere but at the end makes it empty; unknown keys are ignored.
pub fn parse(bytes: &[u8]) -> Message {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let mut message = Message::default();
    if memchr::memchr(0, bytes).is_some() {
        return message;
    }
    for line in bytes.split(|byte| *byte == b'\n') {
        match line {
            b"READY=1" => message.ready = true,
            b"STOPPING=1" => message.stopping = true,
            b"RELOADING=1" => message.reloading = true,
            _ => message.assign(line),
        }
    }
    message.ready &= !message.stopping;
    message.reloading &= !message.stopping && !message.ready;
    message
}

impl Message {
    fn assign(&mut self, line: &[u8]) {
        let Ok(line) = std::str::from_utf8(line) else { return };
        match line.split_once('=') {
            Some(("STATUS", text)) => self.status = Some(text.to_owned()),
            Some(("MAINPID", pid)) => {
                self.main_pid = pid.parse().ok().filter(|pid: &u32| *pid > 1 && i32::try_from(*pid).is_ok());
            }
            _ => {}
        }
    }
}

/// The session of a process, which is the pid of the unit's first process as long as nobody below it calls setsid(2):
/// so the READY of a grandchild is attributed to its unit.
pub fn ancestor_session(pid: u32) -> Option<u32> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let session = rustix::process::getsid(Some(pid)).ok()?;
    u32::try_from(session.as_raw_nonzero().get()).ok()
}
