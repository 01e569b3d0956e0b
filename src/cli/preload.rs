//! `preload doctor`: which tenants can be forked from their template, what is in the way of the others, and the cure. Boots
//! the template itself, and needs no daemon.

mod cure;
mod report;
mod trial;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use super::ask::{no_such_unit, print_json};
use super::{CONFIG, OSERR, own, usage};
use crate::config;
use crate::preload::verdict;
use crate::process::{self, directories, environment, environment_file};
use crate::unit::{self, Name, Template, Unit};
use report::{Outcome, Report, Tenant};
use trial::{Failure, boot};

/// Runs `preload WORD…`. 0 if every tenant can be forked, 1 if one cannot or the application does not boot, 4 if there is no
/// such unit, 71 if the system refuses something, 78 for a configuration that is wrong or has no preload.
pub(super) fn run(directory: &Path, words: &[&str], json: bool) -> ExitCode {
    let ["doctor", word] = words else {
        return usage("preload: which unit? write tenantd preload doctor showcase@, or showcase@boston");
    };
    let units = match config::load(directory, &own) {
        Ok(loaded) => loaded.units,
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
            return ExitCode::from(CONFIG);
        }
    };
    let tenants = tenants(&units, word);
    let Some(first) = tenants.first() else { return without_tenants(&units, word) };
    let prefix = first.name.prefix();
    let found = units.iter().find(|unit| unit.template.is_some() && unit.name.prefix() == prefix);
    let Some((unit, template)) = found.and_then(|unit| Some((unit, unit.template.as_deref()?))) else {
        eprintln!(
            "tenantd: {} has no preload; write preload = \"rails\" (or \"wsgi\") below [service]",
            first.source.display()
        );
        return ExitCode::from(CONFIG);
    };
    examine(unit, template, &tenants, json)
}

/// The tenants that `showcase`, `showcase@`, the name of their template, or that of one of them means.
fn tenants<'u>(units: &'u [Unit], word: &str) -> Vec<&'u Unit> {
    let (prefix, instance) = word.split_once('@').unwrap_or((word, ""));
    let all = instance.is_empty() || instance == Name::TEMPLATE;
    let tenants = units.iter().filter(|unit| unit.template.is_none() && unit.name.prefix() == prefix);
    tenants.filter(|unit| unit.name.instance().is_some_and(|own| all || own == instance)).collect()
}

fn without_tenants(units: &[Unit], word: &str) -> ExitCode {
    if units.iter().all(|unit| unit.name.as_str() != word) {
        return no_such_unit(word);
    }
    eprintln!("tenantd: {word} is no tenant: only the instances of a template, NAME@.toml, have a preload");
    ExitCode::from(CONFIG)
}

/// Boots the template and compares it with its tenants.
fn examine(unit: &Unit, template: &Template, tenants: &[&Unit], json: bool) -> ExitCode {
    let environment = match surroundings(unit) {
        Ok(environment) => environment,
        Err(why) => {
            eprintln!("tenantd: {}: {why}", unit.name);
            return ExitCode::from(CONFIG);
        }
    };
    let ready = match boot(unit, template, &environment) {
        Ok(ready) => ready,
        Err(Failure::System(why)) => {
            eprintln!("tenantd: {}: {why}", unit.name);
            return ExitCode::from(OSERR);
        }
        Err(Failure::Application(why)) => {
            eprintln!("tenantd: {}: {why}; all tenants are started without it", unit.name);
            return ExitCode::FAILURE;
        }
        // What a shell shows of it.
        Err(Failure::Interrupted) => return ExitCode::from(130),
    };
    let tenant = |tenant: &&Unit| Tenant {
        unit: tenant.name.to_string(),
        outcome: match (unit::unlike(unit, tenant), surroundings(tenant)) {
            (Some(key), _) => Outcome::Unlike(key),
            (None, Err(why)) => Outcome::Unknown(why),
            (None, Ok(own)) => Outcome::Compared {
                all: verdict(&environment, &ready, &own, &[]),
                left: verdict(&environment, &ready, &own, &template.declared),
            },
        },
    };
    let report = Report::new(unit, template, &ready, tenants.iter().map(tenant).collect());
    match json {
        true => drop(print_json(&report.json())),
        false => super::print(&report.to_string()),
    }
    if report.all_forked() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The environment that a unit's process is started with, or why that cannot be said.
fn surroundings(unit: &Unit) -> Result<BTreeMap<String, String>, String> {
    let service = &unit.service;
    let ids =
        process::user::of(service).unwrap_or_else(|| Ok(process::user::own())).map_err(|error| error.to_string())?;
    let files = environment_file::read(&service.environment_file).map_err(|error| error.to_string())?;
    let given = files.iter().map(|(name, value)| (name.as_str(), value.clone()));
    Ok(environment::complete(service, &ids, own, given.chain(directories::variables(service, own))))
}
