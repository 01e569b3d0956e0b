//! Spans of time as systemd.time(7) writes them: "90s", "1m 30s", "250ms". Never reads a clock.

use std::time::Duration;

/// Longest span: ten years. So that a clock plus a span never overflows.
const MAX: Duration = Duration::from_secs(3650 * 86400);

/// Units and their length in microseconds.
const UNITS: &[(&[&str], u64)] = &[
    (&["us", "usec", "µs", "μs"], 1),
    (&["ms", "msec"], 1_000),
    (&["", "s", "sec", "second", "seconds"], 1_000_000),
    (&["m", "min", "minute", "minutes"], 60_000_000),
    (&["h", "hr", "hour", "hours"], 3_600_000_000),
    (&["d", "day", "days"], 86_400_000_000),
    (&["w", "week", "weeks"], 604_800_000_000),
];

/// Reads numbers with units, in any order, added up; a number without a unit is seconds. The error says what is wrong.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("bad duration \"{text}\"; write one such as \"90s\", \"5m\", \"1m30s\" or \"250ms\"");
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let (number, after) = split_where(rest, |c| !c.is_ascii_digit() && c != '.');
        let (unit, after) = split_where(after.trim_start(), |c| !c.is_alphabetic());
        let micros = UNITS.iter().find(|(names, _)| names.contains(&unit)).map(|(_, micros)| *micros);
        let part = micros.and_then(|micros| scaled(number, micros)).ok_or_else(bad)?;
        total = total.saturating_add(part);
        rest = after.trim_start();
    }
    bounded(total)
}

/// Refuses what is longer than ten years.
pub(crate) fn bounded(span: Duration) -> Result<Duration, String> {
    if span <= MAX { Ok(span) } else { Err("the duration is longer than ten years".into()) }
}

fn split_where(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

/// `number` (digits with at most one point) times `micros`.
fn scaled(number: &str, micros: u64) -> Option<Duration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction = format!("{fraction:0<6.6}").parse::<u64>().ok()?;
    let whole = whole.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(micros);
    Some(Duration::from_micros(whole.saturating_add(fraction * micros / 1_000_000)))
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
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn no_spans_of_time() {
        for text in
            ["", " ", "s", "5x", "-5s", "1,5s", "1..5s", "1.s", ".5s", "5 s m", "infinity", "5M", "1e3s", "five"]
        {
            assert!(parse_duration(text).is_err_and(|why| why.starts_with("bad duration")), "{text}");
        }
        for text in ["4000d", "99999999999999999999999s", "18446744073709551615w"] {
            assert_eq!(parse_duration(text), Err("the duration is longer than ten years".into()), "{text}");
        }
    }
}
