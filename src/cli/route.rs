//! `tenantd route METHOD URL`: who would answer a request, and why, step by step. Needs no daemon: the rules are those on disk.

mod ask;
mod told;

use std::net::IpAddr;
use std::path::Path as File;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use slotmap::SlotMap;

use super::ask::print_json;
use super::options::Options;
use super::{CONFIG, usage};
use crate::config::{self, Loaded};
use crate::http::{Path, RequestHead};
use crate::route::{Access, Away, Decision, Front, Request, Reroute, Trace};
use crate::unit::{Unit, UnitId};
use told::{Told, Verdict};

/// Options of `route`: those that describe the request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// `-H "Name: value"`, in order.
    pub fields: Vec<String>,
    /// `--from`.
    pub from: Option<String>,
    /// `--user`.
    pub user: Option<String>,
}

/// Explains one decision. Exit code 0 if somebody answers, 1 if nobody does.
pub(super) fn run(directory: &File, method: &str, url: &str, options: &Options, json: bool) -> ExitCode {
    let asked = &options.asked;
    if let Some(from) = asked.from.as_deref().filter(|from| from.parse::<IpAddr>().is_err()) {
        return usage(&format!("--from: \"{from}\" is no IP address"));
    }
    let head = match ask::head(method, url, asked) {
        Ok(head) => head,
        Err(problem) => return usage(&problem),
    };
    let loaded = match config::load(directory, &|name| std::env::var(name).ok()) {
        Ok(loaded) => loaded,
        Err(all) => {
            all.iter().for_each(|diagnostic| eprintln!("tenantd: {diagnostic}"));
            return ExitCode::from(CONFIG);
        }
    };
    let mut told = Told::new(directory);
    let verdict = judge(&loaded, head.as_bytes(), asked, &mut told);
    if json {
        print_json(&told.json(&verdict));
    } else {
        super::print(&told.text(&verdict));
    }
    ExitCode::from(u8::from(!verdict.is_answered()))
}

/// The same steps in the same order as for a request that comes in.
fn judge(loaded: &Loaded, head: &[u8], asked: &Asked, told: &mut Told) -> Verdict {
    let mut units: SlotMap<UnitId, &Unit> = SlotMap::with_key();
    let mut front = Front::new(&loaded.config);
    for unit in &loaded.units {
        let id = units.insert(unit);
        if let (Some(route), Some(_)) = (&unit.route, &unit.socket) {
            front.insert(route, id);
            front.name(id, &unit.name);
        }
    }
    front.settle();
    let head = match RequestHead::parse(head) {
        Ok(Some(head)) => head,
        Ok(None) => return Verdict::refused(400, "the request has no end"),
        Err(refusal) => return Verdict::refused(refusal.status, refusal.reason),
    };
    let mut path = match Path::parse(head.target) {
        Ok(path) => path,
        Err(refusal) => return Verdict::refused(refusal.status, refusal.reason),
    };
    told.path(head.target, &path);
    if front.is_health(path.path()) {
        told.told("health", || format!("{} is answered by tenantd", path.path()));
        return Verdict::answered(200, "tenantd");
    }
    told.none("health");
    let client = asked.from.as_deref().and_then(|from| from.parse().ok()).unwrap_or(IpAddr::from([127, 0, 0, 1]));
    let trusted = loaded.config.http.trusts(client);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let request = Request { client, trusted, now, ..Request::of(&head) };
    if let Some(verdict) = locked(&front, &request, &path, asked, told) {
        return verdict;
    }
    match front.reroute(&request, &mut path, told) {
        Reroute::Stays => {}
        Reroute::Rewritten => {
            if let Some(verdict) = locked(&front, &request, &path, asked, told) {
                return verdict;
            }
        }
        Reroute::Elsewhere(elsewhere) => return Verdict::elsewhere(elsewhere.status, elsewhere.location),
        Reroute::Refused(refusal) => return Verdict::refused(refusal.status, refusal.reason),
    }
    let decision = front.decide(&request, &path, told);
    verdict(decision, loaded, &units, &request, &path, told)
}

/// Nobody asks for the password here: who says `--user` has it.
fn locked(front: &Front, request: &Request<'_>, path: &Path<'_>, asked: &Asked, told: &mut Told) -> Option<Verdict> {
    let Access::Locked(realm) = front.access(request.host, path) else {
        told.told("auth", || format!("{} is public", path.path()));
        return None;
    };
    let user = asked.user.as_deref();
    told.told("auth", || {
        let file = realm.file.map_or("no file".into(), |file| file.display().to_string());
        let who = user.map_or("a name of".to_owned(), |user| format!("{user} of"));
        format!("{} is locked by \"{}\": needs {who} {file}", path.path(), realm.name)
    });
    if realm.file.is_none() {
        return Some(Verdict::refused(503, "names and passwords cannot be looked up"));
    }
    user.is_none().then(|| Verdict::refused(401, "a name and a password are needed (--user NAME)"))
}

fn verdict(
    decision: Decision,
    loaded: &Loaded,
    units: &SlotMap<UnitId, &Unit>,
    request: &Request<'_>,
    path: &Path<'_>,
    told: &mut Told,
) -> Verdict {
    match decision {
        Decision::Chosen(chosen) => verdict(Decision::Tenant(chosen.unit), loaded, units, request, path, told),
        Decision::Placed(away) => verdict(Decision::Away(away), loaded, units, request, path, told),
        Decision::Away(away @ (Away::Replay(_) | Away::Proxy(_) | Away::Redirect(_))) => {
            Verdict::sent("another machine", &away.to_string())
        }
        Decision::Away(away @ Away::Circle(_)) => Verdict::refused(508, &away.to_string()),
        Decision::Away(away @ Away::Stuck(_)) => Verdict::refused(413, &away.to_string()),
        Decision::Away(away) => Verdict::refused(503, &away.to_string()),
        Decision::Elsewhere(elsewhere) => Verdict::elsewhere(elsewhere.status, elsewhere.location),
        Decision::Tenant(id) | Decision::Files(id) => {
            let Some(unit) = units.get(id) else { return Verdict::refused(404, "no application answers here") };
            told.unit_of(unit);
            let file = told.public(unit, request.method, path);
            match (file, decision) {
                (Some(file), _) => Verdict::answered(200, &file),
                (None, Decision::Files(_)) => Verdict::refused(403, "robots are not served here"),
                (None, _) => Verdict::sent(unit.name.as_str(), path.target()),
            }
        }
        Decision::Robot => Verdict::refused(403, "robots are not served here"),
        Decision::Cgi(index) => {
            let exec = loaded.config.scripts.get(index).map_or(String::new(), |script| script.exec.join(" "));
            Verdict::sent("cgi", &exec)
        }
        Decision::Remote(index) => {
            let name = loaded.config.proxies.get(index).map_or("", |proxy| proxy.keys.name.as_str());
            Verdict::sent(&format!("proxy {name}"), &told.remote(&loaded.config, index, path))
        }
        Decision::NotFound => Verdict::refused(404, "no application answers here"),
    }
}
