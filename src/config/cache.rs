//! `[[cache]]`: how long files may be kept, by path. Never sends a field.

use std::time::Duration;

use crate::unit::layers::{Layer, Layers, Node};
use crate::unit::section::{Fields, Section, section};
use crate::unit::value::{Cx, Value};

use super::static_files::some_age;

section! {
    /// How long browsers and proxies may keep the files below a path, of `[static]` and of the `public` of a tenant. Of
    /// several rules the one with the longest path counts. It says nothing about the answers of tenants.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct CacheRule in "cache" [many] (fields) {
        /// What the path begins with, the prefix of `[static]` or of the tenant included, as it is: "/assets/" is all
        /// in that directory.
        path: String as beginning = fields.required("path", "write path = \"/assets/\"");
        /// How long ("365d", "1h"); "0s" is `max-age=0`. Default: no Cache-Control is sent.
        max_age: Option<Duration> as some_age = None;
        /// And they never ask again before that, even if the page is loaded anew; default false.
        immutable: bool = false;
    }
}

impl CacheRule {
    /// Reads every `[[cache]]`.
    pub(super) fn read_all(layers: &Layers<'_>, cx: &mut Cx<'_>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for node in layers.node("", Self::DOC.name).into_iter().flat_map(Node::items) {
            let Some(table) = node.value.as_table() else { continue };
            let item = Layers(vec![Layer::Sections(node.place.file, table)]);
            let rule = Self::read(&mut Fields::item("[cache]", node.place, &item, cx));
            if !rule.path.is_empty() && all.iter().any(|other| other.path == rule.path) {
                cx.key = ("[cache]", "path");
                let place = item.place("", "path");
                cx.error(place, format!("a second rule is for \"{}\"; leave one out", rule.path));
            }
            if rule.immutable && rule.max_age.is_none() {
                cx.key = ("[cache]", "immutable");
                cx.error(item.place("", "immutable"), "says nothing without max_age; write max_age = \"365d\"");
            }
            all.push(rule);
        }
        all
    }
}

fn beginning(node: Node<'_>, cx: &mut Cx<'_>) -> Option<String> {
    let text = String::read(node, cx)?;
    cx.good(node.place, check_beginning(&text))?;
    Some(text)
}

/// Whether a request's path may begin with this, written as in a request.
pub(crate) fn check_beginning(text: &str) -> Result<(), String> {
    let allowed = |b: u8| b.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&b);
    let good = text.starts_with('/') && !text.contains("//") && text.bytes().all(allowed);
    let why =
        || format!("no path begins with {text:?}; write one such as \"/assets/\", percent-encoded, without ? and #");
    good.then_some(()).ok_or_else(why)
}
