//! Permission bits in octal.

use toml::de::DeValue;

use super::layers::Node;
use super::value::Cx;

/// Permission bits: "0660", or 0o660.
pub(crate) fn mode(node: Node<'_>, cx: &mut Cx<'_>) -> Option<u32> {
    let digits = match node.value {
        DeValue::Integer(number) if number.radix() == 8 => number.as_str().into(),
        DeValue::Integer(number) => {
            cx.error(node.place, format!("{number} is decimal; write the permission bits as \"0{}\"", number.as_str()));
            return None;
        }
        DeValue::String(_) => cx.text(node)?,
        _ => return cx.expected(node, "permission bits such as \"0660\""),
    };
    let bits = u32::from_str_radix(&digits, 8).ok().filter(|bits| *bits <= 0o777);
    let why = || format!("bad permission bits \"{digits}\"; write three octal digits: \"0660\"");
    cx.good(node.place, bits.ok_or_else(why))
}
