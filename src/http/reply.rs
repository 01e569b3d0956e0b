//! Our own answers, complete with their body: health, refusals, waiting and failing tenants. No clock here.

use super::date::Date;
use super::fields::{lines_of, names};
use super::framing::Version;
use super::maintenance;
use super::put::{put, put_connection, put_decimal, put_field, put_line};

/// An answer of ours.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// 200 … 599.
    pub status: u16,
    /// Version of the request.
    pub version: Version,
    /// The connection is kept.
    pub keep_alive: bool,
    /// The request was a HEAD: the head says what a GET would get, no body follows.
    pub head_only: bool,
    /// Unix seconds, for Date.
    pub now: u64,
    /// Retry-After in seconds (503, 429).
    pub retry_after: Option<u32>,
    /// RateLimit-Policy and RateLimit (429).
    pub quota: Option<Quota<'a>>,
    /// Allow (405): `GET, HEAD`.
    pub allow: Option<&'a str>,
    /// Returned as X-Request-Id; empty: not sent.
    pub request_id: &'a str,
    /// Field lines of ours, each with its CRLF.
    pub added: &'a [u8],
    /// The body.
    pub content: Content<'a>,
}

/// A rate that was exceeded, as clients understand it (draft-ietf-httpapi-ratelimit-headers-10).
#[derive(Debug, Clone, Copy)]
pub struct Quota<'a> {
    /// Its name, a token (RFC 9110 §5.6.2): it needs no escape between quotes.
    pub name: &'a str,
    /// Requests that may come in a window.
    pub count: u32,
    /// The window in seconds.
    pub window: u64,
    /// Seconds until there is room for one.
    pub reset: u32,
}

/// The body of an answer of ours.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// As it is.
    As {
        /// Content-Type: `text/plain; charset=utf-8`.
        content_type: &'a str,
        /// The body.
        body: &'a str,
    },
    /// A page about the status, in the format that the client likes best.
    Page {
        /// One sentence for people, without markup: `the tenant did not start in time`.
        detail: &'a str,
        /// The request's Accept field.
        accept: Option<&'a [u8]>,
    },
    /// A page for people who wait for a boot; it asks again by itself.
    Starting,
    /// The maintenance page, which nobody keeps.
    Maintenance {
        /// A file with its Content-Type; else our own words, in the format that the client likes best.
        page: Option<(&'a str, &'a [u8])>,
        /// The request's Accept field.
        accept: Option<&'a [u8]>,
        /// Our page asks again by itself after `retry_after`.
        again: bool,
    },
}

/// Seconds after which the page of [`Content::Starting`] asks again.
pub const REFRESH: u32 = 2;

/// Appends the whole answer.
pub fn reply(out: &mut Vec<u8>, r: &Reply) {
    match r.content {
        Content::As { content_type, body } => put_reply(out, r, content_type, body.as_bytes()),
        Content::Page { detail, accept } => {
            let format = Format::of(accept);
            put_reply(out, r, format.content_type(), format.page(r, detail).as_bytes());
        }
        Content::Starting => put_reply(out, r, Format::Html.content_type(), starting(r).as_bytes()),
        Content::Maintenance { page: Some((content_type, body)), .. } => put_reply(out, r, content_type, body),
        Content::Maintenance { page: None, accept, again } => {
            let format = Format::of(accept);
            let body = match format {
                Format::Html => maintenance::page(r.retry_after.filter(|_| again), r.request_id),
                Format::Json | Format::Text => format.page(r, maintenance::DETAIL),
            };
            put_reply(out, r, format.content_type(), body.as_bytes());
        }
    }
}

/// The client prefers a page for people to a line of text.
pub fn wants_html(accept: Option<&[u8]>) -> bool {
    Format::of(accept) == Format::Html
}

/// The client takes a page for people: it prefers one, or says nothing of formats.
pub fn takes_page(accept: Option<&[u8]>) -> bool {
    matches!(Format::named(accept), Some(Format::Html) | None)
}

/// The reason phrase of a status (RFC 9110 §15, RFC 6585); empty for one that we do not know.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

fn put_reply(out: &mut Vec<u8>, r: &Reply, content_type: &str, body: &[u8]) {
    out.reserve(body.len() + 512);
    out.extend_from_slice(b"HTTP/1.1 ");
    put_decimal(out, r.status.into());
    put(out, [b" ", reason_phrase(r.status).as_bytes(), b"\r\n"]);
    let begin = out.len();
    put_field(out, "Date", Date::new(r.now).text());
    if !matches!(r.status, 204 | 304) {
        put_field(out, "Content-Type", content_type.as_bytes());
        out.extend_from_slice(b"Content-Length: ");
        put_decimal(out, body.len() as u64);
        out.extend_from_slice(b"\r\n");
    }
    if matches!(r.content, Content::Maintenance { .. }) {
        put_field(out, "Cache-Control", b"no-cache, no-store, must-revalidate");
    } else if r.status >= 400 {
        put_field(out, "Cache-Control", b"no-store");
    }
    if let Some(seconds) = r.retry_after {
        out.extend_from_slice(b"Retry-After: ");
        put_decimal(out, seconds.into());
        out.extend_from_slice(b"\r\n");
    }
    if let Some(quota) = r.quota {
        put_quota(out, quota);
    }
    if let Some(allow) = r.allow {
        put_field(out, "Allow", allow.as_bytes());
    }
    if !r.request_id.is_empty() {
        put_field(out, "X-Request-Id", r.request_id.as_bytes());
    }
    put_missing(out, begin, r.added);
    put_connection(out, r.version, !r.keep_alive);
    out.extend_from_slice(b"\r\n");
    if !r.head_only && !matches!(r.status, 204 | 304) {
        out.extend_from_slice(body);
    }
}

/// Those fields that we have not said ourselves.
fn put_missing(out: &mut Vec<u8>, begin: usize, added: &[u8]) {
    let end = out.len();
    for line in lines_of(added).filter(|line| !line.value.is_empty()) {
        if !names(&out[begin..end], line.name) {
            put_line(out, &line);
        }
    }
}

fn put_quota(out: &mut Vec<u8>, Quota { name, count, window, reset }: Quota<'_>) {
    let name = name.as_bytes();
    put(out, [b"RateLimit-Policy: \"", name, b"\";q="]);
    put_decimal(out, count.into());
    out.extend_from_slice(b";w=");
    put_decimal(out, window);
    put(out, [b"\r\nRateLimit: \"", name, b"\";r=0;t="]);
    put_decimal(out, reset.into());
    out.extend_from_slice(b"\r\n");
}

/// Formats of an error page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Html,
    Json,
    Text,
}

impl Format {
    /// The first media range of Accept that we can serve; text for the rest, and for curl's `*/*`.
    fn of(accept: Option<&[u8]>) -> Format {
        Self::named(accept).unwrap_or(Format::Text)
    }

    fn named(accept: Option<&[u8]>) -> Option<Format> {
        let ranges = accept.unwrap_or_default().split(|&b| b == b',');
        ranges.map(|range| range.split(|&b| b == b';').next().unwrap_or_default().trim_ascii()).find_map(|range| {
            match range {
                _ if range.eq_ignore_ascii_case(b"text/html") => Some(Format::Html),
                _ if range.eq_ignore_ascii_case(b"application/json") => Some(Format::Json),
                _ if range.eq_ignore_ascii_case(b"text/plain") => Some(Format::Text),
                _ => None,
            }
        })
    }

    fn content_type(self) -> &'static str {
        match self {
            Format::Html => "text/html; charset=utf-8",
            Format::Json => "application/json",
            Format::Text => "text/plain; charset=utf-8",
        }
    }

    fn page(self, r: &Reply, detail: &str) -> String {
        let (status, title) = (r.status, reason_phrase(r.status));
        match self {
            Format::Html => html(r, "", title, detail),
            Format::Json => {
                let error =
                    serde_json::json!({"status": status, "error": title, "detail": detail, "request_id": r.request_id});
                format!("{error}\n")
            }
            Format::Text => format!("{status} {title}: {detail}\n"),
        }
    }
}

/// Without a script, and with the browser's own clock: it works wherever a page does.
fn starting(r: &Reply) -> String {
    let head = format!(
        "<meta http-equiv=refresh content={REFRESH}><style>h1::before{{content:\"\";display:inline-block;width:.6em;height:.6em;\
         margin-right:.5em;border:.12em solid #8884;border-top-color:#48c;border-radius:50%;animation:turn 1s linear infinite}}\
         @keyframes turn{{to{{transform:rotate(1turn)}}}}@media(prefers-reduced-motion){{h1::before{{animation:none}}}}</style>"
    );
    let detail = "This application was asleep. It will be here in a moment; the page loads by itself.";
    html(r, &head, "Starting", detail)
}

/// `head`: more of its head, in markup.
fn html(r: &Reply, head: &str, title: &str, detail: &str) -> String {
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>{title}</title>{head}\
         <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem;color:#333;background:#fff}}\
         small{{color:#888}}@media(prefers-color-scheme:dark){{body{{color:#ddd;background:#111}}}}</style><h1>{title}</h1><p>"
    );
    escape(&mut page, detail);
    page.push_str("</p><p><small>");
    page.push_str(&r.status.to_string());
    if !r.request_id.is_empty() {
        page.push_str(" · ");
        escape(&mut page, r.request_id);
    }
    page.push_str("</small></p></html>\n");
    page
}

pub(super) fn escape(page: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '&' => page.push_str("&amp;"),
            '"' => page.push_str("&quot;"),
            _ => page.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: Reply = Reply {
        status: 503,
        version: Version::Http11,
        keep_alive: true,
        head_only: false,
        now: 784_111_777,
        retry_after: None,
        quota: None,
        allow: None,
        request_id: "",
        added: b"",
        content: Content::Page { detail: "wait a moment", accept: None },
    };

    fn sent(r: &Reply) -> String {
        let mut out = Vec::new();
        reply(&mut out, r);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_reply_is_complete() {
        let ok = Content::As { content_type: "text/plain", body: "OK\n" };
        assert_eq!(
            sent(&Reply { status: 200, content: ok, ..REPLY }),
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nOK\n"
        );
        let full = Reply { retry_after: Some(5), allow: Some("GET"), request_id: "i", keep_alive: false, ..REPLY };
        assert_eq!(
            sent(&full),
            "HTTP/1.1 503 Service Unavailable\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Length: 39\r\nCache-Control: no-store\r\nRetry-After: 5\r\nAllow: GET\r\nX-Request-Id: i\r\nConnection: close\r\n\r\n\
             503 Service Unavailable: wait a moment\n"
        );
        let quota = Quota { name: "login", count: 10, window: 60, reset: 6 };
        let fields = "RateLimit-Policy: \"login\";q=10;w=60\r\nRateLimit: \"login\";r=0;t=6\r\n";
        assert!(sent(&Reply { status: 429, quota: Some(quota), ..full }).contains(fields));
        let head = sent(&Reply { head_only: true, ..full });
        assert!(sent(&full).starts_with(&head) && head.ends_with("\r\n\r\n"));
        assert!(sent(&Reply { version: Version::Http10, ..REPLY }).contains("Connection: keep-alive\r\n"));
        let empty = sent(&Reply { status: 204, ..REPLY });
        assert!(!empty.contains("Content-") && empty.ends_with("\r\n\r\n"));
    }

    #[test]
    fn the_page_is_what_the_client_accepts() {
        for (accept, format) in [
            (None, Format::Text),
            (Some("*/*"), Format::Text),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), Format::Html),
            (Some("image/avif , TEXT/HTML ;q=0.9"), Format::Html),
            (Some("application/json, text/html"), Format::Json),
            (Some("text/plain, text/html"), Format::Text),
            (Some(""), Format::Text),
        ] {
            assert_eq!(Format::of(accept.map(str::as_bytes)), format, "{accept:?}");
            assert_eq!(wants_html(accept.map(str::as_bytes)), format == Format::Html);
        }
    }

    #[test]
    fn the_page_of_a_boot_asks_again_and_nobody_keeps_it() {
        let page = sent(&Reply { content: Content::Starting, retry_after: Some(2), ..REPLY });
        let (head, body) = page.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("Content-Type: text/html; charset=utf-8\r\n"));
        assert!(head.contains("Retry-After: 2") && head.contains("Cache-Control: no-store"), "{head}");
        assert!(body.contains("<meta http-equiv=refresh content=2>") && !body.contains("<script"), "{body}");
        assert_eq!(body.matches("<style>").count(), body.matches("</style>").count());
    }

    #[test]
    fn nothing_breaks_out_of_a_page() {
        let page = |accept: &'static str| {
            let content = Content::Page { detail: "<b> \"&\"", accept: Some(accept.as_bytes()) };
            let all = sent(&Reply { content, request_id: "i", ..REPLY });
            let (head, body) = all.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
            body.to_owned()
        };
        assert!(page("text/html").contains("<p>&lt;b&gt; &quot;&amp;&quot;</p>"));
        let json: serde_json::Value = serde_json::from_str(&page("application/json")).unwrap();
        assert_eq!((&json["status"], &json["detail"]), (&503.into(), &"<b> \"&\"".into()));
    }
}
