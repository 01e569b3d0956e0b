//! `[[variant]]`: another unit in the place of a tenant, for some of its clients. Never chooses.

use super::super::limit::token;
use super::each;
use super::pair::Pair;
use crate::unit::layers::{Layers, Node};
use crate::unit::section::{Fields, Section, section};
use crate::unit::value::{Cx, Value, between};
use crate::unit::{Name, Pattern};

section! {
    /// Another unit answers in the place of a tenant, for some of its clients (A/B, canary, beta). Path and prefix stay
    /// those of the tenant. Clients keep their side by a cookie; the log says variant=NAME. The first that takes a request
    /// counts.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Variant in "variant" [many] (fields) {
        /// Its name, for the log and the cookie.
        name: String as token = fields.required("name", "write name = \"beta\"");
        /// The tenants in whose place it answers, by name or pattern ("showcase@*").
        units: Vec<Pattern> = fields.required("units", "write units = [\"showcase@boston\"]");
        /// The unit that answers instead; %i is the tenant's instance ("beta@%i"). It needs a route of its own.
        to: String = fields.required("to", "write to = \"beta@boston\"");
        /// Percent of the clients, by address until they have the cookie; default: none but those below.
        share: Option<u8> as percent = None;
        /// A request with this cookie goes there: "beta=1", or "beta" for any value but "off". It is also the one that clients
        /// keep their side by. Default "variant-NAME=on".
        cookie: Option<Pair> as cookie = None;
        /// A request with this field goes there: "X-Beta: 1", or "X-Beta" for any value.
        header: Option<Pair> as header = None;
        /// A request with this query parameter goes there, and its client stays: "beta=1", or "beta" for any value.
        query: Option<Pair> as query = None;
    }
}

impl Variant {
    /// Reads every `[[variant]]`.
    pub(super) fn read_all(layers: &Layers<'_>, cx: &mut Cx<'_>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (at, item) in each(layers, Self::DOC.name) {
            let variant = Self::read(&mut Fields::item("[variant]", at, &item, cx));
            if !variant.name.is_empty() && all.iter().any(|other| other.name == variant.name) {
                let message =
                    format!("[[variant]] name: a second variant is called \"{}\"; give it another name", variant.name);
                cx.report.error(item.place("", "name"), message);
            }
            if !["share", "cookie", "header", "query"].iter().any(|key| item.node("", key).is_some()) {
                cx.report.error(at, "[[variant]] is for nobody; write share = 10, cookie, header or query");
            }
            all.push(variant);
        }
        all
    }

    /// The unit that answers in the place of `tenant`; `None` if that has no instance.
    pub fn stand_in(&self, tenant: &Name) -> Option<String> {
        match self.to.contains("%i") {
            true => Some(self.to.replace("%i", tenant.instance()?)),
            false => Some(self.to.clone()),
        }
    }

    /// Name of the cookie by which clients keep their side.
    pub fn cookie_name(&self) -> String {
        self.cookie.as_ref().map_or_else(|| format!("variant-{}", self.name), |pair| pair.name.clone())
    }

    /// Its value for those that the variant answers.
    pub fn cookie_value(&self) -> &str {
        self.cookie.as_ref().and_then(|pair| pair.value.as_deref()).unwrap_or("on")
    }
}

fn percent(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<u8>> {
    between(node, cx, 0, 100).and_then(|share| u8::try_from(share).ok()).map(Some)
}

fn cookie(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<Pair>> {
    pair(node, '=', cx)
}

fn header(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<Pair>> {
    pair(node, ':', cx)
}

fn query(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<Pair>> {
    pair(node, '=', cx)
}

fn pair(node: Node<'_>, between: char, cx: &mut Cx<'_>) -> Option<Option<Pair>> {
    let text = String::read(node, cx)?;
    cx.good(node.place, Pair::parse(&text, between)).map(Some)
}
