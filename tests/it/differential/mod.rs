//! Odd requests beside nginx and HAProxy, and what tenantd forwards of them before those two and Puma: nobody may read it
//! in another way.

mod corpus;
mod peers;
mod reading;
mod recorder;

use std::collections::{BTreeMap, HashSet};
use std::thread;

use corpus::LAST_PROBE;
use peers::{Door, End, Peers};
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
    let doors = [&peers.tenantd, &peers.nginx, &peers.haproxy].map(|door| (door, End::Finish));
    let [ours, nginx, haproxy] = at_once(doors, &cases);
    println!("{} odd requests, and who forwards them:", cases.len());
    let disagreements = compare(&cases, &ours, &nginx, &haproxy);

    let (messages, cut) = messages(&peers.forwarded.records());
    println!("tenantd forwarded {} different messages, and began {cut} that ended early", messages.len());
    assert!(messages.len() > 1000, "the corpus is too odd to show anything");
    let probed: Vec<_> = messages.iter().map(|message| [message, LAST_PROBE].concat()).collect();
    let doors = [(&peers.nginx, End::Pipelined), (&peers.haproxy, End::Pipelined), (&peers.puma, End::InTurn)];
    let read = at_once(doors, &probed);
    let mut mistaken = Vec::new();
    for (name, read) in ["nginx", "HAProxy", "Puma"].iter().zip(&read) {
        mistaken.extend(judge(name, &probed, read));
    }
    assert_none("messages", &mistaken);
    assert_none("requests", &disagreements);
}

/// Everybody is asked at the same time.
fn at_once<const N: usize>(doors: [(&Door, End); N], all: &[Vec<u8>]) -> [Vec<Vec<Reading>>; N] {
    thread::scope(|scope| {
        doors
            .map(|(door, end)| scope.spawn(move || door.ask_all(all, end)))
            .map(|asked| asked.join().expect("the clients"))
    })
}

/// Prints who forwards what; returns the requests that tenantd reads differently from two who agree.
fn compare(cases: &[Vec<u8>], ours: &[Vec<Reading>], nginx: &[Vec<Reading>], haproxy: &[Vec<Reading>]) -> Vec<String> {
    let (mut classes, mut disagreements) = (BTreeMap::<_, usize>::new(), Vec::new());
    for (index, case) in cases.iter().enumerate() {
        let (ours, nginx, haproxy) = (&ours[index], &nginx[index], &haproxy[index]);
        let agree = if like(nginx, haproxy) { "alike" } else { "who differ" };
        let class = match (ours.is_empty(), nginx.is_empty(), haproxy.is_empty()) {
            (true, true, true) => "refused by all".into(),
            (true, false, false) => format!("refused by tenantd only; nginx and HAProxy forward, {agree}"),
            (true, ..) => "refused by tenantd and one other".into(),
            (false, true, true) => "forwarded by tenantd only".into(),
            (false, false, false) => format!("forwarded by all; nginx and HAProxy {agree}"),
            (false, ..) => "forwarded by tenantd and one other".into(),
        };
        *classes.entry(class).or_default() += 1;
        if agree == "alike" && both(nginx, haproxy) && !(like(ours, nginx) || within(ours, nginx)) {
            disagreements
                .push(format!("{}\n  tenantd {ours:?}\n  nginx {nginx:?}\n  HAProxy {haproxy:?}", case.escape_ascii()));
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
    let mut pairs = one.iter().zip(other).take_while(|(one, other)| !one.is_broken() && !other.is_broken());
    pairs.all(|(one, other)| one.without_host() == other.without_host())
}

/// All that `part` has read, `whole` has read in this order. What tenantd answers itself is not forwarded.
fn within(part: &[Reading], whole: &[Reading]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|one| rest.any(|other| one.without_host() == other.without_host()))
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
            Record::Partial => cut += 1,
            Record::Broken(why, raw) => panic!("tenantd forwarded what is no request: {why}: {}", raw.escape_ascii()),
        }
    }
    (messages, cut)
}

/// A message without the fields that are new each time.
fn without_ids(raw: &[u8]) -> Vec<u8> {
    let new = [&b"x-request-id:"[..], b"x-request-start:", b"traceparent:"];
    let ours = |line: &[u8]| {
        new.iter().any(|name| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
    };
    raw.split_inclusive(|&b| b == b'\n').filter(|line| !ours(line)).flatten().copied().collect()
}

/// A reader sees the message and the probe, or refuses the message.
fn judge(name: &str, messages: &[Vec<u8>], read: &[Vec<Reading>]) -> Vec<String> {
    let reading = |bytes: &[u8]| match strict::request(bytes) {
        Ok(Some(request)) => Reading::of(&request),
        other => panic!("{other:?}: it was whole: {}", bytes.escape_ascii()),
    };
    let probe = reading(LAST_PROBE);
    let (mut refused, mut mistaken) = (0, Vec::new());
    for (message, read) in messages.iter().zip(read) {
        if read.is_empty() {
            refused += 1;
        } else if *read != [reading(message), probe.clone()] {
            mistaken.push(format!("{name} reads {read:?}: {}", message.escape_ascii()));
        }
    }
    println!("{name} reads {} of them as they are, and refuses {refused}", messages.len() - refused - mistaken.len());
    assert!(refused * 10 < messages.len(), "{name} refuses so many that nothing is shown");
    mistaken
}

/// Fails with the first of them.
fn assert_none(what: &str, found: &[String]) {
    assert!(
        found.is_empty(),
        "{} {what} are read differently:\n{}",
        found.len(),
        found[..found.len().min(20)].join("\n")
    );
}
