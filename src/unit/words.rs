//! Splits a command into words as a shell does (POSIX, Shell Command Language §2.2), without being one.

/// Splits at blanks, outside quotes and backslashes. What only a shell could do is an error that says so.
pub fn split_words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => single_quoted(&mut rest, word.get_or_insert_default())?,
            '"' => double_quoted(&mut rest, word.get_or_insert_default())?,
            '\\' => match rest.next() {
                Some('\n') => {}
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err("the command ends with a backslash; write \\\\ for one".into()),
            },
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '`' => return Err(no_shell(c)),
            '$' if rest.peek() == Some(&'(') => return Err(no_shell(c)),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn single_quoted(rest: &mut Rest<'_>, word: &mut String) -> Result<(), String> {
    for c in rest {
        match c {
            '\'' => return Ok(()),
            c => word.push(c),
        }
    }
    Err("a single quote is not closed".into())
}

fn double_quoted(rest: &mut Rest<'_>, word: &mut String) -> Result<(), String> {
    while let Some(c) = rest.next() {
        match c {
            '"' => return Ok(()),
            '\\' => match rest.next_if(|c| "$`\"\\\n".contains(*c)) {
                Some('\n') => {}
                Some(c) => word.push(c),
                None => word.push('\\'),
            },
            '`' => return Err(no_shell(c)),
            '$' if rest.peek() == Some(&'(') => return Err(no_shell(c)),
            c => word.push(c),
        }
    }
    Err("a double quote is not closed".into())
}

fn no_shell(c: char) -> String {
    let seen = if c == '$' { "$(".to_owned() } else { c.to_string() };
    format!("{seen} needs a shell, and commands run without one; quote it, or write [\"sh\", \"-c\", \"exec …\"]")
}

/// Writes words so that [`split_words`] (and a shell) reads the same words again.
pub fn quote<W: AsRef<str>>(words: &[W]) -> String {
    let plain =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"%+,-./:=@_".contains(&b));
    let quoted = |word: &W| match word.as_ref() {
        word if plain(word) => word.to_owned(),
        word => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words() {
        for (text, expected) in [
            ("", &[] as &[&str]),
            ("  ", &[]),
            ("redis-server --port 6379", &["redis-server", "--port", "6379"]),
            ("a\tb\nc\r\nd", &["a", "b", "c", "d"]),
            ("a  'b c'  d", &["a", "b c", "d"]),
            (r#"a "b c" d"#, &["a", "b c", "d"]),
            (r#"a"b"'c'd"#, &["abcd"]),
            (r"a\ b c", &["a b", "c"]),
            (r#"'' """#, &["", ""]),
            (r#"'a\b' "a\b" a\b"#, &["a\\b", "a\\b", "ab"]),
            (r#""\"\\\$\`""#, &["\"\\$`"]),
            ("a\\\nb", &["ab"]),
            ("\"a\\\nb\"", &["ab"]),
            ("'|' \"&&\" \\;", &["|", "&&", ";"]),
            ("'$(date)' $HOME ${path} $", &["$(date)", "$HOME", "${path}", "$"]),
            ("héé 'ü'", &["héé", "ü"]),
        ] {
            assert_eq!(split_words(text), Ok(expected.iter().map(ToString::to_string).collect()), "{text}");
        }
    }

    #[test]
    fn what_needs_a_shell() {
        for (text, seen) in [
            ("a | b", "|"),
            ("a && b", "&"),
            ("a; b", ";"),
            ("a > f", ">"),
            ("a < f", "<"),
            ("a $(b)", "$("),
            ("a \"$(b)\"", "$("),
            ("a `b`", "`"),
            ("a \"`b`\"", "`"),
            ("(a)", "("),
        ] {
            assert!(split_words(text).is_err_and(|why| why.starts_with(&format!("{seen} needs a shell"))), "{text}");
        }
        for (text, why) in [("a 'b", "single quote"), ("a \"b", "double quote"), ("a \\", "backslash")] {
            assert!(split_words(text).is_err_and(|error| error.contains(why)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(words in proptest::collection::vec(any::<String>(), 0..6)) {
            prop_assert_eq!(split_words(&quote(&words)), Ok(words));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = split_words(&text);
        }
    }
}
