//! `[socket]`: the listening socket that tenantd holds for a unit (systemd.socket(5)).

use std::net::SocketAddr;
use std::path::PathBuf;

/// Where tenantd listens for a unit, and how the process gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// The address.
    pub listen: Listen,
    /// How the process gets it.
    pub pass: Pass,
    /// Permission bits of a unix socket's path; default 0o660.
    pub mode: u32,
}

/// `[socket] listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// `unix:/run/tenantd/x.sock`: an absolute path of at most 107 bytes.
    Unix(PathBuf),
    /// `tcp:127.0.0.1:0`: a loopback address; port 0 is any free port.
    Tcp(SocketAddr),
}

/// `[socket] pass`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pass {
    /// As descriptor 3 with LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES (sd_listen_fds(3)). The default.
    #[default]
    Fds,
    /// As a free loopback port in `PORT`, which the process itself binds.
    Port,
}
