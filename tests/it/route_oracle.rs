//! The front door's decisions for a configuration in Showcase's shape, 371 tenants and all, beside an oracle that knows the
//! order by heart and shares no code with it: no regular expression, no table.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use slotmap::SlotMap;
use tenantd::config;
use tenantd::http::{Path, RequestHead};
use tenantd::import::{self, Options};
use tenantd::route::{Access, Decision, Front, Request, Reroute};
use tenantd::unit::UnitId;

use crate::random::Random;
use crate::route_world::{TENANTS, World, YEARS, world};

const REQUESTS: usize = 1000;
/// One request, and what its path means: `None` is ambiguous.
#[derive(Debug)]
struct Asked {
    method: &'static str,
    target: String,
    path: Option<String>,
    query: Option<String>,
    robot: bool,
    user: bool,
}

impl World {
    /// The same configuration as Navigator has it.
    fn navigator(&self) -> String {
        let mut text = String::from(
            "server:\n  bot_detection: { enabled: true, action: reject }\n  cgi_scripts:\n    \
             - { path: /showcase/update_config, script: /bin/true, method: POST }\n\
             auth:\n  enabled: true\n  realm: Showcase\n  htpasswd: /data/htpasswd\n  \
             public_paths: [/showcase/assets/, '*.js', /favicon.ico]\n  auth_patterns:\n    \
             - { pattern: '^/showcase/?$', action: 'off' }\n",
        );
        for year in YEARS {
            let open: Vec<&str> = self.cities.iter().step_by(3).map(String::as_str).collect();
            let pattern = format!("^/showcase/{year}/({})/?$", open.join("|"));
            writeln!(text, "    - {{ pattern: '{pattern}', action: 'off' }}").unwrap();
        }
        text.push_str(
            "routes:\n  redirects:\n    \
             - { from: '^/showcase/(?<year>20[0-9][0-9])$', to: '/showcase/${year}/', status: 301 }\n    \
             - { from: '^/events/(.*)$', to: '/showcase/$1' }\n",
        );
        for n in 0..40 {
            let rule = format!("from: '^/studio-{n}(/.*)?$', to: '/showcase/studios/{n}$1', status: 308");
            writeln!(text, "    - {{ {rule}, methods: [GET] }}").unwrap();
        }
        text.push_str(
            "  rewrites:\n    - { from: '^/s/', to: '/showcase/' }\n    \
             - { from: '^/showcase/(20[0-9][0-9])/([a-z]+)/legacy/', to: '/showcase/$1/$2/' }\n  \
             reverse_proxies:\n    \
             - { name: password, path: '^/showcase/password(/.*)?$', target: 'https://origin.example.com/p$1' }\n    \
             - { name: api, prefix: /api, target: 'http://127.0.0.1:9' }\n\
             applications:\n  tenants:\n",
        );
        for (path, name) in &self.tenants {
            let bots = if name == "demo" { ", bot_detection: { enabled: true, action: ignore }" } else { "" };
            writeln!(text, "    - {{ path: {path}/, name: {}{bots} }}", instance(name)).unwrap();
        }
        text
    }

    /// What the order of the front door says.
    fn oracle(&self, asked: &Asked) -> String {
        let Some(path) = asked.path.as_deref() else { return "400".into() };
        if path == "/up" {
            return "health".into();
        }
        if self.is_locked(path) && !asked.user {
            return "401".into();
        }
        let query = asked.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        let get = matches!(asked.method, "GET" | "HEAD");
        if let Some(year) = path.strip_prefix("/showcase/").filter(|rest| is_year(rest)) {
            return format!("301 /showcase/{year}/{query}");
        }
        if let Some(rest) = path.strip_prefix("/events/") {
            return format!("302 /showcase/{rest}{query}");
        }
        if let Some((number, rest)) = path.strip_prefix("/studio-").filter(|_| get).map(|rest| cut(rest, '/'))
            && (0..40).any(|n: u32| n.to_string() == number)
        {
            return format!("308 /showcase/studios/{number}{rest}{query}");
        }
        let served = legacy(&path.strip_prefix("/s/").map_or(path.to_owned(), |rest| format!("/showcase/{rest}")));
        if served != path && self.is_locked(&served) && !asked.user {
            return "401".into();
        }
        let tenant = self.tenant(&served);
        if asked.robot && tenant.map(|(_, name)| name) != Some("demo") && !served.ends_with("/robots.txt") {
            return "robot".into();
        }
        if served == "/showcase/update_config" && asked.method == "POST" {
            return "cgi 0".into();
        }
        if below(&served, "/showcase/password") {
            return "proxy 0".into();
        }
        if below(&served, "/api") {
            return "proxy 1".into();
        }
        match tenant {
            Some((route, _)) if route == served && get => format!("301 {served}/{query}"),
            Some((_, name)) => format!("{} {served}{query}", instance(name)),
            None => "404".into(),
        }
    }

    fn is_locked(&self, path: &str) -> bool {
        let open = path.starts_with("/showcase/assets/") || path.ends_with(".js") || path == "/favicon.ico";
        let bare = path.strip_suffix('/').unwrap_or(path);
        let mut open_cities = self.cities.iter().step_by(3);
        let event = || {
            let (year, city) = bare.strip_prefix("/showcase/")?.split_once('/')?;
            let known = YEARS.into_iter().any(|known| known.to_string() == year);
            (known && open_cities.any(|open| open == city)).then_some(())
        };
        !open && bare != "/showcase" && { event }().is_none()
    }

    /// The longest route, by taking one segment after the other away.
    fn tenant(&self, path: &str) -> Option<(&str, &str)> {
        let mut prefix = path;
        loop {
            if let Some((route, name)) = self.tenants.get_key_value(prefix) {
                return Some((route, name));
            }
            prefix = prefix.rsplit_once('/')?.0;
        }
    }

    fn ask(&self, random: &mut Random) -> Asked {
        let mut pick = |all: &[&str]| all[random.below(all.len() as u64) as usize].to_owned();
        let year = pick(&["2020", "2023", "2026", "2027", "1999", "20a6"]);
        let tail =
            pick(&["", "/", "/heats/1", "/app.js", "/legacy/x", "/spring", "/spring/a", "/robots.txt", "/secret.js/x"]);
        let fixed = pick(&[
            "/up",
            "/up/",
            "/",
            "/showcase",
            "/showcase/",
            "/showcase/assets/a.css",
            "/showcase/assets",
            "/favicon.ico",
            "/showcase/update_config",
            "/showcase/password",
            "/showcase/password/new",
            "/showcase/passwords",
            "/api",
            "/api/v1",
            "/apis",
            "/events/2025",
            "/events/",
            "/events",
            "/studio-7",
            "/studio-39/x",
            "/studio-40",
            "/studio-07",
            "/showcase/demo",
            "/showcase/demo/x",
            "/showcase/demonic",
            "/SHOWCASE/demo",
            "/s/demo/x",
            "/s/2026/aaton/legacy/x",
            "/s",
            "/s/update_config",
            "/robots.txt",
            "/nowhere",
            "/showcase/2026",
            "/showcase/1999",
        ]);
        let method = ["GET", "GET", "GET", "HEAD", "POST", "DELETE"][random.below(6) as usize];
        let city = &self.cities[random.below(self.cities.len() as u64) as usize];
        let prefix = if random.below(8) == 0 { "/s" } else { "/showcase" };
        let path = if random.below(2) == 0 { fixed } else { format!("{prefix}/{year}/{city}{tail}") };
        let query = (random.below(4) == 0).then(|| "a=b/../c&d=%2e".to_owned());
        let (noisy, sound) = noise(&path, random);
        let target = query.as_ref().map_or(noisy.clone(), |query| format!("{noisy}?{query}"));
        let path = sound.then_some(path);
        Asked { method, target, path, query, robot: random.below(4) == 0, user: random.below(2) == 0 }
    }
}

/// The same path in another spelling, or one that means two things.
fn noise(path: &str, random: &mut Random) -> (String, bool) {
    let at = random.below(path.len() as u64) as usize;
    let slash = path[..=at].rfind('/').unwrap_or(0);
    let byte = path.as_bytes()[at];
    match random.below(12) {
        0 => (format!("{}/{}", &path[..slash], &path[slash..]), true),
        1 if byte.is_ascii_alphanumeric() => (format!("{}%{byte:02x}{}", &path[..at], &path[at + 1..]), true),
        2 if byte.is_ascii_alphanumeric() => (format!("{}%{byte:02X}{}", &path[..at], &path[at + 1..]), true),
        3 => {
            let trick = ["/..", "/.", "/%2e%2E", "/..%2f", "/%2e", "%00", "%", "%2", "%zz", "/..%5c", "\\"];
            let trick = trick[random.below(trick.len() as u64) as usize];
            (format!("{}{trick}{}", &path[..slash], &path[slash..]), false)
        }
        _ => (path.to_owned(), true),
    }
}

/// The part of a unit's name that no template has.
fn instance(name: &str) -> &str {
    name.rsplit('@').next().unwrap_or(name)
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && text.starts_with("20") && text.bytes().all(|b| b.is_ascii_digit())
}

/// `/showcase/2026/aaton/legacy/x` → `/showcase/2026/aaton/x`.
fn legacy(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["", "showcase", year, city, "legacy", rest @ ..] if is_year(year) && !rest.is_empty() && is_word(city) => {
            format!("/showcase/{year}/{city}/{}", rest.join("/"))
        }
        _ => path.to_owned(),
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase())
}

fn cut(text: &str, at: char) -> (&str, &str) {
    text.split_at(text.find(at).unwrap_or(text.len()))
}

fn below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The same by the front door's own code, in the steps of the forwarder.
fn decided(front: &Front, names: &SlotMap<UnitId, String>, asked: &Asked) -> String {
    let agent = if asked.robot { "Googlebot/2.1" } else { "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Firefox/121.0" };
    let head = format!("{} {} HTTP/1.1\r\nHost: x\r\nUser-Agent: {agent}\r\n\r\n", asked.method, asked.target);
    let Ok(Some(head)) = RequestHead::parse(head.as_bytes()) else { return "400".into() };
    let Ok(mut path) = Path::parse(head.target) else { return "400".into() };
    if front.is_health(path.path()) {
        return "health".into();
    }
    let request = Request::of(&head);
    let locked = |path: &Path<'_>| matches!(front.access(request.host, path), Access::Locked(_)) && !asked.user;
    if locked(&path) {
        return "401".into();
    }
    match front.reroute(&request, &mut path, &mut ()) {
        Reroute::Rewritten if locked(&path) => return "401".into(),
        Reroute::Stays | Reroute::Rewritten => {}
        Reroute::Elsewhere(elsewhere) => return elsewhere.to_string(),
        Reroute::Refused(refusal) => return refusal.status.to_string(),
    }
    match front.decide(&request, &path, &mut ()) {
        Decision::Elsewhere(elsewhere) => elsewhere.to_string(),
        Decision::Tenant(unit) => format!("{} {}", instance(&names[unit]), path.target()),
        Decision::Robot => "robot".into(),
        Decision::Cgi(index) => format!("cgi {index}"),
        Decision::Remote(index) => format!("proxy {index}"),
        Decision::NotFound => "404".into(),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_thousand_requests_are_decided_as_the_oracle_says() {
    let (world, directory) = (world(), tempfile::tempdir().unwrap());
    assert_eq!(world.tenants.len(), TENANTS);
    world.write(directory.path());
    decides_as_the_oracle(&world, directory.path());
}

#[test]
fn an_imported_configuration_decides_as_the_oracle_says() {
    let (world, directory) = (world(), tempfile::tempdir().unwrap());
    let options = Options { root: "/rails".into(), source: "navigator.yml".into(), variables: &|_| None };
    let import = import::translate(&world.navigator(), &options).unwrap();
    assert_eq!(import.tenants, TENANTS);
    fs::create_dir(directory.path().join("units")).unwrap();
    import.files.iter().for_each(|(path, text)| fs::write(directory.path().join(path), text).unwrap());
    decides_as_the_oracle(&world, directory.path());
}

#[track_caller]
fn decides_as_the_oracle(world: &World, directory: &std::path::Path) {
    let loaded = config::load(directory, &|_| None).unwrap_or_else(|all| panic!("{all:#?}"));
    let (mut front, mut names) = (Front::new(&loaded.config), SlotMap::with_key());
    for unit in &loaded.units {
        let id = names.insert(unit.name.to_string());
        unit.route.iter().for_each(|route| front.insert(route, id));
    }
    let mut random = Random::new(20_261_122);
    let mut kinds = BTreeMap::<String, usize>::new();
    for _ in 0..REQUESTS {
        let asked = world.ask(&mut random);
        let expected = world.oracle(&asked);
        assert_eq!(decided(&front, &names, &asked), expected, "{asked:?}");
        *kinds.entry(expected.split(['-', ' ']).next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    // Every rule has had its say.
    for kind in ["400", "health", "401", "301", "302", "308", "robot", "cgi", "proxy", "2023", "demo", "index", "404"] {
        assert!(kinds.contains_key(kind), "{kind} in {kinds:?}");
    }
}
