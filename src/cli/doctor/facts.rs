//! What this process sees of its surroundings. Reads, and decides nothing.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, geteuid, getpid, getrlimit};

use crate::boot;
use crate::config::{Config, Loaded};

/// What the configuration asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Needs {
    /// `%t`.
    pub runtime: PathBuf,
    /// Tenants.
    pub tenants: usize,
    /// A unit runs as another user than ours.
    pub users: bool,
    /// The lowest port of the front door.
    pub port: Option<u16>,
}

/// What there is. `None` is not known.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// The running tenantd, else we.
    pub pid: u32,
    pub uid: u32,
    /// The name of `uid` in /etc/passwd.
    pub user: Option<String>,
    /// CapEff of /proc/self/status; `None` without /proc.
    pub capabilities: Option<u64>,
    pub no_new_privs: bool,
    pub seccomp: u8,
    pub hidepid: bool,
    pub runtime_writable: bool,
    pub cgroup: Cgroup,
    pub files: Option<u64>,
    pub pids_max: Option<u64>,
    pub memory_max: Option<u64>,
    pub stdout: &'static str,
    pub zones: bool,
    pub kernel: String,
    pub pidfd: bool,
    pub close_range: bool,
    /// ABI.
    pub landlock: Option<u32>,
    /// net.ipv4.ip_unprivileged_port_start.
    pub first_port: u16,
}

/// The cgroup v2 hierarchy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Cgroup {
    #[default]
    None,
    ReadOnly,
    Writable(Vec<String>),
}

impl Needs {
    pub fn of(loaded: &Loaded) -> Self {
        let Config { runtime_directory, http, .. } = &loaded.config;
        let own = geteuid().as_raw();
        let other = |user: &str| crate::process::user::look_up(user).map_or(true, |ids| ids.uid != own);
        Self {
            runtime: runtime_directory.clone(),
            tenants: loaded.units.iter().filter(|unit| unit.route.is_some()).count(),
            users: loaded.units.iter().filter_map(|unit| unit.service.user.as_deref()).any(other),
            port: http.listen.iter().map(std::net::SocketAddr::port).filter(|port| *port != 0).min(),
        }
    }
}

impl Facts {
    /// Looks around. `daemon` is the pid of a tenantd that runs.
    pub fn gather(needs: &Needs, daemon: Option<u32>) -> Self {
        let status = read("/proc/self/status");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(str::trim).unwrap_or_default()
        };
        let uid = geteuid().as_raw();
        // On a hybrid host version 2 has a place of its own.
        let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
        let mount = mounts.into_iter().find(|at| Path::new(at).join("cgroup.procs").exists()).unwrap_or(mounts[0]);
        let group = format!("{mount}{}", own_group(&read("/proc/self/cgroup")));
        Self {
            pid: daemon.unwrap_or_else(std::process::id),
            uid,
            user: name_of(uid, &read("/etc/passwd")),
            capabilities: u64::from_str_radix(field("CapEff"), 16).ok(),
            no_new_privs: field("NoNewPrivs") == "1",
            seccomp: field("Seccomp").parse().unwrap_or(0),
            hidepid: read("/proc/self/mounts").lines().any(|line| {
                line.split(' ').nth(1) == Some("/proc") && line.contains("hidepid=") && !line.contains("hidepid=0")
            }),
            runtime_writable: writable(&needs.runtime),
            cgroup: cgroup(Path::new(&group)),
            files: getrlimit(Resource::Nofile).maximum,
            pids_max: limit(&group, "pids.max"),
            memory_max: limit(&group, "memory.max"),
            stdout: stdout(),
            zones: Path::new("/usr/share/zoneinfo/UTC").exists(),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            pidfd: rustix::process::pidfd_open(getpid(), rustix::process::PidfdFlags::empty()).is_ok(),
            close_range: boot::knows_close_range(),
            landlock: boot::landlock_abi(),
            first_port: read("/proc/sys/net/ipv4/ip_unprivileged_port_start").trim().parse().unwrap_or(1024),
        }
    }
}

/// What cannot be read is empty.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The name of a user in the text of passwd(5).
fn name_of(uid: u32, passwd: &str) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// The directory, or the nearest one above that is there, lets us make files.
fn writable(path: &Path) -> bool {
    let there = path.ancestors().find(|path| path.exists());
    there.is_some_and(|path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok())
}

/// `0::/x` of /proc/self/cgroup (cgroups(7)).
fn own_group(text: &str) -> String {
    text.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default().trim_end_matches('/').to_owned()
}

fn cgroup(group: &Path) -> Cgroup {
    let Ok(controllers) = fs::read_to_string(group.join("cgroup.controllers")) else { return Cgroup::None };
    match rustix::fs::access(group.join("cgroup.procs"), rustix::fs::Access::WRITE_OK) {
        Ok(()) => Cgroup::Writable(controllers.split_whitespace().map(str::to_owned).collect()),
        Err(_) => Cgroup::ReadOnly,
    }
}

/// A limit of our group, of version 2 or 1; "max" is none.
fn limit(group: &str, file: &str) -> Option<u64> {
    let old = match file {
        "pids.max" => "/sys/fs/cgroup/pids/pids.max",
        _ => "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    };
    let text = fs::read_to_string(format!("{group}/{file}")).or_else(|_| fs::read_to_string(old)).ok()?;
    // Version 1 writes no limit as a number near the largest.
    text.trim().parse().ok().filter(|limit| *limit < u64::MAX / 4)
}

fn stdout() -> &'static str {
    use std::io::IsTerminal;
    let kind = fs::metadata("/dev/stdout").map(|about| about.file_type());
    match kind {
        _ if std::io::stdout().is_terminal() => "a terminal",
        Ok(kind) if kind.is_fifo() => "a pipe",
        Ok(kind) if kind.is_socket() => "a socket",
        Ok(kind) if kind.is_file() => "a file",
        Ok(_) => "a device",
        Err(_) => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_system_are_read() {
        assert_eq!(own_group("12:pids:/x\n0::/a/b\n"), "/a/b");
        assert_eq!(own_group("0::/\n"), "");
        let passwd = "root:x:0:0:root:/root:/bin/sh\nrails:x:1000:1000::/rails:/bin/sh\n";
        assert_eq!((name_of(1000, passwd).as_deref(), name_of(7, passwd)), (Some("rails"), None));
    }
}
