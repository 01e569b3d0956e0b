//! `[machine]`: who we are among several machines of the same kind.

use crate::unit::layers::Node;
use crate::unit::section::section;
use crate::unit::value::{Cx, Value};

section! {
    /// Who this machine is among several of the same kind, for `[[replay]]`, `[sticky]` and `[placement]`. On Fly.io nothing
    /// needs to be written.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Machine in "machine" (fields) {
        /// Its name, as the other machines call it; default: FLY_MACHINE_ID, else the host name.
        id: Option<String> as label = None;
        /// The region it is in ("ams"); default: FLY_REGION, else none.
        region: Option<String> as label = None;
        /// The app it belongs to; default: FLY_APP_NAME, else none.
        app: Option<String> as label = None;
    }
}

impl Machine {
    /// With what the environment and the machine's host name say where the file says nothing.
    pub(super) fn completed(mut self, own: &dyn Fn(&str) -> Option<String>, host: Option<String>) -> Self {
        let said = |name: &str| own(name).filter(|value| is_label(value));
        self.id = self.id.or_else(|| said("FLY_MACHINE_ID")).or(host.filter(|host| is_label(host)));
        self.region = self.region.or_else(|| said("FLY_REGION"));
        self.app = self.app.or_else(|| said("FLY_APP_NAME"));
        self
    }

    /// It is this machine's name.
    pub fn is(&self, id: &str) -> bool {
        self.id.as_deref() == Some(id)
    }
}

/// A name that fits into host names, cookies and JSON as it is: letters, digits, `-`, `_` and `.`, at most 63 bytes.
pub(super) fn is_label(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    !text.is_empty() && text.len() <= 63 && text.bytes().all(plain) && !text.starts_with(['.', '-'])
}

pub(super) fn label(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<String>> {
    some_label(node, cx).map(Some)
}

/// One such name.
pub(super) fn some_label(node: Node<'_>, cx: &mut Cx<'_>) -> Option<String> {
    let text = String::read(node, cx)?;
    let why = || format!("\"{text}\" is no name; use letters, digits and - _ . in at most 63 bytes");
    cx.good(node.place, is_label(&text).then_some(()).ok_or_else(why))?;
    Some(text)
}

/// Several, each once.
pub(super) fn labels(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<String>> {
    let all = Vec::<String>::read(node, cx)?;
    for (index, (text, item)) in all.iter().zip(node.items()).enumerate() {
        some_label(item, cx)?;
        if all[..index].contains(text) {
            cx.error(item.place, format!("\"{text}\" is listed twice; leave one out"));
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_believed_before_the_environment() {
        let fly = |name: &str| match name {
            "FLY_MACHINE_ID" => Some("e28".to_owned()),
            "FLY_REGION" => Some("ams".to_owned()),
            // Never in a host name.
            "FLY_APP_NAME" => Some("a/b".to_owned()),
            _ => None,
        };
        let written = Machine { id: None, region: Some("iad".into()), app: None };
        let expected = Machine { id: Some("e28".into()), region: Some("iad".into()), app: None };
        assert_eq!(written.completed(&fly, Some("host".into())), expected);
        let alone = Machine::default().completed(&|_| None, Some("host".into()));
        assert_eq!(alone, Machine { id: Some("host".into()), region: None, app: None });
    }

    #[test]
    fn labels() {
        for (text, good) in
            [("a", true), ("e28-6.x_1", true), ("", false), ("a b", false), ("-a", false), ("a/b", false)]
        {
            assert_eq!(is_label(text), good, "{text}");
        }
    }
}
