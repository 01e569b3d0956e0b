//! `tenantd.toml` as values. Never touches a socket.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The daemon's configuration. Every key has a default: the smallest file is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `%t`: sockets of tenants, notify and control; default `/run/tenantd`, else `$XDG_RUNTIME_DIR/tenantd`.
    pub runtime_directory: PathBuf,
    /// The front door.
    pub http: Http,
    /// The health check that needs no tenant.
    pub health: Health,
    /// How many tenants at once.
    pub pool: Pool,
    /// The end.
    pub shutdown: Shutdown,
    /// What is written on stdout.
    pub log: Log,
}

/// `[http]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Addresses of the front door; default `0.0.0.0:3000`.
    pub listen: Vec<SocketAddr>,
    /// Longest time for a whole request head; default 10 s. Then 408.
    pub timeout_head: Duration,
    /// Longest time between two requests of a connection; default 300 s (kamal-proxy keeps idle connections).
    pub timeout_keep_alive: Duration,
    /// Longest time until the head of the answer once the tenant runs; default 30 s. Then 504.
    pub timeout_response: Duration,
    /// Longest time without a byte in either direction of a body; default 60 s.
    pub timeout_body: Duration,
    /// Longest time without a byte in a WebSocket; default 1 h.
    pub timeout_tunnel: Duration,
}

/// `[health]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Exact path that tenantd answers itself; default `/up`.
    pub path: String,
}

/// `[pool]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Most tenants that boot at once; default: the number of processors.
    pub boots: usize,
}

/// `[shutdown]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shutdown {
    /// From SIGTERM to our exit; default 8 s (Docker and Kamal kill after 10 s).
    pub budget: Duration,
}

/// `[log]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// One line for each request; default true.
    pub access: bool,
    /// A time stamp before each line; default true.
    pub timestamps: bool,
}
