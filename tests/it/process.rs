//! Real processes, made by the library: what they are given, and what they say when they cannot start.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::signal::{SigSet, Signal};

use tenantd::process::user::look_up;
use tenantd::process::{self, Executed, Plan, Third, kill_group, spawn};

use crate::given::{Given, all_of, executed, is_other_half, run, status};

#[test]
fn the_environment_is_exactly_what_is_given() {
    let mut given = Given::new(["env"]);
    given.environment.insert("NAME".into(), "a b=c\nd".into());
    given.environment.insert("LISTEN_FDS".into(), "9".into());
    let expected = format!("NAME=a b=c\nd\nPATH={}\n", process::environment::PATH);
    assert_eq!(run(&given.plan()), (Some(0), expected, String::new()));
}

#[test]
fn signals_are_as_a_fresh_login_has_them() {
    let blocked = SigSet::from_iter([Signal::SIGUSR1, Signal::SIGTERM]);
    blocked.thread_set_mask().unwrap();
    let (code, out, _) = run(&Given::new(["cat", "/proc/self/status"]).plan());
    assert_eq!(code, Some(0));
    let masks = out.lines().filter(|line| ["SigBlk:", "SigIgn:", "SigCgt:"].iter().any(|key| line.starts_with(key)));
    let values: Vec<_> = masks.filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(values, ["0000000000000000"; 3]);
    assert_eq!(SigSet::thread_get_mask().unwrap(), blocked, "our own mask is not what it was");
}

/// Its descriptors while it runs.
fn descriptors(plan: &Plan) -> BTreeSet<String> {
    let child = spawn(plan).unwrap();
    assert_eq!(executed(&child), Executed::Succeeded);
    let entries = fs::read_dir(format!("/proc/{}/fd", child.pid)).unwrap();
    let open = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    kill_group(child.pid, tenantd::unit::Signal::KILL).unwrap();
    assert_eq!(status(child.pid).terminating_signal(), Some(libc::SIGKILL));
    open
}

#[test]
fn only_its_own_descriptors_are_open() {
    let null = File::open("/dev/null").unwrap();
    let inheritable = rustix::io::dup(&null).unwrap();
    let given = Given::new(["sleep", "1000"]);
    let names = |text: &str| text.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(descriptors(&given.plan()), names("0 1 2"));
    let directory = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(directory.path().join("s")).unwrap();
    let plan = Plan { third: Some(Third::Listener(listener.as_fd(), "web")), ..given.plan() };
    assert_eq!(descriptors(&plan), names("0 1 2 3"));
    drop(inheritable);
}

/// What a process says of the listener that it was given.
fn assert_listener_is_passed(listener: &UnixListener) {
    let script = "echo $LISTEN_PID $$ $LISTEN_FDS $LISTEN_FDNAMES; readlink /proc/self/fd/0 /proc/self/fd/3";
    let mut given = Given::shell(script);
    given.environment.insert("LISTEN_PID".into(), "1".into());
    let plan = Plan { third: Some(Third::Listener(listener.as_fd(), "web@boston")), ..given.plan() };
    let child = spawn(&plan).unwrap();
    let (pid, out) = (child.pid, all_of(child.stdout));
    let inode = rustix::fs::fstat(listener).unwrap().st_ino;
    assert_eq!(out, format!("{pid} {pid} 1 web@boston\n/dev/null\nsocket:[{inode}]\n"));
    assert!(status(pid).exited());
}

#[test]
fn a_listener_is_descriptor_3() {
    let directory = tempfile::tempdir().unwrap();
    assert_listener_is_passed(&UnixListener::bind(directory.path().join("s")).unwrap());
}

#[test]
fn a_listener_that_is_descriptor_3_already_stays_open() {
    const NAME: &str = "process::a_listener_that_is_descriptor_3_already_stays_open";
    let directory = tempfile::tempdir().unwrap();
    if !is_other_half(NAME) {
        let (code, out, err) = run(&Given::again(NAME).plan());
        return assert_eq!(code, Some(0), "{out}{err}");
    }
    // A fresh process has three descriptors: so the first socket is number 3.
    let third = UnixListener::bind(directory.path().join("3")).unwrap();
    assert_eq!(third.as_raw_fd(), 3);
    assert_listener_is_passed(&third);
    let fourth = UnixListener::bind(directory.path().join("4")).unwrap();
    drop(third);
    // Now a pipe of ours is number 3 and in the way.
    assert_listener_is_passed(&fourth);
}

#[test]
fn a_step_that_fails_is_named_and_is_the_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (plain, garbage) = (file("plain", "#!/bin/sh\n", 0o644), file("garbage", "neither ELF nor #!", 0o755));
    let place = Path::new("/");
    let nowhere = Path::new("/does/not/exist");
    let table = [
        (vec!["/does/not/exist"], place, None, (203, "EXEC", libc::ENOENT)),
        (vec!["no-such-program"], place, None, (203, "EXEC", libc::ENOENT)),
        (vec!["garbage"], place, None, (203, "EXEC", libc::ENOEXEC)),
        (vec!["plain"], place, None, (203, "EXEC", libc::EACCES)),
        (vec![plain.as_str()], place, None, (203, "EXEC", libc::EACCES)),
        (vec![garbage.as_str()], place, None, (203, "EXEC", libc::ENOEXEC)),
        (vec!["/"], place, None, (203, "EXEC", libc::EACCES)),
        (vec![], place, None, (203, "EXEC", libc::ENOENT)),
        (vec!["true"], nowhere, None, (200, "CHDIR", libc::ENOENT)),
        (vec!["no-such-program"], nowhere, None, (200, "CHDIR", libc::ENOENT)),
        (vec!["no-such-program"], nowhere, Some("no-such-user"), (217, "USER", libc::ESRCH)),
    ];
    for (argv, working_directory, user, (code, step, errno)) in table {
        let mut given = Given::new([]);
        given.argv = argv.into_iter().map(str::to_owned).collect();
        let path = format!("relative:{}:{}", process::environment::PATH, directory.path().display());
        given.environment.insert("PATH".into(), path);
        let user = user.map(look_up);
        let child = spawn(&Plan { working_directory, user: user.as_ref(), ..given.plan() }).unwrap();
        assert_eq!(executed(&child), Executed::Failed { step, errno, which: 0 }, "{:?}", given.argv);
        assert_eq!(status(child.pid).exit_status(), Some(code));
    }
}

#[test]
fn a_nul_byte_is_refused_before_the_fork() {
    let error = spawn(&Given::new(["true", "a\0b"]).plan()).unwrap_err();
    assert!(error.to_string().contains("take the NUL byte out"), "{error}");
}

#[test]
fn it_leads_its_own_session_in_its_own_directory_with_the_limit_of_old() {
    let directory = tempfile::tempdir().unwrap();
    let mut given = Given::shell("cat /proc/$$/stat; pwd -P; ulimit -Sn; cat /proc/$$/oom_score_adj");
    given.limits.rlimit_nofile.rlim_cur = 123;
    let plan = Plan { working_directory: directory.path(), oom_score_adj: Some(777), ..given.plan() };
    let child = spawn(&plan).unwrap();
    let (pid, out) = (child.pid.to_string(), all_of(child.stdout));
    let lines: Vec<_> = out.lines().collect();
    let after_name = lines[0].rsplit(')').next().unwrap();
    let group_and_session: Vec<_> = after_name.split_whitespace().skip(2).take(2).collect();
    assert_eq!(group_and_session, [&pid, &pid]);
    let real = directory.path().canonicalize().unwrap();
    assert_eq!(lines[1..], [real.to_str().unwrap(), "123", "777"]);
    assert!(status(child.pid).exited());
}

#[test]
fn it_runs_as_the_user_of_the_plan() {
    let ours = process::user::own();
    let own = format!("{}:{}", ours.uid, ours.gid);
    let given = Given::shell("echo $(id -u) $(id -g) $(id -G)");
    let child = run(&Plan { user: Some(&look_up(&own)), ..given.plan() });
    assert!(child.1.starts_with(&format!("{} {} ", ours.uid, ours.gid)), "{child:?}");
    let stranger = look_up("4242:4243");
    let plan = Plan { user: Some(&stranger), ..given.plan() };
    if ours.uid == 0 && !in_small_user_namespace() {
        assert_eq!(run(&plan).1, "4242 4243 4243\n");
    } else {
        let child = spawn(&plan).unwrap();
        assert!(matches!(executed(&child), Executed::Failed { step: "GROUP", .. }));
        assert_eq!(status(child.pid).exit_status(), Some(216));
    }
}

/// One where root is the only user, as `unshare -r` makes it.
fn in_small_user_namespace() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap();
    map.split_whitespace().nth(2) != Some("4294967295")
}
