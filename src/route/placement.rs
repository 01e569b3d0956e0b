//! Which machine serves which tenant: `[[place]]`, else rendezvous hashing (Thaler and Ravishankar, 1998): each pair of machine
//! and tenant has a number, and the machine with the highest has the tenant. So a new machine takes its share from all others,
//! and nothing else moves. The numbers are the same on every machine and in every version.

use sha2::{Digest, Sha256};

use crate::config::{PlaceBy, Placement};

/// The machine of a tenant; `None` only where the configuration names none.
pub fn home<'p>(placement: &'p Placement, unit: &str) -> Option<&'p str> {
    let named = placement.places.iter().find(|place| place.units.iter().any(|pattern| pattern.matches(unit)));
    match (named, placement.keys.by) {
        (Some(place), _) => Some(&place.machine),
        (None, PlaceBy::Hash) => rendezvous(&placement.machines, unit),
        (None, PlaceBy::List) => None,
    }
}

/// The machine with the highest number for this tenant.
fn rendezvous<'m>(machines: &'m [String], unit: &str) -> Option<&'m str> {
    machines.iter().map(String::as_str).max_by_key(|machine| (number(machine, unit), *machine))
}

/// The first eight bytes of SHA-256 of `machine NUL unit`.
fn number(machine: &str, unit: &str) -> u64 {
    let digest = Sha256::new().chain_update(machine).chain_update([0]).chain_update(unit).finalize();
    digest.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Place, PlacementKeys};
    use crate::unit::Pattern;
    use proptest::prelude::*;

    fn placement(machines: &[&str], by: PlaceBy) -> Placement {
        let places = [("web@vip-*", "b"), ("web@*-eu", "a")]
            .map(|(units, machine)| Place { units: vec![Pattern::new(units)], machine: machine.into() });
        let machines = machines.iter().map(ToString::to_string).collect();
        Placement { keys: PlacementKeys { by, ..PlacementKeys::default() }, machines, places: places.into() }
    }

    #[test]
    fn a_name_comes_before_the_hash_and_the_hash_never_changes() {
        let hashed = placement(&["a", "b", "c"], PlaceBy::Hash);
        for (unit, machine) in [("web@vip-1", "b"), ("web@x-eu", "a"), ("web@vip-eu", "b")] {
            assert_eq!(home(&hashed, unit), Some(machine), "{unit}");
        }
        // Computed by hand with sha256sum: whoever changes the hash moves every tenant of every user.
        for (unit, machine) in GOLDEN {
            assert_eq!(home(&hashed, unit), Some(machine), "{unit}");
        }
        let listed = placement(&["a", "b"], PlaceBy::List);
        assert_eq!((home(&listed, "web@vip-1"), home(&listed, "web@1")), (Some("b"), None));
        assert_eq!(home(&placement(&[], PlaceBy::Hash), "web@1"), None);
    }

    const GOLDEN: [(&str, &str); 4] = [("web@1", "b"), ("web@2", "b"), ("web@3", "c"), ("showcase@2025-boston", "b")];

    #[test]
    fn a_new_machine_takes_its_share_of_371_tenants() {
        let units: Vec<String> = (0..371).map(|n| format!("showcase@{n}")).collect();
        let machines: Vec<String> = (1..=10).map(|n| format!("m{n}")).collect();
        for count in 2..=10 {
            let (old, new) = (&machines[..count - 1], &machines[..count]);
            let moved = units.iter().filter(|unit| rendezvous(old, unit) != rendezvous(new, unit)).count();
            let share = units.len() / count;
            assert!(moved * 3 > share * 2 && moved * 2 < share * 3, "{count} machines: {moved} of {share} moved");
        }
    }

    proptest! {
        #[test]
        fn what_moves_moves_to_the_new_machine(
            mut machines in prop::collection::hash_set("[a-z0-9]{1,6}", 2..9),
            units in prop::collection::vec("[a-z]{1,4}@[a-z0-9-]{1,9}", 1..40),
            seed in any::<prop::sample::Index>(),
        ) {
            let new = machines.iter().nth(seed.index(machines.len())).unwrap().clone();
            let all: Vec<String> = machines.iter().cloned().collect();
            machines.remove(&new);
            let before: Vec<String> = machines.into_iter().collect();
            for unit in &units {
                let (old, now) = (rendezvous(&before, unit).unwrap(), rendezvous(&all, unit).unwrap());
                prop_assert!(old == now || now == new, "{unit}: {old} → {now}");
                let mut turned = all.clone();
                turned.reverse();
                prop_assert_eq!(rendezvous(&turned, unit), Some(now));
            }
        }
    }
}
