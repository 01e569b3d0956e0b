//! The steps of a decision as lines, each with the file and line of the rule that it names.

use std::fmt::Write;
use std::path::Path as File;

use serde_json::{Value as Json, json};
use slotmap::SlotMap;
use toml::de::DeTable;

use crate::config::Config;
use crate::http::Path;
use crate::route::{Trace, put_target};
use crate::unit::{Unit, UnitId};

/// What was told.
#[derive(Debug)]
pub(super) struct Told<'u> {
    /// tenantd.toml.
    text: String,
    units: SlotMap<UnitId, &'u Unit>,
    steps: Vec<Step>,
}

/// One step of a decision.
#[derive(Debug)]
pub(super) struct Step {
    name: &'static str,
    /// `tenantd.toml:12` of the rule that has matched.
    place: Option<String>,
    /// `None`: nothing matched.
    what: Option<String>,
}

/// How it ends.
#[derive(Debug)]
pub(super) struct Verdict {
    status: Option<u16>,
    location: Option<String>,
    /// Who answers; `None` if nobody does.
    by: Option<String>,
    /// What who answers is asked for, or why nobody does.
    what: String,
}

impl<'u> Told<'u> {
    /// Nothing yet, of the rules in this directory and these units.
    pub fn new(directory: &File, units: SlotMap<UnitId, &'u Unit>) -> Self {
        let text = std::fs::read_to_string(directory.join("tenantd.toml")).unwrap_or_default();
        Self { text, units, steps: Vec::new() }
    }

    /// A unit.
    pub fn known(&self, id: UnitId) -> Option<&'u Unit> {
        self.units.get(id).copied()
    }

    /// The path as all rules see it.
    pub fn path(&mut self, target: &str, path: &Path<'_>) {
        if path.target() != target {
            self.told("path", || format!("{target} is {}", path.target()));
        }
    }

    /// Takes back what was said of the tenant: others come before it.
    pub fn take_tenant(&mut self) -> Vec<Step> {
        let at = self.steps.iter().position(|step| step.name == "tenant").unwrap_or(self.steps.len());
        self.steps.split_off(at)
    }

    /// They had nothing to say.
    pub fn put_tenant(&mut self, steps: Vec<Step>) {
        self.steps.extend(steps);
    }

    /// What a target of a `[[proxy]]` is asked for.
    pub fn remote(&self, config: &Config, index: usize, path: &Path<'_>) -> String {
        let mut out = Vec::new();
        if let Some(rule) = config.proxies.get(index) {
            put_target(&mut out, rule, path);
        }
        let target = String::from_utf8_lossy(&out).into_owned();
        // As it is read again before it is asked for.
        let read = Path::parse(&target).map(|path| path.target().to_owned());
        read.unwrap_or(target)
    }

    /// Where the `index`th table of a section begins, or its only one.
    fn place(&self, section: &str, index: usize) -> Option<String> {
        let table = DeTable::parse(&self.text).ok()?;
        let section = table.get_ref().get(section)?;
        let offset = section.get_ref().as_array().map_or(Some(section), |all| all.get(index))?.span().start;
        let line = self.text.get(..offset)?.matches('\n').count() + 1;
        Some(format!("tenantd.toml:{line}"))
    }

    /// For people.
    pub fn text(&self, verdict: &Verdict) -> String {
        let mut text = String::new();
        for Step { name, place, what } in &self.steps {
            let place = place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:<14} {}{place}", what.as_deref().unwrap_or("-"));
        }
        let status = verdict.status.map(|status| format!("{status} ")).unwrap_or_default();
        let by = verdict.by.as_ref().filter(|_| verdict.location.is_none());
        let by = by.map(|by| format!("{by} ")).unwrap_or_default();
        let _ = writeln!(text, "\n→ {status}{by}{}", verdict.location.as_ref().unwrap_or(&verdict.what));
        text
    }

    /// For programs.
    pub fn json(&self, verdict: &Verdict) -> Json {
        let step = |step: &Step| json!({ "step": step.name, "place": step.place, "what": step.what });
        json!({
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
            "answered": verdict.is_answered(),
            "status": verdict.status,
            "location": verdict.location,
            "by": verdict.by,
            "what": verdict.what,
        })
    }

    fn push(&mut self, name: &'static str, place: Option<String>, what: Option<String>) {
        self.steps.push(Step { name, place, what });
    }
}

impl Trace for Told<'_> {
    fn rule(&mut self, step: &'static str, index: usize, what: impl FnOnce() -> String) {
        let place = self.place(step, index);
        self.push(step, place, Some(what()));
    }

    fn told(&mut self, step: &'static str, what: impl FnOnce() -> String) {
        self.push(step, None, Some(what()));
    }

    fn unit(&mut self, id: UnitId) {
        let Some(unit) = self.units.get(id) else { return };
        let (source, route) = (unit.source.display().to_string(), unit.route.as_ref());
        let host = route.and_then(|route| route.host.as_deref()).unwrap_or_default();
        let path = route.map_or("", |route| if route.path.is_empty() { "/" } else { &route.path });
        let what = format!("{}, whose route is {host}{path}", unit.name);
        self.push("tenant", Some(source), Some(what));
    }

    fn none(&mut self, step: &'static str) {
        self.push(step, None, None);
    }
}

impl Verdict {
    /// Answered by us with this status.
    pub fn answered(status: u16, by: &str) -> Self {
        Self { status: Some(status), location: None, by: Some(by.to_owned()), what: String::new() }
    }

    /// Sent elsewhere.
    pub fn elsewhere(status: u16, location: String) -> Self {
        Self { status: Some(status), location: Some(location), by: Some("redirect".to_owned()), what: String::new() }
    }

    /// Another machine is asked for by this status.
    pub fn replayed(status: u16, to: &str) -> Self {
        Self { status: Some(status), location: None, by: Some("replay".to_owned()), what: to.to_owned() }
    }

    /// Asked of somebody, who chooses the status.
    pub fn sent(to: &str, target: &str) -> Self {
        Self { status: None, location: None, by: Some(to.to_owned()), what: target.to_owned() }
    }

    /// Refused.
    pub fn refused(status: u16, why: &str) -> Self {
        Self { status: Some(status), location: None, by: None, what: why.to_owned() }
    }

    pub fn is_answered(&self) -> bool {
        self.by.is_some()
    }
}
