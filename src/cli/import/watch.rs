//! `--watch`: imports again whenever the file has changed, and asks a tenantd that runs with the directory to reload.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::os::fd::AsFd;

use super::{Job, place};
use crate::cli::own;
use crate::config;
use crate::control::{self, Answer, Request};

/// So long nothing may happen to the file before it is read: it is not replaced as a whole, but written piece by piece.
const SETTLED: Duration = Duration::from_millis(200);
/// Then it is read, although it is still written to.
const PATIENCE: Duration = Duration::from_secs(5);

/// Follows the file until a signal ends us.
pub(super) fn follow(job: &Job) -> ExitCode {
    let watch = match Watch::on(&job.source) {
        Ok(watch) => watch,
        Err(error) => {
            eprintln!("tenantd: cannot watch {}: {error}", job.source.display());
            return ExitCode::FAILURE;
        }
    };
    let mut last: Option<String> = None;
    loop {
        match job.read() {
            Ok(text) if last.as_ref() == Some(&text) => {}
            Ok(text) => {
                again(job, &text);
                last = Some(text);
            }
            Err(why) => eprintln!("tenantd: {why}; the configuration stays as it is"),
        }
        if let Err(error) = watch.settled() {
            eprintln!("tenantd: cannot watch {}: {error}", job.source.display());
            return ExitCode::FAILURE;
        }
    }
}

/// One import; what cannot be used is told, and nothing is touched.
fn again(job: &Job, text: &str) {
    let import = match job.translate(text) {
        Ok(import) => import,
        Err(why) => return eprintln!("tenantd: {why}; the configuration stays as it is"),
    };
    if let Err(mistakes) = place::check(&import.files, &job.out) {
        mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
        return eprintln!("tenantd: tenantd check refuses it; the configuration stays as it is");
    }
    match place::install(&job.out, &import.files, job.force) {
        Ok(false) => say(job, "nothing has changed"),
        Ok(true) => say(job, &format!("imported, {} tenants; {}", import.tenants, reload(&job.out))),
        Err(why) => eprintln!("tenantd: {why}; the configuration stays as it is"),
    }
}

fn say(job: &Job, what: &str) {
    let text = if job.json {
        serde_json::json!({ "source": job.source, "out": job.out, "message": what }).to_string()
    } else {
        format!("{}: {what}", job.source.display())
    };
    crate::cli::print(&format!("{text}\n"));
}

/// Asks the daemon that runs with this directory.
fn reload(out: &Path) -> String {
    let Ok(config) = config::load_daemon(out, &own, control::SOCKET) else {
        return "tenantd.toml cannot be read".to_owned();
    };
    match control::ask(&config.runtime_directory.join(control::SOCKET), &Request::Reload) {
        Ok(Answer::Reloaded { reload }) => format!("reloaded, {} units changed", reload.units.len()),
        Ok(Answer::Broken { mistakes }) => {
            mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
            "the running tenantd refuses it".to_owned()
        }
        Ok(Answer::Denied { reason } | Answer::Refused { reason }) => format!("not reloaded: {reason}"),
        Ok(_) => "not reloaded: the daemon answered something else".to_owned(),
        Err(_) => "no tenantd runs with it".to_owned(),
    }
}

/// The directory of the file is watched, since the file itself may be replaced.
struct Watch {
    inotify: Inotify,
    name: std::ffi::OsString,
}

impl Watch {
    fn on(file: &Path) -> nix::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let directory = file.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE;
        inotify.add_watch(directory, flags)?;
        Ok(Self { inotify, name: file.file_name().unwrap_or_default().to_owned() })
    }

    /// Waits until something has happened to the file, and then nothing more for a moment.
    fn settled(&self) -> io::Result<()> {
        while !self.touched(None)? {}
        let end = Instant::now() + PATIENCE;
        while self.touched(Some(SETTLED))? && Instant::now() < end {}
        Ok(())
    }

    /// Whether something happened to the file within this time. Without a time it may be to another one.
    fn touched(&self, time: Option<Duration>) -> io::Result<bool> {
        let timeout = time.map_or(Ok(PollTimeout::NONE), PollTimeout::try_from).unwrap_or(PollTimeout::MAX);
        let mut ready = [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, timeout) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => return Ok(time.is_some()),
            Err(error) => return Err(error.into()),
        }
        match self.inotify.read_events() {
            Ok(events) => {
                let ours = |name: Option<&std::ffi::OsString>| name.is_none_or(|name| *name == self.name);
                Ok(events.iter().any(|event| ours(event.name.as_ref())))
            }
            Err(nix::errno::Errno::EAGAIN) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
