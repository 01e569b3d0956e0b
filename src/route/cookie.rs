//! The Cookie field of a request (RFC 6265 §5.4), read where needed.

use crate::http::Fields;

/// The value of the first cookie of this name.
pub(super) fn cookie<'b>(fields: &Fields<'b>, name: &str) -> Option<&'b [u8]> {
    let lines = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("cookie"));
    let pairs = lines.flat_map(|field| field.value.split(|&b| b == b';'));
    pairs.map(<[u8]>::trim_ascii).find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::RequestHead;

    #[test]
    fn a_cookie_has_a_whole_name() {
        let bytes = b"GET / HTTP/1.1\r\nHost: x\r\nCookie: xa=0; a=1;b=;  a=2\r\nCookie: c=x=y\r\n\r\n";
        let fields = RequestHead::parse(bytes).unwrap().unwrap().fields;
        for (name, value) in [("a", Some("1")), ("b", Some("")), ("c", Some("x=y")), ("x", None), ("A", None)] {
            assert_eq!(cookie(&fields, name), value.map(str::as_bytes), "{name}");
        }
    }
}
