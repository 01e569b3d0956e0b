//! `routes`: redirects, rewrites, and the way to replays and reverse proxies.

use super::draft::Draft;
use super::keys::Field;
use super::toml::Table;
use super::{proxies, replay};
use crate::config::{Expression, Replacement};

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
    let flagged = keys.take("redirect").and_then(|field| {
        draft.works(&field, "[[redirect]]");
        field.boolean(draft)
    });
    let status = keys.take("status").and_then(|field| Some((field.number(draft)?, field)));
    let flag = keys.take("flag").and_then(|field| field.text(draft));
    let methods = keys.take("methods").map(|field| (methods(&field, draft), field));
    keys.finish(draft);
    let moved = status.as_ref().is_some_and(|(status, _)| (300..400).contains(status));
    let sends = flagged == Some(true) || moved || matches!(flag.as_deref(), Some("redirect" | "permanent"));
    let kind = if redirect.unwrap_or(sends) { "redirect" } else { "rewrite" };
    let sides =
        from.as_ref().and_then(|field| pattern(field, draft)).zip(to.as_ref().and_then(|field| field.text(draft)));
    let Some((pattern, target)) = sides else {
        return draft
            .refuse(item, "a rule needs from and to; add them (without from, Navigator took it for every path)");
    };
    let read = if kind == "redirect" { Replacement::anywhere } else { Replacement::here };
    if let Err(why) = Expression::new(&pattern).and_then(|from| read(&target, &from)) {
        return draft.refuse(to.as_ref().unwrap_or(item), &why);
    }
    for (field, key) in [(from, "from"), (to, "to")].into_iter().filter_map(|(field, key)| Some((field?, key))) {
        let (own, became) = (field.key.ends_with(&format!(".{key}")), format!("[[{kind}]] {key}"));
        if own { draft.as_is(&field, &became) } else { draft.works(&field, &became) }
    }
    let mut table = Table::new("");
    table.set("from", pattern).set("to", target);
    if kind == "redirect" {
        table.may("status", (flag.as_deref() == Some("permanent")).then_some(301));
        if let Some((status, field)) = status {
            match status {
                301 | 302 | 307 | 308 => {
                    table.set("status", status);
                    draft.works(&field, "[[redirect]] status");
                }
                _ => draft.refuse(&field, "a redirect is 301, 302, 307 or 308; 302 is taken"),
            }
        }
    }
    if let Some((all, field)) = methods.filter(|(all, _)| !all.is_empty()) {
        table.set("methods", all);
        draft.works(&field, &format!("[[{kind}]] methods"));
    }
    draft.push(kind, item.line, table);
}

/// A regular expression that can be compiled: Go's and Rust's differ in little.
pub(super) fn pattern(field: &Field<'_>, draft: &mut Draft<'_>) -> Option<String> {
    let text = field.text(draft)?;
    if text.is_empty() {
        draft.refuse(field, "an empty pattern matches every path; write \"^/\" if that is meant");
        return None;
    }
    match Expression::new(&text) {
        Ok(_) => Some(text),
        Err(why) => {
            draft.refuse(field, &format!("{why} (Navigator dropped it in silence)"));
            None
        }
    }
}

/// Methods in capitals.
pub(super) fn methods(field: &Field<'_>, draft: &mut Draft<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for item in field.items() {
        match item.text(draft).map(|word| word.trim().to_ascii_uppercase()) {
            Some(word) if !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase()) => all.push(word),
            Some(word) if !word.is_empty() => draft.refuse(&item, &format!("\"{word}\" is no method; write \"POST\"")),
            _ => {}
        }
    }
    all
}
