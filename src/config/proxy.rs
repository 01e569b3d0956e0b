//! `[[proxy]]`: requests that other servers answer. Knows no socket; reads `ca_file`, so that a mistake in it is told at load.

use std::path::PathBuf;
use std::time::Duration;

use super::destination::Destination;
use super::expression::Expression;
use super::limit::{is_token, methods, token};
use super::template::FieldTemplate;
use crate::unit::Kind;
use crate::unit::layers::{Layer, Layers, Node};
use crate::unit::report::Place;
use crate::unit::route::path;
use crate::unit::section::{Fields, Section, section};
use crate::unit::value::{Cx, Value, positive};

section! {
    /// Requests that another server answers: an API of its own, a cable server, another host. The first `[[proxy]]` that
    /// matches is used, after redirects and before files and tenants; it starts no tenant. The client's query is kept,
    /// OPTIONS goes to the target too, and X-Forwarded-For, -Proto and -Host, Via and X-Request-Id are told as to a
    /// tenant. A target that cannot be reached is 502, one that is late 504.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ProxyKeys in "proxy" [many] (fields) {
        /// Its name, for the log.
        name: String as token = fields.required("name", "write name = \"api\"");
        /// Path prefix of whole segments ("/api"); "/" is every path. Either this or `pattern`.
        path: Option<String> as some_path = None;
        /// Regular expression on the path (RE2 syntax, ASCII, unanchored: begin it with ^). What its groups catch can be put
        /// into the path of the target.
        pattern: Option<Expression> as expression = None;
        /// Methods; GET is also HEAD. Default: every method.
        methods: Vec<String> as methods = Vec::new();
        /// Where to: "http://host:port/path", "https://host/path", "unix:/run/api.sock" or "unix:/run/api.sock:/path". With
        /// `path` the request's path follows the target's. With `pattern` and $1 … $99 or ${name} in the target's path that is
        /// the whole path; never in the host. Names are looked up again every 30 s while they are used.
        target: Option<String> as url = None;
        /// Several targets in its place, in turns; one that cannot be reached, or fails its health check, is left out for a
        /// while. All have the same path.
        targets: Vec<String> as urls = Vec::new();
        /// What the path loses before it is put behind the target's: true for all of `path`, or a prefix ("/api").
        /// Default false.
        strip: Strip = Strip::Nothing;
        /// Fields of the request that are set, in the place of the client's: `{ "X-Api-Key" = "secret", "X-Site" = "$host" }`.
        /// $host, $scheme and $remote_addr are the client's, $$ is a dollar; an empty value takes the field away.
        headers: Vec<(String, FieldTemplate)> as request_fields = Vec::new();
        /// Fields of the answer that are set, in the place of the target's; an empty value takes the field away. If
        /// Access-Control-Allow-Origin is among them, CORS preflights are answered with them (204), without the target.
        response_headers: Vec<(String, String)> as answer_fields = Vec::new();
        /// WebSockets pass; default true. Otherwise the target sees an ordinary request.
        websocket: bool = true;
        /// Authorization is passed on. Default: only if every target is on this machine (a unix socket, localhost,
        /// 127.0.0.0/8, `[::1]`), so that passwords for us are not told to others. One of `headers` is always sent.
        authorization: Option<bool> as choice = None;
        /// Host is the client's. Default: it is the target's, and X-Forwarded-Host the client's.
        preserve_host: bool = false;
        /// Each target is asked for this path every `health_interval`; two failures (no 2xx or 3xx in `timeout_connect`) take it
        /// out, one success brings it back. Default: none, only requests tell.
        health_path: Option<String> as health_path = None;
        /// How often; default 10 s.
        health_interval: Duration as positive = Duration::from_secs(10);
        /// Longest time until a connection stands, name and TLS included; default 5 s. Then the next target, and at last 504.
        timeout_connect: Duration as positive = Duration::from_secs(5);
        /// Longest time until the head of the answer once the request is sent; default 30 s. Then 504.
        timeout_response: Duration as positive = Duration::from_secs(30);
        /// Longest time without a byte in a body or a WebSocket; default: `timeout_body` and `timeout_tunnel` of `[http]`.
        timeout_idle: Option<Duration> as span = None;
        /// Most requests at once, open WebSockets not counted; default 256. Beyond it 503 with Retry-After.
        connections: usize as positive = 256;
        /// Certificates (PEM) of the authorities that are believed for https, in the place of the public ones.
        ca_file: Option<Authorities> as authorities = None;
    }
}

/// One `[[proxy]]`, as it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// As it was written.
    pub keys: ProxyKeys,
    /// Which paths.
    pub paths: Paths,
    /// One or more; they differ in whom to connect to.
    pub targets: Vec<Destination>,
}

/// Which paths a `[[proxy]]` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paths {
    /// Those below a prefix of whole segments; empty is every path.
    Below(String),
    /// Those that match.
    Matching(Expression),
}

/// What a path loses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strip {
    /// Nothing.
    Nothing,
    /// The whole of `path`.
    Path,
    /// A prefix of whole segments.
    Prefix(String),
}

/// Certificates of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorities {
    /// The file.
    pub path: PathBuf,
    /// DER of each.
    pub certificates: Vec<Vec<u8>>,
}

impl Remote {
    /// Reads every `[[proxy]]`.
    pub(super) fn read_all(layers: &Layers<'_>, cx: &mut Cx<'_>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for node in layers.node("", ProxyKeys::DOC.name).into_iter().flat_map(Node::items) {
            let Some(table) = node.value.as_table() else { continue };
            let item = Layers(vec![Layer::Sections(node.place.file, table)]);
            let keys = ProxyKeys::read(&mut Fields::item("[proxy]", node.place, &item, cx));
            if !keys.name.is_empty() && all.iter().any(|other| other.keys.name == keys.name) {
                cx.key = ("[proxy]", "name");
                let message = format!("a second proxy is called \"{}\"; give it another name", keys.name);
                cx.error(item.place("", "name"), message);
            }
            all.extend(Self::complete(keys, &item, node.place, cx));
        }
        all
    }

    /// What its keys say together; `None` if that is wrong, and reported.
    fn complete(keys: ProxyKeys, item: &Layers<'_>, at: Place, cx: &mut Cx<'_>) -> Option<Self> {
        let has = |key| item.node("", key).is_some();
        let one_of = |a, b, cx: &mut Cx<'_>| {
            let place = if has(b) { item.place("", b) } else { at };
            match (has(a), has(b)) {
                (true, true) => cx.report.error(place, format!("[[proxy]] has {a} and {b}; leave one out")),
                (false, false) => cx.report.error(place, format!("[[proxy]] has neither {a} nor {b}; write one")),
                _ => {}
            }
            has(a) != has(b)
        };
        let sound = one_of("path", "pattern", cx) & one_of("target", "targets", cx);
        let paths = match (&keys.path, &keys.pattern) {
            _ if !sound => return None,
            (Some(path), _) => Paths::Below(path.clone()),
            (None, Some(pattern)) => Paths::Matching(pattern.clone()),
            (None, None) => return None,
        };
        let targets = targets(&keys, item, cx)?;
        let remote = Self { keys, paths, targets };
        remote.check_strip(item, cx);
        Some(remote)
    }

    /// Nothing is stripped from a path that is made of captures, nor from one without a prefix.
    fn check_strip(&self, item: &Layers<'_>, cx: &mut Cx<'_>) {
        let captures = self.targets.iter().any(|target| !target.path.is_plain());
        let why = match (&self.keys.strip, &self.paths) {
            (Strip::Nothing, _) => return,
            _ if captures => "the target's captures are the whole path already; leave it out",
            (Strip::Path, Paths::Matching(_)) => "there is no path; write the prefix, or put a capture into the target",
            (Strip::Path | Strip::Prefix(_), _) => return,
        };
        cx.key = ("[proxy]", "strip");
        cx.error(item.place("", "strip"), why);
    }

    /// Authorization goes to its targets.
    pub fn passes_authorization(&self) -> bool {
        self.keys.authorization.unwrap_or_else(|| self.targets.iter().all(Destination::is_own))
    }

    /// CORS preflights are answered here.
    pub fn answers_preflights(&self) -> bool {
        let mut fields = self.keys.response_headers.iter();
        fields.any(|(name, value)| name.eq_ignore_ascii_case("access-control-allow-origin") && !value.is_empty())
    }
}

/// Most targets of one proxy.
const MOST: usize = 64;

/// All targets, one path for all of them.
fn targets(keys: &ProxyKeys, item: &Layers<'_>, cx: &mut Cx<'_>) -> Option<Vec<Destination>> {
    let pattern = keys.pattern.as_ref().map(Expression::regex);
    let (key, urls) = match &keys.target {
        Some(url) => ("target", std::slice::from_ref(url)),
        None => ("targets", keys.targets.as_slice()),
    };
    cx.key = ("[proxy]", key);
    if urls.is_empty() {
        cx.error(item.place("", key), "nobody would answer; write [\"http://host:port\"]");
        return None;
    }
    if urls.len() > MOST {
        cx.error(item.place("", key), format!("more than {MOST} targets; write fewer"));
        return None;
    }
    let mut all: Vec<Destination> = Vec::new();
    for (index, url) in urls.iter().enumerate() {
        let place = item.item_place("", key, index);
        let target = cx.good(place, Destination::parse(url, pattern))?;
        if all.iter().any(|other| other.endpoint == target.endpoint) {
            cx.error(place, format!("\"{url}\" is listed twice; leave one out"));
            return None;
        }
        if all.first().is_some_and(|first| first.path != target.path) {
            cx.error(place, "another path than that of the first target; give all of them the same");
            return None;
        }
        all.push(target);
    }
    Some(all)
}

/// Fields that frame, route or end at a hop: nobody but the forwarder says them.
const OURS: [&str; 14] = [
    "connection",
    "content-length",
    "date",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Checks the name and the value of a field.
fn check_field(name: &str, value: &str) -> Result<(), String> {
    if !is_token(name) || name.contains('_') {
        return Err(format!("\"{name}\" is no name of a field; use letters, digits and -"));
    }
    if name.eq_ignore_ascii_case("host") {
        return Err("Host is the target's; write preserve_host = true for the client's".into());
    }
    if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
        return Err(format!("{name} belongs to the connection; it cannot be set: leave it out"));
    }
    if value.contains(|c: char| c.is_control() && c != '\t') {
        return Err(format!("the value of {name} is one line of text; leave line breaks and control characters out"));
    }
    Ok(())
}

/// Names and values of fields, each in order.
fn fields<T>(node: Node<'_>, cx: &mut Cx<'_>, value: impl Fn(String) -> Result<T, String>) -> Option<Vec<(String, T)>> {
    if !node.value.is_table() {
        return cx.expected(node, "a table ({ \"X-Name\" = \"value\" })");
    }
    let mut all: Vec<(String, T)> = Vec::new();
    for (name, place, written) in node.entries() {
        let text = String::read(written, cx)?;
        cx.good(place, check_field(name, &text))?;
        if all.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            cx.error(place, format!("{name} is set twice; leave one out"));
        }
        all.push((name.to_owned(), cx.good(written.place, value(text))?));
    }
    Some(all)
}

fn request_fields(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<(String, FieldTemplate)>> {
    fields(node, cx, |text| FieldTemplate::parse(&text))
}

fn answer_fields(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<(String, String)>> {
    fields(node, cx, Ok)
}

fn some_path(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<String>> {
    path(node, cx).map(Some)
}

fn expression(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<Expression>> {
    Expression::read(node, cx).map(Some)
}

fn url(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<String>> {
    String::read(node, cx).map(Some)
}

fn urls(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<String>> {
    Vec::read(node, cx)
}

fn choice(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<bool>> {
    bool::read(node, cx).map(Some)
}

fn span(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<Duration>> {
    positive(node, cx).map(Some)
}

/// What a health check asks for: a path, with a query perhaps.
fn health_path(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<String>> {
    let text = String::read(node, cx)?;
    let good = text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    let why = || format!("\"{text}\" is no path; write one such as \"/up\"");
    cx.good(node.place, good.then_some(()).ok_or_else(why))?;
    Some(Some(text))
}

/// Reads the file.
fn authorities(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<Authorities>> {
    let path = PathBuf::read(node, cx)?;
    let read = std::fs::read(&path).map_err(|error| crate::unit::source::reason(&error));
    let read = read.and_then(|pem| crate::config::pem::certificates(&pem));
    let certificates = cx.good(node.place, read.map_err(|why| format!("cannot read {}: {why}", path.display())))?;
    Some(Some(Authorities { path, certificates }))
}

impl Value for Strip {
    const KIND: Kind = Kind::BooleanOrPath;

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        match node.value.as_bool() {
            Some(true) => Some(Self::Path),
            Some(false) => Some(Self::Nothing),
            None if node.value.is_str() => path(node, cx).map(Self::Prefix),
            None => cx.expected(node, "true, false or a prefix such as \"/api\""),
        }
    }
}
