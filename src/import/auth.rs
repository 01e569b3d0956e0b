//! `auth`: passwords, and the paths that need none.

use super::draft::Draft;
use super::keys::Field;

/// Reads `auth`.
pub(super) fn auth(field: &Field<'_>, draft: &mut Draft<'_>) {
    let mut keys = field.keys(draft);
    let enabled = keys.take("enabled");
    let on = enabled.as_ref().is_some_and(|field| field.boolean(draft) == Some(true));
    let realm = keys.take("realm").and_then(|field| Some((field.text(draft)?, field)));
    let on = on && realm.as_ref().is_none_or(|(realm, _)| realm != "off");
    if let Some(field) = enabled {
        draft.mapped(&field, if on { "an [auth] section" } else { "no [auth] section" });
    }
    let file = keys.take("htpasswd").and_then(|field| Some((field.text(draft)?, field)));
    let file = file.filter(|(path, _)| !path.is_empty());
    if on {
        draft.section("auth").say(format!("line {}", field.line));
        passwords(file.as_ref(), field, draft);
        if let Some((realm, field)) = realm.filter(|(realm, field)| is_realm(realm, field, draft)) {
            draft.section("auth").set("realm", realm);
            draft.as_is(&field, "[auth] realm");
        }
    }
    let public = keys.take("public_paths");
    let patterns = [keys.take("auth_patterns"), keys.take("patterns")];
    keys.finish(draft);
    if !on {
        return;
    }
    if let Some(field) = public {
        let paths = public_paths(&field, draft);
        draft.section("auth").set("public", paths);
        draft.mapped(&field, "[auth] public, matched as Navigator did");
    }
    let exclude: Vec<String> = patterns.into_iter().flatten().flat_map(|field| exclusions(&field, draft)).collect();
    if !exclude.is_empty() {
        draft.section("auth").set("exclude", exclude);
    }
}

fn passwords(file: Option<&(String, Field<'_>)>, section: &Field<'_>, draft: &mut Draft<'_>) {
    match file {
        Some((path, field)) => {
            let path = draft.path(path);
            draft.section("auth").set("htpasswd", path);
            draft.as_is(field, "[auth] htpasswd, read again whenever it changes");
        }
        None => {
            let path = draft.path("htpasswd");
            draft.section("auth").set("htpasswd", path.as_str());
            let became =
                format!("no htpasswd is named: nobody is let in until {path} is there (Navigator let everybody in)");
            draft.works(section, &became);
            draft
                .report
                .change(section.line, "auth is on without htpasswd: Navigator let everybody in, tenantd nobody");
        }
    }
    draft.report.change(
        section.line,
        "passwords in htpasswd that are not hashed are refused; [auth] plain = true takes them, as Navigator did",
    );
}

/// A text that a browser can show.
pub(super) fn is_realm(text: &str, field: &Field<'_>, draft: &mut Draft<'_>) -> bool {
    let good = !text.is_empty() && text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if !good {
        draft.refuse(field, "no realm; write a few words in ASCII");
    }
    good
}

/// Paths that can match. Navigator took "/" for all below it, which is everything.
fn public_paths(field: &Field<'_>, draft: &mut Draft<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for item in field.items() {
        let Some(text) = item.text(draft) else { continue };
        let odd = text.contains(['?', '#', '%', '[', '\\']) || text.contains("//");
        if text == "/" {
            draft.report.change(
                item.line,
                "public_paths has \"/\": that is every path, as in Navigator; nobody is asked for a password",
            );
            all.push("*".to_owned());
        } else if odd || !text.starts_with(['/', '*']) || text.split('/').any(|s| matches!(s, "." | "..")) {
            draft.refuse(
                &item,
                &format!("\"{text}\" matches no path; begin it with / or *, with nothing but * as a wildcard"),
            );
        } else {
            all.push(text);
        }
    }
    all
}

/// The patterns of `auth_patterns` that switch auth off.
fn exclusions(field: &Field<'_>, draft: &mut Draft<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for item in field.items() {
        let mut keys = item.keys(draft);
        let pattern = keys.take("pattern").or_else(|| keys.take("path"));
        let action = keys.take("action").or_else(|| keys.take("realm"));
        let word = action.as_ref().and_then(|field| field.text(draft));
        keys.finish(draft);
        let Some(pattern) = pattern.and_then(|field| super::routes::pattern(&field, draft)) else {
            draft.refuse(&item, "it has no pattern; add one (without, Navigator took it for every path)");
            continue;
        };
        if word.as_deref() == Some("off") {
            draft.mapped(&item, "[auth] exclude");
            all.push(pattern);
        } else {
            draft.refuse(&item, "only action: off had an effect; a realm of its own is [route] realm of a tenant");
        }
    }
    all
}
