//! The words of an operator as the head of a request, which is read as one that comes in.

use super::Asked;

/// The head. `url`: a path, or a whole URL whose host is the request's.
pub(super) fn head(method: &str, url: &str, asked: &Asked) -> Result<String, String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let (host, target) = match rest {
        Some(rest) => rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())),
        None => ("localhost", url),
    };
    let target = if target.is_empty() { "/" } else { target };
    if !target.starts_with('/') && target != "*" {
        return Err(format!("\"{url}\" is no URL; write a path (/boston) or a whole one (http://example.com/boston)"));
    }
    let method = method.to_ascii_uppercase();
    let mut head = format!("{method} {} HTTP/1.1\r\n", target.split('#').next().unwrap_or(target));
    let named = |field: &&String| field.split_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case("host"));
    if !asked.fields.iter().any(|field| named(&field)) {
        head.push_str(&format!("Host: {host}\r\n"));
    }
    for field in &asked.fields {
        let good = field.split_once(':').is_some_and(|(name, _)| !name.is_empty()) && !field.contains(['\r', '\n']);
        if !good {
            return Err(format!("-H {field:?} is no field; write \"Name: value\""));
        }
        head.push_str(field);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let asked =
            |fields: &[&str]| Asked { fields: fields.iter().map(ToString::to_string).collect(), ..Asked::default() };
        for (url, fields, expected) in [
            ("/a?b#c", &[][..], "GET /a?b HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            ("http://example.com:80", &[], "GET / HTTP/1.1\r\nHost: example.com:80\r\n\r\n"),
            ("https://example.com/a", &["X: y"], "GET /a HTTP/1.1\r\nHost: example.com\r\nX: y\r\n\r\n"),
            ("/a", &["host: b"], "GET /a HTTP/1.1\r\nhost: b\r\n\r\n"),
        ] {
            assert_eq!(head("get", url, &asked(fields)).as_deref(), Ok(expected), "{url}");
        }
        assert!(head("GET", "boston", &asked(&[])).is_err());
        assert!(head("GET", "/", &asked(&["X"])).is_err());
        assert!(head("GET", "/", &asked(&["X: y\r\nZ: a"])).is_err());
    }
}
