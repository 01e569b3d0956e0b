//! Logins, each of them somebody else: nobody can know the password, so that each costs a hash.

use std::convert::Infallible;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{sleep, spawn};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::{SigSet, Signal};

use crate::answer::Answer;
use crate::{DEADLINE, Result};

/// Between an answer and the next login of the same connection: without hashes the stream is one of logins, too, and no flood.
const PAUSE: Duration = Duration::from_millis(100);

/// `logins`: so many connections on which `user1`, `user2`, … log in with the password "secret". Says "ready" when the first
/// has got in; at SIGTERM, how many have.
pub fn logins(address: SocketAddr, target: &str, concurrency: usize) -> Result<()> {
    let mut end = SigSet::empty();
    end.add(Signal::SIGTERM);
    end.thread_block()?;
    let (sent, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..concurrency {
        let (target, sent, answered) = (target.to_owned(), sent.clone(), answered.clone());
        spawn(move || {
            let Err(error) = log_in(address, &target, &sent, &answered);
            // What was not measured must not look like a figure.
            eprintln!("stopwatch: {error}");
            std::process::exit(1);
        });
    }
    end.wait()?;
    println!("{}", answered.load(Relaxed));
    Ok(())
}

fn log_in(address: SocketAddr, target: &str, sent: &AtomicUsize, answered: &AtomicUsize) -> Result<Infallible> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    loop {
        let who = STANDARD.encode(format!("user{}:secret", sent.fetch_add(1, Relaxed) + 1));
        write!(stream, "GET {target} HTTP/1.1\r\nHost: bench\r\nAuthorization: Basic {who}\r\n\r\n")?;
        Answer::read(&mut stream, 200)?;
        if answered.fetch_add(1, Relaxed) == 0 {
            println!("ready");
        }
        sleep(PAUSE);
    }
}
