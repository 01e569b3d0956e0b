//! How a TOML value becomes a typed one. A wrong value is reported and reading goes on.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::Name;
use super::duration::{bounded, parse_duration};
use super::kind::Kind;
use super::layers::Node;
use super::nearest::hint;
use super::report::{Place, Report};
use super::specifier::Scope;

/// What reading a value needs beside the value.
#[derive(Debug)]
pub(crate) struct Cx<'a> {
    /// What specifiers stand for; `None` where there are none (tenantd.toml).
    pub scope: Option<&'a Scope<'a>>,
    /// Where mistakes go.
    pub report: &'a mut Report,
    /// Section and key that are being read, for the mistakes.
    pub key: (&'static str, &'static str),
}

impl Cx<'_> {
    /// Records a mistake in the value of the current key.
    pub fn error(&mut self, place: Place, message: impl std::fmt::Display) {
        let text = match self.key {
            ("", key) => format!("{key}: {message}"),
            (section, key) => format!("[{section}] {key}: {message}"),
        };
        self.report.error(place, text);
    }

    /// Records that the value has the wrong type; `None`, for the caller to return.
    pub fn expected<T>(&mut self, node: Node<'_>, what: &str) -> Option<T> {
        self.error(node.place, format!("expected {what}, found {}", found(node.value)));
        None
    }

    /// A string, with specifiers expanded.
    pub fn text<'n>(&mut self, node: Node<'n>) -> Option<Cow<'n, str>> {
        let written = match node.value {
            DeValue::String(text) => return self.expand(node.place, text),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Boolean(value) => value.to_string(),
            _ => return self.expected(node, "a string"),
        };
        self.error(node.place, format!("expected a string, found {}; write \"{written}\"", found(node.value)));
        None
    }

    /// Expands the specifiers of a text that stands here.
    pub fn expand<'t>(&mut self, place: Place, text: &'t str) -> Option<Cow<'t, str>> {
        if text.contains('\0') {
            self.error(place, "a NUL byte cannot be part of a string");
            return None;
        }
        let Some(scope) = self.scope else { return Some(text.into()) };
        scope.expand(text, &mut |why| self.error(place, why))
    }

    /// Turns the error of a check into a report.
    pub fn good<T>(&mut self, place: Place, result: Result<T, impl std::fmt::Display>) -> Option<T> {
        result.map_err(|why| self.error(place, why)).ok()
    }

    /// The value behind one of these words.
    pub fn one_of<T: Copy>(&mut self, node: Node<'_>, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(node)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let known: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let hint = hint(&text, words.iter().map(|(word, _)| *word));
        self.error(node.place, format!("unknown word \"{text}\"{hint}{}", listed(&known, hint.is_empty())));
        None
    }
}

fn listed(known: &[String], wanted: bool) -> String {
    if wanted { format!("; write {}", known.join(" or ")) } else { String::new() }
}

/// The type of a TOML value, with its article.
pub(crate) fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// A type that a configuration value can have.
pub(crate) trait Value: Sized {
    /// What it takes, for the reference.
    const KIND: Kind = Kind::Any;

    /// Reads one value; `None` if it was wrong, and reported.
    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self>;

    /// Reads the value of all layers, the lowest first: the last wins, unless the type merges.
    fn merged<'a>(mut nodes: impl DoubleEndedIterator<Item = Node<'a>>, cx: &mut Cx<'_>) -> Option<Self> {
        Self::read(nodes.next_back()?, cx)
    }
}

impl Value for String {
    const KIND: Kind = Kind::Text;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.text(node).map(Cow::into_owned)
    }
}

impl Value for bool {
    const KIND: Kind = Kind::Boolean;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        node.value.as_bool().or_else(|| cx.expected(node, "true or false"))
    }
}

impl Value for u32 {
    const KIND: Kind = Kind::Integer;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let DeValue::Integer(number) = node.value else { return cx.expected(node, "an integer") };
        let number = u32::from_str_radix(number.as_str(), number.radix());
        cx.good(node.place, number.map_err(|_| "expected an integer between 0 and 4294967295"))
    }
}

impl Value for usize {
    const KIND: Kind = Kind::Integer;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        u32::read(node, cx).and_then(|number| usize::try_from(number).ok())
    }
}

impl Value for PathBuf {
    const KIND: Kind = Kind::Text;

    /// An absolute path.
    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node)?;
        if !text.starts_with('/') {
            cx.error(node.place, format!("\"{text}\" is no absolute path; begin it with /"));
            return None;
        }
        Some(Self::from(text.into_owned()))
    }
}

impl Value for Duration {
    const KIND: Kind = Kind::Duration;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let span = match node.value {
            DeValue::Integer(number) => match u32::from_str_radix(number.as_str(), number.radix()) {
                Ok(seconds) => bounded(Self::from_secs(seconds.into())),
                Err(_) => Err("expected a positive number of seconds".into()),
            },
            DeValue::String(_) => parse_duration(&cx.text(node)?).and_then(|span| {
                span.ok_or_else(|| "this cannot be \"infinity\"; write a duration such as \"90s\"".into())
            }),
            _ => return cx.expected(node, "a duration such as \"90s\""),
        };
        cx.good(node.place, span)
    }
}

impl Value for Option<Duration> {
    const KIND: Kind = Kind::Limit;

    /// A duration, or "infinity" for none.
    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        if node.value.as_str().is_some_and(|text| parse_duration(text) == Ok(None)) {
            return Some(None);
        }
        positive(node, cx).map(Some)
    }
}

impl<T: Value> Value for Option<T>
where
    T: Optional,
{
    const KIND: Kind = T::KIND;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        T::read(node, cx).map(Some)
    }
}

/// Types for which a missing key is `None`, and nothing else is.
pub(crate) trait Optional {}
impl Optional for String {}
impl Optional for PathBuf {}
impl Optional for usize {}
impl Optional for Name {}

impl<T: Value> Value for Vec<T> {
    const KIND: Kind = Kind::List(&T::KIND);

    /// Every item is read, so that every mistake is told.
    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        match node.value {
            DeValue::Array(_) => {}
            DeValue::String(text) => {
                cx.error(node.place, format!("expected an array, found a string; write [\"{text}\"]"));
                return None;
            }
            _ => return cx.expected(node, "an array"),
        }
        let items: Vec<Option<T>> = node.items().map(|item| T::read(item, cx)).collect();
        items.into_iter().collect()
    }
}

impl Value for Name {
    const KIND: Kind = Kind::Text;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node)?;
        cx.good(node.place, Self::new(&text).map_err(|_| bad_name(&text)))
    }
}

/// What to say about a text that is no unit name.
pub(crate) fn bad_name(text: &str) -> String {
    let stem = text.strip_suffix(".toml").or_else(|| text.strip_suffix(".service"));
    match stem {
        Some(stem) => format!("\"{text}\" is no unit name; write \"{stem}\""),
        None if text.find('@') == Some(text.len().saturating_sub(1)) => {
            format!("\"{text}\" is a template; name one instance, as in \"{text}NAME\"")
        }
        None => format!(
            "\"{text}\" is no unit name; use letters, digits and : - _ . with one @ before the instance, at most {} bytes",
            Name::MAX
        ),
    }
}

impl Value for BTreeMap<String, String> {
    const KIND: Kind = Kind::Variables;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        Self::merged(std::iter::once(node), cx)
    }

    /// Variables of all layers together; a higher one hides a lower one before it is read.
    fn merged<'a>(nodes: impl DoubleEndedIterator<Item = Node<'a>>, cx: &mut Cx<'_>) -> Option<Self> {
        let mut all = Self::new();
        let mut nodes = nodes.rev().peekable();
        nodes.peek()?;
        for node in nodes {
            if !node.value.is_table() {
                cx.expected::<()>(node, "a table ({ NAME = \"value\" })");
            }
            for (name, place, value) in node.entries() {
                if all.contains_key(name) {
                    continue;
                }
                cx.good(place, check_variable(name));
                all.insert(name.to_owned(), String::read(value, cx).unwrap_or_default());
            }
        }
        Some(all)
    }
}

/// Whether an environment variable may have this name.
pub(crate) fn check_variable(name: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(format!("{name:?} is no name of a variable; leave the = and the value out"));
    }
    Ok(())
}

/// An integer from `least` to `most`.
pub(crate) fn between(node: Node<'_>, cx: &mut Cx<'_>, least: i32, most: i32) -> Option<i32> {
    let DeValue::Integer(number) = node.value else { return cx.expected(node, "an integer") };
    let number = i32::from_str_radix(number.as_str(), number.radix()).ok();
    let within = number.filter(|number| (least..=most).contains(number));
    cx.good(node.place, within.ok_or_else(|| format!("expected an integer between {least} and {most}")))
}

/// Reads a value that must not be zero.
pub(crate) fn positive<T: Value + Default + PartialEq>(node: Node<'_>, cx: &mut Cx<'_>) -> Option<T> {
    let value = T::read(node, cx)?;
    if value == T::default() {
        cx.error(node.place, "zero would stop everything; write at least 1");
        return None;
    }
    Some(value)
}
