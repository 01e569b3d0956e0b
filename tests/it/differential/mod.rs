//! Odd requests beside nginx and HAProxy, and what tenantd forwards of them before those two and Puma: nobody may read it
//! in another way.

mod corpus;
mod peers;
mod reading;
mod recorder;

use std::collections::{BTreeMap, HashSet};
use std::thread;

use corpus::PROBE;
use peers::{Door, Peers};
use reading::Reading;
use recorder::Record;

use crate::random::Random;
use crate::targets::strict;

/// Odd requests.
const CASES: u64 = 20_000;

#[test]
fn what_is_forwarded_is_read_in_one_way() {
    // Prints the seed: TEST_SEED=… runs it again.
    let seed = Random::new(20_260).below(u64::MAX);
    let cases: Vec<_> = (0..CASES).map(|number| corpus::case(seed, number)).collect();
    let peers = Peers::start();
    let [ours, nginx, haproxy] = at_once([&peers.tenantd, &peers.nginx, &peers.haproxy], &cases);
    println!("{} odd requests, and who forwards them:", cases.len());
    let disagreements = compare(&cases, &ours, &nginx, &haproxy);

    let (messages, cut) = messages(&peers.forwarded.records());
    println!("tenantd forwarded {} different messages, and began {cut} that ended early", messages.len());
    assert!(messages.len() > 1000, "the corpus is too odd to show anything");
    let probed: Vec<_> = messages.iter().map(|message| [message, PROBE].concat()).collect();
    let readers = [("nginx", &peers.nginx), ("HAProxy", &peers.haproxy), ("Puma", &peers.puma)];
    let read = at_once(readers.map(|(_, door)| door), &probed);
    let mut mistaken = Vec::new();
    for ((name, _), read) in readers.iter().zip(&read) {
        mistaken.extend(judge(name, &probed, read));
    }
    assert!(mistaken.is_empty(), "{} messages are read differently:\n{}", mistaken.len(), mistaken[..mistaken.len().min(20)].join("\n"));
    assert!(disagreements.is_empty(), "{} requests are read differently:\n{}", disagreements.len(), disagreements[..disagreements.len().min(20)].join("\n"));
}

/// Everybody is asked at the same time.
fn at_once<const N: usize>(doors: [&Door; N], all: &[Vec<u8>]) -> [Vec<Vec<Reading>>; N] {
    thread::scope(|scope| {
        doors.map(|door| scope.spawn(move || door.ask_all(all))).map(|asked| asked.join().expect("the clients"))
    })
}

/// Prints who forwards what; returns the requests that tenantd reads differently from two who agree.
fn compare(cases: &[Vec<u8>], ours: &[Vec<Reading>], nginx: &[Vec<Reading>], haproxy: &[Vec<Reading>]) -> Vec<String> {
    let (mut classes, mut disagreements) = (BTreeMap::<_, usize>::new(), Vec::new());
    for (index, case) in cases.iter().enumerate() {
        let (ours, nginx, haproxy) = (&ours[index], &nginx[index], &haproxy[index]);
        let agree = if both(nginx, haproxy) && nginx.len() != haproxy.len() || !like(nginx, haproxy) { "who differ" } else { "alike" };
        let class = match (ours.is_empty(), nginx.is_empty(), haproxy.is_empty()) {
            (true, true, true) => "refused by all".into(),
            (true, false, false) => format!("refused by tenantd only; nginx and HAProxy forward, {agree}"),
            (true, ..) => "refused by tenantd and one other".into(),
            (false, true, true) => "forwarded by tenantd only".into(),
            (false, false, false) => format!("forwarded by all; nginx and HAProxy {agree}"),
            (false, ..) => "forwarded by tenantd and one other".into(),
        };
        *classes.entry(class).or_default() += 1;
        if agree == "alike" && both(nginx, haproxy) && !like(ours, nginx) {
            disagreements.push(format!("{}\n  tenantd {ours:?}\n  nginx {nginx:?}\n  HAProxy {haproxy:?}", case.escape_ascii()));
        }
    }
    for (class, count) in classes {
        println!("{count:>7} {class}");
    }
    disagreements
}

fn both(one: &[Reading], other: &[Reading]) -> bool {
    !one.is_empty() && !other.is_empty()
}

/// As far as both have read, they have read the same.
fn like(one: &[Reading], other: &[Reading]) -> bool {
    one.iter().zip(other).all(|(one, other)| one.without_host() == other.without_host())
}

/// The different messages that were forwarded, and how many ended early. None is broken.
fn messages(records: &[Record]) -> (Vec<Vec<u8>>, usize) {
    let (mut known, mut cut) = (HashSet::new(), 0);
    let mut messages = Vec::new();
    for record in records {
        match record {
            Record::Whole(raw) => {
                if known.insert(without_ids(raw)) {
                    messages.push(raw.clone());
                }
            }
            Record::Partial(_) => cut += 1,
            Record::Broken(why, raw) => panic!("tenantd forwarded what is no request: {why}: {}", raw.escape_ascii()),
        }
    }
    (messages, cut)
}

/// A message without the fields that are new each time.
fn without_ids(raw: &[u8]) -> Vec<u8> {
    let ours = |line: &[u8]| line.starts_with(b"X-Request-Id: ") || line.starts_with(b"X-Request-Start: ");
    raw.split_inclusive(|&b| b == b'\n').filter(|line| !ours(line)).flatten().copied().collect()
}

/// A reader sees the message and the probe, or refuses the message.
fn judge(name: &str, messages: &[Vec<u8>], read: &[Vec<Reading>]) -> Vec<String> {
    let (mut refused, mut mistaken) = (BTreeMap::<_, usize>::new(), Vec::new());
    for (message, read) in messages.iter().zip(read) {
        let Ok(Some(request)) = strict::request(message) else { panic!("it was whole: {}", message.escape_ascii()) };
        let Ok(Some(probe)) = strict::request(PROBE) else { panic!("the probe is whole") };
        if read.is_empty() {
            let line = request.start.chars().take(60).collect::<String>();
            *refused.entry(line).or_default() += 1;
        } else if *read != [Reading::of(&request), Reading::of(&probe)] {
            mistaken.push(format!("{name} reads {read:?}: {}", message.escape_ascii()));
        }
    }
    println!("{name} refuses {} of them: {refused:?}", refused.values().sum::<usize>());
    mistaken
}
