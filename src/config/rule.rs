//! What rules about paths have in common: which requests they are for, and how they are read.

use super::{Expression, Replacement};
use crate::unit::layers::{Layer, Layers, Node};
use crate::unit::value::Cx;

/// Which requests a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// Matches the decoded path.
    pub from: Expression,
    /// One of these methods, or any.
    pub methods: Vec<String>,
    /// This host in lower case, or any.
    pub host: Option<String>,
}

/// Every table of a section that is written several times, each alone.
pub(super) fn each<T>(
    layers: &Layers<'_>,
    section: &'static str,
    cx: &mut Cx<'_>,
    mut read: impl FnMut(Node<'_>, &Layers<'_>, &mut Cx<'_>) -> Option<T>,
) -> Vec<T> {
    let nodes = layers.node("", section).into_iter().flat_map(Node::items);
    let tables = nodes.filter_map(|node| Some((node, node.value.as_table()?)));
    tables.filter_map(|(node, table)| read(node, &Layers(vec![Layer::Sections(node.place.file, table)]), cx)).collect()
}

/// `from` and `to` of a rule; `None` if one of them is wrong, and reported. `name`: `[redirect]`.
pub(super) fn replacement(
    name: &'static str,
    (from, to): (String, String),
    parse: fn(&str, &Expression) -> Result<Replacement, String>,
    item: &Layers<'_>,
    cx: &mut Cx<'_>,
) -> Option<(Expression, Replacement)> {
    cx.key = (name, "from");
    let from = match item.node("", "from") {
        // The mistake is told: it is missing, or no string.
        None => return None,
        Some(node) if !node.value.is_str() => return None,
        Some(node) => cx.good(node.place, expression(&from))?,
    };
    cx.key = (name, "to");
    let node = item.node("", "to").filter(|node| node.value.is_str())?;
    Some((from.clone(), cx.good(node.place, parse(&to, &from))?))
}

fn expression(text: &str) -> Result<Expression, String> {
    if text.is_empty() {
        return Err("an empty expression matches every path; write \"^/\" if that is meant".into());
    }
    Expression::new(text).map_err(|why| format!("\"{text}\" is no regular expression: {why}"))
}

/// Warns of an expression that matches the empty text in any path: seldom what was meant.
pub(super) fn doubt(from: &Expression, item: &Layers<'_>, cx: &mut Cx<'_>) {
    const NOBODY: &[u8] = b"/\x01";
    if from.regex().is_match(b"") && from.regex().is_match(NOBODY) {
        let message = format!("[{}] from: \"{}\" matches every path; begin it with ^/", cx.key.0, from.as_str());
        cx.report.warning(item.place("", "from"), message);
    }
}
