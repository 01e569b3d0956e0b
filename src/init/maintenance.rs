//! `tenantd maintenance`: switches it, and tells where it is on.

use super::Init;
use crate::control::{Answer, MaintenanceStatus, MaintenanceSwitch, MaintenanceWord};
use crate::unit::Pattern;

impl Init {
    /// Carries out an operator's word, and answers with what is so now.
    pub(super) fn maintain(&mut self, word: MaintenanceWord, units: &[String]) -> Answer {
        let patterns: Vec<_> = units.iter().map(|text| Pattern::new(text)).collect();
        if let Some(unknown) = patterns.iter().find(|pattern| self.tenants(pattern).next().is_none()) {
            return Answer::NoSuchUnit { unit: unknown.as_str().to_owned() };
        }
        let on = match word {
            MaintenanceWord::Status => return self.maintenance(&patterns),
            MaintenanceWord::On => true,
            MaintenanceWord::Off => false,
        };
        let whom = if patterns.is_empty() { vec![None] } else { patterns.iter().map(Some).collect() };
        for pattern in whom {
            if let Err(reason) = self.proxy.maintain(pattern, on) {
                return Answer::Refused { reason };
            }
            let (name, on) = (pattern.map_or("all tenants", Pattern::as_str), if on { "on" } else { "off" });
            self.journal.say(None, format_args!("maintenance is {on} for {name}"));
        }
        self.maintenance(&patterns)
    }

    /// Why all tenants are in maintenance, and since what was said which are and which are not.
    fn maintenance(&self, patterns: &[Pattern]) -> Answer {
        let rules = self.proxy.maintenance();
        let asked = |name: &str| patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(name));
        let all = Pattern::new("*");
        let covered = self.tenants(&all).filter(|(id, name)| asked(name) && self.proxy.is_maintained(Some(*id)));
        let mut units: Vec<_> = covered.map(|(_, name)| name.to_owned()).collect();
        units.sort();
        let switches = rules.some().map(|(units, on)| MaintenanceSwitch { units: units.to_owned(), on });
        let maintenance = MaintenanceStatus {
            all: rules.all().map(|why| why.word().to_owned()),
            switches: switches.collect(),
            units,
        };
        Answer::Maintenance { maintenance }
    }

    /// In a few words, for `status`; empty if there is none.
    pub(super) fn maintenance_words(&self) -> String {
        let rules = self.proxy.maintenance();
        let all = rules.all().map(|why| format!("all tenants ({})", why.word()));
        let some = rules.some().map(|(units, on)| format!("{}{units}", if on { "" } else { "not " }));
        all.into_iter().chain(some).collect::<Vec<_>>().join(", ")
    }

    /// Units with a route that are meant.
    fn tenants<'a>(&'a self, pattern: &'a Pattern) -> impl Iterator<Item = (crate::unit::UnitId, &'a str)> {
        let routed = self.manager.ids().filter_map(|id| Some((id, self.manager.unit(id)?)));
        let routed = routed.filter(|(_, unit)| unit.route.is_some()).map(|(id, unit)| (id, unit.name.as_str()));
        routed.filter(|(_, name)| pattern.matches(name))
    }

    /// `ready`, `stopping`, or the units that readiness waits for.
    pub(super) fn told_readiness(&self) -> String {
        match self.manager.awaited() {
            _ if self.stopping => "stopping".to_owned(),
            awaited if awaited.is_empty() => "ready".to_owned(),
            awaited => {
                let names: Vec<_> = awaited.into_iter().map(|name| name.as_str()).collect();
                format!("not ready: waits for {}", names.join(", "))
            }
        }
    }
}
