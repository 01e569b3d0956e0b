//! What a new configuration means for a unit that is there: which keys have changed, and when each has its effect.
//! Pure; never a state.

#[cfg(test)]
mod tests;

use std::fmt;

use super::section::{Section, SectionDoc};
use super::{Header, Sandbox, Service, Socket, Unit};

/// What a reload does to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is as it was.
    Unchanged,
    /// All that has changed counts from now on.
    Live,
    /// It runs on as it was started; its next start uses what has changed.
    NextStart,
    /// The same for a high-priority unit, which nothing but a person's word restarts.
    NeedsRestart,
    /// It is new.
    Added,
    /// It is stopped after its requests, and then it is no more.
    Removed,
}

/// The keys that have changed, by when they have their effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// From now on.
    pub at_once: Vec<&'static str>,
    /// From the next start on.
    pub at_start: Vec<&'static str>,
}

/// Keys that count from now on, by section. All others are used when a process is made, and wait for the next start.
const AT_ONCE: [(&str, &[&str]); 3] = [
    ("unit", &["description", "after", "before", "requires", "wants", "binds_to", "part_of", "conflicts", "wanted_by"]),
    (
        "service",
        &[
            "exec_reload",
            "exec_stop",
            "exec_stop_post",
            "essential",
            "restart",
            "restart_sec",
            "restart_max_delay_sec",
            "restart_steps",
            "start_limit_burst",
            "start_limit_interval",
            "success_exit_status",
            "restart_prevent_exit_status",
            "notify_access",
            "kill_signal",
            "kill_mode",
            "timeout_start",
            "timeout_stop",
            "idle_stop",
        ],
    ),
    (
        "route",
        &[
            "host",
            "path",
            "trailing_slash",
            "connections",
            "wait",
            "queue",
            "waiting_page_after",
            "bots",
            "breaker_failures",
            "breaker_pause",
            "public",
            "send_file",
            "accel",
            "realm",
            "htpasswd",
        ],
    ),
];

/// The keys of a section that count from now on.
fn at_once(section: &str) -> &'static [&'static str] {
    AT_ONCE.iter().find(|(name, _)| *name == section).map_or(&[], |(_, keys)| keys)
}

impl Unit {
    /// What is different in `new`.
    pub fn difference(&self, new: &Self) -> Difference {
        let mut found = Difference::default();
        found.add(&Header::DOC, self.header().changed(&new.header()));
        found.add(&Service::DOC, self.service.changed(&new.service));
        found.add(&Sandbox::DOC, self.sandbox.changed(&new.sandbox));
        found.add(&Socket::DOC, changed(&self.socket, &new.socket, "socket"));
        if self.template != new.template {
            found.at_start.push("preload");
        }
        let route = changed(&self.route, &new.route, "route");
        // Without a socket there is nothing yet that could answer.
        let routable = new.route.is_none() || self.socket.is_some();
        let when = if routable { &mut found.at_once } else { &mut found.at_start };
        when.extend(route);
        found
    }

    /// Takes over from `new` all that counts from now on.
    pub fn adopt(&mut self, new: &Self) {
        let mut header = self.header();
        header.adopt(&new.header(), at_once("unit"));
        self.set_header(header);
        self.service.adopt(&new.service, at_once("service"));
        if new.route.is_none() || self.socket.is_some() {
            self.route.clone_from(&new.route);
        }
        self.source.clone_from(&new.source);
    }

    fn header(&self) -> Header {
        let Self {
            description, priority, after, before, requires, wants, binds_to, part_of, conflicts, wanted_by, ..
        } = self.clone();
        Header { description, priority, after, before, requires, wants, binds_to, part_of, conflicts, wanted_by }
    }

    fn set_header(&mut self, header: Header) {
        let Header { description, priority, after, before, requires, wants, binds_to, part_of, conflicts, wanted_by } =
            header;
        (self.description, self.priority) = (description, priority);
        (self.after, self.before, self.requires, self.wants) = (after, before, requires, wants);
        (self.binds_to, self.part_of, self.conflicts, self.wanted_by) = (binds_to, part_of, conflicts, wanted_by);
    }
}

impl Difference {
    /// All keys, those that count now first.
    pub fn keys(&self) -> Vec<&'static str> {
        [&self.at_once[..], &self.at_start[..]].concat()
    }

    /// What it means for a unit. `busy`: it has a process, or is up; `high`: it is of high priority.
    pub fn change(&self, busy: bool, high: bool) -> Change {
        match (self.at_start.is_empty(), busy, high) {
            (true, _, _) if self.at_once.is_empty() => Change::Unchanged,
            (true, _, _) | (false, false, _) => Change::Live,
            (false, true, false) => Change::NextStart,
            (false, true, true) => Change::NeedsRestart,
        }
    }

    fn add(&mut self, section: &SectionDoc, keys: Vec<&'static str>) {
        let live = at_once(section.name);
        for key in keys {
            if live.contains(&key) { self.at_once.push(key) } else { self.at_start.push(key) }
        }
    }
}

/// The changed keys of a section that a unit may not have; all of it is one key when it comes or goes.
fn changed<S: Section>(old: &Option<S>, new: &Option<S>, section: &'static str) -> Vec<&'static str> {
    match (old, new) {
        (Some(old), Some(new)) => old.changed(new),
        (None, None) => Vec::new(),
        (Some(_), None) | (None, Some(_)) => vec![section],
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unchanged => "unchanged",
            Self::Live => "applied live",
            Self::NextStart => "at next start",
            Self::NeedsRestart => "needs restart",
            Self::Added => "added",
            Self::Removed => "removed",
        })
    }
}
