//! A flood of orphans: how fast PID 1 buries them, what that costs it, and how long it leaves others waiting meanwhile.

use std::ffi::{c_int, c_void};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::stat::Mode;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, mkfifo, pause};

use crate::Result;
use crate::control::ask;
use crate::namespace::{Namespace, until, wait_socket};

/// The names of the pipes in the directory that a flooder and its measurer share.
const GO: &str = "go";
const DONE: &str = "done";
/// Between two questions to the init: far below what it can answer.
const PERIOD: Duration = Duration::from_millis(2);

/// `flood`: the program of the unit. Forks as told, then stays, since its end would be work for its init too.
pub fn flood(count: u32, directory: &Path) -> Result<()> {
    fs::File::open(directory.join(GO))?.read_exact(&mut [0])?;
    let mut stacks = [[0; 1024]; 2];
    for _ in 0..count {
        orphan(&mut stacks)?;
    }
    fs::OpenOptions::new().write(true).open(directory.join(DONE))?.write_all(b".")?;
    loop {
        pause();
    }
}

/// A stack for a child that shares our memory.
type Stack = [u128; 1024];

/// Forks twice; the one in the middle ends at once, and the orphan before it.
fn orphan([first, second]: &mut [Stack; 2]) -> Result<()> {
    let middle = vfork(middle, first, (&raw mut *second).cast())?;
    waitpid(middle, None)?;
    Ok(())
}

extern "C" fn middle(stack: *mut c_void) -> c_int {
    // SAFETY: the second stack of `orphan`, which waits for us; nobody else uses it.
    #[allow(unsafe_code)]
    let stack = unsafe { &mut *stack.cast::<Stack>() };
    c_int::from(vfork(end, stack, std::ptr::null_mut()).is_err())
}

extern "C" fn end(_: *mut c_void) -> c_int {
    0
}

/// As vfork(2) does it: without a copy of our memory, which takes many times as long as a burial; we go on when the child
/// has ended. Whose init is slow runs out of pids: then it waits for one.
fn vfork(run: extern "C" fn(*mut c_void) -> c_int, stack: &mut Stack, argument: *mut c_void) -> nix::Result<Pid> {
    let top = stack.as_mut_ptr_range().end.cast();
    loop {
        // SAFETY: `run` is one of the two above, has a stack to itself, and ends before we go on.
        #[allow(unsafe_code)]
        let pid = unsafe { libc::clone(run, top, libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD, argument) };
        match Errno::result(pid) {
            Err(Errno::EAGAIN) => thread::sleep(Duration::from_millis(1)),
            pid => return pid.map(Pid::from_raw),
        }
    }
}

/// `reap`: prints milliseconds of the flood, from its end to no orphan, and of processor time of PID 1; with a control
/// socket also the p50, p99 and maximum of its answers in microseconds.
pub fn reap(directory: &Path, socket: Option<&Path>, command: &[&str]) -> Result<()> {
    for name in [GO, DONE] {
        mkfifo(&directory.join(name), Mode::S_IRUSR | Mode::S_IWUSR)?;
    }
    let init = Namespace::start(command)?;
    // Returns when the flooder has opened its end.
    let mut go = fs::OpenOptions::new().write(true).open(directory.join(GO))?;
    socket.map_or(Ok(()), wait_socket)?;
    let (family, before) = (init.children()?, init.processor_time()?);
    let over = AtomicBool::new(false);
    let (flooded, buried, answers) = thread::scope(|scope| -> Result<_> {
        let asking = scope.spawn(|| socket.map_or(Ok(Vec::new()), |socket| question(socket, &over)));
        let start = Instant::now();
        go.write_all(b".")?;
        let done = fs::File::open(directory.join(DONE)).and_then(|mut done| done.read_exact(&mut [0]));
        let flooded = start.elapsed();
        let buried = until("the end of the zombies", || Ok((init.children()? <= family).then(|| start.elapsed())));
        over.store(true, Ordering::Relaxed);
        done?;
        let answers = asking.join().map_err(|_| "the questions failed")??;
        Ok((flooded, buried?, answers))
    })?;
    let spent = init.processor_time()? - before;
    print!("{} {:.1} {}", flooded.as_millis(), (buried - flooded).as_secs_f64() * 1e3, spent.as_millis());
    if let Some(last) = answers.len().checked_sub(1) {
        print!(" {} {} {}", answers[last / 2], answers[last * 99 / 100], answers[last]);
    }
    println!();
    Ok(())
}

/// Asks again and again; the times of the answers in microseconds, sorted.
fn question(socket: &Path, over: &AtomicBool) -> std::result::Result<Vec<u128>, String> {
    let mut took = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        ask(socket, r#"{"verb":"status","unit":"flood"}"#).map_err(|error| error.to_string())?;
        took.push(start.elapsed().as_micros());
        thread::sleep(PERIOD);
    }
    took.sort_unstable();
    Ok(took)
}
