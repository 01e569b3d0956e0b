//! What the doctor has found, for people and for programs. Pure; no value of a variable is in it.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value as Json, json};

use super::cure::{Context, cures};
use crate::preload::{Difference, Ready};
use crate::unit::{Template, Unit};

/// A tenant beside its template.
#[derive(Debug)]
pub(super) struct Tenant {
    pub unit: String,
    pub outcome: Outcome,
}

/// Whether it can be forked.
#[derive(Debug)]
pub(super) enum Outcome {
    /// This key of its unit is not the template's.
    Unlike(&'static str),
    /// Its environment cannot be read, for this reason.
    Unknown(String),
    /// By its environment.
    Compared {
        /// In what it differs.
        all: Vec<Difference>,
        /// Those of them that nobody sees to.
        left: Vec<Difference>,
    },
}

impl Outcome {
    fn left(&self) -> &[Difference] {
        match self {
            Self::Compared { left, .. } => left,
            Self::Unlike(_) | Self::Unknown(_) => &[],
        }
    }

    /// Why it cannot be forked; empty if it can.
    fn because(&self) -> String {
        match self {
            Self::Unlike(key) => format!("its {key} is not the template's"),
            Self::Unknown(why) => why.clone(),
            Self::Compared { left, .. } => left.iter().map(|each| each.key.as_str()).collect::<Vec<_>>().join(", "),
        }
    }
}

/// All of it.
#[derive(Debug)]
pub(super) struct Report<'a> {
    unit: &'a Unit,
    template: &'a Template,
    ready: &'a Ready,
    tenants: Vec<Tenant>,
    /// What is in the way, and of whom.
    keys: Vec<(Difference, Vec<String>)>,
    /// What differs and is seen to.
    declared: Vec<Difference>,
}

impl<'a> Report<'a> {
    /// Gathers what the tenants have in common.
    pub fn new(unit: &'a Unit, template: &'a Template, ready: &'a Ready, tenants: Vec<Tenant>) -> Self {
        let mut keys: BTreeMap<(bool, String), (Difference, Vec<String>)> = BTreeMap::new();
        let mut declared = BTreeMap::new();
        for Tenant { unit, outcome } in &tenants {
            for each in outcome.left() {
                let of = keys.entry((!each.fixed, each.key.clone())).or_insert_with(|| (each.clone(), Vec::new()));
                of.1.push(unit.clone());
            }
            if let Outcome::Compared { all, left } = outcome {
                let seen_to = all.iter().filter(|each| !left.contains(each));
                declared.extend(seen_to.map(|each| (each.key.clone(), each.clone())));
            }
        }
        let (keys, declared) = (keys.into_values().collect(), declared.into_values().collect());
        Self { unit, template, ready, tenants, keys, declared }
    }

    /// Nothing is in anybody's way.
    pub fn all_forked(&self) -> bool {
        self.forked() == self.tenants.len()
    }

    fn forked(&self) -> usize {
        self.tenants.iter().filter(|tenant| self.forks(tenant)).count()
    }

    fn forks(&self, tenant: &Tenant) -> bool {
        self.because(tenant).is_empty()
    }

    fn because(&self, tenant: &Tenant) -> String {
        if self.ready.databases_open == 0 { tenant.outcome.because() } else { "the template is refused".to_owned() }
    }

    /// Why nobody can be forked from this template.
    fn refused(&self) -> Option<String> {
        let open = self.ready.databases_open;
        (open > 0).then(|| format!("the template holds {open} open databases, which every tenant would hold too: close them in an after_initialize"))
    }

    /// How many of the keys that were read are the same for all tenants.
    fn equal(&self) -> usize {
        let differ = self.keys.iter().map(|(difference, _)| difference).chain(&self.declared);
        let read = |each: &&Difference| self.ready.env.contains_key(&each.key);
        self.ready.env.len().saturating_sub(differ.filter(read).count())
    }

    /// The hook as its developer knows it, and whether it is there.
    fn hook(&self) -> (String, bool) {
        let hook = &self.template.hook;
        let directory = self.unit.service.working_directory.as_deref();
        let inside = directory.and_then(|directory| hook.strip_prefix(directory).ok()).unwrap_or(hook);
        (inside.display().to_string(), hook.exists())
    }

    fn cures(&self, difference: &Difference) -> Vec<String> {
        let file = self.unit.source.file_name().map_or_else(|| "its unit".into(), |name| name.to_string_lossy());
        cures(difference, &Context { engine: self.template.engine, file: &file, hook: &self.hook().0 })
    }

    /// One object.
    pub fn json(&self) -> Json {
        let Ready { engine, schema, threads, databases_open, warmed, notes, seconds, truncated, env } = self.ready;
        let tenant = |tenant: &Tenant| {
            let keys: Vec<_> = tenant.outcome.left().iter().map(|each| &each.key).collect();
            let how = if self.forks(tenant) { "fork" } else { "exec" };
            json!({ "unit": tenant.unit, "start": how, "because": self.because(tenant), "keys": keys })
        };
        let key = |(difference, tenants): &(Difference, Vec<String>)| {
            let Difference { key, places, fixed } = difference;
            json!({ "key": key, "places": places, "fixed": fixed, "tenants": tenants, "cures": self.cures(difference) })
        };
        let warmed = warmed.iter().map(|(path, status)| json!({ "path": path, "status": status }));
        let (hook, there) = self.hook();
        json!({
            "template": self.unit.name.as_str(), "engine": engine, "seconds": seconds, "forked": self.forked(),
            "tenants": self.tenants.iter().map(tenant).collect::<Vec<_>>(),
            "keys": self.keys.iter().map(key).collect::<Vec<_>>(),
            "declared": self.declared, "hook": { "path": hook, "exists": there }, "refused": self.refused(),
            "warmed": warmed.collect::<Vec<_>>(), "schema": schema, "threads": threads, "notes": notes,
            "databases_open": databases_open, "read": env.len(), "equal": self.equal(), "truncated": truncated,
        })
    }

    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.tenants.iter().map(|tenant| tenant.unit.len()).max().unwrap_or(0).max(4);
        writeln!(f, "{:<width$}  START  BECAUSE", "UNIT")?;
        for tenant in &self.tenants {
            let how = if self.forks(tenant) { "fork" } else { "exec" };
            writeln!(f, "{}", format!("{:<width$}  {how:<5}  {}", tenant.unit, self.because(tenant)).trim_end())?;
        }
        Ok(())
    }

    fn key(&self, f: &mut fmt::Formatter<'_>, difference: &Difference, tenants: &[String]) -> fmt::Result {
        const MOST: usize = 5;
        let Difference { key, places, fixed } = difference;
        let more = tenants.len().saturating_sub(MOST);
        let named = tenants[..tenants.len() - more].join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        writeln!(f, "\n{key} differs in {named}{more}")?;
        if *fixed {
            row(f, "fixed", "in effect before the application runs: preload_env cannot change that")?;
        }
        match (places.as_slice(), self.ready.truncated) {
            ([], true) if !fixed => row(f, "read at", "unknown: the list of what was read is too long to be told")?,
            (places, _) => rows(f, "read at", places)?,
        }
        for (n, cure) in self.cures(difference).iter().enumerate() {
            row(f, if n == 0 { "cure" } else { "or" }, cure)?;
        }
        Ok(())
    }

    fn template(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ready { schema, threads, warmed, notes, env, .. } = self.ready;
        let warm = |(path, status): &(String, u16)| {
            let failed = if *status >= 500 { ": FAILED, see what it says above; its view is not warm" } else { "" };
            format!("{path} {status}{failed}")
        };
        writeln!(f)?;
        rows(f, "warm-up", &warmed.iter().map(warm).collect::<Vec<_>>())?;
        rows(f, "schema", &schema.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>())?;
        rows(f, "thread", &threads.iter().map(|name| format!("{name}: no tenant has it")).collect::<Vec<_>>())?;
        let (hook, there) = self.hook();
        let seen_to = |each: &Difference| match there {
            true => format!("{}, seen to by {hook}", each.key),
            false => format!("{}, but {hook} is not there: all tenants have the template's value", each.key),
        };
        rows(f, "declared", &self.declared.iter().map(seen_to).collect::<Vec<_>>())?;
        row(f, "read", &format!("{} variables, {} of them the same for all", env.len(), self.equal()))?;
        rows(f, "note", notes)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ready { engine, seconds, .. } = self.ready;
        writeln!(f, "{}: {engine}, ready in {seconds:.1} s\n", self.unit.name)?;
        self.table(f)?;
        for (difference, tenants) in &self.keys {
            self.key(f, difference, tenants)?;
        }
        self.template(f)?;
        if let Some(why) = self.refused() {
            row(f, "refused", &why)?;
        }
        writeln!(f, "\n{} of {} tenants can be forked", self.forked(), self.tenants.len())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    writeln!(f, "  {name:<9} {text}")
}

/// The name stands before the first of them.
fn rows(f: &mut fmt::Formatter<'_>, name: &str, texts: &[String]) -> fmt::Result {
    texts.iter().enumerate().try_for_each(|(n, text)| row(f, if n == 0 { name } else { "" }, text))
}
