//! Measures what a shell cannot, for `scripts/bench`. Times of the front door are printed in microseconds.
//!
//! ```text
//! stopwatch first-byte ADDRESS TARGET        one GET on a new connection
//! stopwatch together ADDRESS TARGET …        one GET of each at once, until the last has its answer
//! stopwatch by-hand PROGRAM [ARG …]          a request queued on a unix socket, then the program started with LISTEN_FDS
//! stopwatch listening ADDRESS PROGRAM [ARG …]   the program started, until it takes a connection; then killed
//! stopwatch respond BYTES                    a tenant that answers every request with so many bytes
//!
//! stopwatch rate ADDRESS TARGET CONNECTIONS RATE SECONDS   a constant rate of requests: p50 p99 p99.9, and how many failed
//! stopwatch hold|tunnels ADDRESS TARGET COUNT   so many connections that have made a request, or are WebSockets; until killed
//! stopwatch trickle ADDRESS COUNT               so many clients that send a byte now and then; until killed
//! stopwatch sip ADDRESS TARGET COUNT            so many clients that read a little now and then; until killed
//! stopwatch logins ADDRESS TARGET CONCURRENCY   GETs, each with a name of its own; until killed: how many were answered
//! stopwatch pages ADDRESS COUNT TARGET …     so many GETs of whole pages, one after the other
//! stopwatch upload|download ADDRESS TARGET BYTES   one large body: milliseconds
//!
//! stopwatch reap DIRECTORY SOCKET|- -- INIT       beneath which `flood COUNT DIRECTORY` runs
//! stopwatch units COUNT DIRECTORY -- INIT [-- STOP]   beneath which `unit DIRECTORY` runs COUNT times
//! stopwatch cycles COUNT SOCKET UNIT -- INIT      starts and stops over the control socket
//! stopwatch turns COUNT SECONDS -- INIT -- UP -- DOWN   starts and stops by commands
//! ```
//!
//! `INIT` is a command that runs as PID 1 of a namespace of its own.

#![allow(missing_docs)]

mod answer;
mod clients;
mod control;
mod flood;
mod logins;
mod namespace;
mod pages;
mod rate;
mod respond;
mod supervise;

use std::error::Error;
use std::ffi::CString;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, dup2_stdout, execve, fork, getpid};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Nothing measured here takes so long.
const DEADLINE: Duration = Duration::from_secs(20);

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let took = match words.as_slice() {
        ["first-byte", address, target] => first_byte(address.parse()?, target)?,
        ["together", address, targets @ ..] => pages::together(address.parse()?, targets)?,
        ["by-hand", command @ ..] if !command.is_empty() => by_hand(command)?,
        ["respond", bytes] => return respond::respond(bytes.parse()?),
        ["listening", address, command @ ..] if !command.is_empty() => listening(address.parse()?, command)?,
        _ => return of_clients(&words),
    };
    println!("{}", took.as_micros());
    Ok(())
}

/// What concerns many clients, or much for one.
fn of_clients(words: &[&str]) -> Result<()> {
    match words {
        ["rate", address, target, connections, rate, seconds] => {
            rate::rate(address.parse()?, target, connections.parse()?, rate.parse()?, seconds.parse()?)
        }
        ["hold", address, target, count] => clients::hold(address.parse()?, target, count.parse()?, "", 200),
        ["tunnels", address, target, count] => {
            clients::hold(address.parse()?, target, count.parse()?, clients::UPGRADE, 101)
        }
        ["trickle", address, count] => clients::trickle(address.parse()?, count.parse()?),
        ["sip", address, target, count] => clients::sip(address.parse()?, target, count.parse()?),
        ["logins", address, target, concurrency] => logins::logins(address.parse()?, target, concurrency.parse()?),
        ["pages", address, count, targets @ ..] => pages::pages(address.parse()?, count.parse()?, targets),
        ["upload", address, target, bytes] => clients::upload(address.parse()?, target, bytes.parse()?),
        ["download", address, target, bytes] => clients::download(address.parse()?, target, bytes.parse()?),
        _ => of_an_init(&words.split(|word| *word == "--").collect::<Vec<_>>()),
    }
}

/// What concerns an init, and the programs that run beneath it.
fn of_an_init(parts: &[&[&str]]) -> Result<()> {
    match parts {
        [["flood", count, directory]] => flood::flood(count.parse()?, Path::new(directory)),
        [["unit", directory]] => supervise::unit(Path::new(directory)),
        [["reap", directory, "-"], init] => flood::reap(Path::new(directory), None, init),
        [["reap", directory, socket], init] => flood::reap(Path::new(directory), Some(Path::new(socket)), init),
        [["units", count, directory], init, stop @ ..] if stop.len() < 2 => {
            supervise::units(count.parse()?, Path::new(directory), init, stop.first().copied().unwrap_or_default())
        }
        [["cycles", count, socket, unit], init] => supervise::cycles(count.parse()?, Path::new(socket), unit, init),
        [["turns", count, seconds], init, up @ [_, ..], down @ [_, ..]] => {
            supervise::turns(count.parse()?, Duration::from_secs(seconds.parse()?), init, up, down)
        }
        _ => Err("usage: see the head of tests/stopwatch/main.rs".into()),
    }
}

fn first_byte(address: SocketAddr, target: &str) -> Result<Duration> {
    let start = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    write!(stream, "GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n")?;
    read_200(&mut stream)?;
    Ok(start.elapsed())
}

/// What tenantd does, without tenantd: its time is the application's own.
fn by_hand(command: &[&str]) -> Result<Duration> {
    let path = std::env::temp_dir().join(format!("stopwatch-{}.sock", getpid()));
    let listener = UnixListener::bind(&path)?;
    let start = Instant::now();
    let mut stream = UnixStream::connect(&path)?;
    std::fs::remove_file(&path)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    write!(stream, "GET / HTTP/1.1\r\nHost: bench\r\n\r\n")?;
    let child = spawn(command, Some(listener.as_raw_fd()))?;
    let answer = read_200(&mut stream);
    let took = start.elapsed();
    end(child)?;
    answer.map(|()| took)
}

fn listening(address: SocketAddr, command: &[&str]) -> Result<Duration> {
    if TcpStream::connect(address).is_ok() {
        return Err(format!("{address} is taken").into());
    }
    let start = Instant::now();
    let child = spawn(command, None)?;
    while TcpStream::connect(address).is_err() {
        if start.elapsed() > DEADLINE {
            end(child)?;
            return Err(format!("{address} never listened").into());
        }
    }
    let took = start.elapsed();
    end(child)?;
    Ok(took)
}

fn read_200(stream: &mut impl Read) -> Result<()> {
    let mut piece = [0; 4096];
    let n = stream.read(&mut piece)?;
    if piece[..n].starts_with(b"HTTP/1.1 200") {
        return Ok(());
    }
    Err(format!("no 200: {:?}", String::from_utf8_lossy(&piece[..n])).into())
}

/// Forks and executes; with a listener as descriptor 3.
fn spawn(command: &[&str], listener: Option<RawFd>) -> Result<Pid> {
    let words = command.iter().map(|word| CString::new(*word)).collect::<std::result::Result<Vec<_>, _>>()?;
    // SAFETY: this program has one thread, so the child may do anything.
    #[allow(unsafe_code)]
    if let ForkResult::Parent { child } = unsafe { fork() }? {
        return Ok(child);
    }
    // Our stdout carries one number.
    dup2_stdout(std::io::stderr())?;
    let mut environment: Vec<CString> =
        std::env::vars().filter_map(|(name, value)| CString::new(format!("{name}={value}")).ok()).collect();
    if let Some(fd) = listener {
        pass_as_three(fd)?;
        environment.push(CString::new("LISTEN_FDS=1")?);
        environment.push(CString::new(format!("LISTEN_PID={}", getpid()))?);
    }
    Err(format!("cannot execute {}: {}", command[0], execve(&words[0], &words, &environment).unwrap_err()).into())
}

/// dup2(fd, 3); dup2(3, 3) would leave FD_CLOEXEC set.
#[allow(unsafe_code)]
fn pass_as_three(fd: RawFd) -> Result<()> {
    // SAFETY: plain descriptor calls on numbers that this process owns.
    let done = unsafe { if fd == 3 { libc::fcntl(3, libc::F_SETFD, 0) } else { libc::dup2(fd, 3) } };
    if done < 0 { Err(std::io::Error::last_os_error().into()) } else { Ok(()) }
}

fn end(child: Pid) -> Result<()> {
    kill(child, Signal::SIGTERM)?;
    waitpid(child, None)?;
    Ok(())
}
