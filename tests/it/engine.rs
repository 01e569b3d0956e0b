//! A Docker engine of our own: started with everything private, shared by the tests that run at the same time, ended
//! by its pid with the last of them. No network, no registry: its one image is the static tenantd and nothing else.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::Signal;

use crate::client::{Connection, Reply};
use crate::harness::{Ran, eventually, ran, signal};

/// The client of the same Debian package; another one may be first in PATH.
const DOCKER: &str = "/usr/bin/docker";

/// The image that tests run.
pub const IMAGE: &str = "tenantd";

/// Its one tenant. The socket is passed as a descriptor.
const TENANT: &str = r#"
[service]
exec_start = ["/bin/origin"]
environment = { TENANT = "%i" }
[socket]
listen = "unix:%t/%n.sock"
[route]
path = "/%i"
[[instance]]
name = "boston"
"#;

/// A running dockerd and its containerd.
pub struct Engine {
    directory: PathBuf,
    /// Dropped: the engine is to end.
    stop: Option<Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

/// A container, removed when it is dropped.
pub struct Container {
    engine: Arc<Engine>,
    id: String,
}

impl Engine {
    /// The engine of the tests that run now, or a new one.
    #[track_caller]
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Engine>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let engine = Arc::new(Self::start());
            *shared = Arc::downgrade(&engine);
            engine
        })
    }

    fn start() -> Self {
        assert!(nix::unistd::geteuid().is_root(), "a Docker engine needs root: run the tests as root");
        assert!(Path::new("/usr/sbin/dockerd").exists(), "no dockerd: run scripts/packages test");
        let directory = tempfile::Builder::new().prefix("docker-").tempdir().expect("a temporary directory");
        let (started, pid) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let own = directory.path().to_owned();
        // The kernel's death signal comes when the thread ends that forked: so that one stays.
        let keeper = thread::spawn(move || {
            let mut daemon = daemon(directory.path()).spawn().expect("setpriv and unshare of util-linux");
            let _ = started.send(daemon.id());
            let _ = stopped.recv();
            signal(daemon.id(), Signal::SIGTERM);
            let _ = daemon.wait();
            // It ends its containerd, unless it was in a bad way.
            let left = fs::read_to_string(directory.path().join("exec/containerd/containerd.pid"));
            if let Some(pid) = left.ok().and_then(|text| text.trim().parse().ok()) {
                signal(pid, Signal::SIGKILL);
            }
        });
        let pid: u32 = pid.recv().expect("an engine");
        let engine = Self { directory: own, stop: Some(stop), keeper: Some(keeper) };
        eventually("the Docker engine answers", || {
            assert!(crate::procfs::state(pid).is_some_and(|state| state != 'Z'), "dockerd ended:\n{}", engine.log());
            engine.docker(&["version"]).code == 0
        });
        engine.import();
        engine
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// `docker WORDS`.
    pub fn docker(&self, words: &[&str]) -> Ran {
        ran(self.command(words).stdin(Stdio::null()))
    }

    /// The same, to be run as the caller likes.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(DOCKER);
        command.arg("--host").arg(format!("unix://{}/sock", self.directory.display())).args(words);
        command
    }

    /// Makes the image: two static programs, and configurations of which one is broken.
    fn import(&self) {
        let (root, programs) = (self.directory.join("root"), static_programs());
        let make = |name: &str| fs::create_dir_all(root.join(name)).expect("a directory of the image");
        let units = |name: &&str| make(&format!("etc/{name}/units"));
        ["tenantd", "broken", "other", "stubborn"].iter().for_each(units);
        make("bin");
        fs::copy(programs.join("tenantd"), root.join("bin/tenantd")).expect("the static tenantd");
        fs::copy(programs.join("examples/origin"), root.join("bin/origin")).expect("the static origin");
        let stubborn = TENANT.replace("TENANT =", "IGNORE_TERM = \"1\", TENANT =");
        let files = [
            ("etc/stubborn/units/web@.toml", stubborn.as_str()),
            ("etc/tenantd/units/web@.toml", TENANT),
            ("etc/broken/tenantd.toml", "nonsense = 1\n"),
            ("etc/other/tenantd.toml", "runtime_directory = \"/run/other\"\n[http]\nlisten = \"0.0.0.0:3001\"\n"),
            ("etc/other/units/web@.toml", TENANT),
        ];
        files.into_iter().for_each(|(name, text)| fs::write(root.join(name), text).expect("a file of the image"));
        let archive = self.directory.join("image.tar");
        let packed = Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg(".").status();
        assert!(packed.is_ok_and(|status| status.success()), "tar");
        let archive = archive.to_str().expect("a path");
        self.docker(&["import", "--change", "ENTRYPOINT [\"/bin/tenantd\"]", archive, IMAGE]).expect(0);
    }

    /// `docker run OPTIONS IMAGE ARGUMENTS`, detached, without a network.
    #[track_caller]
    pub fn run(self: &Arc<Self>, options: &[&str], arguments: &[&str]) -> Container {
        let words = [&["run", "--detach", "--network", "none"], options, &[IMAGE], arguments].concat();
        let id = self.docker(&words).expect(0).stdout.trim().to_owned();
        Container { engine: Arc::clone(self), id }
    }
}

impl Engine {
    /// A container that was started otherwise, once it runs.
    #[track_caller]
    pub fn named(self: &Arc<Self>, name: &str) -> Container {
        let running = ["inspect", "--format", "{{.State.Running}}", name];
        eventually("the container runs", || self.docker(&running).stdout.trim() == "true");
        Container { engine: Arc::clone(self), id: name.to_owned() }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- log of dockerd\n{}\n---", self.log());
        }
        drop(self.stop.take());
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

/// dockerd with everything below `directory`. Mounts are its own, so that none is left behind.
fn daemon(directory: &Path) -> Command {
    let below = |name: &str| format!("{}/{name}", directory.display());
    let log = File::create(below("log")).expect("a log");
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--", "unshare", "--mount", "--propagation", "private", "--"]);
    command.args(["/usr/sbin/dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false"]);
    command.args(["--data-root", &below("data"), "--exec-root", &below("exec"), "--pidfile", &below("pid")]);
    command.args(["--host", &format!("unix://{}", below("sock")), "--shutdown-timeout", "5", "--log-level", "error"]);
    command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
    command
}

/// Where the static programs are, built now unless scripts/test has done it.
fn static_programs() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/static");
    let words = ["--bin", "tenantd", "--example", "origin", "--config", "profile.dev.debug=false"];
    PathBuf::from(ran(Command::new(script).args(words)).expect(0).stdout.trim())
}

impl Container {
    /// `docker VERB ID`.
    pub fn docker(&self, words: &[&str]) -> Ran {
        self.engine.docker(&[words, &[&self.id]].concat())
    }

    /// `docker exec ID WORDS`.
    pub fn exec(&self, words: &[&str]) -> Ran {
        self.engine.docker(&[&["exec", &self.id], words].concat())
    }

    /// `docker exec --detach ID WORDS`.
    #[track_caller]
    pub fn exec_detached(&self, words: &[&str]) {
        self.engine.docker(&[&["exec", "--detach", &self.id], words].concat()).expect(0);
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        let logs = self.docker(&["logs"]);
        logs.stdout + &logs.stderr
    }

    /// Our pid of its first process.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.inspect("{{.State.Pid}}")
    }

    /// GET from port 3000 of its loopback, as soon as something listens there.
    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        let namespace = format!("/proc/{}/ns/net", self.pid());
        let reply = thread::scope(|scope| scope.spawn(|| get_in(&namespace, target)).join());
        reply.unwrap_or_else(|_| panic!("{target}: no answer:\n{}", self.log()))
    }

    /// `docker stop`, which kills after ten seconds, and the code of its end.
    #[track_caller]
    pub fn stop(self) -> i32 {
        self.docker(&["stop"]).expect(0);
        self.inspect("{{.State.ExitCode}}")
    }

    /// Waits for its end; its code.
    #[track_caller]
    pub fn wait(&self) -> i32 {
        let code = self.docker(&["wait"]).expect(0).stdout;
        code.trim().parse().unwrap_or_else(|_| panic!("docker wait: {code}"))
    }

    #[track_caller]
    fn inspect<T: std::str::FromStr>(&self, what: &str) -> T {
        let text = self.docker(&["inspect", "--format", what]).expect(0).stdout;
        text.trim().parse().unwrap_or_else(|_| panic!("{what}: {text}"))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- log of the container\n{}\n---", self.log());
        }
        self.docker(&["rm", "--force"]);
    }
}

/// In a thread of its own, which stays in that network.
fn get_in(namespace: &str, target: &str) -> Reply {
    setns(File::open(namespace).expect("its network"), CloneFlags::CLONE_NEWNET).expect("to enter its network");
    let address = SocketAddr::from(([127, 0, 0, 1], 3000));
    let mut connection = None;
    eventually("it listens", || {
        connection = Connection::open(address).ok();
        connection.is_some()
    });
    connection.expect("a connection").get(target).expect("an answer")
}
