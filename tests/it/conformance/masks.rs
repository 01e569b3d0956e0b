//! What tenantd makes anew for each message, masked in what arrives and in what is expected: ids, times, trace context.

/// Fields of a made value: their name, the value's length, the word of the table, and what a made value begins with.
const MADE: &[(&str, usize, &str)] =
    &[("X-Request-Id: ", 32, "@ID"), ("Date: ", 29, "@DATE"), ("X-Request-Start: ", 15, "@START")];

/// Fields whose presence is not the table's affair.
const IGNORED: &[&str] = &["traceparent:", "tracestate:", "Via: 1.0 tenantd", "Via: 1.1 tenantd"];

/// `expected` of the table with its words replaced by masks as long as what they stand for.
pub fn expand(expected: &[u8]) -> Vec<u8> {
    let mut expanded = expected.to_vec();
    for (name, length, word) in MADE {
        let (from, to) = (format!("{name}{word}\r\n"), format!("{name}{}\r\n", "#".repeat(*length)));
        while let Some(at) = find(&expanded, from.as_bytes()) {
            expanded.splice(at..at + from.len(), to.bytes());
        }
    }
    expanded
}

/// What arrived, with made values masked. Its length stays.
pub fn mask(arrived: &[u8]) -> Vec<u8> {
    let mut masked = arrived.to_vec();
    for (name, length, _) in MADE {
        let mut from = 0;
        while let Some(at) = find(&masked[from..], name.as_bytes()) {
            let value = from + at + name.len();
            from = value;
            if masked.get(value + length..value + length + 2) == Some(b"\r\n") {
                masked[value..value + length].fill(b'#');
            }
        }
    }
    masked
}

/// A head without the fields that are not the table's affair.
pub fn without_ignored(head: &str) -> String {
    let ignored = |line: &&str| !IGNORED.iter().any(|name| line.starts_with(name));
    head.split_inclusive("\r\n").filter(ignored).collect()
}

pub fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
