//! `[[limit]]`: how many requests there may be, of whom and to what. Never counts one.

use std::time::Duration;

use crate::unit::layers::{Layer, Layers, Node};
use crate::unit::route::path;
use crate::unit::section::{Fields, Section, section};
use crate::unit::value::{Cx, Value, positive};
use crate::unit::{Kind, Pattern};

section! {
    /// How many requests a client or a tenant may send; beyond it 429 with Retry-After and RateLimit fields, which costs the
    /// tenant nothing. A request counts for every limit that covers it, and all of them have to let it pass. Each limit
    /// remembers 65,536 clients: the rest share one bucket.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct RequestLimit in "limit" [many] (fields) {
        /// Its name, for the RateLimit fields and the log.
        name: String as token = fields.required("name", "write name = \"login\"");
        /// How many requests in what time, in the long run; "10/s", "600/m" or "1000/h".
        rate: Rate = fields.required("rate", "write rate = \"10/s\"");
        /// How many requests may come at once after a pause; default: the number of `rate`.
        burst: u32 as positive = rate.count;
        /// Whose requests are counted together: those of a client (the address that asks, behind trusted proxies; of IPv6
        /// its /64), or those to a tenant. Default: client.
        by: By = By::Client;
        /// Path prefix of whole segments, of the path as the client sends it or of what follows the tenant's route; `/login`
        /// is also `/login.json`, however it is encoded. Default: every path.
        path: String as path = String::new();
        /// Methods; GET is also HEAD. Default: every method.
        methods: Vec<String> as methods = Vec::new();
        /// Tenants, by name or pattern ("showcase@*"). Default: every tenant.
        units: Vec<Pattern> = Vec::new();
    }
}

impl RequestLimit {
    /// Reads every `[[limit]]`. Two of one name could not be told apart.
    pub(super) fn read_all(layers: &Layers<'_>, cx: &mut Cx<'_>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for node in layers.node("", Self::DOC.name).into_iter().flat_map(Node::items) {
            let Some(table) = node.value.as_table() else { continue };
            let item = Layers(vec![Layer::Sections(node.place.file, table)]);
            let limit = Self::read(&mut Fields::item("[limit]", node.place, &item, cx));
            if !limit.name.is_empty() && all.iter().any(|other| other.name == limit.name) {
                cx.key = ("[limit]", "name");
                let place = item.place("", "name");
                cx.error(place, format!("a second limit is called \"{}\"; give it another name", limit.name));
            }
            all.push(limit);
        }
        all
    }
}

/// So many requests in such a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rate {
    /// Requests; at least 1.
    pub count: u32,
    /// A second, a minute or an hour.
    pub per: Duration,
}

impl Rate {
    fn parse(text: &str) -> Option<Self> {
        let (count, per) = text.split_once('/')?;
        let per = match per {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        let digits = count.bytes().all(|b| b.is_ascii_digit());
        let count = count.parse().ok().filter(|count| digits && *count > 0)?;
        Some(Self { count, per: Duration::from_secs(per) })
    }
}

impl Value for Rate {
    const KIND: Kind = Kind::Rate;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node)?;
        let why = || {
            format!("\"{text}\" is no rate; write a number of requests and a time: \"10/s\", \"600/m\" or \"1000/h\"")
        };
        cx.good(node.place, Self::parse(&text).ok_or_else(why))
    }
}

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Those of one address.
    Client,
    /// Those to one tenant.
    Tenant,
}

impl Value for By {
    const KIND: Kind = Kind::Words(&["client", "tenant"]);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.one_of(node, &[("client", Self::Client), ("tenant", Self::Tenant)])
    }
}

impl Value for Pattern {
    const KIND: Kind = Kind::Text;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.text(node).map(|text| Self::new(&text))
    }
}

/// RFC 9110 §5.6.2: what needs no escape in a field.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

pub(super) fn token(node: Node<'_>, cx: &mut Cx<'_>) -> Option<String> {
    const MOST: usize = 64;
    let text = String::read(node, cx)?;
    let good = is_token(&text) && text.len() <= MOST;
    cx.good(
        node.place,
        good.then_some(()).ok_or_else(|| format!("\"{text}\" is no name; write one such as \"login\"")),
    )?;
    Some(text)
}

pub(super) fn methods(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<String>> {
    let all = Vec::<String>::read(node, cx)?;
    for (method, item) in all.iter().zip(node.items()) {
        if !is_token(method) || method.bytes().any(|b| b.is_ascii_lowercase()) {
            let right = method.to_ascii_uppercase();
            let right = if is_token(&right) { right } else { "POST".to_owned() };
            cx.error(item.place, format!("\"{method}\" is no method; write \"{right}\""));
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        for (text, count, seconds) in [("10/s", 10, 1), ("600/m", 600, 60), ("1000/h", 1000, 3600), ("1/h", 1, 3600)] {
            assert_eq!(Rate::parse(text), Some(Rate { count, per: Duration::from_secs(seconds) }), "{text}");
        }
        for wrong in ["", "10", "/s", "0/s", "+1/s", "-1/s", "1.5/s", "10/d", "10/sec", "10 / s", "4294967296/s"] {
            assert_eq!(Rate::parse(wrong), None, "{wrong}");
        }
    }
}
