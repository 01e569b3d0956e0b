//! System calls that fail: strace(1) answers for the kernel, while a running tenantd is asked to do everything at once.
//!
//! Only the loop's own thread is traced. Not tried: mmap and brk, whose failure ends any program, and waitid and wait4,
//! which know no lack of anything. Not covered yet: sendto, by which a signal's handler wakes the loop.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use nix::sys::signal::Signal;

use crate::client::{Connection, request_head};
use crate::harness::{Init, eventually, signal};
use crate::procfs;
use crate::setup::free_address;
use crate::web::web;

/// A loop that spins under strace makes thousands of calls a second; one that waits makes tens.
const SPIN: usize = 4_000;

/// An error that lasts until it is ended.
pub struct Fault {
    strace: Child,
    trace: PathBuf,
}

impl Fault {
    /// Lets `calls` fail: `accept4:error=EMFILE`.
    pub fn begin(init: &Init, calls: &str) -> Self {
        Self::with(init, calls, &[])
    }

    /// The same with more options of strace: `-f` follows children.
    pub fn with(init: &Init, calls: &str, options: &[&str]) -> Self {
        let (pid, trace) = (init.pid(), init.file("trace"));
        let _ = fs::remove_file(&trace);
        let name = calls.split(':').next().unwrap_or_default();
        let mut command = Command::new("strace");
        command.args(options).args([
            "-qq",
            "-e",
            &format!("trace={name},?epoll_wait,?epoll_pwait"),
            "-e",
            "signal=none",
        ]);
        command.args(["-e", &format!("inject={calls}"), "-p", &pid.to_string(), "-o"]).arg(&trace);
        let mut strace = command.stderr(Stdio::null()).spawn().expect("strace: scripts/packages test");
        eventually("strace is there", || {
            assert!(strace.try_wait().is_ok_and(|ended| ended.is_none()), "strace ends at once: {calls}");
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            !status.contains("TracerPid:\t0\n") && trace.exists()
        });
        Self { strace, trace }
    }

    /// How many calls have failed so far.
    pub fn injected(&self) -> usize {
        fs::read_to_string(&self.trace).unwrap_or_default().matches("(INJECTED)").count()
    }

    /// The kernel answers again. Returns how many calls failed.
    pub fn end(mut self) -> usize {
        signal(self.strace.id(), Signal::SIGTERM);
        let _ = self.strace.wait();
        let calls = fs::read_to_string(&self.trace).unwrap_or_default().lines().count();
        assert!(calls < SPIN, "the loop spins: {calls} calls");
        self.injected()
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}

const SLEEP: &str = "[service]\nexec_start = [\"sleep\", \"1000\"]\n";
const SPEAKS: &str = "[service]\ntype = \"notify\"\nnotify_access = \"all\"\ntimeout_start = \"2s\"\n\
    exec_start = [\"sh\", \"-c\", \"echo hello; systemd-notify --ready; exec sleep 1000\"]\n";

/// Two tenants, of which one runs, and two services.
fn everything() -> Init {
    let tenants = web(&["boston", "nyc"]).service("timeout_stop = \"500ms\"");
    let init = Init::new().web(&tenants).unit("sleep.toml", SLEEP).unit("speaks.toml", SPEAKS).start();
    init.get("/boston").expect(200);
    init
}

/// Everything that tenantd does, at once. What comes of it is not the question here.
fn provoke(init: &Init, over: &dyn Fn() -> bool) {
    thread::scope(|scope| {
        for target in ["/boston", "/nyc"] {
            let address = init.address();
            scope.spawn(move || {
                let mut client = Connection::open(address).ok()?;
                client.send(&request_head("GET", target, &[], 0)).ok()?;
                client.reply("GET").ok()
            });
        }
        for words in [["restart", "sleep"], ["restart", "speaks"], ["stop", "web@boston"], ["status", "sleep"]] {
            scope.spawn(move || init.verb(&words));
        }
        scope.spawn(|| init.kill_unit_of("boston"));
        eventually("it is over", over);
    });
}

impl Init {
    /// Kills whatever of tenantd's children has this word in its environment: without asking tenantd.
    fn kill_unit_of(&self, tenant: &str) {
        let wanted = format!("TENANT={tenant}\0");
        let is_wanted = |pid: &u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).contains(&wanted)
        };
        procfs::children(self.pid()).iter().filter(|pid| is_wanted(pid)).for_each(|pid| {
            signal(*pid, Signal::SIGKILL);
        });
    }
}

/// While the fault lasts, PID 1 lives and does not spin; afterwards everything works, and nothing has leaked.
fn survives(calls: &[(&str, &[&str])]) {
    let init = everything();
    for unit in ["sleep", "speaks", "web@nyc"] {
        init.verb(&["start", unit]).expect(0);
    }
    let before = procfs::descriptors(init.pid());
    for (call, errors) in calls {
        let failed = std::cell::Cell::new(0);
        let mut rounds = 0;
        // What is provoked at once happens in any order, and in some of them nobody makes the call.
        while failed.get() == 0 && rounds < 10 {
            rounds += 1;
            for (error, when) in errors.iter().flat_map(|error| [(error, ""), (error, ":when=2+3")]) {
                let fault = format!("{call}:error={error}{when}");
                println!("{fault}");
                let running = std::cell::RefCell::new(Some(Fault::begin(&init, &fault)));
                let turns = std::cell::Cell::new(0);
                // Some calls are made once only: a hundred looks are enough for them.
                provoke(&init, &|| {
                    turns.set(turns.get() + 1);
                    let enough = running.borrow().as_ref().is_none_or(|fault| fault.injected() >= 3);
                    if enough || turns.get() > 100 {
                        failed.set(failed.get() + running.take().map_or(0, Fault::end));
                        return true;
                    }
                    false
                });
                works_again(&init, before);
            }
        }
        assert!(failed.get() > 0, "{call} was never called");
    }
    assert_eq!(init.stop().code(), Some(0));
}

/// Every unit is in a named state, can be had, and nothing is left over.
fn works_again(init: &Init, descriptors: usize) {
    for unit in ["sleep", "speaks", "web@boston", "web@nyc"] {
        let status = init.status(unit);
        let (active, result) = (status["active"].as_str(), status["result"].as_str());
        assert!(active != Some("failed") || result.is_some_and(|result| result != "success"), "no reason: {status}");
        init.verb(&["start", unit]).expect(0);
    }
    for target in ["/boston", "/nyc"] {
        init.get(target).expect(200);
    }
    eventually("descriptors are back", || procfs::descriptors(init.pid()) <= descriptors + 2);
    eventually("no zombies", || procfs::zombies(init.pid()) == 0);
}

#[test]
fn t40_no_descriptor_is_to_be_had() {
    survives(&[
        ("accept4", &["EMFILE", "ENOMEM"]),
        ("socket", &["EMFILE", "ENOMEM"]),
        ("pipe2", &["EMFILE"]),
        ("openat", &["EMFILE", "ENOMEM"]),
        ("epoll_ctl", &["ENOMEM", "ENOSPC"]),
    ]);
}

#[test]
fn t41_calls_that_make_and_end_processes_fail() {
    survives(&[("clone", &["EAGAIN", "ENOMEM"]), ("pidfd_send_signal", &["EPERM", "ENOSYS"]), ("fcntl", &["EPERM"])]);
}

#[test]
fn t40_calls_on_what_is_open_fail() {
    survives(&[
        ("connect", &["EAGAIN", "EPERM"]),
        ("recvfrom", &["ENOMEM"]),
        ("recvmsg", &["ENOMEM"]),
        ("read", &["ENOMEM"]),
        ("ioctl", &["ENOSYS"]),
    ]);
}

#[test]
fn t43_a_runtime_directory_that_cannot_be_written_is_said_once_and_serves() {
    for error in ["EROFS", "ENOSPC"] {
        let init = Init::new().web(&web(&["boston"])).start();
        let fault = Fault::begin(&init, &format!("?link,?linkat:error={error}"));
        for _ in 0..3 {
            init.verb(&["start", "web@boston"]).expect(0);
            init.get("/boston").expect(200);
            init.verb(&["stop", "web@boston"]).expect(0);
        }
        assert!(fault.end() > 0);
        assert_eq!(init.log().with(&["web@boston", "no second name"]).len(), 1);
        init.get("/boston").expect(200);
        let _fault = Fault::begin(&init, &format!("?unlink,?unlinkat:error={error}"));
        assert_eq!(init.stop().code(), Some(0));
    }
}

#[test]
fn the_poller_fails_and_signals_are_heard_all_the_same() {
    let mut init = everything();
    let fault = Fault::begin(&init, "?epoll_wait,?epoll_pwait:error=ENOMEM");
    init.kill_unit_of("boston");
    init.wait_log(&["epoll failed", "only signals and deadlines are seen"]);
    eventually("the dead are reaped", || procfs::zombies(init.pid()) == 0);
    fault.end();
    init.get("/boston").expect(200);
    assert_eq!(init.log().with(&["epoll failed"]).len(), 1);
    let _fault = Fault::begin(&init, "?epoll_wait,?epoll_pwait:error=ENOMEM");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait().code(), Some(0));
}

#[test]
fn t41_a_service_that_cannot_be_made_waits_and_comes() {
    let unit = "[service]\nexec_start = [\"sleep\", \"1000\"]\nrestart = \"on-failure\"\n";
    let init = Init::new().unit("sleep.toml", unit).start();
    let fault = Fault::begin(&init, "clone:error=EAGAIN");
    init.verb(&["start", "sleep"]);
    init.wait_log(&["sleep", "cannot fork", "raise the limit of processes"]);
    init.wait_log(&["sleep", "resources", "next try in"]);
    assert!(fault.end() > 0);
    init.wait_active("sleep", "active");
}

#[test]
fn a_stop_ends_whatever_fails() {
    let stop = "exec_stop = [[\"true\"]]\nexec_stop_post = [[\"true\"]]\n";
    for calls in [
        "pidfd_send_signal:error=EPERM",
        "clone:error=EAGAIN",
        "?unlink,?unlinkat:error=EROFS",
        "?epoll_wait:error=ENOSYS",
    ] {
        let unit = format!("[unit]\nwanted_by = [\"boot\"]\n{SLEEP}{stop}");
        let mut init = Init::new().config("[shutdown]\nbudget = \"1s\"").unit("sleep.toml", &unit).start();
        init.wait_active("sleep", "active");
        let _fault = Fault::begin(&init, calls);
        init.signal(Signal::SIGTERM);
        assert_eq!(init.wait().code(), Some(0), "{calls}");
    }
}

#[test]
fn a_start_that_cannot_be_is_refused_with_a_reason_or_goes_on_without() {
    for calls in [
        "epoll_create1:error=EMFILE",
        "socket:error=EMFILE",
        "socketpair:error=ENOMEM",
        "bind:error=EPERM",
        "listen:error=ENOMEM",
        "epoll_ctl:error=ENOSPC",
        "?mkdir,?mkdirat:error=ENOSPC",
        "flock:error=ENOSYS",
        "prctl:error=EPERM",
        "close_range:error=ENOSYS",
        "prlimit64:error=EPERM",
        "?chmod,?fchmodat:error=EROFS",
        "fchmod:error=EPERM",
        "setsockopt:error=ENOMEM",
        "clone3:error=EAGAIN",
    ] {
        for when in ["", ":when=2+3"] {
            let inject = format!("inject={calls}{when}");
            let trace = format!("trace={}", calls.split(':').next().unwrap_or_default());
            let wrapper = ["strace", "-D", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
            let mut init = Init::new().wrapper(&wrapper).web(&web(&["boston"])).launch(free_address());
            let mut code = None;
            eventually("it serves or ends", || {
                code = init.ended();
                // The front door is bound before the sockets of the tenants.
                code.is_some() || !init.log().with(&["units, listening at"]).is_empty()
            });
            match code {
                Some(code) => {
                    println!("{inject}: {}", init.log().tail(1));
                    assert_eq!(code, 71, "{inject}\n{}", init.log().tail(5));
                    init.wait_log(&["tenantd: ", "cannot "]);
                }
                None => {
                    println!("{inject}: serves");
                    init.get("/boston").expect(200);
                    assert_eq!(init.stop().code(), Some(0), "{inject}");
                }
            }
        }
    }
}
