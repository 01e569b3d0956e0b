//! Facts → findings, as a table: have or lack, what it lowers, the flag that gives it. Pure.

use serde::Serialize;

use super::facts::{Cgroup, Facts, Needs};

/// Descriptors that tenantd takes for itself.
const OWN_FILES: u64 = 64;
/// Descriptors for a tenant that runs: its listener, pipes, and connections on both sides.
const TENANT_FILES: u64 = 16;

/// One privilege or fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub name: &'static str,
    pub level: Level,
    /// What it gives, or what its lack lowers.
    pub detail: String,
    /// How to have it: options of docker run and of Kamal.
    pub flag: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Have,
    /// A feature is lowered.
    Lack,
    /// The configuration cannot do without it.
    Need,
}

impl Level {
    pub fn word(self) -> &'static str {
        match self {
            Self::Have => "have",
            Self::Lack => "lack",
            Self::Need => "NEED",
        }
    }
}

fn have(name: &'static str, detail: impl Into<String>) -> Finding {
    Finding { name, level: Level::Have, detail: detail.into(), flag: None }
}

fn lack(name: &'static str, detail: impl Into<String>, flag: &str) -> Finding {
    let flag = Some(flag.to_owned()).filter(|flag| !flag.is_empty());
    Finding { name, level: Level::Lack, detail: detail.into(), flag }
}

/// `lack`, and worse where the configuration needs it.
fn lack_or_need(needed: bool, name: &'static str, detail: impl Into<String>, flag: &str) -> Finding {
    let level = if needed { Level::Need } else { Level::Lack };
    Finding { level, ..lack(name, detail, flag) }
}

/// The same option for both: `docker run --cap-add=X`, Kamal's `options:`.
fn option(name: &str, value: &str) -> String {
    format!("docker run --{name}={value}; Kamal: options: {{ {name}: \"{value}\" }}")
}

/// Everything there is to say.
pub(super) fn findings(facts: &Facts, needs: &Needs) -> Vec<Finding> {
    let mut all = vec![init(facts), runtime(facts, needs), cgroup(facts)];
    all.extend(CAPABILITIES.iter().map(|capability| capability.finding(facts, needs)));
    all.extend([proc(facts), files(facts, needs)]);
    all.extend(environment(facts));
    all.extend(kernel(facts));
    all
}

fn init(facts: &Facts) -> Finding {
    if facts.pid == 1 {
        return have("pid 1", "orphans are reaped; nothing survives tenantd");
    }
    lack(
        "pid 1",
        "a subreaper: orphans are reaped, but what escapes may survive tenantd",
        "ENTRYPOINT [\"tenantd\"], without docker run --init",
    )
}

fn runtime(facts: &Facts, needs: &Needs) -> Finding {
    let path = needs.runtime.display();
    if facts.runtime_writable {
        return have("runtime directory", format!("{path} can be written"));
    }
    let detail = format!("{path} cannot be written: no sockets, no start");
    lack_or_need(true, "runtime directory", detail, &option("tmpfs", "/run"))
}

fn cgroup(facts: &Facts) -> Finding {
    let flag = option("security-opt", "writable-cgroups=true");
    let lowered = "processes are tracked by session and group; no memory or task limits for a unit";
    match &facts.cgroup {
        Cgroup::Writable(controllers) => have("cgroup v2", format!("writable, controllers: {}", controllers.join(" "))),
        Cgroup::ReadOnly => lack("cgroup v2", format!("read-only: {lowered}"), &flag),
        Cgroup::None => lack("cgroup v2", format!("not mounted: {lowered}"), &flag),
    }
}

/// A capability (capabilities(7)).
struct Capability {
    name: &'static str,
    bit: u32,
    gives: &'static str,
    lowers: &'static str,
    needed: fn(&Facts, &Needs) -> bool,
}

const fn never(_: &Facts, _: &Needs) -> bool {
    false
}

fn users(_: &Facts, needs: &Needs) -> bool {
    needs.users
}

fn low_port(facts: &Facts, needs: &Needs) -> bool {
    needs.port.is_some_and(|port| port < facts.first_port)
}

const CAPABILITIES: [Capability; 6] = [
    Capability {
        name: "CAP_SETUID",
        bit: 7,
        gives: "units run as their user",
        lowers: "[service] user other than ours fails with 217/USER",
        needed: users,
    },
    Capability {
        name: "CAP_SETGID",
        bit: 6,
        gives: "units run with their groups",
        lowers: "[service] user and group other than ours fail with 216/GROUP",
        needed: users,
    },
    Capability {
        name: "CAP_KILL",
        bit: 5,
        gives: "units of other users can be stopped",
        lowers: "a unit of another user cannot be signalled",
        needed: users,
    },
    Capability {
        name: "CAP_CHOWN",
        bit: 0,
        gives: "sockets and directories are given to the user of their unit",
        lowers: "a unit of another user may not own its socket",
        needed: never,
    },
    Capability {
        name: "CAP_NET_BIND_SERVICE",
        bit: 10,
        gives: "every port",
        lowers: "ports below 1024 may be refused",
        needed: low_port,
    },
    Capability {
        name: "CAP_SYS_RESOURCE",
        bit: 24,
        gives: "limits and OOM scores in both directions",
        lowers: "hard limits cannot be raised, OOM scores not lowered",
        needed: never,
    },
];

impl Capability {
    fn finding(&self, facts: &Facts, needs: &Needs) -> Finding {
        let Some(all) = facts.capabilities else { return lack(self.name, "unknown without /proc", "") };
        if all >> self.bit & 1 == 1 {
            return have(self.name, self.gives);
        }
        let flag = option("cap-add", self.name.trim_start_matches("CAP_"));
        let flag = if facts.uid == 0 { flag } else { format!("{flag}, as root: {}", option("user", "0")) };
        lack_or_need((self.needed)(facts, needs), self.name, self.lowers, &flag)
    }
}

fn proc(facts: &Facts) -> Finding {
    match (facts.capabilities, facts.hidepid) {
        (None, _) => {
            lack("/proc", "not mounted: what leaves its unit's process group is not found", "mount -t proc proc /proc")
        }
        (_, true) => lack("/proc", "hidepid: processes of other users are not found", "mount /proc without hidepid"),
        (_, false) => have("/proc", "processes are found by their ancestry"),
    }
}

fn files(facts: &Facts, needs: &Needs) -> Finding {
    let Some(files) = facts.files else { return have("open files", "no limit") };
    let room = files.saturating_sub(OWN_FILES) / TENANT_FILES;
    let detail = format!("{files}: enough for about {room} tenants that run at once; {} are configured", needs.tenants);
    // A listener for each, whether it runs or not.
    let least = OWN_FILES + needs.tenants as u64;
    match needs.tenants as u64 {
        tenants if tenants <= room => have("open files", detail),
        _ => lack_or_need(files < least, "open files", detail, &option("ulimit", "nofile=65536")),
    }
}

fn environment(facts: &Facts) -> Vec<Finding> {
    let limit = |name, value: Option<u64>| have(name, value.map_or("none".to_owned(), |value| value.to_string()));
    let uid = facts.uid;
    let user = match &facts.user {
        Some(name) => have("user", format!("{name}, uid {uid}")),
        None => lack(
            "user",
            format!("uid {uid} is not in /etc/passwd: units get neither USER nor a home from it"),
            "RUN useradd in the Containerfile",
        ),
    };
    let zones = match facts.zones {
        true => have("time zones", "/usr/share/zoneinfo"),
        false => lack("time zones", "no /usr/share/zoneinfo: TZ means UTC in units", "RUN apt-get install -y tzdata"),
    };
    vec![
        limit("pids limit", facts.pids_max),
        limit("memory limit", facts.memory_max),
        user,
        have("stdout", facts.stdout),
        zones,
    ]
}

fn kernel(facts: &Facts) -> Vec<Finding> {
    let filter = ["off", "strict", "filter"].get(usize::from(facts.seccomp)).copied().unwrap_or("unknown");
    let privileges =
        if facts.no_new_privs { "set: set-user-ID programs (sudo) have no effect in units" } else { "not set" };
    let feature = |name, there, gives: &str, lowers: &str| match there {
        true => have(name, gives),
        false => lack(name, lowers, "a newer kernel, or a newer Docker (its seccomp profile)"),
    };
    vec![
        have("kernel", facts.kernel.as_str()),
        have("seccomp", filter),
        have("no_new_privs", privileges),
        feature("pidfd", facts.pidfd, "a reused pid is never hit", "a signal may hit a reused pid"),
        feature(
            "close_range",
            facts.close_range,
            "units inherit no descriptor",
            "units may see our parent's descriptors",
        ),
        match facts.landlock {
            Some(abi) => have("landlock", format!("ABI {abi}")),
            None => lack("landlock", "not in this kernel, or off", "boot the host with lsm=landlock,…"),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Facts {
        Facts {
            pid: 1,
            user: Some("root".into()),
            capabilities: Some(u64::MAX),
            runtime_writable: true,
            cgroup: Cgroup::Writable(vec!["memory".into()]),
            files: Some(65536),
            zones: true,
            pidfd: true,
            close_range: true,
            landlock: Some(7),
            first_port: 1024,
            ..Facts::default()
        }
    }

    fn needs() -> Needs {
        Needs { runtime: "/run/tenantd".into(), tenants: 100, users: false, port: Some(3000) }
    }

    #[test]
    fn where_nothing_lacks_all_is_there() {
        assert!(findings(&good(), &needs()).iter().all(|finding| finding.level == Level::Have));
    }

    /// One thing is missing at a time: that alone is told.
    #[test]
    fn each_lack_is_told_with_its_flag() {
        use Level::{Lack, Need};
        type Change = fn(&mut Facts, &mut Needs);
        let table: [(Change, &str, Level, &str); 15] = [
            (|f, _| f.pid = 7, "pid 1", Lack, "--init"),
            (|f, _| f.runtime_writable = false, "runtime directory", Need, "--tmpfs=/run"),
            (|f, _| f.cgroup = Cgroup::ReadOnly, "cgroup v2", Lack, "writable-cgroups"),
            (|f, _| f.cgroup = Cgroup::None, "cgroup v2", Lack, "writable-cgroups"),
            (|f, _| f.capabilities = Some(!(1 << 7)), "CAP_SETUID", Lack, "--cap-add=SETUID"),
            (|f, n| (f.capabilities, n.users) = (Some(!(1 << 6)), true), "CAP_SETGID", Need, "--cap-add=SETGID"),
            (|f, n| (f.capabilities, n.users) = (Some(!(1 << 5)), true), "CAP_KILL", Need, "--cap-add=KILL"),
            (|f, n| (f.capabilities, n.port) = (Some(!(1 << 10)), Some(80)), "CAP_NET_BIND_SERVICE", Need, "NET_BIND"),
            (|f, _| f.capabilities = Some(!(1 << 24)), "CAP_SYS_RESOURCE", Lack, "cap-add: \"SYS_RESOURCE\""),
            (|f, _| f.hidepid = true, "/proc", Lack, "hidepid"),
            (|f, _| f.files = Some(1024), "open files", Lack, "nofile="),
            (|f, _| f.files = Some(100), "open files", Need, "nofile="),
            (|f, _| f.user = None, "user", Lack, "useradd"),
            (|f, _| f.zones = false, "time zones", Lack, "tzdata"),
            (|f, _| f.landlock = None, "landlock", Lack, "lsm="),
        ];
        for (change, name, level, flag) in table {
            let (mut facts, mut needs) = (good(), needs());
            change(&mut facts, &mut needs);
            let mut found = findings(&facts, &needs);
            found.retain(|finding| finding.level != Level::Have);
            let [finding] = &found[..] else { panic!("{name}: {found:?}") };
            assert_eq!((finding.name, finding.level), (name, level));
            assert!(finding.flag.as_ref().is_some_and(|text| text.contains(flag)), "{finding:?}");
        }
    }
}
