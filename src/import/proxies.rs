//! `routes.reverse_proxies`.

use super::draft::Draft;
use super::keys::Field;
use super::routes::{methods, pattern};
use super::toml::{Table, Toml};

/// Reads the list. `works`: it stands where only the documentation knows it.
pub(super) fn proxies(field: &Field<'_>, draft: &mut Draft<'_>, works: bool) {
    for (index, item) in field.items().iter().enumerate() {
        proxy(item, index + 1, draft);
    }
    if works {
        draft.works(field, "[[proxy]]");
    }
    if !field.items().is_empty() {
        draft.report.change(
            field.line,
            "Authorization is not sent to targets on other machines; [[proxy]] authorization = true sends it, as Navigator did",
        );
    }
}

fn proxy(item: &Field<'_>, number: usize, draft: &mut Draft<'_>) {
    let mut keys = item.keys(draft);
    let mut table = Table::new("");
    let name = keys.take("name").and_then(|field| {
        draft.as_is(&field, "[[proxy]] name");
        field.text(draft)
    });
    let name = name.map_or_else(|| format!("proxy-{number}"), |name| super::value::name(&name).replace(':', "-"));
    let name = name.chars().take(60).collect::<String>();
    table.set("name", draft.free_name("proxy", &name));
    let (path, prefix) = (keys.take("path"), keys.take("prefix"));
    let by_pattern = path.as_ref().and_then(|field| pattern(field, draft));
    let prefixed = prefix.as_ref().filter(|_| by_pattern.is_none()).and_then(|field| field.text(draft));
    if let Some(field) = &path {
        draft.mapped(field, "[[proxy]] pattern");
    }
    if let Some(field) = &prefix {
        draft.mapped(field, if by_pattern.is_some() { "nothing: path wins over prefix" } else { "[[proxy]] path" });
    }
    table.may("pattern", by_pattern);
    table.may("path", prefixed.filter(|path| !path.is_empty()).and_then(|path| trimmed(&path, item, draft)));
    let target = target(&mut keys, draft);
    table.may("target", target.clone());
    if let Some(field) = keys.take("strip_path")
        && field.boolean(draft) == Some(true)
    {
        strip(&field, &mut table, draft);
    }
    for key in ["headers", "response_headers"] {
        if let Some(field) = keys.take(key) {
            headers(&field, key, target.as_deref().unwrap_or_default(), &mut table, draft);
        }
    }
    // Navigator sends the client's Host on: an application of one's own relies on it, a foreign host does not know it.
    if target.as_deref().is_some_and(|target| target.starts_with("http://")) {
        table.set("preserve_host", true);
    }
    if let Some(field) = keys.take("websocket") {
        table.may("websocket", field.boolean(draft).filter(|on| !on));
        draft.as_is(&field, "[[proxy]] websocket, which is the default");
    }
    if let Some(field) = keys.take("methods") {
        let all = methods(&field, draft);
        if !all.is_empty() {
            table.set("methods", all);
        }
        draft.works(&field, "[[proxy]] methods");
    }
    if let Some(field) = keys.take("timeout") {
        table.may("timeout_response", draft.some_time(&field));
        draft.works(&field, "[[proxy]] timeout_response");
    }
    keys.finish(draft);
    let has = |key: &str| table.keys.iter().any(|(name, _)| name == key);
    if !has("target") || !(has("path") || has("pattern")) {
        return draft.refuse(item, "a reverse proxy needs a target, and a path or a prefix; add them");
    }
    draft.push("proxy", item.line, table);
}

fn target(keys: &mut super::keys::Keys<'_>, draft: &mut Draft<'_>) -> Option<String> {
    let field = keys.take("target")?;
    let text = field.text(draft)?;
    let good = text.starts_with("http://") || text.starts_with("https://");
    let http = text.strip_prefix("ws").filter(|_| text.starts_with("ws://") || text.starts_with("wss://"));
    match (good, http) {
        (true, _) => draft.as_is(&field, "[[proxy]] target"),
        (_, Some(_)) => draft.mapped(&field, "[[proxy]] target, of http"),
        _ => {
            draft.refuse(&field, &format!("\"{text}\" is no target; write http:// or https://, host and port"));
            return None;
        }
    }
    Some(http.map_or(text.clone(), |rest| format!("http{rest}")))
}

fn headers(field: &Field<'_>, key: &str, target: &str, table: &mut Table, draft: &mut Draft<'_>) {
    let mut all = Vec::new();
    for (name, field) in field.keys(draft).all() {
        let Some(text) = field.text(draft) else { continue };
        if key == "headers" && name.eq_ignore_ascii_case("host") {
            let own = text == "$host";
            table.set("preserve_host", own);
            if !own && !target.contains(&text) {
                draft.refuse(&field, "Host is the client's ([[proxy]] preserve_host) or the target's, nothing else");
            }
            continue;
        }
        if CONNECTION.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            draft.mapped(&field, "nothing: it belongs to the connection, and WebSockets pass by themselves");
            continue;
        }
        let token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !token || text.contains(|c: char| c.is_control() && c != '\t') {
            draft.refuse(&field, "no field that can be sent; use letters, digits and -, and one line of text");
            continue;
        }
        all.push((name.to_owned(), Toml::Text(text)));
    }
    if !all.is_empty() {
        table.set(key, Toml::Map(all));
    }
    draft.as_is(field, &format!("[[proxy]] {key}"));
}

/// A prefix without a slash at its end, but for the root.
fn trimmed(path: &str, item: &Field<'_>, draft: &mut Draft<'_>) -> Option<String> {
    let path = format!("/{}", path.trim_matches('/'));
    match crate::unit::route::check_path(&path) {
        Err(why) if path != "/" => {
            draft.refuse(item, &why);
            None
        }
        _ => Some(path),
    }
}

/// Without its prefix; of a pattern what its first group has caught.
fn strip(field: &Field<'_>, table: &mut Table, draft: &mut Draft<'_>) {
    let text =
        |key: &str| table.keys.iter().find(|(name, _)| name == key).map_or_else(String::new, |(_, v)| v.to_text());
    let (pattern, target) = (text("pattern"), text("target"));
    if pattern.is_empty() {
        table.set("strip", true);
        return draft.mapped(field, "[[proxy]] strip");
    }
    if target.contains('$') {
        return draft.mapped(field, "nothing: the captures in the target are the whole path");
    }
    if !pattern.contains('(') {
        return draft.refuse(field, "the path catches nothing in (); write what is to be left as a group");
    }
    let slash = if pattern.contains("(/") { "" } else { "/" };
    table.set("target", format!("{}{slash}$1", target.trim_end_matches('/')));
    draft.mapped(field, "$1 in [[proxy]] target");
}

/// Fields that belong to the connection, which nobody but the forwarder says.
const CONNECTION: [&str; 9] =
    ["connection", "upgrade", "content-length", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "via"];
