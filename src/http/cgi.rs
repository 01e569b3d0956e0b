//! CGI (RFC 3875) as values: the variables of a request, and the head of an answer. Never runs a script.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::control::is_tchar;
use super::fields::Line;
use super::framing::{Framing, Version};
use super::kind::Kind;
use super::put::{put, put_decimal, put_field};
use super::refusal::Refusal;
use super::reply::reason_phrase;
use super::request::RequestHead;

/// Most bytes of the fields that a script writes.
pub const MAX_CGI_HEAD: usize = 32 * 1024;

/// What a script is told beside the head of the request.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// SCRIPT_NAME: the script's own path, decoded.
    pub script_name: &'a str,
    /// PATH_INFO: what lies behind it.
    pub path_info: &'a str,
    /// Who asks, as far as trust goes.
    pub client: IpAddr,
    /// The client speaks TLS.
    pub https: bool,
    /// The connection is that of a proxy of ours: its words about the client are passed on.
    pub trusted: bool,
    /// The name whose password was right.
    pub user: Option<&'a str>,
    /// X-Request-Id.
    pub request_id: &'a str,
}

/// The variables of a request (RFC 3875 §4.1), `REQUEST_URI` beside them, which everybody knows.
///
/// Not among them: `PATH_TRANSLATED`, since there is no document root; `CONTENT_LENGTH` of a chunked body, which is known when
/// it is complete; Authorization, which is not the script's to see; Proxy, which libraries take for their proxy (httpoxy);
/// fields with `_` in their names, which would pass for those with `-`; and what ends at this hop.
pub fn cgi_variables(head: &RequestHead, call: &Call) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for line in head.fields.lines() {
        if let Some(name) = variable(head, &line, call.trusted) {
            let value = String::from_utf8_lossy(line.value);
            let joined = all.entry(name).or_insert_with(String::new);
            if !joined.is_empty() {
                let cookie = line.name.eq_ignore_ascii_case(b"cookie");
                joined.push_str(if cookie { "; " } else { ", " });
            }
            joined.push_str(&value);
        }
    }
    let (name, port) = server(head.host, call.https);
    let query = head.target.split_once('?').map_or("", |(_, query)| query);
    let protocol = if head.version == Version::Http10 { "HTTP/1.0" } else { "HTTP/1.1" };
    let software = concat!("tenantd/", env!("CARGO_PKG_VERSION"));
    let client = call.client.to_canonical().to_string();
    let mut set = |name: &str, value: &str| all.insert(name.to_owned(), value.to_owned());
    set("GATEWAY_INTERFACE", "CGI/1.1");
    set("SERVER_SOFTWARE", software);
    set("SERVER_PROTOCOL", protocol);
    set("SERVER_NAME", name);
    set("SERVER_PORT", port);
    set("REQUEST_METHOD", head.method);
    set("REQUEST_URI", head.target);
    set("SCRIPT_NAME", call.script_name);
    set("PATH_INFO", call.path_info);
    set("QUERY_STRING", query);
    set("REMOTE_ADDR", &client);
    set("REMOTE_HOST", &client);
    set("HTTP_X_REQUEST_ID", call.request_id);
    if call.https {
        set("HTTPS", "on");
    }
    if let Some(user) = call.user {
        set("AUTH_TYPE", "Basic");
        set("REMOTE_USER", user);
    }
    if let Framing::Length(length) = head.framing {
        set("CONTENT_LENGTH", &length.to_string());
    }
    if let Some(media) = head.fields.find("content-type") {
        set("CONTENT_TYPE", &String::from_utf8_lossy(media));
    }
    all
}

/// `HTTP_ACCEPT_LANGUAGE` for Accept-Language; `None` for a field that a script does not see.
fn variable(head: &RequestHead, line: &Line, trusted: bool) -> Option<String> {
    let passes = match Kind::of(line.name) {
        Kind::Plain | Kind::Date => !head.fields.ends_here(line.name),
        Kind::Protected => !line.name.eq_ignore_ascii_case(b"authorization"),
        Kind::Host | Kind::MaxForwards | Kind::TraceParent | Kind::TraceState => true,
        Kind::ForwardedFor | Kind::ForwardedProto | Kind::ForwardedHost | Kind::Forwarded => trusted,
        Kind::RealIp | Kind::RequestStart | Kind::Fleet => trusted,
        Kind::Hop | Kind::Length | Kind::Coding | Kind::Expect | Kind::Te | Kind::Trailer => false,
        Kind::RequestId | Kind::Accel => false,
    };
    let plain = line.name.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'-');
    if !passes || !plain || line.name.eq_ignore_ascii_case(b"content-type") {
        return None;
    }
    let name = line.name.iter().map(|&b| if b == b'-' { '_' } else { char::from(b.to_ascii_uppercase()) });
    Some("HTTP_".chars().chain(name).collect())
}

/// Name and port, as the client has addressed us.
fn server(host: &str, https: bool) -> (&str, &str) {
    let usual = if https { "443" } else { "80" };
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && !port.contains(']') => (name, port),
        _ if host.is_empty() => ("localhost", usual),
        _ => (host.strip_suffix(':').unwrap_or(host), usual),
    }
}

/// Reads the fields that a script writes before its body, and appends them to `out` as the head of an HTTP answer
/// (RFC 3875 §6): a body without Content-Length is said to be chunked. Lines end in LF or CRLF. Returns how many bytes they
/// were, with the empty line; `None`: more bytes are needed, and there are fewer than [`MAX_CGI_HEAD`].
///
/// A Location without a Status is a redirect (302), a local one too: the client follows it, tenantd does not.
pub fn cgi_answer(bytes: &[u8], out: &mut Vec<u8>) -> Result<Option<usize>, Refusal> {
    let Some(len) = end(&bytes[..bytes.len().min(MAX_CGI_HEAD)]) else {
        return if bytes.len() < MAX_CGI_HEAD { Ok(None) } else { Err(bad("its fields are too large")) };
    };
    if bytes.starts_with(b"HTTP/") {
        return Err(bad("it speaks HTTP itself (nph), which is not supported: write \"Status: 200 OK\" instead"));
    }
    let mut said = Said::default();
    let mut fields = Vec::new();
    for line in bytes[..len].split(|&b| b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)) {
        if !line.is_empty() {
            said.note(line, &mut fields)?;
        }
    }
    if said.media.is_none() && said.location.is_none() && said.status.is_none() {
        return Err(bad("it says no Content-Type"));
    }
    let redirect = if said.location.is_some() { 302 } else { 200 };
    let (status, reason) = said.status.unwrap_or((redirect, b""));
    out.extend_from_slice(b"HTTP/1.1 ");
    put_decimal(out, status.into());
    let reason = if reason.is_empty() { reason_phrase(status).as_bytes() } else { reason };
    put(out, [b" ", reason, b"\r\n", &fields]);
    if said.length.is_none() {
        put_field(out, "Transfer-Encoding", b"chunked");
    }
    out.extend_from_slice(b"\r\n");
    Ok(Some(len))
}

/// Where the first empty line ends.
fn end(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    for lf in memchr::memchr_iter(b'\n', bytes) {
        if matches!(&bytes[start..lf], b"" | b"\r") {
            return Some(lf + 1);
        }
        start = lf + 1;
    }
    None
}

/// What the fields of an answer say to us.
#[derive(Default)]
struct Said<'b> {
    status: Option<(u16, &'b [u8])>,
    media: Option<&'b [u8]>,
    location: Option<&'b [u8]>,
    length: Option<&'b [u8]>,
}

impl<'b> Said<'b> {
    /// One line. What goes on to the client is appended to `fields`.
    fn note(&mut self, line: &'b [u8], fields: &mut Vec<u8>) -> Result<(), Refusal> {
        let colon = memchr::memchr(b':', line).ok_or(bad("a line before the empty one is no field"))?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty() || !name.iter().all(|&b| is_tchar(b)) {
            return Err(bad("a field has no right name"));
        }
        if value.iter().any(|&b| b.is_ascii_control() && b != b'\t') {
            return Err(bad("the value of a field holds a control character"));
        }
        let once = match () {
            () if name.eq_ignore_ascii_case(b"status") => {
                let twice = self.status.replace(status(value)?).is_some();
                return if twice { Err(bad("it says Status twice")) } else { Ok(()) };
            }
            () if name.eq_ignore_ascii_case(b"content-type") => &mut self.media,
            () if name.eq_ignore_ascii_case(b"location") => &mut self.location,
            () if name.eq_ignore_ascii_case(b"content-length") => &mut self.length,
            () if matches!(Kind::of(name), Kind::Hop | Kind::Coding | Kind::Te | Kind::Trailer) => return Ok(()),
            () => &mut None,
        };
        if once.replace(value).is_some() {
            return Err(bad("it says Content-Type, Location or Content-Length twice"));
        }
        put(fields, [name, b": ", value, b"\r\n"]);
        Ok(())
    }
}

/// `404 Not Found`: a final status (1xx is not a script's to send), and its words.
fn status(value: &[u8]) -> Result<(u16, &[u8]), Refusal> {
    let (digits, reason) = value.split_at_checked(3).ok_or(bad("its Status is no number of three digits"))?;
    let number = digits.iter().all(u8::is_ascii_digit).then_some(digits).and_then(|digits| str::from_utf8(digits).ok());
    let number = number.and_then(|digits| digits.parse().ok()).filter(|number| (200..600).contains(number));
    match (number, reason) {
        (Some(number), [] | [b' ' | b'\t', ..]) => Ok((number, reason.trim_ascii())),
        _ => Err(bad("its Status is no number from 200 to 599")),
    }
}

const fn bad(reason: &'static str) -> Refusal {
    Refusal::new(502, reason)
}

#[cfg(test)]
mod tests;
