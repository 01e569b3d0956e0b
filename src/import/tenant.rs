//! One of `applications.tenants`.

use std::collections::BTreeMap;

use super::command::{Command, Frameworks};
use super::draft::Draft;
use super::environment::{self, Variable};
use super::keys::{Field, Keys};
use super::settings::Settings;
use super::toml::Table;
use super::value;

/// A tenant, before it is an instance of a template.
#[derive(Debug)]
pub(super) struct Tenant {
    pub line: u32,
    /// Unlike any other's of its template once it is written.
    pub name: String,
    /// Without slashes around it.
    pub path: String,
    pub vars: BTreeMap<String, String>,
    pub environment: Vec<Variable>,
    /// Every word, with the placeholder of the port.
    pub command: Vec<String>,
    pub framework: String,
    pub settings: Settings,
}

/// What all tenants have.
#[derive(Debug, Default)]
pub(super) struct Common {
    pub settings: Settings,
    pub environment: Vec<Variable>,
    pub frameworks: Frameworks,
    pub framework: String,
    pub root_path: String,
    pub root: String,
}

/// Reads one; `None` if it is none, and told.
pub(super) fn tenant(item: &Field<'_>, common: &Common, draft: &mut Draft<'_>) -> Option<Tenant> {
    let mut keys = item.keys(draft);
    let path = keys.take("path").and_then(|field| {
        draft.mapped(&field, "[route] path, by a var of the instance");
        field.text(draft)
    });
    if let Some(server) = keys.take("standalone_server") {
        standalone(&server, path.as_deref(), &mut keys, draft);
        keys.finish(draft);
        return None;
    }
    let name = keys.take("name").and_then(|field| {
        draft.works(&field, "the instance's name");
        field.text(draft)
    });
    let framework = keys.take("framework").and_then(|field| {
        draft.mapped(&field, "the name of the template, and its command");
        field.text(draft)
    });
    let framework = framework.unwrap_or_else(|| common.framework.clone());
    let root = directory(&mut keys, draft);
    let vars = keys.take("var").or_else(|| keys.take("vars")).map(|field| vars(&field, draft)).unwrap_or_default();
    let environment = keys.take("env").map(|field| {
        draft.mapped(&field, "environment of the [[instance]]");
        environment::variables(&field, draft)
    });
    let own = Command::read(&mut keys, true, draft);
    let command = common.frameworks.of(own, &framework);
    let mut settings = common.settings.clone();
    settings.read(&mut keys, true, draft);
    let root = root.or_else(|| command.directory.as_deref().map(|path| draft.path(path)));
    let root = root.unwrap_or_else(|| common.root.clone());
    settings.set("service", "working_directory", value::literal(&root));
    habits(&mut keys, draft);
    keys.finish(draft);
    let Some(path) = path.as_deref().and_then(|path| route(item, path, draft)) else {
        draft.refuse(item, "a tenant needs a path; add it");
        return None;
    };
    let name = name.unwrap_or_else(|| short(&path, &common.root_path));
    let words = with_port_variable(command.words(), command.port.as_deref());
    let command = draft.program(words, &root);
    let environment = environment.unwrap_or_default();
    Some(Tenant { line: item.line, name: value::name(&name), path, vars, environment, command, framework, settings })
}

/// `{{port}}` under another name: the shell that is needed for it sets the variable.
fn with_port_variable(words: Vec<String>, name: Option<&str>) -> Vec<String> {
    match name {
        Some(name) => [vec!["env".to_owned(), format!("{name}={{{{port}}}}")], words].concat(),
        None => words,
    }
}

fn directory(keys: &mut Keys<'_>, draft: &mut Draft<'_>) -> Option<String> {
    let mut found = None;
    for (key, live) in [("working_dir", false), ("working_directory", false), ("root", true)] {
        let Some(field) = keys.take(key) else { continue };
        found = field.text(draft).filter(|path| !path.is_empty()).or(found);
        let became = "[service] working_directory";
        if live { draft.mapped(&field, became) } else { draft.works(&field, became) }
    }
    found.map(|path| draft.path(&path))
}

fn vars(field: &Field<'_>, draft: &mut Draft<'_>) -> BTreeMap<String, String> {
    draft.mapped(field, "vars of the [[instance]]");
    let mut all = BTreeMap::new();
    for (name, field) in field.keys(draft).all() {
        let legal = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !legal {
            draft.refuse(&field, "no name of a var; use letters, digits, _ and -");
            continue;
        }
        if let Some(text) = field.text(draft) {
            all.insert(name.to_owned(), text);
        }
    }
    all
}

/// Keys that say how Navigator looks after a tenant.
fn habits(keys: &mut Keys<'_>, draft: &mut Draft<'_>) {
    if let Some(field) = keys.take("health_check") {
        draft.mapped(&field, "no key: the first request waits until the tenant accepts, without a probe");
    }
    if let Some(field) = keys.take("track_websockets") {
        if field.boolean(draft) == Some(false) {
            draft.refuse(&field, "an open WebSocket keeps its tenant up; [http] timeout_tunnel ends silent ones");
        } else {
            draft.as_is(&field, "an open WebSocket keeps its tenant up");
        }
    }
    if let Some(field) = keys.take("special") {
        draft.mapped(&field, "no key: it had no effect");
    }
    for key in ["match_pattern", "exclude_methods"] {
        if let Some(field) = keys.take(key) {
            draft.refuse(&field, "a tenant has a prefix; send other paths elsewhere with a [[proxy]] or a [[rewrite]]");
        }
    }
}

/// A prefix in the form that ours has; Navigator appends the slash.
fn route(item: &Field<'_>, text: &str, draft: &mut Draft<'_>) -> Option<String> {
    let path = text.trim_matches('/');
    let whole = format!("/{path}");
    match crate::unit::route::check_path(&whole) {
        _ if path.is_empty() => Some(String::new()),
        Ok(()) => Some(path.to_owned()),
        Err(why) => {
            draft.refuse(item, &why);
            None
        }
    }
}

/// Navigator's name: the path without what all have in common.
fn short(path: &str, root_path: &str) -> String {
    let common = root_path.trim_matches('/');
    let rest = path.strip_prefix(common).filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(path);
    match rest.trim_matches('/') {
        "" => "index".to_owned(),
        rest => rest.replace('/', "-"),
    }
}

/// A server that runs by itself, in the documentation: a reverse proxy.
fn standalone(field: &Field<'_>, path: Option<&str>, keys: &mut Keys<'_>, draft: &mut Draft<'_>) {
    let pattern = keys.take("match_pattern").and_then(|field| field.text(draft)).map(|glob| glob_pattern(&glob));
    for key in ["name", "special", "force_max_concurrent_requests", "root", "framework", "var", "env"] {
        keys.take(key);
    }
    let Some(target) = field.text(draft) else { return };
    let target = if target.contains("://") { target } else { format!("http://{target}") };
    let mut table = Table::new("");
    table.set("name", value::name(path.unwrap_or("standalone")));
    match pattern {
        Some(pattern) => table.set("pattern", pattern),
        None => table.set("path", format!("/{}", path.unwrap_or_default().trim_matches('/'))),
    };
    table.set("target", target).set("preserve_host", true);
    draft.push("proxy", field.line, table);
    draft.works(field, "[[proxy]]");
}

/// `*/cable` as an expression.
fn glob_pattern(glob: &str) -> String {
    let parts: Vec<String> = glob.split('*').map(regex::escape).collect();
    format!("^{}$", parts.join(".*"))
}
