//! What surrounds the start of a process: its directories, their removal, and what to say when a step of its set-up fails.

use std::io;
use std::path::Path;

use super::Init;
use crate::manager::Manager;
use crate::process::directories::{self, Kind, Unmade};
use crate::process::{self, Ids};
use crate::unit::{Limit, Service, Unit, UnitId};

/// Our own environment.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Makes the directories of a service; the process reports what could not be made.
pub(super) fn make_directories(service: &Service, user: Option<&Ids>) -> Option<Unmade> {
    directories::make(service, user, variable).err()
}

/// `RUNTIME_DIRECTORY` and `STATE_DIRECTORY`, for those that have such.
pub(super) fn directory_variables(service: &Service) -> impl Iterator<Item = (&str, String)> {
    directories::variables(service, variable)
}

impl Init {
    /// Removes the runtime directories of a unit that is down, unless another unit that is up has the same.
    pub(super) fn remove_directories(&mut self, id: UnitId) {
        let Some(unit) = self.manager.unit(id) else { return };
        if unit.service.runtime_directory.is_empty() {
            return;
        }
        let Some(user) = process::user::of(&unit.service).transpose().ok() else { return };
        let base = Kind::Runtime.base(variable);
        let mine = unit.service.runtime_directory.iter().filter(|name| !is_shared(&self.manager, id, name));
        for name in mine {
            if let Err(error) = directories::remove(&base, name, user.as_ref()) {
                let path = base.join(name);
                self.journal.say(
                    Some(&unit.name),
                    format_args!("runtime_directory {} is not removed: {error}", path.display()),
                );
            }
        }
    }
}

fn is_shared(manager: &Manager, id: UnitId, name: &Path) -> bool {
    let mut others = manager.ids().filter(|other| *other != id);
    others.any(|other| {
        let unit = manager.unit(other);
        unit.is_some_and(|unit| unit.service.runtime_directory.iter().any(|own| own.starts_with(name)))
            && manager.status(other).is_some_and(|status| status.pid.is_some())
    })
}

/// Why a program does not run: the step that failed, as the unit file calls it, and what to do next. `which` limit.
pub(super) fn refusal(unit: &Unit, program: &str, step: &str, errno: i32, which: u8) -> String {
    let error = io::Error::from_raw_os_error(errno);
    let service = &unit.service;
    match step {
        "EXEC" => format!("cannot execute {program}: {error}"),
        "CHDIR" => {
            let directory = service.working_directory.as_deref().unwrap_or(Path::new("/"));
            format!("cannot enter its working_directory {}: {error}", directory.display())
        }
        "USER" | "GROUP" if errno == libc::ESRCH => {
            process::user::of(service).and_then(Result::err).map_or(error.to_string(), |no| no.to_string())
        }
        "USER" | "GROUP" => format!(
            "cannot become {}: {error}; run tenantd as root, or leave user, group and supplementary_groups out",
            identity(service)
        ),
        "LIMITS" => limit(service, which, &error),
        "NICE" => format!(
            "cannot set nice = {}: {error}; raise it, or give the container CAP_SYS_NICE",
            service.nice.unwrap_or_default()
        ),
        "OOM_ADJUST" => format!(
            "cannot set oom_score_adj = {}: {error}; raise it, or give the container CAP_SYS_RESOURCE",
            service.oom_score_adj.unwrap_or_default()
        ),
        "RUNTIME_DIRECTORY" => unmade(Kind::Runtime, service, errno),
        "STATE_DIRECTORY" => unmade(Kind::State, service, errno),
        step => format!("cannot set up {program}: {step}: {error}"),
    }
}

fn identity(service: &Service) -> String {
    let one = |what: &str, name: &Option<String>| name.as_ref().map(|name| format!("{what} {name}"));
    let more = service.supplementary_groups.join(", ");
    let more = (!more.is_empty()).then(|| format!("member of {more}"));
    let all = [one("user", &service.user), one("group", &service.group), more];
    all.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn limit(service: &Service, which: u8, error: &io::Error) -> String {
    match service.limits().nth(which.into()) {
        Some((key, resource, limit)) => {
            let most = process::hard_limit(resource);
            let most = Limit { soft: most, hard: most };
            format!(
                "cannot set {key} = \"{limit}\": {error}; lower it to at most {most}, or give the container CAP_SYS_RESOURCE"
            )
        }
        None => format!("cannot set the limit of open files: {error}"),
    }
}

fn unmade(kind: Kind, service: &Service, errno: i32) -> String {
    let key = kind.variable().to_lowercase();
    let error = io::Error::from_raw_os_error(errno);
    let way_out = match errno {
        libc::EROFS => "mount a volume or a tmpfs there",
        libc::ENOTDIR | libc::ELOOP => "a file or a symbolic link is in the way: remove it",
        libc::EACCES | libc::EPERM => {
            "tenantd may not make it, or it is somebody else's: run tenantd as root, or remove it"
        }
        libc::ENOSPC | libc::EDQUOT => "free some space",
        _ => "make it in the image",
    };
    format!("cannot make its {key} {}: {error}; {way_out}", kind.paths(service, ", ", variable))
}
