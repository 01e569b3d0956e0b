//! Paths that never wake a tenant (`[http] never_wake`): which they are. Pure; never what is answered in its place.

/// The path of a target (origin-form) below a tenant's prefix, without its query; "/" for the prefix itself.
pub fn below<'t>(target: &'t str, prefix: &str) -> &'t str {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    path.strip_prefix(prefix).filter(|rest| !rest.is_empty()).unwrap_or("/")
}

/// Whether a path is among these patterns. `*` is any text, slashes and none included; all else is itself.
pub fn is_listed(patterns: &[String], path: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, path))
}

/// Takes time in proportion to the length of the path, whatever the pattern.
fn matches(pattern: &str, path: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == path };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut path) = path.strip_prefix(first).and_then(|path| path.strip_suffix(last)) else { return false };
    middle.split('*').all(|piece| match path.split_once(piece) {
        Some((_, after)) => {
            path = if piece.is_empty() { path } else { after };
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tenants_own_path() {
        for (target, prefix, path) in [
            ("/showcase/boston/up?x=/y", "/showcase/boston", "/up"),
            ("/showcase/boston", "/showcase/boston", "/"),
            ("/showcase/boston?x", "/showcase/boston", "/"),
            ("/showcase/boston/", "/showcase/boston", "/"),
            ("/up", "", "/up"),
            ("*", "", "*"),
        ] {
            assert_eq!(below(target, prefix), path, "{target}");
        }
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, path, listed) in [
            ("/up", "/up", true),
            ("/up", "/up/", false),
            ("/up", "/upload", false),
            ("*.php", "/a/b/index.php", true),
            ("*.php", "/index.phpx", false),
            ("/.git/*", "/.git/", true),
            ("/.git/*", "/.github/x", false),
            ("/apple-touch-icon*.png", "/apple-touch-icon.png", true),
            ("/apple-touch-icon*.png", "/apple-touch-icon-120x120-precomposed.png", true),
            ("/a*a", "/a", false),
            ("/a*b*c", "/abbc", true),
            ("/a*b*c", "/acb", false),
            ("*wp-*/x*", "/blog/wp-login/x.js", true),
            ("*", "/anything", true),
            ("**", "", true),
        ] {
            assert_eq!(is_listed(&[pattern.to_owned()], path), listed, "{pattern} {path}");
        }
        assert!(!is_listed(&[], "/up"));
    }

    /// The definition, without cleverness.
    fn plainly(pattern: &[u8], path: &[u8]) -> bool {
        match (pattern, path) {
            ([], _) => path.is_empty(),
            ([b'*', rest @ ..], _) => (0..=path.len()).any(|at| plainly(rest, &path[at..])),
            ([byte, rest @ ..], [other, after @ ..]) => byte == other && plainly(rest, after),
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn it_is_what_it_means(pattern in "[ab*]{0,8}", path in "[ab]{0,10}") {
            prop_assert_eq!(matches(&pattern, &path), plainly(pattern.as_bytes(), path.as_bytes()));
        }
    }
}
