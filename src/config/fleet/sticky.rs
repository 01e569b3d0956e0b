//! `[sticky]`: clients that stay with the machine that answered them first. Reads the file of its secret, nothing else.

use std::path::PathBuf;
use std::time::Duration;

use super::super::limit::token;
use super::super::patterns;
use super::machine::labels;
use super::secret::Secret;
use super::way::{self, Via, target};
use crate::unit::Kind;
use crate::unit::layers::{Layers, Node};
use crate::unit::section::{Fields, Section, section};
use crate::unit::source::reason;
use crate::unit::value::{Cx, Value, check_variable, positive};

section! {
    /// Clients stay with the machine that answered them first: it gives them a signed cookie with its name, and a request
    /// that comes to another machine goes there. For requests to tenants; files, redirects and the like are answered
    /// anywhere. If Fly.io says that the machine is gone, or `machines` does not list it, the cookie is renewed here.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct StickyKeys in "sticky" (fields) {
        /// Name of the cookie; default "tenantd_machine".
        name: String as token = "tenantd_machine".to_owned();
        /// How long browsers keep it; default 24 h.
        max_age: Duration as positive = Duration::from_secs(24 * 3600);
        /// Browsers send it over TLS only; default true.
        secure: bool = true;
        /// Scripts cannot read it; default true.
        http_only: bool = true;
        /// Whether it is sent with requests from other sites: "lax" (the default), "strict" or "none".
        same_site: SameSite = SameSite::Lax;
        /// Path below which browsers send it; default "/".
        path: String as cookie_path = "/".to_owned();
        /// Paths that it is for, `*` is any text ("/showcase/*"). Default: every path.
        paths: Vec<String> as patterns = Vec::new();
        /// File with the key that signs it, the same on every machine, at least 16 bytes. Default: none, see `secret_env`.
        secret_file: Option<PathBuf> = None;
        /// Environment variable of tenantd that has the key, if no file has; default "STICKY_SECRET".
        secret_env: Option<String> as variable = None;
        /// How a request gets to its machine: "replay" (Fly.io, the default), "proxy" or "redirect".
        via: Via = Via::Replay;
        /// Address of a machine: "http://${machine}.internal:3000". Needed by "proxy" and "redirect".
        target: Option<String> as target = None;
        /// All machines, for "proxy" and "redirect": no others are ever reached. With "replay" those to which requests go that
        /// cannot be replayed.
        machines: Vec<String> as labels = Vec::new();
    }
}

/// A `[sticky]` and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sticky {
    /// As it was written.
    pub keys: StickyKeys,
    /// `None`: it could not be read, which was told. Then no cookie is believed, and none is set.
    pub secret: Option<Secret>,
}

impl Sticky {
    pub(super) fn read(layers: &Layers<'_>, own: &dyn Fn(&str) -> Option<String>, cx: &mut Cx<'_>) -> Self {
        let keys = StickyKeys::read(&mut Fields::new::<StickyKeys>(layers, cx));
        let secret = read_secret(&keys, layers, own, cx);
        check(&keys, layers, cx);
        Self { keys, secret }
    }

    /// Address of a machine that is known.
    pub fn address(&self, machine: &str) -> Option<String> {
        let known = self.keys.machines.iter().any(|known| known == machine);
        self.keys.target.as_ref().filter(|_| known).map(|target| way::address(target, machine))
    }
}

/// The variable that has the key where nothing else is said.
const SECRET: &str = "STICKY_SECRET";

/// Where the configuration is only checked (`docker build`) the key may well be missing: that is a doubt, no mistake.
fn read_secret(
    keys: &StickyKeys,
    layers: &Layers<'_>,
    own: &dyn Fn(&str) -> Option<String>,
    cx: &mut Cx<'_>,
) -> Option<Secret> {
    let (key, read) = match (&keys.secret_file, &keys.secret_env) {
        (Some(_), Some(_)) => {
            let message = "[sticky] has secret_file and secret_env; leave one out";
            cx.report.error(layers.narrowed("sticky").place("", "secret_env"), message);
            return None;
        }
        (Some(file), None) => {
            let read = std::fs::read_to_string(file).map_err(|error| reason(&error));
            ("secret_file", read.map_err(|why| format!("cannot read {}: {why}", file.display())))
        }
        (None, name) => {
            let name = name.as_deref().unwrap_or(SECRET);
            ("secret_env", own(name).ok_or_else(|| format!("{name} is not set")))
        }
    };
    let place = layers.place("sticky", key);
    let text = read.map_err(|why| {
        cx.report
            .warning(place, format!("[sticky] {key}: {why}; clients do not stay with a machine until it can be read"));
    });
    let secret = Secret::new(&text.ok()?);
    cx.key = ("[sticky]", key);
    cx.good(place, secret.map_err(|why| format!("this is no secret: {why}")))
}

fn check(keys: &StickyKeys, layers: &Layers<'_>, cx: &mut Cx<'_>) {
    let place = layers.place("sticky", "via");
    let word = match keys.via {
        Via::Replay => return,
        Via::Proxy => "proxy",
        Via::Redirect => "redirect",
    };
    if keys.target.is_none() {
        let message = "[sticky] has no target; write target = \"http://${machine}.internal:3000\"";
        cx.report.error(place, message);
    }
    if keys.machines.is_empty() {
        cx.report
            .error(place, format!("[sticky] via: \"{word}\" needs all machines; write machines = [\"one\", \"two\"]"));
    }
}

/// When browsers send a cookie with requests from other sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// With links.
    Lax,
    /// Never.
    Strict,
    /// Always.
    None,
}

impl SameSite {
    /// As the cookie says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::Strict => "Strict",
            Self::None => "None",
        }
    }
}

impl Value for SameSite {
    const KIND: Kind = Kind::Words(&["lax", "strict", "none"]);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.one_of(node, &[("lax", Self::Lax), ("strict", Self::Strict), ("none", Self::None)])
    }
}

fn variable(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<String>> {
    let name = String::read(node, cx)?;
    cx.good(node.place, check_variable(&name))?;
    Some(Some(name))
}

fn cookie_path(node: Node<'_>, cx: &mut Cx<'_>) -> Option<String> {
    let text = String::read(node, cx)?;
    let good = text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic() && b != b';');
    let why = || format!("\"{text}\" is no path of a cookie; begin it with /, without ; and spaces");
    cx.good(node.place, good.then_some(()).ok_or_else(why))?;
    Some(text)
}
