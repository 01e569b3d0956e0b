//! `bot_detection`, of the server or of one tenant.

use super::draft::Draft;
use super::keys::Field;

/// What bots get: `off`, `reject`, `ignore` or `static-only`.
pub(super) fn action(field: &Field<'_>, draft: &mut Draft<'_>) -> Option<String> {
    let mut keys = field.keys(draft);
    let enabled = keys.take("enabled").map(|field| field.boolean(draft));
    let action = keys.take("action").and_then(|field| Some((field.text(draft)?, field)));
    keys.finish(draft);
    if enabled.flatten() == Some(false) {
        return Some("off".to_owned());
    }
    match action {
        None => Some("reject".to_owned()),
        Some((word, _)) if ["reject", "ignore", "static-only", "off"].contains(&word.as_str()) => Some(word),
        Some((word, field)) => {
            draft.refuse(&field, &format!("\"{word}\" is none of reject, ignore, static-only; reject is taken"));
            Some("reject".to_owned())
        }
    }
}
