//! `applications`, `pools` and what the documentation puts beside them: everything that tenants have in common.

use std::collections::{BTreeMap, HashMap};

use super::draft::Draft;
use super::environment;
use super::hooks::Hooks;
use super::keys::{Field, Keys};
use super::server::Server;
use super::template;
use super::tenant::{Common, Tenant, tenant};
use super::yaml::Yaml;

/// Navigator's `pools.timeout`.
const IDLE: &str = "10m";

/// Reads the rest of the file; the answer is the number of tenants.
pub(super) fn applications(keys: &mut Keys<'_>, server: &Server, hooks: Hooks, draft: &mut Draft<'_>) -> usize {
    let mut common = Common { settings: hooks.tenants, root_path: server.root_path.clone(), ..Common::default() };
    common.root = draft.path("");
    common.settings.set("service", "idle_stop", IDLE);
    common.settings.set("route", "trailing_slash", true);
    outside(keys, &mut common, draft);
    let tenants = match keys.take("applications") {
        // A list of tenants is not what Navigator reads, yet nothing else can be meant.
        Some(field) if matches!(field.node.value, Yaml::List(_)) => {
            draft.works(&field, "the tenants");
            tenants(&field, &common, draft)
        }
        Some(field) => {
            let mut keys = field.keys(draft);
            outside(&mut keys, &mut common, draft);
            inside(&mut keys, &mut common, draft);
            let list = keys.take("tenants");
            keys.finish(draft);
            list.map(|field| tenants(&field, &common, draft)).unwrap_or_default()
        }
        None => Vec::new(),
    };
    let count = tenants.len();
    let units = template::templates(tenants, &common, hooks.first.as_deref(), draft);
    if count > 0 {
        draft.report.change(
            0,
            "tenants, hooks and processes do not inherit the container's environment: name what they need in \
             pass_environment (a list of usual names is there)",
        );
        draft.report.change(
            0,
            "GET of a tenant's path without the slash is sent to the one with it (Navigator gave it to the tenant above)",
        );
        draft
            .report
            .change(0, "tenants listen on loopback; write their command for LISTEN_FDS later (units/rails@.toml)");
    }
    health(server, &units, draft);
    count
}

/// The health check that Navigator hands to the tenant of its path.
fn health(server: &Server, units: &BTreeMap<String, String>, draft: &mut Draft<'_>) {
    let Some((path, line)) = &server.health_of_tenant else { return };
    let path = path.trim_start_matches('/');
    let covers = |prefix: &str| {
        prefix.is_empty() || path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match units.iter().filter(|(prefix, _)| covers(prefix)).max_by_key(|(prefix, _)| prefix.len()) {
        Some((_, unit)) => drop(draft.section("health").set("unit", unit.as_str())),
        None => draft.report.change(*line, "tenantd answers the health check itself; no tenant has its path"),
    }
}

fn tenants(field: &Field<'_>, common: &Common, draft: &mut Draft<'_>) -> Vec<Tenant> {
    let mut all: Vec<Tenant> = Vec::new();
    let mut lines: HashMap<String, u32> = HashMap::new();
    for item in field.items() {
        let Some(tenant) = tenant(&item, common, draft) else { continue };
        match lines.get(&tenant.path) {
            Some(line) => {
                let why = format!("a second tenant with the path /{} (line {line}); change one", tenant.path);
                draft.refuse(&item, &why);
            }
            None => {
                lines.insert(tenant.path.clone(), tenant.line);
                all.push(tenant);
            }
        }
    }
    all
}

/// Keys that stand in `applications`, and in the documentation at the top too.
fn outside(keys: &mut Keys<'_>, common: &mut Common, draft: &mut Draft<'_>) {
    if let Some(field) = keys.take("pools") {
        pools(&field, common, draft);
    }
    for (key, live) in [("global_env", false), ("env", true)] {
        let Some(field) = keys.take(key) else { continue };
        let more = environment::variables(&field, draft);
        common.environment.retain(|old| !more.iter().any(|new| new.name == old.name));
        common.environment.extend(more);
        let became = "[service.environment] of the template";
        if live { draft.mapped(&field, became) } else { draft.works(&field, became) }
    }
    if let Some(field) = keys.take("framework") {
        if let Yaml::Text(name) = &field.node.value {
            common.framework.clone_from(name);
        }
        common.frameworks.everybody(&field, draft);
    }
    if let Some(field) = keys.take("frameworks") {
        common.frameworks.named(&field, draft);
        draft.works(&field, "templates with these commands");
    }
    if let Some(field) = keys.take("defaults") {
        let mut keys = field.keys(draft);
        outside(&mut keys, common, draft);
        inside(&mut keys, common, draft);
        keys.finish(draft);
        draft.works(&field, "the template");
    }
}

/// Keys that stand in `applications` alone.
fn inside(keys: &mut Keys<'_>, common: &mut Common, draft: &mut Draft<'_>) {
    common.frameworks.maps(keys, draft);
    if let Some(field) = keys.take("health_check") {
        draft.mapped(&field, "no key: the first request waits until the tenant accepts, without a probe");
    }
    if let Some(field) = keys.take("track_websockets") {
        field.boolean(draft);
        draft.as_is(&field, "true, whatever it says, as in Navigator: an open WebSocket keeps its tenant up");
    }
    common.settings.read(keys, false, draft);
}

fn pools(field: &Field<'_>, common: &mut Common, draft: &mut Draft<'_>) {
    let mut keys = field.keys(draft);
    if let Some(field) = keys.take("max_size") {
        if let Some(most) = field.number(draft).filter(|most| *most > 0) {
            draft.section("pool").say(format!("line {}", field.line)).set("running", most);
        }
        draft.works(&field, "[pool] running");
        draft.report.change(
            field.line,
            "pools.max_size holds: when one tenant more is wanted, the one that is idle longest is stopped (Navigator never read it)",
        );
    }
    if let Some(field) = keys.take("start_port") {
        draft.mapped(&field, "no key: each tenant has a free loopback port in PORT");
    }
    common.settings.read(&mut keys, false, draft);
    keys.finish(draft);
}
