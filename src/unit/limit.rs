//! Resource limits of a process (setrlimit(2), systemd.exec(5) LimitNOFILE= …): "soft:hard", or one value for both.

use std::fmt;
use std::time::Duration;

use toml::de::DeValue;

use super::duration::parse_duration;
use super::layers::Node;
use super::size::parse_size;
use super::value::Cx;

/// A soft and a hard limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What counts; the process may raise it up to `hard`.
    pub soft: u64,
    /// The most that `soft` may be. Only CAP_SYS_RESOURCE may raise it.
    pub hard: u64,
}

impl Limit {
    /// No limit (RLIM_INFINITY).
    pub const INFINITY: u64 = u64::MAX;

    /// Reads "soft:hard" or one value; `one` reads a value that is not "infinity".
    fn parse(text: &str, one: impl Fn(&str) -> Result<u64, String>) -> Result<Self, String> {
        let one = |text: &str| if text == "infinity" { Ok(Self::INFINITY) } else { one(text) };
        let (soft, hard) = text.split_once(':').unwrap_or((text, text));
        let limit = Self { soft: one(soft)?, hard: one(hard)? };
        if limit.soft > limit.hard {
            return Err(format!("the soft limit is above the hard one in \"{text}\"; write \"{hard}:{soft}\""));
        }
        Ok(limit)
    }
}

/// As it is written, in the limit's own unit.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |value: u64| if value == Self::INFINITY { "infinity".to_owned() } else { value.to_string() };
        if self.soft == self.hard {
            return f.write_str(&one(self.soft));
        }
        write!(f, "{}:{}", one(self.soft), one(self.hard))
    }
}

/// A limit of things.
pub(crate) fn count_limit(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<Limit>> {
    limit(node, cx, "1024", parse_count)
}

/// A limit of bytes.
pub(crate) fn byte_limit(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<Limit>> {
    limit(node, cx, "64M", parse_size)
}

/// A limit of processor time, kept in seconds.
pub(crate) fn time_limit(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<Limit>> {
    limit(node, cx, "10m", parse_seconds)
}

fn limit(
    node: Node<'_>,
    cx: &mut Cx<'_>,
    example: &str,
    one: impl Fn(&str) -> Result<u64, String>,
) -> Option<Option<Limit>> {
    let text = match node.value {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().into(),
        DeValue::String(_) => cx.text(node)?,
        _ => return cx.expected(node, &format!("a limit such as \"{example}\", \"soft:hard\" or \"infinity\"")),
    };
    cx.good(node.place, Limit::parse(&text, one)).map(Some)
}

fn parse_count(text: &str) -> Result<u64, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && *number != Limit::INFINITY);
    number
        .ok_or_else(|| format!("bad limit \"{text}\"; write a number such as \"1024\", \"soft:hard\" or \"infinity\""))
}

/// Whole seconds, rounded up: zero would be the least, not none.
fn parse_seconds(text: &str) -> Result<u64, String> {
    let Some(span) = parse_duration(text)? else { return Ok(Limit::INFINITY) };
    Ok(span.as_secs() + u64::from(span > Duration::from_secs(span.as_secs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    type One = fn(&str) -> Result<u64, String>;
    const COUNT: One = parse_count;
    const BYTES: One = parse_size;
    const TIME: One = parse_seconds;
    const NONE: u64 = Limit::INFINITY;

    #[test]
    fn limits() {
        for (text, one, soft, hard) in [
            ("1024", COUNT, 1024, 1024),
            ("0", COUNT, 0, 0),
            ("1024:4096", COUNT, 1024, 4096),
            ("infinity", COUNT, NONE, NONE),
            ("1024:infinity", COUNT, 1024, NONE),
            ("64K:1.5G", BYTES, 65_536, 1536 << 20),
            ("infinity", BYTES, NONE, NONE),
            ("90", TIME, 90, 90),
            ("1m30s:infinity", TIME, 90, NONE),
            ("1ms", TIME, 1, 1),
        ] {
            let limit = Limit { soft, hard };
            assert_eq!(Limit::parse(text, one), Ok(limit), "{text}");
            assert_eq!(Limit::parse(&limit.to_string(), one), Ok(limit), "{limit}");
        }
    }

    #[test]
    fn no_limits() {
        for (text, one, why) in [
            ("", COUNT, "bad limit"),
            (":", COUNT, "bad limit"),
            ("1:2:3", COUNT, "bad limit"),
            ("-1", COUNT, "bad limit"),
            ("+1", COUNT, "bad limit"),
            ("1K", COUNT, "bad limit"),
            ("18446744073709551615", COUNT, "bad limit"),
            ("4096:1024", COUNT, "write \"1024:4096\""),
            ("infinity:1", COUNT, "write \"1:infinity\""),
            ("1X", BYTES, "bad size"),
            ("10x", TIME, "bad duration"),
        ] {
            let read = Limit::parse(text, one);
            assert!(read.as_ref().is_err_and(|error| error.contains(why)), "{text}: {read:?}");
        }
    }
}
