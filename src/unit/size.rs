//! Numbers of bytes as systemd writes them: "512M", "1.5G", 4096; K, M, G and T are powers of 1024.

use toml::de::DeValue;

use super::layers::Node;
use super::value::Cx;

const UNITS: [(char, u32); 5] = [('B', 0), ('K', 10), ('M', 20), ('G', 30), ('T', 40)];

/// Reads a number with at most one suffix. The error says what to write.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let bad = || format!("bad size \"{text}\"; write bytes, or a number with K, M, G or T: \"512M\"");
    if text.ends_with('%') {
        return Err(format!("\"{text}\" of what? write a size: \"512M\""));
    }
    let unit = UNITS.iter().find_map(|(letter, shift)| Some((text.strip_suffix(*letter)?.trim_end(), *shift)));
    let (number, shift) = unit.unwrap_or((text, 0));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(bad());
    }
    let too_big = || format!("\"{text}\" is too big; write \"infinity\" for no limit");
    let thousandths: u64 = format!("{fraction:0<3.3}").parse().map_err(|_| bad())?;
    let whole = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(1 << shift)).ok_or_else(too_big)?;
    // u64::MAX itself is RLIM_INFINITY.
    let total = whole.checked_add((thousandths << shift) / 1000).filter(|bytes| *bytes < u64::MAX);
    total.ok_or_else(too_big)
}

/// A size, or "infinity" (`None`).
pub(crate) fn size(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<u64>> {
    let bytes = match node.value {
        DeValue::Integer(number) => {
            let bytes = u64::from_str_radix(number.as_str(), number.radix());
            bytes.map_err(|_| "expected a number of bytes, or a size such as \"512M\"".to_owned())
        }
        DeValue::String(_) => match &*cx.text(node)? {
            "infinity" => return Some(None),
            text => parse_size(text),
        },
        _ => return cx.expected(node, "a size such as \"512M\""),
    };
    let bytes = cx.good(node.place, bytes)?;
    Some(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("1B", 1),
            ("64K", 65_536),
            ("512M", 512 << 20),
            ("512 M", 512 << 20),
            ("1.5G", 1536 << 20),
            ("2T", 2 << 40),
            ("18446744073709551614", u64::MAX - 1),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn no_sizes() {
        for (text, why) in [
            ("", "bad size"),
            ("M", "bad size"),
            ("-1", "bad size"),
            ("1k", "bad size"),
            ("1MB", "bad size"),
            ("1MM", "bad size"),
            ("1,5G", "bad size"),
            (".5G", "bad size"),
            ("1.G", "bad size"),
            ("50%", "of what?"),
            ("18446744073709551615", "too big"),
            ("18446744073709551616", "too big"),
            ("16777216T", "too big"),
        ] {
            assert!(parse_size(text).is_err_and(|error| error.contains(why)), "{text}: {:?}", parse_size(text));
        }
    }
}
