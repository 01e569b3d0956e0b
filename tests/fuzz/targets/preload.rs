//! What a template and its children tell: read, or refused, in lines that are fit for a terminal.

use tenantd::preload::{FromChild, decode_child, decode_template};

use super::shown;

/// A datagram of either.
pub fn preload(data: &[u8]) {
    let mut texts = Vec::new();
    match decode_template(data) {
        Ok(ready) => {
            texts.extend([ready.engine]);
            texts.extend([ready.threads, ready.notes].concat());
            texts.extend(ready.env.into_values().flatten());
            texts.extend(ready.warmed.into_iter().map(|(path, _)| path));
            assert!(ready.seconds >= 0.0 && ready.seconds.is_finite(), "{}", shown(data));
        }
        Err(malformed) => texts.push(malformed.to_string()),
    }
    match decode_child(data) {
        Ok(FromChild::Hello) => {}
        Ok(FromChild::Bound { databases }) => texts.extend(databases),
        Ok(FromChild::Error { what, text }) => texts.extend([what, text]),
        Err(malformed) => texts.push(malformed.to_string()),
    }
    for text in texts {
        assert!(!text.contains(char::is_control) && text.chars().count() <= 1001, "{text:?} of {}", shown(data));
    }
}
