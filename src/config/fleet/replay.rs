//! `[[replay]]`: requests that another region, app or machine of Fly.io answers. Never judges a request.

use std::time::Duration;

use super::super::Expression;
use super::super::limit::methods;
use super::machine::{is_label, label};
use super::{At, each};
use crate::unit::Kind;
use crate::unit::layers::{Layers, Node};
use crate::unit::route::path;
use crate::unit::section::{Fields, Section, section};
use crate::unit::value::{Cx, Value, between, positive};

section! {
    /// Requests that another region, app or machine answers, by Fly.io's fly-replay: Fly's proxy is asked to send the
    /// request there. The first that covers a request counts, after rewrites. Where the target is this machine the request
    /// stays here. What cannot be replayed (a body of 1 MiB or more, or of unknown length) is sent to the target by tenantd
    /// itself, over Fly's private network. Fly's proxy must be in `trusted_proxies`, so that its word that a replay failed
    /// is believed.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ReplayKeys in "replay" [many] (fields) {
        /// Path prefix of whole segments ("/showcase/regions/ams"); "/" is every path. Either this or `pattern`.
        path: Option<String> as some_path = None;
        /// Regular expression on the path (RE2 syntax, ASCII, unanchored: begin it with ^).
        pattern: Option<Expression> as expression = None;
        /// Another app of the organisation. Default: this one.
        app: Option<String> as label = None;
        /// Its region, or several in order ("ams,iad").
        region: Option<String> as regions = None;
        /// One machine, by its id. Not together with `region`.
        machine: Option<String> as label = None;
        /// Another machine will do if that one, or that region, does not answer, this one too. Default false: the request goes
        /// there or fails. A request whose `fly-prefer-region` names our region then stays here.
        prefer: bool = false;
        /// Status of the answer to Fly's proxy; default 307.
        status: u16 as replay_status = 307;
        /// Methods; GET is also HEAD. Default: every method.
        methods: Vec<String> as methods = Vec::new();
        /// How long Fly's proxy tries; default 30 s, and for other apps what Fly.io thinks right.
        timeout: Option<Duration> as span = None;
        /// Who answers if the target does not: this machine, with the maintenance page and a line in the log ("force_self"), it
        /// or another of this app ("prefer_self"), or Fly's proxy itself ("none"). Default "force_self", for other apps "none".
        fallback: Option<Fallback> as fallback = None;
        /// Port of the target on Fly's private network, for what cannot be replayed; default: that of `[http]` listen.
        port: Option<u16> as port = None;
    }
}

/// A `[[replay]]` that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// As it was written.
    pub keys: ReplayKeys,
}

/// Who answers if the target does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// The machine that asked for the replay.
    ForceSelf,
    /// It, or another of its app.
    PreferSelf,
    /// Fly's proxy.
    Nobody,
}

impl Value for Fallback {
    const KIND: Kind = Kind::Words(&["force_self", "prefer_self", "none"]);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let words = [("force_self", Self::ForceSelf), ("prefer_self", Self::PreferSelf), ("none", Self::Nobody)];
        cx.one_of(node, &words)
    }
}

impl Replay {
    /// Reads every `[[replay]]`. One with a mistake is reported, and left out.
    pub(super) fn read_all(layers: &Layers<'_>, cx: &mut Cx<'_>) -> Vec<Self> {
        let mut all = Vec::new();
        for (at, item) in each(layers, ReplayKeys::DOC.name) {
            let keys = ReplayKeys::read(&mut Fields::item("[replay]", at, &item, cx));
            if complete(&item, at, cx) {
                all.push(Self { keys });
            }
        }
        all
    }
}

/// An absent pattern would match everything, and an absent target nothing.
fn complete(item: &Layers<'_>, at: At, cx: &mut Cx<'_>) -> bool {
    let has = |key| item.node("", key).is_some();
    let problem = match (has("path"), has("pattern")) {
        (true, true) => Some((item.place("", "pattern"), "has path and pattern; leave one out")),
        (false, false) => Some((at, "has neither path nor pattern; write path = \"/\" if all is meant")),
        _ if has("region") && has("machine") => {
            Some((item.place("", "machine"), "has region and machine; a machine is in one region: leave region out"))
        }
        _ if !(has("app") || has("region") || has("machine")) => Some((at, "has no target; write region = \"ams\"")),
        _ => None,
    };
    if let Some((place, words)) = problem {
        cx.report.error(place, format!("[[replay]] {words}"));
    }
    problem.is_none()
}

fn some_path(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<String>> {
    path(node, cx).map(Some)
}

fn expression(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<Expression>> {
    Expression::read(node, cx).map(Some)
}

fn span(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<Duration>> {
    positive(node, cx).map(Some)
}

fn fallback(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<Fallback>> {
    Fallback::read(node, cx).map(Some)
}

/// Fly's proxy takes any status; below 200 and 304 there is no body, which is what it reads.
fn replay_status(node: Node<'_>, cx: &mut Cx<'_>) -> Option<u16> {
    let status = between(node, cx, 200, 599).and_then(|status| u16::try_from(status).ok())?;
    if matches!(status, 204 | 205 | 304) {
        cx.error(node.place, format!("an answer of {status} has no body, which is what Fly's proxy reads; write 307"));
        return None;
    }
    Some(status)
}

fn port(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<u16>> {
    between(node, cx, 1, 65_535).and_then(|port| u16::try_from(port).ok()).map(Some)
}

/// One region or several, as Fly's proxy takes them.
fn regions(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<String>> {
    let text = String::read(node, cx)?;
    let good = text.split(',').all(|region| is_label(region) && !region.contains('.'));
    let why = || format!("\"{text}\" is no region; write \"ams\", or several in order: \"ams,iad\"");
    cx.good(node.place, good.then_some(()).ok_or_else(why))?;
    Some(Some(text))
}

impl Value for u16 {
    const KIND: Kind = Kind::Between(0, 65_535);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        between(node, cx, 0, 65_535).and_then(|number| u16::try_from(number).ok())
    }
}
