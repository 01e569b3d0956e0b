//! The one property: whatever happens, in whatever order, with whatever processes, the machine keeps its word. Short histories
//! that shrink, and long ones from a seed that replay.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::chaos::{Act, World, act, units};
use crate::manager::Event;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn the_machine_keeps_its_word(
        units in units(),
        pool in (1..4_usize, prop::option::of(1..4_usize)),
        whims in prop::collection::vec(any::<u8>(), 1..40),
        acts in prop::collection::vec(act(), 0..80),
    ) {
        let mut world = World::new(units, pool, whims);
        world.event(Event::Booted);
        for act in acts {
            if world.exited > 0 {
                break;
            }
            world.act(act);
        }
        if world.exited == 0 {
            world.calm_down();
        }
        world.end();
    }
}

/// Events of the simulation, in all.
const EVENTS: usize = 1_000_000;
/// Events of one seed.
const HISTORY: usize = 2_000;

/// Names the seed of a history that failed.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with SEED={} cargo test --lib simulation", self.0);
        }
    }
}

/// Worlds from this seed, one after the other, until so many events have happened.
fn simulate(seed: u64) {
    let told = Told(seed);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut left = HISTORY;
    let (acts, worlds) =
        (act(), (units(), (1..4_usize, prop::option::of(1..4_usize)), prop::collection::vec(any::<u8>(), 1..40)));
    while left > 0 {
        let Ok(world) = worlds.new_tree(&mut runner) else {
            unreachable!("units are made of nothing that is rejected")
        };
        let (units, pool, whims) = world.current();
        let mut world = World::new(units, pool, whims);
        world.event(Event::Booted);
        while left > 0 && world.exited == 0 {
            left -= 1;
            let Ok(next) = acts.new_tree(&mut runner) else { unreachable!("nor are acts") };
            match next.current() {
                // A world lives for some hundred events; then all ends.
                Act::Signal if left % 50 != 0 => {}
                act => world.act(act),
            }
        }
        if world.exited == 0 {
            world.calm_down();
        }
        world.end();
    }
    drop(told);
}

#[test]
fn simulation_of_a_million_events() {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        return simulate(seed);
    }
    (0..(EVENTS / HISTORY) as u64).for_each(simulate);
}
