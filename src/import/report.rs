//! What became of every key: a row each. Keys of many tenants that became the same are one row.

use std::collections::HashMap;

use serde::Serialize;

/// What a key of Navigator's comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Verdict {
    /// Said in the same way.
    #[serde(rename = "as is")]
    AsIs,
    /// Said in another way.
    #[serde(rename = "mapped")]
    Mapped,
    /// Navigator or its documentation knew it, and nothing came of it.
    #[serde(rename = "works now")]
    WorksNow,
    /// There is no such thing here, for the reason that is told.
    #[serde(rename = "cannot be")]
    CannotBe,
}

impl Verdict {
    /// As it is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::AsIs => "as is",
            Self::Mapped => "mapped",
            Self::WorksNow => "works now",
            Self::CannotBe => "cannot be",
        }
    }
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// `applications.tenants[].root`.
    pub key: String,
    /// Where it stands first; 0 for what the file does not say.
    pub line: u32,
    /// How often it is there.
    pub count: usize,
    /// What comes of it.
    pub verdict: Verdict,
    /// What it became, or why it cannot be and what to do instead.
    pub became: String,
}

/// All rows, and what will be different.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub rows: Vec<Row>,
    pub changes: Vec<String>,
    /// Where in `rows`.
    index: HashMap<(String, Verdict, String), usize>,
}

impl Report {
    /// Adds a row, or counts one that is there.
    pub fn row(&mut self, key: &str, line: u32, verdict: Verdict, became: impl Into<String>) {
        let became = became.into();
        let at = *self.index.entry((key.to_owned(), verdict, became.clone())).or_insert(self.rows.len());
        match self.rows.get_mut(at) {
            Some(row) => row.count += 1,
            None => self.rows.push(Row { key: key.to_owned(), line, count: 1, verdict, became }),
        }
    }

    /// Says what will be different from how Navigator ran it.
    pub fn change(&mut self, line: u32, text: &str) {
        let text = if line == 0 { text.to_owned() } else { format!("line {line}: {text}") };
        if !self.changes.contains(&text) {
            self.changes.push(text);
        }
    }
}
