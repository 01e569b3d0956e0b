//! HTTP/1.1 as values (RFC 9110, RFC 9112): bytes in, values out. Never a socket, never a clock.

mod body;
mod framing;
mod head;

pub use body::{Body, Malformed};
pub use framing::{Framing, Version};
pub use head::{Field, Fields, MAX_FIELDS, MAX_HEAD, Refusal, RequestHead, ResponseHead};
