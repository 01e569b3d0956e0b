//! W3C Trace Context: is a traceparent valid, and how a trace begins.

use super::put::put;

/// `00-<32 digits>-<16 digits>-<2 digits>`.
const LEN: usize = 55;

/// The value is a traceparent that may pass (W3C Trace Context §3.2): lower case, ids that are not zero. A later version
/// may go on behind the fields that we know.
pub(super) fn is_traceparent(value: &[u8]) -> bool {
    let Some(known) = value.get(..LEN) else { return false };
    let (version, trace, parent, flags) = (&known[..2], &known[3..35], &known[36..52], &known[53..]);
    let dashes = [known[2], known[35], known[52]] == *b"---";
    let hex = [version, trace, parent, flags].into_iter().flatten().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let length = match version {
        b"00" => value.len() == LEN,
        b"ff" => false,
        _ => value.len() == LEN || value[LEN] == b'-',
    };
    dashes && hex && length && !is_zero(trace) && !is_zero(parent)
}

fn is_zero(id: &[u8]) -> bool {
    id.iter().all(|&b| b == b'0')
}

/// Appends the traceparent of a trace that begins here. `id`: 32 hexadecimal digits; each half is not zero.
///
/// It is marked as sampled: the access line is its record, and a tenant whose sampler follows its parent, as OpenTelemetry's
/// does by default, goes on to record what it records without us.
pub(super) fn put_traceparent(out: &mut Vec<u8>, id: &[u8]) {
    put(out, [b"traceparent: 00-", id, b"-", id.get(..16).unwrap_or_default(), b"-01\r\n"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_malformed_is_seen() {
        const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let later = [GOOD.replacen("00", "cc", 1), GOOD.replacen("00", "01", 1) + "-what-comes"];
        for good in [GOOD, &GOOD.replace("-01", "-00"), &later[0], &later[1]] {
            assert!(is_traceparent(good.as_bytes()), "{good}");
        }
        for bad in [
            String::new(),
            GOOD[..54].to_owned(),
            GOOD.to_owned() + "0",
            GOOD.to_owned() + "-x",
            GOOD.to_uppercase(),
            GOOD.replace('-', "_"),
            GOOD.replacen("00", "ff", 1),
            GOOD.replacen("00", "0x", 1),
            GOOD.replacen("00", "cc", 1) + "x",
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            GOOD.replace("-01", "-0g"),
            GOOD.replace("4bf9", "4bF9"),
            format!(" {}", &GOOD[1..]),
        ] {
            assert!(!is_traceparent(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn what_we_begin_is_valid() {
        let mut out = Vec::new();
        put_traceparent(&mut out, b"0123456789abcdef0123456789abcdef");
        assert!(is_traceparent(out.strip_prefix(b"traceparent: ").unwrap().trim_ascii_end()));
    }
}
