//! The end of real processes: signalled as a group, seen once, never lost.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Resource, WaitOptions, getrlimit, waitpid};
use tenantd::boot;
use tenantd::manager::Exit;
use tenantd::process::{kill_group, peek, release, spawn};
use tenantd::signals::{Set, Signals};
use tenantd::unit::Signal;

use crate::given::{Given, LONG, all_of, is_other_half, run, status, wait_readable};

#[test]
fn a_signal_between_fork_and_exec_is_not_lost() {
    for _ in 0..50 {
        let child = spawn(&Given::new(["sleep", "1000"]).plan()).unwrap();
        kill_group(child.pid, Signal::TERM).unwrap();
        assert_eq!(status(child.pid).terminating_signal(), Some(libc::SIGTERM));
    }
}

#[test]
fn the_whole_group_is_killed_even_when_it_is_stopped() {
    let child = spawn(&Given::shell("sleep 1000 & a=$!; sleep 1000 & kill -STOP $a $! $$").plan()).unwrap();
    let pid = Pid::from_raw(i32::try_from(child.pid).unwrap());
    assert!(waitpid(pid, WaitOptions::UNTRACED).unwrap().unwrap().1.stopped());
    kill_group(child.pid, Signal::TERM).unwrap();
    assert_eq!(status(child.pid).terminating_signal(), Some(libc::SIGTERM));
    // Its end says that nobody of the group holds the pipe any more.
    assert_eq!(all_of(child.stdout), "");
    kill_group(child.pid, Signal::KILL).unwrap();
}

/// All that needs to see every child is here, in a process of its own: the other tests' children are theirs.
#[test]
fn every_child_and_every_orphan_is_reaped() {
    const NAME: &str = "reap::every_child_and_every_orphan_is_reaped";
    if !is_other_half(NAME) {
        let (code, out, err) = run(&Given::again(NAME).plan());
        return assert_eq!(code, Some(0), "{out}{err}");
    }
    let limits = boot::prepare();
    assert_eq!(limits.notes, Vec::<String>::new());
    let open = getrlimit(Resource::Nofile);
    assert_eq!(open.current, Some(open.maximum.unwrap_or(1 << 20).min(1 << 20)));
    let mut signals = Signals::new().unwrap();
    assert_eq!(peek(), None);

    zombies_stay_until_released(&mut signals);
    a_stopped_child_is_alive(&mut signals);
    ten_thousand_orphans_are_reaped(&mut signals);

    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGRTMIN() + 3] {
        let child = spawn(&Given::shell(&format!("kill -{signal} $PPID")).plan()).unwrap();
        let mut seen = Set::default();
        let mut note = |set: Set| seen = Set { child: false, ..set };
        assert_eq!(next_exit(&mut signals, &mut note), (child.pid, Exit::Code(0)));
        // Another thread may still be on its way to the handler.
        while seen == Set::default() {
            wait_readable(signals.fds()[if signal == libc::SIGHUP { 2 } else { 1 }]);
            seen = Set { child: false, ..signals.drain() };
        }
        let hangup = signal == libc::SIGHUP;
        assert_eq!(seen, Set { stop: usize::from(!hangup), hangup, ..Set::default() }, "signal {signal}");
    }
}

/// Waits for a child's end and frees its pid. What other signals came goes to `other`.
fn next_exit(signals: &mut Signals, other: &mut dyn FnMut(Set)) -> (u32, Exit) {
    loop {
        let dead = peek();
        let set = signals.drain();
        if set.stop > 0 || set.hangup {
            other(set);
        }
        if let Some(dead) = dead {
            release(dead.0);
            return dead;
        }
        if !set.child {
            let fds = signals.fds();
            let mut polled = fds.each_ref().map(|fd| PollFd::new(fd, PollFlags::IN));
            let ready = rustix::io::retry_on_intr(|| poll(&mut polled, Some(&LONG)));
            assert_ne!(ready, Ok(0), "no child ended for a minute");
        }
    }
}

fn no_other(set: Set) {
    panic!("an unexpected signal: {set:?}");
}

fn zombies_stay_until_released(signals: &mut Signals) {
    let child = spawn(&Given::shell("exit 7").plan()).unwrap();
    wait_readable(signals.fds()[0]);
    let seen = Some((child.pid, Exit::Code(7)));
    assert_eq!((peek(), peek()), (seen, seen));
    release(child.pid);
    assert_eq!(peek(), None);
    release(child.pid);
    let child = spawn(&Given::shell("kill -KILL $$").plan()).unwrap();
    assert_eq!(next_exit(signals, &mut no_other), (child.pid, Exit::Signal(libc::SIGKILL, false)));
    // A real-time signal has no name, and is a signal all the same.
    let child = spawn(&Given::shell("kill -40 $$").plan()).unwrap();
    assert_eq!(next_exit(signals, &mut no_other), (child.pid, Exit::Signal(40, false)));
}

fn a_stopped_child_is_alive(signals: &mut Signals) {
    let child = spawn(&Given::shell("echo; kill -STOP $$").plan()).unwrap();
    let pid = Pid::from_raw(i32::try_from(child.pid).unwrap());
    let seen = waitpid(pid, WaitOptions::UNTRACED).unwrap().unwrap().1;
    assert!(seen.stopped());
    assert_eq!(peek(), None);
    kill_group(child.pid, Signal::TERM).unwrap();
    assert_eq!(next_exit(signals, &mut no_other), (child.pid, Exit::Signal(libc::SIGTERM, false)));
}

fn ten_thousand_orphans_are_reaped(signals: &mut Signals) {
    let ten = ": & ".repeat(10);
    let flood = format!("i=0; while [ $i -lt 1000 ]; do ({ten}); i=$((i+1)); done; exit 3");
    let child = spawn(&Given::shell(&flood).plan()).unwrap();
    let (mut leader, mut orphans) = (None, 0);
    while leader.is_none() || orphans < 10_000 {
        match next_exit(signals, &mut no_other) {
            (pid, exit) if pid == child.pid => leader = Some(exit),
            (_, exit) => {
                assert_eq!(exit, Exit::Code(0));
                orphans += 1;
            }
        }
    }
    assert_eq!((leader, orphans), (Some(Exit::Code(3)), 10_000));
    let any = waitpid(None, WaitOptions::NOHANG);
    assert_eq!(any.err(), Some(rustix::io::Errno::CHILD), "somebody is left");
}
