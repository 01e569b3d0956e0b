//! `[[redirect]]`: paths that are at another address. Never judges a request.

use super::Replacement;
use super::limit::methods;
use super::rule::{self, When};
use crate::unit::layers::{Layers, Node};
use crate::unit::route::host;
use crate::unit::section::{Fields, Section, section};
use crate::unit::value::{Cx, between};

section! {
    /// Sends clients to another address. The first that covers a request answers it; a browser that is sent away pays one
    /// more request, and the application none. Behind `[auth]`, before rewrites and all else.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct RedirectKeys in "redirect" [many] (fields) {
        /// A regular expression over the decoded path, without the query. It matches anywhere unless it says ^ and $:
        /// "^/old/(.*)$".
        from: String = fields.required("from", "write from = \"^/old/(.*)$\"");
        /// What comes in the place of each match, the rest of the path stays: "/new/$1". $1 to $99 and ${name} are what a group
        /// of `from` has caught, $$ is a dollar. A path of this host, or a whole address: `https://example.com/$1`. The query of
        /// the request goes along, behind that of `to`; a `?` at the end drops it.
        to: String = fields.required("to", "write to = \"/new/$1\"");
        /// 301 and 308 are for ever (browsers remember them), 302 and 307 for now; with 307 and 308 a POST stays a POST.
        /// Default 302.
        status: u16 as moved = 302;
        /// Methods; GET is also HEAD. Default: every method.
        methods: Vec<String> as methods = Vec::new();
        /// Host name without port, if the redirect is for one only. Default: every host.
        host: Option<String> as host = None;
    }
}

/// A redirect that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// Its requests.
    pub when: When,
    /// Where they are sent.
    pub to: Replacement,
    /// 301, 302, 307 or 308.
    pub status: u16,
}

impl Redirect {
    /// Reads every `[[redirect]]`. One with a mistake is reported, and left out.
    pub(super) fn read_all(layers: &Layers<'_>, cx: &mut Cx<'_>) -> Vec<Self> {
        rule::each(layers, RedirectKeys::DOC.name, cx, |node, item, cx| {
            let keys = RedirectKeys::read(&mut Fields::item("[redirect]", node.place, item, cx));
            let (from, to) = rule::replacement("[redirect]", (keys.from, keys.to), Replacement::anywhere, item, cx)?;
            if keys.host.is_none() && to.origin.is_empty() {
                rule::doubt(&from, item, cx);
            }
            let when = When { from, methods: keys.methods, host: keys.host };
            Some(Self { when, to, status: keys.status })
        })
    }
}

/// A status that sends a client elsewhere.
fn moved(node: Node<'_>, cx: &mut Cx<'_>) -> Option<u16> {
    let status = between(node, cx, 301, 308)?;
    let known = u16::try_from(status).ok().filter(|status| matches!(status, 301 | 302 | 307 | 308));
    cx.good(node.place, known.ok_or_else(|| format!("{status} redirects nobody; write 301, 302, 307 or 308")))
}
