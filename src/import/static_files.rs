//! `server.static`: the directory of files, what is looked for in it, and how long clients keep it.

use super::draft::Draft;
use super::keys::{Field, Keys};
use super::server::Server;
use super::toml::{Table, Toml};
use super::value;
use crate::config::{check_beginning, check_extension, check_suffix};

/// Reads `static` and `public_dir` of `server`. Navigator serves `public` also where nothing is said.
pub(super) fn files(mut keys: Option<&mut Keys<'_>>, server: &mut Server, draft: &mut Draft<'_>) {
    let outer = keys.as_mut().and_then(|keys| keys.take("public_dir"));
    let field = keys.as_mut().and_then(|keys| keys.take("static"));
    if let Some(field) = outer {
        directory(&field, server, draft, true);
    }
    match &field {
        Some(field) => section(field, server, draft),
        None => draft.section("static").say("Navigator's default").set("try_files", Vec::<String>::new()),
    };
    let (root, prefix) = (server.public.clone(), server.root_path.clone());
    let table = draft.section("static");
    table.set("root", root);
    if !prefix.is_empty() {
        table.set("prefix", prefix);
    }
}

/// The same section once more, at the top of the file, where only the documentation has it.
pub(super) fn again(field: &Field<'_>, server: &mut Server, draft: &mut Draft<'_>) {
    section(field, server, draft);
    if !server.public.is_empty() {
        let root = server.public.clone();
        draft.section("static").set("root", root);
    }
}

fn section<'d>(field: &Field<'_>, server: &mut Server, draft: &'d mut Draft<'_>) -> &'d mut Table {
    draft.section("static").say(format!("line {}", field.line));
    // Navigator looks for nothing else unless it is told.
    draft.section("static").set("try_files", Vec::<String>::new());
    let mut keys = field.keys(draft);
    if let Some(field) = keys.take("public_dir") {
        directory(&field, server, draft, false);
    }
    for (key, works) in [("allowed_extensions", false), ("extensions", true)] {
        if let Some(field) = keys.take(key) {
            let bare = |text: &str| text.trim_start_matches(['*', '.']).to_owned();
            let all = draft.checked(&field, |text| check_extension(&bare(text)));
            let all: Vec<String> = all.iter().map(|text| bare(text)).collect();
            if !all.is_empty() {
                draft.section("static").set("extensions", all);
            }
            if works { draft.works(&field, "[static] extensions") } else { draft.mapped(&field, "[static] extensions") }
        }
    }
    if let Some(field) = keys.take("try_files") {
        let all = draft.checked(&field, check_suffix);
        draft.section("static").set("try_files", all);
        draft.as_is(&field, "[static] try_files, also without auth");
    }
    if let Some(field) = keys.take("normalize_trailing_slashes")
        && let Some(value) = field.boolean(draft)
    {
        draft.section("static").set("trailing_slash", value);
        draft.mapped(&field, "[static] trailing_slash; the query is kept");
    }
    if let Some(field) = keys.take("cache_control") {
        cache(&field, draft);
    }
    if let Some(field) = keys.take("directories") {
        directories(&field, server, draft);
    }
    keys.finish(draft);
    draft.section("static")
}

fn directory(field: &Field<'_>, server: &mut Server, draft: &mut Draft<'_>, works: bool) {
    let Some(text) = field.text(draft) else { return };
    server.public = draft.path(&text);
    let became = format!("[static] root = \"{}\"", server.public);
    if works { draft.works(field, &became) } else { draft.mapped(field, &became) }
}

fn cache(field: &Field<'_>, draft: &mut Draft<'_>) {
    let mut keys = field.keys(draft);
    if let Some(field) = keys.take("default")
        && let Some(span) = draft.duration(&field)
    {
        draft.section("static").set("max_age", span);
        draft.mapped(&field, "[static] max_age");
    }
    if let Some(field) = keys.take("default_immutable")
        && let Some(value) = field.boolean(draft)
    {
        draft.section("static").set("immutable", value);
        draft.mapped(&field, "[static] immutable");
    }
    if let Some(field) = keys.take("overrides") {
        for item in field.items() {
            exception(&item, draft);
        }
    }
    keys.finish(draft);
}

/// One of `overrides`.
fn exception(item: &Field<'_>, draft: &mut Draft<'_>) {
    let mut keys = item.keys(draft);
    let mut table = Table::new("");
    let path = keys.take("path");
    if let Some(field) = &path {
        table.may("path", draft.checked(field, check_beginning).into_iter().next());
        draft.as_is(field, "[[cache]] path, the plain beginning of a path");
    }
    if let Some(field) = keys.take("max_age") {
        table.may("max_age", draft.duration(&field));
        draft.as_is(&field, "[[cache]] max_age");
    }
    if let Some(field) = keys.take("immutable") {
        let ages = table.value("max_age").is_some();
        table.may("immutable", field.boolean(draft).filter(|_| ages));
        draft.as_is(&field, if ages { "[[cache]] immutable" } else { "nothing, as there is no max_age" });
    }
    keys.finish(draft);
    if path.is_none() {
        draft.refuse(item, "it has no path; add one");
    }
    rule(item, table, draft);
}

/// Adds a `[[cache]]`, unless its path has one.
fn rule(item: &Field<'_>, table: Table, draft: &mut Draft<'_>) {
    let Some(path) = table.value("path").map(Toml::to_text) else { return };
    if draft.all("cache").any(|other| other.value("path") == table.value("path")) {
        draft.refuse(item, &format!("a second rule for \"{path}\"; leave one out"));
    } else {
        draft.push("cache", item.line, table);
    }
}

/// The documentation's list of `{ path, dir, cache }`: one directory is served here, and each path has its age.
fn directories(field: &Field<'_>, server: &mut Server, draft: &mut Draft<'_>) {
    for item in field.items() {
        let mut keys = item.keys(draft);
        let path = keys.take("path").and_then(|field| field.text(draft));
        let cache = keys.take("cache").or_else(|| keys.take("max_age"));
        let place = ["dir", "root", "prefix"].into_iter().filter_map(|key| keys.take(key)).last();
        let place = place.and_then(|field| field.text(draft)).map(|text| draft.path(&text));
        keys.finish(draft);
        let Some(path) = path else {
            draft.refuse(&item, "it has no path; add one");
            continue;
        };
        let inside = format!("{}/{}", server.public, path.trim_matches('/'));
        if place.is_some_and(|place| place.trim_end_matches('/') != inside.trim_end_matches('/')) {
            draft.refuse(&item, "only [static] root is served; link the directory into it");
        } else {
            draft.works(&item, "below [static] root, with a [[cache]] of its own");
        }
        let age = cache.and_then(|field| field.text(draft)).and_then(|text| value::duration(&text));
        if let (Some(age), Ok(())) = (age, check_beginning(&path)) {
            let mut table = Table::new("");
            table.set("path", path).set("max_age", age.0);
            rule(&item, table, draft);
        }
    }
}
