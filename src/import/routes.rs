//! `routes`: redirects, rewrites, and the way to replays and reverse proxies.

use super::draft::Draft;
use super::keys::Field;
use super::toml::Table;
use super::{proxies, replay};

/// Reads `routes`.
pub(super) fn routes(field: &Field<'_>, draft: &mut Draft<'_>) {
    let mut keys = field.keys(draft);
    if let Some(field) = keys.take("redirects") {
        for item in field.items() {
            rule(&item, draft, Some(true));
        }
    }
    if let Some(field) = keys.take("rewrites") {
        rewrites(&field, draft, false);
    }
    if let Some(field) = keys.take("rewrite_rules") {
        rewrites(&field, draft, true);
    }
    if let Some(field) = keys.take("fly") {
        replay::fly(&field, draft);
    }
    if let Some(field) = keys.take("reverse_proxies") {
        proxies::proxies(&field, draft, false);
    }
    keys.finish(draft);
}

/// Rewrites, of which the documentation's `redirect: true` makes redirects. `works`: the list itself is a phantom.
pub(super) fn rewrites(field: &Field<'_>, draft: &mut Draft<'_>, works: bool) {
    for item in field.items() {
        rule(&item, draft, None);
    }
    if works {
        draft.works(field, "[[rewrite]] and [[redirect]]");
    }
}

/// One rule, a redirect or, for all that is known, not.
fn rule(item: &Field<'_>, draft: &mut Draft<'_>, redirect: Option<bool>) {
    let mut keys = item.keys(draft);
    let from = [keys.take("from"), keys.take("pattern"), keys.take("path")].into_iter().flatten().next();
    let to = [keys.take("to"), keys.take("replacement"), keys.take("target")].into_iter().flatten().next();
    let flagged = keys.take("redirect").and_then(|field| field.boolean(draft));
    let status = keys.take("status").and_then(|field| field.number(draft));
    let flag = keys.take("flag").and_then(|field| field.text(draft));
    let methods = keys.take("methods");
    let redirect = redirect.unwrap_or(
        flagged == Some(true)
            || status.is_some_and(|status| (300..400).contains(&status))
            || matches!(flag.as_deref(), Some("redirect" | "permanent")),
    );
    let kind = if redirect { "redirect" } else { "rewrite" };
    let mut table = Table::new("");
    let mut side = |field: Option<Field<'_>>, key: &str, value: Option<String>, draft: &mut Draft<'_>| {
        let (Some(field), Some(value)) = (field, value) else { return false };
        let became = format!("[[{kind}]] {key}");
        let own = field.key.ends_with(&format!(".{key}"));
        if own {
            draft.as_is(&field, &became)
        } else {
            draft.works(&field, &became)
        }
        table.set(key, value);
        true
    };
    let value = from.as_ref().and_then(|field| pattern(field, draft));
    let begun = side(from, "from", value, draft);
    let value = to.as_ref().and_then(|field| field.text(draft));
    let ended = side(to, "to", value, draft);
    let status = status.or((flag.as_deref() == Some("permanent")).then_some(301)).filter(|_| redirect);
    table.may("status", status.filter(|status| [301, 302, 303, 307, 308].contains(status)));
    if let Some(field) = methods {
        let all: Vec<String> = field.texts(draft).iter().map(|method| method.to_ascii_uppercase()).collect();
        table.set("methods", all);
        draft.works(&field, &format!("[[{kind}]] methods"));
    }
    keys.finish(draft);
    if begun && ended {
        draft.push(kind, item.line, table);
    } else {
        draft.refuse(item, "a rule needs from and to; add them (without from, Navigator took it for every path)");
    }
}

/// A regular expression that can be compiled: Go's and Rust's differ in little.
pub(super) fn pattern(field: &Field<'_>, draft: &mut Draft<'_>) -> Option<String> {
    let text = field.text(draft)?;
    if text.is_empty() {
        draft.refuse(field, "an empty pattern matches every path; write \"^/\" if that is meant");
        return None;
    }
    match regex::bytes::RegexBuilder::new(&text).unicode(false).size_limit(1 << 22).build() {
        Ok(_) => Some(text),
        Err(error) => {
            let error = error.to_string();
            let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            draft.refuse(
                field,
                &format!("\"{text}\" is no regular expression: {why} (Navigator dropped it in silence)"),
            );
            None
        }
    }
}
