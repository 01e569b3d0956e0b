//! Permission bits and file creation masks, in octal.

use toml::de::DeValue;

use super::layers::Node;
use super::value::Cx;

/// Permission bits: "0660", or 0o660.
pub(crate) fn mode(node: Node<'_>, cx: &mut Cx<'_>) -> Option<u32> {
    octal(node, cx, "permission bits", "0660")
}

/// A file creation mask: "0027", or 0o027.
pub(crate) fn umask(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<u32>> {
    octal(node, cx, "mask", "0027").map(Some)
}

fn octal(node: Node<'_>, cx: &mut Cx<'_>, what: &str, example: &str) -> Option<u32> {
    let digits = match node.value {
        DeValue::Integer(number) if number.radix() == 8 => number.as_str().into(),
        DeValue::Integer(number) => {
            cx.error(node.place, format!("{number} is decimal; write the {what} as \"0{}\"", number.as_str()));
            return None;
        }
        DeValue::String(_) => cx.text(node)?,
        _ => return cx.expected(node, &format!("{what} such as \"{example}\"")),
    };
    let bits = u32::from_str_radix(&digits, 8).ok().filter(|bits| *bits <= 0o777);
    let why = || format!("bad {what} \"{digits}\"; write three octal digits: \"{example}\"");
    cx.good(node.place, bits.ok_or_else(why))
}
