//! A template process of src/preload/rails.rb in the hands of a test, which speaks its protocol over real sockets as init does.

use std::fs::{self, File};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Connection, Reply};
use crate::given::wait_readable;
use crate::harness::{eventually, ran};
use crate::preload_zoo;
use crate::procfs;
use crate::showcase::{application, cache};

/// The init of a namespace: starts the template with our socket as descriptor 3, and writes down how each process ends.
const REAPER: &str = "
directory, application = ARGV.shift(2)
control = $stdin.dup
spawn(*ARGV, 3 => control, in: '/dev/null', chdir: application)
control.close
$stdin.reopen('/dev/null')
loop do
  pid, status = Process.wait2
  how = status.termsig ? \"signal #{status.termsig}\" : \"exit #{status.exitstatus}\"
  File.write(\"#{directory}/ended\", \"#{pid} #{how}\\n\", mode: 'a')
end";

/// Not read: the title of a tenant has as much room as its template's arguments had.
const PADDING: &str =
    "puma -C config/puma.rb -b unix:///run/tenantd/showcase@.sock config.ru, preloaded for all its tenants";

const SQLITE: &str = "require 'sqlite3'; SQLite3::Database.new(ARGV[0]).execute_batch(ARGV[1])";

/// A template in a PID namespace of its own, and a directory for all that its tenants have.
pub struct Template {
    directory: TempDir,
    application: PathBuf,
    unshare: Child,
    /// Dropped, it ends the template.
    pub control: Option<OwnedFd>,
}

/// What the template was told to fork.
pub struct Tenant {
    pub reply: OwnedFd,
    listener: TcpListener,
    /// As the kernel says it with "hello".
    pid: Option<u32>,
}

fn pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("a pair of sockets")
}

fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(fds.is_empty() || ancillary.push(SendAncillaryMessage::ScmRights(fds)));
    sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL).expect("a message goes out");
}

/// The next message and who sent it; `None` when the other side is gone.
#[track_caller]
pub fn receive(socket: impl AsFd) -> Option<(Value, Option<u32>)> {
    wait_readable(&socket);
    let mut bytes = vec![0; 70_000];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let count = recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::empty());
    let pid = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmCredentials(sender) => Some(sender.pid.as_raw_pid() as u32),
        _ => None,
    });
    let bytes = &bytes[..count.map_or(0, |received| received.bytes)];
    (!bytes.is_empty()).then(|| (serde_json::from_slice(bytes).expect("JSON"), pid))
}

impl Template {
    /// Boots the showcase, with this hook.
    pub fn showcase(hook: &str, environment: &[(&str, &str)]) -> Self {
        Self::boot(tempfile::tempdir().expect("a directory"), &application(), hook, environment, &script())
    }

    /// Boots the application with several databases, with this hook and these files in place of its own.
    pub fn zoo(hook: &str, more: &[(&str, &str)], script: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let application = directory.path().join("zoo");
        preload_zoo::write(&application, more);
        Self::boot(directory, &application, hook, &[], script)
    }

    fn boot(directory: TempDir, application: &Path, hook: &str, environment: &[(&str, &str)], script: &str) -> Self {
        let path = directory.path();
        let (control, theirs) = pair();
        fs::create_dir(path.join("tmp")).expect("a directory");
        fs::write(path.join("hook.rb"), hook).expect("the hook");
        fs::write(path.join("rails.rb"), script).expect("the script");
        let log = File::create(path.join("log")).expect("a log");
        let mut command = Command::new("unshare");
        command.args(["-Urpf", "--mount-proc", "--kill-child", "ruby", "-e", REAPER]).arg(path).arg(application);
        command.args(["bundle", "exec", "ruby"]).arg(path.join("rails.rb")).arg(PADDING).env_clear();
        command.envs(shared()).envs(environment.iter().copied()).env("TMPDIR", path.join("tmp"));
        command.stdin(theirs).stdout(log.try_clone().expect("a log")).stderr(log);
        let unshare = command.spawn().expect("unshare");
        drop(command); // and with it the other end
        let template = Self { application: application.to_owned(), unshare, control: Some(control), directory };
        let hook = template.path("hook.rb");
        let argv = template.argv("127.0.0.1:1");
        template.say(&json!({ "v": 1, "boot": { "argv": argv, "warm": ["/"], "hook": hook, "hook_required": true, "declared": [] } }));
        template
    }

    fn argv(&self, address: &str) -> Value {
        json!(["puma", "-C", "config/puma.rb", "-b", format!("tcp://{address}"), "config.ru"])
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn control(&self) -> &OwnedFd {
        self.control.as_ref().expect("the control socket")
    }

    fn say(&self, message: &Value) {
        send(self.control(), message.to_string().as_bytes(), &[]);
    }

    /// What the template and its tenants have written.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    #[track_caller]
    pub fn ready(&self) -> Value {
        let (mut message, _) = receive(self.control()).unwrap_or_else(|| panic!("no template\n{}", self.log()));
        assert_eq!(message["v"], 1);
        message["ready"].take()
    }

    /// The process of the template, as we see it.
    pub fn pid(&self) -> u32 {
        let reaper = procfs::children(self.unshare.id())[0];
        procfs::children(reaper)[0]
    }

    /// A message with the descriptors that a fork has.
    #[track_caller]
    pub fn order(&self, text: &str, count: usize) -> Tenant {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let text = text.replace("@ADDRESS@", &listener.local_addr().expect("an address").to_string());
        let log = File::options().append(true).open(self.path("log")).expect("the log");
        let (reply, theirs) = pair();
        rustix::net::sockopt::set_socket_passcred(&reply, true).expect("SO_PASSCRED");
        let fds = [theirs.as_fd(), log.as_fd(), log.as_fd(), listener.as_fd(), log.as_fd()];
        send(self.control(), text.as_bytes(), &fds[..count]);
        Tenant { reply, listener, pid: None }
    }

    /// The message of a fork.
    pub fn message(&self, environment: &[(&str, &str)]) -> String {
        let mut all: serde_json::Map<String, Value> = shared().map(|(key, value)| (key, value.into())).collect();
        all.extend(environment.iter().map(|&(key, value)| (key.to_owned(), value.into())));
        let fork = json!({ "id": "x@y", "argv": self.argv("@ADDRESS@"), "env": all, "cwd": self.application, "umask": 18, "user": null });
        json!({ "v": 1, "fork": fork }).to_string()
    }

    #[track_caller]
    pub fn fork(&self, environment: &[(&str, &str)]) -> Tenant {
        let mut tenant = self.order(&self.message(environment), 4);
        let (message, pid) = receive(&tenant.reply).unwrap_or_else(|| panic!("no hello\n{}", self.log()));
        assert_eq!(message, json!({ "v": 1, "hello": {} }), "{}", self.log());
        tenant.pid = pid;
        tenant.go();
        tenant
    }

    /// An event of the showcase that has a database.
    #[track_caller]
    pub fn event(&self, name: &str) -> Tenant {
        self.fork(&self.variables(name).each_ref().map(|(key, value)| (*key, value.as_str())))
    }

    pub fn variables(&self, name: &str) -> [(&'static str, String); 4] {
        let database = self.path(&format!("{name}.sqlite3"));
        if !database.exists() {
            fs::copy(blank(), &database).expect("a copy");
            sqlite(&database, &format!("UPDATE events SET title = 'Event {name}'"));
        }
        [
            ("DATABASE_URL", format!("sqlite3:{}", database.display())),
            ("SECRET_KEY_BASE", format!("the secret of {name}")),
            ("RAILS_RELATIVE_URL_ROOT", format!("/{name}")),
            ("EVENT_TITLE", format!("Event {name}")),
        ]
    }

    /// A tenant of the zoo that has its databases.
    #[track_caller]
    pub fn animals(&self, name: &str) -> Tenant {
        let data = self.path(name);
        if !data.exists() {
            fs::create_dir(&data).expect("a directory");
            preload_zoo::DATABASES.iter().for_each(|(file, sql)| sqlite(&data.join(file), &sql.replace("@", name)));
        }
        self.fork(&[("DATA", &data.display().to_string()), ("SECRET_KEY_BASE", &format!("the secret of {name}"))])
    }

    /// How the process with this inner pid has ended.
    #[track_caller]
    pub fn wait_ended(&self, inner: u32) -> String {
        let lines = || fs::read_to_string(self.path("ended")).unwrap_or_default();
        let of_it = |line: &str| line.strip_prefix(&format!("{inner} ")).map(str::to_owned);
        eventually("the process ends", || lines().lines().any(|line| of_it(line).is_some()));
        lines().lines().find_map(of_it).unwrap_or_default()
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the template\n{}\n---", self.log());
        }
    }
}

impl Tenant {
    #[track_caller]
    pub fn bound(self) -> Self {
        let (message, _) = receive(&self.reply).expect("bound");
        assert!(message["bound"]["databases"].is_array(), "{message}");
        self
    }

    /// The word of the error, and its text.
    #[track_caller]
    pub fn error(&self) -> (String, String) {
        let (message, _) = receive(&self.reply).expect("an error");
        assert_eq!(message["v"], 1);
        let [what, text] = ["what", "text"].map(|name| message["error"][name].as_str().unwrap_or("none").to_owned());
        assert_eq!(receive(&self.reply), None, "{text}");
        (what, text)
    }

    /// Lets it become the tenant.
    pub fn go(&self) {
        send(&self.reply, br#"{"v":1,"go":{}}"#, &[]);
    }

    pub fn connect(&self) -> Connection {
        Connection::open(self.listener.local_addr().expect("an address")).expect("a connection")
    }

    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        self.connect().get(target).expect("an answer")
    }

    pub fn pid(&self) -> u32 {
        self.pid.expect("a pid")
    }
}

pub fn script() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/preload/rails.rb")).expect("the script")
}

pub fn showcase_hook() -> String {
    fs::read_to_string(application().join("config/tenant_fork.rb")).expect("the hook")
}

/// What all tenants have.
fn shared() -> impl Iterator<Item = (String, String)> {
    let cache = cache().display().to_string();
    let gemfile = format!("{cache}/Gemfile");
    let path = std::env::var("PATH").unwrap_or_default();
    let all = [
        ("PATH", path.as_str()),
        ("HOME", "/nonexistent"),
        ("RAILS_ENV", "production"),
        ("SHOWCASE_TEST", "1"),
        ("BUNDLE_GEMFILE", &gemfile),
        ("BOOTSNAP_CACHE_DIR", &cache),
    ];
    all.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter()
}

#[track_caller]
pub fn sqlite(database: &Path, sql: &str) {
    let made = ran(Command::new("ruby").args(["-e", SQLITE]).arg(database).arg(sql));
    assert_eq!(made.code, 0, "{made:?}");
}

/// A database as an ordinary start of the showcase makes it.
pub fn blank() -> &'static Path {
    static BLANK: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = BLANK.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("blank.sqlite3");
        let mut command = Command::new("bundle");
        let whole =
            "require './config/environment'; ActiveRecord::Base.connection.execute('PRAGMA journal_mode = DELETE')";
        command.args(["exec", "ruby", "-e", whole]).env_clear().envs(shared()).env("SECRET_KEY_BASE", "none");
        command.env("DATABASE_URL", format!("sqlite3:{}", path.display())).current_dir(application());
        let made = ran(&mut command);
        assert_eq!(made.code, 0, "{made:?}");
        (directory, path)
    });
    path
}

/// What a process has open.
pub fn open_files(pid: u32) -> Vec<String> {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).expect("a process").flatten();
    links.filter_map(|link| fs::read_link(link.path()).ok()).map(|path| path.display().to_string()).collect()
}
