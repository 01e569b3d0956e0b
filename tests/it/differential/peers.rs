//! The programs side by side: tenantd, nginx and HAProxy before recorders, Puma with an application that says what it read.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::corpus::LAST_PROBE;
use super::reading::Reading;
use super::recorder::Recorder;
use crate::harness::{Init, eventually};
use crate::setup::free_address;

/// Clients of each program at once.
const CLIENTS: usize = 16;
/// Longest silence that is not a hang.
const SILENCE: Duration = Duration::from_secs(20);

const NGINX: &str = "daemon off; master_process off; pid @DIR@/nginx.pid; error_log /dev/null crit;
events { worker_connections 2048; }
http {
    access_log off; client_max_body_size 0; client_body_buffer_size 1m; large_client_header_buffers 8 64k;
    client_body_temp_path @DIR@/body; proxy_temp_path @DIR@/proxy; fastcgi_temp_path @DIR@/f; uwsgi_temp_path @DIR@/u;
    scgi_temp_path @DIR@/s;
    upstream origin { server unix:@DIR@/nginx-origin.sock max_fails=0; keepalive 64; }
    server {
        listen unix:@DIR@/nginx.sock backlog=2048;
        location / {
            proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $http_host;
            proxy_ignore_client_abort on; proxy_next_upstream off;
        }
    }
}
";

const HAPROXY: &str = "global
    nbthread 1
    maxconn 2048
    tune.bufsize 65536
defaults
    mode http
    timeout connect 30s
    timeout client 2s
    timeout server 2s
    retries 0
frontend front
    bind unix@@DIR@/haproxy.sock backlog 2048
    default_backend back
backend back
    http-reuse always
    server origin unix@@DIR@/haproxy-origin.sock
";

const RACKUP: &str = r#"require "zlib"
run lambda { |env|
  body = env["rack.input"].read.b
  target = env["REQUEST_URI"].b
  host = env["HTTP_HOST"].to_s.b.downcase
  read = format("%s %d:%08x %d:%08x %08x", env["REQUEST_METHOD"], target.bytesize, Zlib.crc32(target), body.bytesize,
                Zlib.crc32(body), Zlib.crc32(host))
  [200, { "X-Read" => read, "Content-Length" => "0" }, []]
}
"#;

const UNIT: &str = "[service]\nexec_start = [\"sleep\", \"infinity\"]\n[socket]\nlisten = \"tcp:@ADDRESS@\"\npass = \"port\"\n\
    [route]\npath = \"/\"\nconnections = 512\n";

/// Where a program listens.
#[derive(Debug, Clone)]
pub enum Door {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// What follows the bytes of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The end of writing: nobody waits for the rest of what is incomplete. HAProxy may then drop what was pipelined.
    Finish,
    /// Nothing: two requests are to be answered.
    Pipelined,
    /// The same, and the probe is sent when the first one has been answered, as tenantd does: Puma 5.6 takes what lies
    /// behind a Content-Length for a part of the body.
    InTurn,
}

/// Everybody, started.
pub struct Peers {
    pub tenantd: Door,
    pub nginx: Door,
    pub haproxy: Door,
    pub puma: Door,
    /// What tenantd has forwarded.
    pub forwarded: Recorder,
    children: Vec<Child>,
    _init: Init,
    _directory: tempfile::TempDir,
}

impl Peers {
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("it-").tempdir().expect("a directory");
        let path = directory.path();
        let address = free_address();
        let init = Init::new().unit("t.toml", &UNIT.replace("@ADDRESS@", &address.to_string())).start();
        // It answers when all is bound. Then we listen at the port that it keeps, as a tenant does.
        init.get("/up").expect(200);
        let forwarded = Recorder::tcp(TcpListener::bind(address).expect("the tenant's port"));
        for name in ["nginx", "haproxy"] {
            Recorder::unix(&path.join(format!("{name}-origin.sock")));
        }
        let file = |name: &str, text: &str| {
            let file = path.join(name);
            fs::write(&file, text.replace("@DIR@", path.to_str().expect("UTF-8"))).expect("a file");
            file.to_str().expect("UTF-8").to_owned()
        };
        let bind = format!("unix://{}/puma.sock", path.display());
        let children = vec![
            child(path, &["/usr/sbin/nginx", "-e", "/dev/null", "-c", &file("nginx.conf", NGINX)]),
            child(path, &["/usr/sbin/haproxy", "-db", "-f", &file("haproxy.cfg", HAPROXY)]),
            child(path, &["puma", "--quiet", "-e", "production", "-t", "4:4", "-b", &bind, &file("config.ru", RACKUP)]),
        ];
        let door = |name: &str| Door::Unix(path.join(name));
        let peers = Self {
            tenantd: Door::Tcp(init.address()),
            nginx: door("nginx.sock"),
            haproxy: door("haproxy.sock"),
            puma: door("puma.sock"),
            forwarded,
            children,
            _init: init,
            _directory: directory,
        };
        for door in [&peers.tenantd, &peers.nginx, &peers.haproxy, &peers.puma] {
            eventually("a first answer", || {
                door.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", End::Finish)
                    .is_ok_and(|answer| Reading::all(&answer).len() == 1)
            });
        }
        peers
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

/// A program that dies with us.
fn child(directory: &Path, words: &[&str]) -> Child {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).args(words).current_dir(directory);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| panic!("{}: {error}: run scripts/packages test rails", words[0]))
}

impl Door {
    /// Sends `bytes`, and the end or not, and reads all that comes until the other side closes.
    pub fn ask(&self, bytes: &[u8], end: End) -> io::Result<Vec<u8>> {
        match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(Some(SILENCE))?;
                converse(&stream, bytes, end, |how| stream.shutdown(how))
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(SILENCE))?;
                converse(&stream, bytes, end, |how| stream.shutdown(how))
            }
        }
    }

    /// Asks all, several at once; how each was read.
    pub fn ask_all(&self, all: &[Vec<u8>], end: End) -> Vec<Vec<Reading>> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(bytes) = all.get(index) else { return done };
                let answer =
                    self.ask(bytes, end).unwrap_or_else(|error| panic!("{self:?}: {error}: {}", bytes.escape_ascii()));
                done.push((index, Reading::all(&answer)));
            }
        };
        let mut done: Vec<_> = thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(work)).collect();
            clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
        });
        done.sort_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, readings)| readings).collect()
    }
}

/// A program that refuses may close before all is sent: what it has answered counts.
fn converse<S>(
    stream: S,
    bytes: &[u8],
    end: End,
    shutdown: impl FnOnce(Shutdown) -> io::Result<()>,
) -> io::Result<Vec<u8>>
where
    S: Copy + Read + Write,
{
    let (mut reader, mut writer) = (stream, stream);
    let first = if end == End::InTurn { bytes.len() - LAST_PROBE.len() } else { bytes.len() };
    let sent = writer.write_all(&bytes[..first]);
    if end == End::Finish && sent.is_ok() {
        // It may be closed already.
        let _ = shutdown(Shutdown::Write);
    }
    let (mut answer, mut piece, mut rest) = (Vec::new(), [0; 16 * 1024], &bytes[first..]);
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(answer),
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
                return Ok(answer);
            }
            Err(_) if end != End::Finish => {
                answer.extend_from_slice(b"\r\nX-Read: silence\r\n");
                return Ok(answer);
            }
            Err(error) => return Err(io::Error::new(error.kind(), format!("{error} after {}", answer.escape_ascii()))),
        }
        let answered = if answer.ends_with(b"\r\n\r\n") { Reading::all(&answer).len() } else { 0 };
        if answered == 1 && !rest.is_empty() {
            // Who has closed answers no more: seen by the next read.
            let _ = writer.write_all(std::mem::take(&mut rest));
        } else if answered == 2 && end != End::Finish {
            return Ok(answer);
        }
    }
}
