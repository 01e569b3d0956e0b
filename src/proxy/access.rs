//! The access line of one request.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::exchange::Exchange;
use super::extra::By;
use crate::unit::UnitId;

/// Access lines of this turn, in one piece of memory that is used again.
#[derive(Debug, Default)]
pub(super) struct AccessLog {
    text: String,
    lines: Vec<(Option<UnitId>, usize)>,
    on: bool,
}

impl AccessLog {
    /// Empty. `on`: whether lines are wanted at all.
    pub fn new(on: bool) -> Self {
        Self { on, ..Self::default() }
    }

    /// Whether lines are wanted from now on.
    pub fn switch(&mut self, on: bool) {
        self.on = on;
    }

    /// Adds the line of a finished exchange. `ready`: when the tenant got ready.
    pub fn push(&mut self, exchange: &Exchange, ready: Option<Instant>, now: Instant) {
        // A health check each second that goes well is not worth a line.
        let healthy = exchange.by == By::Health && exchange.unit.is_none() && exchange.status < 400;
        if !self.on || healthy {
            return;
        }
        let by = exchange.by.word();
        // Another server than a tenant was there all the time.
        let ready = ready.or(exchange.leg().map(|_| exchange.arrived));
        let times = Times::of(exchange, ready, now);
        // Writing to a String cannot fail.
        let _ = write!(
            self.text,
            "{} \"{}\" {} bytes={} in={} boot={} wait={} upstream={} id={}{}{}{}",
            exchange.client,
            Quoted(exchange.words.line()),
            exchange.status,
            exchange.bytes_out,
            exchange.bytes_in,
            Millis(times.boot),
            Millis(times.wait),
            Millis(times.upstream),
            exchange.words.id(),
            if by.is_some() { " by=" } else { "" },
            by.unwrap_or_default(),
            exchange.noted(),
        );
        self.lines.push((exchange.unit, self.text.len()));
    }

    /// The lines since the last call of [`AccessLog::clear`].
    pub fn lines(&self) -> impl Iterator<Item = (Option<UnitId>, &str)> {
        let mut start = 0;
        self.lines.iter().map(move |&(unit, end)| {
            let text = &self.text[start..end];
            start = end;
            (unit, text)
        })
    }

    /// Forgets the lines, keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.lines.clear();
    }
}

/// Where the time until the answer's head went. The three add up to it.
#[derive(Debug, PartialEq, Eq)]
struct Times {
    /// Behind other requests of the tenant.
    wait: Duration,
    /// Until the tenant was ready.
    boot: Duration,
    /// In the tenant.
    upstream: Duration,
}

impl Times {
    fn of(exchange: &Exchange, ready: Option<Instant>, now: Instant) -> Self {
        let arrived = exchange.arrived;
        let end = exchange.answered.unwrap_or(now).max(arrived);
        let up = ready.unwrap_or(end).clamp(arrived, end);
        let sent = exchange.dispatched.unwrap_or(end).clamp(up, end);
        Self { boot: up - arrived, wait: sent - up, upstream: end - sent }
    }
}

/// A request line, safe between quotes, since it comes from a client, and without its query, where tokens are.
struct Quoted<'a>(&'a [u8]);

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(query) = memchr::memchr(b'?', self.0) else { return write_safe(f, self.0) };
        let version = memchr::memrchr(b' ', self.0).filter(|end| *end > query).unwrap_or(self.0.len());
        write_safe(f, &self.0[..=query])?;
        f.write_char('*')?;
        write_safe(f, &self.0[version..])
    }
}

fn write_safe(f: &mut std::fmt::Formatter<'_>, text: &[u8]) -> std::fmt::Result {
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().try_for_each(|c| match c {
            '"' | '\\' => write!(f, "\\{c}"),
            c if c.is_control() => write!(f, "\\x{:02x}", u32::from(c)),
            c => f.write_char(c),
        })?;
        chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
    }
    Ok(())
}

/// Milliseconds with one decimal.
struct Millis(Duration);

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = self.0.as_micros() / 100;
        write!(f, "{}.{}ms", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::buffer::Pool;

    #[test]
    fn the_times_add_up_to_the_time_to_the_answer() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let ms = Duration::from_millis;
        let cases = [
            // sent, ready, answered → wait, boot, upstream
            (Some(0), Some(1000), Some(1010), (0, 1000, 10)),
            (Some(1005), Some(1000), Some(1010), (5, 1000, 5)),
            (Some(20), None, Some(30), (0, 30, 0)),
            (None, None, None, (0, 50, 0)),
            (Some(3), Some(0), Some(9), (3, 0, 6)),
        ];
        for (sent, ready, answered, (wait, boot, upstream)) in cases {
            let mut exchange = Exchange::idle(start);
            exchange.dispatched = sent.map(at);
            exchange.answered = answered.map(at);
            let times = Times::of(&exchange, ready.map(at), at(50));
            let expected = Times { wait: ms(wait), boot: ms(boot), upstream: ms(upstream) };
            assert_eq!(times, expected, "{sent:?} {ready:?} {answered:?}");
        }
    }

    #[test]
    fn lines_come_out_as_they_went_in() {
        let now = Instant::now();
        let mut log = AccessLog::new(true);
        let mut exchange = Exchange::idle(now);
        exchange.words.keep(b"7", &[b"GET /a\"b?token=secret HTTP/1.1"], b"", &mut Pool::default());
        exchange.client = [127, 0, 0, 1].into();
        exchange.status = 404;
        log.push(&exchange, Some(now), now);
        log.push(&exchange, Some(now), now);
        let lines: Vec<_> = log.lines().map(|(_, text)| text.to_owned()).collect();
        let expected =
            "127.0.0.1 \"GET /a\\\"b?* HTTP/1.1\" 404 bytes=0 in=0 boot=0.0ms wait=0.0ms upstream=0.0ms id=7";
        assert_eq!(lines, [expected, expected]);
        log.clear();
        assert_eq!(log.lines().count(), 0);
    }
}
