//! YAML → a tree that knows the line of everything in it. Only what Navigator reads: the first document, every scalar as it
//! was written. Aliases and merges are resolved, and bounded, by the parser.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};

/// A value and the line it stands on, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub line: u32,
    pub value: Yaml,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Yaml {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar, quotes and escapes resolved: `9999`, `true`, `1.10` and `off` are text until somebody asks.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Node, Node)>),
}

/// Why the text is no YAML that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Counted from 1; 0 is the whole file.
    pub line: u64,
    /// In one line.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.message)
    }
}

/// The first document, and how many more there are.
pub(super) fn parse(text: &str) -> Result<(Node, usize), Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (first, more) = first_document(text);
    if first.lines().all(|line| matches!(line.trim_start().bytes().next(), None | Some(b'#')) || is_marker(line)) {
        return Ok((Node { line: 1, value: Yaml::Null }, more));
    }
    let mut options = serde_saphyr::options! {};
    options.duplicate_keys = DuplicateKeyPolicy::Error;
    options.with_snippet = false;
    let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(first, options).map_err(|error| Mistake {
        line: error.location().map_or(0, |place| place.line()),
        message: one_line(&error.to_string()),
    })?;
    Ok((raw.value.resolve(raw.referenced, raw.defined, first), more))
}

/// The text up to the marker of the second document. A marker at the start of a line is one wherever it stands (YAML 1.2
/// §9.1.2), so that no parser is needed to find it, and what follows may be broken.
fn first_document(text: &str) -> (&str, usize) {
    let (mut begun, mut end, mut more, mut at) = (false, None, 0, 0);
    for line in text.split_inclusive('\n') {
        let marker = is_marker(line);
        match (marker, end) {
            (true, None) if begun => (end, more) = (Some(at), 1),
            (true, Some(_)) => more += 1,
            _ => {}
        }
        let content = line.trim_start();
        begun |= marker || !(content.is_empty() || content.starts_with('#') || line.starts_with('%'));
        at += line.len();
    }
    (&text[..end.unwrap_or(text.len())], more)
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As the parser gives it, before lines are known.
enum Raw {
    Text(String),
    /// A plain scalar that is something else than text: its own letters are taken from the file.
    Plain(String),
    Null,
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl Raw {
    fn resolve(self, at: Location, defined: Location, text: &str) -> Node {
        let line = u32::try_from(at.line()).unwrap_or(u32::MAX).max(1);
        let down = |node: Spanned<Self>| node.value.resolve(node.referenced, node.defined, text);
        let value = match self {
            Self::Null => Yaml::Null,
            Self::Text(text) => Yaml::Text(text),
            Self::Plain(other) => Yaml::Text(written(defined, text).map_or(other, str::to_owned)),
            Self::List(items) => Yaml::List(items.into_iter().map(down).collect()),
            Self::Map(entries) => Yaml::Map(entries.into_iter().map(|(key, value)| (down(key), down(value))).collect()),
        };
        Node { line, value }
    }
}

/// The letters of a plain scalar: `1.10` must not become `1.1`.
fn written(place: Location, text: &str) -> Option<&str> {
    let span = place.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let end = start.checked_add(usize::try_from(span.byte_len()?).ok()?)?;
    let word = text.get(start..end)?.trim();
    (!word.is_empty() && !word.contains('\n')).then_some(word)
}

struct Any;

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

impl<'de> Visitor<'de> for Any {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Raw::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut all = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            all.push(entry);
        }
        Ok(Raw::Map(all))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Node {
        parse(text).unwrap().0
    }

    fn entries(node: &Node) -> Vec<(String, u32, Yaml)> {
        let Yaml::Map(entries) = &node.value else { panic!("{node:?}") };
        let key = |node: &Node| match &node.value {
            Yaml::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        entries.iter().map(|(name, value)| (key(name), name.line, value.value.clone())).collect()
    }

    #[test]
    fn scalars_stay_as_they_were_written() {
        let text = "a: 1.10\nb: off\nc: ~\nd: 0x10\ne: 1e3\nf: 'x: y'\ng:\nh: \"a\\tb\"\ni: 007\nj: null\nk: .5\nl: 2026-01-02\n";
        let expected = [
            ("a", Yaml::Text("1.10".into())),
            ("b", Yaml::Text("off".into())),
            ("c", Yaml::Null),
            ("d", Yaml::Text("0x10".into())),
            ("e", Yaml::Text("1e3".into())),
            ("f", Yaml::Text("x: y".into())),
            ("g", Yaml::Null),
            ("h", Yaml::Text("a\tb".into())),
            ("i", Yaml::Text("007".into())),
            ("j", Yaml::Null),
            ("k", Yaml::Text(".5".into())),
            ("l", Yaml::Text("2026-01-02".into())),
        ];
        let found = entries(&read(text));
        assert_eq!(found.len(), expected.len());
        for ((key, line, value), (number, (name, right))) in found.into_iter().zip(expected.into_iter().enumerate()) {
            assert_eq!((key.as_str(), line, value), (name, number as u32 + 1, right));
        }
    }

    #[test]
    fn lines_of_flows_aliases_and_umlauts() {
        let node = read("ü: &x { a: 1.50,\n  b: [2.0, é] }\nc: *x\n");
        let all = entries(&node);
        assert_eq!((all[1].0.as_str(), all[1].1), ("c", 3));
        assert_eq!(all[0].2, all[0].2.clone());
        let Yaml::Map(inner) = &all[1].2 else { panic!() };
        assert_eq!(inner[0].1.value, Yaml::Text("1.50".into()));
        assert_eq!(inner[1].0.line, 2);
    }

    #[test]
    fn the_first_document_counts() {
        for (text, more, keys) in [
            ("a: 1\n---\nb: [\n---\nc: 3\n", 2, vec!["a"]),
            ("# about\n---\na: 1\n", 0, vec!["a"]),
            ("%YAML 1.2\n---\na: 1\n...\n---\nb: 2\n", 1, vec!["a"]),
            ("---\na: |\n  --- no\n", 0, vec!["a"]),
        ] {
            let (node, found) = parse(text).unwrap();
            assert_eq!(
                (found, entries(&node).into_iter().map(|entry| entry.0).collect::<Vec<_>>()),
                (more, keys.iter().map(|&k| k.to_owned()).collect()),
                "{text}"
            );
        }
        for empty in ["", "\n", "# only this\n", "---\n", "---\n---\na: 1"] {
            assert_eq!(parse(empty).unwrap().0.value, Yaml::Null, "{empty:?}");
        }
    }

    #[test]
    fn what_is_no_yaml_has_a_line() {
        for (text, line) in [("a: 1\nb: [", 2), ("a: 1\na: 2\n", 2), ("a: *no\n", 1)] {
            let mistake = parse(text).unwrap_err();
            assert!(mistake.line >= 1 && mistake.line <= line + 1, "{text}: {mistake}");
            assert!(!mistake.message.contains('\n'));
        }
    }

    #[test]
    fn bombs_are_defused() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for n in 1..12 {
            let list = vec![format!("*a{}", n - 1); 10].join(",");
            text.push_str(&format!("a{n}: &a{n} [{list}]\n"));
        }
        assert!(parse(&text).is_err());
        assert!(parse(&"[".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn no_yaml_makes_it_panic(text in "[-\\[\\]{}:,&*!|>'\"%@`#? \n\tab0~.<]{0,60}") {
            let _ = parse(&text);
        }
    }
}
