//! Which script answers a request, by path and method.

use crate::config::Cgi;

/// The index of the script with the longest path that has this method; an exact path wins over one with all below it.
pub(super) fn find(scripts: &[Cgi], method: &str, plain: &[u8]) -> Option<usize> {
    if scripts.is_empty() {
        return None;
    }
    let path = str::from_utf8(plain).ok()?;
    let meant = |script: &Cgi| script.path_info(path).is_some() && script.methods.iter().any(|known| known == method);
    let found = scripts.iter().enumerate().filter(|(_, script)| meant(script));
    let longest = found.max_by_key(|(_, script)| (script.script_name().len(), !script.path.ends_with("/*")));
    longest.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_that_has_the_method_wins() {
        let all = ["GET", "HEAD", "POST"];
        let scripts = [("/a/*", &all[..]), ("/a/b", &["GET"]), ("/a/b", &["POST"]), ("/a/b/*", &["GET", "PUT"])];
        let scripts = scripts.map(|(path, methods)| Cgi {
            path: path.into(),
            methods: methods.iter().map(ToString::to_string).collect(),
            ..Cgi::default()
        });
        for (method, path, index) in [
            ("GET", "/a", Some(0)),
            ("GET", "/a/x", Some(0)),
            ("GET", "/a/b", Some(1)),
            ("POST", "/a/b", Some(2)),
            ("HEAD", "/a/b", Some(0)),
            ("PUT", "/a/b", Some(3)),
            ("GET", "/a/b/c", Some(3)),
            ("POST", "/a/b/c", Some(0)),
            ("DELETE", "/a/b", None),
            ("get", "/a/b", None),
            ("GET", "/ab", None),
            ("GET", "/A/b", None),
        ] {
            assert_eq!(find(&scripts, method, path.as_bytes()), index, "{method} {path}");
        }
        assert_eq!(find(&scripts, "GET", b"/a/\xff"), None);
        assert_eq!(find(&[], "GET", b"/a"), None);
    }
}
