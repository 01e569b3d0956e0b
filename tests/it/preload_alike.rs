//! A forked tenant is to its kernel, its files and its application what an exec'ed one is: both are looked at and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::Init;
use crate::preload_rails::{TEMPLATE, preloaded, prepare, process};
use crate::preload_release::{CURRENT, release};
use crate::procfs;
use crate::setup::Setup;

/// All that a unit can say of its processes, different from what they would have anyway.
const SERVICE: &str = r#"
umask = "0027"
nice = 3
oom_score_adj = 321
limit_nofile = "777:888"
limit_core = "0"
limit_stack = "4M"
supplementary_groups = ["games", "daemon"]
"#;

/// Of /proc/PID/status: whose it is, what it may, and what it does with signals.
const STATUS: [&str; 16] = [
    "Uid",
    "Gid",
    "Groups",
    "Umask",
    "SigBlk",
    "SigIgn",
    "SigCgt",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Seccomp",
    "Cpus_allowed",
    "Mems_allowed",
];

/// Links of /proc/PID.
const LINKS: [&str; 10] =
    ["cwd", "root", "exe", "ns/mnt", "ns/pid", "ns/net", "ns/ipc", "ns/uts", "ns/user", "ns/cgroup"];

/// Files of /proc/PID, whole.
const FILES: [&str; 8] =
    ["limits", "oom_score_adj", "cgroup", "cmdline", "personality", "coredump_filter", "sessionid", "loginuid"];

/// What is known of the process from outside.
fn outside(pid: u32) -> BTreeMap<String, String> {
    let read =
        |name: &str| fs::read(format!("/proc/{pid}/{name}")).map(|text| String::from_utf8_lossy(&text).into_owned());
    let status = read("status").expect("a process");
    let fields = status.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| STATUS.contains(name));
    let mut all: BTreeMap<String, String> =
        fields.map(|(name, text)| (name.to_owned(), text.trim().to_owned())).collect();
    let link = |name: &str| {
        fs::read_link(format!("/proc/{pid}/{name}")).map_or_else(|e| e.to_string(), |path| path.display().to_string())
    };
    all.extend(LINKS.map(|name| (name.to_owned(), link(name))));
    let whole = |name: &str| read(name).unwrap_or_default().trim_end_matches(['\0', ' ']).to_owned();
    all.extend(FILES.map(|name| (name.to_owned(), whole(name))));
    // Each start has a mark of its own there.
    let limits =
        all["limits"].lines().filter(|line| !line.starts_with("Max file locks")).collect::<Vec<_>>().join("\n");
    all.insert("limits".to_owned(), limits);
    // proc(5): after the name come state, parent, group, session, terminal …; 19 is nice, 41 the policy of the scheduler.
    let stat = read("stat").expect("a process");
    let stat: Vec<_> = stat[stat.rfind(')').expect("a name")..].split_whitespace().map(str::to_owned).collect();
    let itself = |text: &String| if *text == pid.to_string() { "itself".to_owned() } else { text.clone() };
    let of = |name: &str, field: usize| (name.to_owned(), itself(&stat[field - 2]));
    all.extend([of("group", 5), of("session", 6), of("terminal", 7), of("nice", 19), of("policy", 41)]);
    all.extend((0..=3).map(|n| (format!("descriptor {n}"), descriptor(pid, n))));
    all
}

/// What a descriptor is; a pipe to the journal is another one at each start.
fn descriptor(pid: u32, number: u32) -> String {
    let link = fs::read_link(format!("/proc/{pid}/fd/{number}")).map(|path| path.display().to_string());
    let link = link.unwrap_or_else(|error| error.to_string());
    if link.starts_with("pipe:") { "a pipe".to_owned() } else { link }
}

/// Sockets and pipes: what only one process may hold.
fn channels(pid: u32) -> BTreeSet<String> {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).expect("a process").flatten();
    let links = links.filter_map(|link| fs::read_link(link.path()).ok()).map(|path| path.display().to_string());
    links.filter(|link| link.starts_with("socket:") || link.starts_with("pipe:")).collect()
}

/// Descriptors from 4 on, by kind.
fn others(pid: u32) -> BTreeSet<String> {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).expect("a process").flatten();
    let links = links.filter(|link| link.file_name().to_str().and_then(|n| n.parse().ok()).is_some_and(|n: u32| n > 3));
    let links = links.filter_map(|link| fs::read_link(link.path()).ok()).map(|path| path.display().to_string());
    links.map(|link| link.split('[').next().unwrap_or_default().to_owned()).collect()
}

/// The configuration with an application that tells all of its environment.
#[track_caller]
fn talking(service: &str) -> Setup {
    let setup = prepare(preloaded(&["boston", "nyc"], service).setup(), &["boston", "nyc"]);
    release(setup.path(), "one");
    let controller = setup.path().join("one/app/controllers/probes_controller.rb");
    let text = fs::read_to_string(&controller).expect("the controller");
    let more = "env: ENV.to_h, umask: File.umask, nice: Process.getpriority(Process::PRIO_PROCESS, 0), \
                groups: Process.groups.sort, program: File.basename($0), argv: ARGV, cwd: Dir.pwd, zone: Time.now.zone, threads: Thread.list.map { |thread| thread.inspect[/[^\\/ ]+\\.rb:\\d+/] || thread.name }.sort_by(&:to_s),";
    fs::write(&controller, text.replace("env: ENV.keys.sort,", more)).expect("the controller");
    // Its cache is of whom boots first, and no other user may read it.
    let boot = setup.path().join("one/config/boot.rb");
    let text = fs::read_to_string(&boot).expect("boot.rb");
    let without: Vec<_> = text.lines().filter(|line| !line.contains("bootsnap")).collect();
    fs::write(&boot, without.join("\n")).expect("boot.rb");
    std::os::unix::fs::symlink("one", setup.path().join("current")).expect("a link");
    for path in [setup.path().to_owned(), setup.path().join("boston.sqlite3"), setup.path().join("nyc.sqlite3")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("for any user");
    }
    setup.unit("showcase@.toml.d/where.toml", CURRENT)
}

/// What the application sees of itself, but for its pid; Puma has taken LISTEN_PID out when it took the socket.
#[track_caller]
fn inside(init: &Init, event: &str) -> Value {
    let mut who = init.get(&format!("/{event}/whoami.json")).expect(200).json();
    for key in ["pid", "request_id"] {
        who[key] = Value::Null;
    }
    // `bundle exec` adds a directory of programs, which a template loses with all else that the unit says anew.
    let added = format!("{}/bin", who["env"]["GEM_HOME"].as_str().unwrap_or_default());
    let path: BTreeSet<_> =
        who["env"]["PATH"].as_str().expect("PATH").split(':').filter(|part| *part != added).collect();
    let path = json!(path);
    who["env"]["PATH"] = path;
    // It frees what concurrent-ruby keeps for threads that are no more, and does not come back after a fork.
    if let Some(threads) = who["threads"].as_array_mut() {
        threads.retain(|thread| !thread.to_string().contains("ruby_thread_local_var.rb"));
    }
    who
}

/// Both ways to start the same tenant, compared; the forked one is running.
#[track_caller]
fn assert_alike(init: &Init, event: &str) {
    let unit = format!("showcase@{event}");
    let seen = |by: &str| {
        let inside = inside(init, event);
        let status = init.status(&unit);
        assert_eq!(status["preload"]["by"], by, "{status}");
        let pid = process(init, &unit);
        assert_eq!(procfs::parent(pid), Some(init.pid()));
        (inside, outside(pid), others(pid))
    };
    init.verb(&["stop", TEMPLATE]).expect(0);
    let executed = seen("exec");
    init.verb(&["stop", &unit]).expect(0);
    init.verb(&["start", TEMPLATE]).expect(0);
    init.wait_active(TEMPLATE, "active");
    let forked = seen("template");
    for (name, value) in &executed.1 {
        assert_eq!(forked.1.get(name), Some(value), "{name}");
    }
    let mut differing = Vec::new();
    for (name, value) in executed.0.as_object().expect("an object") {
        let mut note = |name: &str, executed: Option<&Value>, forked: Option<&Value>| {
            if executed != forked {
                differing.push(format!("{name}: executed {executed:?}, forked {forked:?}"));
            }
        };
        if name == "env" {
            let (executed, forked) = (value.as_object().expect("env"), forked.0["env"].as_object().expect("env"));
            let keys: BTreeSet<&String> = executed.keys().chain(forked.keys()).collect();
            keys.into_iter().for_each(|key| note(key, executed.get(key), forked.get(key)));
        } else {
            note(name, Some(value), Some(&forked.0[name]));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert_eq!(forked.2, executed.2);
    let pid = process(init, &unit);
    let both: Vec<_> = channels(pid).intersection(&channels(process(init, TEMPLATE))).cloned().collect();
    assert_eq!(both, [""; 0], "it holds what is its template's");
    // What cannot be alike: the kernel keeps what the template was executed with, which is of no tenant.
    let environ = fs::read(format!("/proc/{pid}/environ")).expect("environ");
    assert!(!String::from_utf8_lossy(&environ).contains(&format!("the secret of {event}")));
}

#[test]
fn a_forked_tenant_is_what_an_exec_ed_one_is() {
    let init = talking(SERVICE).start();
    assert_alike(&init, "boston");
    let seen = outside(process(&init, "showcase@boston"));
    assert_eq!((seen["nice"].as_str(), seen["oom_score_adj"].trim()), ("3", "321"));
    assert!(seen["limits"].contains("777"), "{}", seen["limits"]);
    let cgroup = procfs::cgroup(&init.file("run")).expect("a cgroup");
    let members = fs::read_to_string(cgroup.join("showcase@boston.service/cgroup.procs")).expect("its own");
    assert_eq!(members.trim(), process(&init, "showcase@boston").to_string());
}

#[test]
fn without_cgroups_it_is_too() {
    assert_alike(&talking("").read_only_cgroups().start(), "boston");
}

#[test]
fn beside_another_init_it_is_too() {
    assert_alike(&talking("").ordinary(true).start(), "boston");
}

/// The template is that user then, and so are all.
#[test]
fn with_a_user_for_all_it_is_too() {
    let init = talking("user = \"games\"\n").start();
    assert_alike(&init, "boston");
    let pid = process(&init, "showcase@boston");
    assert_eq!(outside(pid)["Uid"], outside(process(&init, TEMPLATE))["Uid"]);
    assert_eq!(outside(pid)["CapEff"], "0000000000000000");
}

/// The template is root, and a tenant has a user of its own.
#[test]
fn with_a_user_of_its_own_it_is_too() {
    let setup = talking("").unit("showcase@nyc.toml", "[service]\nuser = \"games\"\n");
    let init = setup.start();
    init.get("/nyc/whoami.json").expect(200);
    init.wait_active(TEMPLATE, "active");
    assert_alike(&init, "nyc");
    let pid = process(&init, "showcase@nyc");
    let seen = outside(pid);
    assert_ne!(seen["Uid"], outside(process(&init, TEMPLATE))["Uid"]);
    for name in ["CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(seen[name], "0000000000000000", "{name}");
    }
    assert_eq!(init.get("/boston/whoami.json").expect(200).json()["uid"], json!(nix::unistd::geteuid().as_raw()));
    assert!(Path::new(&init.file("nyc.sqlite3")).exists());
}
