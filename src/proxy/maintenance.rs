//! The maintenance page in the place of tenants: who gets it.

use std::time::Duration;

use super::extra::By;
use super::{ClientKey, Proxy};
use crate::config::Config;
use crate::http;
use crate::route::{Decision, MaintenanceRules};
use crate::unit::{Pattern, UnitId};

/// Whether there is maintenance.
#[derive(Debug)]
pub(super) struct Maintenance {
    rules: MaintenanceRules,
    /// When to ask again.
    pub retry_after: Duration,
}

impl Maintenance {
    /// As a configuration says.
    pub fn new(config: &Config) -> Self {
        let mut maintenance = Self { rules: MaintenanceRules::default(), retry_after: config.maintenance.retry_after };
        maintenance.configure(config);
        maintenance
    }

    /// Another configuration.
    pub fn configure(&mut self, config: &Config) {
        self.rules.configure(&config.maintenance);
        self.retry_after = config.maintenance.retry_after;
    }

    /// Boot is over.
    pub fn ready(&mut self) {
        self.rules.ready();
    }
}

impl Proxy {
    /// The maintenance page is shown to this client in the place of whoever would answer: its file, or ours. For whoever has
    /// not taken the rest of the request.
    pub(super) fn maintenance_page(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else { return };
        client.exchange.by = By::Maintenance;
        // Nothing of it is sent on any more.
        self.shared.pool.give(std::mem::take(&mut client.exchange.request));
        match http::takes_page(client.exchange.words.accept()) {
            true => self.show_file(key),
            false => {
                let after = self.maintenance.retry_after;
                self.say(key, 503, super::say::Say::Maintenance(None), Some(after));
            }
        }
    }

    /// Shows the maintenance page, if there is maintenance for whom a request would go to.
    pub(super) fn maintain_instead(&mut self, key: ClientKey, behind: &Decision) -> bool {
        if self.maintenance.rules.is_off() {
            return false;
        }
        let unit = match behind {
            Decision::Tenant(unit) | Decision::Files(unit) => Some(*unit),
            Decision::Chosen(chosen) => Some(chosen.unit),
            _ => None,
        };
        let maintained = self.is_maintained(unit);
        if maintained && let Some(client) = self.clients.get_mut(key) {
            client.exchange.unit = unit;
            self.maintenance_page(key);
        }
        maintained
    }

    /// Requests for this tenant, or for nobody, meet maintenance.
    pub fn is_maintained(&self, unit: Option<UnitId>) -> bool {
        let name = unit.and_then(|unit| self.upstreams.get(unit)).map(|upstream| upstream.name.as_str());
        self.maintenance.rules.covers(name)
    }

    /// What there is of maintenance.
    pub fn maintenance(&self) -> &MaintenanceRules {
        &self.maintenance.rules
    }

    /// An operator switches it, for all or for those that match.
    ///
    /// # Errors
    /// If too many single ones are switched already.
    pub fn maintain(&mut self, units: Option<&Pattern>, on: bool) -> Result<(), String> {
        match units {
            Some(units) => self.maintenance.rules.switch_some(units, on),
            None => {
                self.maintenance.rules.switch(on);
                Ok(())
            }
        }
    }
}
