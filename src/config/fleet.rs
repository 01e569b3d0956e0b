//! What several machines of the same kind have to know of each other: who they are, and which of them answers what.
//! Never reaches another machine.

mod check;
mod machine;
mod pair;
mod placement;
mod replay;
mod secret;
mod sticky;
mod variant;
mod way;

pub(super) use check::together;
pub use machine::Machine;
pub use pair::Pair;
pub use placement::{Place, PlaceBy, Placement, PlacementKeys};
pub use replay::{Fallback, Replay, ReplayKeys};
pub use secret::Secret;
pub use sticky::{SameSite, Sticky, StickyKeys};
pub use variant::Variant;
pub use way::Via;

use super::Difference;
use crate::unit::SectionDoc;
use crate::unit::layers::{Layer, Layers, Node};
use crate::unit::report::Place as At;
use crate::unit::section::{Fields, Section};
use crate::unit::value::Cx;

/// Their sections of tenantd.toml.
pub(super) const SECTIONS: [SectionDoc; 6] =
    [Machine::DOC, ReplayKeys::DOC, StickyKeys::DOC, PlacementKeys::DOC, Place::DOC, Variant::DOC];

/// This machine among the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    /// Who we are.
    pub machine: Machine,
    /// Requests that others answer.
    pub replays: Vec<Replay>,
    /// Clients that stay with one machine.
    pub sticky: Option<Sticky>,
    /// Tenants that stay on one machine.
    pub placement: Option<Placement>,
    /// Tenants that another stands in for.
    pub variants: Vec<Variant>,
}

impl Fleet {
    /// Reads all of it. `own` looks up tenantd's environment variables, `host` is the machine's name.
    pub(super) fn read(
        layers: &Layers<'_>,
        own: &dyn Fn(&str) -> Option<String>,
        host: Option<String>,
        cx: &mut Cx<'_>,
    ) -> Self {
        let machine = Machine::read(&mut Fields::new::<Machine>(layers, cx)).completed(own, host);
        let has = |section| layers.node("", section).is_some();
        Self {
            machine,
            replays: Replay::read_all(layers, cx),
            sticky: has(StickyKeys::DOC.name).then(|| Sticky::read(layers, own, cx)),
            placement: has(PlacementKeys::DOC.name).then(|| Placement::read(layers, cx)),
            variants: Variant::read_all(layers, cx),
        }
    }

    /// What is different in `new`. All of it counts from now on.
    pub(super) fn difference(&self, new: &Self, found: &mut Difference) {
        let machine = self.machine.changed(&new.machine);
        found.live.extend(machine.into_iter().map(|key| format!("[machine] {key}")));
        let others = [
            (self.replays != new.replays, "[[replay]]"),
            (self.sticky != new.sticky, "[sticky]"),
            (self.placement != new.placement, "[placement]"),
            (self.variants != new.variants, "[[variant]]"),
        ];
        found.live.extend(others.into_iter().filter(|(changed, _)| *changed).map(|(_, name)| name.to_owned()));
    }
}

/// Every table of a section that is written several times, and where it stands.
fn each<'a>(layers: &Layers<'a>, section: &str) -> impl Iterator<Item = (At, Layers<'a>)> {
    let nodes = layers.node("", section).into_iter().flat_map(Node::items);
    nodes.filter_map(|node| {
        let table = node.value.as_table()?;
        Some((node.place, Layers(vec![Layer::Sections(node.place.file, table)])))
    })
}
