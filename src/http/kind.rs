//! What a field is to a proxy, by its name alone.

/// On a request that Fly's proxy has sent here at the wish of another tenantd, or of Navigator, which calls it so: machines of
/// both know each other's.
pub const RETRY: &str = "x-navigator-retry";
/// On a request that another tenantd has sent here itself.
pub const HOP: &str = "x-tenantd-hop";

/// The part a field plays on its way through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// End-to-end: forwarded as sent.
    Plain,
    /// End-to-end, and Connection cannot take it away: Cookie, Authorization, X-Request-*.
    Protected,
    /// Ends at this hop (RFC 9110 §7.6.1); `Proxy` too (httpoxy).
    Hop,
    /// Content-Length: made anew from what was understood.
    Length,
    /// Transfer-Encoding: made anew.
    Coding,
    /// Host: made anew.
    Host,
    /// Expect: made anew.
    Expect,
    /// TE: made anew where the client takes trailers (RFC 9110 §10.1.4).
    Te,
    /// Trailer: passes where trailers do.
    Trailer,
    /// Date: added to an answer that has none.
    Date,
    /// Max-Forwards: counts the hops of OPTIONS.
    MaxForwards,
    /// W3C traceparent.
    TraceParent,
    /// W3C tracestate: only beside a valid traceparent.
    TraceState,
    /// X-Forwarded-For.
    ForwardedFor,
    /// X-Forwarded-Proto.
    ForwardedProto,
    /// X-Forwarded-Host.
    ForwardedHost,
    /// Other words of proxies: X-Forwarded-*, Forwarded, Client-IP (Rails believes it).
    Forwarded,
    /// X-Real-IP.
    RealIp,
    /// X-Request-Id.
    RequestId,
    /// X-Request-Start.
    RequestStart,
    /// Words between an application and the proxy that sends its files, which is us: X-Sendfile, X-Sendfile-Type,
    /// X-Accel-Mapping, X-Accel-Redirect.
    Accel,
    /// Words between machines of ours and their balancer: nobody else's to say.
    Fleet,
}

impl Kind {
    /// Classifies a field name, in any case.
    pub fn of(name: &[u8]) -> Kind {
        let known: &[(&str, Kind)] = match name.len() {
            2 => &[("te", Kind::Te)],
            4 => &[("host", Kind::Host), ("date", Kind::Date)],
            5 => &[("proxy", Kind::Hop)],
            6 => &[("cookie", Kind::Protected), ("expect", Kind::Expect)],
            7 => &[("upgrade", Kind::Hop), ("trailer", Kind::Trailer)],
            9 => &[("x-real-ip", Kind::RealIp), ("forwarded", Kind::Forwarded), ("client-ip", Kind::Forwarded)],
            10 => &[
                ("connection", Kind::Hop),
                ("keep-alive", Kind::Hop),
                ("tracestate", Kind::TraceState),
                ("x-sendfile", Kind::Accel),
            ],
            11 => &[("traceparent", Kind::TraceParent)],
            12 => &[("x-request-id", Kind::RequestId), ("max-forwards", Kind::MaxForwards)],
            13 => &[("authorization", Kind::Protected), (HOP, Kind::Fleet)],
            14 => &[("content-length", Kind::Length), ("http2-settings", Kind::Hop)],
            15 => &[
                ("x-forwarded-for", Kind::ForwardedFor),
                ("x-request-start", Kind::RequestStart),
                ("x-sendfile-type", Kind::Accel),
                ("x-accel-mapping", Kind::Accel),
            ],
            16 => &[
                ("x-forwarded-host", Kind::ForwardedHost),
                ("x-accel-redirect", Kind::Accel),
                ("proxy-connection", Kind::Hop),
            ],
            17 => &[
                ("x-forwarded-proto", Kind::ForwardedProto),
                ("transfer-encoding", Kind::Coding),
                ("fly-replay-failed", Kind::Fleet),
                (RETRY, Kind::Fleet),
            ],
            18 => &[("proxy-authenticate", Kind::Hop)],
            19 => &[("proxy-authorization", Kind::Hop)],
            _ => &[],
        };
        match known.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes())) {
            Some((_, kind)) => *kind,
            None if has_prefix(name, b"x-forwarded-") => Kind::Forwarded,
            None if has_prefix(name, b"x-request-") => Kind::Protected,
            None => Kind::Plain,
        }
    }

    /// May a trailer have this name? Never one that frames, routes, authenticates or names a peer (RFC 9110 §6.5.1).
    pub fn allowed_in_trailers(self) -> bool {
        matches!(self, Kind::Plain | Kind::Date)
    }
}

fn has_prefix(name: &[u8], prefix: &[u8]) -> bool {
    name.len() > prefix.len() && name[..prefix.len()].eq_ignore_ascii_case(prefix)
}
