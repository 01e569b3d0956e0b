//! The front door's order: which rule answers a request. What a rule means is in its own file; here is who comes first.
//!
//! health → broadcast → auth → cable → redirects, rewrites, replay → bots → CGI → reverse proxies → static files →
//! maintenance → tenant. All judge the same canonical path ([`Path`]), and that is the one that is served.

use super::table::Table;
use crate::config::Config;
use crate::http::{Fields, Path};
use crate::unit::{Route, UnitId};

/// A request as the rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// Its method.
    pub method: &'r str,
    /// Its Host as sent; a port may follow.
    pub host: &'r str,
    /// Its fields.
    pub fields: Fields<'r>,
}

/// Who answers a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This tenant.
    Tenant(UnitId),
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
    tenants: Table,
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
    }

    /// Adds a tenant's route.
    pub fn insert(&mut self, route: &Route, unit: UnitId) {
        self.tenants.insert(route, unit);
    }

    /// Takes the routes of a unit out.
    pub fn remove(&mut self, unit: UnitId) {
        self.tenants.remove(unit);
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

    /// Who answers a request that needs no further permission. A rewrite leaves the path that is served in `path`.
    pub fn decide(&self, request: &Request<'_>, path: &mut Path<'_>) -> Decision {
        self.tenants.find(request.host, path.path()).map_or(Decision::NotFound, Decision::Tenant)
    }
}
