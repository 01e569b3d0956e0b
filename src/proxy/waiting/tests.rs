//! Tables, and the rules of the room under random comings and goings.

use std::collections::VecDeque;

use proptest::prelude::*;
use slotmap::SlotMap;

use super::*;

fn keys(count: usize) -> Vec<ClientKey> {
    let mut map = SlotMap::<ClientKey, ()>::with_key();
    (0..count).map(|_| map.insert(())).collect()
}

fn address(n: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, n])
}

/// Who comes (`+3` of address 3, `^3` in front, `u3` an upgrade) and in which order they are sent, by their number.
fn order(comes: &str) -> Vec<usize> {
    let words: Vec<_> = comes.split(' ').collect();
    let (keys, mut waiting) = (keys(words.len()), Waiting::default());
    for (key, word) in keys.iter().zip(words) {
        let from = address(word[1..].parse().unwrap());
        match &word[..1] {
            "^" => waiting.push_front(*key, from, false),
            kind => waiting.push(*key, from, kind == "u"),
        }
    }
    let sent = std::iter::from_fn(|| waiting.pop(true));
    sent.map(|key| keys.iter().position(|other| *other == key).unwrap()).collect()
}

#[test]
fn clients_have_their_turns() {
    for (comes, sent) in [
        ("+1 +2 +3 +4", vec![0, 1, 2, 3]),
        ("+1 +1 +1 +2", vec![0, 3, 1, 2]),
        ("+1 +1 +2 +2 +3", vec![0, 2, 4, 1, 3]),
        ("+1 +2 +1 +3", vec![0, 1, 3, 2]),
        ("+1 +2 ^3", vec![2, 0, 1]),
        ("+1 +2 +2 ^2", vec![3, 0, 1, 2]),
        ("^1 ^2", vec![1, 0]),
        ("u1 +2", vec![1, 0]),
        ("u1 u2 u1 u3 +9", vec![4, 0, 1, 3, 2]),
        ("u1 u2 +1 +2 +3 +4 +5 +6 +7", vec![2, 3, 4, 0, 5, 6, 7, 1, 8]),
    ] {
        assert_eq!(order(comes), sent, "{comes}");
    }
}

#[test]
fn one_client_with_many_connections_delays_another_by_one_request() {
    let (keys, mut waiting) = (keys(501), Waiting::default());
    keys[..500].iter().for_each(|key| waiting.push(*key, address(1), false));
    waiting.push(keys[500], address(2), false);
    assert_eq!((waiting.pop(true), waiting.pop(true)), (Some(keys[0]), Some(keys[500])));
}

#[test]
fn an_ipv6_client_has_one_turn_whatever_its_address() {
    let (keys, mut waiting) = (keys(3), Waiting::default());
    for (key, from) in keys.iter().zip(["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]) {
        waiting.push(*key, from.parse().unwrap(), false);
    }
    assert_eq!([waiting.pop(true), waiting.pop(true)], [Some(keys[0]), Some(keys[2])]);
}

#[test]
fn an_upgrade_waits_until_it_may() {
    let (keys, mut waiting) = (keys(2), Waiting::default());
    waiting.push(keys[0], address(1), true);
    assert!(waiting.precedes(true) && !waiting.precedes(false));
    assert_eq!((waiting.pop(false), waiting.len()), (None, 1));
    waiting.push(keys[1], address(1), false);
    assert_eq!(waiting.pop(false), Some(keys[1]));
    assert_eq!((waiting.pop(true), waiting.is_empty()), (Some(keys[0]), true));
}

#[derive(Debug, Clone)]
enum Act {
    Push { from: u8, upgrade: bool },
    Pop { upgrades: bool },
    Forget(prop::sample::Index),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..4_u8, any::<bool>()).prop_map(|(from, upgrade)| Act::Push { from, upgrade }),
        3 => any::<bool>().prop_map(|upgrades| Act::Pop { upgrades }),
        1 => any::<prop::sample::Index>().prop_map(Act::Forget),
    ]
}

/// The room without cleverness: guests in a ring, each with a queue; one ring a kind.
#[derive(Default)]
struct Plain([VecDeque<(u8, VecDeque<ClientKey>)>; 2]);

impl Plain {
    fn push(&mut self, key: ClientKey, from: u8, upgrade: bool) {
        let ring = &mut self.0[usize::from(upgrade)];
        match ring.iter_mut().find(|(guest, _)| *guest == from) {
            Some((_, queue)) => queue.push_back(key),
            None => ring.push_back((from, VecDeque::from([key]))),
        }
    }

    fn pop(&mut self, upgrade: bool) -> Option<ClientKey> {
        let ring = &mut self.0[usize::from(upgrade)];
        let (from, mut queue) = ring.pop_front()?;
        let key = queue.pop_front();
        if !queue.is_empty() {
            ring.push_back((from, queue));
        }
        key
    }

    fn forget(&mut self, key: ClientKey) {
        for ring in &mut self.0 {
            ring.iter_mut().for_each(|(_, queue)| queue.retain(|other| *other != key));
            ring.retain(|(_, queue)| !queue.is_empty());
        }
    }
}

proptest! {
    #[test]
    fn it_is_a_ring_of_queues(acts in prop::collection::vec(act(), 1..200)) {
        let (keys, mut next) = (keys(200), 0);
        let (mut waiting, mut plain) = (Waiting::default(), Plain::default());
        let mut there: Vec<(ClientKey, bool)> = Vec::new();
        let mut row = 0;
        for act in acts {
            match act {
                Act::Push { from, upgrade } => {
                    waiting.push(keys[next], address(from), upgrade);
                    plain.push(keys[next], from, upgrade);
                    there.push((keys[next], upgrade));
                    next += 1;
                }
                Act::Pop { upgrades } => {
                    let (any_plain, any_upgrade) = (waiting.precedes(false), there.iter().any(|(_, upgrade)| *upgrade));
                    let popped = waiting.pop(upgrades);
                    let upgrade = there.iter().find(|(key, _)| Some(*key) == popped).is_some_and(|(_, upgrade)| *upgrade);
                    prop_assert_eq!(popped.is_some(), any_plain || upgrades && any_upgrade, "somebody who may go goes");
                    if popped.is_some() {
                        prop_assert_eq!(plain.pop(upgrade), popped);
                    }
                    prop_assert!(!upgrade || upgrades);
                    row = if upgrade || !any_upgrade { 0 } else { row + usize::from(upgrades) };
                    prop_assert!(row <= usize::from(PLAIN_IN_A_ROW), "upgrades wait for ever");
                    there.retain(|(key, _)| Some(*key) != popped);
                }
                Act::Forget(index) => {
                    let key = keys[index.index(keys.len())];
                    let known = there.iter().any(|(other, _)| *other == key);
                    prop_assert_eq!(waiting.forget(key), known);
                    plain.forget(key);
                    there.retain(|(other, _)| *other != key);
                }
            }
            prop_assert_eq!(waiting.len(), there.len());
            prop_assert_eq!(waiting.is_empty(), there.is_empty());
        }
        // Nothing is left of those who left.
        while waiting.pop(true).is_some() {}
        for line in [&waiting.plain, &waiting.upgrades] {
            prop_assert!(line.turns.is_empty() && line.guests.is_empty() && line.requests.is_empty());
        }
    }
}
