//! Users and groups as people write them. Whether they exist is seen at the start of the process.

use super::layers::Node;
use super::value::{Cx, Value};

/// A user's name or number, or both numbers: `1000:1000`.
pub(crate) fn user(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<String>> {
    let text = String::read(node, cx)?;
    let numbers = text.split_once(':').is_some_and(|(user, group)| number(user) && number(group));
    if !numbers && !number(&text) && !name(&text) {
        cx.error(node.place, format!("\"{text}\" is no user; write a name, \"1000\" or \"1000:1000\""));
        return None;
    }
    Some(Some(text))
}

/// A group's name or number.
pub(crate) fn group(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<String>> {
    one_group(node, cx).map(Some)
}

/// Names or numbers of groups.
pub(crate) fn groups(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<String>> {
    if !node.value.is_array() {
        return Vec::<String>::read(node, cx);
    }
    let all: Vec<Option<String>> = node.items().map(|item| one_group(item, cx)).collect();
    all.into_iter().collect()
}

fn one_group(node: Node<'_>, cx: &mut Cx<'_>) -> Option<String> {
    let text = String::read(node, cx)?;
    if !number(&text) && !name(&text) {
        cx.error(node.place, format!("\"{text}\" is no group; write a name, or a number such as \"1000\""));
        return None;
    }
    Some(text)
}

/// 4294967295 means "no change" to setuid(2) and is no id.
fn number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u32>().is_ok_and(|id| id != u32::MAX)
}

fn name(text: &str) -> bool {
    let letters = |b: u8| b.is_ascii_alphanumeric() || b"_.-$".contains(&b);
    text.bytes().all(letters) && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}
