//! A template that is booted to be asked, and ended again. Its script comes through stdin, so that no file is left behind.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::boot::{self, Inherited};
use crate::manager::Exit;
use crate::preload::{self, Boot, Ready, decode_template};
use crate::process::template::{Heard, Room, Wire};
use crate::process::{self, Child, Executed, Plan, Third, kill_group, peek, read_executed, release};
use crate::signals::Signals;
use crate::unit::{Signal, Template, Unit, quote};

/// From the request to end to SIGKILL.
const PATIENCE: Duration = Duration::from_secs(5);
/// What an interpreter takes for the script in the place of its path.
const STDIN: &str = "/dev/stdin";

/// Why there is nothing to compare with.
#[derive(Debug)]
pub(super) enum Failure {
    /// The system refused something, or the program cannot be executed.
    System(String),
    /// It did not get ready.
    Application(String),
    /// The operator has had enough.
    Interrupted,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::System(error.to_string())
    }
}

/// Boots a template, passes its words on to stderr, and ends it as soon as it is ready. Nothing of it is left behind.
pub(super) fn boot(unit: &Unit, template: &Template, environment: &BTreeMap<String, String>) -> Result<Ready, Failure> {
    let inherited = boot::prepare();
    let signals = Signals::new()?;
    let (control, theirs) = Wire::pair()?;
    control.send(&first_words(template)?, &[])?;
    let mut command = unit.service.exec_start.clone();
    eprintln!("booting {}: {}", unit.name, quote(&command));
    let name = template.engine.script();
    if let Some(script) = command.iter_mut().find(|word| word.rsplit('/').next() == Some(name)) {
        STDIN.clone_into(script);
    }
    let child = spawn(unit, &command, environment, &script(template)?, theirs.as_fd(), &inherited)?;
    drop(theirs);
    let mut trial = Trial {
        pid: child.pid,
        executed: child.executed,
        output: vec![child.stdout.into(), child.stderr.into()],
        control: Some(control),
        signals,
        exit: None,
        program: command.first().cloned().unwrap_or_default(),
    };
    let told = trial.hear(unit.service.timeout_start);
    trial.end(told.is_err());
    told
}

fn first_words(template: &Template) -> Result<Vec<u8>, Failure> {
    let Template { argv, warm, declared, .. } = template;
    let hook = Some(template.hook.as_path()).filter(|hook| template.hook_required || hook.exists());
    let words = Boot { argv, warm, hook, hook_required: template.hook_required, declared };
    words.encode().map_err(|error| Failure::System(error.to_string()))
}

/// The script as a file that has no name.
fn script(template: &Template) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(template.engine.script(), MemfdFlags::CLOEXEC)?);
    file.write_all(preload::script(template.engine).as_bytes())?;
    Ok(file.into())
}

fn spawn(
    unit: &Unit,
    argv: &[String],
    environment: &BTreeMap<String, String>,
    script: &OwnedFd,
    control: BorrowedFd,
    limits: &Inherited,
) -> Result<Child, Failure> {
    let service = &unit.service;
    let rlimits: Vec<_> = service.limits().map(|(_, resource, limit)| (resource, limit)).collect();
    let user = process::user::of(service);
    let plan = Plan {
        argv,
        environment,
        working_directory: service.working_directory.as_deref().unwrap_or(Path::new("/")),
        user: user.as_ref(),
        stdin: Some(script.as_fd()),
        third: Some(Third::Control(control)),
        limits,
        oom_score_adj: None,
        place: None,
        oom_score_must: false,
        nice: service.nice,
        rlimits: &rlimits,
        umask: service.umask,
        unmade: None,
    };
    process::spawn(&plan).map_err(|error| Failure::System(error.to_string()))
}

/// A template that runs.
struct Trial {
    pid: u32,
    executed: OwnedFd,
    /// What it still may write to.
    output: Vec<File>,
    control: Option<Wire>,
    signals: Signals,
    exit: Option<Exit>,
    program: String,
}

/// What has happened.
#[derive(Default)]
struct Turn {
    /// The control socket can be read.
    told: bool,
    stop: bool,
}

impl Trial {
    /// Waits until it is ready, or never will be.
    fn hear(&mut self, patience: Option<Duration>) -> Result<Ready, Failure> {
        let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
        loop {
            let turn = self.turn(deadline)?;
            if turn.stop {
                return Err(Failure::Interrupted);
            }
            if turn.told
                && let Some(ready) = self.read()?
            {
                return Ok(ready);
            }
            if let Some(exit) = self.exit {
                return Err(self.ended(exit));
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let after = patience.unwrap_or_default().as_secs();
                return Err(Failure::Application(format!("it is not ready after {after} s (timeout_start)")));
            }
        }
    }

    /// The one message, or `None` if it has closed its end: then it is about to exit.
    fn read(&mut self) -> Result<Option<Ready>, Failure> {
        let Some(control) = &self.control else { return Ok(None) };
        let mut room = Room::default();
        let why = match control.hear(&mut room)? {
            Heard::Nothing => return Ok(None),
            Heard::End => {
                self.control = None;
                return Ok(None);
            }
            Heard::Broken => "a message that is too long".to_owned(),
            Heard::Message(message, _) => match decode_template(message) {
                Ok(ready) => return Ok(Some(ready)),
                Err(malformed) => malformed.to_string(),
            },
        };
        Err(Failure::Application(format!("it is not understood: {why}")))
    }

    /// Closes its control socket, waits, and kills what is left. In a hurry it gets SIGTERM as well: it may still boot.
    fn end(&mut self, hurry: bool) {
        let pid = self.pid;
        self.control = None;
        if hurry && self.exit.is_none() {
            let _ = kill_group(pid, Signal::TERM);
        }
        let deadline = Instant::now() + PATIENCE;
        while self.exit.is_none() && Instant::now() < deadline {
            if !matches!(self.turn(Some(deadline)), Ok(Turn { stop: false, .. })) {
                break;
            }
        }
        // Its pid is not released yet, so that the group is surely its own.
        let _ = kill_group(pid, Signal::KILL);
        while self.exit.is_none() && self.turn(None).is_ok() {}
        release(pid);
        self.copy();
    }

    /// Waits for something to happen, passes on what it says, and looks who has died.
    fn turn(&mut self, deadline: Option<Instant>) -> Result<Turn, Failure> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // Rounded up, or the last turns would not wait at all.
        let left = left.map(|left| left + Duration::from_millis(1));
        let timeout = left.map_or(Ok(PollTimeout::NONE), PollTimeout::try_from).unwrap_or(PollTimeout::MAX);
        let told = {
            let [child, stop, hangup] = self.signals.fds();
            let fds = self.control.iter().map(AsFd::as_fd).chain([child, stop, hangup]);
            let fds = fds.chain(self.output.iter().map(AsFd::as_fd));
            let mut ready: Vec<PollFd> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
            match poll(&mut ready, timeout) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
            self.control.is_some() && ready.first().is_some_and(|control| control.any().unwrap_or(false))
        };
        self.copy();
        let signals = self.signals.drain();
        while let Some((pid, exit)) = peek() {
            if pid == self.pid {
                self.exit = Some(exit);
                break;
            }
            release(pid);
        }
        Ok(Turn { told, stop: signals.stop > 0 || signals.hangup })
    }

    /// What it has written until now, to stderr: stdout is for the report.
    fn copy(&mut self) {
        let mut buffer = [0; 8192];
        self.output.retain_mut(|from| {
            loop {
                match from.read(&mut buffer) {
                    Ok(0) => return false,
                    // Nobody is left to tell if the reader has gone.
                    Ok(bytes) => drop(io::stderr().write_all(&buffer[..bytes])),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
                }
            }
        });
    }

    /// Why it has ended without a word.
    fn ended(&self, exit: Exit) -> Failure {
        if let Executed::Failed { step, errno, .. } = read_executed(self.executed.as_fd()) {
            let error = io::Error::from_raw_os_error(errno);
            return Failure::System(match step {
                "EXEC" => format!("cannot execute {}: {error}", self.program),
                "CHDIR" => format!("cannot enter its working_directory: {error}"),
                _ => format!("cannot set up {} ({step}): {error}; run the doctor as root", self.program),
            });
        }
        let how = match exit {
            Exit::Code(code) => format!("exited with {code}"),
            Exit::Signal(signal, _) => format!("was ended by signal {signal}"),
            Exit::OutOfMemory => "was killed, out of memory".to_owned(),
        };
        Failure::Application(format!("it {how} before it was ready; what it says is above"))
    }
}
