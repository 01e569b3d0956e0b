//! The privilege ladder: PID 1 in ever poorer environments starts, serves, answers, stops and refuses as ever, and
//! names what it lowered.

use nix::sys::signal::Signal;

use crate::harness::{Init, eventually, signal};
use crate::procfs;
use crate::setup::{Setup, free_address};
use crate::web::web;

/// What is lowered without cgroups of our own.
const TRACKING: &str = "process tracking: ";

/// What must hold in the environment that `rung` makes. `lowered` is all that `tenantd status` names; none if empty.
#[track_caller]
fn climb(rung: impl Fn(Setup) -> Setup, lowered: &[&str]) {
    let init = rung(Init::new().web(&web(&["boston"]))).start();
    init.get("/boston").expect(200);
    let status = init.inside(&["status"]).expect(0).stdout;
    // How processes are tracked depends on the machine of the test too.
    let wanted = |line: &str| lowered.iter().any(|words| line.contains(words)) || !line.contains(TRACKING);
    let notes: Vec<_> = status.lines().filter(|line| line.contains("Lowered:") && wanted(line)).collect();
    assert_eq!(notes.len(), lowered.len(), "{status}");
    for (note, words) in notes.iter().zip(lowered) {
        assert!(note.contains(words), "{status}");
        init.wait_log(&["lowered: ", words]);
    }
    init.inside(&["restart", "web@boston"]).expect(0);
    let killed = init.inside(&["status", "web@boston", "--json"]).json()["pid"].as_u64();
    let killed = killed.and_then(|pid| init.outer(pid as u32)).expect("the tenant");
    assert!(signal(killed, Signal::SIGKILL));
    init.get("/boston").expect(200);
    init.inside(&["is-active", "web@boston"]).expect(0);
    eventually("no zombie is left", || procfs::zombies(init.pid()) == 0);
    assert_eq!(init.stop().code(), Some(0));

    let mut refused = rung(Init::new().config("nonsense = 1")).launch(free_address());
    assert_eq!(refused.wait().code(), Some(78), "{}", refused.log().tail(20));
    refused.wait_log(&["nonsense"]);
}

/// A shell that changes its mounts, which are its own, and becomes tenantd. `$0` is the configuration directory.
fn shell(setup: Setup, script: &str) -> Setup {
    let script = format!("set -e; {script}; exec \"$@\"");
    let directory = setup.path().to_str().expect("a path").to_owned();
    setup.wrapper(&["/bin/sh", "-c", &script, &directory])
}

/// As `docker run --read-only`: nothing can be written but the volume with the configuration, and what is mounted anew.
const READ_ONLY: &str = "mount --bind /tmp /tmp; mount --bind \"$0\" \"$0\"; mount -t tmpfs none /run; \
    for place in /run /tmp /; do mount -o remount,bind,ro $place; done";

#[test]
fn t52_time_namespace() {
    let ago = ["unshare", "--time", "--monotonic", "5000000", "--boottime", "5000000", "--"];
    climb(|setup| setup.wrapper(&ago), &[]);
    let init = Init::new().wrapper(&ago).web(&web(&["boston"]).service("idle_stop = \"200ms\"")).start();
    init.get("/boston").expect(200);
    init.wait_active("web@boston", "inactive");
}

#[test]
fn t70_no_proc() {
    climb(|setup| shell(setup, "mount -t tmpfs none /proc"), &[]);
}

#[test]
fn t70_hidepid() {
    // Root without CAP_SYS_PTRACE sees nobody else's processes then.
    let script = "mount -o remount,hidepid=2 /proc; set -- setpriv --bounding-set -sys_ptrace -- \"$@\"";
    climb(|setup| shell(setup, script), &[]);
}

#[test]
fn t71_read_only_root() {
    let script = format!("mount -t tmpfs none /dev/shm; {READ_ONLY}");
    let lowered = "sockets are in /dev/shm/tenantd: /run/tenantd cannot be written";
    climb(|setup| shell(setup, &script).usual_runtime(), &[lowered]);
}

#[test]
fn t71_run_noexec() {
    let script = format!("{READ_ONLY}; mount -t tmpfs -o noexec,nosuid,nodev none /run");
    climb(|setup| shell(setup, &script).usual_runtime(), &[]);
}

#[test]
fn t71_nowhere_to_write() {
    // The one thing that tenantd cannot do without is a place for its sockets: it says so, and how to give it.
    let script = format!("mount -t tmpfs -o ro none /dev/shm; {READ_ONLY}");
    let mut init = shell(Init::new().usual_runtime(), &script).launch(free_address());
    assert_eq!(init.wait().code(), Some(71), "{}", init.log().tail(20));
    init.wait_log(&["cannot make the runtime directory /run/tenantd: Read-only", "set runtime_directory"]);
}

#[test]
fn t72_unknown_uid() {
    let user = ["unshare", "--user", "--map-user=12345", "--map-group=12345", "--"];
    climb(|setup| setup.wrapper(&user), &[]);
}

#[test]
fn t73_no_capabilities() {
    let mut wrapper = vec!["setpriv", "--no-new-privs"];
    if nix::unistd::geteuid().is_root() {
        wrapper.extend(["--bounding-set=-all", "--inh-caps=-all"]);
    }
    climb(|setup| setup.wrapper(&wrapper), &[]);
    let init = Init::new().ordinary(true).wrapper(&wrapper).web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    assert_eq!(init.stop().code(), Some(0));
}

#[test]
fn t73_all_of_it_together() {
    let script = format!(
        "mount -t tmpfs none /dev/shm; {READ_ONLY}; \
         set -- unshare --user --map-user=12345 --map-group=12345 -- setpriv --no-new-privs -- \"$@\""
    );
    let lowered = "sockets are in /dev/shm/tenantd: /run/tenantd cannot be written";
    climb(|setup| shell(setup, &script).usual_runtime(), &[lowered]);
}

#[test]
fn t74_cgroup_read_only() {
    let all = "awk '$2 ~ \"^/sys/fs/cgroup\" { print $2 }' /proc/mounts";
    let script = format!("for place in $({all}); do mount -o remount,bind,ro $place; done");
    climb(|setup| shell(setup, &script), &[TRACKING]);
}

#[test]
fn t74_no_cgroup() {
    climb(|setup| shell(setup, "mount -t tmpfs -o ro none /sys/fs/cgroup"), &[TRACKING]);
}

/// What engines refuse, or do not know yet.
const NEWER: &[libc::c_long] = &[
    libc::SYS_io_uring_setup,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_restrict_self,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_close_range,
    libc::SYS_openat2,
    libc::SYS_faccessat2,
    libc::SYS_statx,
];

#[test]
fn t75_seccomp() {
    let lowered = "services may see our parent's descriptors";
    climb(|setup| setup.refuse(&[NEWER, &[libc::SYS_clone3]].concat(), libc::ENOSYS), &[lowered]);
    climb(|setup| setup.refuse(NEWER, libc::EPERM), &[lowered]);
}

#[test]
fn t75_without_threads_it_says_why() {
    // After EPERM for clone3 glibc takes no other way: Puma would not run either.
    let mut init = Init::new().refuse(&[libc::SYS_clone3], libc::EPERM).launch(free_address());
    assert_eq!(init.wait().code(), Some(71), "{}", init.log().tail(20));
    init.wait_log(&["cannot start the log writer", "a seccomp filter refuses threads", "use Docker"]);
}

#[test]
fn t76_no_pts_no_tmp() {
    // Not even /dev/null.
    let script = format!("mount -t tmpfs none /dev; {READ_ONLY}; export TMPDIR=/nowhere");
    climb(|setup| shell(setup, &script), &[]);
}

#[test]
fn t77_large_environment() {
    let unit = r#"[service]
        type = "oneshot"
        pass_environment = ["BIG.NAME"]
        exec_start = ['awk', 'BEGIN { print length(ENVIRON["BIG.NAME"]), length(ENVIRON["SECRET"]) }']
        "#;
    let big = "x".repeat(100_000);
    let rung = |setup: Setup| setup.environment("BIG.NAME", &big).environment("SECRET", "s3cret");
    climb(rung, &[]);
    let init = rung(Init::new()).unit("env.toml", unit).start();
    init.verb(&["start", "env"]).expect(0);
    init.wait_log(&["env[", "stdout: 100000 0"]);
}
