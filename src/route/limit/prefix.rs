//! Whether a path prefix covers a request, however the client writes its path: what an application takes for the same path
//! must not slip through.

/// Whether `prefix` covers the path of `target`, by whole segments. Percent-encoded letters are letters, several slashes are
/// one, and a suffix of formats belongs to it (`/login.json`). A path with `.` or `..` may be any path: it is covered.
pub(super) fn covers(prefix: &str, target: &str) -> bool {
    if prefix.is_empty() {
        return true;
    }
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let mut rest = plain(path);
    let begins = plain(prefix).all(|wanted| rest.next() == Some(wanted));
    (begins && matches!(rest.next(), None | Some(b'/' | b'.' | b';'))) || has_dots(path)
}

/// The bytes of a path, decoded, without the second of two slashes.
fn plain(path: &str) -> impl Iterator<Item = u8> {
    let mut rest = path.as_bytes();
    let mut last = 0;
    std::iter::from_fn(move || {
        loop {
            let byte = decoded(&mut rest)?;
            if byte != b'/' || last != b'/' {
                last = byte;
                return Some(byte);
            }
        }
    })
}

/// The next byte; what is no percent-encoding stands for itself.
fn decoded(rest: &mut &[u8]) -> Option<u8> {
    let (&first, after) = rest.split_first()?;
    let hex = |at: usize| after.get(at).and_then(|&digit| char::from(digit).to_digit(16));
    if let (b'%', Some(high), Some(low)) = (first, hex(0), hex(1)) {
        *rest = &after[2..];
        return u8::try_from(high * 16 + low).ok();
    }
    *rest = after;
    Some(first)
}

/// There is a segment `.` or `..`.
fn has_dots(path: &str) -> bool {
    // Dots of the segment so far, as long as it has nothing else.
    let mut dots = None;
    for byte in plain(path).chain([b'/']) {
        dots = match (byte, dots) {
            (b'/', Some(1 | 2)) => return true,
            (b'/', _) => Some(0),
            (b'.', Some(count)) => Some(count + 1),
            _ => None,
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_covers_whole_segments_however_they_are_written() {
        for (prefix, target, covered) in [
            ("", "/any", true),
            ("", "*", true),
            ("/login", "/login", true),
            ("/login", "/login?next=/", true),
            ("/login", "/login/again", true),
            ("/login", "/login.json", true),
            ("/login", "/login;v=1", true),
            ("/login", "/logins", false),
            ("/login", "/logi", false),
            ("/login", "/Login", false),
            ("/login", "/x/login", false),
            ("/login", "/x?/login", false),
            ("/login", "*", false),
            ("/login", "/%6cogin", true),
            ("/login", "/%6Cogin%2Fx", true),
            ("/login", "/login%3fx", false),
            ("/login", "//login", true),
            ("/a/b", "/a///b//c", true),
            ("/a/b", "/a%2f/b", true),
            ("/login", "/x/../login", true),
            ("/login", "/x/%2e%2E/login", true),
            ("/login", "/./login", true),
            ("/login", "/x/..", true),
            ("/login", "/x/..y", false),
            ("/login", "/x/...", false),
            ("/login", "/x.y/.z", false),
            ("/a%20b", "/a%20b", true),
            ("/login", "/%6", false),
            ("/login", "/%zzogin", false),
        ] {
            assert_eq!(covers(prefix, target), covered, "{prefix} {target}");
        }
    }
}
