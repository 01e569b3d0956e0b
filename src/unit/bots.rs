//! What a robot gets, of the front door or of a tenant. Never knows one.

use super::Kind;
use super::layers::Node;
use super::value::{Cx, Optional, Value};

/// What a robot gets that says so in its User-Agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BotAction {
    /// What everybody gets; nobody is looked at.
    #[default]
    Off,
    /// 403.
    Reject,
    /// What everybody gets.
    Ignore,
    /// Files; 403 in the place of a tenant, a script or a proxy.
    StaticOnly,
}

impl BotAction {
    const WORDS: [(&'static str, Self); 4] =
        [("off", Self::Off), ("reject", Self::Reject), ("ignore", Self::Ignore), ("static-only", Self::StaticOnly)];
}

impl Optional for BotAction {}

impl Value for BotAction {
    const KIND: Kind = Kind::Words(&["off", "reject", "ignore", "static-only"]);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.one_of(node, &Self::WORDS)
    }
}
