//! The keys of one mapping: each is taken by whoever knows it, and what nobody has taken is named, with the nearest right one.

use super::draft::Draft;
use super::report::Verdict;
use super::yaml::{Node, Yaml};
use crate::unit::nearest::hint;

/// One value and the name of its key.
#[derive(Debug, Clone)]
pub(super) struct Field<'y> {
    /// From the top: `routes.fly.replay[].path`.
    pub key: String,
    /// Where it stands.
    pub line: u32,
    pub node: &'y Node,
}

/// A mapping that is being read.
#[derive(Debug)]
pub(super) struct Keys<'y> {
    path: String,
    pub line: u32,
    left: Vec<(&'y str, u32, &'y Node)>,
    known: Vec<&'static str>,
}

impl<'y> Keys<'y> {
    /// The keys of a mapping; nothing is an empty one. `path` is the name of the mapping, empty at the top.
    pub fn open(path: &str, node: &'y Node, draft: &mut Draft<'_>) -> Self {
        let mut left = Vec::new();
        match &node.value {
            Yaml::Null => {}
            Yaml::Map(entries) => {
                for (key, value) in entries {
                    match &key.value {
                        Yaml::Text(name) => left.push((name.as_str(), key.line, value)),
                        _ => draft.cannot(path, key.line, "a key that is no text; leave it out"),
                    }
                }
            }
            other => {
                let name = if path.is_empty() { "the file" } else { path };
                let found = if matches!(other, Yaml::List(_)) { "a list" } else { "text" };
                draft.cannot(name, node.line, &format!("expected keys with values, found {found}"));
            }
        }
        Self { path: path.to_owned(), line: node.line, left, known: Vec::new() }
    }

    /// The value of this key, if it is there.
    pub fn take(&mut self, key: &'static str) -> Option<Field<'y>> {
        self.known.push(key);
        let at = self.left.iter().position(|(name, ..)| *name == key)?;
        let (_, line, node) = self.left.remove(at);
        Some(Field { key: self.name(key), line, node })
    }

    /// Every key that is left, whatever it is called.
    pub fn all(&mut self) -> Vec<(&'y str, Field<'y>)> {
        let all = std::mem::take(&mut self.left);
        all.into_iter().map(|(name, line, node)| (name, Field { key: self.name(name), line, node })).collect()
    }

    /// The full name of a key of it.
    pub fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Names what nobody has taken.
    pub fn finish(self, draft: &mut Draft<'_>) {
        for (name, line, _) in &self.left {
            let hint = hint(name, self.known.iter().copied());
            let hint =
                if hint.is_empty() { "; it is neither Navigator's nor documented: leave it out".into() } else { hint };
            draft.report.row(&self.name(name), *line, Verdict::CannotBe, format!("unknown key{hint}"));
        }
    }
}

impl<'y> Field<'y> {
    /// As a mapping.
    pub fn keys(&self, draft: &mut Draft<'_>) -> Keys<'y> {
        let mut keys = Keys::open(&self.key, self.node, draft);
        keys.line = self.line;
        keys
    }

    /// The items of a list; a single value is a list of one, nothing is an empty one.
    pub fn items(&self) -> Vec<Field<'y>> {
        let field = |node: &'y Node| Field { key: format!("{}[]", self.key), line: node.line, node };
        match &self.node.value {
            Yaml::Null => Vec::new(),
            Yaml::List(items) => items.iter().map(field).collect(),
            Yaml::Text(_) | Yaml::Map(_) => vec![field(self.node)],
        }
    }

    /// The letters of a scalar, as they are written.
    pub fn raw(&self, draft: &mut Draft<'_>) -> Option<&'y str> {
        match &self.node.value {
            Yaml::Text(text) => Some(text),
            Yaml::Null => None,
            Yaml::List(_) | Yaml::Map(_) => {
                draft.cannot(&self.key, self.line, "expected one value, found several");
                None
            }
        }
    }

    /// A scalar with the variables of the environment in it.
    pub fn text(&self, draft: &mut Draft<'_>) -> Option<String> {
        let raw = self.raw(draft)?;
        draft.expanded(self, raw)
    }

    /// Texts of a list, or one.
    pub fn texts(&self, draft: &mut Draft<'_>) -> Vec<String> {
        self.items().iter().filter_map(|item| item.text(draft)).collect()
    }

    /// YAML's words of both versions, as Navigator takes them.
    pub fn boolean(&self, draft: &mut Draft<'_>) -> Option<bool> {
        let text = self.text(draft)?;
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => {
                draft.cannot(&self.key, self.line, &format!("\"{text}\" is neither true nor false"));
                None
            }
        }
    }

    /// A whole number.
    pub fn number(&self, draft: &mut Draft<'_>) -> Option<i64> {
        let text = self.text(draft)?;
        let number = text.replace('_', "").parse().ok().filter(|number| *number >= 0);
        if number.is_none() {
            draft.cannot(&self.key, self.line, &format!("\"{text}\" is no whole number"));
        }
        number
    }
}
