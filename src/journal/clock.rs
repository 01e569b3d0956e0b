//! Time stamps: `2026-11-22T05:21:45.123Z`. The text of a second is made once. Never asks the clock itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second that was written, as text.
#[derive(Debug, Default)]
pub struct Clock {
    second: Option<u64>,
    text: String,
}

impl Clock {
    /// Appends the stamp of `now` (RFC 3339, UTC, milliseconds).
    pub fn stamp(&mut self, now: SystemTime, out: &mut Vec<u8>) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        if self.second != Some(since.as_secs()) {
            self.second = Some(since.as_secs());
            self.text = second(since.as_secs());
        }
        let millis = since.subsec_millis();
        let digit = |value: u32| b'0' + (value % 10).to_le_bytes()[0];
        out.extend_from_slice(self.text.as_bytes());
        out.extend_from_slice(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis), b'Z']);
    }
}

/// `2026-11-22T05:21:45`.
fn second(since_epoch: u64) -> String {
    let (year, month, day) = date(since_epoch / 86_400);
    let (hour, minute, second) = (since_epoch / 3600 % 24, since_epoch / 60 % 60, since_epoch % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// The Gregorian date of a day since 1970-01-01. A year is counted from March, so that the leap day is its last
/// (Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Days from 1970-01-01 to a Gregorian date, the reverse of what stamps do; `None` if there is no such day, or it is earlier.
pub fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1970..=9999).contains(&year) {
        return None;
    }
    let (year_from_march, month_from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day.checked_sub(1)?;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    days.checked_sub(719_468).filter(|days| date(*days) == (year, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(clock: &mut Clock, millis: u64) -> String {
        let mut out = Vec::new();
        clock.stamp(UNIX_EPOCH + Duration::from_millis(millis), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn stamps_are_rfc_3339() {
        let table = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_709_164_800_050, "2024-02-29T00:00:00.050Z"),
            (1_795_324_905_123, "2026-11-22T05:21:45.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        let mut clock = Clock::default();
        for (millis, expected) in table {
            assert_eq!(stamp(&mut clock, millis), expected);
        }
    }

    #[test]
    fn dates_and_days_are_each_others_reverse() {
        for day in 0..60_000 {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), Some(day));
        }
        for (year, month, day) in
            [(1969, 12, 31), (2026, 2, 29), (2026, 13, 1), (2026, 0, 1), (2026, 1, 0), (2026, 4, 31)]
        {
            assert_eq!(days(year, month, day), None);
        }
    }

    #[test]
    fn one_second_is_made_once_and_each_millisecond_shows() {
        let mut clock = Clock::default();
        assert_eq!(stamp(&mut clock, 1_001), "1970-01-01T00:00:01.001Z");
        assert_eq!(stamp(&mut clock, 1_999), "1970-01-01T00:00:01.999Z");
        assert_eq!(stamp(&mut clock, 2_000), "1970-01-01T00:00:02.000Z");
    }
}
