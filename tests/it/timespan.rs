//! Our spans of time are systemd's: `parse_duration` beside `systemd-analyze timespan` (Debian's package systemd).

use std::process::Command;
use std::time::Duration;

use tenantd::unit::parse_duration;

use crate::random::Random;

const CASES: usize = 10_000;

/// What one call of systemd-analyze is given. It stops at the first that it refuses.
const BATCH: usize = 500;

/// What follows a number; the last line is no unit.
const UNITS: &[&str] = &[
    "", "us", "usec", "µs", "μs", "ms", "msec", "s", "sec", "second", "seconds", "m", "min", "minute", "minutes", "h",
    "hr", "hour", "hours", "d", "day", "days", "w", "week", "weeks", "M", "month", "months", "y", "year", "years",
];
const NO_UNITS: &[&str] = &["S", "x", "mo", "secs", "µ", "Min", "ns", "ss", "e3", "infinity", "m²"];

/// What may stand between a number and a unit, and between two parts.
const BLANKS: &[&str] = &["", "", "", " ", "  ", "\t", "\n"];

/// Spoils a text.
const DIRT: &[&str] = &["-", "+", ".", ",", "/", "٣", "0x1", "'", ":", "infinity", "\u{a0}"];

fn pick<'a>(random: &mut Random, from: &[&'a str]) -> &'a str {
    from[random.below(from.len() as u64) as usize]
}

fn digits(random: &mut Random, most: u64) -> String {
    (0..random.below(most + 1)).map(|_| char::from(b'0' + random.below(10) as u8)).collect()
}

/// A number: mostly small, seldom as long as overflows; sometimes with a point, a sign, or no digit at all.
fn number(random: &mut Random) -> String {
    let sign = if random.below(20) == 0 { "+" } else { "" };
    let most = if random.below(100) == 0 { 24 } else { 3 };
    let whole = digits(random, most);
    match random.below(60) {
        0 => format!("{sign}{whole}."),
        1..20 => format!("{sign}{whole}.{}{}", digits(random, 12), random.below(10)),
        _ => format!("{sign}{whole}{}", random.below(10)),
    }
}

/// One case: one to four parts, of which few are wrong.
fn case(random: &mut Random) -> String {
    if random.below(200) == 0 {
        return ["infinity", " infinity\n", "infinity ", "Infinity", "infinity s", ""][random.below(6) as usize].into();
    }
    let mut text = String::from(pick(random, BLANKS));
    for _ in 0..=random.below(4) {
        text += &number(random);
        text += pick(random, BLANKS);
        let units = if random.below(100) == 0 { NO_UNITS } else { UNITS };
        text += pick(random, units);
        text += pick(random, BLANKS);
    }
    if random.below(40) == 0 {
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).chain([text.len()]).collect();
        text.insert_str(places[random.below(places.len() as u64) as usize], pick(random, DIRT));
    }
    text
}

/// What systemd makes of each text: microseconds, `u64::MAX` for "infinity", `None` for what it refuses.
fn oracle(texts: &[String]) -> Vec<Option<u64>> {
    let mut answers = Vec::new();
    while answers.len() < texts.len() {
        let batch = texts[answers.len()..].iter().take(BATCH);
        let output = Command::new("systemd-analyze").args(["timespan", "--"]).args(batch).env("LC_ALL", "C").output();
        let output = output.expect("systemd-analyze: run scripts/test, which installs it");
        let stdout = String::from_utf8_lossy(&output.stdout);
        // The middle line of three, whose μ is left out by some locales.
        let spans = stdout.lines().filter_map(|line| line.trim_start().split_once("s: "));
        let spans = spans.filter(|(name, _)| ["μ", "u"].contains(name)).map(|(_, span)| span.parse().ok());
        answers.extend(spans.inspect(|span: &Option<u64>| assert!(span.is_some(), "{stdout}")));
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(stderr.starts_with("Failed to parse time span"), "{stderr}");
            answers.push(None);
        }
    }
    answers
}

#[test]
fn spans_of_time_agree_with_systemd_analyze() {
    // What we refuse on purpose, and systemd does not: more than ten years.
    const MOST: u64 = 3650 * 86_400 * 1_000_000;
    let mut random = Random::new(252);
    let texts: Vec<String> = (0..CASES).map(|_| case(&mut random)).collect();
    let answers = oracle(&texts);
    assert_eq!(answers.len(), CASES);
    for (text, answer) in texts.iter().zip(&answers) {
        let ours = parse_duration(text);
        match *answer {
            Some(u64::MAX) => assert_eq!(ours, Ok(None), "{text:?}"),
            Some(span) if span <= MOST => assert_eq!(ours, Ok(Some(Duration::from_micros(span))), "{text:?}"),
            Some(_) => assert_eq!(ours, Err("the duration is longer than ten years".into()), "{text:?}"),
            None => assert!(ours.is_err(), "systemd refuses {text:?}: {ours:?}"),
        }
    }
    // The generator reaches both sides.
    let refused = answers.iter().filter(|answer| answer.is_none()).count();
    assert!((CASES / 50..CASES / 5).contains(&refused), "{refused} of {CASES} are refused");
}
