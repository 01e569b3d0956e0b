//! `[[rewrite]]`: paths that are served as others. Never judges a request.

use super::Replacement;
use super::limit::methods;
use super::rule::{self, When};
use crate::unit::layers::Layers;
use crate::unit::section::{Fields, Section, section};
use crate::unit::value::Cx;

section! {
    /// Serves a path as another one, which the client does not see. Each one that covers a request changes its path, in
    /// order, after all redirects and before all else; the rules that follow see the new path. `[auth]` judges the path
    /// that is asked for and the one that is served: a rewrite opens nothing.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct RewriteKeys in "rewrite" [many] (fields) {
        /// A regular expression over the decoded path, without the query. It matches anywhere unless it says ^ and $:
        /// "^/app/(.*)$".
        from: String = fields.required("from", "write from = \"^/app/(.*)$\"");
        /// What comes in the place of each match, the rest of the path stays: "/$1". $1 to $99 and ${name} are what a group of
        /// `from` has caught, $$ is a dollar. The query of the request goes along, after that of `to`; a `?` at the end drops it.
        to: String = fields.required("to", "write to = \"/new/$1\"");
        /// Methods; GET is also HEAD. Default: every method.
        methods: Vec<String> as methods = Vec::new();
    }
}

/// A rewrite that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// Its requests.
    pub when: When,
    /// As what they are served.
    pub to: Replacement,
}

impl Rewrite {
    /// Reads every `[[rewrite]]`. One with a mistake is reported, and left out.
    pub(super) fn read_all(layers: &Layers<'_>, cx: &mut Cx<'_>) -> Vec<Self> {
        rule::each(layers, RewriteKeys::DOC.name, cx, |node, item, cx| {
            let keys = RewriteKeys::read(&mut Fields::item("[rewrite]", node.place, item, cx));
            let (from, to) = rule::replacement("[rewrite]", (keys.from, keys.to), Replacement::here, item, cx)?;
            rule::doubt(&from, item, cx);
            Some(Self { when: When { from, methods: keys.methods, host: None }, to })
        })
    }
}
