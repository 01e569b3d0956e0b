//! Many units up and down, and one unit up and down many times.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::{mkfifo, pause};

use crate::Result;
use crate::control::job;
use crate::namespace::{Namespace, until, wait_socket};

/// The pipe in which each unit says that its program runs.
const UP: &str = "up";
/// Cycles before memory is looked at: buffers and the ring of log lines have their size then.
const WARM: u32 = 1000;

/// `unit`: the program of each of many units. Says that it runs, and stays.
pub fn unit(directory: &Path) -> Result<()> {
    fs::OpenOptions::new().write(true).open(directory.join(UP))?.write_all(b".")?;
    loop {
        pause();
    }
}

/// `units`: prints milliseconds from exec of the init until `count` units run, and from the request to stop until all
/// are down: SIGTERM until PID 1 has ended, or `stop` from its start to its end.
pub fn units(count: usize, directory: &Path, command: &[&str], stop: &[&str]) -> Result<()> {
    let path = directory.join(UP);
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    // A writer of our own: the pipe does not end before the last unit has spoken.
    let mut pipe = fs::OpenOptions::new().read(true).write(true).open(&path)?;
    let mut init = Namespace::start(command)?;
    pipe.read_exact(&mut vec![0; count])?;
    let up = init.started.elapsed();
    let start = Instant::now();
    if stop.is_empty() {
        init.terminate()?;
    } else if !run(stop)? {
        return Err(format!("{} failed", stop[0]).into());
    }
    println!("{:.1} {:.1}", up.as_secs_f64() * 1e3, start.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

/// `cycles`: starts and stops a unit over the control socket. Prints cycles per second, and KiB of memory and number of
/// descriptors before and after.
pub fn cycles(count: u32, socket: &Path, unit: &str, command: &[&str]) -> Result<()> {
    let init = Namespace::start(command)?;
    wait_socket(socket)?;
    let cycle = || job(socket, "start", unit).and_then(|()| job(socket, "stop", unit));
    (0..WARM).try_for_each(|_| cycle())?;
    let (memory, descriptors) = (init.memory()?, init.descriptors()?);
    let start = Instant::now();
    (0..count).try_for_each(|_| cycle())?;
    let rate = f64::from(count) / start.elapsed().as_secs_f64();
    println!("{rate:.0} {memory} {} {descriptors} {}", init.memory()?, init.descriptors()?);
    Ok(())
}

/// `turns`: the same by the supervisor's own commands, for so many cycles or seconds, whatever is over first. Prints
/// cycles per second, and how many there were.
pub fn turns(count: u32, limit: Duration, command: &[&str], up: &[&str], down: &[&str]) -> Result<()> {
    let _init = Namespace::start(command)?;
    until("a first start", || Ok(run(up)?.then_some(())))?;
    until("a first stop", || Ok(run(down)?.then_some(())))?;
    let start = Instant::now();
    let mut done = 0;
    while done < count && start.elapsed() < limit {
        if !run(up)? || !run(down)? {
            return Err(format!("{} failed in cycle {done}", up[0]).into());
        }
        done += 1;
    }
    println!("{:.2} {done}", f64::from(done) / start.elapsed().as_secs_f64());
    Ok(())
}

/// Whether a command succeeds.
fn run(command: &[&str]) -> Result<bool> {
    let mut words = Command::new(command[0]);
    Ok(words.args(&command[1..]).stdin(Stdio::null()).stdout(Stdio::null()).status()?.success())
}
