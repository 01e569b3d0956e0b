//! Whose messages of sd_notify(3) a unit believes: systemd's `NotifyAccess=` as a value. Never looks up a process.

use super::kind::Kind;
use super::layers::Node;
use super::value::{Cx, Value};

/// `[service] notify_access`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NotifyAccess {
    /// Nobody's.
    None,
    /// The main process' alone. The default.
    #[default]
    Main,
    /// Also those of the commands that tenantd itself executes: before, after, reload, stop.
    Exec,
    /// Those of every process of the unit.
    All,
}

/// What the process that spoke is to the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Its main process.
    Main,
    /// The process of one of its other commands.
    Control,
    /// Anything that these have forked.
    Other,
}

/// How they are written.
const WORDS: [(&str, NotifyAccess); 4] = [
    ("none", NotifyAccess::None),
    ("main", NotifyAccess::Main),
    ("exec", NotifyAccess::Exec),
    ("all", NotifyAccess::All),
];

impl NotifyAccess {
    /// The access of this word; `None` if it is none of `none`, `main`, `exec` and `all`.
    pub fn from_word(word: &str) -> Option<Self> {
        WORDS.iter().find(|(known, _)| *known == word).map(|(_, access)| *access)
    }

    /// Whether a message of this sender counts (systemd.service(5), `NotifyAccess=`).
    pub fn permits(self, sender: Sender) -> bool {
        match sender {
            Sender::Main => self != Self::None,
            Sender::Control => matches!(self, Self::Exec | Self::All),
            Sender::Other => self == Self::All,
        }
    }
}

impl Value for NotifyAccess {
    const KIND: Kind = Kind::Words(&["none", "main", "exec", "all"]);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.one_of(node, &WORDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_speak() {
        for (word, permitted) in [
            ("none", [false, false, false]),
            ("main", [true, false, false]),
            ("exec", [true, true, false]),
            ("all", [true, true, true]),
        ] {
            let access = NotifyAccess::from_word(word);
            let found = [Sender::Main, Sender::Control, Sender::Other].map(|sender| access.map(|a| a.permits(sender)));
            assert_eq!(found, permitted.map(Some), "{word}");
        }
        for word in ["", "Main", "all ", "control"] {
            assert_eq!(NotifyAccess::from_word(word), None, "{word}");
        }
    }
}
