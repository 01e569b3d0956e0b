//! Real processes, made by the library: what they are given, how they end, what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, Resource, Signal, WaitOptions, getrlimit, waitpid};
use tenantd::boot::{self, Inherited};
use tenantd::manager::Exit;
use tenantd::process::{
    self, Child, Executed, Message, Plan, Receiver, ancestor_session, kill_group, peek, read_executed, release, spawn,
};
use tenantd::signals::{Set, Signals};

/// Long enough for a loaded machine; nothing waits so long unless it is broken.
const LONG: rustix::time::Timespec = rustix::time::Timespec { tv_sec: 60, tv_nsec: 0 };

/// Names the test that a new process of this binary shall run as its other half.
const ROLE: &str = "TENANTD_TEST_ROLE";

/// What a plan borrows.
struct Given {
    argv: Vec<String>,
    environment: BTreeMap<String, String>,
    limits: Inherited,
}

impl Given {
    fn new<const N: usize>(argv: [&str; N]) -> Self {
        let open = getrlimit(Resource::Nofile);
        let raw = |limit: Option<u64>| limit.unwrap_or(libc::RLIM_INFINITY);
        let rlimit_nofile = libc::rlimit { rlim_cur: raw(open.current), rlim_max: raw(open.maximum) };
        let environment = BTreeMap::from([("PATH".into(), process::environment::PATH.into())]);
        let limits = Inherited { rlimit_nofile, notes: Vec::new() };
        Self { argv: argv.map(str::to_owned).to_vec(), environment, limits }
    }

    fn shell(script: &str) -> Self {
        Self::new(["/bin/sh", "-c", script])
    }

    /// This test binary again, as the other half of a test.
    fn again(test: &str) -> Self {
        let binary = std::env::current_exe().unwrap();
        let mut given = Self::new([binary.to_str().unwrap(), "--exact", test, "--nocapture"]);
        given.environment.insert(ROLE.into(), test.into());
        given
    }

    fn plan(&self) -> Plan<'_> {
        Plan {
            argv: &self.argv,
            environment: &self.environment,
            working_directory: Path::new("/"),
            user: None,
            listener: None,
            limits: &self.limits,
            oom_score_adj: None,
        }
    }
}

fn is_other_half(test: &str) -> bool {
    std::env::var(ROLE).is_ok_and(|role| role == test)
}

fn wait_readable(fd: impl AsFd) {
    let polled = rustix::io::retry_on_intr(|| poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&LONG)));
    assert_eq!(polled, Ok(1), "nothing to read for a minute");
}

fn executed(child: &Child) -> Executed {
    wait_readable(&child.executed);
    read_executed(child.executed.as_fd())
}

fn all_of(pipe: OwnedFd) -> String {
    fcntl_setfl(&pipe, OFlags::empty()).unwrap();
    let mut text = String::new();
    File::from(pipe).read_to_string(&mut text).unwrap();
    text
}

fn status(pid: u32) -> rustix::process::WaitStatus {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap());
    waitpid(pid, WaitOptions::empty()).unwrap().unwrap().1
}

/// Runs it to its end: exit code, stdout, stderr.
fn run(plan: &Plan) -> (Option<i32>, String, String) {
    let child = spawn(plan).unwrap();
    assert_eq!(executed(&child), Executed::Succeeded);
    let (out, err) = (all_of(child.stdout), all_of(child.stderr));
    (status(child.pid).exit_status(), out, err)
}

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
    nix::sys::signal::SigSet::all().thread_block().unwrap();
    let (code, out, _) = run(&Given::new(["cat", "/proc/self/status"]).plan());
    assert_eq!(code, Some(0));
    let masks = out.lines().filter(|line| ["SigBlk:", "SigIgn:", "SigCgt:"].iter().any(|key| line.starts_with(key)));
    let values: Vec<_> = masks.filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(values, ["0000000000000000"; 3]);
    let own = nix::sys::signal::SigSet::thread_get_mask().unwrap();
    assert!(own.contains(nix::sys::signal::SIGUSR1), "the mask of the parent was not given back");
}

/// Its descriptors while it runs.
fn descriptors(plan: &Plan) -> BTreeSet<String> {
    let child = spawn(plan).unwrap();
    assert_eq!(executed(&child), Executed::Succeeded);
    let entries = fs::read_dir(format!("/proc/{}/fd", child.pid)).unwrap();
    let open = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    kill_group(child.pid, Signal::KILL).unwrap();
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
    let plan = Plan { listener: Some((listener.as_fd(), "web")), ..given.plan() };
    assert_eq!(descriptors(&plan), names("0 1 2 3"));
    drop(inheritable);
}

/// What a process says of the listener that it was given.
fn assert_listener_is_passed(listener: &UnixListener) {
    let script = "echo $LISTEN_PID $$ $LISTEN_FDS $LISTEN_FDNAMES; readlink /proc/self/fd/0 /proc/self/fd/3";
    let mut given = Given::shell(script);
    given.environment.insert("LISTEN_PID".into(), "1".into());
    let plan = Plan { listener: Some((listener.as_fd(), "web@boston")), ..given.plan() };
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
        let child = spawn(&Plan { working_directory, user, ..given.plan() }).unwrap();
        assert_eq!(executed(&child), Executed::Failed { step, errno }, "{:?}", given.argv);
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
    let child = run(&Plan { user: Some(&own), ..given.plan() });
    assert!(child.1.starts_with(&format!("{} {} ", ours.uid, ours.gid)), "{child:?}");
    let plan = Plan { user: Some("4242:4243"), ..given.plan() };
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

#[test]
fn a_signal_between_fork_and_exec_is_not_lost() {
    for _ in 0..50 {
        let child = spawn(&Given::new(["sleep", "1000"]).plan()).unwrap();
        kill_group(child.pid, Signal::TERM).unwrap();
        assert_eq!(status(child.pid).terminating_signal(), Some(libc::SIGTERM));
    }
}

#[test]
fn the_whole_group_is_killed_even_when_it_is_stopped() {
    let child = spawn(&Given::shell("sleep 1000 & sleep 1000 & kill -STOP 0").plan()).unwrap();
    let pid = Pid::from_raw(i32::try_from(child.pid).unwrap());
    assert!(waitpid(pid, WaitOptions::UNTRACED).unwrap().unwrap().1.stopped());
    kill_group(child.pid, Signal::TERM).unwrap();
    assert_eq!(status(child.pid).terminating_signal(), Some(libc::SIGTERM));
    // Its end says that nobody of the group holds the pipe any more.
    assert_eq!(all_of(child.stdout), "");
    kill_group(child.pid, Signal::KILL).unwrap();
}

/// All that needs to see every child is here, in a process of its own: the other tests' children are theirs.
#[test]
fn every_child_and_every_orphan_is_reaped() {
    const NAME: &str = "process::every_child_and_every_orphan_is_reaped";
    if !is_other_half(NAME) {
        let (code, out, err) = run(&Given::again(NAME).plan());
        return assert_eq!(code, Some(0), "{out}{err}");
    }
    let limits = boot::prepare();
    assert_eq!(limits.notes, Vec::<String>::new());
    let mut signals = Signals::new().unwrap();
    assert_eq!(peek(), None);

    zombies_stay_until_released(&mut signals);
    a_stopped_child_is_alive(&mut signals);
    ten_thousand_orphans_are_reaped(&mut signals);

    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGRTMIN() + 3] {
        let child = spawn(&Given::shell(&format!("kill -{signal} $PPID")).plan()).unwrap();
        let mut seen = Set::default();
        let mut note = |set: Set| seen = Set { child: false, ..set };
        assert_eq!(next_exit(&mut signals, &mut note), (child.pid, Exit::Code(0)));
        // Another thread may still be on its way to the handler.
        while seen == Set::default() {
            wait_readable(signals.fds()[if signal == libc::SIGHUP { 2 } else { 1 }]);
            seen = Set { child: false, ..signals.drain() };
        }
        let hangup = signal == libc::SIGHUP;
        assert_eq!(seen, Set { child: false, stop: usize::from(!hangup), hangup }, "signal {signal}");
    }
}

/// Waits for a child's end and frees its pid. What other signals came goes to `other`.
fn next_exit(signals: &mut Signals, other: &mut dyn FnMut(Set)) -> (u32, Exit) {
    loop {
        let dead = peek();
        let set = signals.drain();
        if set.stop > 0 || set.hangup {
            other(set);
        }
        if let Some(dead) = dead {
            release(dead.0);
            return dead;
        }
        if !set.child {
            let fds = signals.fds();
            let mut polled = fds.each_ref().map(|fd| PollFd::new(fd, PollFlags::IN));
            let ready = rustix::io::retry_on_intr(|| poll(&mut polled, Some(&LONG)));
            assert_ne!(ready, Ok(0), "no child ended for a minute");
        }
    }
}

fn no_other(set: Set) {
    panic!("an unexpected signal: {set:?}");
}

fn zombies_stay_until_released(signals: &mut Signals) {
    let child = spawn(&Given::shell("exit 7").plan()).unwrap();
    wait_readable(signals.fds()[0]);
    let seen = Some((child.pid, Exit::Code(7)));
    assert_eq!((peek(), peek()), (seen, seen));
    release(child.pid);
    assert_eq!(peek(), None);
    release(child.pid);
    let child = spawn(&Given::shell("kill -KILL $$").plan()).unwrap();
    assert_eq!(next_exit(signals, &mut no_other), (child.pid, Exit::Signal(libc::SIGKILL, false)));
    // A real-time signal has no name, and is a signal all the same.
    let child = spawn(&Given::shell("kill -40 $$").plan()).unwrap();
    assert_eq!(next_exit(signals, &mut no_other), (child.pid, Exit::Signal(40, false)));
}

fn a_stopped_child_is_alive(signals: &mut Signals) {
    let child = spawn(&Given::shell("echo; kill -STOP $$").plan()).unwrap();
    let pid = Pid::from_raw(i32::try_from(child.pid).unwrap());
    let seen = waitpid(pid, WaitOptions::UNTRACED).unwrap().unwrap().1;
    assert!(seen.stopped());
    assert_eq!(peek(), None);
    kill_group(child.pid, Signal::TERM).unwrap();
    assert_eq!(next_exit(signals, &mut no_other), (child.pid, Exit::Signal(libc::SIGTERM, false)));
}

fn ten_thousand_orphans_are_reaped(signals: &mut Signals) {
    let ten = ": & ".repeat(10);
    let flood = format!("i=0; while [ $i -lt 1000 ]; do ({ten}); i=$((i+1)); done; exit 3");
    let child = spawn(&Given::shell(&flood).plan()).unwrap();
    let (mut leader, mut orphans) = (None, 0);
    while leader.is_none() || orphans < 10_000 {
        match next_exit(signals, &mut no_other) {
            (pid, exit) if pid == child.pid => leader = Some(exit),
            (_, exit) => {
                assert_eq!(exit, Exit::Code(0));
                orphans += 1;
            }
        }
    }
    assert_eq!((leader, orphans), (Some(Exit::Code(3)), 10_000));
    let any = waitpid(None, WaitOptions::NOHANG);
    assert_eq!(any.err(), Some(rustix::io::Errno::CHILD), "somebody is left");
}

fn ready() -> Message {
    Message { ready: true, ..Message::default() }
}

#[test]
fn notifications_come_with_their_sender_and_without_descriptors() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    drop(UnixDatagram::bind(&path).unwrap());
    let mut receiver = Receiver::bind(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o666);
    assert_eq!(receiver.next(), None);
    let sender = UnixDatagram::unbound().unwrap();
    sender.connect(&path).unwrap();
    let own = std::process::id();
    let garbage = (0, Message::default());

    let table: [(&[u8], _); 4] = [
        (b"READY=1\nSTATUS=up", (own, Message { status: Some("up".into()), ..ready() })),
        (b"READY=1\0x", (own, Message::default())),
        (&[b'\n'; 4096], (own, Message::default())),
        (&[b'\n'; 4097], garbage),
    ];
    for (bytes, expected) in table {
        sender.send(bytes).unwrap();
        assert_eq!((receiver.next(), receiver.next()), (Some(expected), None));
    }

    let (read, write) = rustix::pipe::pipe().unwrap();
    let fds = [write.as_fd(); 200];
    let mut space = vec![MaybeUninit::uninit(); SendAncillaryMessage::ScmRights(&fds).size()];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    sendmsg(&sender, &[IoSlice::new(b"READY=1")], &mut control, SendFlags::empty()).unwrap();
    drop(write);
    assert_eq!(receiver.next(), Some((own, ready())));
    // We hold no copy of the other end: so this ends.
    assert_eq!(all_of(read), "");
}

#[test]
fn a_grandchild_is_known_by_its_session() {
    const NAME: &str = "process::a_grandchild_is_known_by_its_session";
    if is_other_half(NAME) {
        let sender = UnixDatagram::unbound().unwrap();
        sender.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        sender.send_to(b"READY=1", std::env::var("NOTIFY_SOCKET").unwrap()).unwrap();
        let _ = sender.recv(&mut [0]);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let mut receiver = Receiver::bind(&path).unwrap();
    let mut given = Given::again(NAME);
    given.argv.splice(0..0, ["/bin/sh", "-c", "\"$@\"; exit 1", "sh"].map(str::to_owned));
    given.environment.insert("NOTIFY_SOCKET".into(), path.to_str().unwrap().into());
    let child = spawn(&given.plan()).unwrap();
    wait_readable(&receiver);
    let (sender, message) = receiver.next().unwrap();
    assert_eq!(message, ready());
    assert_ne!(sender, child.pid);
    assert_eq!(ancestor_session(sender), Some(child.pid));
    kill_group(child.pid, Signal::KILL).unwrap();
    assert_eq!(status(child.pid).terminating_signal(), Some(libc::SIGKILL));
}
