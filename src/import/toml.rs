//! TOML as text: tables with comments, values that are always quoted and escaped right. Reads nothing.

use std::fmt::Write;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Toml {
    Text(String),
    Bool(bool),
    Number(i64),
    List(Vec<Toml>),
    /// An inline table.
    Map(Vec<(String, Toml)>),
}

/// Longest line that an array may make.
const WIDTH: usize = 110;

/// A table and its keys: `[http]`, `[[redirect]]`; the table without a name is the top of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// With its brackets.
    pub title: String,
    /// Where it comes from, and what there is to know of it: a comment line each.
    pub about: Vec<String>,
    pub keys: Vec<(String, Toml)>,
}

impl Toml {
    /// A text as it is; nothing of anything else.
    pub fn to_text(&self) -> String {
        if let Self::Text(text) = self { text.clone() } else { String::new() }
    }
}

impl From<&str> for Toml {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Toml {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Toml {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Toml {
    fn from(value: i64) -> Self {
        Self::Number(value)
    }
}

impl<T: Into<Toml>> From<Vec<T>> for Toml {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl Table {
    /// An empty table.
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), ..Self::default() }
    }

    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&Toml> {
        self.keys.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Sets a key; a later value wins.
    pub fn set(&mut self, key: &str, value: impl Into<Toml>) -> &mut Self {
        let value = value.into();
        match self.keys.iter_mut().find(|(name, _)| name == key) {
            Some(entry) => entry.1 = value,
            None => self.keys.push((key.to_owned(), value)),
        }
        self
    }

    /// Sets a key, if there is a value.
    pub fn may(&mut self, key: &str, value: Option<impl Into<Toml>>) -> &mut Self {
        if let Some(value) = value {
            self.set(key, value);
        }
        self
    }

    /// Adds a comment line.
    pub fn say(&mut self, line: impl Into<String>) -> &mut Self {
        let line = line.into();
        if !self.about.contains(&line) {
            self.about.push(line);
        }
        self
    }
}

/// All tables as one file, below `head`, whose lines become comments.
pub(super) fn file(head: &[String], tables: &[Table]) -> String {
    let mut text = String::new();
    comments(&mut text, head);
    for table in tables.iter().filter(|table| !table.keys.is_empty() || !table.about.is_empty()) {
        text.push('\n');
        comments(&mut text, &table.about);
        if !table.title.is_empty() {
            text.extend([&table.title, "\n"]);
        }
        for (key, value) in &table.keys {
            text.push_str(&format!("{} = {}\n", name(key), wrapped(key.len(), value)));
        }
    }
    text
}

fn comments(text: &mut String, lines: &[String]) {
    for line in lines {
        // A control character is no part of a comment (TOML 1.0), and a line break would end it.
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        text.extend(["# ", line.as_str(), "\n"]);
    }
}

/// An array that is too long for a line has several.
fn wrapped(before: usize, value: &Toml) -> String {
    let line = inline(value);
    let Toml::List(items) = value else { return line };
    if before + line.len() <= WIDTH {
        return line;
    }
    let mut lines = vec![String::from(" ")];
    for item in items.iter().map(inline) {
        if lines.last().is_some_and(|last| last.len() > 1 && last.len() + item.len() > WIDTH) {
            lines.push(String::from(" "));
        }
        lines.iter_mut().last().into_iter().for_each(|last| last.extend([" ", &item, ","]));
    }
    format!("[\n{}\n]", lines.join("\n"))
}

fn inline(value: &Toml) -> String {
    match value {
        Toml::Text(text) => quoted(text),
        Toml::Bool(value) => value.to_string(),
        Toml::Number(value) => value.to_string(),
        Toml::List(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Toml::Map(entries) if entries.is_empty() => "{}".to_owned(),
        Toml::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{} = {}", name(key), inline(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

fn name(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { key.to_owned() } else { quoted(key) }
}

/// A basic string; a literal one where that spares backslashes.
fn quoted(text: &str) -> String {
    if text.contains('\\') && !text.contains(|c: char| c == '\'' || c.is_control()) {
        return format!("'{text}'");
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            // Writing to a String cannot fail.
            c if c.is_control() => drop(write!(out, "\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn back(value: &toml::Value) -> Toml {
        match value {
            toml::Value::String(text) => Toml::Text(text.clone()),
            toml::Value::Boolean(value) => Toml::Bool(*value),
            toml::Value::Integer(value) => Toml::Number(*value),
            toml::Value::Array(items) => Toml::List(items.iter().map(back).collect()),
            toml::Value::Table(table) => {
                Toml::Map(table.iter().map(|(key, value)| (key.clone(), back(value))).collect())
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_file() {
        let mut table = Table::new("[http]");
        table.say("line 3\nof it").set("listen", vec!["a"]).set("a b", true).set("n", -1).may("no", None::<&str>);
        table.set("re", "^/a\\.b$").set("q", "it's \\ \"x\"");
        let text = file(&["by hand".to_owned()], &[table, Table::new("[empty]")]);
        let expected = "# by hand\n\n# line 3 of it\n[http]\nlisten = [\"a\"]\n\"a b\" = true\nn = -1\nre = '^/a\\.b$'\n\
                        q = \"it's \\\\ \\\"x\\\"\"\n";
        assert_eq!(text, expected);
    }

    fn values() -> impl Strategy<Value = Toml> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Toml::Text),
            any::<bool>().prop_map(Toml::Bool),
            any::<i64>().prop_map(Toml::Number)
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Toml::List),
                proptest::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|map| Toml::Map(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_again(key in any::<String>(), value in values(), about in any::<String>()) {
            let mut table = Table::new("[t]");
            table.say(about.clone()).set(&key, value.clone());
            let text = file(&[about], &[table]);
            let read: toml::Table = toml::from_str(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            prop_assert_eq!(back(&read["t"][&key]), value);
        }
    }
}
