//! The front door's decisions for a configuration in Showcase's shape, 371 tenants and all, beside an oracle that knows the
//! order by heart and shares no code with it: no regular expression, no table.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path as File;

use slotmap::SlotMap;
use tenantd::config::{self, Config, Maintenance};
use tenantd::http::{Path, RequestHead};
use tenantd::import::{self, Options};
use tenantd::route::{Access, Decision, Front, MaintenanceRules, Request, Reroute, StaticRules, Try};
use tenantd::unit::UnitId;

use crate::harness::verb;
use crate::random::Random;
use crate::route_world::{FILES, TENANTS, World, YEARS, instance, world};

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
    /// There is maintenance.
    maintained: bool,
}

impl World {
    /// What the order of the front door says.
    fn oracle(&self, asked: &Asked) -> String {
        let Some(path) = asked.path.as_deref() else { return "400".into() };
        if path == "/up" || self.whole && path == "/ready" {
            return format!("health {path}");
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
        if self.whole && below(&served, "/eu") {
            return "replay to region ams".into();
        }
        // Those of /us are ours, and their files too.
        if self.whole && !below(&served, "/us") && served.ends_with(".pdf") {
            return "replay to app pdf".into();
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
        if get && tenant.is_some_and(|(route, _)| route == served) {
            return format!("301 {served}/{query}");
        }
        match served.strip_prefix("/showcase/").and_then(static_file).filter(|_| get && self.whole) {
            Some((_, Try::Slash)) => return format!("301 {served}/{query}"),
            Some((file, Try::File)) => return format!("file {file}"),
            None => {}
        }
        match tenant {
            _ if asked.maintained => "maintenance".into(),
            Some((_, name)) => format!("{name} {served}{query}"),
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
            "/ready",
            "/ready/x",
            "/eu",
            "/eu/x.pdf",
            "/europe",
            "/us/x.pdf",
            "/s/forms/a.pdf",
            "/showcase/demo/a.pdf",
            "/showcase/demo/a.pdf/x",
            "/showcase/regions",
            "/showcase/regions/",
            "/showcase/regions.html",
            "/showcase/studios",
            "/showcase/studios/",
            "/showcase/studios/index.html",
            "/showcase/secret.rb",
            "/s/assets/a.css",
            "/assets/a.css",
            "/showcase/2026/aaton/spring/page",
            "/",
            "/showcase",
            "/showcase/",
            "/showcase/assets/a.css",
            "/showcase/assets",
            "/favicon.ico",
            "/showcase/update_config",
            "/showcase/update_config",
            "/showcase/update_config",
            "/s/update_config",
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
        Asked {
            method,
            target,
            path,
            query,
            robot: random.below(4) == 0,
            user: random.below(2) == 0,
            maintained: random.below(4) == 0,
        }
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

/// The file that a path below /showcase means, or the one of its directory.
fn static_file(below: &str) -> Option<(String, Try)> {
    let is_there = |file: &str| FILES.contains(&file) && !file.ends_with(".rb");
    let tried = match below.rsplit('/').next()? {
        "" => vec![(format!("{below}index.html"), Try::File)],
        last if last.contains('.') => vec![(below.to_owned(), Try::File)],
        _ => vec![(format!("{below}/index.html"), Try::Slash), (format!("{below}.html"), Try::File)],
    };
    tried.into_iter().find(|(file, _)| is_there(file))
}

fn agent(asked: &Asked) -> &'static str {
    if asked.robot { "Googlebot/2.1" } else { "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Firefox/121.0" }
}

/// What `[static]` and `[maintenance]` say behind all rules, by the same code and the disk.
fn before_tenants(config: &Config, asked: &Asked, path: &Path<'_>) -> Option<String> {
    let (rules, root, mut name) = (StaticRules::new(&config.files), config.files.root.as_deref()?, Vec::new());
    if matches!(asked.method, "GET" | "HEAD") && rules.name(path.path(), &mut name) {
        let there = |name: &[u8]| root.join(File::new(std::ffi::OsStr::from_bytes(name))).is_file();
        let found = rules.find(&mut name, rules.is_bare(path.path()), |name, what| {
            there(name).then(|| (String::from_utf8_lossy(name).into_owned(), what))
        });
        match found {
            Some((file, Try::File)) => return Some(format!("file {file}")),
            Some((_, Try::Slash)) => {
                return Some(format!("301 {}/{}", path.path(), &path.target()[path.path().len()..]));
            }
            None => {}
        }
    }
    let mut maintenance = MaintenanceRules::default();
    maintenance.configure(&Maintenance { enabled: asked.maintained, ..Maintenance::default() });
    maintenance.covers(None).then(|| "maintenance".to_owned())
}

/// The same by the front door's own code, in the steps of the forwarder.
fn decided(config: &Config, front: &Front, names: &SlotMap<UnitId, String>, asked: &Asked) -> String {
    let agent = agent(asked);
    let head = format!("{} {} HTTP/1.1\r\nHost: x\r\nUser-Agent: {agent}\r\n\r\n", asked.method, asked.target);
    let Ok(Some(head)) = RequestHead::parse(head.as_bytes()) else { return "400".into() };
    let Ok(mut path) = Path::parse(head.target) else { return "400".into() };
    if front.check(path.path()).is_some() {
        return format!("health {}", path.path());
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
    let decision = front.decide(&request, &path, &mut ());
    if matches!(decision, Decision::Tenant(_) | Decision::NotFound)
        && let Some(other) = before_tenants(config, asked, &path)
    {
        return other;
    }
    match decision {
        Decision::Elsewhere(elsewhere) => elsewhere.to_string(),
        Decision::Away(away) => away.to_string(),
        Decision::Tenant(unit) => format!("{} {}", names[unit], path.target()),
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
    let loaded = config::load(directory.path(), &|_| None).unwrap_or_else(|all| panic!("{all:#?}"));
    let (mut front, mut names) = (Front::new(&loaded.config), SlotMap::with_key());
    for unit in &loaded.units {
        let id = names.insert(unit.name.to_string());
        unit.route.iter().for_each(|route| front.insert(route, id));
    }
    let mut random = Random::new(20_261_122);
    let mut kinds = BTreeMap::<String, (usize, Asked)>::new();
    for _ in 0..REQUESTS {
        let asked = world.ask(&mut random);
        let expected = world.oracle(&asked);
        assert_eq!(decided(&loaded.config, &front, &names, &asked), expected, "{asked:?}");
        let kind = expected.split('@').next().unwrap_or_default();
        let kind = if kind.starts_with(['3', 'd', 'i', 'f']) { cut(kind, ' ').0 } else { kind };
        kinds.entry(kind.to_owned()).or_insert((0, asked)).0 += 1;
    }
    assert!(kinds.get("maintenance").is_some_and(|(count, _)| *count > 2));
    // Every step has had its say, and `tenantd route` says the same.
    for (kind, last) in [
        ("400", "→ 400 "),
        ("health /up", "→ 200 tenantd"),
        ("health /ready", "→ 200 tenantd"),
        ("401", "→ 401 "),
        ("301", "→ 301 /"),
        ("302", "→ 302 /showcase/"),
        ("308", "→ 308 /showcase/studios/"),
        ("replay to region ams", "→ 307 replay region ams"),
        ("replay to app pdf", "→ 307 replay app pdf"),
        ("robot", "→ 403 "),
        ("cgi 0", "→ cgi /bin/true"),
        ("proxy 0", "→ proxy password "),
        ("proxy 1", "→ proxy api "),
        ("file", "→ 200 /"),
        ("showcase", "→ showcase@"),
        ("demo", "→ demo /"),
        ("index", "→ index /"),
        ("404", "→ 404 "),
    ] {
        let (count, asked) = kinds.get(kind).unwrap_or_else(|| panic!("{kind} in {kinds:?}"));
        assert!(*count > 2, "{kind}: {count}");
        let agent = format!("User-Agent: {}", agent(asked));
        let words = ["route", asked.method, &asked.target, "-H", &agent, "--user", "ann"];
        let ran = verb(directory.path(), &words[..if asked.user { 7 } else { 5 }]);
        assert!(ran.stdout.contains(last), "{asked:?}: {last}\n{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn an_imported_configuration_decides_as_the_oracle_says() {
    let (world, directory) = (World { whole: false, ..world() }, tempfile::tempdir().unwrap());
    let options = Options { root: "/rails".into(), source: "navigator.yml".into(), variables: &|_| None };
    let import = import::translate(&world.navigator(), &options).unwrap();
    assert_eq!(import.tenants, TENANTS);
    fs::create_dir(directory.path().join("units")).unwrap();
    import.files.iter().for_each(|(path, text)| fs::write(directory.path().join(path), text).unwrap());
    let loaded = config::load(directory.path(), &|_| None).unwrap_or_else(|all| panic!("{all:#?}"));
    let (mut front, mut names) = (Front::new(&loaded.config), SlotMap::with_key());
    for unit in &loaded.units {
        // The template has another name, its instances have not.
        let name = world.tenants.values().find(|name| instance(name) == instance(unit.name.as_str()));
        let id = names.insert(name.expect("a tenant of the world").clone());
        unit.route.iter().for_each(|route| front.insert(route, id));
    }
    let mut random = Random::new(20_261_122);
    for _ in 0..REQUESTS {
        let asked = world.ask(&mut random);
        assert_eq!(decided(&loaded.config, &front, &names, &asked), world.oracle(&asked), "{asked:?}");
    }
}
