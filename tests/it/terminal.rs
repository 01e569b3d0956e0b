//! A main process at a terminal: job control, Ctrl-C, Ctrl-Z, hang-up (T15).

use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};

use crate::harness::{TENANTD, eventually};
use crate::log::Log;
use crate::main_process::{BOTH, Running, command};
use crate::procfs;

/// A terminal whose other end is ours.
struct Terminal {
    master: fs::File,
    seen: String,
    running: Running,
}

impl Terminal {
    /// tenantd leads the session, as under `docker run -it`.
    #[track_caller]
    fn start(first: bool, script: &str) -> Self {
        // Not openpty(3): its descriptors would stay open in every process of every test.
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = posix_openpt(flags | OFlag::O_NONBLOCK).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal");
        let path = ptsname_r(&master).expect("a terminal");
        let slave = fs::OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(path);
        let slave = slave.expect("a terminal");
        let mut line = command(first, &["setsid", "--ctty", TENANTD, "--", "sh", "-c", script]);
        let side = || slave.try_clone().expect("dup");
        let child = line.stdin(side()).stdout(side()).stderr(side()).spawn().expect("setsid");
        let running = Running { child, log: Log::default(), first, stdin: None };
        let mut terminal = Self { master: fs::File::from(OwnedFd::from(master)), seen: String::new(), running };
        terminal.says("ready");
        terminal
    }

    #[track_caller]
    fn says(&mut self, word: &str) {
        let mut buffer = [0; 256];
        eventually(word, || {
            let read = self.master.read(&mut buffer).unwrap_or(0);
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
            self.seen.contains(word)
        });
    }

    fn types(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).expect("write");
    }
}

#[test]
fn t15_a_terminal_belongs_to_the_main_process() {
    let script = "trap 'echo interrupted; exit 7' INT; stty tostop; echo ready; while read x; do echo \"<$x>\"; done";
    for first in BOTH {
        let mut terminal = Terminal::start(first, script);
        let pid = terminal.running.pid();
        let main = procfs::children(pid)[0];
        let foreground = nix::unistd::tcgetpgrp(terminal.master.as_fd()).expect("a terminal");
        assert_eq!(foreground.as_raw(), main as i32, "as PID 1: {first}");
        terminal.types("one\n");
        terminal.says("<one>");
        // Ctrl-Z: it goes on.
        terminal.types("\x1a");
        terminal.types("two\n");
        terminal.says("<two>");
        assert_ne!(procfs::state(pid), Some('T'));
        terminal.types("\x03");
        terminal.says("interrupted");
        assert_eq!(terminal.running.end(), Some(7), "as PID 1: {first}");
    }
}

#[test]
fn t15_a_terminal_that_goes_hangs_up() {
    for first in BOTH {
        let terminal = Terminal::start(first, "trap 'exit 8' HUP; echo ready; sleep 1000 & wait");
        let Terminal { master, mut running, .. } = terminal;
        drop(master);
        assert_eq!(running.end(), Some(8), "as PID 1: {first}");
    }
}
