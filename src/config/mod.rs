//! `tenantd.toml` as values. Never touches a socket.

mod auth;
mod bots;
mod budget;
mod cache;
mod cgi;
mod check;
mod destination;
mod difference;
mod expression;
mod fleet;
mod health;
mod limit;
mod load;
mod maintenance;
mod network;
mod pem;
mod proxy;
mod redirect;
mod replacement;
mod rewrite;
mod rule;
mod static_files;
mod template;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub use crate::unit::{Diagnostic, Level};
pub use auth::Auth;
pub use bots::Bots;
pub use cache::CacheRule;
pub(crate) use cache::check_beginning;
pub use cgi::Cgi;
pub use destination::{Destination, Endpoint};
pub use difference::Difference;
pub use expression::Expression;
pub use fleet::{
    Fallback, Fleet, Machine, Pair, Place, PlaceBy, Placement, PlacementKeys, Replay, ReplayKeys, SameSite, Secret,
    Sticky, StickyKeys, Variant, Via,
};
pub use health::Health;
pub(crate) use health::check_media_type;
pub use limit::{By, Rate, RequestLimit};
pub use load::{Loaded, load, load_daemon, reload};
pub use maintenance::Maintenance;
pub use network::Network;
pub use proxy::{Authorities, Paths, ProxyKeys, Remote, Strip};
pub use redirect::{Redirect, RedirectKeys};
pub use replacement::Replacement;
pub use rewrite::{Rewrite, RewriteKeys};
pub use rule::When;
pub use static_files::Static;
pub(crate) use static_files::{check_extension, check_suffix};
pub use template::{Asking, FieldTemplate, PathTemplate};

use crate::unit::layers::Node;
use crate::unit::mode::mode;
use crate::unit::route::check_path;
use crate::unit::section::{Section, section};
use crate::unit::value::{Cx, Value, positive};
use crate::unit::{Kind, SectionDoc};

/// The sections of tenantd.toml; the first is the top of the file.
pub const SECTIONS: &[SectionDoc] = &[
    Top::DOC,
    Http::DOC,
    Health::DOC,
    Static::DOC,
    CacheRule::DOC,
    Maintenance::DOC,
    fleet::SECTIONS[0],
    fleet::SECTIONS[1],
    fleet::SECTIONS[2],
    fleet::SECTIONS[3],
    fleet::SECTIONS[4],
    fleet::SECTIONS[5],
    Auth::DOC,
    RequestLimit::DOC,
    RedirectKeys::DOC,
    RewriteKeys::DOC,
    Bots::DOC,
    Cgi::DOC,
    ProxyKeys::DOC,
    Pool::DOC,
    Shutdown::DOC,
    Log::DOC,
    Control::DOC,
];

/// The daemon's configuration. Every key has a default: the smallest file is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `%t`: sockets of tenants, notify and control; default: the first of `/run/tenantd` (not root:
    /// `$XDG_RUNTIME_DIR/tenantd` before it), `/tmp/tenantd` and `/dev/shm/tenantd` that can be written.
    pub runtime_directory: PathBuf,
    /// The front door.
    pub http: Http,
    /// How many requests there may be.
    pub limits: Vec<RequestLimit>,
    /// Requests that other servers answer.
    pub proxies: Vec<Remote>,
    /// Paths that are at another address.
    pub redirects: Vec<Redirect>,
    /// Paths that are served as others.
    pub rewrites: Vec<Rewrite>,
    /// What robots get.
    pub bots: Bots,
    /// The health check that needs no tenant.
    pub health: Health,
    /// Files of the front door.
    pub files: Static,
    /// How long files may be kept.
    pub cache: Vec<CacheRule>,
    /// A page in the place of tenants.
    pub maintenance: Maintenance,
    /// This machine among others.
    pub fleet: Fleet,
    /// Paths that a script answers.
    pub scripts: Vec<Cgi>,
    /// Who may see what.
    pub auth: Auth,
    /// How many tenants at once.
    pub pool: Pool,
    /// The end.
    pub shutdown: Shutdown,
    /// What is written on stdout.
    pub log: Log,
    /// Who may ask.
    pub control: Control,
}

impl Default for Config {
    /// What an empty file says to root.
    fn default() -> Self {
        Self {
            runtime_directory: PathBuf::from(Self::RUNTIME_DIRECTORY),
            http: Http::default(),
            limits: Vec::new(),
            scripts: Vec::new(),
            proxies: Vec::new(),
            redirects: Vec::new(),
            rewrites: Vec::new(),
            bots: Bots::default(),
            health: Health::default(),
            files: Static::default(),
            cache: Vec::new(),
            maintenance: Maintenance::default(),
            fleet: Fleet::default(),
            auth: Auth::default(),
            pool: Pool::default(),
            shutdown: Shutdown::default(),
            log: Log::default(),
            control: Control::default(),
        }
    }
}

impl Config {
    /// `%t` of root.
    pub const RUNTIME_DIRECTORY: &'static str = "/run/tenantd";
}

section! {
    /// The top of tenantd.toml.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Top in "" (fields) {
        /// `%t`: sockets of tenants, notify and control; default: the first of `/run/tenantd` (not root:
        /// `$XDG_RUNTIME_DIR/tenantd` before it), `/tmp/tenantd` and `/dev/shm/tenantd` that can be written.
        runtime_directory: Option<PathBuf> = None;
    }
}

section! {
    /// The front door.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Http in "http" (fields) {
        /// Addresses of the front door; default `0.0.0.0:3000`.
        listen: Vec<SocketAddr> as addresses = vec![(Ipv4Addr::UNSPECIFIED, 3000).into()];
        /// Further addresses, for balancers that speak HAProxy's PROXY protocol (version 1 or 2): each connection must begin
        /// with its header, and only `trusted_proxies` may connect. Default: none.
        listen_proxy_protocol: Vec<SocketAddr> as more_addresses = Vec::new();
        /// Proxies of ours in front of us, as networks; their X-Forwarded-*, Forwarded, X-Real-IP, X-Request-Id and
        /// X-Request-Start are believed. Who asks is the last address of X-Forwarded-For that is none of them. Default: nobody's.
        trusted_proxies: Vec<Network> = Vec::new();
        /// Most requests that wait, for all tenants together; default 4096. Beyond it 503 with Retry-After, but for the first
        /// of each tenant, so that no flood keeps the others asleep.
        waiting: usize as positive = 4096;
        /// Paths below a tenant's prefix that do not wake it; `*` is any text. While it sleeps the path of `[health]` gets 200,
        /// the others 404; while it runs they are its own. An empty list switches it off. Default: "/up", "/robots.txt",
        /// "/favicon.ico", "/apple-touch-icon*.png", "/.well-known/security.txt", "/.env*", "/.git/*", "/wp-*", "*.php".
        never_wake: Vec<String> as patterns = NEVER_WAKE.map(str::to_owned).to_vec();
        /// A request without a valid W3C `traceparent` gets one, marked as sampled; default true.
        traceparent: bool = true;
        /// Longest time for a whole request head; default 10 s. Then 408.
        timeout_head: Duration as positive = Duration::from_secs(10);
        /// Longest time between two requests of a connection; default 300 s (kamal-proxy keeps idle connections). For trusted
        /// proxies never less than 300 s: a proxy that sends a request while we close answers its client with 502.
        timeout_keep_alive: Duration as positive = Duration::from_secs(300);
        /// Longest time until the head of the answer once the tenant runs; default 30 s. Then 504.
        timeout_response: Duration as positive = Duration::from_secs(30);
        /// Longest time without a byte in either direction of a body; default 60 s.
        timeout_body: Duration as positive = Duration::from_secs(60);
        /// Longest time without a byte in a WebSocket; default 1 h.
        timeout_tunnel: Duration as positive = Duration::from_secs(3600);
        /// Least bytes a second of a request body; default 500, 0 for no such limit. Measured after 30 s of waiting for the
        /// client, and never while the tenant does not read. Then 408.
        body_rate: u32 = 500;
        /// Most connections of one client (of IPv6: of one /64) at once; trusted proxies may have more. Beyond it connections
        /// are closed. Default: no limit.
        connections_per_client: Option<usize> as some_positive = None;
    }
}

section! {
    /// How many tenants at once.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Pool in "pool" (fields) {
        /// Most tenants that boot at once; default: the number of processors.
        boots: usize as positive = std::thread::available_parallelism().map_or(1, usize::from);
        /// Most tenants that run at once: when one more is wanted, the one that is idle longest is stopped. Default: no limit.
        running: Option<usize> = None;
    }
}

section! {
    /// The end.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Shutdown in "shutdown" (fields) {
        /// From SIGTERM to our exit, the last half second for the end of the log; default 10 s, when Docker and Kamal kill.
        budget: Duration as positive = Duration::from_secs(10);
    }
}

section! {
    /// What is written on stdout.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Log in "log" (fields) {
        /// One line for each request; default true.
        access: bool = true;
        /// A time stamp before each line; default true.
        timestamps: bool = true;
    }
}

section! {
    /// Who may ask the running tenantd, by the control socket.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Control in "control" (fields) {
        /// Permission bits of the control socket; default "0600". With "0660" or "0666" others may connect, and read: units are
        /// started, stopped, killed and reset by root and tenantd's own user alone.
        mode: u32 as mode = 0o600;
    }
}

/// Probes, what browsers and robots ask for by themselves, and what scanners look for.
const NEVER_WAKE: [&str; 9] = [
    "/up",
    "/robots.txt",
    "/favicon.ico",
    "/apple-touch-icon*.png",
    "/.well-known/security.txt",
    "/.env*",
    "/.git/*",
    "/wp-*",
    "*.php",
];

/// Patterns of paths.
fn patterns(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<String>> {
    let all = Vec::<String>::read(node, cx)?;
    for (pattern, item) in all.iter().zip(node.items()) {
        if !pattern.starts_with(['/', '*']) || pattern.contains(['?', '#']) {
            cx.error(item.place, format!("\"{pattern}\" matches no path; begin it with / or *, without ? and #"));
        }
    }
    Some(all)
}

impl Http {
    /// All addresses of the front door.
    pub fn doors(&self) -> impl Iterator<Item = &SocketAddr> {
        self.listen.iter().chain(&self.listen_proxy_protocol)
    }

    /// The address is a proxy's of ours.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(address))
    }
}

/// A number that may be missing, but not zero.
fn some_positive(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<usize>> {
    positive(node, cx).map(Some)
}

/// One address, or several.
fn addresses(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<SocketAddr>> {
    let all = more_addresses(node, cx)?;
    if all.is_empty() {
        cx.error(node.place, "nothing would listen; write [\"0.0.0.0:3000\"]");
    }
    Some(all)
}

/// The same, or none.
fn more_addresses(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<SocketAddr>> {
    if node.value.is_str() {
        return SocketAddr::read(node, cx).map(|address| vec![address]);
    }
    let all = Vec::<SocketAddr>::read(node, cx)?;
    for (index, (address, item)) in all.iter().zip(node.items()).enumerate() {
        if address.port() != 0 && all[..index].contains(address) {
            cx.error(item.place, format!("{address} is listed twice; leave one out"));
        }
    }
    Some(all)
}

impl Value for SocketAddr {
    const KIND: Kind = Kind::Text;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node)?;
        let why =
            || format!("bad address \"{text}\"; write an IP address and a port: \"0.0.0.0:3000\" or \"[::]:3000\"");
        cx.good(node.place, text.parse().map_err(|_| why()))
    }
}

fn path(node: Node<'_>, cx: &mut Cx<'_>) -> Option<String> {
    let text = String::read(node, cx)?;
    cx.good(node.place, check_path(&text))?;
    Some(text)
}
