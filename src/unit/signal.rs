//! Signals as people write them: `"SIGTERM"`, `"TERM"`, `"RTMIN+3"`, 15 (signal(7)).

use std::fmt;

use toml::de::DeValue;

use super::kind::Kind;
use super::layers::Node;
use super::value::{Cx, Value};

/// A signal's number, 1 to 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(i32);

impl Signal {
    /// Hang up; a daemon reloads.
    pub const HUP: Self = Self(libc::SIGHUP);
    /// End, in order.
    pub const TERM: Self = Self(libc::SIGTERM);
    /// End, now.
    pub const KILL: Self = Self(libc::SIGKILL);
    /// Go on.
    pub const CONT: Self = Self(libc::SIGCONT);
    /// End with a core dump.
    pub const ABRT: Self = Self(libc::SIGABRT);

    /// First real-time signal that programs may use: the two below belong to the C library's threads.
    const RTMIN: i32 = 34;
    const MAX: i32 = 64;

    /// The signal of this number.
    pub fn new(number: i32) -> Option<Self> {
        (1..=Self::MAX).contains(&number).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> i32 {
        self.0
    }

    /// Reads a name, with or without `SIG`, or a number.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(number) = text.parse() {
            return Self::new(number);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Some(rest) = name.strip_prefix("RTMIN") {
            let above: i32 = if rest.is_empty() { 0 } else { rest.strip_prefix('+')?.parse().ok()? };
            return Self::new(Self::RTMIN.checked_add(above)?);
        }
        if let Some(rest) = name.strip_prefix("RTMAX") {
            let below: i32 = if rest.is_empty() { 0 } else { rest.strip_prefix('-')?.parse().ok()? };
            return Self::new(Self::MAX.checked_sub(below)?).filter(|signal| signal.0 >= Self::RTMIN);
        }
        format!("SIG{name}").parse::<nix::sys::signal::Signal>().ok().map(|signal| Self(signal as i32))
    }
}

/// `SIGTERM`, `SIGRTMIN+3`.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match nix::sys::signal::Signal::try_from(self.0) {
            Ok(signal) => f.write_str(signal.as_str()),
            Err(_) if self.0 >= Self::RTMIN => write!(f, "SIGRTMIN+{}", self.0 - Self::RTMIN),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

impl Value for Signal {
    const KIND: Kind = Kind::Signal;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = match node.value {
            DeValue::Integer(number) => number.as_str().into(),
            _ => cx.text(node)?,
        };
        let why = || format!("\"{text}\" is no signal; write its name, as in \"SIGTERM\"");
        cx.good(node.place, Self::parse(&text).ok_or_else(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (text, number) in [
            ("SIGTERM", Some(15)),
            ("term", Some(15)),
            ("9", Some(9)),
            ("SIGRTMIN+3", Some(37)),
            ("RTMIN", Some(34)),
            ("RTMAX-1", Some(63)),
            ("RTMAX-40", None),
            ("0", None),
            ("65", None),
            ("SIGNOTHING", None),
            ("", None),
        ] {
            assert_eq!(Signal::parse(text).map(Signal::number), number, "{text}");
        }
    }

    #[test]
    fn every_signal_is_read_back() {
        for signal in (1..=Signal::MAX).filter_map(Signal::new) {
            assert_eq!(Signal::parse(&signal.to_string()), Some(signal));
        }
    }
}
