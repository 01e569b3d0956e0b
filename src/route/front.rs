//! The front door's order: which rule answers a request. What a rule means is in its own file; here is who comes first.
//!
//! health → broadcast → auth → cable → redirects, rewrites, replay → bots → CGI → reverse proxies → static files →
//! maintenance → tenant. All judge the same canonical path ([`Path`]), and that is the one that is served.

use std::net::IpAddr;

use slotmap::SecondaryMap;

use super::bots::Turnstile;
use super::fleet::Fleet;
use super::guard::{Access, Guard};
use super::remote::Remotes;
use super::reroute::{Elsewhere, Reroute, Reroutes};
use super::script;
use super::table::Table;
use super::trace::Trace;
use super::{Away, Chosen, Target};
use crate::config::{Cgi, Config};
use crate::http::{Fields, Framing, Path, RequestHead};
use crate::unit::{BotAction, Name, Route, UnitId};

/// A request as the rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// Its method.
    pub method: &'r str,
    /// Its Host as sent; a port may follow.
    pub host: &'r str,
    /// Its fields.
    pub fields: Fields<'r>,
    /// How its body ends.
    pub framing: Framing,
    /// It comes from a proxy of ours.
    pub trusted: bool,
    /// Who asks.
    pub client: IpAddr,
    /// When, in Unix seconds.
    pub now: u64,
}

impl<'r> Request<'r> {
    /// What its head alone says.
    pub fn of(head: &RequestHead<'r>) -> Self {
        let client = IpAddr::from([0, 0, 0, 0]);
        let RequestHead { method, host, fields, framing, .. } = *head;
        Self { method, host, fields, framing, trusted: false, client, now: 0 }
    }
}

/// Who answers a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nobody here: the client is sent elsewhere.
    Elsewhere(Elsewhere),
    /// A target of the `[[proxy]]` of this index.
    Remote(usize),
    /// This one of the configuration's scripts.
    Cgi(usize),
    /// This tenant.
    Tenant(UnitId),
    /// A tenant, with something special about it.
    Chosen(Chosen),
    /// Another machine, region or app, by a `[[replay]]`.
    Away(Away),
    /// The machine that has the tenant, or the client.
    Placed(Away),
    /// This tenant's files, and never the tenant: a robot asks.
    Files(UnitId),
    /// A robot, which gets nothing: 403.
    Robot,
    /// Nobody: 404.
    NotFound,
}

/// A health check: what a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Whether tenantd, or the tenant of the check, is alive.
    pub alive: bool,
    /// Whether it is ready.
    pub ready: bool,
}

/// All rules of the front door.
#[derive(Debug, Default)]
pub struct Front {
    health: String,
    ready: Option<String>,
    remotes: Remotes,
    scripts: Vec<Cgi>,
    reroutes: Reroutes,
    guard: Guard,
    bots: Turnstile,
    tenants: Table,
    fleet: Fleet,
    /// Length of the path that wants a slash behind it.
    slashed: SecondaryMap<UnitId, usize>,
}

impl Front {
    /// The rules of a configuration; the routes of its tenants are added one by one.
    pub fn new(config: &Config) -> Self {
        let mut front = Self::default();
        front.configure(config);
        front
    }

    /// Other rules from now on; routes stay.
    pub fn configure(&mut self, config: &Config) {
        self.health.clone_from(&config.health.path);
        self.ready.clone_from(&config.health.ready);
        self.fleet.configure(config);
        self.remotes.configure(&config.proxies);
        self.scripts.clone_from(&config.scripts);
        self.reroutes = Reroutes::new(config);
        self.guard.configure(&config.auth);
        self.bots.configure(&config.bots);
    }

    /// Adds a tenant's route.
    pub fn insert(&mut self, route: &Route, unit: UnitId) {
        self.tenants.insert(route, unit);
        if route.trailing_slash && !route.path.is_empty() {
            self.slashed.insert(unit, route.path.len());
        }
        self.guard.insert(route, unit);
        self.bots.insert(route.bots, unit);
    }

    /// A tenant is called so: its machine and its stand-ins are found by that.
    pub fn name(&mut self, unit: UnitId, name: &Name) {
        self.fleet.insert(unit, name);
    }

    /// The place of another machine among [`super::remotes()`].
    pub fn peer(&self, target: &Target) -> Option<usize> {
        self.fleet.peer(target)
    }

    /// All units are there.
    pub fn settle(&mut self) {
        self.fleet.settle();
    }

    /// Takes the routes of a unit out.
    pub fn remove(&mut self, unit: UnitId) {
        self.fleet.remove(unit);
        self.tenants.remove(unit);
        self.slashed.remove(unit);
        self.guard.remove(unit);
        self.bots.remove(unit);
    }

    /// It is the path of the health check, which tells of each tenant below its prefix.
    pub fn is_health(&self, path: &str) -> bool {
        path == self.health
    }

    /// The health check of this path, if it is one.
    pub fn check(&self, path: &str) -> Option<Check> {
        let check = Check { alive: path == self.health, ready: self.ready.as_deref() == Some(path) };
        (check.alive || check.ready).then_some(check)
    }

    /// Whether a request needs a name and a password. Asked before all rules but the health check.
    pub fn access(&self, host: &str, path: &Path<'_>) -> Access<'_> {
        let unit = if self.guard.asks_tenants() { self.tenants.find(host, path.path()) } else { None };
        self.guard.access(path.plain(), unit)
    }

    /// Redirects and rewrites, behind the permission for `path`. A rewrite leaves the path that is served in `path`, and that
    /// one needs permission too: who asks may not reach by another name what is locked.
    pub fn reroute(&self, request: &Request<'_>, path: &mut Path<'_>, trace: &mut impl Trace) -> Reroute {
        self.reroutes.apply(request, path, trace)
    }

    /// Who answers a request that has been rerouted and needs no further permission.
    pub fn decide(&self, request: &Request<'_>, path: &Path<'_>, trace: &mut impl Trace) -> Decision {
        if let Some(away) = self.fleet.replay(request, path) {
            trace.told("replay", || away.to_string());
            return Decision::Away(away);
        }
        let bot = self.bots.action(request, path, || self.tenants.find(request.host, path.path()));
        if bot == BotAction::Reject {
            trace.told("bots", || "a robot: rejected".to_owned());
            return Decision::Robot;
        }
        let only_files = bot == BotAction::StaticOnly;
        if only_files {
            trace.told("bots", || "a robot: files only".to_owned());
        } else if let Some(decision) = self.program(request, path, trace) {
            return decision;
        }
        let Some(unit) = self.tenants.find(request.host, path.path()) else {
            trace.none("tenant");
            return Decision::NotFound;
        };
        trace.unit(unit);
        if self.slashed.get(unit) == Some(&path.path().len()) && matches!(request.method, "GET" | "HEAD") {
            let elsewhere = Elsewhere::slash(path);
            trace.told("trailing_slash", || elsewhere.to_string());
            return Decision::Elsewhere(elsewhere);
        }
        match self.fleet.decide(unit, request, path, trace) {
            // The machine of a tenant that is elsewhere judges its robots.
            Decision::Tenant(_) | Decision::Chosen(_) if only_files => Decision::Files(unit),
            Decision::Away(away) => Decision::Placed(away),
            decision => decision,
        }
    }

    /// What is no tenant and no file.
    fn program(&self, request: &Request<'_>, path: &Path<'_>, trace: &mut impl Trace) -> Option<Decision> {
        if let Some(script) = script::find(&self.scripts, request.method, path.plain()) {
            trace.rule("cgi", script, || self.scripts[script].exec.join(" "));
            return Some(Decision::Cgi(script));
        }
        if !self.scripts.is_empty() {
            trace.none("cgi");
        }
        self.remotes.find(request.method, path.path(), trace).map(Decision::Remote)
    }
}
