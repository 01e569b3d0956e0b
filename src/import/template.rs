//! Tenants → templates: those with the same command are instances of one, and say only what they have of their own.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, placeholder};
use super::environment::Variable;
use super::settings::Settings;
use super::tenant::{Common, Tenant};
use super::toml::{Table, Toml};
use super::value;

/// Variables of the container that an application of Ruby, its bundle and its machine are used to. They are passed on if
/// they are there; everything else has to be named, since Navigator's tenants inherited every secret.
const PASSED: [&str; 17] = [
    "RAILS_ENV",
    "RAILS_MASTER_KEY",
    "SECRET_KEY_BASE",
    "RAILS_LOG_TO_STDOUT",
    "BUNDLE_PATH",
    "BUNDLE_WITHOUT",
    "BUNDLE_DEPLOYMENT",
    "BUNDLE_APP_CONFIG",
    "GEM_HOME",
    "RUBYOPT",
    "RUBY_YJIT_ENABLE",
    "LD_PRELOAD",
    "MALLOC_CONF",
    "MALLOC_ARENA_MAX",
    "FLY_APP_NAME",
    "FLY_REGION",
    "FLY_MACHINE_ID",
];

/// Names for `pass_environment`: the usual ones and these, without those that are set.
pub(super) fn passed(more: &[String], set: &[(String, Toml)]) -> Vec<String> {
    let usual = PASSED.iter().map(|&name| name.to_owned());
    let mut all: Vec<String> = usual.filter(|name| !set.iter().any(|(other, _)| other == name)).collect();
    all.extend(more.iter().filter(|name| !PASSED.contains(&name.as_str())).cloned());
    all
}

/// Makes units of all tenants; the answer is the full name of each, by its path.
pub(super) fn templates(
    tenants: Vec<Tenant>,
    common: &Common,
    first: Option<&str>,
    draft: &mut Draft<'_>,
) -> BTreeMap<String, String> {
    let mut groups: Vec<Vec<Tenant>> = Vec::new();
    for tenant in tenants {
        let same = |group: &&mut Vec<Tenant>| {
            group.first().is_some_and(|one| one.command == tenant.command && one.framework == tenant.framework)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(tenant),
            None => groups.push(vec![tenant]),
        }
    }
    let mut units = BTreeMap::new();
    for group in groups {
        template(&group, common, first, draft, &mut units);
    }
    units
}

fn template(
    group: &[Tenant],
    common: &Common,
    first: Option<&str>,
    draft: &mut Draft<'_>,
    units: &mut BTreeMap<String, String>,
) {
    let Some(one) = group.first() else { return };
    let mut shared = common.settings.clone();
    shared.set("service", "working_directory", usual_directory(group));
    let mut shared = shared.finished();
    known_vars(&mut shared, group);
    let (everywhere, single): (Vec<_>, Vec<_>) = common.environment.iter().partition(|v| in_all(v, group));
    let mut environment = entries(&everywhere, &names(one));
    if is_open_rails(&one.command) && !environment.iter().any(|(name, _)| name == "BINDING") {
        environment.push(("BINDING".to_owned(), Toml::from("127.0.0.1")));
    }
    let own: Vec<String> = everywhere.iter().filter(|v| v.value.is_none()).map(|v| v.name.clone()).collect();
    shared.set("service", "pass_environment", passed(&own, &environment));
    let mut tables = head(one, &shared, first);
    tables.push(Table { title: "[service.environment]".into(), about: Vec::new(), keys: environment });
    let mut socket = Table::new("[socket]");
    socket.set("pass", "port");
    let mut route = Table::new("[route]");
    route.set("path", format!("/${{{}}}", path_var(group)));
    shared.write("route", &mut route);
    let mut sandbox = Table::new("[sandbox]");
    shared.write("sandbox", &mut sandbox);
    tables.extend([socket, route, sandbox]);
    let wanted =
        if one.framework.is_empty() { "app".to_owned() } else { value::name(&one.framework).replace('@', "-") };
    let mut taken = BTreeSet::new();
    let mut instances = Vec::new();
    for tenant in group {
        let name = free(&tenant.name, &mut taken);
        instances.push((tenant.path.clone(), name.clone()));
        tables.push(instance(tenant, &name, &shared, &single, path_var(group)));
    }
    let prefix = draft.unit(&wanted, "@", tables);
    units.extend(instances.into_iter().map(|(path, name)| (path, format!("{prefix}@{name}"))));
}

/// `[unit]` and `[service]`.
fn head(one: &Tenant, shared: &Settings, first: Option<&str>) -> Vec<Table> {
    let mut unit = Table::new("[unit]");
    unit.set("description", "%p %i");
    if let Some(first) = first {
        // Navigator does not begin when a start hook fails.
        unit.set("requires", vec![first]).set("after", vec![first]);
    }
    shared.write("unit", &mut unit);
    let mut service = Table::new("[service]");
    let words: Vec<String> = value::with_port(&one.command).iter().map(|word| keep(word, &names(one))).collect();
    service.set("exec_start", words);
    shared.write("service", &mut service);
    vec![unit, service]
}

/// `rails server` listens on all interfaces in production, past auth, unless it is told otherwise.
fn is_open_rails(command: &[String]) -> bool {
    let rails = command.iter().any(|word| word == "rails" || word.ends_with("/rails"));
    let server = command.iter().any(|word| word == "server" || word == "s");
    rails && server && !command.iter().any(|word| word.starts_with("-b") || word.starts_with("--binding"))
}

/// The directory of most of them.
fn usual_directory(group: &[Tenant]) -> Toml {
    let mut count: BTreeMap<&Toml, usize> = BTreeMap::new();
    for tenant in group {
        tenant
            .settings
            .value("service", "working_directory")
            .into_iter()
            .for_each(|path| *count.entry(path).or_default() += 1);
    }
    count.into_iter().max_by_key(|(_, count)| *count).map_or(Toml::from("/"), |(path, _)| path.clone())
}

/// A var for the path that no tenant has already.
fn path_var(group: &[Tenant]) -> &'static str {
    let taken = |name: &str| group.iter().any(|tenant| tenant.vars.contains_key(name));
    ["path", "route_path", "tenant_path"].into_iter().find(|name| !taken(name)).unwrap_or("navigator_path")
}

fn names(tenant: &Tenant) -> Vec<&str> {
    tenant.vars.keys().map(String::as_str).collect()
}

/// Whether every tenant knows the vars in a variable, or none does.
fn in_all(variable: &&Variable, group: &[Tenant]) -> bool {
    let text = variable.value.as_deref().unwrap_or_default();
    references(text).iter().all(|name| {
        let knowing = group.iter().filter(|tenant| tenant.vars.contains_key(*name)).count();
        knowing == 0 || knowing == group.len()
    })
}

fn references(text: &str) -> Vec<&str> {
    let (mut all, mut rest) = (Vec::new(), text);
    while let Some((_, name, after)) = placeholder(rest) {
        all.push(name);
        rest = after;
    }
    all
}

fn entries(variables: &[&Variable], vars: &[&str]) -> Vec<(String, Toml)> {
    let known = variables.iter().filter_map(|v| Some((v.name.clone(), v.value.as_deref()?)));
    known.map(|(name, text)| (name, Toml::Text(keep(text, vars)))).collect()
}

/// Safe for a unit, but for `${var}` of these vars.
fn keep(text: &str, vars: &[&str]) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, name, after)) = placeholder(rest) {
        out.push_str(&value::literal(before));
        out.extend([if vars.contains(&name) { "${" } else { "$${" }, &name.replace('%', "%%"), "}"]);
        rest = after;
    }
    out + &value::literal(rest)
}

/// `${var}` in hooks stays where every tenant has the var; else it is text, as for Navigator.
fn known_vars(settings: &mut Settings, group: &[Tenant]) {
    for (_, key, value) in &mut settings.values {
        if matches!(*key, "exec_start_pre" | "exec_stop_post") {
            each(value, &|word| in_hook(word, &|name| group.iter().all(|tenant| tenant.vars.contains_key(name))));
        }
    }
}

fn each(value: &mut Toml, change: &dyn Fn(&str) -> String) {
    match value {
        Toml::Text(text) => *text = change(text),
        Toml::List(items) => items.iter_mut().for_each(|item| each(item, change)),
        _ => {}
    }
}

fn in_hook(word: &str, known: &dyn Fn(&str) -> bool) -> String {
    let (mut out, mut rest) = (String::new(), word);
    while let Some((before, name, after)) = placeholder(rest) {
        out.extend([before, if known(name) { "${" } else { "$${" }, name, "}"]);
        rest = after;
    }
    out + &rest.replace("${", "$${")
}

/// A name that no other instance has.
fn free(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let mut name = wanted.to_owned();
    let mut number = 2;
    while !taken.insert(name.clone()) {
        name = format!("{wanted}-{number}");
        number += 1;
    }
    name
}

fn instance(tenant: &Tenant, name: &str, shared: &Settings, single: &[&Variable], path_var: &str) -> Table {
    let mut table = Table::new("[[instance]]");
    table.say(format!("line {}", tenant.line)).set("name", name);
    let vars = tenant.vars.iter().map(|(name, text)| (name.clone(), Toml::Text(value::literal(text))));
    let path = (path_var.to_owned(), Toml::Text(value::literal(&tenant.path)));
    table.set("vars", Toml::Map([path].into_iter().chain(vars).collect()));
    let own = names(tenant);
    let mut environment = entries(single, &own);
    let given: Vec<&Variable> = tenant.environment.iter().collect();
    for (name, value) in entries(&given, &own) {
        environment.retain(|(other, _)| *other != name);
        environment.push((name, value));
    }
    if !environment.is_empty() {
        table.set("environment", Toml::Map(environment));
    }
    let mut settings = tenant.settings.finished();
    known_vars(&mut settings, std::slice::from_ref(tenant));
    let inherited: Vec<String> =
        tenant.environment.iter().filter(|v| v.value.is_none()).map(|v| v.name.clone()).collect();
    if !inherited.is_empty()
        && let Some(Toml::List(all)) = shared.value("service", "pass_environment")
    {
        let more = inherited.into_iter().map(Toml::Text).filter(|name| !all.contains(name));
        settings.set("service", "pass_environment", Toml::List(all.iter().cloned().chain(more).collect()));
    }
    for (section, values) in settings.beyond(shared) {
        table.set(&section, values);
    }
    table
}
