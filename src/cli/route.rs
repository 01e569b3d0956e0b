//! `tenantd route METHOD URL`: who would answer a request, and why, step by step. Needs no daemon: the rules are those on disk.

mod answer;
mod ask;
mod disk;
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
use crate::route::{Access, Front, Request, Reroute, Trace};
use crate::unit::{Unit, UnitId};
use answer::Case;
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
    let (front, units) = front(&loaded);
    let mut told = Told::new(directory, units);
    let verdict = judge(&loaded, &front, head.as_bytes(), asked, &mut told);
    if json {
        print_json(&told.json(&verdict));
    } else {
        super::print(&told.text(&verdict));
    }
    ExitCode::from(u8::from(!verdict.is_answered()))
}

/// The rules, and the units that they name.
fn front(loaded: &Loaded) -> (Front, SlotMap<UnitId, &Unit>) {
    let (mut front, mut units) = (Front::new(&loaded.config), SlotMap::with_key());
    for unit in &loaded.units {
        let id = units.insert(unit);
        if let (Some(route), Some(_)) = (&unit.route, &unit.socket) {
            front.insert(route, id);
            front.name(id, &unit.name);
        }
    }
    front.settle();
    (front, units)
}

/// The same steps in the same order as for a request that comes in.
fn judge(loaded: &Loaded, front: &Front, head: &[u8], asked: &Asked, told: &mut Told<'_>) -> Verdict {
    let head = match RequestHead::parse(head) {
        Ok(Some(head)) => head,
        Ok(None) => return Verdict::refused(400, "the request has no end"),
        Err(refusal) => return Verdict::refused(refusal.status, refusal.reason),
    };
    if head.ends_here() {
        return Verdict::answered(204, "tenantd");
    }
    let mut path = match Path::parse(head.target) {
        Ok(path) => path,
        Err(refusal) => return Verdict::refused(refusal.status, refusal.reason),
    };
    told.path(head.target, &path);
    if let Some(check) = front.check(path.path()) {
        return answer::health(&loaded.config.health, check, &path, told);
    }
    told.none("health");
    let client = asked.from.as_deref().and_then(|from| from.parse().ok()).unwrap_or(IpAddr::from([127, 0, 0, 1]));
    let trusted = loaded.config.http.trusts(client);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let request = Request { client, trusted, now, ..Request::of(&head) };
    if let Some(verdict) = locked(front, &request, &path, asked, told) {
        return verdict;
    }
    match front.reroute(&request, &mut path, told) {
        Reroute::Stays => {}
        Reroute::Rewritten => {
            if let Some(verdict) = locked(front, &request, &path, asked, told) {
                return verdict;
            }
        }
        Reroute::Elsewhere(elsewhere) => return Verdict::elsewhere(elsewhere.status, elsewhere.location),
        Reroute::Refused(refusal) => return Verdict::refused(refusal.status, refusal.reason),
    }
    let decision = front.decide(&request, &path, told);
    let case = Case { config: &loaded.config, front, head: &head, request: &request };
    case.verdict(&decision, &path, told)
}

/// Nobody asks for the password here: who says `--user` has it.
fn locked(
    front: &Front,
    request: &Request<'_>,
    path: &Path<'_>,
    asked: &Asked,
    told: &mut Told<'_>,
) -> Option<Verdict> {
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
