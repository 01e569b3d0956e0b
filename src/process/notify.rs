//! The receiver of sd_notify(3): one datagram socket for all units; who speaks is told by the kernel's credentials.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, socket_with, sockopt};
use rustix::process::Pid;

use super::message::{Message, parse};

/// Longest message in bytes (PIPE_BUF, as in systemd).
const MAX: usize = 4096;

/// Room in bytes for the kernel's credentials and 768 descriptors, as in systemd; Linux passes 253 at most.
const CONTROL: usize = size_of::<libc::cmsghdr>() * 2 + size_of::<[u64; 2]>() + size_of::<[RawFd; 768]>();

/// The socket that `NOTIFY_SOCKET` names.
#[derive(Debug)]
pub struct Receiver {
    socket: OwnedFd,
    buffer: Box<[u8; MAX]>,
    /// Words, because control messages are aligned as such.
    control: Box<[u64; CONTROL / 8]>,
    failed: bool,
}

/// One datagram.
#[derive(Debug, Default)]
pub struct Notification {
    /// The sender's pid, which the kernel vouches for; 0 if it is outside of our PID namespace, or broke the rules.
    pub sender: u32,
    /// What it says. Nothing, if it broke the rules.
    pub message: Message,
    /// The sender waits until this is closed: drop it after what came before is carried out (`BARRIER=1`,
    /// sd_notify_barrier(3)). It asks for nothing else, so that anybody may send it.
    pub barrier: Option<OwnedFd>,
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
        Ok(Self { socket, buffer: Box::new([0; MAX]), control: Box::new([0; CONTROL / 8]), failed: false })
    }

    /// The last [`Receiver::next`] gave `None` although the queue may not be empty: come back later.
    pub fn failed(&self) -> bool {
        self.failed
    }
}

/// The next datagram, or `None` when the queue is empty. One that breaks the rules says nothing and is of nobody (pid
/// 0), so that whoever bounds a batch counts garbage too. An error other than the end of the queue also gives `None`:
/// see [`Receiver::failed`].
impl Iterator for Receiver {
    type Item = Notification;

    fn next(&mut self) -> Option<Notification> {
        let received = receive(self.socket.as_fd(), &mut self.buffer[..], &mut self.control[..]);
        self.failed = received.as_ref().is_err_and(|errno| *errno != rustix::io::Errno::AGAIN);
        let received = received.ok()?;
        if !received.whole || received.sender == 0 {
            return Some(Notification::default());
        }
        let message = parse(&self.buffer[..received.bytes]);
        let barrier = received.descriptor.filter(|_| message.barrier && received.descriptors == 1);
        Some(Notification { sender: received.sender, message, barrier })
    }
}

/// What recvmsg(2) gave.
#[derive(Default)]
pub(super) struct Received {
    pub bytes: usize,
    /// Neither data nor control data was cut.
    pub whole: bool,
    /// 0 if the kernel told none.
    pub sender: u32,
    /// The first descriptor; the others are closed.
    descriptor: Option<OwnedFd>,
    descriptors: usize,
}

/// One datagram. rustix and nix both refuse what comes here: one has no pid 0, which a sender outside of our PID
/// namespace has, the other no cut control data.
pub(super) fn receive(socket: BorrowedFd, buffer: &mut [u8], control: &mut [u64]) -> rustix::io::Result<Received> {
    // SAFETY: plain data, for which zeros are valid.
    let mut header: libc::msghdr = unsafe { zeroed() };
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(control) as _;
    let flags = libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT;
    let received = rustix::io::retry_on_intr(|| {
        // SAFETY: `header` points to `part`, `buffer` and `control`, which are alive and as long as it says.
        let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) };
        let failed = || rustix::io::Errno::from_io_error(&io::Error::last_os_error());
        usize::try_from(received).map_err(|_| failed().unwrap_or(rustix::io::Errno::IO))
    });
    let whole = header.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) == 0;
    let mut received = Received { bytes: received?, whole, ..Received::default() };
    // SAFETY: the kernel has filled `header` and `control`, which it points to.
    unsafe { received.unpack(&header) };
    Ok(received)
}

impl Received {
    /// Takes what the control messages bring; every descriptor in them gets an owner.
    ///
    /// # Safety
    /// recvmsg(2) has just succeeded with this header, and its control buffer is alive.
    unsafe fn unpack(&mut self, header: &libc::msghdr) {
        // SAFETY: the macros stay within the buffer that the kernel has filled.
        let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
        while !next.is_null() {
            // SAFETY: `next` is a whole message inside of the buffer: its head, and as much data as its length says.
            unsafe {
                let (about, data) = (*next, libc::CMSG_DATA(next));
                match (about.cmsg_level, about.cmsg_type) {
                    (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => {
                        let pid = data.cast::<libc::ucred>().read_unaligned().pid;
                        self.sender = u32::try_from(pid).unwrap_or(0);
                    }
                    (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                        let length: usize = about.cmsg_len as _;
                        for n in 0..(length - libc::CMSG_LEN(0) as usize) / size_of::<RawFd>() {
                            self.own(data.cast::<RawFd>().add(n).read_unaligned());
                        }
                    }
                    _ => {}
                }
                next = libc::CMSG_NXTHDR(header, next);
            }
        }
    }

    /// Keeps the first descriptor and closes the others: nothing is stored (`FDSTORE=1`).
    ///
    /// # Safety
    /// The kernel has just made this descriptor for us.
    unsafe fn own(&mut self, fd: RawFd) {
        // SAFETY: nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        self.descriptors += 1;
        self.descriptor.get_or_insert(fd);
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The session of a process, which is the pid of the unit's first process as long as nobody below it calls setsid(2):
/// so the READY of a grandchild is attributed to its unit.
pub fn ancestor_session(pid: u32) -> Option<u32> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let session = rustix::process::getsid(Some(pid)).ok()?;
    u32::try_from(session.as_raw_nonzero().get()).ok()
}
