//! `[[variant]]`: on which side of a test a client is. Stable: by its cookie, and before it has one by its address.

use std::net::IpAddr;

use sha2::{Digest, Sha256};

use super::Request;
use super::cookie::cookie;
use crate::config::Variant;
use crate::http::Path;

/// The cookie of those who have been looked at and stay with the tenant.
const OFF: &str = "off";
/// How long browsers keep the cookie: 30 days.
const KEPT: u32 = 30 * 24 * 3600;

/// On which side a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Side {
    /// The variant answers.
    pub chosen: bool,
    /// The client is told by a cookie.
    pub new: bool,
}

/// The side of this request's client.
pub(super) fn side(variant: &Variant, request: &Request<'_>, path: &Path<'_>) -> Side {
    let old = |chosen| Side { chosen, new: false };
    let field = variant.header.as_ref().and_then(|pair| Some((pair, request.fields.find(&pair.name)?)));
    if field.is_some_and(|(pair, value)| pair.takes(value)) {
        return old(true);
    }
    let kept = kept(variant, request);
    if is_queried(variant, path.query()) {
        return Side { chosen: true, new: kept != Some(true) };
    }
    match (kept, variant.share) {
        (Some(chosen), _) => old(chosen),
        (None, Some(share)) => Side { chosen: number(&variant.name, request.client) < share, new: true },
        (None, None) => old(false),
    }
}

/// What the client's cookie says.
fn kept(variant: &Variant, request: &Request<'_>) -> Option<bool> {
    let value = cookie(&request.fields, &variant.cookie_name())?;
    let any = variant.cookie.as_ref().is_some_and(|pair| pair.value.is_none());
    match value {
        _ if value == OFF.as_bytes() => Some(false),
        _ if any || value == variant.cookie_value().as_bytes() => Some(true),
        _ => None,
    }
}

fn is_queried(variant: &Variant, query: Option<&str>) -> bool {
    let Some(pair) = &variant.query else { return false };
    query.unwrap_or_default().split('&').any(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        name == pair.name && pair.takes(value.as_bytes())
    })
}

/// 0 … 99, the same for a client whenever it asks; another for each variant, so that not the same few get all of them.
fn number(name: &str, client: IpAddr) -> u8 {
    let hash = Sha256::new().chain_update(name).chain_update([0]);
    let digest = match client.to_canonical() {
        IpAddr::V4(address) => hash.chain_update(address.octets()),
        IpAddr::V6(address) => hash.chain_update(address.octets()),
    }
    .finalize();
    let number = digest.iter().take(4).fold(0_u32, |number, &byte| number << 8 | u32::from(byte));
    u8::try_from(number % 100).unwrap_or(0)
}

/// The Set-Cookie field by which a client keeps its side.
pub(super) fn field(variant: &Variant, chosen: bool) -> String {
    let value = if chosen { variant.cookie_value() } else { OFF };
    format!("{}={value}; Path=/; Max-Age={KEPT}; SameSite=Lax; HttpOnly", variant.cookie_name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Pair;
    use crate::http::RequestHead;

    fn variant() -> Variant {
        Variant { name: "beta".into(), units: Vec::new(), to: "b".into(), ..Variant::default() }
    }

    fn sided(variant: &Variant, target: &str, fields: &str, client: [u8; 4]) -> (bool, bool) {
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let head = RequestHead::parse(bytes.as_bytes()).unwrap().unwrap();
        let request = Request { client: client.into(), ..Request::of(&head) };
        let Side { chosen, new } = side(variant, &request, &Path::parse(head.target).unwrap());
        (chosen, new)
    }

    #[test]
    fn a_test_person_asks_for_it() {
        let pair = |text, between| Some(Pair::parse(text, between).unwrap());
        let all = Variant {
            cookie: pair("side=b", '='),
            header: pair("X-Beta: 1", ':'),
            query: pair("beta=1", '='),
            ..variant()
        };
        for (target, fields, expected) in [
            ("/", "", (false, false)),
            ("/", "X-Beta: 1\r\n", (true, false)),
            ("/", "X-Beta: 0\r\n", (false, false)),
            ("/?a&beta=1", "", (true, true)),
            ("/?beta=1", "Cookie: side=b\r\n", (true, false)),
            ("/?beta=1", "Cookie: side=off\r\n", (true, true)),
            ("/?beta=10", "", (false, false)),
            ("/?alphabeta=1", "", (false, false)),
            ("/", "Cookie: side=b\r\n", (true, false)),
            ("/", "Cookie: side=c\r\n", (false, false)),
        ] {
            assert_eq!(sided(&all, target, fields, [0; 4]), expected, "{target} {fields}");
        }
        let any = Variant { cookie: pair("side", '='), ..variant() };
        assert_eq!(sided(&any, "/", "Cookie: side=x\r\n", [0; 4]), (true, false));
        assert_eq!(sided(&any, "/", "Cookie: side=off\r\n", [0; 4]), (false, false));
    }

    #[test]
    fn a_share_of_the_clients_is_about_that_share_and_each_stays() {
        for share in [0_u8, 10, 50, 100] {
            let tenth = Variant { share: Some(share), ..variant() };
            let sides = (0..=99_u8).flat_map(|c| (0..=99).map(move |d| [10, 0, c, d]));
            let chosen = sides.filter(|client| {
                let (chosen, new) = sided(&tenth, "/", "", *client);
                let cookie = format!("Cookie: {}\r\n", field(&tenth, chosen));
                // Wherever it asks from next.
                assert_eq!((new, sided(&tenth, "/", &cookie, [1, 2, 3, 4])), (true, (chosen, false)));
                chosen
            });
            let percent = chosen.count() as f64 / 100.0;
            assert!((percent - f64::from(share)).abs() < 1.5, "{share}: {percent}");
        }
    }
}
