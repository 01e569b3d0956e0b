//! Whose word counts: what a trusted proxy says about a request, and who may speak the PROXY protocol.

use std::net::IpAddr;

use super::exchange::Exchange;
use crate::config::Http;
use crate::http::{self, RequestHead};

impl Exchange {
    /// Takes a trusted proxy's word for who asks, and for the request's id.
    pub(super) fn believe(&mut self, head: &RequestHead<'_>, limits: &Http) {
        self.client = http::client_address(&head.fields, self.client, |address| limits.trusts(address));
        if let Some(id) = http::request_id(&head.fields) {
            id.clone_into(&mut self.id);
        }
    }
}

/// Anyone could say anything in a PROXY header: a stranger's connection is closed. Said once.
pub(super) fn distrust(said: &mut bool, peer: IpAddr) {
    if !std::mem::replace(said, true) {
        log::warn!("{peer} is closed out of listen_proxy_protocol; if it is your balancer, add it to trusted_proxies");
    }
}
