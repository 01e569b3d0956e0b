//! Names of units with wildcards, as systemctl(1) takes them: `showcase@*`. Pure.

/// `*` is any text, `?` one character; all else is itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Every text is a pattern; one without wildcards means one name.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole name is meant. Takes time in proportion to both lengths multiplied, at worst.
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        // Where the last star is, and where the text that it stands for ends: one further at each failure.
        let mut star = None;
        while n < name.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(byte) if *byte == b'?' || *byte == name[n] => (p, n) = (p + 1, n + 1),
                _ => {
                    let Some((at, end)) = star else { return false };
                    star = Some((at, end + 1));
                    (p, n) = (at + 1, end + 1);
                }
            }
        }
        pattern[p..].iter().all(|byte| *byte == b'*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, without cleverness.
    fn plainly(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], _) => name.is_empty(),
            ([b'*', rest @ ..], _) => (0..=name.len()).any(|at| plainly(rest, &name[at..])),
            ([b'?', rest @ ..], [_, after @ ..]) => plainly(rest, after),
            ([byte, rest @ ..], [other, after @ ..]) => byte == other && plainly(rest, after),
            (_, []) => false,
        }
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name, expected) in [
            ("web", "web", true),
            ("web", "web@a", false),
            ("web@*", "web@boston", true),
            ("web@*", "web", false),
            ("*", "anything", true),
            ("*@2025-*", "showcase@2025-boston", true),
            ("*@2025-*", "showcase@2024-boston", false),
            ("web@b?s*n", "web@boston", true),
            ("a.c", "abc", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn matching_is_as_defined(pattern in "[ab*?]{0,8}", name in "[ab]{0,10}") {
            prop_assert_eq!(Pattern::new(&pattern).matches(&name), plainly(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
