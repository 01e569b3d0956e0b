//! The listening socket of a tenant: bound before the first start and kept for ever. A child gets a duplicate.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use crate::unit::{Listen, Name, Pass, Socket};

/// Most connections in the kernel's queue; the kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// A tenant's socket as tenantd holds it.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
    address: Address,
    pass: Pass,
}

/// Where to connect.
#[derive(Debug)]
enum Address {
    /// `private` is a second name of the socket: whatever a child does to `public`, connecting works (Puma unlinks
    /// the path of an inherited socket that it does not recognise).
    Unix {
        public: PathBuf,
        private: PathBuf,
        connect: SocketAddrUnix,
        secured: bool,
        /// Device and inode of the public path: it is ours as long as it has them.
        node: Option<(u64, u64)>,
        /// The public path belongs to another unit from now on.
        ceded: bool,
    },
    Tcp(SocketAddr),
}

impl Listener {
    /// Binds a tenant's socket. `private` is a directory of ours on the same file system as the socket.
    pub fn bind(socket: &Socket, name: &Name, private: &Path) -> io::Result<Self> {
        match (&socket.listen, socket.pass) {
            (Listen::Unix(path), pass) => Self::bind_unix(path, socket.mode, pass, private.join(name.as_str())),
            (Listen::Tcp(address), Pass::Fds) => {
                let fd = tcp(*address)?;
                rustix::net::listen(&fd, BACKLOG)?;
                Self::with_tcp(fd, Pass::Fds)
            }
            // Bound, not listening: the port is ours and refuses until the process, which sets SO_REUSEADDR, listens.
            (Listen::Tcp(address), Pass::Port) => Self::with_tcp(tcp(*address)?, Pass::Port),
        }
    }

    fn bind_unix(public: &Path, mode: u32, pass: Pass, private: PathBuf) -> io::Result<Self> {
        let fd = socket(AddressFamily::UNIX)?;
        // The mode of a socket before bind(2) is the mode of its path: nobody connects who may not, not even at first.
        rustix::fs::fchmod(&fd, Mode::from_raw_mode(mode))?;
        let address = SocketAddrUnix::new(public)?;
        bind_path(&fd, public, &address)?;
        rustix::net::listen(&fd, BACKLOG)?;
        let (public, node) = (public.to_owned(), node(public));
        let address = Address::Unix { public, private, connect: address, secured: false, node, ceded: false };
        Ok(Self { fd, address, pass })
    }

    fn with_tcp(fd: OwnedFd, pass: Pass) -> io::Result<Self> {
        let address = SocketAddr::try_from(rustix::net::getsockname(&fd)?)?;
        Ok(Self { fd, address: Address::Tcp(address), pass })
    }

    /// Gives the path to the unit's user, so that a process without privilege may connect and restart in place.
    pub fn give(&self, uid: u32, gid: u32) -> io::Result<()> {
        match &self.address {
            Address::Unix { public, .. } => std::os::unix::fs::chown(public, Some(uid), Some(gid)),
            Address::Tcp(_) => Ok(()),
        }
    }

    /// A unix socket: the way a connection ends tells whether its bytes were read.
    pub(super) fn is_unix(&self) -> bool {
        matches!(self.address, Address::Unix { .. })
    }

    /// The descriptor for the child, blocking as sd_listen_fds(3) promises; `None` where it binds the port itself.
    pub fn passed(&self) -> Option<BorrowedFd<'_>> {
        // The flag belongs to the socket, not to the descriptor: a process before may have changed it.
        let _ = rustix::io::ioctl_fionbio(&self.fd, false);
        (self.pass == Pass::Fds).then(|| self.fd.as_fd())
    }

    /// It is passed to the child.
    pub(super) fn is_passed(&self) -> bool {
        self.pass == Pass::Fds
    }

    /// The port for `PORT`, where the child binds it itself.
    pub fn port(&self) -> Option<u16> {
        match (&self.address, self.pass) {
            (Address::Tcp(address), Pass::Port) => Some(address.port()),
            _ => None,
        }
    }

    /// A new connection; `false` while connect(2) is under way. On a unix socket it stands at once, in the queue.
    pub fn connect(&self) -> io::Result<(OwnedFd, bool)> {
        match &self.address {
            Address::Unix { connect, .. } => Ok((connect_to_path(connect)?, true)),
            Address::Tcp(address) => connect_to(address),
        }
    }

    /// Gives the socket its second name, before a child can take the first one away.
    pub fn secure(&mut self) -> io::Result<()> {
        let Address::Unix { public, private, connect, secured, .. } = &mut self.address else { return Ok(()) };
        if !*secured {
            let address = SocketAddrUnix::new(&*private)?;
            remove_socket(private)?;
            fs::hard_link(public, private)?;
            (*connect, *secured) = (address, true);
        }
        Ok(())
    }

    /// Another unit takes the public path: connections of ours use the second name from now on, and nobody puts it back.
    pub(super) fn cede(&mut self, path: &Path) {
        if !matches!(&self.address, Address::Unix { public, .. } if public == path) {
            return;
        }
        if let Err(error) = self.secure() {
            log::warn!("{} is another unit's now, and has no second name: {error}", path.display());
        }
        if let Address::Unix { ceded, .. } = &mut self.address {
            *ceded = true;
        }
    }

    /// Puts the public path back, if a child took it away or put its own there.
    pub fn restore(&self) -> io::Result<()> {
        let Address::Unix { public, private, secured: true, ceded: false, .. } = &self.address else { return Ok(()) };
        let same = |a: &fs::Metadata, b: &fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        let ours = fs::symlink_metadata(private)?;
        if fs::symlink_metadata(public).is_ok_and(|there| same(&there, &ours)) {
            return Ok(());
        }
        remove_socket(public)?;
        fs::hard_link(private, public)
    }

    /// Takes every connection out of the queue and closes it (systemd.socket(5), FlushPending=). Only while no
    /// process of the tenant lives.
    pub fn flush(&self) {
        let _ = rustix::io::ioctl_fionbio(&self.fd, true);
        // Bounded by the queue: the kernel would let others go on connecting for ever.
        for _ in 0..BACKLOG {
            match rustix::net::accept_with(&self.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(_) | Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(_) => return,
            }
        }
    }

    /// A connection lies in its queue.
    pub(super) fn has_queue(&self) -> bool {
        let mut looked = [PollFd::new(&self.fd, PollFlags::IN)];
        poll(&mut looked, Some(&Timespec::default())).is_err() || looked[0].revents().contains(PollFlags::IN)
    }

    /// The listening descriptor, to be watched while the tenant is down.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Address::Unix { public, private, secured, node: own, ceded, .. } = &self.address {
            // A child may have put its own there; after a reload, another unit.
            if !*ceded && (*secured || node(public) == *own) {
                let _ = fs::remove_file(public);
            }
            if *secured {
                let _ = fs::remove_file(private);
            }
        }
    }
}

/// A new connection to a unix socket, which stands at once.
pub(super) fn connect_to_path(path: &SocketAddrUnix) -> io::Result<OwnedFd> {
    let fd = socket(AddressFamily::UNIX)?;
    rustix::net::connect(&fd, path)?;
    Ok(fd)
}

/// A new connection to a port; `false` while connect(2) is under way.
pub(super) fn connect_to(address: &SocketAddr) -> io::Result<(OwnedFd, bool)> {
    let fd = socket(family(address))?;
    sockopt::set_tcp_nodelay(&fd, true)?;
    match rustix::net::connect(&fd, address) {
        Ok(()) => Ok((fd, true)),
        Err(Errno::INPROGRESS) => Ok((fd, false)),
        Err(error) => Err(error.into()),
    }
}

fn socket(family: AddressFamily) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socket_with(family, SocketType::STREAM, flags, None)?)
}

fn family(address: &SocketAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 }
}

fn tcp(address: SocketAddr) -> io::Result<OwnedFd> {
    let fd = socket(family(&address))?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    rustix::net::bind(&fd, &address)?;
    Ok(fd)
}

/// A listener of the front door.
pub(super) fn door(address: SocketAddr) -> io::Result<OwnedFd> {
    let fd = tcp(address)?;
    // Connections inherit it. Without it a small answer may wait for the acknowledgement of the one before.
    sockopt::set_tcp_nodelay(&fd, true)?;
    rustix::net::listen(&fd, BACKLOG)?;
    Ok(fd)
}

/// Binds a path; makes its directory, or removes a stale socket, where that stands in the way.
fn bind_path(fd: &OwnedFd, path: &Path, address: &SocketAddrUnix) -> io::Result<()> {
    let bind = || rustix::net::bind(fd, address);
    match (bind(), path.parent()) {
        (Err(Errno::ADDRINUSE), _) => remove_socket(path)?,
        (Err(Errno::NOENT), Some(parent)) => fs::DirBuilder::new().recursive(true).mode(0o755).create(parent)?,
        (result, _) => return Ok(result?),
    }
    Ok(bind()?)
}

/// Device and inode of a path.
fn node(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|there| (there.dev(), there.ino()))
}

/// Removes a stale socket, and nothing else that has this name.
fn remove_socket(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "the path exists and is no socket: remove it")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
