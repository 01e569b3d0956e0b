//! Points in time as systemd.time(7) writes them, for `logs --since`. All times are UTC, as the stamps are. Pure.

use crate::journal::days;
use crate::unit::parse_duration;

/// Microseconds of a day.
const DAY: u64 = 86_400_000_000;

/// Reads a point in time; it and `now` are microseconds since 1970. The error says what can be written.
pub(super) fn parse(text: &str, now: u64) -> Result<u64, String> {
    let text = text.trim();
    let found = match text {
        "now" => Some(now),
        "today" => Some(now / DAY * DAY),
        "yesterday" => (now / DAY * DAY).checked_sub(DAY),
        _ => ago(text, now).or_else(|| epoch(text)).or_else(|| calendar(text, now)),
    };
    found.ok_or_else(|| {
        format!(
            "bad time \"{text}\"; write one such as \"2026-11-22 10:00:00\" (UTC), \"10:00\", \"today\", \
             \"yesterday\", \"-1h\", \"1h ago\" or \"@1700000000\""
        )
    })
}

/// `-1h30m`, `1h ago`.
fn ago(text: &str, now: u64) -> Option<u64> {
    let span = text.strip_prefix('-').or_else(|| text.strip_suffix(" ago"))?;
    let span = parse_duration(span).ok()??.as_micros();
    Some(now.saturating_sub(u64::try_from(span).ok()?))
}

/// `@1700000000`, `@1700000000.25`.
fn epoch(text: &str) -> Option<u64> {
    seconds(text.strip_prefix('@')?)
}

/// A date, a time of today, or both.
fn calendar(text: &str, now: u64) -> Option<u64> {
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix(" UTC")).unwrap_or(text);
    match text.split_once([' ', 'T']) {
        Some((date, time)) => Some(day(date)? + time_of_day(time.trim_start())?),
        None if text.contains(':') => Some(now / DAY * DAY + time_of_day(text)?),
        None => day(text),
    }
}

/// `2026-11-22`.
fn day(text: &str) -> Option<u64> {
    let mut parts = text.split('-').map(number);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let none = parts.next().is_none();
    days(year, month, day).filter(|_| none).map(|days| days * DAY)
}

/// `10:00`, `10:00:00`, `10:00:00.5`.
fn time_of_day(text: &str) -> Option<u64> {
    let (hour, rest) = text.split_once(':')?;
    let (minute, second) = rest.split_once(':').unwrap_or((rest, "0"));
    let (hour, minute, second) = (number(hour)?, number(minute)?, seconds(second)?);
    (hour < 24 && minute < 60 && second < 60_000_000).then_some((hour * 60 + minute) * 60_000_000 + second)
}

/// Seconds with a fraction, in microseconds.
fn seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    number(fraction)?;
    let micros = format!("{fraction:0<6.6}").parse::<u64>().ok()?;
    number(whole)?.checked_mul(1_000_000)?.checked_add(micros)
}

/// Digits only.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-22T05:21:45.123Z.
    const NOW: u64 = 1_795_324_905_123_000;
    const MIDNIGHT: u64 = 1_795_305_600_000_000;
    const HOUR: u64 = 3_600_000_000;

    #[test]
    fn times_are_read() {
        for (text, expected) in [
            ("now", NOW),
            ("today", MIDNIGHT),
            ("yesterday", MIDNIGHT - DAY),
            ("-1h", NOW - HOUR),
            ("-1h30m", NOW - HOUR - HOUR / 2),
            ("1h ago", NOW - HOUR),
            (" 5 min ago ", NOW - HOUR / 12),
            ("-90", NOW - 90_000_000),
            ("-10w", NOW - 70 * DAY),
            ("@1700000000", 1_700_000_000_000_000),
            ("@1700000000.25", 1_700_000_000_250_000),
            ("2026-11-22", MIDNIGHT),
            ("2026-11-22 10:00", MIDNIGHT + 10 * HOUR),
            ("2026-11-22 10:00:00", MIDNIGHT + 10 * HOUR),
            ("2026-11-22T05:21:45.123Z", NOW),
            ("2026-11-21 00:00 UTC", MIDNIGHT - DAY),
            ("10:00", MIDNIGHT + 10 * HOUR),
            ("00:00:01.5", MIDNIGHT + 1_500_000),
        ] {
            assert_eq!(parse(text, NOW), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_words_are_refused_with_what_can_be_written() {
        for text in [
            "",
            "soon",
            "-",
            "ago",
            "-x",
            "@",
            "@x",
            "@-1",
            "25:00",
            "10:60",
            "10:00:60",
            "10",
            "2026-02-29",
            "2026-1",
            "2026-11-22-1",
            "1969-12-31",
            "2026-11-22 ",
            "2026-11-22 x",
            "+1:00",
            "@99999999999999999999",
            "22.11.2026",
        ] {
            match parse(text, NOW) {
                // A trailing space is none of anybody's business.
                Ok(_) => assert_eq!(text, "2026-11-22 "),
                Err(error) => assert!(error.starts_with("bad time") && error.contains("\"1h ago\""), "{error}"),
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = parse(&text, NOW);
        }
    }
}
