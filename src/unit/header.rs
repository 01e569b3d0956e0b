//! `[unit]`: what a unit is called and what it waits for (systemd.unit(5)).

use std::fmt;

use super::kind::Kind;
use super::layers::Node;
use super::section::section;
use super::value::{Cx, Value};
use super::{Name, Priority, Target};

section! {
    /// Description, order and dependencies of a unit.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Header in "unit" (fields) {
        /// One line for people; default: the unit's name.
        description: String as line = fields.cx.scope.map_or_else(String::new, |scope| scope.name.to_string());
        /// `high`: up before the first tenant, stopped after the last. Default `normal`.
        priority: Priority = Priority::Normal;
        /// Start after these, stop before them (systemd.unit(5), After=).
        after: Vec<Name> = Vec::new();
        /// Start before these, stop after them (Before=).
        before: Vec<Name> = Vec::new();
        /// Start these too; if one fails, this unit is not started (Requires=).
        requires: Vec<Name> = Vec::new();
        /// Start these too, whatever becomes of them (Wants=).
        wants: Vec<Name> = Vec::new();
        /// As `requires`, and it is stopped when one of them ends, for whatever reason (BindsTo=).
        binds_to: Vec<Name> = Vec::new();
        /// Stopped and restarted with these, when they are by a person's word (PartOf=).
        part_of: Vec<Name> = Vec::new();
        /// Starting it stops these, and starting one of these stops it (Conflicts=).
        conflicts: Vec<Name> = Vec::new();
        /// The lifecycle targets that start this unit: `boot`, `ready` (boot is over), `idle` (the last tenant has stopped),
        /// `resume` (the first comes again), `shutdown` (all but the high units are down). Default `["boot"]` for `priority = "high"`, else none.
        wanted_by: Vec<Target> = if priority == Priority::High { vec![Target::Boot] } else { Vec::new() };
    }
}

impl Value for Priority {
    const KIND: Kind = Kind::Words(&["normal", "high"]);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.one_of(node, &[("normal", Self::Normal), ("high", Self::High)])
    }
}

impl Value for Target {
    const KIND: Kind = Kind::Words(&["boot", "ready", "idle", "resume", "shutdown"]);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let words = [("boot", Self::Boot), ("ready", Self::Ready), ("idle", Self::Idle)];
        cx.one_of(node, &[&words[..], &[("resume", Self::Resume), ("shutdown", Self::Shutdown)]].concat())
    }
}

/// As a unit's file names it.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boot => "boot",
            Self::Ready => "ready",
            Self::Idle => "idle",
            Self::Resume => "resume",
            Self::Shutdown => "shutdown",
        })
    }
}

/// A text of one line.
fn line(node: Node<'_>, cx: &mut Cx<'_>) -> Option<String> {
    let text = String::read(node, cx)?;
    if text.contains(char::is_control) {
        cx.error(node.place, "a description is one line of text; leave line breaks and control characters out");
        return None;
    }
    Some(text)
}
