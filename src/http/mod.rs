//! HTTP/1.1 as values (RFC 9110, RFC 9112): bytes in, values out. Never a socket, never a clock.

mod body;
mod cgi;
mod chunked;
mod control;
mod date;
mod deliver;
mod extent;
mod fields;
pub mod file;
mod forward;
mod framing;
mod host;
mod kind;
mod maintenance;
mod path;
mod proxy_protocol;
mod put;
mod refusal;
mod reply;
mod request;
mod response;
mod target;
#[cfg(test)]
mod tests;
mod trace;
mod trusted;

pub use body::Body;
pub use cgi::{Call, MAX_CGI_HEAD, cgi_answer, cgi_variables};
pub use chunked::Malformed;
pub use date::Date;
pub use deliver::{Delivery, To, forward_response};
pub use extent::{MAX_FIELDS, MAX_LINE};
pub use fields::{Field, Fields};
pub use forward::{Elsewhere, Hop, forward_request, replace_host};
pub use framing::{Framing, Version};
pub use kind::{HOP, RETRY};
pub use path::Path;
pub use proxy_protocol::Preamble;
pub use refusal::Refusal;
pub use reply::{Content, Quota, REFRESH, Reply, reason_phrase, reply, takes_page, wants_html};
pub use request::{MAX_HEAD, RequestHead};
pub use response::{MAX_RESPONSE_HEAD, ResponseHead};
pub use trusted::{client_address, request_id};
