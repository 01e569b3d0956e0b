//! Navigator's notations in ours: spans of time, sizes, commands, names, and text in which nothing may be taken for a specifier.

use crate::unit::{parse_duration, split_words};

/// A span of time: Navigator's (`1y` of 365 days, `1.5d`, Go's `1h30m`), or a plain number, which Navigator did not
/// understand and its documentation means as seconds. The flag says that it is such a number.
pub(super) fn duration(text: &str) -> Option<(String, bool)> {
    let text = text.trim();
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let written = match text.strip_suffix('y') {
        Some(years) => format!("{}d", years.parse::<f64>().ok().filter(|years| *years >= 0.0)? * 365.0),
        None if plain => format!("{text}s"),
        None if text.ends_with("ns") => format!("{}us", text.strip_suffix("ns")?.parse::<f64>().ok()?.max(0.0) / 1e3),
        None => text.to_owned(),
    };
    // Ours adds up what Go refuses ("1d12h"), and that is what its author meant.
    parse_duration(&written).ok().flatten().map(|_| (written, plain && text != "0"))
}

/// Whether it is no time at all.
pub(super) fn is_zero(duration: &str) -> bool {
    parse_duration(duration).is_ok_and(|span| span.is_some_and(|span| span.is_zero()))
}

/// A size: `500M`, `1.5 GiB`, `512kb`, in powers of 1024; ours has no B and no blank.
pub(super) fn size(text: &str) -> Option<String> {
    let upper = text.trim().to_ascii_uppercase();
    let digits = upper.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = upper.get(digits.len()..)?;
    let letter = match unit {
        "" | "B" => "",
        "K" | "KB" | "KIB" => "K",
        "M" | "MB" | "MIB" => "M",
        "G" | "GB" | "GIB" => "G",
        "T" | "TB" | "TIB" => "T",
        _ => return None,
    };
    let number = digits.trim_end();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (all_digits(whole) && all_digits(fraction)).then(|| format!("{number}{letter}"))
}

/// An address to listen on: a port on all interfaces as Navigator has it, or what its documentation shows.
pub(super) fn listen(text: &str) -> Option<String> {
    let text = text.trim();
    let host_port = |host: &str, port: &str| {
        let port: u16 = port.parse().ok()?;
        Some(match host {
            "" | "*" | "0.0.0.0" => format!("0.0.0.0:{port}"),
            "localhost" => format!("127.0.0.1:{port}"),
            host => format!("{host}:{port}").parse::<std::net::SocketAddr>().ok()?.to_string(),
        })
    };
    match text.rsplit_once(':') {
        Some((host, port)) => host_port(host, port),
        None => host_port("", text),
    }
}

/// A unit's name, or an instance's: letters, digits and `:-_.`; everything else becomes a hyphen.
pub(super) fn name(text: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || ":-_.".contains(c) { c } else { '-' };
    let name: String = text.chars().map(legal).collect();
    let name = name.trim_matches(['-', '.']);
    let name: String = name.chars().take(80).collect();
    if name.is_empty() { "x".to_owned() } else { name }
}

/// The text as it is, where a unit would see specifiers.
pub(super) fn literal(text: &str) -> String {
    text.replace('%', "%%").replace("$$", "$$$$").replace("${", "$${")
}

/// A program and its arguments, as a list or as one string of words.
pub(super) fn words(text: &str) -> Vec<String> {
    match split_words(text) {
        Ok(words) if !words.is_empty() => words,
        // It needs a shell: it gets one.
        _ => vec!["sh".to_owned(), "-c".to_owned(), text.to_owned()],
    }
}

/// What Navigator, and its documentation, write for the tenant's port.
const PORTS: [&str; 5] = ["{{port}}", "${port}", "${PORT}", "{port}", "$PORT"];

/// The command, with a shell if one of its words holds the port: `PORT` is known only when the process is made.
pub(super) fn with_port(command: &[String]) -> Vec<String> {
    if !command.iter().any(|word| PORTS.iter().any(|port| word.contains(port))) {
        return command.to_vec();
    }
    let line: Vec<String> = command.iter().map(|word| shell_word(word)).collect();
    vec!["sh".to_owned(), "-c".to_owned(), format!("exec {}", line.join(" "))]
}

/// A word as a shell reads it, with the port in it.
fn shell_word(word: &str) -> String {
    let mut word = word.to_owned();
    PORTS.iter().for_each(|port| word = word.replace(port, "\0"));
    let quote = |part: &str| match part {
        "" => String::new(),
        part if part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:=,@+".contains(&b)) => part.to_owned(),
        part => format!("'{}'", part.replace('\'', "'\\''")),
    };
    let parts: Vec<String> = word.split('\0').map(quote).collect();
    let joined = parts.join("\"$PORT\"");
    if joined.is_empty() { "''".to_owned() } else { joined }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans() {
        for (text, expected) in [
            ("5m", Some(("5m", false))),
            ("1y", Some(("365d", false))),
            ("0.5y", Some(("182.5d", false))),
            ("1h30m", Some(("1h30m", false))),
            ("1d12h", Some(("1d12h", false))),
            ("30", Some(("30s", true))),
            ("0", Some(("0s", false))),
            ("1500ns", Some(("1.5us", false))),
            ("2w", Some(("2w", false))),
            ("soon", None),
            ("-5s", None),
            ("", None),
        ] {
            assert_eq!(duration(text), expected.map(|(text, plain)| (text.to_owned(), plain)), "{text}");
        }
        assert!(is_zero("0s") && !is_zero("1ms"));
    }

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("768M", Some("768M")),
            ("1.5 GiB", Some("1.5G")),
            ("512kb", Some("512K")),
            ("4096", Some("4096")),
            ("1 b", Some("1")),
            ("2TB", Some("2T")),
            ("M", None),
            ("1X", None),
            ("-1M", None),
        ] {
            assert_eq!(size(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("3000", Some("0.0.0.0:3000")),
            (":3000", Some("0.0.0.0:3000")),
            ("127.0.0.1:80", Some("127.0.0.1:80")),
            ("localhost:80", Some("127.0.0.1:80")),
            ("[::]:9999", Some("[::]:9999")),
            ("99999", None),
            ("example.com:80", None),
            ("", None),
        ] {
            assert_eq!(listen(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn commands_with_a_port() {
        let all = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        assert_eq!(with_port(&all(&["puma", "-p", "3"])), all(&["puma", "-p", "3"]));
        let found = with_port(&all(&["bin/rails", "server", "-p", "{{port}}", "it's", "--b=tcp://:${port}/x y"]));
        assert_eq!(
            found,
            all(&["sh", "-c", "exec bin/rails server -p \"$PORT\" 'it'\\''s' --b=tcp://:\"$PORT\"'/x y'"])
        );
        assert_eq!(words("bundle exec puma"), all(&["bundle", "exec", "puma"]));
        assert_eq!(words("a && b"), all(&["sh", "-c", "a && b"]));
    }

    proptest! {
        #[test]
        fn names_are_names(text in any::<String>()) {
            prop_assert!(crate::unit::Name::new(&name(&text)).is_ok());
            let instance = format!("a@{}", name(&text));
            prop_assert!(crate::unit::Name::new(&instance).is_ok());
        }
    }
}
