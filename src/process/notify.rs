//! The receiver of sd_notify(3): one datagram socket for all units; who speaks is told by the kernel's credentials.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, socket_with, sockopt};
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
}

/// The next message and its sender, or `None` when the queue is empty. A datagram that breaks the rules is an empty
/// message of nobody (pid 0), so that whoever bounds a batch counts garbage too.
impl Iterator for Receiver {
    type Item = (u32, Message);

    fn next(&mut self) -> Option<Self::Item> {
        let (bytes, sender) = receive(self.socket.as_fd(), &mut self.buffer[..])?;
        let whole = bytes <= MAX && sender != 0;
        Some(if whole { (sender, parse(&self.buffer[..bytes])) } else { (0, Message::default()) })
    }
}

/// Room for the kernel's credentials and for nothing else: so no descriptor that somebody sends is ever given to us.
#[repr(C)]
struct Control {
    header: libc::cmsghdr,
    credentials: libc::ucred,
}

/// One datagram: its bytes, cut at the buffer's end, and its sender's pid, 0 if the kernel told none. rustix and nix
/// both refuse: one has no pid 0, which a sender outside of our PID namespace has, the other no cut control data.
fn receive(socket: BorrowedFd, buffer: &mut [u8]) -> Option<(usize, u32)> {
    // SAFETY: both are plain data, for which zeros are valid.
    let (mut control, mut header): (Control, libc::msghdr) = unsafe { (zeroed(), zeroed()) };
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = (&raw mut control).cast();
    header.msg_controllen = size_of::<Control>() as _;
    let flags = libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT;
    let received = rustix::io::retry_on_intr(|| {
        // SAFETY: `header` points to `part`, `buffer` and `control`, which are alive and as long as it says.
        let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) };
        let failed = || rustix::io::Errno::from_io_error(&io::Error::last_os_error());
        usize::try_from(received).map_err(|_| failed().unwrap_or(rustix::io::Errno::IO))
    });
    let told = (control.header.cmsg_level, control.header.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_CREDENTIALS);
    let sender = u32::try_from(control.credentials.pid).ok().filter(|_| told);
    received.ok().map(|bytes| (bytes, sender.unwrap_or(0)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(ready: bool, stopping: bool, reloading: bool) -> Message {
        Message { ready, stopping, reloading, ..Message::default() }
    }

    #[test]
    fn messages_are_read_as_systemd_reads_them() {
        let status = |text: &str| Message { status: Some(text.into()), ..Message::default() };
        let main_pid = |pid| Message { main_pid: Some(pid), ..Message::default() };
        let table: [(&[u8], Message); 21] = [
            (b"READY=1", message(true, false, false)),
            (b"READY=1\n", message(true, false, false)),
            (b"READY=1\0", message(true, false, false)),
            (b"READY=1\0\0", Message::default()),
            (b"READY=1\0STATUS=x", Message::default()),
            (b"READY=0", Message::default()),
            (b"ready=1", Message::default()),
            (b" READY=1", Message::default()),
            (b"STOPPING=1\nREADY=1\nRELOADING=1", message(false, true, false)),
            (b"RELOADING=1\nREADY=1", message(true, false, false)),
            (b"RELOADING=1\nMONOTONIC_USEC=1", message(false, false, true)),
            (b"STATUS=a=b c", status("a=b c")),
            (b"STATUS=", status("")),
            (b"STATUS=\xff", Message::default()),
            (b"STATUS=\xff\nREADY=1", message(true, false, false)),
            (b"MAINPID=42", main_pid(42)),
            (b"MAINPID=0", Message::default()),
            (b"MAINPID=1", Message::default()),
            (b"MAINPID=4294967295", Message::default()),
            (b"BARRIER=1\nX\n=\n\n", Message::default()),
            (b"", Message::default()),
        ];
        for (bytes, expected) in table {
            assert_eq!(parse(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_one_state_at_most(bytes: Vec<u8>, text in "((READY|STOPPING|RELOADING|MAINPID)=1?\n?){0,6}") {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                let message = parse(bytes);
                prop_assert!([message.ready, message.stopping, message.reloading].iter().filter(|is| **is).count() <= 1);
            }
        }
    }
}
