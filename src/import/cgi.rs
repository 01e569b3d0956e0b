//! `server.cgi_scripts`.

use super::draft::Draft;
use super::environment::{self, Environment};
use super::keys::Field;
use super::routes::methods;
use super::toml::{Table, Toml};
use super::{template, value};
use crate::unit::route::check_path;

/// Reads the list.
pub(super) fn scripts(field: &Field<'_>, draft: &mut Draft<'_>) {
    for item in field.items() {
        script(&item, draft);
    }
}

fn script(item: &Field<'_>, draft: &mut Draft<'_>) {
    let mut keys = item.keys(draft);
    let mut table = Table::new("");
    if let Some(field) = keys.take("path") {
        table.may("path", field.text(draft).filter(|path| is_path(path, &field, draft)));
        draft.as_is(&field, "[[cgi]] path");
    }
    if let Some(field) = keys.take("script") {
        let root = draft.options.root.to_string_lossy().into_owned();
        let program = field.text(draft).map(|script| draft.program(vec![format_script(&script)], &root));
        table.may("exec", program);
        draft.mapped(&field, "[[cgi]] exec");
    }
    table.set("methods", METHODS.to_vec());
    for key in ["method", "methods"] {
        if let Some(field) = keys.take(key) {
            let all = methods(&field, draft);
            if !all.is_empty() {
                table.set("methods", all);
            }
            draft.mapped(&field, "[[cgi]] methods");
        }
    }
    for key in ["user", "group"] {
        if let Some(field) = keys.take(key) {
            table.may(key, field.text(draft).filter(|text| !text.is_empty()));
            draft.as_is(&field, &format!("[[cgi]] {key}"));
        }
    }
    if let Some(field) = keys.take("allowed_users") {
        let users = field.texts(draft);
        table.set("allowed_users", users);
        draft.as_is(&field, "[[cgi]] allowed_users, after their password was checked");
    }
    let mut environment = Environment::default();
    if let Some(field) = keys.take("env") {
        environment = environment::literal(&field, draft);
        draft.mapped(&field, "[[cgi]] environment");
    }
    let Environment { variables: Toml::Map(entries), passed } = environment else { return };
    table.set("pass_environment", template::passed(&passed, &entries));
    if !entries.is_empty() {
        table.set("environment", Toml::Map(entries));
    }
    // Navigator knows no limit where none is said; an hour is one that nobody waits for.
    table.set("timeout", "1h");
    if let Some(field) = keys.take("timeout") {
        table.may("timeout", draft.duration(&field).filter(|span| !value::is_zero(span)));
        draft.as_is(&field, "[[cgi]] timeout, for the whole process group");
    }
    if let Some(field) = keys.take("reload_config") {
        reload(&field, &mut table, draft);
    }
    keys.finish(draft);
    let has = |key: &str| table.keys.iter().any(|(name, _)| name == key);
    if !has("path") || !has("exec") {
        return draft.refuse(item, "a script needs a path and a script; add them");
    }
    if draft.all("cgi").any(|other| answers_the_same(other, &table)) {
        return draft
            .refuse(item, "another script has this path and method; leave one out, or give each its own methods");
    }
    draft.push("cgi", item.line, table);
}

fn answers_the_same(one: &Table, other: &Table) -> bool {
    let methods = |table: &Table| match table.value("methods") {
        Some(Toml::List(all)) => all.clone(),
        _ => Vec::new(),
    };
    one.value("path") == other.value("path") && methods(one).iter().any(|method| methods(other).contains(method))
}

fn is_path(path: &str, field: &Field<'_>, draft: &mut Draft<'_>) -> bool {
    match check_path(path) {
        Err(why) if path != "/" => {
            draft.refuse(field, &why);
            false
        }
        _ => true,
    }
}

/// All methods: Navigator's scripts answer each, unless one is named.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// A plain name would be looked up in PATH.
fn format_script(script: &str) -> String {
    if script.contains('/') { script.to_owned() } else { format!("./{script}") }
}

fn reload(field: &Field<'_>, table: &mut Table, draft: &mut Draft<'_>) {
    if field.text(draft).is_none_or(|file| file.is_empty()) {
        return;
    }
    table.set("reload_config", true);
    draft.mapped(field, "[[cgi]] reload_config = true; tenantd import --watch follows the file that the script writes");
    draft.report.change(
        field.line,
        "a script that writes navigator.yml takes effect when it is imported: run tenantd import --watch as a unit",
    );
}
