//! `[health]`: what probes are told without a tenant, or which tenant tells them. Never asks one.

use crate::unit::Name;
use crate::unit::layers::Node;
use crate::unit::section::section;
use crate::unit::value::{Cx, Value, between};

use super::path;

section! {
    /// The health check that needs no tenant. Nobody needs a password for it, it comes before every other rule, and it
    /// is no activity of any tenant.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Health in "health" (fields) {
        /// Exact path of the liveness check: tenantd itself answers `status` as long as it runs; default `/up`.
        path: String as path = "/up".to_owned();
        /// Exact path of the readiness check ("/ready"): 503 until all that `wanted_by` "boot" and "ready" names has
        /// been started or, if it is a oneshot, has ended, and from SIGTERM on; else `status`. Whoever shifts traffic
        /// (kamal-proxy, Fly.io) should ask this one. The same as `path` makes that one path the readiness check.
        /// Default: none.
        ready: Option<String> as some_path = None;
        /// Status of a good answer, 200 to 599; default 200.
        status: u32 as status = 200;
        /// Body of a good answer; default "OK\n".
        body: String = "OK\n".to_owned();
        /// Content-Type of `body`; default "text/plain; charset=utf-8".
        content_type: String as content_type = "text/plain; charset=utf-8".to_owned();
        /// A tenant ("showcase@index") that answers `path` in our place, as it is: without a password, and it is
        /// started for it, and kept up by it. While tenantd is not ready, and `ready` is the same path, it is not
        /// asked. Default: none.
        unit: Option<Name> = None;
    }
}

fn some_path(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<String>> {
    path(node, cx).map(Some)
}

fn status(node: Node<'_>, cx: &mut Cx<'_>) -> Option<u32> {
    between(node, cx, 200, 599).and_then(|status| u32::try_from(status).ok())
}

/// The value of a field (RFC 9110 §5.5), in ASCII.
fn content_type(node: Node<'_>, cx: &mut Cx<'_>) -> Option<String> {
    let text = String::read(node, cx)?;
    cx.good(node.place, check_media_type(&text))?;
    Some(text)
}

/// Whether Content-Type can say this.
pub(crate) fn check_media_type(text: &str) -> Result<(), String> {
    let good = text.contains('/') && text.bytes().all(|b| matches!(b, b' '..=b'~'));
    let why = || format!("{text:?} is no media type; write one such as \"text/plain\" or \"application/json\"");
    good.then_some(()).ok_or_else(why)
}
