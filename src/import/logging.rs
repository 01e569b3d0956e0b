//! `logging`: format, file, Vector.

use super::draft::Draft;
use super::keys::Field;
use super::toml::Table;
use super::{template, value};

/// Reads `logging`.
pub(super) fn logging(field: &Field<'_>, draft: &mut Draft<'_>) {
    let mut keys = field.keys(draft);
    if let Some(field) = keys.take("format") {
        match field.text(draft).as_deref() {
            Some("json") => draft.refuse(&field, "lines on stdout are text; tenantd logs --json prints them as JSON"),
            Some(_) => draft.as_is(&field, "text"),
            None => {}
        }
    }
    if let Some(field) = keys.take("file")
        && field.text(draft).is_some_and(|file| !file.is_empty())
    {
        draft.refuse(
            &field,
            "lines go to stdout, and tenantd keeps the last (tenantd logs); let the container keep them",
        );
    }
    if let Some(field) = keys.take("vector") {
        vector(&field, draft);
    }
    keys.finish(draft);
}

fn vector(field: &Field<'_>, draft: &mut Draft<'_>) {
    let mut keys = field.keys(draft);
    let enabled = keys.take("enabled").is_some_and(|field| field.boolean(draft) == Some(true));
    let socket = keys.take("socket").and_then(|field| Some((field.text(draft)?, field)));
    let config = keys.take("config").and_then(|field| Some((field.text(draft)?, field)));
    keys.finish(draft);
    if !enabled {
        return draft.as_is(field, "off");
    }
    if let Some((_, field)) = &socket {
        draft.refuse(
            field,
            "tenantd writes to stdout: let Vector read the container's log; the unit still gets the socket",
        );
    }
    let Some((config, field)) = config.filter(|(config, _)| !config.is_empty()) else {
        return draft.mapped(field, "no unit, as it has no config");
    };
    let mut unit = Table::new("[unit]");
    unit.say(format!("line {}", field.line)).set("priority", "high");
    let mut service = Table::new("[service]");
    if let Some((socket, _)) = socket {
        service
            .set("exec_start_pre", vec![vec!["rm".to_owned(), "-f".to_owned(), value::literal(&draft.path(&socket))]]);
    }
    let config = value::literal(&draft.path(&config));
    service.set("exec_start", vec!["vector", "--config", config.as_str()]);
    service.set("working_directory", value::literal(&draft.path("")));
    service.set("restart", "always").set("pass_environment", template::passed(&[], &[]));
    draft.unit("vector", "", vec![unit, service]);
    draft.mapped(&field, "units/vector.toml, first up and last down");
}
