//! What is fuzzed, as plain functions of bytes that panic on a finding. The programs of `../bins` and the integration
//! tests, which replay `../corpus`, share them.

mod chunked;
mod exchange;
mod heads;
mod preload;
mod round_trip;
pub mod strict;

pub use chunked::chunked;
pub use exchange::exchange;
pub use heads::{proxy_protocol, request_head, response_head};
pub use preload::preload;
pub use round_trip::{answer, round_trip};

/// A target by the name of its program.
pub fn target(name: &str) -> Option<fn(&[u8])> {
    Some(match name {
        "request_head" => request_head,
        "response_head" => response_head,
        "chunked" => chunked,
        "proxy_protocol" => proxy_protocol,
        "preload" => preload,
        "round_trip" => round_trip,
        "answer" => answer,
        "exchange" => exchange,
        _ => return None,
    })
}

/// For messages of panics.
pub fn shown(bytes: &[u8]) -> String {
    let most = &bytes[..bytes.len().min(2000)];
    format!("\"{}\"", most.escape_ascii())
}
