//! Tables and properties over the whole of `http`: what is refused, what passes, and that splits change nothing.

mod bodies;
mod forwarding;
mod responses;
mod smuggling;
mod splits;

use super::{Hop, RequestHead};

/// A complete, accepted head.
fn head(bytes: &[u8]) -> RequestHead<'_> {
    match RequestHead::parse(bytes) {
        Ok(Some(head)) => head,
        other => panic!("{other:?} for {:?}", bytes.escape_ascii().to_string()),
    }
}

/// A hop with fixed words.
fn hop(trusted: bool) -> Hop<'static> {
    let client = std::net::IpAddr::from([192, 0, 2, 7]);
    Hop { client, https: false, request_id: "id-1", start_ms: 1_700_000_000_123, trusted, sends_files: false }
}
