//! `cable`: Navigator's WebSocket hub.

use super::draft::Draft;
use super::keys::Field;

/// Reads `cable`.
pub(super) fn cable(field: &Field<'_>, draft: &mut Draft<'_>) {
    let mut keys = field.keys(draft);
    let off = keys.take("enabled").is_some_and(|field| field.boolean(draft) == Some(false));
    if off {
        draft.as_is(field, "off");
    }
    for key in ["path", "broadcast_path"] {
        if let Some(field) = keys.take(key)
            && !off
        {
            draft.refuse(
                &field,
                "there is no hub in tenantd yet: run a cable server as a unit and point a [[proxy]] at it",
            );
        }
    }
    keys.finish(draft);
}
