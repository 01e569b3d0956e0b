//! The conformance table: each rule of HTTP/1.1 that a forwarder must keep, against the real tenantd with raw bytes on both
//! sides. Each row is played with its bytes whole, byte by byte and in random pieces, and must come out the same.

mod answers;
mod bodies;
mod connections;
mod fields;
mod forwarded;
mod lengths;
mod lies;
mod masks;
mod request_line;
mod row;
mod split;
mod stage;
mod switching;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::random::Random;
use row::Row;
pub use split::Split;
use stage::Stage;

fn table() -> Vec<Row> {
    let parts = [
        request_line::rows(),
        fields::rows(),
        lengths::rows(),
        bodies::rows(),
        forwarded::rows(),
        answers::rows(),
        lies::rows(),
        connections::rows(),
        switching::rows(),
    ];
    parts.into_iter().flatten().collect()
}

#[test]
fn every_rule_is_kept_whatever_the_pieces() {
    let mut random = Random::new(0x5eed);
    let mut stage = Stage::new();
    let mut broken = Vec::new();
    let table = table();
    for (number, row) in table.iter().enumerate() {
        // No connection of a pool carries more than a thousand requests.
        if number % 40 == 39 {
            stage = Stage::new();
        }
        let seeds: Vec<_> = (0..6).map(|_| random.below(1 << 32)).collect();
        for split in [Split::Whole, Split::Bytes].into_iter().chain(seeds.into_iter().map(Split::Random)) {
            let played = catch_unwind(AssertUnwindSafe(|| stage.play(row, split)));
            if let Err(panic) = played {
                broken.push(format!("{} (RFC {}), {split:?}: {}", row.name, row.rfc, said(&*panic)));
                stage = Stage::new();
                break;
            }
        }
    }
    assert!(broken.is_empty(), "{} of {} rules are broken:\n{}", broken.len(), table.len(), broken.join("\n"));
}

#[test]
fn names_of_rules_differ() {
    let mut names: Vec<_> = table().into_iter().map(|row| row.name).collect();
    names.sort();
    let twins: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twins.is_empty(), "{twins:?}");
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}
