//! `"beta=1"` or `"X-Beta: 1"`: a name, and a value if only one counts.

/// A name and, if only one counts, its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Name of a cookie, a field or a query parameter.
    pub name: String,
    /// `None`: any value.
    pub value: Option<String>,
}

impl Pair {
    /// Reads it; `between` is `=` or `:`.
    pub fn parse(text: &str, between: char) -> Result<Self, String> {
        let (name, value) = match text.split_once(between) {
            Some((name, value)) => (name.trim(), Some(value.trim().to_owned())),
            None => (text.trim(), None),
        };
        let plain = |text: &str, more: &[u8]| {
            text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b) || more.contains(&b))
        };
        let good = !name.is_empty() && plain(name, b"") && value.as_deref().is_none_or(|value| plain(value, b"~ /:+"));
        let why = || format!("\"{text}\" is no name and value; write \"beta{between}1\", in letters, digits and - _ .");
        good.then(|| Self { name: name.to_owned(), value }).ok_or_else(why)
    }

    /// This value counts.
    pub fn takes(&self, value: &[u8]) -> bool {
        self.value.as_deref().is_none_or(|wanted| wanted.as_bytes() == value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        for (text, between, expected) in [
            ("beta=1", '=', Some(("beta", Some("1")))),
            ("beta", '=', Some(("beta", None))),
            ("beta=", '=', Some(("beta", Some("")))),
            ("X-Beta: yes", ':', Some(("X-Beta", Some("yes")))),
            ("", '=', None),
            ("=1", '=', None),
            ("a;b=1", '=', None),
            ("a=1;2", '=', None),
        ] {
            let expected = expected.map(|(name, value)| Pair { name: name.into(), value: value.map(str::to_owned) });
            assert_eq!(Pair::parse(text, between).ok(), expected, "{text}");
        }
        let any = Pair::parse("a", '=').unwrap();
        let one = Pair::parse("a=1", '=').unwrap();
        assert!(any.takes(b"2") && one.takes(b"1") && !one.takes(b"2"));
    }
}
