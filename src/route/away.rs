//! Where else a request is answered, how it gets there, and that it is not sent about in circles. Pure; whoever carries it
//! out is the forwarder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::Request;
use crate::config::{Fallback, Via};
use crate::http::{Framing, RETRY};

/// Fly's proxy replays no larger request (1 MiB, exclusive).
const LARGEST: u64 = 1 << 20;
/// What Fly's proxy says of a replay that it could not carry out.
const FAILED: &str = "fly-replay-failed";
/// The parameter of a redirect to another machine, with the time as hexadecimal seconds.
const MARK: &str = "tenantd_hop=";
/// A redirect of so many seconds ago says nothing any more: the address may be a bookmark.
const FRESH: u64 = 60;

/// Who answers instead.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// The app, if it is known.
    pub app: Option<String>,
    /// It is not ours.
    pub foreign: bool,
    /// A region, or several.
    pub region: Option<String>,
    /// A machine.
    pub machine: Option<String>,
    /// Another will do.
    pub prefer: bool,
    /// Status of the answer to Fly's proxy.
    pub status: u16,
    /// How long Fly's proxy tries.
    pub timeout: Option<Duration>,
    /// Who answers if the target does not.
    pub fallback: Option<Fallback>,
    /// Where it is for us, and for clients that are redirected: scheme and authority.
    pub address: Option<String>,
}

/// What is to be done with a request that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Away {
    /// Fly's proxy is asked to send it there.
    Replay(Arc<Target>),
    /// We send it there.
    Proxy(Arc<Target>),
    /// The client is told to ask there.
    Redirect(Arc<Target>),
    /// It went there and came back: nobody answers.
    Failed(Arc<Target>),
    /// Whoever sent it here believes that it is ours.
    Circle(Arc<Target>),
    /// It cannot be replayed, and there is no other way.
    Stuck(Arc<Target>),
}

impl Target {
    /// How a request gets there; `None`: it is answered here, since the target would do but is not needed.
    pub fn reach(target: &Arc<Self>, via: Via, request: &Request<'_>, query: Option<&str>) -> Option<Away> {
        // Who pretends to have been sent here by another machine is refused, and harms nobody but himself: the word of anybody
        // counts, so that no forgotten setting makes a circle.
        let way = if came_back(request, target.sign()) {
            Away::Failed
        } else if request.fields.find(crate::http::HOP).is_some() || has_mark(query, request.now) {
            Away::Circle
        } else {
            match via {
                Via::Replay if is_replayable(request) => Away::Replay,
                Via::Redirect => Away::Redirect,
                Via::Replay | Via::Proxy if target.address.is_some() => Away::Proxy,
                Via::Replay | Via::Proxy => Away::Stuck,
            }
        };
        match way(target.clone()) {
            Away::Failed(_) | Away::Circle(_) if target.prefer => None,
            away => Some(away),
        }
    }

    /// What the retry header says, so that a request may go to a region first and to one of its machines then.
    fn sign(&self) -> &'static str {
        if self.machine.is_some() { "machine" } else { "true" }
    }

    /// The instructions for Fly's proxy (`application/vnd.fly.replay+json`). What it answers to another app is its own
    /// business: no header is set for that.
    pub fn instructions(&self, authorization: Option<&[u8]>) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut part = |name: &str, value: &str| parts.push(format!("\"{name}\":{}", json!(value)));
        if let Some(app) = self.app.as_deref().filter(|_| self.foreign || self.machine.is_some()) {
            part("app", app);
        }
        match (&self.region, &self.machine) {
            (_, Some(machine)) => part(if self.prefer { "prefer_instance" } else { "instance" }, machine),
            (Some(region), None) if self.prefer => part("region", &format!("{region},any")),
            (Some(region), None) => part("region", region),
            (None, None) => {}
        }
        if let Some(timeout) = self.timeout {
            part("timeout", &span(timeout));
        }
        match self.fallback {
            Some(Fallback::ForceSelf) => part("fallback", "force_self"),
            Some(Fallback::PreferSelf) => part("fallback", "prefer_self"),
            Some(Fallback::Nobody) | None => {}
        }
        if !self.foreign {
            parts.push(format!("\"transform\":{{\"set_headers\":[{}]}}", self.set_headers(authorization)));
        }
        format!("{{{}}}", parts.join(","))
    }

    fn set_headers(&self, authorization: Option<&[u8]>) -> String {
        let header = |name: &str, value: &str| format!("{{\"name\":{},\"value\":{}}}", json!(name), json!(value));
        let retry = header("X-Navigator-Retry", self.sign());
        match authorization.and_then(|value| str::from_utf8(value).ok()) {
            Some(value) => format!("{retry},{}", header("Authorization", value)),
            None => retry,
        }
    }

    /// Where a client is sent: the same path there, marked, so that two machines that disagree do not send it to and fro.
    pub fn location(&self, path: &str, query: Option<&str>, now: u64) -> String {
        let address = self.address.as_deref().unwrap_or_default();
        let query = query.map_or(String::new(), |query| format!("{}&", unmarked(query)));
        let query = if query == "&" { "" } else { &query };
        format!("{address}{path}?{query}{MARK}{now:x}")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let app = self.app.as_deref().filter(|_| self.foreign);
        match (&self.machine, &self.region, app) {
            (Some(machine), _, _) => write!(f, "machine {machine}")?,
            (None, Some(region), _) => write!(f, "region {region}")?,
            (None, None, app) => return write!(f, "app {}", app.unwrap_or_default()),
        }
        app.map_or(Ok(()), |app| write!(f, " of app {app}"))
    }
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replay(target) => write!(f, "replay to {target}"),
            Self::Proxy(target) => write!(f, "sent to {target}"),
            Self::Redirect(target) => write!(f, "redirect to {target}"),
            Self::Failed(target) => write!(f, "replay to {target} failed: 503"),
            Self::Circle(target) => write!(f, "sent in circles, to {target}: 508"),
            Self::Stuck(target) => write!(f, "no way to {target}: 413"),
        }
    }
}

/// As Go writes it: Fly's proxy takes "30s" and "800ms".
fn span(span: Duration) -> String {
    match span.subsec_millis() {
        0 => format!("{}s", span.as_secs()),
        _ => format!("{}ms", span.as_millis()),
    }
}

/// Fly's proxy says that it has been there. Anyone else may say what he likes.
fn came_back(request: &Request<'_>, sign: &str) -> bool {
    request.trusted && (has_failed(request) || request.fields.find(RETRY) == Some(sign.as_bytes()))
}

/// Fly's proxy says that a replay of ours did not succeed.
pub fn has_failed(request: &Request<'_>) -> bool {
    request.trusted && request.fields.find(FAILED).is_some()
}

/// Upgrades are: they have no body. What has no length could be of any.
fn is_replayable(request: &Request<'_>) -> bool {
    match request.framing {
        Framing::None => true,
        Framing::Length(length) => length < LARGEST,
        Framing::Chunked | Framing::UntilClose => false,
    }
}

/// The client was sent here by another machine, just now.
fn has_mark(query: Option<&str>, now: u64) -> bool {
    let marks = query.unwrap_or_default().split('&').filter_map(|part| part.strip_prefix(MARK));
    let mut times = marks.filter_map(|mark| u64::from_str_radix(mark, 16).ok());
    times.any(|time| now.abs_diff(time) <= FRESH)
}

/// A query without the mark; itself if it has none.
fn unmarked(query: &str) -> String {
    query.split('&').filter(|part| !part.starts_with(MARK)).collect::<Vec<_>>().join("&")
}

/// A target without the mark; `None` if it has none, as almost all.
pub(super) fn without_mark(path: &str, query: Option<&str>) -> Option<String> {
    let query = query.filter(|query| query.contains(MARK))?;
    let rest = unmarked(query);
    Some(if rest.is_empty() { path.to_owned() } else { format!("{path}?{rest}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::RequestHead;

    fn away(target: &Arc<Target>, via: Via, trusted: bool, head: &str) -> Option<Away> {
        let bytes = format!("{head}\r\nHost: x\r\n\r\n");
        let head = RequestHead::parse(bytes.as_bytes()).unwrap().unwrap();
        let request = Request { trusted, now: 1000, ..Request::of(&head) };
        Target::reach(target, via, &request, head.target.split_once('?').map(|(_, query)| query))
    }

    #[test]
    fn instructions_are_what_flys_proxy_is_told() {
        let region = Target {
            region: Some("ams".into()),
            timeout: Some(Duration::from_secs(30)),
            fallback: Some(Fallback::ForceSelf),
            ..Target::default()
        };
        let transform = r#""transform":{"set_headers":[{"name":"X-Navigator-Retry","value":"true"}]}"#;
        let machine = r#""transform":{"set_headers":[{"name":"X-Navigator-Retry","value":"machine"}]}"#;
        let app = |name: &str| Some(name.to_owned());
        for (target, expected) in [
            (region.clone(), format!(r#"{{"region":"ams","timeout":"30s","fallback":"force_self",{transform}}}"#)),
            (
                Target { app: app("own"), ..region.clone() },
                format!(r#"{{"region":"ams","timeout":"30s","fallback":"force_self",{transform}}}"#),
            ),
            (Target { app: app("pdf"), foreign: true, ..Target::default() }, r#"{"app":"pdf"}"#.to_owned()),
            (
                Target {
                    app: app("pdf"),
                    foreign: true,
                    region: app("ams"),
                    timeout: Some(Duration::from_millis(800)),
                    ..Target::default()
                },
                r#"{"app":"pdf","region":"ams","timeout":"800ms"}"#.to_owned(),
            ),
            (
                Target { app: app("own"), machine: app("e28"), region: None, ..region.clone() },
                format!(r#"{{"app":"own","instance":"e28","timeout":"30s","fallback":"force_self",{machine}}}"#),
            ),
            (
                Target { machine: app("e28"), prefer: true, ..Target::default() },
                format!(r#"{{"prefer_instance":"e28",{machine}}}"#),
            ),
            (
                Target { region: app("ams"), prefer: true, ..Target::default() },
                format!(r#"{{"region":"ams,any",{transform}}}"#),
            ),
        ] {
            assert_eq!(target.instructions(None), expected);
        }
        let kept = region.instructions(Some(br#"Basic "x""#));
        let fields = r#"{"name":"X-Navigator-Retry","value":"true"},{"name":"Authorization","value":"Basic \"x\""}]}}"#;
        assert!(kept.ends_with(fields), "{kept}");
    }

    #[test]
    fn a_request_goes_once() {
        let target =
            Arc::new(Target { region: Some("ams".into()), address: Some("http://t".into()), ..Target::default() });
        let t = || target.clone();
        use Via::{Proxy, Redirect, Replay};
        for (via, trusted, head, expected) in [
            (Replay, true, "GET / HTTP/1.1", Away::Replay(t())),
            (Replay, true, "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket", Away::Replay(t())),
            (Replay, true, "POST / HTTP/1.1\r\nContent-Length: 1048575", Away::Replay(t())),
            (Replay, true, "POST / HTTP/1.1\r\nContent-Length: 1048576", Away::Proxy(t())),
            (Replay, true, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked", Away::Proxy(t())),
            (Proxy, true, "GET / HTTP/1.1", Away::Proxy(t())),
            (Redirect, true, "GET / HTTP/1.1", Away::Redirect(t())),
            // What Fly's proxy says is believed of it alone.
            (Replay, true, "GET / HTTP/1.1\r\nFly-Replay-Failed: x", Away::Failed(t())),
            (Replay, false, "GET / HTTP/1.1\r\nFly-Replay-Failed: x", Away::Replay(t())),
            (Replay, true, "GET / HTTP/1.1\r\nX-Navigator-Retry: true", Away::Failed(t())),
            (Replay, false, "GET / HTTP/1.1\r\nX-Navigator-Retry: true", Away::Replay(t())),
            // Another hop of the same journey.
            (Replay, true, "GET / HTTP/1.1\r\nX-Navigator-Retry: machine", Away::Replay(t())),
            (Proxy, false, "GET / HTTP/1.1\r\nX-Tenantd-Hop: one", Away::Circle(t())),
            (Redirect, false, "GET /?a&tenantd_hop=3c0 HTTP/1.1", Away::Circle(t())),
            (Redirect, false, "GET /?tenantd_hop=3 HTTP/1.1", Away::Redirect(t())),
            (Redirect, false, "GET /?tenantd_hop= HTTP/1.1", Away::Redirect(t())),
        ] {
            assert_eq!(away(&target, via, trusted, head), Some(expected), "{via:?} {trusted} {head}");
        }
        let lost = Arc::new(Target { address: None, ..(*target).clone() });
        assert_eq!(
            away(&lost, Replay, true, "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked"),
            Some(Away::Stuck(lost.clone()))
        );
        let soft = Arc::new(Target { prefer: true, ..(*target).clone() });
        assert_eq!(away(&soft, Replay, true, "GET / HTTP/1.1"), Some(Away::Replay(soft.clone())));
        assert_eq!(away(&soft, Replay, true, "GET / HTTP/1.1\r\nX-Navigator-Retry: true"), None);
    }

    #[test]
    fn a_mark_comes_and_goes() {
        let target = Target { address: Some("http://two:3000".into()), ..Target::default() };
        for (path, query, there) in [
            ("/a", None, "http://two:3000/a?tenantd_hop=ff"),
            ("/a", Some(""), "http://two:3000/a?tenantd_hop=ff"),
            ("/a", Some("b=1"), "http://two:3000/a?b=1&tenantd_hop=ff"),
            ("/a", Some("b=1&tenantd_hop=1&c"), "http://two:3000/a?b=1&c&tenantd_hop=ff"),
        ] {
            assert_eq!(target.location(path, query, 255), there);
        }
        assert_eq!(without_mark("/a", None), None);
        assert_eq!(without_mark("/a", Some("b=1")), None);
        assert_eq!(without_mark("/a", Some("b&tenantd_hop=1")).as_deref(), Some("/a?b"));
        assert_eq!(without_mark("/a", Some("tenantd_hop=1")).as_deref(), Some("/a"));
    }
}
