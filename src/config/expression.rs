//! A regular expression of a configuration: compiled once, at load. Linear time, bytes, ASCII classes.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

use crate::unit::Kind;
use crate::unit::layers::Node;
use crate::unit::value::{Cx, Value};

/// Most bytes of a compiled expression: one that needs more is a mistake, or an attack.
const SIZE: usize = 1 << 20;

/// A compiled expression, equal to another of the same text.
#[derive(Clone)]
pub struct Expression(Regex);

impl Expression {
    /// Compiles it. The error is for people, in one line.
    pub fn new(text: &str) -> Result<Self, String> {
        let compiled = RegexBuilder::new(text).unicode(false).size_limit(SIZE).dfa_size_limit(SIZE).build();
        compiled.map(Self).map_err(|error| {
            let text = error.to_string();
            // The last line says what is wrong, those above draw where.
            let why = text.lines().last().unwrap_or_default();
            why.trim_start_matches("error: ").to_owned()
        })
    }

    /// The compiled expression.
    pub fn regex(&self) -> &Regex {
        &self.0
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.as_str())
    }
}

impl Value for Expression {
    const KIND: Kind = Kind::Text;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node)?;
        if text.is_empty() {
            cx.error(node.place, "an empty pattern matches everything; write \"^/\" if that is meant");
            return None;
        }
        let why = |why| format!("\"{text}\" is no regular expression: {why}");
        cx.good(node.place, Self::new(&text).map_err(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_expression_is_told_in_one_line() {
        assert!(Expression::new(r"^/a\d+/(?<name>[^/]*)$").is_ok());
        for (bad, why) in [("(", "unclosed group"), ("a{99999}{99999}", "size"), (r"(a)\1", "backreferences")] {
            let error = Expression::new(bad).unwrap_err();
            assert!(error.contains(why) && !error.contains('\n'), "{bad}: {error}");
        }
        assert_eq!(Expression::new("a"), Expression::new("a"));
        assert_ne!(Expression::new("a"), Expression::new("b"));
    }
}
