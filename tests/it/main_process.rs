//! `tenantd CMD`: a main process instead of the units, as PID 1 and as an ordinary process: T14, T16, T17, T95, T96.

use std::collections::BTreeSet;
use std::fs;
use std::io::pipe;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use nix::sys::signal::Signal;

use crate::harness::{TENANTD, eventually, signal};
use crate::log::Log;
use crate::procfs;

/// PID 1 of a namespace, and an ordinary process.
pub const BOTH: [bool; 2] = [true, false];

/// Ways to run that need no words of their own.
const PLAIN: &[&str] = &[TENANTD, "--"];

/// What begins with `words`, as PID 1 or not. If the test is killed, so is all that it started.
pub fn command(first: bool, words: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]);
    if first {
        command.arg("unshare");
        if !nix::unistd::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--fork", "--pid", "--mount-proc", "--kill-child", "--"]);
    }
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Runs it to its end: its code, what it wrote.
fn run(mut command: Command) -> (Option<i32>, String) {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("setpriv and unshare");
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// `sh -c SCRIPT` as the main process.
fn shell(first: bool, script: &str) -> Command {
    let mut command = command(first, PLAIN);
    command.args(["sh", "-c", script]);
    command
}

/// A main process that runs, and can be heard and told. It ends with its stdin, if it reads it.
pub struct Running {
    pub child: Child,
    pub log: Log,
    pub first: bool,
    pub stdin: Option<ChildStdin>,
}

impl Running {
    /// Waits until it says `ready`.
    #[track_caller]
    fn start(first: bool, mut command: Command) -> Self {
        let (reader, writer) = pipe().expect("a pipe");
        let mut child = command.stdin(Stdio::piped()).stdout(writer).spawn().expect("setpriv and unshare");
        drop(command);
        let stdin = child.stdin.take();
        let running = Self { child, log: Log::collect(reader), first, stdin };
        running.says("ready");
        running
    }

    #[track_caller]
    fn says(&self, word: &str) {
        eventually(word, || !self.log.with(&[word]).is_empty());
    }

    /// tenantd, or what the namespace begins with.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        if !self.first {
            return self.child.id();
        }
        *procfs::children(self.child.id()).first().expect("PID 1 of the namespace")
    }

    /// Any signal by its number, real-time ones too.
    fn send(&self, number: i32) {
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{number} {}", self.pid())).status().expect("sh");
        assert!(sent.success());
    }

    #[track_caller]
    fn code(&mut self) -> Option<i32> {
        drop(self.stdin.take());
        self.end()
    }

    /// The same, with stdin left open.
    #[track_caller]
    pub fn end(&mut self) -> Option<i32> {
        let mut status = None;
        eventually("it ends", || {
            status = self.child.try_wait().expect("wait");
            status.is_some()
        });
        status.and_then(|status| status.code())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            for pid in procfs::descendants(self.child.id()) {
                signal(pid, Signal::SIGKILL);
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Runs many at once: what each is, and its code.
#[track_caller]
fn codes<T: Copy + std::fmt::Debug>(first: bool, all: &[T], script: impl Fn(T) -> String, code: impl Fn(T) -> i32) {
    for some in all.chunks(16) {
        let started: Vec<_> = some.iter().map(|one| shell(first, &script(*one)).spawn().expect("spawn")).collect();
        for (one, mut child) in some.iter().zip(started) {
            assert_eq!(child.wait().expect("wait").code(), Some(code(*one)), "{one:?}, as PID 1: {first}");
        }
    }
}

#[test]
fn t95_every_exit_code_is_passed_on() {
    for first in BOTH {
        let all: Vec<i32> = (0..=255).collect();
        codes(first, &all, |code| format!("exit {code}"), |code| code);
    }
}

#[test]
fn t95_every_signal_that_ends_is_128_more() {
    // Those that do not end it go on (Ctrl-Z too: there is nobody to go back to), or stop it.
    const GO_ON: [i32; 5] = [libc::SIGCHLD, libc::SIGCONT, libc::SIGTSTP, libc::SIGURG, libc::SIGWINCH];
    const STOP: [i32; 3] = [libc::SIGSTOP, libc::SIGTTIN, libc::SIGTTOU];
    for first in BOTH {
        let all: Vec<i32> = (1..=31).filter(|signal| !STOP.contains(signal)).collect();
        let script = |signal| format!("ulimit -c 0; kill -{signal} $$; exit 42");
        codes(first, &all, script, |signal| if GO_ON.contains(&signal) { 42 } else { 128 + signal });
        for number in STOP {
            let mut stopped = Running::start(first, shell(first, &format!("echo ready; kill -{number} $$; exit 42")));
            let pid = stopped.pid();
            eventually("it is stopped", || {
                procfs::children(pid).first().is_some_and(|&main| procfs::state(main) == Some('T'))
            });
            signal(pid, Signal::SIGTERM);
            assert_eq!(stopped.end(), Some(128 + libc::SIGTERM), "{number}, as PID 1: {first}");
        }
    }
}

#[test]
fn t96_what_cannot_be_executed_is_126_or_127() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str, mode| {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        path.to_str().expect("UTF-8").to_owned()
    };
    let plain = file("plain", "exit 0", 0o644);
    let no_interpreter = file("orphan", "#!/no/such/interpreter\n", 0o755);
    let script = file("script", "exit 9\n", 0o755);
    for first in BOTH {
        for (program, code, words) in [
            ("no-such-program-anywhere", 127, "cannot run no-such-program-anywhere: no such file"),
            ("statsu", 127, "did you mean \"status\"?"),
            ("bin/jobs", 127, "cannot run bin/jobs: no such file"),
            (&no_interpreter, 127, "its first line"),
            (&plain, 126, "chmod +x"),
            ("/tmp", 126, "it is a directory"),
            (&script, 9, ""),
        ] {
            let (found, text) = run(command(first, &[TENANTD, program, "--config"]));
            assert_eq!(found, Some(code), "{program}, as PID 1: {first}: {text}");
            assert!(text.contains(words), "{text}");
        }
    }
}

#[test]
fn our_own_mistakes_are_64_and_read_no_configuration() {
    for (words, code) in [
        (&["--"][..], 64),
        (&["run", "--"], 64),
        (&["--no-such-option", "true"], 64),
        (&["--config", "/no/such/directory", "true"], 0),
        (&["--config", "/no/such/directory"], 78),
    ] {
        let mut line = command(false, &[TENANTD]);
        line.args(words);
        assert_eq!(run(line).0, Some(code), "{words:?}");
    }
}

#[test]
fn t14_mask_and_dispositions_are_as_we_found_them() {
    const SHOW: [&str; 4] = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"];
    for first in BOTH {
        let mut different = BTreeSet::new();
        for options in [
            &[][..],
            &["--ignore-signal=PIPE"],
            &["--ignore-signal=HUP", "--ignore-signal=CHLD", "--ignore-signal=TTIN", "--ignore-signal=TERM"],
            &["--block-signal=TERM", "--block-signal=CHLD", "--block-signal=SEGV", "--block-signal=40"],
        ] {
            let words = [&["env"], options].concat();
            let theirs = run(command(first, &[words.as_slice(), &SHOW].concat()));
            let ours = run(command(first, &[words.as_slice(), PLAIN, &SHOW].concat()));
            assert_eq!(ours, theirs, "{options:?}, as PID 1: {first}");
            assert!(ours.0 == Some(0) && different.insert(ours.1), "{options:?}, as PID 1: {first}");
        }
    }
}

#[test]
fn environment_directory_and_descriptors_are_passed_on_whole() {
    for first in BOTH {
        let mut line = shell(first, "tr '\\0' '\\n' < /proc/self/environ; pwd; readlink /proc/self/fd/5; umask");
        line.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin").env("SECRET", "a b").env("NOTIFY_SOCKET", "/x");
        line.current_dir("/usr/lib");
        let (code, text) = run(line);
        assert_eq!(code, Some(0), "{text}");
        assert_eq!(
            text.lines().filter(|line| ["SECRET=a b", "NOTIFY_SOCKET=/x", "/usr/lib"].contains(line)).count(),
            3
        );
    }
}

#[test]
fn t16_tini_inside_and_outside() {
    let chains: [&[&str]; 3] =
        [&[TENANTD, "--", "tini", "-s", "--"], &["tini", "-s", "--", TENANTD, "--"], &[TENANTD, "--", TENANTD, "--"]];
    for first in BOTH {
        for chain in chains {
            let with = |script: &str| command(first, &[chain, &["sh", "-c", script]].concat());
            assert_eq!(run(with("exit 42")).0, Some(42), "{chain:?}");
            assert_eq!(run(with("kill -9 $$")).0, Some(137), "{chain:?}");
            let mut asked = Running::start(first, with("trap 'exit 9' TERM; echo ready; while read x; do :; done"));
            signal(asked.pid(), Signal::SIGTERM);
            assert_eq!(asked.end(), Some(9), "{chain:?}");
        }
    }
}

#[test]
fn t17_without_stdin_and_with_a_pipe() {
    for first in BOTH {
        let closed = ["sh", "-c", "exec \"$@\" <&-", "sh", TENANTD, "--", "readlink", "/proc/self/fd/0"];
        assert_eq!(run(command(first, &closed)), (Some(0), "/dev/null\n".into()), "as PID 1: {first}");
        let piped = ["sh", "-c", "echo given | \"$@\"", "sh", TENANTD, "--", "cat"];
        assert_eq!(run(command(first, &piped)), (Some(0), "given\n".into()), "as PID 1: {first}");
    }
}

#[test]
fn a_hundred_orphans_are_reaped_while_it_runs() {
    let script = "i=0; while [ $i -lt 100 ]; do (true &); i=$((i+1)); done; echo ready; read x; exit 6";
    for first in BOTH {
        let mut running = Running::start(first, shell(first, script));
        let pid = running.pid();
        eventually("only the main process is left", || procfs::children(pid).len() == 1);
        assert_eq!(running.code(), Some(6), "as PID 1: {first}");
    }
}

#[test]
fn a_hundred_that_are_left_behind_are_asked_and_then_ended() {
    let script = "(trap 'echo asked; exit' TERM; echo ready; sleep 1000 & wait) & \
                  i=0; while [ $i -lt 100 ]; do (setsid sleep 1000 &); i=$((i+1)); done; read x; exit 6";
    for first in BOTH {
        let mut running = Running::start(first, shell(first, script));
        let below = || procfs::descendants(running.pid());
        eventually("all run", || below().len() >= 102);
        let below = below();
        assert_eq!(running.code(), Some(6), "as PID 1: {first}");
        running.says("asked");
        let alive = |pid: &&u32| procfs::state(**pid).is_some_and(|state| state != 'Z');
        assert_eq!(below.iter().find(alive), None, "as PID 1: {first}");
    }
}

#[test]
fn a_second_sigterm_ends_the_wait_for_what_is_left() {
    for first in BOTH {
        let script = "(trap '' TERM; echo ready; exec sleep 1000) & read x; exit 6";
        let mut running = Running::start(first, shell(first, script));
        let below = procfs::descendants(running.pid());
        drop(running.stdin.take());
        let pid = running.pid();
        eventually("the main process has ended", || procfs::children(pid).iter().all(|pid| *pid != below[0]));
        signal(pid, Signal::SIGTERM);
        assert_eq!(running.end(), Some(6), "as PID 1: {first}");
        let alive = |pid: &&u32| procfs::state(**pid).is_some_and(|state| state != 'Z');
        assert_eq!(below.iter().find(alive), None, "as PID 1: {first}");
    }
}

#[test]
fn every_signal_is_passed_on() {
    const KEPT: [i32; 10] = [
        libc::SIGFPE,
        libc::SIGILL,
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGABRT,
        libc::SIGTRAP,
        libc::SIGSYS,
        libc::SIGTTIN,
        libc::SIGTTOU,
        libc::SIGCHLD,
    ];
    // Those of which nobody dies.
    const HARMLESS: [i32; 6] =
        [libc::SIGKILL, libc::SIGSTOP, libc::SIGCONT, libc::SIGTSTP, libc::SIGURG, libc::SIGWINCH];
    for first in BOTH {
        for number in (1..=64).filter(|number| ![32, 33].contains(number) && !KEPT.contains(number)) {
            if HARMLESS.contains(&number) {
                continue;
            }
            let mut running = Running::start(first, shell(first, "ulimit -c 0; echo ready; read x"));
            running.send(number);
            assert_eq!(running.end(), Some(128 + number), "as PID 1: {first}");
        }
        for number in KEPT.into_iter().skip(7).chain([libc::SIGCONT, libc::SIGURG, libc::SIGWINCH]) {
            let mut running = Running::start(first, shell(first, "echo ready; read x; exit 5"));
            running.send(number);
            assert_eq!(running.code(), Some(5), "{number}, as PID 1: {first}");
        }
    }
}

#[test]
fn it_sleeps_while_nothing_happens() {
    let mut running = Running::start(false, shell(false, "echo ready; read x"));
    let about = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", running.pid())).expect("/proc");
    let sleeps = format!("{} ", libc::SYS_rt_sigtimedwait);
    eventually("it sleeps", || about("syscall").starts_with(&sleeps));
    let switches = || about("status").lines().find(|line| line.starts_with("voluntary_ctxt")).map(str::to_owned);
    let before = switches();
    // As long as a hundred processes take.
    for _ in 0..100 {
        Command::new("true").status().expect("true");
    }
    assert_eq!(switches(), before);
    assert_eq!(running.code(), Some(1));
}
