//! `[[replay]]`: which requests another region, app or machine answers.

use std::sync::Arc;
use std::time::Duration;

use super::{Away, Request, Target};
use crate::config::{Fallback, Machine, Replay, ReplayKeys, Via};
use crate::http::Path;

/// How long Fly's proxy tries to reach a target of ours.
const TIMEOUT: Duration = Duration::from_secs(30);

/// All rules, in their order.
#[derive(Debug, Default)]
pub(super) struct Replays(Vec<(ReplayKeys, Arc<Target>)>);

impl Replays {
    /// The rules of a configuration; those whose target is this machine are kept, and stop the search.
    pub fn new(rules: &[Replay], machine: &Machine, port: u16) -> Self {
        let rule = |Replay { keys }: &Replay| (keys.clone(), Arc::new(target(keys, machine, port)));
        Self(rules.iter().map(rule).collect())
    }

    /// Where a request goes; `None`: it stays here.
    pub fn judge(&self, request: &Request<'_>, path: &Path<'_>, machine: &Machine) -> Option<Away> {
        let (_, target) = self.0.iter().find(|(keys, _)| covers(keys, request.method, path))?;
        if is_here(target, machine) || (target.prefer && is_preferred(request, machine)) {
            return None;
        }
        Target::reach(target, Via::Replay, request, path.query())
    }

    /// Every target that may be reached by us.
    pub fn targets(&self) -> Vec<Target> {
        self.0.iter().map(|(_, target)| Target::clone(target)).collect()
    }
}

fn covers(keys: &ReplayKeys, method: &str, path: &Path<'_>) -> bool {
    let method = if method == "HEAD" { "GET" } else { method };
    let asked = keys.methods.is_empty() || keys.methods.iter().any(|known| known == method);
    asked
        && match (&keys.path, &keys.pattern) {
            (Some(prefix), _) => {
                let rest = path.path().strip_prefix(prefix.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            (None, Some(pattern)) => pattern.regex().is_match(path.plain()),
            (None, None) => false,
        }
}

/// Every part of the target that is named is ours.
fn is_here(target: &Target, machine: &Machine) -> bool {
    let region = |named: &String| machine.region.as_ref().is_some_and(|own| named.split(',').any(|one| one == own));
    !target.foreign
        && target.region.as_ref().is_none_or(region)
        && target.machine.as_ref().is_none_or(|named| machine.is(named))
}

/// The client wants our region, and Fly's proxy has done what it wants.
fn is_preferred(request: &Request<'_>, machine: &Machine) -> bool {
    let (Some(own), Some(wanted)) = (&machine.region, request.fields.find("fly-prefer-region")) else { return false };
    wanted.split(|&b| b == b',').any(|one| one.trim_ascii() == own.as_bytes())
}

fn target(keys: &ReplayKeys, machine: &Machine, port: u16) -> Target {
    let foreign = keys.app.is_some() && keys.app != machine.app;
    let own = !foreign && !keys.prefer;
    Target {
        app: keys.app.clone().or_else(|| machine.app.clone()),
        foreign,
        region: keys.region.clone(),
        machine: keys.machine.clone(),
        prefer: keys.prefer,
        status: keys.status,
        timeout: keys.timeout.or(own.then_some(TIMEOUT)),
        fallback: keys.fallback.or(own.then_some(Fallback::ForceSelf)),
        address: address(keys, machine, keys.port.unwrap_or(port)),
    }
}

/// On Fly's private network (6PN): `<region>.<app>.internal`, `<machine>.vm.<app>.internal`.
fn address(keys: &ReplayKeys, machine: &Machine, port: u16) -> Option<String> {
    let app = keys.app.as_ref().or(machine.app.as_ref())?;
    let region = keys.region.as_deref().and_then(|regions| regions.split(',').next());
    Some(match (&keys.machine, region) {
        (Some(machine), _) => on_fly(machine, app, port),
        (None, Some(region)) => format!("http://{region}.{app}.internal:{port}"),
        (None, None) => format!("http://{app}.internal:{port}"),
    })
}

/// A machine on Fly's private network.
pub(super) fn on_fly(machine: &str, app: &str, port: u16) -> String {
    format!("http://{machine}.vm.{app}.internal:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Expression;
    use crate::http::RequestHead;

    fn judged(rules: &[ReplayKeys], head: &str) -> Option<String> {
        let machine = Machine { id: Some("m1".into()), region: Some("iad".into()), app: Some("own".into()) };
        let rules: Vec<_> = rules.iter().map(|keys| Replay { keys: keys.clone() }).collect();
        let bytes = format!("{head}\r\nHost: x\r\n\r\n");
        let head = RequestHead::parse(bytes.as_bytes()).unwrap().unwrap();
        let request = Request { trusted: true, ..Request::of(&head) };
        let path = Path::parse(head.target).unwrap();
        Replays::new(&rules, &machine, 9999).judge(&request, &path, &machine).map(|away| match away {
            Away::Replay(target) => format!("replay {target}"),
            Away::Proxy(target) => format!("proxy {}", target.address.clone().unwrap()),
            Away::Failed(target) => format!("failed {target}"),
            other => panic!("{other:?}"),
        })
    }

    fn rule(path: &str) -> ReplayKeys {
        ReplayKeys { path: Some(path.into()), status: 307, ..ReplayKeys::default() }
    }

    #[test]
    fn the_first_rule_that_covers_a_request_counts() {
        let some = |text: &str| Some(text.to_owned());
        let pattern = Some(Expression::new(r"^/.*\.pdf$").unwrap());
        let rules = [
            ReplayKeys { app: some("pdf"), pattern, path: None, ..rule("") },
            ReplayKeys { region: some("ams"), methods: vec!["GET".into()], ..rule("/eu") },
            ReplayKeys { region: some("iad,ord"), ..rule("/us") },
            ReplayKeys { machine: some("m2"), port: Some(80), ..rule("/m2") },
            ReplayKeys { machine: some("m1"), ..rule("/m1") },
            ReplayKeys { region: some("iad"), app: some("other"), ..rule("/other") },
            ReplayKeys { region: some("syd"), prefer: true, ..rule("/soft") },
            ReplayKeys { region: some("nrt"), ..rule("") },
        ];
        for (head, expected) in [
            ("GET /eu/a.pdf HTTP/1.1", "replay app pdf"),
            ("GET /eu/%61.pdf HTTP/1.1", "replay app pdf"),
            ("POST /a.pdf HTTP/1.1\r\nContent-Length: 2000000", "proxy http://pdf.internal:9999"),
            ("HEAD /eu HTTP/1.1", "replay region ams"),
            ("GET /eu/x HTTP/1.1\r\nfly-replay-failed: 1", "failed region ams"),
            ("POST /eu HTTP/1.1\r\nContent-Length: 0", "replay region nrt"),
            ("GET /europe HTTP/1.1", "replay region nrt"),
            ("GET /m2 HTTP/1.1", "replay machine m2"),
            ("PUT /m2 HTTP/1.1\r\nTransfer-Encoding: chunked", "proxy http://m2.vm.own.internal:80"),
            ("PUT /eu HTTP/1.1\r\nTransfer-Encoding: chunked", "proxy http://nrt.own.internal:9999"),
            ("GET /other HTTP/1.1", "replay region iad of app other"),
            ("GET /soft HTTP/1.1", "replay region syd"),
            ("GET /soft HTTP/1.1\r\nfly-prefer-region: lax", "replay region syd"),
            ("GET /other HTTP/1.1\r\nfly-prefer-region: iad", "replay region iad of app other"),
        ] {
            assert_eq!(judged(&rules, head).as_deref(), Some(expected), "{head}");
        }
        for head in [
            "GET /us HTTP/1.1",
            "GET /m1/x HTTP/1.1",
            "GET /us HTTP/1.1\r\nfly-replay-failed: 1",
            "GET /soft HTTP/1.1\r\nfly-prefer-region: ams, iad",
            "GET /soft HTTP/1.1\r\nX-Navigator-Retry: true",
        ] {
            assert_eq!(judged(&rules, head), None, "{head}");
        }
        assert_eq!(judged(&[], "GET / HTTP/1.1"), None);
    }

    #[test]
    fn another_app_has_its_own_ideas_of_failure() {
        let machine = Machine { id: None, region: None, app: Some("own".into()) };
        let of = |keys: &ReplayKeys| target(keys, &machine, 80);
        let foreign = of(&ReplayKeys { app: Some("pdf".into()), ..rule("/") });
        assert_eq!((foreign.timeout, foreign.fallback, foreign.foreign), (None, None, true));
        let own = of(&ReplayKeys { app: Some("own".into()), region: Some("ams".into()), ..rule("/") });
        assert_eq!((own.timeout, own.fallback, own.foreign), (Some(TIMEOUT), Some(Fallback::ForceSelf), false));
    }
}
