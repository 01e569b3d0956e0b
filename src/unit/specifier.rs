//! `%i %p %n %t %%` and `${var}` in the strings of a unit (systemd.unit(5), Specifiers).

use std::borrow::Cow;

use super::nearest::hint;
use super::{BadName, Name};

/// What the specifiers of one unit stand for.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    /// `%n`, and `%p` and `%i` of it.
    pub name: &'a Name,
    /// `%t`: tenantd's runtime directory.
    pub runtime: &'a str,
    /// Vars of the instance by name; a later one wins.
    pub vars: Vec<(&'a str, String)>,
}

impl Scope<'_> {
    /// Expands `text`; each mistake is told, and then the result is `None`.
    ///
    /// `$$` is a dollar; a dollar before anything but `{` and `$` stays as it is.
    pub fn expand<'t>(&self, text: &'t str, tell: &mut dyn FnMut(String)) -> Option<Cow<'t, str>> {
        let Some(first) = memchr::memchr2(b'%', b'$', text.as_bytes()) else { return Some(text.into()) };
        let (done, mut rest) = text.split_at(first);
        let mut out = String::with_capacity(text.len() + 32);
        out.push_str(done);
        let mut good = true;
        while let Some(sign) = rest.chars().next() {
            let (value, after) = if sign == '%' { self.percent(&rest[1..]) } else { self.dollar(&rest[1..]) };
            match value {
                Ok(value) => out.push_str(value),
                Err(why) => {
                    tell(why);
                    good = false;
                }
            }
            let next = memchr::memchr2(b'%', b'$', after.as_bytes()).unwrap_or(after.len());
            out.push_str(&after[..next]);
            rest = &after[next..];
        }
        good.then_some(out.into())
    }

    /// What stands behind a percent sign: its value, and the rest of the text.
    fn percent<'t>(&self, after: &'t str) -> (Result<&str, String>, &'t str) {
        let known = "known are %i, %p, %n, %t, and %% for a percent sign";
        let Some(letter) = after.chars().next() else {
            return (Err(format!("a lone % at the end; {known}")), after);
        };
        let value = match letter {
            '%' => Ok("%"),
            // A template is no tenant.
            'i' | 'n' if self.name.is_template() => Err(format!("%{letter} differs from tenant to tenant")),
            'n' => Ok(self.name.as_str()),
            'p' => Ok(self.name.prefix()),
            't' => Ok(self.runtime),
            'i' => self.name.instance().ok_or_else(|| {
                format!("%i needs an instance, and {0} is none; make the unit a template, {0}@.toml", self.name)
            }),
            other => Err(format!("unknown specifier %{}; {known}", other.escape_debug())),
        };
        (value, &after[letter.len_utf8()..])
    }

    /// What stands behind a dollar: its value, and the rest of the text.
    fn dollar<'t>(&self, after: &'t str) -> (Result<&str, String>, &'t str) {
        if let Some(after) = after.strip_prefix('$') {
            return (Ok("$"), after);
        }
        let Some(inside) = after.strip_prefix('{') else { return (Ok("$"), after) };
        match inside.split_once('}') {
            Some((var, after)) => (self.var(var), after),
            None => (Err("${ is not closed; write ${var}, or $$ for a dollar".into()), ""),
        }
    }

    fn var(&self, var: &str) -> Result<&str, String> {
        if let Some((_, value)) = self.vars.iter().rev().find(|(name, _)| *name == var) {
            return Ok(value);
        }
        if self.name.instance().is_none() {
            return Err(format!("${{{var}}} needs an instance, and {} is none; write $$ for a dollar", self.name));
        }
        let hint = hint(var, self.vars.iter().map(|(name, _)| *name));
        let hint = if hint.is_empty() { "; add it to the instance's vars".into() } else { hint };
        Err(format!("{} has no var \"{var}\"{hint}", self.name))
    }
}

/// Whether a text as it is written says the same for every instance: no `%i`, `%n` or `${var}` in it.
pub(crate) fn is_shared(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(['%', '$']) {
        let (sign, after) = (rest.as_bytes()[at], rest[at + 1..].chars().next());
        match (sign, after) {
            (b'%', Some('i' | 'n')) | (b'$', Some('{')) => return false,
            _ => rest = &rest[at + 1 + after.map_or(0, char::len_utf8)..],
        }
    }
    true
}

/// Whether a var may have this name: letters, digits, `_` and `-`.
pub(crate) fn check_var(name: &str) -> Result<(), BadName> {
    let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if good { Ok(()) } else { Err(BadName) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_tenant_to_tenant() {
        for (text, shared) in [
            ("", true),
            ("%t/x", true),
            ("%p", true),
            ("%%i", true),
            ("$${a}", true),
            ("$HOME é%", true),
            ("$é%i", false),
            ("a%i", false),
            ("%n", false),
            ("${a}", false),
            ("%%%i", false),
            ("$$${a}", false),
        ] {
            assert_eq!(is_shared(text), shared, "{text}");
        }
    }

    fn expand(name: &str, text: &str) -> Result<String, Vec<String>> {
        let name = Name::new(name).unwrap();
        let vars = vec![("path", "2025/nyc".to_owned()), ("db", "first".to_owned()), ("db", "%i${path}".to_owned())];
        let scope = Scope { name: &name, runtime: "/run/tenantd", vars };
        let mut told = Vec::new();
        scope.expand(text, &mut |why| told.push(why)).map(Cow::into_owned).ok_or(told)
    }

    #[test]
    fn what_they_stand_for() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("%i %p %n %t %%", "nyc showcase showcase@nyc /run/tenantd %"),
            ("unix:%t/%n.sock", "unix:/run/tenantd/showcase@nyc.sock"),
            ("%%i %%%i", "%i %nyc"),
            ("/showcase/${path}", "/showcase/2025/nyc"),
            ("${db}", "%i${path}"),
            ("$${path} $$$$ $HOME $ x$", "${path} $$ $HOME $ x$"),
            ("$%i é%iü", "$nyc énycü"),
        ] {
            assert_eq!(expand("showcase@nyc", text), Ok(expected.into()), "{text}");
        }
    }

    #[test]
    fn every_mistake_is_told() {
        for (name, text, expected) in [
            ("a@b", "%x", &["unknown specifier %x; known are %i, %p, %n, %t, and %% for a percent sign"] as &[&str]),
            ("a@b", "100%", &["a lone % at the end; known are %i, %p, %n, %t, and %% for a percent sign"]),
            ("a@b", "${pth}", &["a@b has no var \"pth\"; did you mean \"path\"?"]),
            ("a@b", "${zzzzzz}", &["a@b has no var \"zzzzzz\"; add it to the instance's vars"]),
            ("a@b", "${x", &["${ is not closed; write ${var}, or $$ for a dollar"]),
            ("a", "%i", &["%i needs an instance, and a is none; make the unit a template, a@.toml"]),
            ("a", "${x}", &["${x} needs an instance, and a is none; write $$ for a dollar"]),
            (
                "a",
                "%i ${x}",
                &[
                    "%i needs an instance, and a is none; make the unit a template, a@.toml",
                    "${x} needs an instance, and a is none; write $$ for a dollar",
                ],
            ),
        ] {
            assert_eq!(expand(name, text), Err(expected.iter().map(ToString::to_string).collect()), "{text}");
        }
    }
}
