//! Whose word counts: what a trusted proxy says about a request, and who may speak the PROXY protocol.

use std::net::IpAddr;
use std::time::Duration;

use super::Shared;
use super::exchange::Exchange;
use crate::config::Http;
use crate::http::{self, RequestHead};

/// Longer than proxies keep idle connections, but for those that do it for ever.
const KEEP_ALIVE_OF_PROXIES: Duration = Duration::from_secs(300);

impl Shared {
    /// Longest time between two requests. A proxy of ours may send one while we close: it keeps its own time.
    pub(super) fn keep_alive(&self, trusted: bool) -> Duration {
        let least = if trusted { KEEP_ALIVE_OF_PROXIES } else { Duration::ZERO };
        self.limits.timeout_keep_alive.max(least)
    }
}

impl Exchange {
    /// Takes a trusted proxy's word for who asks. Returns its word for the request's id.
    pub(super) fn believe<'b>(&mut self, head: &RequestHead<'b>, limits: &Http) -> Option<&'b [u8]> {
        self.client = http::client_address(&head.fields, self.client, |address| limits.trusts(address));
        http::request_id(&head.fields)
    }
}

/// Anyone could say anything in a PROXY header: a stranger's connection is closed. Said once.
pub(super) fn distrust(said: &mut bool, peer: IpAddr) {
    if !std::mem::replace(said, true) {
        log::warn!("{peer} is closed out of listen_proxy_protocol; if it is your balancer, add it to trusted_proxies");
    }
}
