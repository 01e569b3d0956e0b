//! The tenant of the integration tests: a small threaded HTTP server that behaves as Puma does.
//!
//! It serves the socket passed in LISTEN_FDS, or 127.0.0.1:PORT; it drains on SIGTERM and then dies by it. Knobs, by environment:
//! `BOOT_MS`, `GATE` (boots once this file exists), `CRASH_FILE` (exits 3 at boot while it exists), `NOTIFY` (says READY=1),
//! `IGNORE_TERM`, `THREADS` (5), `COUNT_FILE` (each `token=` served), `EVENTS_FILE` (start, stop), `TENANT` (its name),
//! `HAND_TO` (sends its listening socket to this datagram socket, whose owner then answers in its place).

#![allow(missing_docs)]

mod connection;
mod listener;
mod paths;
mod request;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigHandler, Signal, raise};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use listener::Listener;

/// What every thread shares.
pub struct Origin {
    /// Becomes readable at SIGTERM, and stays so.
    term: OwnedFd,
    /// Requests being answered, and the most so far.
    pub in_flight: AtomicUsize,
    pub peak: AtomicUsize,
}

impl Origin {
    /// Waits until `fd` is readable or SIGTERM came; true if `fd` is.
    pub fn readable(&self, fd: impl AsFd) -> bool {
        let mut both = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN), PollFd::new(&self.term, PollFlags::IN)];
        // EINTR: SIGTERM, which the second descriptor tells as well.
        while poll(&mut both, None) == Err(rustix::io::Errno::INTR) {}
        !both[0].revents().is_empty()
    }

    /// Waits for SIGTERM.
    fn wait_term(&self) {
        while poll(&mut [PollFd::new(&self.term, PollFlags::IN)], None) == Err(rustix::io::Errno::INTR) {}
    }

    /// SIGTERM came.
    pub fn stopping(&self) -> bool {
        let mut term = [PollFd::new(&self.term, PollFlags::IN)];
        poll(&mut term, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
    }
}

fn main() {
    event("start");
    let origin = Arc::new(Origin { term: on_term(), in_flight: AtomicUsize::new(0), peak: AtomicUsize::new(0) });
    boot(&origin);
    let listener = Arc::new(Listener::inherited_or_bound());
    if knob("NOTIFY").is_some() {
        notify("READY=1");
    }
    if let Some(path) = knob("HAND_TO") {
        listener.hand_to(&path);
        origin.wait_term();
        end();
    }
    let threads = knob("THREADS").and_then(|text| text.parse().ok()).unwrap_or(5);
    let workers: Vec<_> = (0..threads).map(|_| worker(&origin, &listener)).collect();
    workers.into_iter().for_each(|worker| drop(worker.join()));
    event("stop");
    end();
}

fn worker(origin: &Arc<Origin>, listener: &Arc<Listener>) -> thread::JoinHandle<()> {
    let (origin, listener) = (Arc::clone(origin), Arc::clone(listener));
    thread::spawn(move || {
        while !origin.stopping() {
            if origin.readable(listener.as_fd())
                && !origin.stopping()
                && let Some(stream) = listener.accept()
            {
                connection::serve(&origin, stream);
            }
        }
    })
}

/// Everything that happens before the first accept.
fn boot(origin: &Origin) {
    println!("booting as {}", process::id());
    if let Some(file) = knob("CRASH_FILE")
        && Path::new(&file).exists()
    {
        eprintln!("boot failed: {file} exists");
        process::exit(3);
    }
    let milliseconds = knob("BOOT_MS").and_then(|text| text.parse().ok()).unwrap_or(0);
    thread::sleep(Duration::from_millis(milliseconds));
    if let Some(gate) = knob("GATE") {
        while !Path::new(&gate).exists() {
            thread::sleep(Duration::from_millis(2));
            if origin.stopping() {
                end();
            }
        }
    }
}

/// As Puma: death by signal 15.
fn end() -> ! {
    // SAFETY: the default action is no code of ours.
    #[allow(unsafe_code)]
    let _ = unsafe { nix::sys::signal::signal(Signal::SIGTERM, SigHandler::SigDfl) };
    let _ = raise(Signal::SIGTERM);
    process::exit(0);
}

fn on_term() -> OwnedFd {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    if knob("IGNORE_TERM").is_some() {
        let ignored = Arc::new(std::sync::atomic::AtomicBool::new(false));
        signal_hook::flag::register(signal_hook::consts::SIGTERM, ignored).expect("a handler");
        // The write end stays open, so that the pipe never becomes readable.
        std::mem::forget(writer);
    } else {
        signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, writer).expect("a handler");
    }
    reader.into()
}

fn notify(text: &str) {
    if let Some(path) = knob("NOTIFY_SOCKET") {
        let socket = UnixDatagram::unbound().expect("a socket");
        socket.send_to(text.as_bytes(), path).expect("NOTIFY_SOCKET");
    }
}

fn event(what: &str) {
    let name = knob("TENANT").unwrap_or_default();
    append("EVENTS_FILE", &format!("{what} {name}\n"));
}

/// Appends to the file that a variable names; one write, so that lines never mix.
pub fn append(variable: &str, line: &str) {
    if let Some(path) = knob(variable) {
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("append");
    }
}

pub fn knob(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A file of /proc/self.
pub fn proc_self(file: &str) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/self/{file}")).unwrap_or_default()).into_owned()
}
