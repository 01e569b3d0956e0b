//! `maintenance`: the page, and whether it is shown.

use super::draft::Draft;
use super::keys::Field;
use super::server::Server;

/// Reads `maintenance`. Navigator looks for its page also where nothing is said. `boots`: the ready hooks bring the real
/// configuration, and this one is for the time until then.
pub(super) fn maintenance(field: Option<&Field<'_>>, server: &Server, boots: bool, draft: &mut Draft<'_>) {
    let Some(field) = field else { return };
    let mut keys = field.keys(draft);
    draft.section("maintenance").say(format!("line {}", field.line));
    if let Some(field) = keys.take("enabled")
        && let Some(on) = field.boolean(draft)
    {
        if on && boots {
            draft.section("maintenance").set("until_ready", true);
            draft.mapped(&field, "[maintenance] until_ready, as a ready hook has a reload_config");
            draft.report.change(
                field.line,
                "maintenance is over when the ready hooks have run, also if they have failed (Navigator stayed in it)",
            );
        } else {
            draft.section("maintenance").set("enabled", on);
            draft.as_is(&field, "[maintenance] enabled");
        }
    }
    let page = keys.take("page").and_then(|field| Some((field.text(draft)?, field)));
    if let Some((_, field)) = &page {
        draft.as_is(field, "[maintenance] page");
    }
    let page = page.map_or_else(|| "/503.html".to_owned(), |(page, _)| page);
    let page = match page.strip_prefix('/') {
        Some(below) => format!("{}/{below}", server.public),
        None => draft.path(&page),
    };
    draft.section("maintenance").set("page", page);
    keys.finish(draft);
}
