//! What the verbs can be told beside units, and which option is whose.

use lexopt::{Arg, Parser, ValueExt};

/// Options of single verbs. Empty is nothing said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// Every option that was given, by its long name.
    pub given: Vec<&'static str>,
    /// `--property`, split at commas.
    pub properties: Vec<String>,
    /// `--state`, split at commas.
    pub states: Vec<String>,
    /// `--signal`.
    pub signal: Option<String>,
    /// `--kill-whom`.
    pub whom: Option<String>,
    /// `--add`.
    pub machine: Option<String>,
    /// The request of `route`.
    pub asked: super::route::Asked,
}

/// Short, long, the verbs that understand it.
const OPTIONS: [(Option<char>, &str, &[&str]); 19] = [
    (Some('f'), "follow", &["logs"]),
    (Some('n'), "lines", &["logs"]),
    (None, "since", &["logs"]),
    (Some('p'), "property", &["show"]),
    (None, "value", &["show"]),
    (None, "failed", &["list"]),
    (None, "state", &["list"]),
    (None, "tree", &["list"]),
    (Some('s'), "signal", &["kill"]),
    (None, "kill-whom", &["kill"]),
    (None, "add", &["placement"]),
    (Some('H'), "header", &["route"]),
    (None, "from", &["route"]),
    (None, "user", &["route"]),
    (None, "out", &["import"]),
    (None, "root", &["import"]),
    (None, "watch", &["import"]),
    (None, "check", &["import"]),
    (None, "force", &["import"]),
];

/// After it the client does not wait.
pub(super) const NO_BLOCK: (&str, &[&str]) = ("no-block", &["start", "stop", "restart"]);

/// The long name of an option of ours.
pub(super) fn name(argument: &Arg<'_>) -> Option<&'static str> {
    match argument {
        Arg::Long(long) if *long == NO_BLOCK.0 => Some(NO_BLOCK.0),
        Arg::Long(long) => OPTIONS.iter().find(|(_, name, _)| name == long).map(|(_, name, _)| *name),
        Arg::Short(short) => OPTIONS.iter().find(|(letter, ..)| *letter == Some(*short)).map(|(_, name, _)| *name),
        Arg::Value(_) => None,
    }
}

impl Options {
    /// Takes an option, and its value if it has one.
    pub fn take(
        &mut self,
        name: &'static str,
        logs: &mut super::logs::Options,
        import: &mut super::import::Options,
        parser: &mut Parser,
    ) -> Result<(), lexopt::Error> {
        self.given.push(name);
        let mut text = || parser.value()?.string();
        match name {
            "follow" => logs.follow = true,
            "lines" => logs.lines = Some(text()?),
            "since" => logs.since = Some(text()?),
            "out" => import.out = Some(text()?.into()),
            "root" => import.root = Some(text()?.into()),
            "property" => self.properties.extend(text()?.split(',').map(str::to_owned)),
            "state" => self.states.extend(text()?.split(',').map(str::to_owned)),
            "failed" => self.states.push("failed".to_owned()),
            "signal" => self.signal = Some(text()?),
            "header" => self.asked.fields.push(text()?),
            "from" => self.asked.from = Some(text()?),
            "user" => self.asked.user = Some(text()?),
            "kill-whom" => self.whom = Some(text()?),
            "add" => self.machine = Some(text()?),
            // Those that are only given or not.
            _ => {}
        }
        Ok(())
    }

    /// It was given.
    pub fn has(&self, name: &str) -> bool {
        self.given.contains(&name)
    }

    /// An option that this verb does not understand, and the verbs that do.
    pub fn foreign(&self, verb: &str) -> Option<String> {
        let all = OPTIONS.iter().map(|(_, name, verbs)| (*name, *verbs)).chain([NO_BLOCK]);
        let mut foreign = all.filter(|(name, verbs)| self.has(name) && !verbs.contains(&verb));
        foreign.next().map(|(name, verbs)| format!("--{name} is for {}", verbs.join(", ")))
    }
}
