//! What suspends or stops the whole machine: `server.idle`, and the `suspend` of the documentation.

use super::draft::Draft;
use super::keys::Field;

const WAY_OUT: &str =
    "tenantd does not suspend its machine: let Fly's proxy do it (auto_stop_machines = \"suspend\" in fly.toml)";

/// `server.idle`.
pub(super) fn machine(field: &Field<'_>, draft: &mut Draft<'_>) {
    let mut keys = field.keys(draft);
    if let Some(field) = keys.take("action") {
        match field.text(draft).as_deref() {
            Some("suspend" | "stop") => draft.refuse(&field, WAY_OUT),
            Some(_) => draft.as_is(&field, "off"),
            None => {}
        }
    }
    if let Some(field) = keys.take("timeout") {
        draft.refuse(&field, WAY_OUT);
    }
    keys.finish(draft);
}

/// `suspend`, at the top.
pub(super) fn suspend(field: &Field<'_>, draft: &mut Draft<'_>) {
    let mut keys = field.keys(draft);
    let off = keys.take("enabled").is_some_and(|field| field.boolean(draft) == Some(false));
    for key in ["idle_timeout", "check_interval", "grace_period", "timeout", "action"] {
        keys.take(key);
    }
    keys.finish(draft);
    if off { draft.as_is(field, "off") } else { draft.refuse(field, WAY_OUT) }
}
