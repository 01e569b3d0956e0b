//! Spans of time as systemd.time(7) writes them: "90s", "1m 30s", "1.5h". Never reads a clock.

use std::time::Duration;

/// Longest span: ten years. So that a clock plus a span never overflows.
const MAX: Duration = Duration::from_secs(3650 * 86400);

/// What may stand between numbers and units.
const BLANK: [char; 4] = [' ', '\t', '\n', '\r'];

/// Units and their length in microseconds. A year is 365.25 days, a month the twelfth part of it.
const UNITS: &[(&[&str], u64)] = &[
    (&["us", "usec", "µs", "μs"], 1),
    (&["ms", "msec"], 1_000),
    (&["", "s", "sec", "second", "seconds"], 1_000_000),
    (&["m", "min", "minute", "minutes"], 60_000_000),
    (&["h", "hr", "hour", "hours"], 3_600_000_000),
    (&["d", "day", "days"], 86_400_000_000),
    (&["w", "week", "weeks"], 604_800_000_000),
    (&["M", "month", "months"], 2_629_800_000_000),
    (&["y", "year", "years"], 31_557_600_000_000),
];

/// Reads numbers with units, in any order, added up; a number without a unit is seconds; "infinity" is `None`.
///
/// The same as `systemd-analyze timespan`, to the microsecond, but for spans longer than ten years, which are refused.
/// The error says what is wrong.
pub fn parse_duration(text: &str) -> Result<Option<Duration>, String> {
    let bad = || format!("bad duration \"{text}\"; write one such as \"90s\", \"5m\", \"1m30s\" or \"250ms\"");
    let mut rest = text.trim_matches(BLANK);
    if rest == "infinity" {
        return Ok(None);
    }
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (micros, after) = part(rest).ok_or_else(bad)?;
        total = total.saturating_add(micros);
        rest = after.trim_start_matches(BLANK);
    }
    bounded(Duration::from_micros(total)).map(Some)
}

/// Refuses what is longer than ten years.
pub(crate) fn bounded(span: Duration) -> Result<Duration, String> {
    if span <= MAX { Ok(span) } else { Err("the duration is longer than ten years".into()) }
}

/// The first number and its unit, in microseconds, and what follows.
fn part(text: &str) -> Option<(u64, &str)> {
    // strtoll(3), which systemd calls, takes a sign before a digit.
    let unsigned = text.strip_prefix('+').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let (number, rest) = split_where(unsigned.unwrap_or(text), |c| !c.is_ascii_digit() && c != '.');
    let (unit, after) = split_where(rest.trim_start_matches(BLANK), |c| !c.is_alphabetic());
    if unit.is_empty() && !rest.is_empty() && !rest.starts_with(BLANK) {
        return None;
    }
    let (_, micros) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
    Some((scaled(number, *micros)?, after))
}

fn split_where(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

/// `number` (digits with at most one point, which digits follow) times `micros`, each digit's part rounded down.
fn scaled(number: &str, micros: u64) -> Option<u64> {
    let (whole, fraction) = match number.split_once('.') {
        Some((_, fraction)) if fraction.is_empty() || fraction.contains('.') => return None,
        None if number.is_empty() => return None,
        parts => parts.unwrap_or((number, "")),
    };
    let whole = if whole.is_empty() { 0 } else { whole.parse().unwrap_or(u64::MAX) };
    let mut total = whole.saturating_mul(micros);
    let mut worth = micros / 10;
    for digit in fraction.bytes() {
        total = total.saturating_add(u64::from(digit - b'0') * worth);
        worth /= 10;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        for (text, millis) in [
            ("90s", 90_000),
            ("90", 90_000),
            ("5m", 300_000),
            ("1m30s", 90_000),
            ("1min 30 sec", 90_000),
            (" 1 h ", 3_600_000),
            ("250ms", 250),
            ("1.5s", 1_500),
            ("0.25 hours", 900_000),
            ("2000us", 2),
            ("2000µs", 2),
            ("0", 0),
            ("1d", 86_400_000),
            ("1w", 604_800_000),
            ("1h 1m 1s 1ms", 3_661_001),
            ("5M", 13_149_000_000),
            ("1y", 31_557_600_000),
            (".5s", 500),
            ("+5s+5s", 10_000),
            ("5 5", 10_000),
            ("1.5s .5", 2_000),
            ("1m30", 90_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Some(Duration::from_millis(millis))), "{text}");
        }
        for (text, micros) in [("0.00000019min", 6), ("1.9us", 1), ("0.9999999ms", 999), ("0.0000001y", 3_155_760)] {
            assert_eq!(parse_duration(text), Ok(Some(Duration::from_micros(micros))), "{text}");
        }
        assert_eq!(parse_duration(" infinity\n"), Ok(None));
    }

    #[test]
    fn no_spans_of_time() {
        for text in [
            "",
            " ",
            "s",
            "5x",
            "-5s",
            "1,5s",
            "1..5s",
            "1.s",
            "+.5s",
            "+",
            ".",
            "5+5",
            "1.2.3",
            "5 s m",
            "infinity 5",
            "5S",
            "1e3s",
            "five",
        ] {
            assert!(parse_duration(text).is_err_and(|why| why.starts_with("bad duration")), "{text}");
        }
        for text in ["4000d", "99999999999999999999999s", "18446744073709551615w", "9223372036854775808us"] {
            assert_eq!(parse_duration(text), Err("the duration is longer than ten years".into()), "{text}");
        }
    }
}
