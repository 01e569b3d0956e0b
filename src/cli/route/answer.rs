//! What becomes of a decision: who answers, and with which status, as the forwarder carries it out.

use super::disk;
use super::told::{Told, Verdict};
use crate::config::{Config, Health};
use crate::http::{Path, RequestHead};
use crate::route::{Away, Check, Decision, Front, Maintained, MaintenanceRules, Request, Trace};
use crate::unit::UnitId;

const ROBOT: &str = "robots are not served here";
const NOBODY: &str = "no application answers here";

/// A request whose decision is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'c> {
    pub config: &'c Config,
    pub front: &'c Front,
    pub head: &'c RequestHead<'c>,
    pub request: &'c Request<'c>,
}

/// A health check. Whether boot is over only the daemon knows: it is.
pub(super) fn health(health: &Health, check: Check, path: &Path<'_>, told: &mut Told<'_>) -> Verdict {
    told.rule("health", 0, || match check.ready {
        true => format!("{} asks whether tenantd is ready: 503 until boot is over, and from SIGTERM on", path.path()),
        false => format!("{} asks whether tenantd is alive", path.path()),
    });
    match health.unit.as_ref().filter(|_| check.alive) {
        Some(unit) => Verdict::sent(unit.as_str(), path.target()),
        None => Verdict::answered(u16::try_from(health.status).unwrap_or(200), "tenantd"),
    }
}

impl Case<'_> {
    /// How a decision ends.
    pub fn verdict(&self, decision: &Decision, path: &Path<'_>, told: &mut Told<'_>) -> Verdict {
        match decision {
            Decision::Elsewhere(elsewhere) => Verdict::elsewhere(elsewhere.status, elsewhere.location.clone()),
            Decision::Cgi(index) => {
                let exec = self.config.scripts.get(*index).map_or(String::new(), |script| script.exec.join(" "));
                Verdict::sent("cgi", &exec)
            }
            Decision::Away(away) => self.away(away, path),
            Decision::Robot => Verdict::refused(403, ROBOT),
            Decision::Remote(index) => {
                let name = self.config.proxies.get(*index).map_or("", |proxy| proxy.keys.name.as_str());
                Verdict::sent(&format!("proxy {name}"), &told.remote(self.config, *index, path))
            }
            behind => self.serve(behind, path, told),
        }
    }

    /// Behind all rules: a file of the front door, else the maintenance page, else the tenant, or nobody.
    fn serve(&self, behind: &Decision, path: &Path<'_>, told: &mut Told<'_>) -> Verdict {
        let tenant = told.take_tenant();
        if let Some(verdict) = disk::of_front_door(&self.config.files, self.head, path, told) {
            return verdict;
        }
        if let Some(verdict) = self.maintained(told) {
            return verdict;
        }
        told.put_tenant(tenant);
        match behind {
            Decision::Tenant(unit) => self.tenant(*unit, true, path.target(), path, told),
            Decision::Chosen(chosen) => {
                chosen.cookies.iter().for_each(|cookie| {
                    let name = cookie.split('=').next().unwrap_or_default();
                    told.told("cookie", || format!("{name} is set, unless a file answers"));
                });
                let target = chosen.target.as_deref().unwrap_or(path.target());
                self.tenant(chosen.unit, chosen.variant.is_none(), target, path, told)
            }
            Decision::Placed(away) => self.away(away, path),
            Decision::Files(unit) => match self.file(*unit, path, told) {
                Some(file) => Verdict::answered(200, &file),
                None => Verdict::refused(403, ROBOT),
            },
            _ => Verdict::refused(404, NOBODY),
        }
    }

    /// What the configuration says; what an operator has said only the daemon knows.
    fn maintained(&self, told: &mut Told<'_>) -> Option<Verdict> {
        const STEP: &str = "maintenance";
        let mut rules = MaintenanceRules::default();
        rules.configure(&self.config.maintenance);
        match rules.all() {
            Some(Maintained::Boot) => told.rule(STEP, 0, || "the page until boot is over; then not".to_owned()),
            Some(_) => {
                told.rule(STEP, 0, || "enabled".to_owned());
                return Some(Verdict::refused(503, "the maintenance page"));
            }
            None => told.none(STEP),
        }
        None
    }

    /// A tenant, or one of its files.
    fn tenant(&self, id: UnitId, files: bool, target: &str, path: &Path<'_>, told: &mut Told<'_>) -> Verdict {
        let file = if files { self.file(id, path, told) } else { None };
        match (file, told.known(id)) {
            (Some(file), _) => Verdict::answered(200, &file),
            (None, Some(unit)) => Verdict::sent(unit.name.as_str(), target),
            (None, None) => Verdict::refused(404, NOBODY),
        }
    }

    fn file(&self, id: UnitId, path: &Path<'_>, told: &mut Told<'_>) -> Option<String> {
        disk::of_tenant(told.known(id)?, self.head, path, told)
    }

    /// Another machine, region or app.
    fn away(&self, away: &Away, path: &Path<'_>) -> Verdict {
        match away {
            Away::Replay(target) => Verdict::replayed(target.status, &target.to_string()),
            Away::Proxy(target) if self.front.peer(target).is_some() => {
                let address = target.address.as_deref().unwrap_or_default();
                Verdict::sent(&target.to_string(), &format!("{address}{}", path.target()))
            }
            Away::Redirect(target) => {
                Verdict::elsewhere(307, target.location(path.path(), path.query(), self.request.now))
            }
            Away::Failed(_) => Verdict::refused(503, &format!("the maintenance page: {away}")),
            Away::Circle(_) => Verdict::refused(508, &away.to_string()),
            Away::Proxy(_) | Away::Stuck(_) => Verdict::refused(413, &away.to_string()),
        }
    }
}
