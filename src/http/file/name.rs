//! The name of a file below its root, from the path of a request or from a tenant's word. What could leave the root, or
//! means two things, is no name.

/// Writes the name behind the path of a request, below its tenant's prefix: `/a/b.css` → `a/b.css`. A path that ends with
/// a slash, or is empty, is its directory's `index.html`. False if no file has this path.
///
/// Percent-encoding is undone once (RFC 3986 §2.4).
pub fn file_name(path: &str, name: &mut Vec<u8>) -> bool {
    name.clear();
    let Some(path) = path.strip_prefix('/').or(path.is_empty().then_some("")) else { return false };
    if !decode(path.as_bytes(), name) {
        return false;
    }
    if name.is_empty() || name.ends_with(b"/") {
        name.extend_from_slice(b"index.html");
    }
    is_sound(name)
}

/// Writes the name of the directory behind the path of a request that ends with a slash, or is empty: `/a/` → `a/`; the root
/// is empty. False as for [`file_name`].
pub fn directory_name(path: &str, name: &mut Vec<u8>) -> bool {
    let sound = file_name(path, name) && (path.is_empty() || path.ends_with('/'));
    name.truncate(name.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1));
    sound
}

/// Writes the name that X-Accel-Redirect asks for, behind the prefix that is mapped: a path as in a URL, without a query.
pub fn accel_name(path: &[u8], name: &mut Vec<u8>) -> bool {
    name.clear();
    decode(path, name) && is_sound(name)
}

/// Writes the name that X-Sendfile asks for, behind the path of its root: as it is.
pub fn sent_name(path: &[u8], name: &mut Vec<u8>) -> bool {
    name.clear();
    name.extend_from_slice(path);
    is_sound(name)
}

/// An encoded slash would divide other segments than those that were seen; a backslash does so elsewhere.
fn decode(path: &[u8], name: &mut Vec<u8>) -> bool {
    let mut rest = path;
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            name.push(*byte);
            continue;
        }
        let [high, low, after @ ..] = rest else { return false };
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { return false };
        let byte = high << 4 | low;
        if byte == b'/' {
            return false;
        }
        name.push(byte);
        rest = after;
    }
    true
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// No empty segment, none that begins with a dot (so neither `.` nor `..`, and no hidden file) but RFC 8615's
/// `.well-known` at the top, no backslash, no control byte.
fn is_sound(name: &[u8]) -> bool {
    let plain = !name.iter().any(|byte| byte.is_ascii_control() || *byte == b'\\');
    let rest = name.strip_prefix(b".well-known/").unwrap_or(name);
    plain && rest.split(|&byte| byte == b'/').all(|segment| !segment.is_empty() && segment[0] != b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_name_or_none() {
        let cases = [
            ("/a.css", Some("a.css")),
            ("/assets/a-1.css", Some("assets/a-1.css")),
            ("/a%20b/%C3%A9.txt", Some("a b/é.txt")),
            ("/%2561", Some("%61")),
            ("", Some("index.html")),
            ("/", Some("index.html")),
            ("/a/", Some("a/index.html")),
            ("/.well-known/security.txt", Some(".well-known/security.txt")),
            ("/.well-known/", Some(".well-known/index.html")),
            ("/a..b/c.", Some("a..b/c.")),
            ("/a~!$&'()*+,;=:@", Some("a~!$&'()*+,;=:@")),
            ("a", None),
            ("*", None),
            ("//", None),
            ("//a", None),
            ("/a//b", None),
            ("/a//", None),
            ("/..", None),
            ("/../a", None),
            ("/a/../b", None),
            ("/a/..", None),
            ("/%2e%2e/a", None),
            ("/.%2e/a", None),
            ("/./a", None),
            ("/a/.", None),
            ("/a/./", None),
            ("/.git/config", None),
            ("/a/.env", None),
            ("/%2eenv", None),
            ("/.well-known", None),
            ("/.well-known/.git", None),
            ("/a/.well-known/b", None),
            ("/a%2fb", None),
            ("/a%2Fb", None),
            ("/a%5cb", None),
            ("/a\\b", None),
            ("/a%00", None),
            ("/a%0a", None),
            ("/a%7f", None),
            ("/a%", None),
            ("/a%2", None),
            ("/a%zz", None),
            ("/%+1", None),
        ];
        let mut name = b"left over".to_vec();
        for (path, expected) in cases {
            let sound = file_name(path, &mut name);
            assert_eq!(sound.then_some(&*name), expected.map(str::as_bytes), "{path}");
        }
    }

    #[test]
    fn a_tenants_word_is_as_sound() {
        let mut name = Vec::new();
        for (path, expected) in [
            ("a/b", Some("a/b")),
            ("a%20b", Some("a%20b")),
            ("a b", Some("a b")),
            ("", None),
            ("a/", None),
            ("../a", None),
            ("a//b", None),
            ("a\0", None),
        ] {
            let sound = sent_name(path.as_bytes(), &mut name);
            assert_eq!(sound.then_some(&*name), expected.map(str::as_bytes), "{path}");
        }
        for (path, expected) in [("a%20b", Some("a b")), ("a%2f..", None), ("%2e%2e/a", None), ("", None)] {
            let sound = accel_name(path.as_bytes(), &mut name);
            assert_eq!(sound.then_some(&*name), expected.map(str::as_bytes), "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_path_leaves_its_root(path in "(/|%2e|%2f|%5c|\\.|a|%61|%25|%00|\\\\|well-known){0,12}") {
            let mut name = Vec::new();
            if file_name(&path, &mut name) {
                for segment in name.split(|&byte| byte == b'/') {
                    proptest::prop_assert!(!matches!(segment, b"" | b"." | b".."), "{path}");
                    proptest::prop_assert!(segment[0] != b'.' || segment == b".well-known", "{path}");
                }
                proptest::prop_assert!(!name.contains(&0) && !name.contains(&b'\\'));
            }
        }
    }
}
