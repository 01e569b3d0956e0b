//! What a trusted proxy says about a request: who asks, and what it is called.

use std::net::{IpAddr, SocketAddr};

use super::fields::Fields;
use super::kind::Kind;

/// The address of the client behind `peer`, a trusted proxy: X-Forwarded-For is walked from its right end, where each proxy
/// wrote whom it had before it, as far as those are trusted too. What is no address ends the walk.
pub fn client_address(fields: &Fields, peer: IpAddr, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let lines = || fields.lines().filter(|line| Kind::of(line.name) == Kind::ForwardedFor);
    let mut client = peer;
    for index in (0..lines().count()).rev() {
        let Some(line) = lines().nth(index) else { break };
        for hop in line.value.rsplit(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()) {
            let Some(address) = parse(hop) else { return client };
            client = address;
            if !trusted(client) {
                return client;
            }
        }
    }
    client
}

/// Longest X-Request-Id that is kept.
const MAX_ID: usize = 128;

/// The X-Request-Id, if it is fit for logs, pages and other people's programs: 1 to 128 letters, digits and `-._~=+/:@`.
pub fn request_id<'b>(fields: &Fields<'b>) -> Option<&'b [u8]> {
    let id = fields.find("x-request-id")?;
    let fit =
        (1..=MAX_ID).contains(&id.len()) && id.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~=+/:@".contains(b));
    fit.then_some(id)
}

/// An address, as some proxies write it with its port, or in brackets.
fn parse(hop: &[u8]) -> Option<IpAddr> {
    let hop = str::from_utf8(hop).ok()?;
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().or_else(|_| hop.parse().map(|address: SocketAddr| address.ip()));
    address.ok().map(|address| address.to_canonical())
}
