//! What the sections of a fleet and the units must not say together.

use super::super::Config;
use super::{Place, PlaceBy, Placement, Variant, Via};
use crate::unit::Unit;
use crate::unit::layers::Layers;
use crate::unit::load::Draft;
use crate::unit::report::Report;
use crate::unit::section::Section;

/// Checks all of it.
pub(in crate::config) fn together(config: &Config, daemon: &Layers<'_>, drafts: &[Draft<'_>], report: &mut Report) {
    let fleet = &config.fleet;
    if let Some(placement) = &fleet.placement {
        machines(config, placement, daemon, report);
        places(placement, daemon, drafts, report);
        if fleet.sticky.is_some() {
            let message = "[sticky] and [placement]: a tenant has one machine already; leave [sticky] out";
            report.error(daemon.place("", "sticky"), message);
        }
    } else if daemon.node("", Place::DOC.name).is_some() {
        report.error(
            daemon.item_place("", Place::DOC.name, 0),
            "[[place]] without [placement]; write [placement] machines",
        );
    }
    for (index, variant) in fleet.variants.iter().enumerate() {
        let place = daemon.item_place("", Variant::DOC.name, index);
        if let Err(message) = stands_in(variant, drafts, &mut |doubt| report.warning(place, doubt)) {
            report.error(place, message);
        }
    }
}

/// A machine that is not among them would send every request away; one that is called as another serves what is not
/// its own.
fn machines(config: &Config, placement: &Placement, daemon: &Layers<'_>, report: &mut Report) {
    if placement.machines.is_empty() {
        return;
    }
    let machine = &config.fleet.machine;
    if !placement.machines.iter().any(|known| machine.is(known)) {
        let own = machine.id.as_deref().unwrap_or_default();
        let message =
            format!("[placement]: this machine, \"{own}\", is none of them; list it, or say who it is: [machine] id");
        report
            .error(daemon.place("placement", if placement.keys.file.is_some() { "file" } else { "machines" }), message);
    }
    for (index, place) in placement.places.iter().enumerate() {
        if !place.machine.is_empty() && !placement.machines.contains(&place.machine) {
            let message =
                format!("[[place]] machine: \"{}\" is none of [placement] machines; list it there", place.machine);
            report.error(daemon.item_place("", Place::DOC.name, index), message);
        }
    }
    if placement.keys.via == Via::Proxy && config.http.trusted_proxies.is_empty() {
        let message =
            "[placement] via: the other machines would not believe who asks; list them in [http] trusted_proxies";
        report.warning(daemon.place("placement", "via"), message);
    }
}

fn places(placement: &Placement, daemon: &Layers<'_>, drafts: &[Draft<'_>], report: &mut Report) {
    let tenants = || drafts.iter().map(|draft| &draft.unit).filter(|unit| unit.route.is_some());
    let covers = |place: &Place, unit: &Unit| place.units.iter().any(|pattern| pattern.matches(unit.name.as_str()));
    for (index, place) in placement.places.iter().enumerate() {
        for pattern in place.units.iter().filter(|pattern| !tenants().any(|unit| pattern.matches(unit.name.as_str()))) {
            let message = format!("[[place]] units: \"{}\" matches no unit with a route", pattern.as_str());
            report.warning(daemon.item_place("", Place::DOC.name, index), message);
        }
    }
    if placement.keys.by == PlaceBy::List {
        let lost = tenants().find(|unit| !placement.places.iter().any(|place| covers(place, unit)));
        if let Some(unit) = lost {
            let message = format!("[placement] by: no [[place]] names {}; write one, or by = \"hash\"", unit.name);
            report.error(daemon.place("placement", "by"), message);
        }
    }
}

/// Who answers in the place of a tenant must be there, and take requests.
fn stands_in(variant: &Variant, drafts: &[Draft<'_>], doubt: &mut dyn FnMut(String)) -> Result<(), String> {
    if variant.to.is_empty() {
        return Ok(());
    }
    for pattern in &variant.units {
        let tenants = drafts.iter().map(|draft| &draft.unit);
        let tenants = tenants.filter(|unit| unit.route.is_some() && pattern.matches(unit.name.as_str()));
        let mut tenants = tenants.filter(|unit| unit.name.as_str() != variant.to).peekable();
        if tenants.peek().is_none() {
            doubt(format!("[[variant]] units: \"{}\" matches no other unit with a route", pattern.as_str()));
        }
        for tenant in tenants {
            let to = variant.stand_in(&tenant.name);
            let to = to.ok_or_else(|| format!("[[variant]] to: {} has no instance for %i", tenant.name))?;
            let unit = drafts.iter().map(|draft| &draft.unit).find(|unit| unit.name.as_str() == to);
            let unit = unit.ok_or_else(|| format!("[[variant]] to: there is no unit {to}; write units/{to}.toml"))?;
            if unit.route.is_none() {
                return Err(format!(
                    "[[variant]] to: {to} takes no requests; give it a [route], host = \"{}\" perhaps",
                    variant.name
                ));
            }
        }
    }
    Ok(())
}
