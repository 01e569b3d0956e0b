//! `routes.fly`: replays to other machines, and the sticky sessions that Navigator parsed and dropped.

use super::draft::Draft;
use super::keys::Field;
use super::routes::{methods, pattern};
use super::toml::Table;

/// Reads `routes.fly`.
pub(super) fn fly(field: &Field<'_>, draft: &mut Draft<'_>) {
    let mut keys = field.keys(draft);
    if let Some(field) = keys.take("replay") {
        for item in field.items() {
            replay(&item, draft);
        }
    }
    if let Some(field) = keys.take("sticky_sessions") {
        sticky(&field, draft);
    }
    keys.finish(draft);
}

fn replay(item: &Field<'_>, draft: &mut Draft<'_>) {
    let mut keys = item.keys(draft);
    let mut table = Table::new("");
    let path = [keys.take("path"), keys.take("pattern")].into_iter().flatten().next();
    if let Some(field) = &path {
        table.may("pattern", pattern(field, draft));
        let own = field.key.ends_with(".path");
        if own { draft.mapped(field, "[[replay]] pattern") } else { draft.works(field, "[[replay]] pattern") }
    }
    let app = keys.take("app");
    let region = keys.take("region");
    let machine = [keys.take("machine"), keys.take("instance")].into_iter().flatten().next();
    let works = |field: Option<Field<'_>>, key: &str, table: &mut Table, draft: &mut Draft<'_>| {
        if let Some(field) = field {
            table.may(key, field.text(draft).filter(|text| !text.is_empty()));
            draft.works(&field, &format!("[[replay]] {key}"));
        }
    };
    if let Some(field) = &app {
        table.may("app", field.text(draft).filter(|text| !text.is_empty()));
        draft.as_is(field, "[[replay]] app");
    }
    if let Some(field) = &region {
        // Navigator: the app beats the region; and one machine is in one region.
        let beaten = app.is_some() || machine.is_some();
        let region = if beaten { None } else { field.text(draft).filter(|text| !text.is_empty()) };
        table.may("region", region);
        draft.as_is(field, if beaten { "nothing: app and machine beat region" } else { "[[replay]] region" });
    }
    works(machine, "machine", &mut table, draft);
    if let Some(field) = keys.take("status") {
        status(&field, &mut table, draft);
    }
    if let Some(field) = keys.take("methods") {
        let all = methods(&field, draft);
        if !all.is_empty() {
            table.set("methods", all);
        }
        draft.works(&field, "[[replay]] methods");
    }
    if let Some(field) = keys.take("timeout") {
        table.may("timeout", draft.some_time(&field));
        draft.works(&field, "[[replay]] timeout");
    }
    if let Some(field) = keys.take("fallback") {
        let all = draft.checked(&field, fallback);
        table.may("fallback", all.into_iter().next());
        draft.works(&field, "[[replay]] fallback");
    }
    if let Some(field) = keys.take("flag").or_else(|| keys.take("replacement")) {
        draft.refuse(&field, "a replay goes to an app, a region or a machine; name one of them");
    }
    keys.finish(draft);
    let has = |key: &str| table.keys.iter().any(|(name, _)| name == key);
    if !has("pattern") || !["app", "region", "machine"].into_iter().any(has) {
        let why =
            "a replay needs a path, and an app, a region or a machine; add them (without path, Navigator took all)";
        return draft.refuse(item, why);
    }
    draft.push("replay", item.line, table);
    super::server::believe_proxies(draft);
}

fn status(field: &Field<'_>, table: &mut Table, draft: &mut Draft<'_>) {
    match field.number(draft) {
        Some(204 | 205 | 304) => draft.refuse(field, "an answer of this status has no body; 307 is taken"),
        Some(status @ 200..=599) => {
            table.set("status", status);
            draft.as_is(field, "[[replay]] status");
        }
        Some(_) => draft.refuse(field, "no status of an answer; 307 is taken"),
        None => {}
    }
}

fn fallback(word: &str) -> Result<(), String> {
    let known = matches!(word, "force_self" | "prefer_self" | "none");
    known.then_some(()).ok_or_else(|| format!("\"{word}\" is none of force_self, prefer_self, none; leave it out"))
}

/// A directory is all below it.
fn below(path: String) -> String {
    if path.ends_with('/') { format!("{path}*") } else { path }
}

/// Keys of `sticky_sessions`, and ours.
const STICKY: [(&str, &str); 7] = [
    ("cookie_name", "name"),
    ("cookie_max_age", "max_age"),
    ("cookie_secure", "secure"),
    ("cookie_httponly", "http_only"),
    ("cookie_samesite", "same_site"),
    ("cookie_path", "path"),
    ("paths", "paths"),
];

fn sticky(field: &Field<'_>, draft: &mut Draft<'_>) {
    let mut keys = field.keys(draft);
    let off = keys.take("enabled").is_none_or(|field| field.boolean(draft) != Some(true));
    let mut table = Table::new("[sticky]");
    for (key, ours) in STICKY {
        let Some(field) = keys.take(key) else { continue };
        match ours {
            "max_age" => drop(table.may(ours, draft.some_time(&field))),
            "secure" | "http_only" => drop(table.may(ours, field.boolean(draft))),
            "paths" => drop(table.set(ours, field.texts(draft).into_iter().map(below).collect::<Vec<_>>())),
            "same_site" => drop(table.may(ours, field.text(draft).map(|word| word.to_ascii_lowercase()))),
            _ => drop(table.may(ours, field.text(draft))),
        }
        if !off {
            draft.works(&field, &format!("[sticky] {ours}"));
        }
    }
    keys.finish(draft);
    if off {
        return draft.as_is(field, "off");
    }
    draft.works(field, "[sticky]");
    draft.report.change(field.line, "sessions are sticky from now on (Navigator dropped sticky_sessions)");
    draft.report.change(
        field.line,
        "the cookie of [sticky] is signed: give every machine the same STICKY_SECRET (openssl rand -hex 32), or clients stay with none",
    );
    let section = draft.section("sticky").say(format!("line {}", field.line));
    section.set("secret_env", "STICKY_SECRET");
    for (key, value) in table.keys {
        section.set(&key, value);
    }
}
