//! A configuration for tenantd, and the command that runs it: as PID 1 of a new namespace, or as an ordinary process.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::harness::{Init, TENANTD};
use crate::seccomp;

/// A configuration to be started.
pub struct Setup {
    directory: tempfile::TempDir,
    http: String,
    config: String,
    wrapper: Vec<String>,
    environment: Vec<(String, String)>,
    ordinary: bool,
    usual_runtime: bool,
    refused: Option<(Vec<libc::c_long>, libc::c_int)>,
}

impl Setup {
    /// An empty configuration.
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("it-").tempdir().expect("a temporary directory");
        fs::create_dir(directory.path().join("units")).expect("units/");
        Self {
            directory,
            http: String::new(),
            config: String::new(),
            wrapper: Vec::new(),
            environment: Vec::new(),
            ordinary: false,
            usual_runtime: false,
            refused: None,
        }
    }

    /// Adds `units/NAME`. `@ORIGIN@` is the test tenant's program, `@DIR@` the configuration directory.
    pub fn unit(self, name: &str, text: &str) -> Self {
        let text = text.replace("@ORIGIN@", path_text(&origin())).replace("@DIR@", path_text(self.path()));
        fs::write(self.path().join("units").join(name), text).expect("a unit file");
        self
    }

    /// Adds a drop-in to `units/NAME`, with the same words replaced.
    pub fn drop_in(self, name: &str, text: &str) -> Self {
        let directory = format!("{name}.d");
        fs::create_dir(self.path().join("units").join(&directory)).expect("a directory of drop-ins");
        self.unit(&format!("{directory}/test.toml"), text)
    }

    /// Adds lines to `tenantd.toml`.
    pub fn config(mut self, text: &str) -> Self {
        self.config.push_str(text);
        self.config.push('\n');
        self
    }

    /// Adds lines to its `[http]` table.
    pub fn http(mut self, text: &str) -> Self {
        self.http.push_str(text);
        self.http.push('\n');
        self
    }

    /// Not PID 1, if `yes`.
    pub fn ordinary(mut self, yes: bool) -> Self {
        self.ordinary = yes;
        self
    }

    /// A command that executes tenantd (`env --ignore-signal=PIPE`).
    pub fn wrapper(mut self, words: &[&str]) -> Self {
        self.wrapper = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// tenantd sees its cgroups, and may not write to them, as in a default container.
    pub fn read_only_cgroups(self) -> Self {
        const SCRIPT: &str = "for at in /sys/fs/cgroup /sys/fs/cgroup/unified; do \
            if [ -e $at/cgroup.procs ]; then mount --bind -o ro $at $at; fi; done; exec \"$@\"";
        let shell = ["/bin/sh", "-c", SCRIPT, "sh"];
        let own = ["unshare", "--mount", "--"];
        let words: Vec<&str> = if self.ordinary { own.into_iter().chain(shell).collect() } else { shell.to_vec() };
        self.wrapper(&words)
    }

    /// A variable in tenantd's own environment.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The runtime directory is where tenantd puts it by itself, and no longer `@DIR@/run`.
    pub fn usual_runtime(mut self) -> Self {
        self.usual_runtime = true;
        self
    }

    /// These system calls fail with `errno`, for tenantd and all that it starts.
    pub fn refuse(mut self, calls: &[libc::c_long], errno: libc::c_int) -> Self {
        self.refused = Some((calls.to_vec(), errno));
        self
    }

    /// The configuration directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes `tenantd.toml` for this front address.
    pub fn write(&self, address: SocketAddr) {
        let runtime = format!("runtime_directory = \"{}/run\"\n", self.path().display());
        let runtime = if self.usual_runtime { "" } else { &runtime };
        let text = format!("{runtime}[http]\nlisten = [\"{address}\"]\n{}{}", self.http, self.config);
        fs::write(self.path().join("tenantd.toml"), text).expect("tenantd.toml");
    }

    /// Starts tenantd and waits until it takes connections.
    #[track_caller]
    pub fn start(self) -> Init {
        let mut init = self.launch(free_address());
        init.wait_listening();
        init
    }

    /// Starts tenantd at `address`, without waiting for anything.
    pub fn launch(self, address: SocketAddr) -> Init {
        self.write(address);
        let command = self.command();
        Init::launch(self, address, command)
    }

    /// Whether tenantd is not to be PID 1.
    pub fn is_ordinary(&self) -> bool {
        self.ordinary
    }

    fn command(&self) -> Command {
        // setpriv: if the test is killed, so is all that it started.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        if !self.ordinary {
            command.arg("unshare");
            if !nix::unistd::geteuid().is_root() {
                command.args(["--user", "--map-root-user"]);
            }
            command.args(["--fork", "--pid", "--mount-proc", "--kill-child", "--"]);
        }
        command.args(&self.wrapper).arg(TENANTD).arg("--config").arg(self.path());
        if let Some((calls, errno)) = &self.refused {
            seccomp::refuse(&mut command, calls, *errno);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The test tenant's program.
pub fn origin() -> PathBuf {
    example("origin")
}

/// The program of `tests/NAME`. Cargo builds it with all tests, but not for `cargo test --test it` alone.
pub fn example(name: &str) -> PathBuf {
    let path = Path::new(TENANTD).with_file_name("examples").join(name);
    let age = |path: &Path| fs::metadata(path).and_then(|about| about.modified()).ok();
    let sources = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)).expect("tests/NAME");
    let newest = sources.flatten().filter_map(|source| age(&source.path())).max();
    assert!(age(&path) >= newest, "{} is missing or old: run scripts/test, which builds it", path.display());
    path
}

/// A loopback address that nobody uses: below the ports that the kernel gives to clients, so that none takes it.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let spread = (std::process::id() as u16).wrapping_mul(31).wrapping_add(step) % 20_000;
        let address = SocketAddr::from(([127, 0, 0, 1], 10_000 + spread));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

fn path_text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
